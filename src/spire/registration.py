"""Registration: the names by which Gymnasium finds the game.

Gymnasium looks for no environments of other packages by itself; `spire.env` registers them as it is imported,
which ``gymnasium.make("spire.env:Spire-v0")`` does.
"""

from __future__ import annotations

ENVIRONMENT = "Spire-v0"


def register_environments() -> None:
    """Tell Gymnasium of ``Spire-v0``; the engine itself is imported when a game is made."""
    import gymnasium  # noqa: PLC0415 - the game does without it

    if ENVIRONMENT not in gymnasium.registry:
        gymnasium.register(
            ENVIRONMENT,
            entry_point="spire.env:SpireEnv",
            vector_entry_point="spire.env:SpireVectorEnv",
        )

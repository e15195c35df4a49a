"""``ratchet watch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratchet.cli import options

if TYPE_CHECKING:
    from ratchet.policies.actor import Choice, Chooser


class _Listener:
    """Plays as a chooser, and keeps what it did."""

    def __init__(self, chooser: Chooser) -> None:
        self.id, self.memory, self.remember = chooser.id, chooser.memory, chooser.remember
        self._chooser = chooser
        self.actions: list[int] = []

    def act(self, *given: Any, **more: Any) -> Choice:
        """Choose as the chooser."""
        choice = self._chooser.act(*given, **more)
        self.actions.append(int(choice.executed[0]))
        return choice


def watch(
    policy: Annotated[str, typer.Argument(help="Checkpoint, RUN@best, SB3 .zip, or a built-in.")],
    task: Annotated[str, typer.Argument(help="A task that can be shown: spire, spire-sparse.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the game.")] = 0,
    mode: Annotated[
        str | None, typer.Option(help="Mode of the task; its first if not given.")
    ] = None,
    sampled: options.Sampled = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print every step as text.")] = False,
    root: options.Root = options.DEFAULT_ROOT,
) -> None:
    """Show a policy play one game in the terminal, step by step."""
    from ratchet.errors import TaskError
    from ratchet.evaluation.play import play
    from ratchet.recipes.resolve import load_player
    from ratchet.tasks.registry import find_task
    from ratchet.tasks.spire import SpireTask, compile_game, show_game

    played = find_task(task)
    if not isinstance(played, SpireTask):
        raise TaskError(f"task {task!r} can not be shown in a terminal; spire and spire-sparse can")
    chosen = played.modes[0].name if mode is None else options.chosen_modes(played, mode)[0]
    player = load_player(policy, played, root)
    compile_game()
    listener = _Listener(player.chooser)
    play(played, listener, [seed], chosen, deterministic=not sampled)
    title = f"{player.label} on {played.name}, {chosen}, seed {seed}"
    show_game(played, chosen, seed, listener.actions, title, plain=plain)

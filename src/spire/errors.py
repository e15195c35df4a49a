"""The errors a caller may meet, one family tree.

    SpireError
    ├── SeedError             a seed that no game has
    ├── RunError              an ascension or a class that no game has
    ├── ActionError           an action that the game does not allow now
    └── RecordError           a record that this version cannot read

A message is one sentence that names the field, the value and what would be right.
"""

from __future__ import annotations


class SpireError(ValueError):
    """Base of every error that Spire raises on purpose."""


class SeedError(SpireError):
    """A seed text or number that no game has."""


class RunError(SpireError):
    """An ascension or a class that no game has."""


class ActionError(SpireError):
    """An action that the game does not allow now."""


class RecordError(SpireError):
    """A record that this version cannot read."""

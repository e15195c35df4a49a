"""The errors a caller may meet, one family tree.

    SpireError
    ├── SeedError             a seed that no game has
    ├── RunError              an ascension, a scenario or rewards that there are not
    ├── ActionError           an action that the game does not allow now
    ├── FileError             a file that cannot be read
    └── RecordError           a record that this version cannot read

A message is one sentence that names the field, the value and what would be right.
"""

from __future__ import annotations


class SpireError(ValueError):
    """Base of every error that Spire raises on purpose."""


class SeedError(SpireError):
    """A seed text or number that no game has."""


class RunError(SpireError):
    """An ascension that no game has, or a scenario or rewards that there are not."""


class ActionError(SpireError):
    """An action that the game does not allow now."""


class FileError(SpireError):
    """A file that cannot be read, or that is not text."""


class RecordError(SpireError):
    """A record that this version cannot read."""

"""The errors a caller may meet, one family tree.

    SpireError
    └── SeedError             a seed that no game has

A message is one sentence that names the field, the value and what would be right.
"""

from __future__ import annotations


class SpireError(ValueError):
    """Base of every error that Spire raises on purpose."""


class SeedError(SpireError):
    """A seed text or number that no game has."""

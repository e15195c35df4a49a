"""Spire: a headless, exact engine of Slay the Spire, for the Ironclad."""

from spire.errors import SeedError, SpireError

__all__ = ["SeedError", "SpireError"]

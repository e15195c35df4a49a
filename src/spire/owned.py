"""Owned: what the player has, asked by its id."""

from __future__ import annotations

from typing import Any

from spire.compiled import kernel


@kernel
def owns(game: Any, relic: Any) -> Any:
    """Return whether the player owns a relic."""
    return game.relic_slots[relic] != 0


@kernel
def counter(game: Any, relic: Any) -> Any:
    """Return the counter of a relic that is owned (0 of one that is not)."""
    slot = int(game.relic_slots[relic])
    return int(game.relic_counters[slot - 1]) if slot else 0


@kernel
def set_counter(game: Any, relic: Any, value: Any) -> None:
    """Set the counter of a relic that is owned."""
    slot = int(game.relic_slots[relic])
    if slot:
        game.relic_counters[slot - 1] = value

"""Holdings: the list of the player's relics."""

from __future__ import annotations

from typing import Any

from spire.compiled import kernel
from spire.content.relics import FACTS, STARTER
from spire.ids import Relic
from spire.owned import counter, owns, set_counter
from spire.state import RELICS, Fault, Outcome


@kernel
def hold(game: Any, relic: Any) -> None:
    """Add a relic behind the others, or a circlet where it is owned already."""
    added = int(relic)
    if owns(game, added):
        added = int(Relic.CIRCLET)
    if owns(game, added):
        set_counter(game, added, counter(game, added) + 1)
        return
    if game.relic_count >= RELICS:
        game.outcome = Outcome.FAULT
        game.fault = Fault.RELICS
        return
    _place(game, int(game.relic_count), added)
    game.relic_count += 1


@kernel
def replace_starter(game: Any, relic: Any) -> None:
    """Put a relic where the one stands that the class began with."""
    for slot in range(game.relic_count):
        old = int(game.relics[slot])
        if FACTS[game.reference, old].tier == STARTER:
            game.relic_slots[old] = 0
            _place(game, slot, relic)
            return
    hold(game, relic)


@kernel
def _place(game: Any, slot: Any, relic: Any) -> None:
    game.relics[slot] = relic
    game.relic_counters[slot] = FACTS[game.reference, relic].charges
    game.relic_slots[relic] = slot + 1


@kernel
def drop(game: Any, relic: Any) -> None:
    """Take a relic away; those behind it move up."""
    if not owns(game, relic):
        return
    last = int(game.relic_count) - 1
    for slot in range(int(game.relic_slots[relic]) - 1, last):
        game.relics[slot] = game.relics[slot + 1]
        game.relic_counters[slot] = game.relic_counters[slot + 1]
        game.relic_slots[game.relics[slot]] = slot + 1
    game.relics[last] = Relic.INVALID
    game.relic_counters[last] = 0
    game.relic_slots[relic] = 0
    game.relic_count = last

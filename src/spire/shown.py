"""Shown: what the game shows of things that a record keeps in another form."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from spire.codes import Codes
from spire.compiled import kernel
from spire.content.cards import FACTS, Kind
from spire.ids import Monster, MonsterPower, Move
from spire.ids import Relic as R
from spire.state import Fight

NO_COUNTER, USED_UP = -1, -2
"""What a relic shows that counts nothing, and one whose charges are gone (or that is armed)."""


class Counter(Codes):
    """What the counter of a relic shows."""

    NONE = 0
    KEPT = 1  # what the record keeps for it
    CHARGES = 2  # the same, until none is left
    SPENT = 3  # only whether it is used up
    ATTACKS = 4  # the attacks of this turn, in threes
    SKILLS = 5  # the skills
    PLAYED = 6  # the cards played this turn
    TURN = 7  # the turn of the combat, until it acts
    CURSES = 8  # the curses of the deck


_SHOWS: dict[R, tuple[Counter, int]] = {
    R.GIRYA: (Counter.KEPT, 0),
    R.HAPPY_FLOWER: (Counter.KEPT, 0),
    R.INCENSE_BURNER: (Counter.KEPT, 0),
    R.INK_BOTTLE: (Counter.KEPT, 0),
    R.MATRYOSHKA: (Counter.KEPT, 0),
    R.NUNCHAKU: (Counter.KEPT, 0),
    R.OMAMORI: (Counter.KEPT, 0),
    R.PEN_NIB: (Counter.KEPT, 0),
    R.SUNDIAL: (Counter.KEPT, 0),
    R.TINY_CHEST: (Counter.KEPT, 0),
    R.WING_BOOTS: (Counter.KEPT, 0),
    R.NEOWS_LAMENT: (Counter.CHARGES, 0),
    R.ANCIENT_TEA_SET: (Counter.SPENT, 0),
    R.LIZARD_TAIL: (Counter.SPENT, 0),
    R.MAW_BANK: (Counter.SPENT, 0),
    R.NLOTHS_HUNGRY_FACE: (Counter.SPENT, 0),
    R.KUNAI: (Counter.ATTACKS, 3),
    R.ORNAMENTAL_FAN: (Counter.ATTACKS, 3),
    R.SHURIKEN: (Counter.ATTACKS, 3),
    R.LETTER_OPENER: (Counter.SKILLS, 3),
    R.POCKETWATCH: (Counter.PLAYED, 0),
    R.VELVET_CHOKER: (Counter.PLAYED, 0),
    R.CAPTAINS_WHEEL: (Counter.TURN, 3),
    R.HORN_CLEAT: (Counter.TURN, 2),
    R.STONE_CALENDAR: (Counter.TURN, 99),
    R.DU_VU_DOLL: (Counter.CURSES, 0),
}
"""What relics show, and the number that belongs to it."""

COUNTING = tuple(_SHOWS)
"""The relics that show a number."""

_RULES = np.zeros((len(R), 2), dtype=np.int8)
for _relic, _rule in _SHOWS.items():
    _RULES[_relic] = _rule


@kernel
def shown_counter(game: Any, slot: Any) -> Any:
    """Return what the counter of the relic at a place of the list shows."""
    relic = int(game.relics[slot])
    kept = int(game.relic_counters[slot])
    rule, number = int(_RULES[relic, 0]), int(_RULES[relic, 1])
    if rule == Counter.NONE:
        return NO_COUNTER
    if rule == Counter.KEPT:
        return kept
    if rule == Counter.CHARGES:
        return kept if kept > 0 else USED_UP
    if rule == Counter.SPENT:
        return USED_UP if kept == USED_UP else NO_COUNTER
    if rule == Counter.CURSES:
        curses = 0
        for k in range(game.deck_count):
            if FACTS[game.reference, game.deck[k].id].kind == Kind.CURSE:
                curses += 1
        return curses
    combat = game.combat
    if combat.fight != Fight.ON:
        return NO_COUNTER
    if rule == Counter.ATTACKS:
        return int(combat.attacks_turn) % number
    if rule == Counter.SKILLS:
        return int(combat.skills_turn) % number
    if rule == Counter.PLAYED:
        return int(combat.played_turn)
    turn = int(combat.turn) + 1
    return turn if turn < number else NO_COUNTER


@kernel
def shown_move(monster: Any) -> Any:
    """Return the move a monster intends; `Move.INVALID` if it is stunned.

    Lagavulin, woken by a hit, keeps the move of its sleep for that turn.
    """
    woken = monster.id == Monster.LAGAVULIN and monster.move == Move.LAGAVULIN_SLEEP
    if woken and monster.powers[MonsterPower.ASLEEP] == 0:
        return int(Move.INVALID)
    return int(monster.move)


@kernel
def is_gone(monster: Any) -> Any:
    """Return whether a monster is no more in the fight."""
    return monster.dead != 0 or monster.half_dead != 0 or monster.escaped != 0


HARD_EVENTS = 15
"""The ascension from which events are harder."""

_NUMBER = re.compile(r"\d+%?")


def at_ascension(text: str, *, hard: bool) -> str:
    """Return an option's text with the numbers of below ascension 15, or of above: those in brackets."""
    while match := re.search(r" \(([^)]*)\)", text):
        before, inside, after = text[: match.start()], match[1], text[match.end() :]
        numbers = _NUMBER.findall(inside)
        earlier = list(_NUMBER.finditer(before))[-len(numbers) :]
        if hard and len(earlier) < len(numbers):
            before = f"{before}, {inside}"
        elif hard:
            for old, new in reversed(list(zip(earlier, numbers, strict=True))):
                before = before[: old.start()] + new + before[old.end() :]
        text = before + after
    return text

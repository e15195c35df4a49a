"""Traits: what each card does, as the quick player reads it: one row of numbers for a card."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.compiled import record
from spire.content.cards import CARDS
from spire.content.text import Line, Special, Verb
from spire.ids import Card
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P

ONE, ALL, RANDOM = 1, 2, 3
"""Whom an attack hits."""

TRAITS = record(
    [
        ("damage", np.int16, (2,)),
        ("times", np.int8, (2,)),
        ("whom", np.int8, (2,)),
        ("number", np.int8),
        ("extra", np.int16, (2,)),
        ("block", np.int16, (2,)),
        ("vulnerable", np.int8, (2,)),
        ("weak", np.int8, (2,)),
        ("weaken_all", np.int8, (2,)),
        ("draw", np.int8, (2,)),
        ("energy", np.int8, (2,)),
        ("loss", np.int8, (2,)),
        ("worth", np.float32, (2,)),
        ("power", np.float32, (2,)),
    ]
)
"""What a card does, as it is and upgraded. `worth` is what cannot be reckoned from its text, in HP; `power` is
what it brings each turn from now on, in HP."""

_POWERS: dict[int, float] = {
    P.STRENGTH: 2.2,
    P.DEXTERITY: 1.8,
    P.METALLICIZE: 0.8,
    P.DEMON_FORM: 4.0,
    P.FEEL_NO_PAIN: 0.4,
    P.DARK_EMBRACE: 1.0,
    P.EVOLVE: 0.7,
    P.FIRE_BREATHING: 0.15,
    P.JUGGERNAUT: 0.6,
    P.BARRICADE: 2.0,
    P.BERSERK: 3.0,
    P.BRUTALITY: 1.6,
    P.RUPTURE: 0.4,
    P.MAYHEM: 3.0,
    P.MAGNETISM: 1.5,
    P.PANACHE: 0.15,
    P.SADISTIC: 0.3,
    P.ARTIFACT: 0.5,
    P.INTANGIBLE: 8.0,
}
"""What a point of a power brings each turn, in HP."""

_WORTH: dict[int, tuple[float, float]] = {
    Card.ARMAMENTS: (1.5, 4),
    Card.FLEX: (1.5, 3.5),
    Card.HAVOC: (3, 3),
    Card.TRUE_GRIT: (0, 1),
    Card.WARCRY: (0.6, 1.5),
    Card.HEADBUTT: (1, 1),
    Card.BURNING_PACT: (1, 1),
    Card.DOUBLE_TAP: (4, 6),
    Card.DUAL_WIELD: (2.5, 4),
    Card.ENTRENCH: (0, 0),
    Card.INFERNAL_BLADE: (5, 5),
    Card.RAGE: (3, 5),
    Card.SPOT_WEAKNESS: (6, 8),
    Card.DISARM: (8, 12),
    Card.DARK_SHACKLES: (6, 9),
    Card.EXHUME: (4, 4),
    Card.LIMIT_BREAK: (2, 4),
    Card.REAPER: (5, 7),
    Card.FEED: (3, 4),
    Card.SENTINEL: (0, 0),
    Card.FLAME_BARRIER: (3, 5),
    Card.WILD_STRIKE: (-1, -1),
    Card.RECKLESS_CHARGE: (-0.7, -0.7),
    Card.POWER_THROUGH: (-1.5, -1.5),
    Card.IMMOLATE: (-1, -1),
    Card.ANGER: (0.5, 0.5),
    Card.SLIMED: (0.7, 0.7),
    Card.JAX: (5, 8),
    Card.PANIC_BUTTON: (-3, -3),
    Card.THE_BOMB: (14, 17),
    Card.MADNESS: (3, 3),
    Card.DISCOVERY: (4, 4),
    Card.JACK_OF_ALL_TRADES: (4, 7),
    Card.APOTHEOSIS: (12, 12),
    Card.ENLIGHTENMENT: (1, 3),
    Card.CHRYSALIS: (7, 10),
    Card.METAMORPHOSIS: (8, 12),
    Card.IMPATIENCE: (2, 3),
    Card.VIOLENCE: (5, 7),
    Card.SECRET_TECHNIQUE: (2, 2),
    Card.SECRET_WEAPON: (2, 2),
    Card.TRANSMUTATION: (5, 7),
    Card.PURITY: (2, 3),
    Card.BANDAGE_UP: (4, 6),
    Card.PANACEA: (1, 2),
    Card.DARK_EMBRACE: (0, 0),
    Card.CORRUPTION: (5, 5),
    Card.APPARITION: (8, 8),
    Card.BITE: (2, 3),
    Card.WHIRLWIND: (0, 0),
    Card.MIND_BLAST: (0, 0),
    Card.THINKING_AHEAD: (1, 1),
}


_FOR_THE_TURN = (Card.FLEX, Card.JAX, Card.APPARITION, Card.PANACEA)
"""Cards whose power is in their `worth` already."""


def _rows() -> Any:
    rows = np.zeros(len(Card), dtype=TRAITS).view(np.recarray)
    for each in CARDS:
        row = rows[each.id]
        row.worth = _WORTH.get(each.id, (0.0, 0.0))
        for line in each.text:
            for up in range(2):
                if line.times[up]:
                    _read(row, line, up)
        if each.id == Card.COMBUST:
            row.power = (4.0, 5.5)
        elif each.id == Card.CORRUPTION:
            row.power = (4.0, 4.0)
        elif each.id in _FOR_THE_TURN:
            row.power = (0, 0)
    return rows


def _read(row: Any, line: Line, up: int) -> None:
    amount = line.amount[up]
    verb = line.verb
    if verb in (Verb.HIT, Verb.HIT_ALL, Verb.HIT_RANDOM):
        row.damage[up] = amount
        row.times[up] = line.times[up]
        row.whom[up] = {Verb.HIT: ONE, Verb.HIT_ALL: ALL, Verb.HIT_RANDOM: RANDOM}[verb]
        if verb == Verb.HIT:
            row.number = line.arg
        row.extra[up] = line.extra[up]
        if line.op == Special.FIEND_FIRE:
            row.times[up] = 3
    elif verb == Verb.BLOCK:
        row.block[up] += amount
        if line.op == Special.SECOND_WIND:
            row.block[up] += amount
    elif verb in (Verb.INFLICT, Verb.INFLICT_ALL):
        whole = 2 if verb == Verb.INFLICT_ALL else 1
        if line.arg == M.VULNERABLE:
            row.vulnerable[up] += amount
        elif line.arg == M.WEAK:
            row.weak[up] += amount
        row.weaken_all[up] = whole
    elif verb == Verb.DRAW:
        row.draw[up] += amount
    elif verb == Verb.ENERGY:
        row.energy[up] += amount
    elif verb == Verb.LOSE_HP:
        row.loss[up] += amount
    elif verb == Verb.GAIN and line.arg in _POWERS:
        row.power[up] += _POWERS[line.arg] * amount
    elif verb == Verb.GAIN and line.arg == P.VULNERABLE:
        row.loss[up] += 4 * amount


TRAIT = _rows()
"""What every card does: ``TRAIT[card]``."""

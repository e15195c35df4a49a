"""Encounters: which groups of monsters an act holds, in which order they are met, and its boss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spire.arrays import copy, fill
from spire.compiled import kernel, record
from spire.ids import Encounter
from spire.rng import random_float, shuffle

STRONG = 12
"""Strong encounters of an act after the first one."""
ELITES = 10
BOSSES = 3
MONSTERS = 16
"""The most ordinary encounters of an act: 3 weak ones in act 1 (2 later), a first strong one, and 12."""

_CHOICES = 10
_EXCLUDED = 2


@dataclass(frozen=True, kw_only=True)
class Act:
    """What an act may hold. Weights are relative, and stand in ascending order: the order of the roll."""

    weak_count: int
    weak: Sequence[Encounter]
    strong: Mapping[Encounter, float]
    elites: Sequence[Encounter]
    bosses: Sequence[Encounter]
    excluded: Mapping[Encounter, Sequence[Encounter]] = field(default_factory=dict)
    """What cannot be the first strong encounter, by the last weak one."""


E = Encounter
ACTS = (
    Act(
        weak_count=3,
        weak=(E.CULTIST, E.JAW_WORM, E.TWO_LOUSE, E.SMALL_SLIMES),
        strong={
            E.GREMLIN_GANG: 1,
            E.LOTS_OF_SLIMES: 1,
            E.RED_SLAVER: 1,
            E.EXORDIUM_THUGS: 1.5,
            E.EXORDIUM_WILDLIFE: 1.5,
            E.BLUE_SLAVER: 2,
            E.LOOTER: 2,
            E.LARGE_SLIME: 2,
            E.THREE_LOUSE: 2,
            E.TWO_FUNGI_BEASTS: 2,
        },
        elites=(E.GREMLIN_NOB, E.LAGAVULIN, E.THREE_SENTRIES),
        bosses=(E.THE_GUARDIAN, E.HEXAGHOST, E.SLIME_BOSS),
        excluded={
            E.TWO_LOUSE: (E.THREE_LOUSE,),
            E.SMALL_SLIMES: (E.LARGE_SLIME, E.LOTS_OF_SLIMES),
        },
    ),
    Act(
        weak_count=2,
        weak=(E.SPHERIC_GUARDIAN, E.CHOSEN, E.SHELL_PARASITE, E.THREE_BYRDS, E.TWO_THIEVES),
        strong={
            E.CHOSEN_AND_BYRDS: 2,
            E.SENTRY_AND_SPHERE: 2,
            E.CULTIST_AND_CHOSEN: 3,
            E.THREE_CULTIST: 3,
            E.SHELLED_PARASITE_AND_FUNGI: 3,
            E.SNECKO: 4,
            E.SNAKE_PLANT: 6,
            E.CENTURION_AND_HEALER: 6,
        },
        elites=(E.GREMLIN_LEADER, E.SLAVERS, E.BOOK_OF_STABBING),
        bosses=(E.AUTOMATON, E.COLLECTOR, E.CHAMP),
        excluded={
            E.SPHERIC_GUARDIAN: (E.SENTRY_AND_SPHERE,),
            E.THREE_BYRDS: (E.CHOSEN_AND_BYRDS,),
            E.CHOSEN: (E.CHOSEN_AND_BYRDS, E.CULTIST_AND_CHOSEN),
        },
    ),
    Act(
        weak_count=2,
        weak=(E.THREE_DARKLINGS, E.ORB_WALKER, E.THREE_SHAPES),
        strong={
            E.SPIRE_GROWTH: 1,
            E.TRANSIENT: 1,
            E.FOUR_SHAPES: 1,
            E.MAW: 1,
            E.SPHERE_AND_TWO_SHAPES: 1,
            E.JAW_WORM_HORDE: 1,
            E.THREE_DARKLINGS: 1,
            E.WRITHING_MASS: 1,
        },
        elites=(E.GIANT_HEAD, E.NEMESIS, E.REPTOMANCER),
        bosses=(E.AWAKENED_ONE, E.TIME_EATER, E.DONU_AND_DECA),
        excluded={
            E.THREE_DARKLINGS: (E.THREE_DARKLINGS,),
            E.THREE_SHAPES: (E.FOUR_SHAPES,),
        },
    ),
)
"""Acts 1, 2 and 3."""

_CHOICE = record(
    [("encounter", np.int16), ("below", np.float32), ("excluded", np.int16, (_EXCLUDED,))]
)
"""One entry of a roll: it is met where the roll is below `below`. `excluded` counts for weak encounters."""

TABLE = record(
    [
        ("weak_count", np.int32),
        ("weak", _CHOICE, (_CHOICES,)),
        ("strong", _CHOICE, (_CHOICES,)),
        ("elites", _CHOICE, (_CHOICES,)),
        ("bosses", np.int16, (BOSSES,)),
    ]
)
"""An act as kernels read it; entries beyond the last are not reached."""

ENCOUNTERS = record(
    [
        ("monsters", np.int16, (MONSTERS,)),
        ("monster_count", np.int16),
        ("elites", np.int16, (ELITES,)),
        ("bosses", np.int16, (BOSSES,)),
    ]
)
"""What an act of a game holds, in the order it is met, as codes of `Encounter`. The boss is ``bosses[0]``;
at ascension 20 act 3 goes on with ``bosses[1]``."""


def _fill(choices: Any, weights: Mapping[Encounter, float]) -> None:
    """Write a roll's entries with their running sums of normalised weights, in single precision."""
    total = np.float32(0)
    for weight in weights.values():
        total += np.float32(weight)
    below = np.float32(0)
    for choice, (encounter, weight) in zip(choices, weights.items(), strict=False):
        below += np.float32(weight) / total
        choice.encounter, choice.below = encounter, below


def act_tables(acts: Sequence[Act]) -> NDArray[np.void]:
    """Return acts as an array of `TABLE`, one record for each."""
    tables = np.zeros(len(acts), dtype=TABLE)
    for row, act in zip(tables, acts, strict=True):
        row.weak_count = act.weak_count
        _fill(row.weak, dict.fromkeys(act.weak, 1.0))
        _fill(row.strong, act.strong)
        _fill(row.elites, dict.fromkeys(act.elites, 1.0))
        row.bosses[:] = act.bosses
        for choice, weak in zip(row.weak, act.weak, strict=False):
            excluded = act.excluded.get(weak, ())
            choice.excluded[: len(excluded)] = excluded
    return tables


TABLES = act_tables(ACTS)
"""Acts 1, 2 and 3, as kernels read them."""


@kernel
def _roll(choices: Any, words: Any, counts: Any, stream: Any) -> Any:
    """Return the index of an entry, drawn by weight."""
    drawn = random_float(words, counts, stream)
    index = 0
    while index < _CHOICES - 1 and drawn >= choices[index].below:
        index += 1
    return index


@kernel
def _roll_anew(
    choices: Any, met: Any, count: Any, apart: Any, words: Any, counts: Any, stream: Any
) -> Any:
    """Return an encounter that is none of the last `apart` of the first `count` in `met`."""
    while True:
        drawn = choices[_roll(choices, words, counts, stream)].encounter
        repeated = False
        for back in range(1, min(apart, count) + 1):
            repeated = repeated or met[count - back] == drawn
        if not repeated:
            return drawn


@kernel
def _excluded(table: Any, last: Any, strong: Any) -> Any:
    """Return whether a strong encounter may not follow a weak one at once."""
    for k in range(_CHOICES):
        if table.weak[k].encounter == last:
            for j in range(_EXCLUDED):
                if table.weak[k].excluded[j] == strong:
                    return True
    return False


@kernel
def _draw_strong(
    encounters: Any, table: Any, last_weak: Any, words: Any, counts: Any, stream: Any
) -> None:
    """Append a first strong encounter, which looks only at the last weak one, and 12 more."""
    met = encounters.monsters
    count = int(encounters.monster_count)
    while True:
        first = table.strong[_roll(table.strong, words, counts, stream)].encounter
        if not _excluded(table, last_weak, first):
            break
    met[count] = first
    for index in range(count + 1, count + 1 + STRONG):
        met[index] = _roll_anew(table.strong, met, index, 2, words, counts, stream)
    encounters.monster_count = count + 1 + STRONG


@kernel
def draw_encounters(encounters: Any, table: Any, words: Any, counts: Any, stream: Any) -> None:
    """Fill in what an act holds (a record of `ENCOUNTERS`), from its record of `TABLE`.

    The lists are longer than any way through an act, so they are drawn once.
    """
    met, elites = encounters.monsters, encounters.elites
    fill(met, Encounter.INVALID)
    for index in range(table.weak_count):
        met[index] = _roll_anew(table.weak, met, index, 2, words, counts, stream)
    encounters.monster_count = table.weak_count
    _draw_strong(encounters, table, met[table.weak_count - 1], words, counts, stream)
    for index in range(ELITES):
        elites[index] = _roll_anew(table.elites, elites, index, 1, words, counts, stream)
    copy(encounters.bosses, table.bosses)
    shuffle(words, counts, stream, encounters.bosses, BOSSES)

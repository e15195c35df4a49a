"""Groups: which monsters an encounter is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spire.codes import Codes
from spire.compiled import record
from spire.ids import Encounter, Monster


class Way(Codes):
    """How a line of a group comes to its monsters."""

    NONE = 0
    ONE = 1  # this monster
    TOSS = 2  # the first of two if a coin shows heads
    AS_TOSSED = 3  # the same with the coin that was tossed last
    BAG = 4  # `count` monsters drawn from a bag
    PICK = 5  # one of the last `count` monsters stays, the others go


@dataclass(frozen=True)
class Line:
    """A line of a group."""

    way: Way
    first: Monster = Monster.INVALID
    other: Monster = Monster.INVALID
    count: int = 1
    bag: tuple[Monster, ...] = ()


def one(monster: Monster) -> Line:
    """Return the line of a monster that is there for certain."""
    return Line(Way.ONE, monster)


def toss(heads: Monster, tails: Monster) -> Line:
    """Return the line of one of two monsters, by a coin."""
    return Line(Way.TOSS, heads, tails)


def as_tossed(heads: Monster, tails: Monster) -> Line:
    """Return the line of one of two monsters, by the coin before."""
    return Line(Way.AS_TOSSED, heads, tails)


def drawn(count: int, *bag: Monster) -> tuple[Line, ...]:
    """Return the line of monsters drawn from a bag, none put back."""
    return (Line(Way.BAG, count=count, bag=bag),)


def pick(*candidates: Line) -> tuple[Line, ...]:
    """Return the lines of candidates of which one stays: all are made, so what they roll is spent."""
    return (*candidates, Line(Way.PICK, count=len(candidates)))


E, M = Encounter, Monster

LOUSE = toss(M.RED_LOUSE, M.GREEN_LOUSE)
SENTRIES = (one(M.SENTRY),) * 3
WEAK_WILDLIFE = pick(LOUSE, one(M.SPIKE_SLIME_M), one(M.ACID_SLIME_M))
STRONG_WILDLIFE = pick(one(M.FUNGI_BEAST), one(M.JAW_WORM))
STRONG_HUMANOID = pick(
    one(M.CULTIST),
    toss(M.RED_SLAVER, M.BLUE_SLAVER),
    one(M.LOOTER),
)

GROUPS: Mapping[Encounter, tuple[Line, ...]] = {
    E.CULTIST: (one(M.CULTIST),),
    E.JAW_WORM: (one(M.JAW_WORM),),
    E.TWO_LOUSE: (LOUSE,) * 2,
    E.SMALL_SLIMES: (
        toss(M.SPIKE_SLIME_S, M.ACID_SLIME_S),
        as_tossed(M.ACID_SLIME_M, M.SPIKE_SLIME_M),
    ),
    E.BLUE_SLAVER: (one(M.BLUE_SLAVER),),
    E.RED_SLAVER: (one(M.RED_SLAVER),),
    E.GREMLIN_GANG: drawn(
        4,
        M.MAD_GREMLIN,
        M.MAD_GREMLIN,
        M.SNEAKY_GREMLIN,
        M.SNEAKY_GREMLIN,
        M.FAT_GREMLIN,
        M.FAT_GREMLIN,
        M.SHIELD_GREMLIN,
        M.GREMLIN_WIZARD,
    ),
    E.LOOTER: (one(M.LOOTER),),
    E.LARGE_SLIME: (toss(M.ACID_SLIME_L, M.SPIKE_SLIME_L),),
    E.LOTS_OF_SLIMES: drawn(
        5,
        M.SPIKE_SLIME_S,
        M.SPIKE_SLIME_S,
        M.SPIKE_SLIME_S,
        M.ACID_SLIME_S,
        M.ACID_SLIME_S,
    ),
    E.EXORDIUM_THUGS: (*WEAK_WILDLIFE, *STRONG_HUMANOID),
    E.EXORDIUM_WILDLIFE: (*STRONG_WILDLIFE, *WEAK_WILDLIFE),
    E.THREE_LOUSE: (LOUSE,) * 3,
    E.TWO_FUNGI_BEASTS: (one(M.FUNGI_BEAST),) * 2,
    E.GREMLIN_NOB: (one(M.GREMLIN_NOB),),
    E.LAGAVULIN: (one(M.LAGAVULIN),),
    E.THREE_SENTRIES: SENTRIES,
    E.SLIME_BOSS: (one(M.SLIME_BOSS),),
    E.THE_GUARDIAN: (one(M.THE_GUARDIAN),),
    E.HEXAGHOST: (one(M.HEXAGHOST),),
    E.LAGAVULIN_EVENT: (one(M.LAGAVULIN),),
    E.MUSHROOMS_EVENT: (one(M.FUNGI_BEAST),) * 3,
}

BAG = 8
"""The most monsters a bag holds."""

LINE = record(
    [
        ("way", np.int8),
        ("first", np.int16),
        ("other", np.int16),
        ("count", np.int8),
        ("bag", np.int16, (BAG,)),
        ("bag_count", np.int8),
    ]
)

GROUP = record([("first_line", np.int16), ("end_line", np.int16)])
"""An encounter: its lines; none if what it is made of is not written down yet."""


def _tables() -> tuple[Any, Any]:
    listed = [line for lines in GROUPS.values() for line in lines]
    lines = np.zeros(len(listed), dtype=LINE)
    for target, line in zip(lines, listed, strict=True):
        target.way, target.count = line.way, line.count
        target.first, target.other = line.first, line.other
        target.bag[: len(line.bag)] = line.bag
        target.bag_count = len(line.bag)
    groups = np.zeros(len(Encounter), dtype=GROUP)
    place = 0
    for encounter, members in GROUPS.items():
        groups[encounter].first_line = place
        place += len(members)
        groups[encounter].end_line = place
    return lines, groups


LINES, GROUP_LINES = _tables()

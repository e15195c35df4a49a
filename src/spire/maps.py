"""Maps: the paths of an act, what each place holds, and which elite burns.

A map has 15 rows (0 at the bottom) of 7 columns; the boss stands above row 14, drawn in column 3. Six
walks lay the paths, then quotas of rooms are dealt over them under the rules of `_blocked`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.arrays import fill
from spire.compiled import allocating_kernel, kernel, record
from spire.ids import Room
from spire.rng import next_below, random_int, random_int_between, seed_stream
from spire.rounding import half_up

ROWS, COLUMNS = 15, 7
BOSS_COLUMN = 3
_WALKS = 6
_TREASURE_ROW = 8
_REST_ROW = ROWS - 1

_SHOPS, _RESTS, _EVENTS = np.float32(0.05), np.float32(0.12), np.float32(0.22)
_ELITES = np.float32(0.08)
_MORE_ELITES = np.float32(0.08) * np.float32(1.6)
"""The share of elites from ascension 1 on."""

_UNLIKE_PARENTS = 1 << Room.REST | 1 << Room.SHOP | 1 << Room.ELITE
"""The rooms (as bits) that do not follow their like."""

MAP = record(
    [
        ("room", np.int8, (ROWS, COLUMNS)),
        ("edges", np.int16, (ROWS, COLUMNS)),
        ("burning_x", np.int8),
        ("burning_y", np.int8),
        ("burning_buff", np.int8),
    ]
)
"""A map. `room` holds codes of `Room` by row and column. `edges` has bit x set where a path leads to column
x of the next row (out of the last row, to the boss); a place without edges is not there. `burning_*` say
where the burning elite stands and its code of `BurningBuff`, or are -1 where there is none."""


_PARENTS = record(
    [
        ("columns", np.int8, (ROWS, COLUMNS, _WALKS)),
        ("count", np.int8, (ROWS, COLUMNS)),
        ("first", np.int8, (ROWS, COLUMNS)),
        ("last", np.int8, (ROWS, COLUMNS)),
    ]
)
"""From which columns of the row below each place was reached: walk by walk, how many, the first and the last."""

_LEFTMOST = np.array(
    [bits.bit_length() - 1 if (bits := k & -k) else COLUMNS for k in range(1 << COLUMNS)]
)
_RIGHTMOST = np.array([k.bit_length() - 1 for k in range(1 << COLUMNS)])
"""The first and the last column of some that are bits, or `COLUMNS` and -1 of none."""


@kernel
def seed_map(words: Any, counts: Any, stream: Any, seed: Any, act: Any) -> None:
    """Start the map stream of an act, from the seed of the game."""
    offset = act if act == 1 else act * 100 * (act - 1)
    seed_stream(words, counts, stream, np.uint64(seed) + np.uint64(offset))


@kernel
def _meet_below(parents: Any, y: Any, x: Any, other: Any) -> Any:
    """Return whether (other, y) and (x, y) were reached from one place of the row below.

    The game means to compare the columns, but compares a column with the row.
    """
    left, right = (other, x) if other < y else (x, other)
    # Of no parents the last is -1 and the first `COLUMNS`, which are never the same.
    return parents.last[y, left] == parents.first[y, right]


@kernel
def _next_column(
    edges: Any,
    parents: Any,
    y: Any,
    x: Any,
    words: Any,
    counts: Any,
    stream: Any,
) -> Any:
    """Return the column of row y + 1 to which a walk goes on from (x, y)."""
    last = COLUMNS - 1
    if x == 0:
        target = random_int(words, counts, stream, 1)
    elif x == last:
        target = x - 1 + random_int(words, counts, stream, 1)
    else:
        target = x - 1 + random_int(words, counts, stream, 2)
    # Two paths that have just parted do not meet again at once: the walk turns aside.
    candidate = target
    for k in range(parents.count[y + 1, candidate]):
        other = int(parents.columns[y + 1, candidate, k])
        if other == x or not _meet_below(parents, y, x, other):
            continue
        if target > x:
            target = x - 1 + random_int(words, counts, stream, 1)
            if target < 0:
                target = x
        elif target == x:
            target = x - 1 + random_int(words, counts, stream, 2)
            if target > last:
                target = x - 1
            elif target < 0:
                target = x + 1
        else:
            target = x + random_int(words, counts, stream, 1)
            if target > last:
                target = x
    # Paths do not cross.
    if x > 0 and edges[y, x - 1]:
        target = max(target, _RIGHTMOST[edges[y, x - 1]])
    if x < last and edges[y, x + 1]:
        target = min(target, _LEFTMOST[edges[y, x + 1]])
    return target


@allocating_kernel
def _lay_paths(edges: Any, words: Any, counts: Any, stream: Any) -> None:
    parents = np.zeros(1, dtype=_PARENTS)[0]
    for y in range(ROWS):
        fill(parents.first[y], COLUMNS)
        fill(parents.last[y], -1)
    first = -1
    for walk in range(_WALKS):
        x = random_int(words, counts, stream, COLUMNS - 1)
        if walk == 0:
            first = x
        while walk == 1 and x == first:
            x = random_int(words, counts, stream, COLUMNS - 1)
        for y in range(ROWS - 1):
            target = _next_column(edges, parents, y, x, words, counts, stream)
            edges[y, x] |= 1 << target
            parents.columns[y + 1, target, parents.count[y + 1, target]] = x
            parents.count[y + 1, target] += 1
            parents.first[y + 1, target] = min(int(parents.first[y + 1, target]), x)
            parents.last[y + 1, target] = max(int(parents.last[y + 1, target]), x)
            x = target
        edges[ROWS - 1, x] = 1 << BOSS_COLUMN
    # Every place of row 1 is reached from one place of row 0 only.
    reached = 0
    for x in range(COLUMNS):
        kept = int(edges[0, x]) & ~reached
        edges[0, x] = kept
        reached |= kept


@kernel
def _deal_rooms(edges: Any, words: Any, stream: Any, ascension: Any, rooms: Any) -> Any:
    """Fill `rooms` with the quotas, shuffled; return how many there are."""
    counted, free = 0, 0
    for y in range(ROWS):
        for x in range(COLUMNS):
            if edges[y, x]:
                counted += y != ROWS - 2
                free += y not in (0, _TREASURE_ROW, _REST_ROW)
    share = np.float32(counted)
    elites = half_up(share * (_MORE_ELITES if ascension >= 1 else _ELITES))
    dealt = 0
    for room, quota in (
        (Room.SHOP, half_up(share * _SHOPS)),
        (Room.REST, half_up(share * _RESTS)),
        (Room.ELITE, elites),
        (Room.EVENT, half_up(share * _EVENTS)),
        (Room.MONSTER, free),
    ):
        for _ in range(min(quota, free - dealt)):
            rooms[dealt] = room
            dealt += 1
    for size in range(dealt, 1, -1):
        other = next_below(words, stream, size)
        held = rooms[size - 1]
        rooms[size - 1] = rooms[other]
        rooms[other] = held
    return dealt


@kernel
def _blocked(game_map: Any, y: Any, x: Any) -> Any:
    """Return which rooms (as bits) may not stand at (x, y), by its row, its parents and its siblings."""
    blocked = 0
    if y < 5:
        blocked |= 1 << Room.REST | 1 << Room.ELITE
    if y >= ROWS - 2:
        blocked |= 1 << Room.REST
    # Paths lead to the columns next to theirs.
    for parent in range(max(0, x - 1), min(COLUMNS, x + 2)):
        edges = int(game_map.edges[y - 1, parent])
        if edges >> x & 1:
            blocked |= 1 << int(game_map.room[y - 1, parent]) & _UNLIKE_PARENTS
            for sibling in range(max(0, parent - 1), min(COLUMNS, parent + 2)):
                if sibling != x and edges >> sibling & 1:
                    blocked |= 1 << int(game_map.room[y, sibling])
    return blocked


@kernel
def _place_rooms(game_map: Any, rooms: Any, dealt: Any, early_rows: Any) -> None:
    for y in range(ROWS):
        for x in range(COLUMNS):
            if not game_map.edges[y, x]:
                continue
            if y == 0:
                game_map.room[y, x] = Room.MONSTER
            elif y == _TREASURE_ROW:
                game_map.room[y, x] = Room.TREASURE
            elif y == _REST_ROW:
                game_map.room[y, x] = Room.REST
    for y in range(1, _REST_ROW):
        if y == _TREASURE_ROW:
            continue
        for x in range(COLUMNS):
            if not game_map.edges[y, x]:
                continue
            blocked = _blocked(game_map, y, x)
            for k in range(dealt):
                if not blocked >> int(rooms[k]) & 1:
                    game_map.room[y, x] = rooms[k]
                    dealt -= 1
                    for later in range(k, dealt):
                        rooms[later] = rooms[later + 1]
                    break
            if game_map.room[y, x] == Room.NONE and early_rows >> y & 1:
                game_map.room[y, x] = Room.MONSTER
    for y in range(ROWS):
        for x in range(COLUMNS):
            if game_map.edges[y, x] and game_map.room[y, x] == Room.NONE:
                game_map.room[y, x] = Room.MONSTER


@kernel
def _light_elite(game_map: Any, words: Any, counts: Any, stream: Any) -> None:
    elites = 0
    for y in range(ROWS):
        for x in range(COLUMNS):
            elites += game_map.room[y, x] == Room.ELITE
    if elites == 0:
        return
    chosen = random_int_between(words, counts, stream, 0, elites - 1)
    for y in range(ROWS):
        for x in range(COLUMNS):
            if game_map.room[y, x] == Room.ELITE:
                if chosen == 0:
                    game_map.burning_x, game_map.burning_y = x, y
                chosen -= 1
    # The game draws this when the fight begins; nothing else draws from the map's stream in between.
    game_map.burning_buff = random_int_between(words, counts, stream, 0, 3)


EARLY_ROWS = 0
"""The rows (as bits) in which a place that no room fits becomes a monster at once, where places to its
right see it, and not after all are dealt: none."""


@allocating_kernel
def generate_map(
    game_map: Any,
    words: Any,
    counts: Any,
    stream: Any,
    ascension: Any,
    burning: Any,
    early_rows: Any,
) -> None:
    """Fill in the map (a record of `MAP`) of acts 1 to 3, from a stream that `seed_map` has just started.

    `burning` says whether an elite burns: as long as the emerald key is not owned. `early_rows` is
    `EARLY_ROWS`.
    """
    for y in range(ROWS):
        fill(game_map.room[y], Room.NONE)
        fill(game_map.edges[y], 0)
    game_map.burning_x = -1
    game_map.burning_y = -1
    game_map.burning_buff = -1
    _lay_paths(game_map.edges, words, counts, stream)
    rooms = np.zeros(ROWS * COLUMNS, dtype=np.int8)
    dealt = _deal_rooms(game_map.edges, words, stream, ascension, rooms)
    _place_rooms(game_map, rooms, dealt, early_rows)
    if burning:
        _light_elite(game_map, words, counts, stream)

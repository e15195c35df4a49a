"""Maps: one drawn by hand from a published table, and what holds of all."""

import numpy as np
import pytest

from dungeons import Streams, map_of, one
from spire import maps, reference
from spire.ids import Room
from spire.rng import Stream

LETTERS = {"M": "MONSTER", "?": "EVENT", "E": "ELITE", "R": "REST", "$": "SHOP", "T": "TREASURE"}
# Column, room, columns of the next row; row by row from below.
SEED_1_ACT_1 = """\
1M01 3M4
0M1 1?1 4M34
1?1 3M23 4$35
1M01 2M1 3?24 5M6
0M1 1?2 2M2 4?5 6M5
1R0 2R23 5R56
0M0 2E13 3M3 5?4 6M6
0R0 1$0 3M23 4?3 6M5
0T1 2T2 3T23 5T6
1M2 2M2 3?3 6M5
2M12 3R2 5?4
1R1 2M123 4?3
1E12 2M3 3?3
1M2 2M2 3E24
2R3 4R3"""


def drawn(seed, act=1, ascension=0, *, burning=True, early_rows=maps.EARLY_ROWS):
    streams, game_map = Streams(seed), one(maps.MAP)
    maps.seed_map(*streams.at(Stream.MAP), streams.seed, act)
    maps.generate_map(game_map, *streams.at(Stream.MAP), ascension, burning, early_rows)
    return game_map


def test_a_map_by_a_published_table():
    expected = [
        [int(node[0]), y, LETTERS[node[1]], [int(x) for x in node[2:]]]
        for y, row in enumerate(SEED_1_ACT_1.splitlines())
        for node in row.split()
    ]
    found = map_of(Streams(1), 1, 0, maps.EARLY_ROWS)
    assert found["nodes"] == expected
    assert found["burning"] == [3, 13, "METALLICIZE"]


def test_other_acts_by_published_values():
    second = map_of(Streams(1), 2, 0, maps.EARLY_ROWS)
    assert second["burning"] == [5, 5, "METALLICIZE"]
    assert second["nodes"][:3] == [
        [0, 0, "MONSTER", [0, 1]],
        [1, 0, "MONSTER", [2]],
        [4, 0, "MONSTER", [4, 5]],
    ]
    other = map_of(Streams(1234567890123), 1, 0, maps.EARLY_ROWS)
    assert other["burning"] == [0, 10, "STRENGTH"]
    assert [node[0] for node in other["nodes"] if node[1] == 14] == [2, 5, 6]


@pytest.mark.parametrize("seed", range(20))
def test_what_holds_of_every_map(seed):
    ascension = seed % 2
    game_map = drawn(seed, act=1 + seed % 3, ascension=ascension)
    there = game_map.edges > 0
    assert ((game_map.room > 0) == there).all()
    assert (game_map.room[0][there[0]] == Room.MONSTER).all()
    assert (game_map.room[8][there[8]] == Room.TREASURE).all()
    assert (game_map.room[14][there[14]] == Room.REST).all()
    assert not np.isin(game_map.room[:5], [Room.REST, Room.ELITE]).any()
    assert not (game_map.room[13] == Room.REST).any()
    for y in range(maps.ROWS - 1):
        paths = [(x, n) for x in range(7) for n in range(7) if game_map.edges[y, x] >> n & 1]
        assert all(abs(x - n) <= 1 for x, n in paths)
        assert all(there[y + 1, n] for _, n in paths)
        assert {n for _, n in paths} == set(np.flatnonzero(there[y + 1]).tolist())
        # Sorted by where they start, paths end in that order too: none cross.
        assert [n for _, n in paths] == sorted(n for _, n in paths)
        for x, n in paths:
            if game_map.room[y, x] in (Room.REST, Room.SHOP, Room.ELITE):
                assert game_map.room[y, x] != game_map.room[y + 1, n] or y == 13
    assert game_map.room[game_map.burning_y, game_map.burning_x] == Room.ELITE


def test_from_ascension_1_there_are_more_elites():
    elites = [
        sum(int((drawn(seed, ascension=a).room == Room.ELITE).sum()) for seed in range(20))
        for a in (0, 1, 20)
    ]
    assert elites[0] < elites[1] == elites[2]


def test_without_a_burning_elite_the_rest_is_the_same():
    lit, dark = drawn(1), drawn(1, burning=False)
    assert (lit.room == dark.room).all()
    assert (dark.burning_x, dark.burning_y, dark.burning_buff) == (-1, -1, -1)


def test_a_record_is_filled_anew():
    streams, game_map = Streams(5), drawn(9)
    maps.seed_map(*streams.at(Stream.MAP), streams.seed, 1)
    maps.generate_map(game_map, *streams.at(Stream.MAP), 0, True, maps.EARLY_ROWS)
    assert game_map == drawn(5)


def test_the_reference_marks_a_monster_early():
    # Row 13 holds places 0 to 3 and 6. No room that is left fits place 2, which shares a parent with place 3:
    # if it is a monster at once, place 3 may not be one; if it is one in the end, place 3 may.
    game, other = drawn(842), drawn(842, early_rows=reference.EARLY_ROWS)
    assert (game.edges == other.edges).all()
    assert (game.room[:13] == other.room[:13]).all()
    assert game.edges[12, 2] == 1 << 2 | 1 << 3
    monster, event = Room.MONSTER, Room.EVENT
    assert game.room[13].tolist() == [event, monster, monster, monster, 0, 0, event]
    assert other.room[13].tolist() == [event, monster, monster, event, 0, 0, monster]

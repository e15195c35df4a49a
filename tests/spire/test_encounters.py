"""Encounters: by published lists, and what holds of all."""

from itertools import pairwise

import numpy as np
import pytest

from dungeons import Streams, names, one
from spire import encounters, reference
from spire.encounters import ACTS, ENCOUNTERS, TABLES
from spire.ids import Encounter
from spire.rng import Stream

PUBLISHED = {
    1: {
        "monsters": """CULTIST JAW_WORM SMALL_SLIMES EXORDIUM_WILDLIFE TWO_FUNGI_BEASTS THREE_LOUSE
            LOOTER EXORDIUM_THUGS LOTS_OF_SLIMES THREE_LOUSE BLUE_SLAVER RED_SLAVER TWO_FUNGI_BEASTS
            LOOTER EXORDIUM_WILDLIFE BLUE_SLAVER""",
        "elites": """GREMLIN_NOB THREE_SENTRIES LAGAVULIN THREE_SENTRIES GREMLIN_NOB LAGAVULIN
            GREMLIN_NOB LAGAVULIN GREMLIN_NOB THREE_SENTRIES""",
        "bosses": "SLIME_BOSS HEXAGHOST THE_GUARDIAN",
        "draws": 32,
    },
    1234567890123: {
        "monsters": """CULTIST SMALL_SLIMES TWO_LOUSE LARGE_SLIME EXORDIUM_THUGS BLUE_SLAVER LARGE_SLIME
            EXORDIUM_WILDLIFE RED_SLAVER TWO_FUNGI_BEASTS LOOTER EXORDIUM_WILDLIFE THREE_LOUSE
            LARGE_SLIME BLUE_SLAVER TWO_FUNGI_BEASTS""",
        "elites": """GREMLIN_NOB LAGAVULIN THREE_SENTRIES LAGAVULIN THREE_SENTRIES LAGAVULIN
            THREE_SENTRIES LAGAVULIN THREE_SENTRIES GREMLIN_NOB""",
        "bosses": "THE_GUARDIAN SLIME_BOSS HEXAGHOST",
        "draws": 37,
    },
}


def acts_of(seed, tables=TABLES):
    """The three acts of a seed."""
    streams = Streams(seed)
    acts = [one(ENCOUNTERS) for _ in tables]
    for act, table in zip(acts, tables, strict=True):
        encounters.draw_encounters(act, table, *streams.at(Stream.MONSTER))
    return acts


@pytest.mark.parametrize("seed", PUBLISHED)
def test_lists_by_published_values(seed):
    streams, met = Streams(seed), one(ENCOUNTERS)
    encounters.draw_encounters(met, TABLES[0], *streams.at(Stream.MONSTER))
    expected = PUBLISHED[seed]
    for name in ("monsters", "elites", "bosses"):
        assert names(met[name], Encounter) == expected[name].split()
    assert met.monster_count == 16
    assert streams.counts[Stream.MONSTER] == expected["draws"]


@pytest.mark.parametrize("seed", range(40))
def test_what_holds_of_every_list(seed):
    for act, met in zip(ACTS, acts_of(seed), strict=True):
        met_codes = met.monsters[: met.monster_count].tolist()
        assert met.monster_count == act.weak_count + 13
        assert not met.monsters[met.monster_count :].any()
        weak, strong = met_codes[: act.weak_count], met_codes[act.weak_count :]
        assert set(weak) <= set(act.weak)
        assert set(strong) <= set(act.strong)
        assert strong[0] not in act.excluded.get(weak[-1], ())
        # The first strong encounter looks at the exclusions only, not at what was met before.
        for index in [*range(1, len(weak)), *range(len(weak) + 1, len(met_codes))]:
            assert met_codes[index] not in met_codes[max(index - 2, 0) : index]
        elites = met.elites.tolist()
        assert set(elites) <= set(act.elites)
        assert all(a != b for a, b in pairwise(elites))
        assert sorted(met.bosses.tolist()) == sorted(act.bosses)


def test_a_roll_is_always_below_the_last_sum():
    for act, table in zip(ACTS, TABLES, strict=True):
        for choices, size in ((table.weak, len(act.weak)), (table.strong, len(act.strong))):
            assert choices["below"][size - 1] >= np.float32(1) - np.float32(2**-24)
            assert (np.diff(choices["below"][:size]) > 0).all()


def test_weights_stand_in_the_order_of_the_roll():
    for act in ACTS:
        assert list(act.strong.values()) == sorted(act.strong.values())


def test_the_reference_leaves_the_first_strong_encounter_free():
    for seed in range(100):
        game, other = acts_of(seed), acts_of(seed, reference.TABLES)
        assert game[0] == other[0]
        first, weak = other[1].monsters[2], other[1].monsters[1]
        if first in ACTS[1].excluded.get(weak, ()):
            assert game[1] != other[1]
            return
    pytest.fail("no seed shows the difference")

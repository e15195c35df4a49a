"""Pools: relics by published orders, events by their lists."""

import pytest

from dungeons import Streams, names, one
from spire import pools
from spire.ids import Event, Relic
from spire.pools import Tier
from spire.rng import Stream

# By seed and tier: the first five and the last three after the shuffle.
PUBLISHED = {
    (1, Tier.COMMON): (
        "TINY_CHEST TOY_ORNITHOPTER BAG_OF_MARBLES BAG_OF_PREPARATION ART_OF_WAR",
        "AKABEKO MAW_BANK PRESERVED_INSECT",
    ),
    (1, Tier.UNCOMMON): (
        "STRIKE_DUMMY BOTTLED_LIGHTNING ORNAMENTAL_FAN HORN_CLEAT GREMLIN_HORN",
        "TOXIC_EGG INK_BOTTLE BOTTLED_TORNADO",
    ),
    (1, Tier.RARE): (
        "POCKETWATCH MAGIC_FLOWER STONE_CALENDAR TORII BIRD_FACED_URN",
        "INCENSE_BURNER SHOVEL OLD_COIN",
    ),
    (1, Tier.SHOP): (
        "THE_ABACUS SLING_OF_COURAGE CLOCKWORK_SOUVENIR BRIMSTONE MEDICAL_KIT",
        "ORANGE_PELLETS LEES_WAFFLE TOOLBOX",
    ),
    (1, Tier.BOSS): (
        "SNECKO_EYE CALLING_BELL CURSED_KEY PHILOSOPHERS_STONE BUSTED_CROWN",
        "BLACK_BLOOD EMPTY_CAGE BLACK_STAR",
    ),
    (1234567890123, Tier.COMMON): (
        "ANCHOR CERAMIC_FISH ART_OF_WAR ORICHALCUM JUZU_BRACELET",
        "STRAWBERRY MAW_BANK WAR_PAINT",
    ),
    (1234567890123, Tier.BOSS): (
        "MARK_OF_PAIN ECTOPLASM ASTROLABE TINY_HOUSE PANDORAS_BOX",
        "RUNIC_PYRAMID SOZU RUNIC_DOME",
    ),
}


def relics_of(seed):
    streams, filled = Streams(seed), one(pools.RELIC_POOLS)
    pools.fill_relic_pools(filled, *streams.at(Stream.RELIC))
    assert streams.counts[Stream.RELIC] == 5
    return filled


@pytest.mark.parametrize(("seed", "tier"), PUBLISHED)
def test_relics_by_published_orders(seed, tier):
    filled = relics_of(seed)
    found = names(filled.relics[tier], Relic)
    first, last = PUBLISHED[seed, tier]
    assert found[:5] == first.split()
    assert found[-3:] == last.split()


def test_every_relic_has_its_place():
    filled = relics_of(3)
    assert filled.first.tolist() == [0] * 5
    assert filled.end.tolist() == [33, 30, 28, 17, 22]
    for tier in Tier:
        listed = [*pools.SHARED_RELICS[tier], *pools.IRONCLAD_RELICS[tier]]
        assert sorted(names(filled.relics[tier], Relic)) == sorted(each.name for each in listed)
    every = [
        relic
        for side in (pools.SHARED_RELICS, pools.IRONCLAD_RELICS)
        for tier in Tier
        for relic in side[tier]
    ]
    assert len(every) == len(set(every)) == 130


def test_events_of_the_acts():
    filled = one(pools.EVENT_POOLS)
    pools.fill_one_time_events(filled, 0)
    sizes = {1: (11, 6), 2: (13, 6), 3: (7, 6)}
    for act, (events, shrines) in sizes.items():
        pools.enter_act(filled, act)
        assert names(filled.events, Event) == [each.name for each in pools.EVENTS[act]]
        assert names(filled.shrines, Event) == [each.name for each in pools.SHRINES[act]]
        assert (len(pools.EVENTS[act]), len(pools.SHRINES[act])) == (events, shrines)
    assert names(filled.one_time, Event) == [each.name for each in pools.ONE_TIME_EVENTS]


@pytest.mark.parametrize(("ascension", "count"), [(0, 14), (14, 14), (15, 13), (20, 13)])
def test_from_ascension_15_there_is_no_note(ascension, count):
    filled = one(pools.EVENT_POOLS)
    pools.fill_one_time_events(filled, ascension)
    found = names(filled.one_time, Event)
    assert len(found) == count
    assert ("NOTE_FOR_YOURSELF" in found) == (ascension < 15)

"""Relics: taking them from the pools, and what they do as they are obtained."""

import numpy as np
import pytest

from runs import deck, kinds, new_game, relics
from spire.content.relics import FACTS, NAMES, SPECIAL, STARTER, USED_UP
from spire.ids import Card, Relic, Room
from spire.owned import counter, owns
from spire.pools import Tier
from spire.rng import Stream
from spire.run import picks, spoils
from spire.run.deck import obtain_card
from spire.run.relics import (
    lose_relic,
    may_spawn,
    obtain_relic,
    take_relic,
    take_screenless,
    take_shop_relic,
)
from spire.state import Reward, Screen


def put(game, tier, *pool):
    pools = game.relic_pools
    pools.relics[tier, : len(pool)] = pool
    pools.first[tier], pools.end[tier] = 0, len(pool)


def left(game, tier):
    pools = game.relic_pools
    return [Relic(relic) for relic in pools.relics[tier, pools.first[tier] : pools.end[tier]]]


def test_facts():
    assert NAMES[Relic.LEES_WAFFLE] == "Lee's Waffle"
    assert NAMES[Relic.BAG_OF_MARBLES] == "Bag of Marbles"
    facts = FACTS[0]
    assert facts["tier"][Relic.BURNING_BLOOD] == STARTER
    assert facts["tier"][Relic.SPIRIT_POOP] == SPECIAL
    assert facts["price"][[Relic.ANCHOR, Relic.PEAR, Relic.MANGO, Relic.ORRERY]].tolist() == [
        *(150, 250, 300, 150)
    ]


def test_pools_are_taken_from_both_ends():
    game = new_game()
    pool = left(game, Tier.COMMON)
    assert take_relic(game, Tier.COMMON) == pool[0]
    assert take_shop_relic(game, Tier.COMMON) == pool[-1]
    assert left(game, Tier.COMMON) == pool[1:-1]


def test_what_may_not_turn_up_is_lost_and_the_next_comes_from_the_back():
    game = new_game()
    put(game, Tier.UNCOMMON, Relic.BOTTLED_TORNADO, Relic.KUNAI, Relic.PEAR, Relic.BOTTLED_FLAME)
    assert take_relic(game, Tier.UNCOMMON) == Relic.PEAR
    assert left(game, Tier.UNCOMMON) == [Relic.KUNAI]


def test_bosses_relics_always_come_from_the_front():
    game = new_game()
    lose_relic(game, Relic.BURNING_BLOOD)
    put(game, Tier.BOSS, Relic.BLACK_BLOOD, Relic.SOZU, Relic.ASTROLABE)
    assert take_relic(game, Tier.BOSS) == Relic.SOZU


def test_an_empty_pool_hands_on_to_the_next():
    game = new_game()
    put(game, Tier.COMMON)
    put(game, Tier.SHOP)
    put(game, Tier.UNCOMMON, Relic.PEAR)
    put(game, Tier.RARE, Relic.MANGO)
    assert take_shop_relic(game, Tier.SHOP) == Relic.PEAR
    assert take_relic(game, Tier.COMMON) == Relic.MANGO
    assert take_relic(game, Tier.RARE) == Relic.CIRCLET
    put(game, Tier.BOSS)
    assert take_relic(game, Tier.BOSS) == Relic.RED_CIRCLET


def test_screenless_relics():
    game = new_game()
    obtain_card(game, Card.ANGER, 0, 0)
    put(game, Tier.UNCOMMON, Relic.BOTTLED_FLAME, Relic.KUNAI)
    assert take_screenless(game, Tier.UNCOMMON) == Relic.KUNAI


@pytest.mark.parametrize(
    ("relic", "change"),
    [
        (Relic.TINY_CHEST, {"floor": 36}),
        (Relic.WING_BOOTS, {"floor": 41}),
        (Relic.OMAMORI, {"floor": 49}),
        (Relic.MAW_BANK, {"room": Room.SHOP}),
        (Relic.THE_COURIER, {"room": Room.SHOP}),
        (Relic.ECTOPLASM, {"act": 2}),
    ],
)
def test_spawn_conditions(relic, change):
    game = new_game()
    assert may_spawn(game, relic)
    for name, value in change.items():
        setattr(game, name, value)
    assert not may_spawn(game, relic)


def test_two_relics_for_rest_sites_are_enough():
    game = new_game(relics=[Relic.GIRYA])
    assert may_spawn(game, Relic.SHOVEL)
    game = new_game(relics=[Relic.GIRYA, Relic.SHOVEL])
    assert not may_spawn(game, Relic.PEACE_PIPE)


def test_bottles_need_a_card_that_is_not_basic():
    game = new_game()
    assert not may_spawn(game, Relic.BOTTLED_FLAME)
    obtain_card(game, Card.ANGER, 0, 0)
    assert may_spawn(game, Relic.BOTTLED_FLAME)
    assert not may_spawn(game, Relic.BOTTLED_LIGHTNING)


def test_max_hp_gold_and_slots():
    game = new_game()
    game.hp = 50
    obtain_relic(game, Relic.MANGO)
    assert (game.hp, game.max_hp) == (64, 94)
    obtain_relic(game, Relic.LEES_WAFFLE)
    assert (game.hp, game.max_hp) == (101, 101)
    obtain_relic(game, Relic.OLD_COIN)
    assert game.gold == 399
    obtain_relic(game, Relic.POTION_BELT)
    assert game.potion_slots == 5
    lose_relic(game, Relic.POTION_BELT)
    assert game.potion_slots == 3


def test_a_relic_that_is_owned_becomes_a_circlet():
    game = new_game()
    for _ in range(3):
        obtain_relic(game, Relic.ODD_MUSHROOM)
    assert relics(game) == [Relic.BURNING_BLOOD, Relic.ODD_MUSHROOM, Relic.CIRCLET]
    assert counter(game, Relic.CIRCLET) == 1


def test_black_blood_takes_the_place_of_burning_blood():
    game = new_game(relics=[Relic.ANCHOR])
    obtain_relic(game, Relic.BLACK_BLOOD)
    assert relics(game) == [Relic.BLACK_BLOOD, Relic.ANCHOR]
    assert not owns(game, Relic.BURNING_BLOOD)


def test_relics_behind_one_that_is_lost_move_up():
    game = new_game(relics=[Relic.ANCHOR, Relic.OMAMORI])
    lose_relic(game, Relic.ANCHOR)
    assert relics(game) == [Relic.BURNING_BLOOD, Relic.OMAMORI]
    assert counter(game, Relic.OMAMORI) == 2


def test_omamori_stops_two_curses():
    game = new_game(relics=[Relic.OMAMORI, Relic.DARKSTONE_PERIAPT])
    for _ in range(3):
        obtain_card(game, Card.PAIN, 0, 0)
    assert deck(game).count("PAIN") == 1
    assert game.max_hp == 86


def test_eggs_and_fish_see_new_cards():
    game = new_game(relics=[Relic.MOLTEN_EGG, Relic.CERAMIC_FISH])
    obtain_card(game, Card.ANGER, 0, 0)
    obtain_card(game, Card.SEARING_BLOW, 1, 0)
    obtain_card(game, Card.FLEX, 0, 0)
    assert deck(game)[-3:] == ["ANGER+", "SEARING_BLOW+", "FLEX"]
    assert game.gold == 99 + 27


def test_whetstone_upgrades_two_attacks():
    game = new_game()
    obtain_relic(game, Relic.WHETSTONE)
    assert sum(card.endswith("+") for card in deck(game)) == 2
    assert game.counts[Stream.MISC] == 1


def test_a_bottle_asks_and_goes_back():
    game = new_game()
    obtain_card(game, Card.INFLAME, 0, 0)
    game.screen = Screen.COMBAT_REWARD
    obtain_relic(game, Relic.BOTTLED_TORNADO)
    assert game.screen == Screen.GRID
    assert game.pick.cards[: game.pick.count].tolist() == [10]
    picks.pick(game, 0)
    assert game.screen == Screen.COMBAT_REWARD
    assert game.deck[10].bottled
    lose_relic(game, Relic.BOTTLED_TORNADO)
    assert not game.deck[10].bottled


def test_astrolabe_transforms_and_upgrades_three():
    game = new_game()
    obtain_relic(game, Relic.ASTROLABE)
    for _ in range(3):
        picks.pick(game, 0)
    assert deck(game)[:3] == ["STRIKE_RED", "STRIKE_RED", "DEFEND_RED"]
    assert all(card.endswith("+") for card in deck(game)[-3:])
    assert game.counts[Stream.MISC] == 3


def test_pandoras_box():
    game = new_game()
    obtain_relic(game, Relic.PANDORAS_BOX)
    assert len(deck(game)) == 10
    assert deck(game)[0] == "BASH"
    assert game.counts[Stream.CARD_RANDOM] == 9


def test_tiny_house():
    game = new_game()
    obtain_relic(game, Relic.TINY_HOUSE)
    assert kinds(game) == [Reward.GOLD, Reward.POTION, Reward.CARD]
    assert game.screen == Screen.COMBAT_REWARD
    assert (game.hp, game.max_hp) == (85, 85)


@pytest.mark.parametrize(("reference", "draws"), [(0, True), (1, False)])
def test_calling_bell(reference, draws):
    game = new_game(reference=reference)
    obtain_relic(game, Relic.CALLING_BELL)
    assert deck(game)[-1] == "CURSE_OF_THE_BELL"
    assert kinds(game) == [Reward.RELIC] * 3
    assert (game.counts[Stream.CARD] > 0) == draws
    assert not game.rewards.card_counts.any()
    spoils.take_reward(game, 0)
    assert kinds(game) == [Reward.RELIC] * 2


def test_orrery_and_cauldron():
    game = new_game(room=Room.SHOP)
    obtain_relic(game, Relic.ORRERY)
    assert kinds(game) == [Reward.CARD] * 5
    assert [value for _, value in zip(range(5), game.rewards.value, strict=False)] == [*range(5)]
    obtain_relic(game, Relic.CAULDRON)
    assert kinds(game) == [Reward.POTION] * 5


def test_charges_run_out_for_good():
    assert FACTS[0]["charges"][Relic.WING_BOOTS] == 3
    assert USED_UP < 0
    assert np.count_nonzero(FACTS[0]["charges"]) == 5

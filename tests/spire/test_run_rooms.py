"""Rooms: a new game, Neow, moving over the map, rest sites and shops."""

import numpy as np
import pytest

from runs import deck, kinds, new_game, offered, potions, relics
from spire.actions import ACTIONS, CHOOSE, LEAVE, option_action, take, write_mask
from spire.ids import Card, NeowBonus, NeowDrawback, Potion, Relic, Room
from spire.owned import counter, set_counter
from spire.rng import Stream
from spire.run import floors, neow, picks, rest, rooms, shop, vitals
from spire.run.deck import obtain_card, remove_card, transform_card
from spire.run.rest import RestOption
from spire.run.shop import Ware
from spire.state import Outcome, Reward, Screen


def test_a_new_game():
    game = new_game()
    assert deck(game) == ["STRIKE_RED"] * 5 + ["DEFEND_RED"] * 4 + ["BASH"]
    assert (game.hp, game.max_hp, game.gold, game.potion_slots) == (80, 80, 99, 3)
    assert relics(game) == [Relic.BURNING_BLOOD]
    assert (game.screen, game.act, game.floor) == (Screen.NEOW, 1, 0)
    game = new_game(ascension=20)
    assert deck(game)[0] == "ASCENDERS_BANE"
    assert (game.hp, game.max_hp, game.potion_slots) == (68, 75, 2)


def blessed(bonus, drawback=NeowDrawback.NONE, **more):
    game = new_game(**more)
    game.neow.bonus[0], game.neow.drawback[0] = bonus, drawback
    neow.choose(game, 0)
    return game


def test_neow_hp_and_gold():
    game = blessed(NeowBonus.TWENTY_PERCENT_HP_BONUS, NeowDrawback.PERCENT_DAMAGE)
    assert (game.hp, game.max_hp) == (72, 96)
    game = blessed(NeowBonus.TWO_FIFTY_GOLD, NeowDrawback.TEN_PERCENT_HP_LOSS, ascension=20)
    assert (game.hp, game.max_hp, game.gold) == (68, 68, 349)
    assert game.screen == Screen.MAP


def test_neow_curse_comes_after_what_was_drawn():
    game = blessed(NeowBonus.RANDOM_COLORLESS_2, NeowDrawback.CURSE)
    plain = blessed(NeowBonus.RANDOM_COLORLESS_2)
    assert offered(game) == offered(plain)
    assert len(deck(game)) == 11
    assert game.screen == Screen.CARD_REWARD


def test_neow_potions_discard_a_card_reward():
    game = blessed(NeowBonus.THREE_SMALL_POTIONS)
    assert kinds(game) == [Reward.POTION] * 3
    assert game.counts[Stream.CARD] >= 9
    assert not game.rewards.card_counts.any()


def test_neow_swaps_the_starter_relic():
    game = blessed(NeowBonus.BOSS_RELIC, NeowDrawback.LOSE_STARTER_RELIC)
    assert relics(game) == [Relic.SNECKO_EYE]
    assert game.screen == Screen.MAP


def test_neow_transforms_two():
    game = blessed(NeowBonus.TRANSFORM_TWO_CARDS)
    picks.pick(game, 0)
    assert game.screen == Screen.GRID
    picks.pick(game, 8)
    assert game.screen == Screen.MAP
    assert deck(game)[:8] == ["STRIKE_RED"] * 4 + ["DEFEND_RED"] * 4
    assert game.counts[Stream.NEOW] == 5 + 2
    assert game.counts[Stream.MISC] == 0


def test_moves():
    game = new_game()
    assert [x for x in range(7) if rooms.can_go(game, x)] == [1, 3]
    rooms.go(game, 1)
    assert (game.floor, game.x, game.y, game.room) == (1, 1, 0, Room.MONSTER)
    assert game.monster_index == 1
    assert [x for x in range(7) if rooms.can_go(game, x)] == [0, 1]
    game.y = 14
    assert [x for x in range(7) if rooms.can_go(game, x)] == [3]
    rooms.go(game, 3)
    assert game.room == Room.BOSS


def test_wing_boots_need_no_path():
    game = new_game(relics=[Relic.WING_BOOTS])
    rooms.go(game, 1)
    assert [x for x in range(7) if rooms.can_go(game, x)] == [0, 1, 4]
    rooms.go(game, 0)
    assert counter(game, Relic.WING_BOOTS) == 3
    rooms.go(game, 4)
    assert counter(game, Relic.WING_BOOTS) == 2


def question(game):
    """Enter a `?`, and return what it holds."""
    floors.next_floor(game, Room.EVENT)
    return Room(rooms._resolve(game))


def test_question_marks_drift_and_bracelets_turn_monsters_away():
    game, quiet = new_game(4), new_game(4, relics=[Relic.JUZU_BRACELET])
    met = []
    for _ in range(40):
        chance = float(game.monster_chance)
        met.append(question(game))
        assert question(quiet) == (Room.EVENT if met[-1] == Room.MONSTER else met[-1])
        expected = 0.1 if met[-1] == Room.MONSTER else chance + 0.1
        assert game.monster_chance == pytest.approx(expected)
        assert game.monster_chance == quiet.monster_chance
        game.room = quiet.room = Room.NONE
    assert set(met) == {Room.EVENT, Room.MONSTER, Room.SHOP, Room.TREASURE}
    assert game.counts[Stream.EVENT] == 40


def test_every_fourth_question_mark_with_a_tiny_chest():
    game = new_game(relics=[Relic.TINY_CHEST])
    met = [question(game) for _ in range(8)]
    assert met[3] == met[7] == Room.TREASURE
    assert counter(game, Relic.TINY_CHEST) == 0


def test_what_relics_do_on_the_way():
    game = new_game(relics=[Relic.MAW_BANK, Relic.SSSERPENT_HEAD, Relic.ETERNAL_FEATHER])
    floors.next_floor(game, Room.EVENT)
    assert game.gold == 99 + 12 + 50
    game.hp = 10
    floors.next_floor(game, Room.REST)
    assert game.hp == 16
    vitals.spend_gold(game, 73)
    floors.next_floor(game, Room.MONSTER)
    assert game.gold == 100


def test_streams_of_a_floor_start_afresh():
    game = new_game()
    floors.next_floor(game, Room.MONSTER)
    assert game.words[Stream.MISC].tolist() == new_game(2).words[Stream.MISC].tolist()


def rests(game):
    return {option for option in RestOption if rest.can_rest(game, option)}


def test_rest_sites():
    game = new_game(room=Room.REST)
    assert rests(game) == {RestOption.REST, RestOption.SMITH, RestOption.RECALL}
    game.hp = 10
    rest.rest(game, RestOption.REST)
    assert (game.hp, game.screen) == (34, Screen.MAP)
    rest.rest(game, RestOption.SMITH)
    picks.pick(game, 9)
    assert deck(game)[9] == "BASH+"
    rest.rest(game, RestOption.RECALL)
    assert game.ruby_key
    tools = [Relic.COFFEE_DRIPPER, Relic.FUSION_HAMMER, Relic.GIRYA, Relic.SHOVEL]
    game = new_game(room=Room.REST, relics=tools)
    game.ruby_key = 1
    assert rests(game) == {RestOption.LIFT, RestOption.DIG}
    for _ in range(3):
        rest.rest(game, RestOption.LIFT)
    assert rests(game) == {RestOption.DIG}
    rest.rest(game, RestOption.DIG)
    assert kinds(game) == [Reward.RELIC]


def test_dreams():
    game = new_game(room=Room.REST, relics=[Relic.DREAM_CATCHER, Relic.REGAL_PILLOW])
    game.hp = 10
    rest.rest(game, RestOption.REST)
    assert game.hp == 49
    assert (game.screen, game.then) == (Screen.CARD_REWARD, Screen.MAP)
    assert len(offered(game)) == 3


def stocked(**more):
    game = new_game(room=Room.SHOP, **more)
    shop.enter_shop(game)
    return game


def prices(game):
    wares = game.shop
    return np.concatenate([wares.card_prices, wares.relic_prices, wares.potion_prices]).tolist()


def test_stock():
    game = stocked(gold=999)
    assert game.counts[Stream.MERCHANT] == 16
    assert len({int(card.id) for card in game.shop.cards[:2]}) == 2
    assert game.shop.removal_price == 75
    ascended = stocked(gold=999, ascension=16)
    assert prices(ascended) == [int(np.floor(price * 1.1 + 0.5)) for price in prices(game)]
    member = stocked(gold=999, relics=[Relic.MEMBERSHIP_CARD])
    assert prices(member) == [int(np.floor(price * 0.5 + 0.5)) for price in prices(game)]
    assert member.shop.removal_price == 38
    assert stocked(relics=[Relic.SMILING_MASK]).shop.removal_price == 50


def test_buying():
    game = stocked(gold=999)
    card, relic, potion = game.shop.cards[2].copy(), game.shop.relics[0], game.shop.potions[1]
    shop.buy_card(game, 2)
    assert deck(game)[-1] == Card(card.id).name
    shop.buy_relic(game, 0)
    assert relics(game)[-1] == relic
    shop.buy_potion(game, 1)
    assert potions(game)[0] == potion
    assert not shop.can_buy_card(game, 2)
    assert not shop.can_buy_relic(game, 0)
    assert not shop.can_buy(game, Ware.POTIONS + 1)
    assert shop.can_buy(game, Ware.REMOVAL)
    paid, before = int(game.gold), len(deck(game))
    take(game, CHOOSE)
    assert (game.screen, game.gold) == (Screen.GRID, paid)
    take(game, CHOOSE)
    assert (game.screen, game.gold, len(deck(game))) == (Screen.SHOP, paid - 75, before - 1)
    assert not shop.can_buy(game, Ware.REMOVAL)
    shop.enter_shop(game)
    assert game.shop.removal_price == 100


def all_but_the_pick(game):
    return {name: game[name].tobytes() for name in game.dtype.names if name != "pick"}


def in_grid(game):
    mask = np.zeros(ACTIONS, dtype=np.bool_)
    write_mask(game, mask)
    assert game.screen == Screen.GRID
    return bool(mask[LEAVE])


def test_a_removal_can_be_thought_over():
    game = stocked(gold=90, relics=[Relic.MAW_BANK])
    before = all_but_the_pick(game)
    take(game, CHOOSE + Ware.REMOVAL)
    assert in_grid(game)
    take(game, LEAVE)
    assert all_but_the_pick(game) == before
    assert shop.can_buy(game, Ware.REMOVAL)
    take(game, CHOOSE + Ware.REMOVAL)
    take(game, CHOOSE)
    assert (game.gold, counter(game, Relic.MAW_BANK), len(deck(game))) == (15, -2, 9)
    assert (game.removals, game.shop.removal_sold, game.shop.removal_price) == (1, 1, 100)


@pytest.mark.parametrize("option", [RestOption.SMITH, RestOption.TOKE])
def test_a_rest_site_can_be_gone_back_to(option):
    game = new_game(room=Room.REST, relics=[Relic.PEACE_PIPE])
    rest.enter_rest(game)
    before = all_but_the_pick(game)
    take(game, option_action(game, option))
    assert in_grid(game)
    take(game, LEAVE)
    assert all_but_the_pick(game) == before
    take(game, option_action(game, RestOption.RECALL))
    assert (game.ruby_key, game.screen) == (1, Screen.MAP)


@pytest.mark.parametrize("purpose", [purpose for purpose in picks.Purpose if purpose])
@pytest.mark.parametrize("room", list(Room))
def test_what_is_asked_elsewhere_has_to_be_chosen(purpose, room):
    game = new_game(room=room)
    for card in (Card.ANGER, Card.INFLAME):
        obtain_card(game, card, 0, 0)
    picks.open_pick(game, purpose, 1, Screen.COMBAT_REWARD)
    free = purpose in (picks.Purpose.UPGRADE, picks.Purpose.REMOVE)
    assert in_grid(game) == (free and room in (Room.REST, Room.SHOP))


def test_a_courier_brings_more():
    game = stocked(gold=9999, relics=[Relic.THE_COURIER])
    for _ in range(5):
        for k in range(7):
            shop.buy_card(game, k)
            assert game.shop.cards[k].id
            assert game.shop.card_prices[k] > 0
        for k in range(3):
            shop.buy_relic(game, k)
            game.screen = Screen.SHOP
            assert game.shop.relics[k] not in {Relic.INVALID, Relic.OLD_COIN, Relic.MAW_BANK}
        shop.buy_potion(game, 0)
        assert game.shop.potions[0]
        game.potions[:] = 0


def test_a_membership_halves_what_is_left():
    game = stocked(gold=999)
    before = prices(game)
    game.shop.relics[2] = Relic.MEMBERSHIP_CARD
    shop.buy_relic(game, 2)
    assert prices(game) == [int(np.floor(price * 0.5 + 0.5)) for price in before]
    assert game.shop.removal_price == 38


def test_gold_and_hp():
    game = new_game(relics=[Relic.BLOODY_IDOL])
    game.hp = 10
    vitals.gain_gold(game, 5)
    assert (game.hp, game.gold) == (15, 104)
    vitals.lose_gold(game, 200)
    assert game.gold == 0
    game = new_game(relics=[Relic.ECTOPLASM, Relic.TUNGSTEN_ROD, Relic.TORII])
    vitals.gain_gold(game, 5)
    assert game.gold == 99
    vitals.lose_hp(game, 7)
    assert game.hp == 74
    vitals.take_damage(game, 5, True)
    assert game.hp == 74
    vitals.take_damage(game, 5, False)
    assert game.hp == 70


def test_rescues():
    game = new_game(relics=[Relic.LIZARD_TAIL])
    game.potions[1] = Potion.FAIRY_POTION
    vitals.lose_hp(game, 99)
    assert (game.hp, game.potions[1]) == (24, Potion.INVALID)
    vitals.lose_hp(game, 99)
    assert game.hp == 40
    vitals.lose_hp(game, 99)
    assert (game.screen, game.outcome) == (Screen.GAME_OVER, Outcome.DEFEAT)
    game = new_game(relics=[Relic.LIZARD_TAIL, Relic.MARK_OF_THE_BLOOM])
    vitals.lose_hp(game, 80)
    assert game.outcome == Outcome.DEFEAT


def test_deck():
    game = new_game()
    obtain_card(game, Card.PARASITE, 0, 0)
    remove_card(game, 10)
    assert game.max_hp == 77
    obtain_card(game, Card.PAIN, 0, 0)
    for _ in range(30):
        transform_card(game, 10, Stream.MISC, False)
        assert deck(game)[10] in {
            *("REGRET", "INJURY", "SHAME", "PARASITE", "NORMALITY"),
            *("DOUBT", "WRITHE", "PAIN", "DECAY", "CLUMSY"),
        }
    transform_card(game, 0, Stream.MISC, True)
    assert deck(game)[10].endswith("+")


def test_a_counter_that_is_not_owned_stays_away():
    game = new_game()
    set_counter(game, Relic.OMAMORI, 2)
    assert counter(game, Relic.OMAMORI) == 0

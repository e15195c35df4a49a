"""Games to look at: played at random, and put on screens that random play seldom reaches."""

import functools
import random

from spire.actions import CHOOSE, END_TURN, LEAVE, option_action, settle
from spire.combat.select import open_selection
from spire.content.events import SCRIPTS
from spire.content.text import Task
from spire.game import Game
from spire.ids import Card, Encounter, Potion, Relic, Room
from spire.run import chests, events, picks, rest, shop
from spire.run.deck import obtain_card
from spire.run.fights import await_fight
from spire.run.holdings import hold
from spire.run.picks import Purpose
from spire.run.rest import RestOption
from spire.run.rewards import clear_rewards
from spire.run.shop import Ware
from spire.state import Fight, Screen

SEEN = 500
"""The most actions of a game."""


def moments(seed, ascension=0, *, hp=0, most=SEEN):
    """Play at random, and give the game at every decision, the end too."""
    chance = random.Random(seed)
    game = Game.new(seed, ascension)
    if hp:
        game.record.hp = game.record.max_hp = hp
    for _ in range(most):
        yield game
        if game.is_over:
            return
        legal = game.legal()
        usual = [action for action in legal if action <= END_TURN or CHOOSE <= action <= LEAVE]
        game.act(chance.choice(usual if usual and chance.random() < 0.9 else legal))


@functools.cache
def _new(seed, ascension):
    return Game.new(seed, ascension)


def on_map(seed=1, ascension=0, cards=(), relics=()):
    """A game before its first room, with some more cards and relics."""
    game = _new(seed, ascension).copy()
    game.record.screen = Screen.MAP
    for card in cards:
        obtain_card(game.record, card, 0, 0)
    for relic in relics:
        hold(game.record, relic)
    return game


def in_fight(encounter=Encounter.JAW_WORM, seed=1, *, elite=False, boss=False, **holdings):
    """A game at the first turn of a fight."""
    game = on_map(seed, **holdings)
    record = game.record
    record.x, record.y, record.floor = 3, 5, 6
    record.room = Room.BOSS if boss else Room.ELITE if elite else Room.MONSTER
    await_fight(record, encounter, elite, boss)
    settle(record)
    assert record.combat.fight == Fight.ON
    return game


def at_event(event, ascension=0):
    """A game at an event, or at what the event shows at once."""
    game = on_map(1, ascension, cards=(Card.CLUMSY, Card.ANGER))
    record = game.record
    record.floor, record.y, record.room, record.gold = 8, 7, Room.EVENT, 400
    record.potions[0] = Potion.BLOOD_POTION
    pools = record.event_pools
    for pool in (pools.events, pools.shrines, pools.one_time):
        pool[:] = 0
    pools.events[0] = event
    events.enter_event(record)
    return game


def _at(room, enter, seed=1, **holdings):
    game = on_map(seed, **holdings)
    game.record.room, game.record.floor, game.record.gold = room, 9, 300
    clear_rewards(game.record)
    enter(game.record)
    return game


def at_shop(seed=1, **holdings):
    """A game in a shop."""
    return _at(Room.SHOP, shop.enter_shop, seed, **holdings)


def at_rest(**holdings):
    """A game at a rest site."""
    return _at(Room.REST, rest.enter_rest, **holdings)


def at_chest():
    """A game in a treasure room."""
    return _at(Room.TREASURE, chests.enter_treasure)


def at_boss_chest():
    """A game before the relics of a boss."""
    return _at(Room.BOSS, chests.enter_boss_treasure)


def _thinking(game):
    """The same game, choosing a card to remove or to upgrade, which can still be given up."""
    record = game.record
    options = [Ware.REMOVAL] if game.screen == Screen.SHOP else [RestOption.TOKE, RestOption.SMITH]
    can = shop.can_buy if game.screen == Screen.SHOP else rest.can_rest
    game.act(int(option_action(record, next(each for each in options if can(record, each)))))
    return game


def choosing(purpose, needed=1):
    """A game in which cards of the deck are chosen."""
    game = on_map(cards=(Card.ANGER, Card.INFLAME, Card.CLUMSY))
    picks.open_pick(game.record, purpose, needed, Screen.MAP)
    return game


def selecting(task, amount=2):
    """A game in which cards are selected in a fight."""
    game = in_fight(cards=(Card.INFLAME, Card.WOUND, Card.CLEAVE))
    combat = game.record.combat
    if task in (Task.HEADBUTT, Task.EXHUME, Task.LIQUID_MEMORIES_POTION):
        pile = "exhaust" if task == Task.EXHUME else "discard"
        for _ in range(3):
            combat.draw_count -= 1
            combat[pile][combat[f"{pile}_count"]] = combat.draw[combat.draw_count]
            combat[f"{pile}_count"] += 1
    open_selection(game.record, task, amount)
    return game


def every_screen():
    """Games on every screen, with what it may show."""
    yield from (at_event(event, ascension) for event in SCRIPTS for ascension in (0, 15))
    yield from (choosing(purpose) for purpose in Purpose if purpose)
    yield from (selecting(task) for task in Task if task)
    yield from (at_shop(), at_shop(2, relics=(Relic.THE_COURIER,)))
    yield from (at_rest(), at_rest(relics=(Relic.GIRYA, Relic.PEACE_PIPE, Relic.SHOVEL)))
    yield from map(_thinking, (at_shop(), at_rest(), at_rest(relics=(Relic.PEACE_PIPE,))))
    yield from (at_chest(), at_boss_chest(), on_map(relics=(Relic.WING_BOOTS,)))
    yield from (Game.new(seed) for seed in range(1, 9))
    yield from (in_fight(encounter) for encounter in ENCOUNTERS)


ENCOUNTERS = (
    *(Encounter(each) for each in range(Encounter.CULTIST, Encounter.HEXAGHOST + 1)),
    Encounter.LAGAVULIN_EVENT,
    Encounter.MUSHROOMS_EVENT,
)

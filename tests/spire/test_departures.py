"""Departures: the rules that say where counting stops, each asked about a situation made by hand."""

import re
from pathlib import Path

import pytest

from spire.combat.piles import make_card
from spire.game import Game
from spire.ids import Card, Event, MonsterPower, Move, PlayerPower, Potion, Relic, Room
from spire.replay.deviations import DEVIATIONS, RULES, Situation, first_deviation
from spire.replay.project import Memory
from spire.replay.unoffered import UNOFFERED
from spire.replay.verify import perform
from spire.run.deck import obtain_card
from spire.run.events import enter_event
from spire.run.holdings import hold
from spire.run.picks import Purpose, open_pick
from spire.run.shop import enter_shop
from spire.state import Fight, Screen

DOCUMENT = Path(__file__).parents[2] / "docs/spire/departures.md"
PILES = ("hand", "draw", "discard", "exhaust")
STRIKE, DEFEND = Card.STRIKE_RED, Card.DEFEND_RED
END = {"end_turn": True}


@pytest.fixture(scope="module")
def fight():
    """Return a game of the reference engine in its first fight."""
    game = Game.new(3, reference=True)
    while game.record.combat.fight != Fight.ON:
        game.act(game.legal()[0])
    return game


class Scene:
    """A fight whose cards, relics and powers are laid out by hand."""

    def __init__(self, fight, **piles):
        self.game = fight.copy()
        self.record = self.game.record
        self.combat = self.record.combat
        self.combat.energy = 9
        for pile in PILES:
            self.combat[f"{pile}_count"] = 0
        self.combat.card_count = 0
        for pile, cards in piles.items():
            for card in cards:
                self.add(pile, card)

    def add(self, pile, card):
        card, upgrades = card if isinstance(card, tuple) else (card, 0)
        place = int(self.combat[f"{pile}_count"])
        self.combat[pile][place] = make_card(self.record, card, upgrades)
        self.combat[f"{pile}_count"] = place + 1

    def own(self, *relics):
        for relic in relics:
            hold(self.record, relic)
        return self

    def gain(self, *powers, amount=1):
        for power in powers:
            self.combat.powers[power] = amount
            self.combat.order[self.combat.order_count] = power
            self.combat.order_count += 1
        return self

    def play(self, target=0, place=0):
        """Return the deviation met by playing a card of the hand."""
        card = Card(self.combat.cards[self.combat.hand[place]].id).name
        return self.met({"play": place, "card": card, "target": target})

    def use(self, potion, target=None):
        self.record.potions[0] = potion
        return self.met({"potion": 0, "id": potion.name, "use": True, "target": target})

    def met(self, move):
        before = self.game.copy().record
        perform(self.game, move, Memory())
        return first_deviation(before, move, self.record)


def test_the_document_names_every_deviation():
    rules, _ = DOCUMENT.read_text().split("## Plain data")
    rows = [row.split("|")[1].strip() for row in rules.splitlines() if row.startswith("| ")]
    assert sorted(row for row in rows if row != "name") == sorted(one.name for one in DEVIATIONS)


def test_the_document_names_what_only_the_game_offers():
    _, rest = DOCUMENT.read_text().split("## What only the game offers")
    rows = [
        row.split("|")[1].strip() for row in rest.split("##")[0].splitlines() if row[:2] == "| "
    ]
    assert rows == ["name", *(one.name for one in UNOFFERED)]


def test_every_row_is_whole():
    rows = [row for row in DOCUMENT.read_text().splitlines() if row.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3, 4, 6}


def test_every_deviation_is_in_a_module_of_rules():
    modules = {one.holds.__module__ for one in DEVIATIONS}
    assert modules == {module.__name__ for module in RULES}


def test_nothing_is_met_in_plain_play(fight):
    assert Scene(fight, hand=[STRIKE, DEFEND], draw=[STRIKE] * 9).play() is None
    assert Scene(fight, hand=[DEFEND], draw=[STRIKE] * 9).play(target=None) is None
    assert Scene(fight, hand=[STRIKE], draw=[STRIKE] * 9).met(END) is None


@pytest.mark.parametrize(
    ("top", "name"),
    [
        (STRIKE, None),
        (Card.DARK_SHACKLES, "DARK_SHACKLES"),
        (Card.MAGNETISM, "MAGNETISM"),
        (Card.PANACHE, "PANACHE"),
        (Card.PERFECTED_STRIKE, "PERFECTED_STRIKE"),
        (Card.WOUND, "UNPLAYABLE_TOP_CARD"),
        (Card.INJURY, "UNPLAYABLE_TOP_CARD"),
        (Card.CLASH, "UNPLAYABLE_TOP_CARD"),
        ((Card.JACK_OF_ALL_TRADES, 1), "JACK_OF_ALL_TRADES_PLUS"),
    ],
)
def test_havoc_plays_the_top_card(fight, top, name):
    scene = Scene(fight, hand=[Card.HAVOC, DEFEND], draw=[*[DEFEND] * 9, top])
    scene.combat.monsters[0].hp = scene.combat.monsters[0].max_hp = 90
    assert scene.play(target=None) == name


def test_normality_and_choker_stop_what_havoc_plays(fight):
    for played, relic, hand, name in (
        (1, None, Card.NORMALITY, None),
        (2, None, Card.NORMALITY, "UNPLAYABLE_TOP_CARD"),
        (2, None, DEFEND, None),
        (4, Relic.VELVET_CHOKER, DEFEND, None),
        (5, Relic.VELVET_CHOKER, DEFEND, "UNPLAYABLE_TOP_CARD"),
    ):
        scene = Scene(fight, hand=[Card.HAVOC, hand], draw=[DEFEND] * 9)
        scene.combat.played_turn = played
        assert scene.own(*filter(None, [relic])).play(target=None) == name


def test_several_cards_at_once(fight):
    assert Scene(fight, draw=[STRIKE] * 9).use(Potion.DISTILLED_CHAOS) == "SEVERAL_TOP_CARDS"
    assert Scene(fight, draw=[DEFEND]).use(Potion.DISTILLED_CHAOS) is None


@pytest.mark.parametrize("card", [Card.OFFERING, Card.BLOODLETTING, Card.HEMOKINESIS])
def test_buffer_stops_at_a_loss_of_hp(fight, card):
    target = 0 if card == Card.HEMOKINESIS else None
    assert Scene(fight, hand=[card], draw=[STRIKE] * 9).play(target=target) is None
    scene = Scene(fight, hand=[card], draw=[STRIKE] * 9).gain(PlayerPower.BUFFER)
    assert scene.play(target=target) == "BUFFER"


def test_true_grit_with_an_only_card(fight):
    for others, name in ((0, None), (1, "TRUE_GRIT"), (2, None)):
        hand = [Card.TRUE_GRIT, *[DEFEND] * others]
        assert Scene(fight, hand=hand, draw=[STRIKE] * 9).play(target=None) == name


def test_an_upgrade_that_keeps_a_cost_apart(fight):
    hand = [(Card.ARMAMENTS, 1), Card.BODY_SLAM]
    assert Scene(fight, hand=hand).play(target=None) is None
    scene = Scene(fight, hand=[*hand, Card.BLOOD_FOR_BLOOD])
    free = scene.combat.cards[scene.combat.hand[2]]
    free.cost, free.turn_cost = 2, 0
    assert scene.play(target=None) == "UPGRADE_OF_CHANGED_COST"
    assert Scene(fight, hand=[*hand, Card.WOUND]).play(target=None) == "UPGRADE_OF_CURSE"


def test_blood_for_blood_that_is_copied_is_not_new(fight):
    scene = Scene(fight, hand=[Card.DUAL_WIELD, Card.BLOOD_FOR_BLOOD])
    scene.combat.times_damaged = 2
    assert scene.play(target=None) is None


def test_dead_branch_after_the_last_kill(fight):
    for hp, name in ((4, "DEAD_BRANCH"), (99, None)):
        scene = Scene(fight, hand=[Card.PUMMEL, DEFEND], draw=[STRIKE] * 9)
        scene.own(Relic.DEAD_BRANCH)
        for monster in scene.combat.monsters[: scene.combat.monster_count]:
            monster.dead, monster.hp = 1, 0
        first = scene.combat.monsters[0]
        first.dead, first.hp, first.max_hp = 0, hp, 99
        assert scene.play() == name


def test_an_empty_selection(fight):
    assert Scene(fight, draw=[STRIKE] * 9).use(Potion.GAMBLERS_BREW) == "EMPTY_SELECTION"
    assert Scene(fight, hand=[STRIKE], draw=[STRIKE] * 9).use(Potion.GAMBLERS_BREW) is None


def test_red_skull_as_hp_is_healed(fight):
    for hp, name in ((20, None), (39, "RED_SKULL"), (60, None)):
        scene = Scene(fight, hand=[Card.BANDAGE_UP], draw=[STRIKE] * 9).own(Relic.RED_SKULL)
        scene.record.hp, scene.record.max_hp = hp, 80
        assert scene.play(target=None) == name


def test_red_mask_on_the_first_turn_alone(fight):
    for turn, weak, name in ((0, 1, "RED_MASK"), (0, 0, None), (1, 1, None)):
        scene = Scene(fight, draw=[STRIKE] * 9).own(Relic.RED_MASK)
        scene.combat.turn = turn
        scene.combat.monsters[0].powers[MonsterPower.WEAK] = weak
        assert scene.met(END) == name


def test_two_losses_and_one_artifact(fight):
    strength, dexterity = PlayerPower.LOSE_STRENGTH, PlayerPower.LOSE_DEXTERITY
    for powers, name in (((strength, dexterity), "ARTIFACT"), ((dexterity, strength), None)):
        scene = Scene(fight, draw=[STRIKE] * 9).gain(PlayerPower.ARTIFACT, *powers)
        assert scene.met(END) == name


def test_ornithopter_with_full_hp(fight):
    for missing, name in ((0, None), (1, "TOY_ORNITHOPTER")):
        scene = Scene(fight, draw=[STRIKE] * 9).own(Relic.TOY_ORNITHOPTER)
        scene.record.hp = scene.record.max_hp - missing
        assert scene.use(Potion.BLOCK_POTION) == name


def test_all_monsters_flee(fight):
    scene = Scene(fight, draw=[STRIKE] * 9)
    for monster in scene.combat.monsters[: scene.combat.monster_count]:
        monster.move = Move.LOOTER_ESCAPE
    assert scene.met(END) == "ALL_FLED"


# Between fights.


def outside(relics=(), potions=()):
    game = Game.new(3, reference=True)
    game.record.screen, game.record.floor, game.record.room = Screen.MAP, 2, Room.EVENT
    for relic in relics:
        hold(game.record, relic)
    for slot, potion in enumerate(potions):
        game.record.potions[slot] = potion
    return game


def met(game, move):
    before = game.copy().record
    perform(game, move, Memory())
    return first_deviation(before, move, game.record)


@pytest.mark.parametrize(
    ("slot", "potions", "relics", "name"),
    [
        (0, [], [], None),
        (0, [0, 0, Potion.FIRE_POTION], [], None),
        (1, [Potion.FIRE_POTION], [], "ENTROPIC_BREW"),
        (0, [], [Relic.SOZU], "ENTROPIC_BREW"),
    ],
)
def test_entropic_brew_outside_combat(slot, potions, relics, name):
    game = outside(relics, potions)
    game.record.potions[slot] = Potion.ENTROPIC_BREW
    draws = game.record.counts.copy()
    move = {"potion": slot, "id": "ENTROPIC_BREW", "use": True, "target": None}
    assert met(game, move) == name
    # Sozu keeps the game from rolling at all.
    assert (draws == game.record.counts).all() == bool(relics)


def scrap_ooze(relics):
    game = outside(relics)
    pools = game.record.event_pools
    for pool in (pools.events, pools.shrines, pools.one_time):
        pool[:] = Event.SCRAP_OOZE
    enter_event(game.record)
    return game


@pytest.mark.parametrize(("relics", "name"), [([], None), ([Relic.TORII], "TORII")])
def test_torii_and_damage_that_nobody_deals(relics, name):
    assert met(scrap_ooze(relics), {"event": "SCRAP_OOZE", "option": 0}) == name


def test_a_courier_brings_something():
    for relics, what, name in (
        ([Relic.THE_COURIER], "card", "THE_COURIER"),
        ([Relic.THE_COURIER], "remove", None),
        ([], "card", None),
    ):
        game = outside(relics)
        game.record.room, game.record.gold = Room.SHOP, 999
        enter_shop(game.record)
        move = {"shop_buy": what} | ({} if what == "remove" else {"index": 0})
        assert met(game, move) == name


@pytest.mark.parametrize(
    ("card", "names"),
    [
        (Card.BITE, {"TRANSFORM"}),
        (Card.COMBUST, {"TRANSFORM"}),
        (Card.DOUBT, {None, "TRANSFORM"}),
        (STRIKE, {None}),
    ],
)
def test_a_card_that_is_transformed(card, names):
    found = set()
    for seed in range(1, 9):
        game = Game.new(seed, reference=True)
        obtain_card(game.record, card, 0, 0)
        place = int(game.record.deck_count) - 1
        found.add(transformed(game, place))
    assert found == names


def transformed(game, place):
    open_pick(game.record, Purpose.TRANSFORM, 1, Screen.MAP)
    shown = game.record.pick.cards[: game.record.pick.count].tolist()
    move = {"select_cards": [shown.index(place)], "task": "TRANSFORM", "deck_index": place}
    return met(game, move)


def test_a_situation_knows_what_is_played(fight):
    scene = Scene(fight, hand=[Card.HAVOC], draw=[DEFEND, STRIKE, Card.HAVOC])
    before = scene.game.copy().record
    move = {"play": 0, "card": "HAVOC", "target": None}
    perform(scene.game, move, Memory())
    played = Situation(before, move, scene.record).played
    assert [one.card for one in played] == [Card.HAVOC, Card.HAVOC, STRIKE]
    assert [one.by_itself for one in played] == [False, True, True]

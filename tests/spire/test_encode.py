"""Observations: their form, that two ways of writing them agree, and that nothing hidden is in them."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import played
from spire import observation
from spire.actions import CHOOSE, END_TURN
from spire.content.text import Task
from spire.encode import SIZE, encode, encode_view, write_observation
from spire.ids import Card, Encounter, Event, Monster, Relic
from spire.observation import BLOCKS, CARD_NUMBERS, FORM, FORMS
from spire.run.picks import Purpose
from spire.state import Mark, Screen
from spire.view import view

DOCUMENT = Path(__file__).parents[2] / "docs/spire/observation.md"
COMPILED = hasattr(write_observation, "signatures")
SEEDS = range(1, 61) if COMPILED else range(1, 3)


def name_of(place):
    for block in BLOCKS.values():
        if block.offset <= place < block.offset + block.size:
            slot, rest = divmod(place - block.offset, block.width)
            field = [each for each in block.fields if block.places[each.name] <= rest][-1]
            return f"{block.name} {slot}: {field.name} {rest - block.places[field.name]}"
    return None


def assert_same(one, other, *, hint=""):
    places = np.flatnonzero(one != other)
    assert not places.size, [(hint, name_of(k), one[k], other[k]) for k in places[:5]]


def sees(game, block, name, slot=0):
    """What an observation says in a field."""
    form = BLOCKS[block]
    field = next(each for each in form.fields if each.name == name)
    at = form.at(name) + slot * form.width
    shown = encode(game)[at : at + field.width] * field.scale
    return shown.tolist() if field.width > 1 else float(shown[0])


def test_the_blocks_fill_the_vector():
    end = 0
    for block in BLOCKS.values():
        assert block.offset == end
        end += block.size
        assert sum(field.width for field in block.fields) == block.width
        assert len(block.places) == len(block.fields)
    assert end == SIZE


def test_the_document_has_the_table():
    assert observation.table() in DOCUMENT.read_text()
    assert f"{SIZE:,} numbers" in DOCUMENT.read_text()


def test_no_two_cards_look_alike():
    looks = {(*row, up) for rows in FORMS[1:].tolist() for up, row in enumerate(map(tuple, rows))}
    assert len(looks) == 2 * len(observation.CARD_ORDER)
    assert FORMS.shape[2] == FORM


def test_both_ways_agree_on_every_screen():
    seen = set()
    for game in played.every_screen():
        message = json.loads(json.dumps(view(game)))
        assert_same(encode(game), encode_view(message), hint=game.screen.name)
        seen.add(game.screen)
    assert seen == set(Screen) - {Screen.NONE, Screen.GAME_OVER}


@pytest.mark.parametrize("seed", SEEDS)
def test_both_ways_agree_in_play(seed):
    most = played.SEEN if COMPILED else 60
    for game in played.moments(seed, (0, 20)[seed % 2], hp=500, most=most):
        assert_same(encode(game), encode_view(view(game)), hint=game.screen.name)


def test_both_ways_agree_while_cards_are_picked():
    for game in (
        played.choosing(Purpose.TRANSFORM, 2),
        played.choosing(Purpose.ASTROLABE, 3),
        played.selecting(Task.GAMBLE),
        played.selecting(Task.EXHAUST_MANY, 3),
        played.selecting(Task.LIQUID_MEMORIES_POTION),
    ):
        game.act(CHOOSE + 1)
        assert_same(encode(game), encode_view(view(game)))
        assert sees(game, "selection", "picked") == pytest.approx(1)


def test_both_ways_agree_after_a_purchase():
    for offer in (1, 8, 11):
        game = played.at_shop()
        game.record.gold = 900
        game.act(CHOOSE + offer)
        if game.screen == Screen.SHOP:
            assert_same(encode(game), encode_view(view(game)))


@pytest.mark.parametrize("relic", [Relic.RUNIC_DOME, Relic.FROZEN_EYE, Relic.STONE_CALENDAR])
def test_both_ways_agree_with_a_relic(relic):
    game = played.in_fight(relics=(relic,))
    for _ in range(3):
        assert_same(encode(game), encode_view(view(game)))
        game.act(END_TURN)


def hide_all(record):
    """Change everything that the player does not see."""
    record.words[:] += np.uint64(12345)
    record.counts[:] += 3
    record.relic_pools.relics[:] = record.relic_pools.relics[:, ::-1].copy()
    for pool in (record.event_pools.events, record.event_pools.shrines):
        pool[:] = pool[::-1].copy()
    record.encounters.monsters[:] = record.encounters.monsters[::-1].copy()
    record.encounters.elites[:] = record.encounters.elites[::-1].copy()
    record.potion_chance, record.rarity_offset = 30, -20
    record.monster_chance, record.shop_chance, record.treasure_chance = 0.9, 0.8, 0.7
    record.chest_tier, record.chest_gold = 2, 1
    record.colorless[:] = record.colorless[::-1].copy()
    record.last_room = 4
    combat = record.combat
    count = int(combat.draw_count)
    combat.draw[:count] = combat.draw[:count][::-1].copy()
    for monster in combat.monsters:
        monster.misc[2:] += 5


def test_nothing_hidden_is_in_it():
    for game in (
        played.in_fight(),
        played.in_fight(Encounter.GREMLIN_NOB, elite=True),
        played.on_map(),
        played.at_chest(),
        played.at_event(Event.DEAD_ADVENTURER),
        played.at_event(Event.BIG_FISH),
    ):
        other = game.copy()
        hide_all(other.record)
        if game.record.event == Event.DEAD_ADVENTURER:
            other.record.event_data[:3] = other.record.event_data[:3][::-1].copy()
        assert_same(encode(game), encode(other))


def test_cards_face_down_are_not_in_it():
    game = played.at_event(Event.MATCH_AND_KEEP)
    other = game.copy()
    other.record.event_data[:12] = other.record.event_data[:12][::-1].copy()
    assert_same(encode(game), encode(other))
    game.act(CHOOSE + 4)
    assert_same(encode(game), encode_view(view(game)))
    assert sees(game, "selectable", "picked", 4) == 1
    assert sees(game, "event", "options")[4] == 0


def test_what_a_fight_looks_like():
    game = played.in_fight()
    worm = observation.MONSTER_ORDER.index(Monster.JAW_WORM)
    assert sees(game, "monsters", "kind")[worm] == 1
    assert sees(game, "monsters", "there", 1) == 0
    assert sees(game, "monsters", "damage") == pytest.approx(11)
    assert sees(game, "fight", "incoming") == pytest.approx(11)
    assert sees(game, "fight", "energy") == pytest.approx(3)
    assert sum(sees(game, "draw pile", "count")) == pytest.approx(5)
    strike = CARD_NUMBERS[Card.STRIKE_RED] - 1
    assert sees(game, "deck", "count")[strike] == pytest.approx(5)


def test_a_runic_dome_hides_intents():
    game = played.in_fight(relics=(Relic.RUNIC_DOME,))
    other = game.copy()
    other.record.combat.monsters[0].move = game.record.combat.monsters[0].move + 1
    assert_same(encode(game), encode(other))
    for name in ("known", "damage", "hits", "total", "again"):
        assert sees(game, "monsters", name) == 0
    assert not any(sees(game, "monsters", "intent") + sees(game, "monsters", "move"))


def test_what_cards_in_the_hand_look_like():
    game = played.in_fight(cards=(Card.RITUAL_DAGGER, Card.SEARING_BLOW, Card.WHIRLWIND))
    combat = game.record.combat
    for slot, (card, upgrades, cost) in enumerate(
        ((Card.RITUAL_DAGGER, 0, 1), (Card.SEARING_BLOW, 3, 2), (Card.WHIRLWIND, 1, -1))
    ):
        held = combat.cards[combat.hand[slot]]
        held.id, held.upgrades, held.turn_cost = card, upgrades, cost
        held.misc = 19 if card == Card.RITUAL_DAGGER else 0
        held.marks = Mark.RETAIN
    assert sees(game, "hand", "damage", 0) == pytest.approx(19)
    assert sees(game, "hand", "damage", 1) == pytest.approx(27)
    assert sees(game, "hand", "upgrades", 1) == 3
    assert (sees(game, "hand", "x", 2), sees(game, "hand", "cost", 2)) == (1, 0)
    assert_same(encode(game), encode_view(view(game)))


def test_paths_are_counted():
    game = played.on_map()
    nodes = {(node["x"], node["y"]): node for node in view(game)["game_state"]["map"]}

    def paths(at):
        node = nodes.get(at)
        if node is None:
            return [""]
        ways = [paths((child["x"], child["y"])) for child in node["children"]]
        return [node["symbol"] + path for path in itertools.chain(*ways)]

    starts = sorted(x for x, y in nodes if y == 0)
    for slot, x in enumerate(starts):
        every = paths((x, 0))
        most, least = sees(game, "map", "most", slot), sees(game, "map", "least", slot)
        for place, symbol in enumerate("M?ER$"):
            counts = [path.count(symbol) for path in every]
            assert most[place] == pytest.approx(max(counts))
            assert least[place] == pytest.approx(min(counts))


def test_slimes_keep_their_slots_as_they_split():
    game = played.in_fight(Encounter.SLIME_BOSS, boss=True)
    record = game.record
    record.hp = record.max_hp = 900
    for _ in range(12):
        for monster in record.combat.monsters[: record.combat.monster_count]:
            if monster.used and not monster.dead and monster.hp > 40:
                monster.hp = monster.max_hp // 2 + 1
        strikes = [action for action in game.legal() if action < 50]
        game.act(strikes[-1] if strikes else 60)
        assert_same(encode(game), encode_view(view(game)))
        if record.combat.monster_count == 4:
            break
    else:
        pytest.fail("the boss did not split twice")


def test_intents_that_are_not_shown_yet():
    game = played.in_fight()
    message = view(game)
    for monster in message["game_state"]["combat_state"]["monsters"]:
        monster["intent"] = "DEBUG"
        monster["move_adjusted_damage"] = -1
    assert_same(encode(game), encode_view(message))


def test_no_game_is_all_zeros():
    menu = {"available_commands": ["start", "state"], "ready_for_command": True, "in_game": False}
    assert not encode_view(menu).any()

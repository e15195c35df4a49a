"""Views: what CommunicationMod would send."""

import json
from pathlib import Path

import pytest

import played
from spire import names
from spire.actions import CHOOSE, END_TURN, LEAVE, choice_action
from spire.content.cards import CARDS
from spire.content.events import SCRIPTS
from spire.content.monsters import KINDS
from spire.content.potions import POTIONS
from spire.content.text import Task
from spire.errors import ActionError
from spire.game import Game
from spire.ids import Card, Encounter, Event, Move, Relic
from spire.observation import RELIC_ORDER
from spire.run.picks import Purpose
from spire.state import DECK, HAND, Screen
from spire.view import listed_places, view

NAMES = Path(__file__).parents[2] / "../shared/data/spire/names.json"
ALWAYS = {
    *("screen_type", "screen_name", "is_screen_up", "screen_state", "room_phase"),
    *("action_phase", "room_type", "current_hp", "max_hp", "floor", "act", "act_boss", "gold"),
    *("seed", "class", "ascension_level", "relics", "deck", "potions", "map", "keys"),
}


def state(game):
    return view(game)["game_state"]


def commands(game):
    listed = view(game)["available_commands"]
    assert listed[-4:] == ["key", "click", "wait", "state"]
    return listed[:-4]


def test_every_screen_is_plain_values():
    for game in played.every_screen():
        message = view(game)
        assert json.loads(json.dumps(message)) == message
        assert view(game.copy()) == message
        assert set(message) == {"available_commands", "ready_for_command", "in_game", "game_state"}
        shown = message["game_state"]
        assert set(shown) - {"choice_list", "combat_state", "current_action"} == ALWAYS
        assert ("combat_state" in shown) == (shown["room_phase"] == "COMBAT")
        assert "choose" not in message["available_commands"] or shown["choice_list"]


def test_names_are_complete():
    assert set(names.MONSTERS) == {kind.monster for kind in KINDS}
    moves = {move for kind in KINDS for move in kind.moves}
    assert moves <= set(names.MOVES)
    assert set(names.EVENTS) == set(SCRIPTS)
    assert set(names.ACTIONS) == {task for task in Task if task}
    for table in (names.CARDS, names.RELICS, names.POTIONS, names.EVENTS):
        assert len(set(table.values())) == len(table)
    assert {names.MOVES[move][1] for move in Move if move in names.MOVES} >= {"SLEEP", "STUN"}


@pytest.mark.skipif(not NAMES.exists(), reason="the shared data are absent")
def test_ids_are_those_of_the_shared_data():
    listed = json.loads(NAMES.read_text())
    known = {
        kind: {each["id"]: each["game_id"] for each in listed[kind]}
        for kind in ("card", "relic", "potion")
    }
    assert all(known["card"][each.id.name] == names.CARDS[each.id] for each in CARDS)
    assert all(known["potion"][each.id.name] == names.POTIONS[each.id] for each in POTIONS)
    for relic in RELIC_ORDER:
        assert known["relic"][relic.name] == names.RELICS[relic]


def test_neow():
    game = Game.new("1")
    shown = state(game)
    assert (shown["screen_type"], shown["room_phase"]) == ("EVENT", "EVENT")
    assert shown["screen_state"]["event_id"] == "Neow Event"
    assert len(shown["choice_list"]) == 4
    assert shown["choice_list"][3] == "lose your starting relic obtain a random boss relic"
    assert shown["seed"] == 1
    assert commands(game) == ["choose"]


def test_a_large_seed_is_signed():
    assert state(Game.new(-3047511808784702860))["seed"] == -3047511808784702860


def test_the_map():
    game = played.on_map()
    shown = state(game)
    here = shown["screen_state"]
    assert here["current_node"] == {"x": 0, "y": -1}
    assert not here["first_node_chosen"]
    assert shown["choice_list"] == [f"x={node['x']}" for node in here["next_nodes"]]
    assert all(node["symbol"] == "M" for node in here["next_nodes"])
    last = [node for node in shown["map"] if node["y"] == 14]
    assert all(node["children"] == [{"x": 3, "y": 16}] for node in last)
    game.record.x, game.record.y = last[0]["x"], 14
    shown = state(game)
    assert shown["choice_list"] == ["boss"]
    assert shown["screen_state"]["boss_available"]
    assert not shown["screen_state"]["next_nodes"]


def test_a_fight():
    game = played.in_fight()
    shown = state(game)
    assert (shown["screen_type"], shown["room_phase"], shown["room_type"]) == (
        "NONE",
        "COMBAT",
        "MonsterRoom",
    )
    assert commands(game) == ["play", "end"]
    combat = shown["combat_state"]
    monster = combat["monsters"][0]
    assert (monster["id"], monster["intent"], monster["move_id"]) == ("JawWorm", "ATTACK", 1)
    assert (monster["move_base_damage"], monster["move_adjusted_damage"]) == (11, 11)
    assert monster["move_hits"] == 1
    assert "last_move_id" not in monster
    assert combat["turn"] == 1
    assert combat["player"]["energy"] == 3
    deck = {card["uuid"]: card["id"] for card in shown["deck"]}
    for card in (*combat["hand"], *combat["draw_pile"]):
        assert deck[card["uuid"]] == card["id"]
    record = game.record.combat
    top = record.cards[record.draw[record.draw_count - 1]]
    assert combat["draw_pile"][-1]["uuid"] == f"00000000-0000-4000-8000-{int(top.uid):012x}"
    game.act(END_TURN)
    assert state(game)["combat_state"]["monsters"][0]["last_move_id"] == 1


def test_a_runic_dome_hides_intents():
    monster = state(played.in_fight(relics=(Relic.RUNIC_DOME,)))["combat_state"]["monsters"][0]
    assert monster["intent"] == "NONE"
    assert not any(key.startswith("move_") for key in monster)


def test_lagavulin_sleeps_until_it_is_hit():
    game = played.in_fight(Encounter.LAGAVULIN, elite=True)
    monster = state(game)["combat_state"]["monsters"][0]
    assert (monster["intent"], monster["move_id"]) == ("SLEEP", 5)
    assert [power["id"] for power in monster["powers"]] == ["Metallicize"]
    while state(game)["combat_state"]["monsters"][0]["current_hp"] == monster["max_hp"]:
        attacks = [action for action in game.legal() if action < 50]
        game.act(attacks[0] if attacks else 60)
    monster = state(game)["combat_state"]["monsters"][0]
    assert (monster["intent"], monster["move_id"]) == ("STUN", 4)
    assert (monster["move_base_damage"], monster["powers"]) == (-1, [])


def test_a_shop():
    game = played.at_shop()
    shown = state(game)
    shop = shown["screen_state"]
    assert [len(shop[kind]) for kind in ("cards", "relics", "potions")] == [7, 3, 3]
    assert shown["choice_list"][0] == "purge"
    wares = [ware for kind in ("cards", "relics", "potions") for ware in shop[kind]]
    affordable = [ware["name"].lower() for ware in wares if ware["price"] <= shown["gold"]]
    assert shown["choice_list"][1:] == affordable
    assert commands(game) == ["choose", "leave"]
    game.act(CHOOSE)
    assert (commands(game), state(game)["gold"]) == (["choose", "cancel"], shown["gold"])
    game.act(LEAVE)
    assert state(game) == shown
    game.record.gold = 999
    game.act(CHOOSE + 1)
    assert len(state(game)["screen_state"]["cards"]) == 6


def test_other_rooms():
    rest = state(played.at_rest(relics=(Relic.SHOVEL, Relic.COFFEE_DRIPPER)))
    assert rest["choice_list"] == ["smith", "dig", "recall"]
    assert rest["room_phase"] == "INCOMPLETE"
    chest = played.at_chest()
    assert state(chest)["screen_state"]["chest_type"].endswith("Chest")
    assert commands(chest) == ["choose", "proceed"]
    assert commands(played.at_boss_chest()) == ["choose", "skip"]


def test_events():
    shown = state(played.at_event(Event.GOLDEN_IDOL))["screen_state"]
    assert [option["label"] for option in shown["options"]] == ["Take", "Leave"]
    game = played.at_event(Event.SCRAP_OOZE)
    assert "25%" in state(game)["screen_state"]["options"][0]["text"]
    game.record.event_page = 3
    assert "55%" in state(game)["screen_state"]["options"][0]["text"]
    poor = played.at_event(Event.THE_CLERIC)
    poor.record.gold = 40
    options = state(poor)["screen_state"]["options"]
    assert [option["disabled"] for option in options] == [False, True, False]
    assert [option.get("choice_index") for option in options] == [0, None, 1]


def test_match_and_keep():
    game = played.at_event(Event.MATCH_AND_KEEP)
    assert state(game)["choice_list"] == [f"card{place}" for place in range(12)]
    game.act(CHOOSE + 3)
    shown = state(game)
    assert len(shown["choice_list"]) == 11
    assert shown["screen_state"]["options"][3]["label"] in names.CARDS.values()


def test_selections():
    game = played.choosing(Purpose.TRANSFORM, 2)
    grid = state(game)["screen_state"]
    assert grid["for_transform"]
    assert commands(game) == ["choose"]
    assert (grid["num_cards"], grid["selected_cards"]) == (2, [])
    game.act(CHOOSE + 2)
    after = state(game)["screen_state"]
    assert after["cards"] == grid["cards"]
    assert after["selected_cards"] == [grid["cards"][2]]
    game = played.selecting(Task.GAMBLE)
    assert state(game)["current_action"] == "GamblingChipAction"
    assert commands(game) == ["choose", "confirm"]
    game.act(CHOOSE)
    chosen = state(game)["screen_state"]
    assert (len(chosen["hand"]), len(chosen["selected"])) == (4, 1)
    offer = state(played.selecting(Task.ATTACK_POTION))["screen_state"]
    assert (len(offer["cards"]), offer["skip_available"]) == (3, True)


@pytest.mark.parametrize(
    ("task", "amount", "most", "least"),
    [
        (Task.GAMBLE, 1, 99, 0),
        (Task.FORETHOUGHT_MANY, 1, 99, 0),
        (Task.EXHAUST_MANY, HAND, 99, 0),  # Elixir
        (Task.EXHAUST_MANY, 3, 3, 0),  # Purity
        (Task.ARMAMENTS, 1, 1, 1),
    ],
)
def test_how_many_cards_the_game_would_take(task, amount, most, least):
    game = played.selecting(task, amount)
    shown = state(game)["screen_state"]
    assert (shown["max_cards"], shown["can_pick_zero"]) == (most, least == 0)
    if least == 0:
        # There are fewer in the hand, and then there is no more to choose.
        for _ in range(min(most, int(game.record.combat.hand_count))):
            game.act(CHOOSE)
        assert state(game)["screen_state"]["max_cards"] == most
        assert commands(game) == ["confirm"]


def test_relics_count():
    relics = (Relic.KUNAI, Relic.HORN_CLEAT, Relic.DU_VU_DOLL, Relic.VELVET_CHOKER, Relic.ANCHOR)
    game = played.in_fight(relics=relics, cards=(Card.CLUMSY, Card.REGRET))
    counters = {relic["id"]: relic["counter"] for relic in state(game)["relics"]}
    assert counters == {
        "Burning Blood": -1,
        "Kunai": 0,
        "HornCleat": 1,
        "Du-Vu Doll": 2,
        "Velvet Choker": 0,
        "Anchor": -1,
    }


def test_a_split_slime_stays_on_the_list():
    game = played.in_fight(Encounter.SLIME_BOSS, boss=True)
    assert listed_places(game.record) == [0]
    combat = game.record.combat
    for place in (1, 2, 3):
        combat.monsters[place] = combat.monsters[0]
    combat.monster_count = 3
    combat.monsters[1].used = 0
    assert listed_places(game.record) == [0, -1, 2]
    combat.monsters[1].used = 1
    combat.monster_count = 4
    assert listed_places(game.record) == [0, -1, 1, -1, 2, -1, 3]


def test_bombs_and_panache():
    game = played.in_fight()
    combat = game.record.combat
    combat.bomb_turns[0], combat.bomb_damage[0] = 3, 40
    powers = state(game)["combat_state"]["player"]["powers"]
    assert powers == [{"id": "TheBomb0", "name": "The Bomb", "amount": 3, "damage": 40}]


def assert_choices_are_listed(game):
    """Choice k of the actions is entry k of the list; only rewards and potions without room may be listed idly."""
    if game.is_over:
        return
    listed = len(state(game).get("choice_list", ()))
    mask = game.mask()
    allowed = [k for k in range(DECK) if mask[choice_action(k)]]
    assert all(k < listed for k in allowed)
    if game.screen not in (Screen.COMBAT_REWARD, Screen.SHOP):
        assert len(allowed) == listed


def test_a_choice_is_an_entry_of_the_choice_list():
    for game in played.every_screen():
        assert_choices_are_listed(game)
    for seed in range(6):
        for game in played.moments(seed, hp=500):
            assert_choices_are_listed(game)


def test_what_is_picked_is_no_choice_any_more():
    game = played.selecting(Task.GAMBLE)
    before = state(game)
    game.act(CHOOSE + 1)
    after = state(game)
    assert after["choice_list"] == before["choice_list"][:1] + before["choice_list"][2:]
    assert len(after["screen_state"]["selected"]) == 1


def test_the_wares_that_can_be_paid_are_the_choices():
    game = played.at_shop()
    game.record.gold = int(sorted(game.record.shop.card_prices)[2])
    cheapest = int(game.record.shop.card_prices.argmin())
    wanted = int(game.record.shop.cards[cheapest].id)
    shown = state(game)
    listed, wares = shown["choice_list"], shown["screen_state"]["cards"]
    assert 3 <= len(listed) < 14
    deck = int(game.record.deck_count)
    game.act(CHOOSE + listed.index(wares[cheapest]["name"].lower()))
    assert game.record.deck_count == deck + 1
    assert game.record.deck[deck].id == wanted


def test_what_is_not_there_yet_cannot_be_bought():
    game = played.at_shop()
    record = game.record
    record.gold, record.shop.relics[2], record.shop.relic_prices[2] = 5000, Relic.PRISMATIC_SHARD, 1
    choice = state(game)["choice_list"].index("prismatic shard")
    assert CHOOSE + choice not in game.legal()
    before = record.tobytes()
    with pytest.raises(ActionError, match="PRISMATIC_SHARD: the cards of other classes"):
        game.act(CHOOSE + choice)
    assert record.tobytes() == before


@pytest.mark.parametrize(("ascension", "damage"), [(0, "25%"), (15, "35%")])
def test_an_event_names_the_numbers_of_its_ascension(ascension, damage):
    game = played.at_event(Event.GOLDEN_IDOL, ascension)
    game.act(CHOOSE)
    texts = [option["text"] for option in state(game)["screen_state"]["options"]]
    assert any(damage in text for text in texts)
    assert not any("(" in text for text in texts)

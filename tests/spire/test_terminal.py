"""The terminal: what is shown of a game, what keys and typed lines do, and recorded games."""

import gzip
import io
import json
import os
import sys
from itertools import chain, takewhile
from pathlib import Path

import pytest
from rich.console import Console

from spire import cli
from spire.actions import CHOOSE, END_TURN, LEAVE, PLAY, POTION, POTION_UNTARGETED
from spire.content import cards, events, potions
from spire.content.relics import SPECIALS, STARTERS
from spire.errors import RecordError, SpireError
from spire.game import Game
from spire.ids import Card, PlayerPower, Potion, Relic, Room
from spire.lines import Lines
from spire.pools import IRONCLAD_RELICS, SHARED_RELICS
from spire.run.chests import enter_boss_treasure
from spire.run.events import enter_event
from spire.shown import at_ascension
from spire.state import Screen
from spire.terminal.cards import card_text, fighting_text, potion_text
from spire.terminal.choices import every_choice, refusal, said
from spire.terminal.frames import played_frames, traced_frames
from spire.terminal.keys import Keyboard
from spire.terminal.playing import Player, play_by_keys, play_by_lines
from spire.terminal.recording import Recorder, is_recording, recorded_frames
from spire.terminal.showing import print_through, step_through
from spire.terminal.view import PAGES, Look, show
from spire.terminal.words import RELICS

TRACES = Path(__file__).parents[3] / "shared/data/spire/games_random_open.jsonl.gz"
SEED = "TEST1"
TO_FIGHT = (CHOOSE, CHOOSE + 6, CHOOSE)
"""From Neow (a card is upgraded: a Defend) to the first fight: two slimes."""


def paper(width=100, height=30, **rest):
    return Console(file=io.StringIO(), width=width, height=height, color_system=None, **rest)


def text_of(game, look=None, width=100, height=None):
    console = paper(width)
    console.print(show(console, game, look or Look(), height))
    return console.file.getvalue()


def at_fight():
    game = Game.new(SEED)
    for action in TO_FIGHT:
        game.act(action)
    return game


class Pressed:
    """Keys that are pressed one after another."""

    def __init__(self, *keys):
        self.keys = iter(keys)

    def read(self, _timeout=None):
        return next(self.keys)


# Words.


def test_every_card_says_what_it_does():
    for card in cards.BY_ID:
        for upgrades in (0, 1):
            text = card_text(card, upgrades)
            assert text, card.name
            assert "{" not in text
            assert text.endswith((".", ":"))


def test_cards_say_their_numbers():
    assert card_text(Card.BASH) == "Deal 8 damage. It gets 2 Vulnerable."
    assert card_text(Card.BASH, 1) == "Deal 10 damage. It gets 3 Vulnerable."
    assert card_text(Card.TWIN_STRIKE, 1) == "Deal 7 damage, 2 times."
    assert card_text(Card.SEARING_BLOW, 3).startswith("Deal 27 damage.")
    assert card_text(Card.DISARM) == "An enemy loses 2 Strength. Exhaust."
    assert card_text(Card.RITUAL_DAGGER, 0, 18).startswith("Deal 18 damage.")


def test_every_relic_and_potion_says_what_it_does():
    game = Game.new(SEED)
    tiers = chain(SHARED_RELICS.values(), IRONCLAD_RELICS.values())
    assert {*chain.from_iterable(tiers), *STARTERS, *SPECIALS} <= set(RELICS)
    assert all(potion_text(game.record, potion) for potion in potions.BY_ID)


def test_options_of_events_say_the_numbers_of_the_ascension():
    assert at_ascension("Agree: Doubt, 175 gold (150)", hard=False) == "Agree: Doubt, 175 gold"
    assert at_ascension("Agree: Doubt, 175 gold (150)", hard=True) == "Agree: Doubt, 150 gold"
    assert at_ascension("lose 20 to 50 gold (35 to 75)", hard=True) == "lose 35 to 75 gold"
    assert at_ascension("Leave (5% of max HP)", hard=True) == "Leave, 5% of max HP"
    for script in events.SCRIPTS.values():
        for option in script.options:
            assert "(" not in at_ascension(option.text, hard=True)


def test_a_card_in_a_fight_says_what_it_would_do_now():
    game = at_fight()
    combat = game.record.combat
    strike, defend = (
        next(c for c in combat.hand[: combat.hand_count].tolist() if combat.cards[c].id == card)
        for card in (Card.STRIKE_RED, Card.DEFEND_RED)
    )
    combat.powers[PlayerPower.STRENGTH] = 3
    combat.powers[PlayerPower.FRAIL] = 1
    assert fighting_text(game.record, strike, 0) == "Deal 9 damage."
    assert fighting_text(game.record, defend, -1) == "Gain 3 block."


# What is offered, and the view.


def entered(room):
    """A game in a room of a kind, with potions."""
    game = Game.new(SEED, 15)
    for action in TO_FIGHT[:2]:
        game.act(action)
    game.record.map.room[0] = room
    game.record.potions[:2] = Potion.FIRE_POTION, Potion.GAMBLERS_BREW
    game.act(CHOOSE)
    return game


@pytest.fixture(scope="module")
def states():
    """A state of every screen, and of every event of act 1."""
    rooms = (Room.MONSTER, Room.ELITE, Room.REST, Room.SHOP, Room.TREASURE)
    found = [Game.new(SEED), *map(entered, rooms)]
    fight, chest = found[1], found[-1].copy()
    chosen = fight.copy()
    chosen.act(POTION_UNTARGETED + 1)
    won = fight.copy()
    for monster in won.record.combat.monsters[:2]:
        monster.hp = 1
    won.record.potions[0] = Potion.EXPLOSIVE_POTION
    won.act(POTION_UNTARGETED)
    offered = won.copy()
    offered.act(CHOOSE + won.record.rewards.count - 1)
    chest.act(CHOOSE)
    smith = found[3].copy()
    smith.act(CHOOSE + 1)
    boss = found[4].copy()
    enter_boss_treasure(boss.record)
    left = boss.copy()
    left.act(LEAVE)
    found += [chosen, won, offered, chest, smith, boss, left]
    for event in events.SCRIPTS:
        game = found[4].copy()
        pools = game.record.event_pools
        for pool in (pools.events, pools.shrines, pools.one_time):
            pool[:] = 0
        pools.events[0] = event
        game.record.gold, game.record.floor = 500, 8
        game.record.deck[0].id = Card.REGRET
        enter_event(game.record)
        found.append(game)
    assert {game.screen for game in found} == set(Screen) - {Screen.NONE, Screen.MAP}
    assert all(game.record.fault == 0 for game in found)
    return found


def test_every_action_is_said_by_one_choice(states):
    for game in states:
        offered = every_choice(game)
        actions = [action for choice in offered for action in choice.actions]
        assert len(actions) == len(set(actions))
        legal = game.legal()
        assert set(legal) <= set(actions)
        for choice in offered:
            assert bool(choice.why_not) != any(action in legal for action in choice.actions)
        assert all(not said(game, action).startswith("action") for action in legal)


def test_a_view_fits_its_terminal(states):
    for game in states:
        for width, height in ((80, 24), (130, 40)):
            lines = text_of(game, width=width, height=height).rstrip("\n").split("\n")
            assert max(map(len, lines)) <= width
            assert len(lines) <= height + 1


def test_every_page_can_be_looked_at(states):
    for game in states[::4]:
        for page in PAGES.values():
            assert page.capitalize() in text_of(game, Look(page=page), height=24)


def test_a_fight_is_shown_whole():
    game = at_fight()
    text = text_of(game)
    shown = ("HP 80/80", "99 gold", "floor 1", "Burning Blood", "Spike Slime (S)", "Acid Slime (M)",
             "10/10", "30/30", "means to attack 5", "means to attack 7, weaken you", "energy 3/3",
             "draw 5, discard 0", "Bash", "Deal 8 damage", "attacks coming: 12")  # fmt: skip
    assert [each for each in shown if each not in text] == []
    assert text_of(game, Look(target=1)).count("> Acid Slime (M) <") == 1


def test_the_map_marks_the_place_and_the_ways_on():
    game = Game.new(SEED)
    for action in TO_FIGHT[:2]:
        game.act(action)
    assert text_of(game).count("[M]") == 4
    game.act(TO_FIGHT[2])
    text = text_of(game, Look(page="map"))
    assert text.count("(M)") == 1
    assert text.count("[M]") == 1


def map_of(player, width, height):
    """The lines of the page of the map: the floor where one begins, and what is drawn."""
    text = text_of(player.game, player.look, width, height).rstrip("\n")
    assert len(text.split("\n")) <= height + 1
    page = text.split("\n")[3:]
    assert page[0].startswith("Map")
    return [line[:32].rstrip() for line in takewhile(lambda line: "───" not in line, page[1:])]


def test_the_whole_map_has_a_page():
    game = Game.new(SEED)
    for action in TO_FIGHT[:2]:
        game.act(action)
    player = Player(game)
    player.press("m")
    whole = map_of(player, 120, 40)
    assert [line[:3].strip() for line in whole[::2]] == [str(floor) for floor in range(16, 0, -1)]
    assert whole[0].strip() == "16              B"
    assert whole[-1].count("[M]") == 4
    # In a small terminal it begins where the player is, and is moved to all of it.
    start = map_of(player, 80, 24)
    assert len(start) == 16 < len(whole) == 31
    assert start == whole[-len(start) :]
    for key, shown in (
        ("up", whole[-len(start) - 1 : -1]),
        ("down", start),
        ("down", start),  # there is nothing below
        ("up", whole[-len(start) - 1 : -1]),
        ("home", whole[: len(start)]),
        ("up", whole[: len(start)]),
        ("down", whole[1 : len(start) + 1]),
        ("page down", whole[11 : len(start) + 11]),
        ("end", start),
    ):
        player.press(key)
        assert map_of(player, 80, 24) == shown
    player.press("home")
    map_of(player, 80, 24)
    player.press("m")
    assert player.look.page == ""
    player.press("m")
    assert map_of(player, 80, 24) == start


def test_a_runic_dome_hides_intents():
    game = at_fight()
    game.record.relics[0] = Relic.RUNIC_DOME
    game.record.relic_slots[Relic.RUNIC_DOME] = 1
    text = text_of(game)
    assert "means to" not in text
    assert "attacks coming" not in text


# Playing.


def test_keys_play_a_game():
    game = at_fight()
    player = Player(game)
    combat = game.record.combat
    player.press("right")
    player.press("1")  # a Strike at the second monster
    assert combat.monsters[1].hp == 24
    player.press("down")
    player.press("up")
    player.press("enter")  # Bash, at the same
    assert combat.monsters[1].hp == 16
    player.press("1")
    assert combat.energy == 0
    player.press("1")
    assert player.look.note == "Defend costs 1 energy, and there is 0."
    player.press("8")
    assert player.look.note == "There is no choice 8 here."
    player.press("e")
    assert combat.turn == 1
    assert "HP -" in player.look.note


def test_keys_open_and_close_pages():
    player = Player(at_fight())
    for key, page in PAGES.items():
        player.press(key)
        assert player.look.page == page
        player.press(key)
        assert player.look.page == ""
    player.press("d")
    player.press("escape")
    assert player.look.page == ""
    player.press("z")
    assert "?" in player.look.note


def test_keys_use_potions():
    game = at_fight()
    game.record.potions[0] = Potion.FIRE_POTION
    player = Player(game)
    player.press("p")
    player.press("right")
    player.press("enter")
    assert game.record.combat.monsters[1].hp == 10
    assert player.look.page == ""


def test_quitting_asks_once():
    game = Game.new(SEED)
    play_by_keys(game, Pressed("q", "down", "1", "q", "q"), paper(), None)
    assert game.screen == Screen.GRID


def test_what_is_not_allowed_is_explained():
    game = at_fight()
    strike = PLAY
    assert refusal(game, strike + 4) == "There is no such enemy to aim at."
    assert refusal(game, PLAY + 5 * 7) == "There is no card at place 8 of the hand."
    assert refusal(game, 50) == "That card is aimed at one enemy."
    assert refusal(game, 10) == "That card is not aimed at one enemy."
    assert refusal(game, POTION) == "There is no choice 61 here."
    game.record.combat.powers[PlayerPower.ENTANGLED] = 1
    assert refusal(game, strike) == "You are entangled: no attacks this turn."


def test_lines_play_a_game():
    console, game = paper(), Game.new(SEED)
    lines = [*map(str, TO_FIGHT), "", "0", "999", "d", "foo", str(END_TURN), "q", "91"]
    play_by_lines(game, lines, console, None)
    text = console.file.getvalue()
    assert "    0 (1) Strike at Spike Slime (S)  Deal 6 damage." in text
    assert "There is no choice 999 here." in text
    assert " 3 x Defend" in text
    assert "'foo' is neither" in text
    assert game.record.combat.turn == 1


# Recorded games.


def test_a_recorded_game_is_played_again(tmp_path):
    path, game = tmp_path / "game.jsonl", Game.new(SEED, 3)
    with Recorder(path, game) as recorder:
        player = Player(game, recorder)
        for key in ("1", "1", "1", "1", "e"):
            player.press(key)
    assert is_recording(Lines(path))
    header, *lines = map(json.loads, path.read_text().splitlines())
    assert header == {"spire_game": 1, "seed": SEED, "ascension": 3}
    assert len(lines) == 5
    frames = list(recorded_frames(Lines(path)))
    assert [frame.action for frame in frames] == [*(line["action"] for line in lines), None]
    assert frames[-1].game.record.tobytes() == game.record.tobytes()
    with pytest.raises(RecordError, match="exists"):
        Recorder(path, game)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (['{"spire_game": 1, "seed": "1"}'], "line 1"),
        (['{"spire_game": 9, "seed": "1", "ascension": 0}'], "version 9"),
        (['{"spire_game": 1, "seed": "1", "ascension": 0}', "[]"], "line 2 is not an action"),
        (['{"spire_game": 1, "seed": "1", "ascension": 0}', '{"action": 3}'], "line 2: action 3"),
    ],
)
def test_a_broken_recording_is_refused(tmp_path, lines, told):
    path = tmp_path / "game.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(RecordError, match=told):
        list(recorded_frames(Lines(path)))


def test_a_game_is_stepped_through():
    game = Game.new(SEED)
    console = paper(force_terminal=True)
    keys = Pressed(
        "right", "right", "left", "m", "m", "end", "right", "home", "space", "", "", "", "q"
    )
    step_through(played_frames(game, TO_FIGHT, "a title"), keys, console)
    text = console.file.getvalue()
    assert "a title" in text
    assert "next: Defend" in text
    assert game.screen == Screen.COMBAT


def test_a_game_is_printed():
    console = paper()
    print_through(played_frames(Game.new(SEED), TO_FIGHT), console)
    assert console.file.getvalue().count("next: ") == len(TO_FIGHT)
    assert "> Spike Slime (S) <" in console.file.getvalue()


@pytest.mark.skipif(not TRACES.exists(), reason="the shared data are absent")
def test_a_trace_is_shown(tmp_path):
    path = tmp_path / "one.jsonl"
    with gzip.open(TRACES, "rt") as lines, path.open("w") as one:
        one.write(next(lines))
        one.writelines(takewhile(lambda line: not line.startswith('{"game"'), lines))
    frames = list(traced_frames(Lines(path)))
    assert frames[0].game.screen == Screen.NEOW
    taken = [said(frame.game, frame.action) for frame in frames if frame.action is not None]
    assert len(taken) > 20
    assert not any(text.startswith("action") for text in taken)
    with pytest.raises(SpireError, match="there is no game 2"):
        next(traced_frames(Lines(path), 2))


# The commands.


def test_commands_play_and_replay(tmp_path, monkeypatch, capsys):
    path = tmp_path / "game.jsonl"
    monkeypatch.setattr(sys, "stdin", io.StringIO("91\n97\n91\n"))
    assert cli.main(["play", "--seed", SEED, "--record", str(path)]) == 0
    assert "means to attack" in capsys.readouterr().out
    assert cli.main(["replay", str(path)]) == 0
    assert "next: Defend" in capsys.readouterr().out
    assert cli.main(["play", "--record", str(path)]) == 2
    assert "exists" in capsys.readouterr().err
    assert cli.main(["replay", str(tmp_path / "none")]) == 2
    assert cli.main(["play", "--seed", "!"]) == 2


def test_keys_come_by_their_names(monkeypatch):
    ours, theirs = os.openpty()
    with (
        os.fdopen(theirs, "rb", buffering=0) as terminal,
        os.fdopen(ours, "wb", buffering=0) as keys,
    ):
        monkeypatch.setattr(sys, "stdin", terminal)
        with Keyboard() as keyboard:
            keys.write(b"\x1b[A\x1bOBe\r\x1b")
            named = [keyboard.read(5.0) for _ in range(5)]
            assert named == ["up", "down", "e", "enter", "escape"]
            assert keyboard.read(0.0) == ""

"""Rewards: what each weight pays for, on games that are played."""

import random
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from spire.actions import ACTIONS, CHOOSE, END_TURN, LEAVE, THROW, take, write_mask
from spire.content.groups import GROUPS
from spire.errors import RunError
from spire.ids import Card, Encounter, Potion, Relic, Room
from spire.log import fight_rows
from spire.run.deck import obtain_card, remove_card
from spire.run.holdings import hold
from spire.run.rest import RestOption, enter_rest
from spire.run.vitals import gain_gold, gain_max_hp, heal, lose_gold, lose_hp, lose_max_hp
from spire.scenarios import NAMED, Scenario, begin_run, new_game
from spire.shaping import (
    MEASURES,
    PAID,
    SHAPED,
    SPARSE,
    WEIGHTS,
    Weights,
    find_weights,
    measure,
    score,
)
from spire.state import LOGGED, Fight, FightKind, Outcome, Screen, empty


def new_run(seed=1, ascension=0):
    game = empty(1)[0]
    begin_run(game, seed, ascension)
    return game


def new_fight(seed=1, **fields):
    return new_game(Scenario(**fields), seed).record


def measured(game):
    taken = np.zeros(1, dtype=MEASURES)[0]
    measure(game, taken)
    return taken


def worth(game, change, weights=SHAPED):
    """What a change of a game is worth."""
    before = measured(game)
    change(game)
    return float(score(before, measured(game), weights.as_record()))


def legal(game):
    mask = np.zeros(ACTIONS, dtype=np.bool_)
    write_mask(game, mask)
    return np.flatnonzero(mask).tolist()


def play(game, choose, weights=SHAPED):
    """Play to the end; the worth of every action, and the measures around it."""
    steps = []
    while game.outcome == Outcome.NONE:
        before = measured(game)
        take(game, choose(legal(game)))
        after = measured(game)
        steps.append((float(score(before, after, weights.as_record())), before, after))
    return steps


def first(options):
    """Play the first card there is; end the turn last."""
    return options[0]


def test_the_table_is_the_write_ups():
    assert {name: value for name, value in asdict(SHAPED).items() if name != "fight_won"} == {
        "gold": 0.01,
        "relic": 1.0,
        "max_hp": 0.10,
        "card_removed": 0.2,
        "upgrade_at_rest": 0.30,
        "floor": 0.5,
        "floor_hp": 0.25,
        "hp_lost": -0.08,
        "heal": 0.025,
        "enemy_hp": 0.015,
        "kill": 0.75,
        "elite": 4.0,
        "boss": 8.0,
        "boss_hp": 8.0,
        "act": 12.0,
        "victory": 60.0,
        "defeat": -25.0,
        "defeat_floor": 0.25,
    }
    explained = [name for names, _ in PAID for name in names]
    assert explained == [field.name for field in fields(Weights)]
    assert set(WEIGHTS.names) == {field.name for field in fields(Weights)}


@pytest.mark.parametrize(
    ("change", "paid"),
    [
        (lambda game: None, 0.0),
        (lambda game: gain_gold(game, 30), 0.3),
        (lambda game: lose_gold(game, 50), -0.5),
        (lambda game: hold(game, Relic.VAJRA), 1.0),
        (lambda game: remove_card(game, 0), 0.2),
        (lambda game: obtain_card(game, Card.ANGER, 0, 0), 0.0),
        (lambda game: lose_hp(game, 10), -0.8),
    ],
)
def test_what_changes_outside_combat(change, paid):
    assert worth(new_run(), change) == pytest.approx(paid)


def test_healing_is_worth_more_the_more_is_missing():
    game = new_run()
    game.hp = 20
    assert worth(game, lambda game: heal(game, 10)) == pytest.approx(0.025 * 10 * 0.75)
    game.hp = 60
    assert worth(game, lambda game: heal(game, 10)) == pytest.approx(0.025 * 10 * 0.25)
    assert worth(game, lambda game: gain_max_hp(game, 0)) == 0.0


def test_maximum_hp_is_paid_and_taken_back():
    only = Weights(max_hp=0.1)
    game = new_run()
    assert worth(game, lambda game: gain_max_hp(game, 7), only) == pytest.approx(0.7)
    assert worth(game, lambda game: lose_max_hp(game, 7), only) == pytest.approx(-0.7)


def test_an_upgrade_at_a_rest_site():
    game = new_run()
    game.room = Room.REST
    enter_rest(game)
    only = Weights(upgrade_at_rest=0.3)
    smith, card = CHOOSE + RestOption.SMITH, CHOOSE
    assert worth(game, lambda game: take(game, smith), only) == 0.0
    assert game.screen == Screen.GRID
    for _ in range(2):
        assert worth(game, lambda game: take(game, LEAVE), only) == 0.0
        assert game.screen == Screen.REST
        assert worth(game, lambda game: take(game, smith), only) == 0.0
    game.potions[0] = Potion.FIRE_POTION
    assert worth(game, lambda game: take(game, THROW), only) == 0.0
    assert worth(game, lambda game: take(game, card), only) == pytest.approx(0.3)
    assert game.deck[0].upgrades == 1


def test_a_floor_is_worth_more_in_good_health():
    game = new_run()
    game.screen, game.hp = Screen.MAP, 40
    paid = worth(game, lambda game: take(game, CHOOSE), Weights(floor=0.5, floor_hp=0.25))
    assert game.floor == 1
    assert paid == pytest.approx(0.5 + 0.25 * 40 / 80)


@pytest.mark.parametrize("name", [encounter.name for encounter in GROUPS])
def test_a_won_fight_pays_the_hp_that_the_monsters_began_with(name):
    game = new_fight(
        encounter=name,
        deck=("CARNAGE+", "OFFERING") * 10,
        relics=("BURNING_BLOOD",),
        hp=999,
        max_hp=999,
    )
    began = int(game.log.fights[0].monster_hp)
    assert began == sum(monster.hp for monster in game.combat.monsters if monster.used)
    steps = play(game, first, Weights(enemy_hp=1.0))
    left = sum(int(monster.hp) for monster in game.combat.monsters if monster.escaped)
    assert game.outcome == Outcome.FIGHT_OVER
    assert sum(paid for paid, *_ in steps) == pytest.approx(began - left)


def test_kills():
    only = Weights(kill=0.75)
    cleave = new_fight(encounter="LOTS_OF_SLIMES", deck=("CLEAVE+",) * 10, hp=500, max_hp=500)
    assert sum(paid for paid, *_ in play(cleave, first, only)) == pytest.approx(5 * 0.75)
    split = new_fight(encounter="SLIME_BOSS", deck=("CLEAVE+",) * 10, hp=900, max_hp=900)
    # The boss and the large slimes split; only what is left of them is killed.
    assert sum(paid for paid, *_ in play(split, first, only)) == pytest.approx(4 * 0.75)


def test_a_won_fight_in_full():
    game = new_fight(
        encounter="GREMLIN_NOB", deck=("CARNAGE+",) * 10, relics=(), hp=100, max_hp=120
    )
    began = int(game.log.fights[0].monster_hp)
    steps = play(game, first)
    lost = 100 - int(game.hp)
    assert sum(paid for paid, *_ in steps) == pytest.approx(
        0.015 * began + 0.75 - 0.08 * lost + 4.0 + 0.75
    )
    assert steps[-1][2].won == 1


def test_a_boss_is_worth_more_the_more_hp_is_kept():
    game = new_fight(encounter="HEXAGHOST", deck=("CARNAGE+", "OFFERING") * 8, hp=900, max_hp=999)
    only = Weights(boss=8.0, boss_hp=8.0)
    paid = sum(each for each, *_ in play(game, first, only))
    assert 8.0 < paid == pytest.approx(8.0 + 8.0 * int(game.hp) / 900)


def test_defeat():
    game = new_fight(encounter="LAGAVULIN", deck=("DEFEND_RED",) * 10, hp=1, floor=9)
    steps = play(game, lambda options: END_TURN)
    assert game.outcome == Outcome.DEFEAT
    assert steps[-1][0] == pytest.approx(-25.0 + 0.25 * 9 - 0.08)
    sparse = new_fight(encounter="LAGAVULIN", hp=1)
    assert sum(each for each, *_ in play(sparse, lambda options: END_TURN, SPARSE)) == 0.0


def test_a_cleared_act_and_a_won_game():
    def end(outcome):
        def change(game):
            game.outcome = outcome

        return change

    assert worth(new_run(), end(Outcome.ACT_CLEARED)) == pytest.approx(12.0)
    assert worth(new_run(), end(Outcome.VICTORY)) == pytest.approx(60.0)
    assert worth(new_run(), end(Outcome.VICTORY), SPARSE) == pytest.approx(1.0)
    assert worth(new_run(), end(Outcome.FAULT)) == 0.0


def test_gold_of_a_run_adds_up():
    """What is paid step by step is what the game has in the end."""
    draw = random.Random(3)
    game = new_run(seed=11)
    only = Weights(gold=1.0, relic=1000.0, max_hp=1e6, floor=1e9)
    total = sum(each for each, *_ in play(game, draw.choice, only))
    assert total == pytest.approx(
        int(game.gold)
        - 99
        + 1000 * (int(game.relic_count) - 1)
        + 1e6 * (int(game.max_hp) - 80)
        + 1e9 * int(game.floor)
    )


def test_weights_are_found_and_changed():
    assert find_weights("sparse") is SPARSE
    assert find_weights(SPARSE) is SPARSE
    assert find_weights({"gold": 0}) == replace(SHAPED, gold=0.0)
    with pytest.raises(RunError, match="no rewards 'dense'; there are sparse, shaped"):
        find_weights("dense")
    with pytest.raises(RunError, match="no reward weight 'golds'"):
        find_weights({"golds": 1})
    with pytest.raises(RunError, match="'gold' is nan"):
        Weights(gold=float("nan"))


def test_the_rows_of_fights():
    game = new_fight(
        encounter="GREMLIN_NOB", deck=("CARNAGE+",) * 10, relics=("BURNING_BLOOD",), hp=70, floor=7
    )
    opened = fight_rows(game)
    assert [(row["result"], row["won"], row["turns"]) for row in opened] == [("on", False, 0)]
    hits, hp = [], 70
    while game.outcome == Outcome.NONE:
        take(game, first(legal(game)))
        if game.hp < hp and game.outcome == Outcome.NONE:
            hits.append(hp - int(game.hp))
            hp = int(game.hp)
    (row,) = fight_rows(game)
    assert row == {
        "kind": "elite",
        "encounter": "gremlin_nob",
        "monsters": ["gremlin_nob"],
        "act": 1,
        "floor": 7,
        "hp_before": 70,
        "hp_after": 70 - sum(hits) + 6,
        "max_hp": 80,
        "turns": int(game.combat.turn) + 1,
        "damage_taken": sum(hits),
        "largest_hit": max(hits),
        "result": "won",
        "won": True,
    }


def test_a_fight_that_is_fled_from_is_not_won():
    game = new_fight(encounter="JAW_WORM", potions=("SMOKE_BOMB",))
    take(game, next(action for action in legal(game) if 61 <= action < CHOOSE))
    while game.outcome == Outcome.NONE:
        take(game, END_TURN)
    (row,) = fight_rows(game)
    assert (row["result"], row["won"]) == ("fled", False)
    assert measured(game).won == 0
    assert worth(new_run(), lambda game: None) == 0.0


def test_kinds_are_counted():
    event = new_fight(encounter="LAGAVULIN_EVENT", deck=("CARNAGE+",) * 10, hp=500, max_hp=500)
    assert sum(each for each, *_ in play(event, first, Weights(elite=4.0))) == 0.0
    assert event.log.won[FightKind.EVENT] == event.log.fought[FightKind.EVENT] == 1
    draw = random.Random(5)
    run = new_run(seed=5)
    play(run, draw.choice)
    rows = fight_rows(run)
    assert len(rows) == run.log.count == sum(run.log.fought) < LOGGED
    assert [row["won"] for row in rows].count(True) == sum(run.log.won)
    assert rows[-1]["result"] == Fight(Fight.LOST).name.lower()
    assert [row["floor"] for row in rows] == sorted({row["floor"] for row in rows})
    begin_run(run, 6, 0)
    assert fight_rows(run) == []
    assert sum(run.log.fought) == sum(run.log.won) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ascension": 21}, "ascension 21 is outside 0 to 20"),
        ({"deck": ("BASH",)}, "'deck' is for fights"),
        ({"encounter": "GREMLIN_KNOB"}, "no encounter 'GREMLIN_KNOB'; did you mean GREMLIN_NOB"),
        ({"encounter": "CULTIST", "deck": ("BASHH",)}, "no card 'BASHH'; did you mean BASH"),
        ({"encounter": "CULTIST", "deck": ("BASH+2",)}, "BASH has at most 1 upgrades"),
        ({"encounter": "CULTIST", "deck": ("BASH+x",)}, "BASH has at most 1 upgrades"),
        ({"encounter": "CULTIST", "deck": ("REGRET+",)}, "REGRET has at most 0 upgrades"),
        ({"encounter": "CULTIST", "deck": "BASH"}, "no deck 'BASH'; there are starter, early"),
        ({"encounter": "CULTIST", "deck": ("BASH",) * 161}, "no list of at most 160 names"),
        ({"encounter": "CULTIST", "relics": "ANCHOR"}, "no list of at most 64 names"),
        ({"encounter": "CULTIST", "relics": ("VAJRAS",)}, "no relic 'VAJRAS'"),
        ({"encounter": "CULTIST", "potions": ("BEER",)}, "no potion 'BEER'"),
        ({"encounter": "CULTIST", "potions": ("FIRE_POTION",) * 6}, "at most 5 names"),
        ({"encounter": "CULTIST", "hp": 0}, "hp 0 is outside 1 to 999"),
        ({"encounter": "CULTIST", "hp": 30, "max_hp": 20}, "hp 30 is more than max_hp 20"),
    ],
)
def test_scenarios_that_there_are_not(given, says):
    with pytest.raises(RunError, match=says.replace("+", r"\+")):
        Scenario(**given)


def test_a_fight_is_laid_out_as_it_is_given():
    game = new_fight(
        encounter="cultist",
        ascension=12,
        deck=["bash+", "Searing_Blow+3"],
        relics=["vajra", "Anchor"],
        potions=["FIRE_POTION", "swift_potion", "fear_potion"],
        hp=33,
        max_hp=44,
        floor=5,
    )
    assert (game.hp, game.max_hp, game.floor, game.ascension) == (33, 44, 5, 12)
    assert [(card.id, card.upgrades) for card in game.deck[: game.deck_count]] == [
        (Card.BASH, 1),
        (Card.SEARING_BLOW, 3),
    ]
    assert [Relic(each) for each in game.relics[: game.relic_count]] == [Relic.VAJRA, Relic.ANCHOR]
    assert (game.combat.block, game.combat.hand_count, game.potion_slots) == (10, 2, 3)
    assert game.combat.encounter == Encounter.CULTIST
    assert game.screen == Screen.COMBAT


def test_what_is_left_out_is_as_a_run_begins():
    fight, run = new_fight(encounter="CULTIST", ascension=14), new_run(ascension=14)
    for name in ("hp", "max_hp", "gold", "deck_count", "relic_count", "potion_slots"):
        assert fight[name] == run[name]
    assert fight.room == Room.MONSTER
    assert {name for name in NAMED if not name.startswith("fight-")} == {f"a{n}" for n in range(21)}


def test_a_record_can_be_used_again():
    """A fight in a record leaves nothing behind for the run that follows, nor the other way."""
    used = new_fight(encounter="GREMLIN_NOB", deck=("BASH",), relics=("ANCHOR",), hp=12)
    begin_run(used, 9, 0)
    fresh = new_run(seed=9)
    draws = random.Random(2), random.Random(2)
    for game, draw in zip((used, fresh), draws, strict=True):
        play(game, draw.choice)
    assert fight_rows(used) == fight_rows(fresh)
    assert (used.hp, used.gold, used.floor) == (fresh.hp, fresh.gold, fresh.floor)

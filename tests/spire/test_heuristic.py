"""The heuristic player: it wins, it does only what is allowed, and nothing hidden moves it."""

import json

import numba
import numpy as np
import pytest

import played
from spire.actions import LEAVE, option_action
from spire.content.card_pools import CLASS_CARDS, COLORLESS_CARDS
from spire.content.potions import POTION_POOL
from spire.game import Game
from spire.heuristic.player import Player
from spire.heuristic.results import as_json, as_text, evaluate, interval
from spire.heuristic.tiers import CARD_WORTH, NEOW_WORTH, POTION_WORTH, RELIC_WORTH
from spire.heuristic.traits import TRAIT
from spire.ids import Card, NeowBonus, Relic
from spire.pools import IRONCLAD_RELICS, SHARED_RELICS
from spire.run.rest import RestOption
from spire.run.shop import Ware
from spire.state import Outcome, Screen

compiled = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="a game takes a minute in plain Python"
)


def hide_differently(game, seed):
    """Return a copy that looks the same to a player: its luck, and all that is laid out ahead, is another."""
    rng = np.random.default_rng(seed)
    twin = game.copy()
    record = twin.record
    record.words[:] = rng.integers(1, 2**63, size=record.words.shape, dtype=np.uint64)
    combat = record.combat
    count = int(combat.draw_count)
    combat.draw[:count] = rng.permutation(combat.draw[:count])
    relics, events = record.relic_pools.relics, record.event_pools
    for values in (*relics, events.events, events.shrines, events.one_time):
        values[:] = rng.permutation(values)
    for name in ("monsters", "elites"):
        values = record.encounters[name]
        values[...] = rng.permutation(values)
    record.potion_chance = rng.integers(-30, 50)
    record.rarity_offset = rng.integers(-30, 5)
    return twin


@compiled
def test_it_beats_the_boss_of_act_1():
    results = evaluate(range(1, 21))
    assert results.games == 20
    assert results.faults == 0
    assert results.beaten >= 18
    plain = json.loads(json.dumps(as_json(results)))
    assert plain["beat_boss"] == results.beaten / 20
    assert "beat it" in as_text(results)


@compiled
@pytest.mark.parametrize("seed", [5264611114443869458, 3, 4])
def test_it_does_only_what_is_allowed(seed):
    """In the first game it once would have ended its turn where a card had to be selected."""
    game, player = Game.new(seed), Player()
    while not game.is_over:
        game.act(player.choose(game))
    assert game.record.fault == 0


@compiled
def test_what_is_hidden_does_not_move_it():
    game, player = Game.new(7), Player()
    decisions = 0
    while not game.is_over:
        action = Player().choose(game)
        assert action in game.legal()
        for seed in range(2):
            assert Player().choose(hide_differently(game, seed)) == action
        game.act(player.choose(game))
        decisions += 1
    assert decisions > 100


@compiled
def test_it_leaves_the_game_as_it_is():
    game, player = Game.new(3), Player()
    for _ in range(60):
        before = game.record.tobytes()
        action = player.choose(game)
        assert game.record.tobytes() == before
        game.act(action)


@compiled
def test_it_plays_the_same_game_again():
    games = [Game.new(11), Game.new(11)]
    for game in games:
        Player().play(game)
    assert games[0].record.tobytes() == games[1].record.tobytes()
    assert games[0].record.outcome != Outcome.FAULT


def test_a_choice_is_allowed_on_the_first_screens():
    game, player = Game.new(1), Player()
    while game.screen != Screen.COMBAT:
        game.act(player.choose(game))
    assert game.record.floor == 1


def test_it_goes_through_with_what_it_begins():
    shop, rest, pipe = (
        played.at_shop(),
        played.at_rest(),
        played.at_rest(relics=(Relic.PEACE_PIPE,)),
    )
    for game, option in ((shop, Ware.REMOVAL), (rest, RestOption.SMITH), (pipe, RestOption.TOKE)):
        game.act(int(option_action(game.record, option)))
        assert LEAVE in game.legal()
        action = Player().choose(game)
        assert action in game.legal()
        assert action != LEAVE


def test_everything_that_can_be_offered_has_its_place_in_the_tiers():
    offered = [each for cards in CLASS_CARDS.values() for each in cards] + list(COLORLESS_CARDS)
    assert all(CARD_WORTH[each] > 0 for each in offered)
    relics = [
        each
        for pools in (SHARED_RELICS, IRONCLAD_RELICS)
        for tier in pools.values()
        for each in tier
    ]
    assert all(RELIC_WORTH[each] > 0 for each in relics)
    assert all(POTION_WORTH[each] > 0 for each in POTION_POOL)
    assert all(NEOW_WORTH[each] > 0 for each in NeowBonus if each != NeowBonus.INVALID)


def test_traits_are_read_from_the_texts_of_cards():
    bash = TRAIT[Card.BASH]
    assert (list(bash.damage), list(bash.vulnerable)) == ([8, 10], [2, 3])
    assert list(TRAIT[Card.SHRUG_IT_OFF].draw) == [1, 1]
    assert list(TRAIT[Card.OFFERING].energy) == [2, 2]


def test_intervals_hold_the_share():
    low, high = interval(81, 100)
    assert 0.72 < low < 0.81 < high < 0.88

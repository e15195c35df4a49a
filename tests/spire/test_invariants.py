"""What holds after every action, whatever is done: a million random ones, on all ascensions."""

import hashlib
import json
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spire.actions import ACTIONS, take, write_mask
from spire.batch import random_actions
from spire.compiled import allocating_kernel, kernel
from spire.game import Game
from spire.rng import next_below, seed_stream
from spire.scenarios import begin_run
from spire.state import DECK, HAND, Outcome

PLAIN = bool(numba.config.DISABLE_JIT)
GAMES = 10 if PLAIN else 210
PER_GAME = 30 if PLAIN else 5000
"""Together more than a million actions, compiled."""
WRONG = (
    "nothing",
    "a fault of the engine",
    "HP out of bounds",
    "negative gold",
    "a bad deck",
    "negative energy or block",
    "a monster out of bounds",
    "a card in two piles",
    "no action allowed",
    "an action allowed in a game that is over",
)


@kernel
def marked(combat, pile, count, seen):
    """Mark the cards of a pile; whether one of them was marked before."""
    for k in range(count):
        c = int(pile[k])
        if c < 0 or c >= combat.card_count or seen[c]:
            return True
        seen[c] = True
    return False


@kernel
def wrong(game, seen):
    """Return which of `WRONG` holds."""
    if game.fault != 0:
        return 1
    if game.hp < 0 or game.hp > game.max_hp or game.max_hp < 1:
        return 2
    if game.gold < 0:
        return 3
    if game.deck_count < 0 or game.deck_count > DECK:
        return 4
    for k in range(game.deck_count):
        if game.deck[k].id <= 0:
            return 4
    combat = game.combat
    if combat.energy < 0 or combat.block < 0 or combat.block > 999:
        return 5
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        if monster.hp < 0 or monster.hp > monster.max_hp or monster.block < 0:
            return 6
    for c in range(combat.card_count):
        seen[c] = False
    if combat.hand_count > HAND:
        return 7
    twice = marked(combat, combat.hand, int(combat.hand_count), seen)
    twice = twice or marked(combat, combat.draw, int(combat.draw_count), seen)
    twice = twice or marked(combat, combat.discard, int(combat.discard_count), seen)
    twice = twice or marked(combat, combat.exhaust, int(combat.exhaust_count), seen)
    twice = twice or marked(combat, combat.limbo, int(combat.limbo_count), seen)
    return 7 if twice else 0


@allocating_kernel
def play_at_random(game, actions, word):
    """Take random allowed actions until something is wrong; return what is, and how many were taken."""
    words = np.zeros((1, 2), dtype=np.uint64)
    counts = np.zeros(1, dtype=np.int32)
    seed_stream(words, counts, 0, word)
    mask = np.zeros(ACTIONS, dtype=np.bool_)
    allowed = np.zeros(ACTIONS, dtype=np.int64)
    seen = np.zeros(game.combat.cards.size, dtype=np.bool_)
    for taken in range(actions):
        write_mask(game, mask)
        count = 0
        for action in range(ACTIONS):
            if mask[action]:
                allowed[count] = action
                count += 1
        if game.outcome != Outcome.NONE:
            if count > 0:
                return 9, taken
            begin_run(game, np.uint64(game.seed) + np.uint64(1000), int(game.ascension))
            continue
        if count == 0:
            return 8, taken
        take(game, allowed[next_below(words, 0, count)])
        found = wrong(game, seen)
        if found:
            return found, taken
    return 0, actions


def test_a_million_random_actions_leave_nothing_wrong():
    taken = 0
    for number in range(GAMES):
        game = Game.new(number + 1, number % 21)
        if number % 3 == 0:
            # Far into the act, where more relics and cards come together.
            game.record.hp = game.record.max_hp = 999
        found, count = play_at_random(game.record, PER_GAME, np.uint64(number))
        assert not found, (WRONG[found], number, count)
        taken += count
    assert taken == GAMES * PER_GAME


def digest(game):
    return hashlib.sha256(game.record.tobytes()).hexdigest()


def at_random(game, draws):
    """Take one allowed action for each draw."""
    for draw in draws:
        legal = game.legal()
        if not legal:
            return
        game.act(legal[draw % len(legal)])


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(0, 20),
    st.lists(st.integers(0, 10_000), max_size=60),
    st.lists(st.integers(0, 10_000), min_size=1, max_size=30),
)
def test_a_copy_goes_its_own_way(seed, ascension, before, after):
    game = Game.new(seed, ascension)
    at_random(game, before)
    kept = digest(game)
    twin = game.copy()
    at_random(twin, after)
    assert digest(game) == kept
    at_random(game, after)
    assert digest(game) == digest(twin)


PLAYED = """
import hashlib, json, sys
from spire.game import Game
found = []
for seed, ascension in ((1, 0), (2, 20), (3, 12)):
    game, draw = Game.new(seed, ascension), seed
    game.record.hp = game.record.max_hp = 400
    for _ in range(250):
        legal = game.legal()
        if not legal:
            break
        draw = draw * 48271 % 2147483647
        game.act(legal[draw % len(legal)])
        found.append(hashlib.sha256(game.record.tobytes()).hexdigest()[:16])
json.dump(found, sys.stdout)
"""


@pytest.mark.skipif(PLAIN, reason="needs both ways")
def test_compiled_code_plays_as_plain_python_does():
    """Every state of three games, to the last byte."""
    found = []
    for disable in ("0", "1"):
        run = subprocess.run(
            [sys.executable, "-c", PLAYED],
            env={**os.environ, "NUMBA_DISABLE_JIT": disable},
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(run.stdout))
    assert len(found[0]) > 300
    assert found[0] == found[1]


def test_random_actions_are_allowed_ones():
    masks = np.zeros((50, ACTIONS), dtype=np.bool_)
    draw = np.random.default_rng(1)
    masks[np.arange(50), draw.integers(0, ACTIONS, 50)] = True
    masks[:25, 60] = True
    generator = np.array([[1, 2]], dtype=np.uint64)
    seen = {tuple(random_actions(masks, generator)) for _ in range(8)}
    assert len(seen) == 8
    for actions in seen:
        assert masks[np.arange(50), actions].all()

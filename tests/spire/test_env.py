"""The game for Gymnasium: one at a time, and many side by side."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from spire.actions import ACTIONS, END_TURN, WAIT
from spire.batch import METRICS, MOST_ACTIONS, Batch
from spire.encode import SIZE
from spire.env import SpireEnv, SpireVectorEnv
from spire.errors import ActionError, RunError, SeedError, SpireError
from spire.game import Game
from spire.scenarios import NAMED, Scenario
from spire.seeds import parse_seed, seed_text
from spire.shaping import SHAPED, SPARSE, Weights

WEAK = {"encounter": "CULTIST", "deck": ["STRIKE_RED"] * 5, "hp": 3}
"""A fight that ends soon."""


def choose(masks, draw):
    return (draw.random(masks.shape) * masks).argmax(axis=-1)


def test_gymnasium_makes_one():
    env = gymnasium.make("Spire-v0")
    observation, info = env.reset(seed=7)
    assert env.observation_space.contains(observation)
    assert env.action_space == gymnasium.spaces.Discrete(ACTIONS)
    assert info["seed"] == seed_text(7)
    assert np.array_equal(info["action_mask"], Game.new(7).mask())
    draw, total, ended = np.random.default_rng(1), 0.0, False
    while not ended:
        action = int(choose(info["action_mask"], draw))
        observation, reward, ended, truncated, info = env.step(action)
        assert env.observation_space.contains(observation)
        assert not truncated
        total += reward
    assert set(METRICS) <= set(info)
    assert len(info["fights"]) >= info["elite_fights"] + info["boss_fights"]
    assert info["fights"][-1]["hp_after"] == info["hp"] == 0
    assert info["action_mask"].nonzero()[0].tolist() == [WAIT]
    assert total < 0


def test_its_name_says_where_it_is():
    """Gymnasium imports what stands before the colon, and nobody else has to."""
    code = """
import sys
import gymnasium
assert "spire" not in sys.modules and "Spire-v0" not in gymnasium.registry
env = gymnasium.make("spire.env:Spire-v0", scenario="a20")
assert type(env.unwrapped).__name__ == "SpireEnv"
assert gymnasium.make_vec("spire.env:Spire-v0", num_envs=2).num_envs == 2
assert "Spire-v0" in gymnasium.registry
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_game_that_is_over_takes_no_action():
    env = SpireEnv(WEAK)
    env.reset(seed=1)
    ended = False
    while not ended:
        ended = env.step(END_TURN)[2]
    for action in (WAIT, END_TURN, -1):
        with pytest.raises(ActionError, match="over: reset"):
            env.step(action)


def test_a_seed_is_a_game():
    """The same seed and actions give the same; without a seed, another game is drawn."""
    env = gymnasium.make("Spire-v0", scenario="a20")
    games = []
    for seed in (3, 3, None, None):
        observation, info = env.reset(seed=seed)
        seen, draw = [observation], np.random.default_rng(0)
        for _ in range(20):
            step = env.step(int(choose(info["action_mask"], draw)))
            info = step[-1]
            seen.append(np.append(step[0], step[1]))
        games.append((info["seed"], np.concatenate(seen)))
    assert games[0][0] == games[1][0]
    assert np.array_equal(games[0][1], games[1][1])
    assert len({seed for seed, _ in games}) == 3
    env.reset(seed=3)
    assert env.reset()[1]["seed"] == games[2][0]


def test_a_game_of_one_fight():
    env = gymnasium.make("Spire-v0", scenario=WEAK, rewards={"defeat": -7.0, "defeat_floor": 0.0})
    env.reset(seed=1)
    rewards, ended = [], False
    while not ended:
        _, reward, ended, _, info = env.step(END_TURN)
        rewards.append(reward)
    assert rewards[-1] == pytest.approx(-7.0 + 3 * SHAPED.hp_lost)
    assert (info["victory"], info["floor"], len(info["fights"])) == (0.0, 1.0, 1)


def test_what_is_wrong_is_refused():
    with pytest.raises(RunError, match="did you mean 'fight-gremlin-nob'"):
        SpireEnv("fight-gremlin-knob")
    with pytest.raises(RunError, match="no rewards 'dense'"):
        SpireEnv(rewards="dense")
    with pytest.raises(RunError, match="a scenario has no 'level'"):
        SpireEnv({"level": 3})


def test_an_action_that_is_not_allowed_moves_nothing():
    batch = Batch(3, [Scenario()], SHAPED)
    batch.begin(np.arange(3), [1, 2, 3], np.zeros(3, dtype=int))
    before = batch.games.tobytes()
    legal = batch.masks.argmax(axis=1)
    for wrong in (WAIT, -1, ACTIONS, 10**9):
        with pytest.raises(
            ActionError,
            match=rf"game 1: action {wrong} .*is not allowed on screen NEOW; allowed are ",
        ):
            batch.step(np.array([legal[0], wrong, legal[2]]))
    with pytest.raises(ActionError, match="3 games take as many whole numbers, not float64"):
        batch.step(legal.astype(float))
    with pytest.raises(ActionError, match=r"of shape \(2,\)"):
        batch.step(legal[:2])
    with pytest.raises(SeedError, match="64 bits"):
        batch.begin(np.arange(1), [1 << 64], np.zeros(1, dtype=int))
    assert batch.games.tobytes() == before
    assert batch.steps.tolist() == [0, 0, 0]
    # What a game does that stands still is not looked at.
    assert batch.step(np.array([legal[0], WAIT, -5]), np.array([True, False, False])) == 1
    assert batch.steps.tolist() == [1, 0, 0]


def test_side_by_side_is_as_alone():
    count = 3
    names = ["a0", "a20", "fight-gremlin-nob"]
    batch = Batch(count, [NAMED[name] for name in names], SHAPED)
    batch.begin(np.arange(count), range(count), np.arange(count) % 3)
    alone = [SpireEnv(names[k % 3]) for k in range(count)]
    infos = [env.reset(seed=k)[1] for k, env in enumerate(alone)]
    draw = np.random.default_rng(2)
    for _ in range(40):
        live = batch.live.copy()
        actions = choose(batch.masks, draw)
        taken = batch.step(actions)
        assert taken == live.sum()
        for k, env in enumerate(alone):
            if not live[k]:
                assert batch.rewards[k] == 0.0
                assert not batch.terminated[k]
                continue
            observation, reward, ended, _, infos[k] = env.step(actions[k])
            assert np.array_equal(observation, batch.observations[k])
            assert reward == batch.rewards[k]
            assert ended == batch.terminated[k] == (not batch.live[k])
            assert np.array_equal(infos[k]["action_mask"], batch.masks[k])
            if ended:
                assert infos[k]["fights"] == batch.fights(k)


def test_a_game_without_end_is_broken_off():
    batch = Batch(2, [Scenario(encounter="LAGAVULIN", hp=80)], SPARSE)
    batch.begin(np.arange(2), [1, 2], np.zeros(2, dtype=int))
    batch.steps[:] = MOST_ACTIONS - 3
    batch.step(np.array([END_TURN, END_TURN]), np.array([True, False]))
    flags = []
    for _ in range(3):
        batch.step(np.array([END_TURN, END_TURN]))
        flags.append((batch.truncated.tolist(), batch.live.tolist()))
    assert flags == [
        ([False, False], [True, True]),
        ([True, False], [False, True]),
        ([False, True], [False, False]),
    ]
    assert not batch.terminated.any()
    assert batch.masks.any(axis=1).all()


def test_the_vector_env():
    count = 3
    env = gymnasium.make_vec("Spire-v0", num_envs=count, scenario=WEAK)
    assert isinstance(env.unwrapped, SpireVectorEnv)
    observations, info = env.reset(seed=4)
    assert observations.shape == (count, SIZE)
    assert env.observation_space.contains(observations)
    twin = gymnasium.make("Spire-v0", scenario=WEAK)
    first = [twin.reset(seed=4 + k) for k in range(count)]
    for k in range(count):
        assert np.array_equal(first[k][0], observations[k])
        assert np.array_equal(first[k][1]["action_mask"], info["action_mask"][k])
    ends = 0
    for _ in range(6):
        actions = np.full(count, END_TURN)
        observations, rewards, terminated, truncated, info = env.step(actions)
        assert rewards.dtype == np.float32
        assert not truncated.any()
        # Whoever ended has begun anew.
        assert (info["action_mask"] & (np.arange(ACTIONS) != WAIT)).any(axis=1).all()
        assert not info["action_mask"][:, WAIT].any()
        assert ("final_info" in info) == terminated.any()
        for k in np.flatnonzero(terminated):
            ends += 1
            final = info["final_info"]
            assert info["_final_obs"][k]
            assert final["hp"][k] == 0.0
            assert final["fights"][k][0]["result"] == "lost"
            assert not np.array_equal(info["final_obs"][k], observations[k])
            assert rewards[k] < SHAPED.defeat + 1
    assert ends >= count
    same = SpireVectorEnv(count, WEAK)
    again, _ = same.reset(seed=[4, 5, 6])
    assert np.array_equal(again, np.array([each for each, _ in first]))
    env.close()


def test_an_info_is_the_callers_own():
    env = SpireVectorEnv(2)
    observations, info = env.reset(seed=1)
    info["action_mask"][:] = True
    observations[:] = 0
    with pytest.raises(ActionError):
        env.step(np.array([WAIT, WAIT]))


def test_its_own_arrays_say_the_same():
    kept, own = SpireVectorEnv(3, WEAK), SpireVectorEnv(3, WEAK, copy=False)
    seen, _ = own.reset(seed=9)
    kept.reset(seed=9)
    draw, ended = np.random.default_rng(3), 0
    for _ in range(15):
        actions = choose(kept._batch.masks, draw)
        theirs, ours = kept.step(actions), own.step(actions)
        assert ours[0] is seen
        assert all(
            np.array_equal(one, other) for one, other in zip(theirs[:4], ours[:4], strict=True)
        )
        assert np.array_equal(theirs[4]["action_mask"], ours[4]["action_mask"])
        ended += int(ours[2].sum())
    assert ended > 1


def test_metrics_of_a_run():
    batch = Batch(2, [Scenario()], Weights())
    batch.begin(np.arange(2), [1, 2], np.zeros(2, dtype=int))
    games = batch.games
    games.floor[1], games.hp[1] = 17, 33
    games.outcome[1] = 2  # the act is cleared
    games.log.fought[1, 2:4], games.log.won[1, 2:4] = (3, 1), (2, 1)
    metrics = batch.metrics(np.array([1]))
    assert {name: value.tolist() for name, value in metrics.items()} == {
        "floor": [17.0],
        "act": [2.0],
        "hp": [33.0],
        "victory": [0.0],
        "elite_fights": [3.0],
        "elite_wins": [2.0],
        "boss_fights": [1.0],
        "boss_wins": [1.0],
    }


def test_the_game_does_without_gymnasium():
    """A bare installation can import everything but the environments."""
    code = """
import sys
sys.modules["gymnasium"] = None
import spire, spire.game, spire.scenarios, spire.shaping, spire.log, spire.registration
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"encounter": "AUTOMATON"}, "AUTOMATON.*acts 2 to 4 are not there yet"),
        ({"encounter": "CULTIST", "relics": ["PRISMATIC_SHARD"]}, "not there yet"),
        ({"encounter": "CULTIST", "deck": ["ZAP"]}, "the Defect"),
    ],
)
def test_what_is_not_there_yet_is_refused(given, says):
    with pytest.raises(RunError, match=says):
        SpireEnv(given)


def test_a_reset_takes_the_games_own_seed():
    env = SpireEnv(WEAK)
    named, info = env.reset(options={"seed": "1TL5"})
    assert info["seed"] == "1TL5"
    assert np.array_equal(named, env.reset(seed=parse_seed("1TL5"))[0])
    with pytest.raises(SeedError):
        env.reset(options={"seed": "!!"})
    for refuses in (env, SpireVectorEnv(2)):
        with pytest.raises(RunError, match="no option 'ascension'"):
            refuses.reset(options={"ascension": 20})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((1, 2.5), "ascension 2.5 is no whole number"),
        ((1, 21), "from 0 to 20"),
        ((None,), "neither a seed's text"),
        (("",), "the seed is empty"),
    ],
)
def test_games_that_there_are_not(arguments, says):
    with pytest.raises(SpireError, match=says):
        Game.new(*arguments)


def test_a_weight_is_a_number():
    with pytest.raises(RunError, match="'gold' is 'a'; it must be a number"):
        SpireEnv(WEAK, rewards={"gold": "a"})

"""The batched CartPole is Gymnasium's CartPole, to the last bit."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import VectorEnv
from hypothesis import given
from hypothesis import strategies as st

from ratchet.errors import TaskError
from ratchet.tasks.cartpole import cartpole_extreme, cartpole_modes, first_state
from ratchet.tasks.task import Task


@given(st.integers(0, 2**63 - 1))
def test_first_state_is_numpys(seed):
    state = np.empty(4)
    first_state(np.uint64(seed), state)
    np.testing.assert_array_equal(state, np.random.default_rng(seed).uniform(-0.05, 0.05, 4))


def peer(parameters):
    """Gymnasium's own CartPole with the parameters set, derived quantities following."""
    env = gymnasium.make("CartPole-v1")
    inner = env.unwrapped
    for name, value in parameters.items():
        setattr(inner, name, value)
    inner.total_mass = inner.masspole + inner.masscart
    inner.polemass_length = inner.masspole * inner.length
    return env


def balance(observation, rng):
    """Mostly balance, so that episodes are long, and sometimes not, so that they end."""
    if rng.random() < 0.1:
        return int(rng.integers(2))
    return int(observation[2] + 0.5 * observation[3] > 0)


@pytest.mark.parametrize("task", [cartpole_modes(), cartpole_extreme()], ids=lambda t: t.name)
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_same_as_gymnasium(task: Task, mode: int):
    copies, wanted = 7, 4000
    env = task.make(copies)
    peers = [peer(task.modes[mode].parameters) for _ in range(copies)]
    rng = np.random.default_rng(mode)
    seeds = [1000 * mode + copy for copy in range(copies)]
    which = np.arange(copies)
    modes = np.full(copies, mode)
    env.begin(which, seeds, modes)
    theirs = [p.reset(seed=s)[0] for p, s in zip(peers, seeds, strict=True)]
    compared = ends = 0
    while compared < wanted:
        np.testing.assert_array_equal(env.observations, np.array(theirs))
        actions = np.array([balance(o, rng) for o in theirs])
        observations, rewards, terminated, truncated, _ = env.step(actions)
        for copy, p in enumerate(peers):
            observation, reward, end, late, _ = p.step(int(actions[copy]))
            theirs[copy] = observation
            np.testing.assert_array_equal(observations[copy], observation)
            assert (rewards[copy], terminated[copy], truncated[copy]) == (reward, end, late)
            compared += 1
            if end or late:
                ends += 1
                seed = 10_000 + ends
                env.begin(np.array([copy]), [seed], modes[:1])
                theirs[copy] = p.reset(seed=seed)[0]
    assert ends > 5
    assert env.steps_executed == compared


def test_it_is_a_vector_env_that_waits():
    env = cartpole_modes().make(3)
    assert isinstance(env, VectorEnv)
    observations, info = env.reset(seed=[5, 6, 7], options={"modes": [0, 1, 2]})
    assert env.observation_space.contains(observations)
    assert info["mode"].tolist() == [0, 1, 2]
    while env.live[0]:
        env.step(np.zeros(3, dtype=np.int64))
    last, before = env.observations[0].copy(), env.steps_executed
    _, rewards, terminated, _, _ = env.advance(
        np.zeros(3, dtype=np.int64), np.array([True, False, False])
    )
    np.testing.assert_array_equal(env.observations[0], last)
    assert rewards[0] == 0.0
    assert not terminated[0]
    assert env.steps_executed == before
    env.reset(seed=5, options={"reset_mask": np.array([True, False, False])})
    assert env.live[0]
    np.testing.assert_array_equal(
        env.observations[0],
        np.random.default_rng(5).uniform(-0.05, 0.05, 4).astype(np.float32),
    )


def test_derived_quantities_follow_the_parameters():
    table = cartpole_extreme().make(1)._table
    np.testing.assert_allclose(table[2], [25.0, 0.8, 2.0, 0.2, 2.2, 0.2 * 0.8])


def test_mode_is_not_in_the_observation():
    env = cartpole_modes().make(3)
    observations, _ = env.reset(seed=[9, 9, 9], options={"modes": [0, 1, 2]})
    assert (observations == observations[0]).all()


def test_playing_on_is_stepping_and_beginning():
    """`play_on` is `step`, then `begin` wherever an episode ended, with the next seeds in order."""
    task, copies = cartpole_modes(), 5
    one, other = task.make(copies), task.make(copies)
    seeds = np.arange(100, 100 + 400, dtype=np.uint64)
    modes = np.array([0, 1, 2, 0, 1])
    for env in (one, other):
        env.begin(np.arange(copies), seeds[:copies], modes)
    used, rng = copies, np.random.default_rng(0)
    for _ in range(600):
        actions = rng.integers(0, 2, copies)
        begun = one.play_on(actions, seeds[used:])
        _, rewards, terminated, truncated, _ = other.step(actions)
        np.testing.assert_array_equal(one._terminated, terminated)
        np.testing.assert_array_equal(one._truncated, truncated)
        np.testing.assert_array_equal(one._rewards, rewards)
        ended = np.flatnonzero(terminated | truncated)
        assert begun == len(ended)
        other.begin(ended, seeds[used : used + begun], modes[ended])
        used += begun
        np.testing.assert_array_equal(one.observations, other.observations)
        assert one.live.all()
    assert used > 50
    assert one.steps_executed == other.steps_executed


def test_the_mode_follows_from_the_seed_unless_it_is_fixed():
    env = cartpole_modes().make(40)
    _, info = env.reset(seed=7)
    assert set(info["mode"].tolist()) == {0, 1, 2}
    _, again = env.reset(seed=7)
    np.testing.assert_array_equal(again["mode"], info["mode"])
    _, fixed = env.reset(seed=7, options={"modes": 2})
    assert (fixed["mode"] == 2).all()
    with pytest.raises(TaskError, match="reset has no option 'mode'"):
        env.reset(seed=7, options={"mode": 2})
    with pytest.raises(TaskError, match="not in 0 … 2"):
        env.reset(seed=7, options={"modes": 3})

"""Any Gymnasium environment is a task: played as by hand, in its modes, or refused with a sentence."""

import re

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import VectorEnv

import environments
from ratchet.errors import TaskError
from ratchet.tasks.gymnasium import callable_task, gymnasium_task
from ratchet.tasks.task import Mode


def actions_for(space, count, rng):
    if isinstance(space, gymnasium.spaces.Discrete):
        return rng.integers(0, space.n, count)
    return rng.uniform(space.low, space.high, (count, *space.shape)).astype(np.float32)


IDS = [
    "LunarLander-v3",
    "LunarLanderContinuous-v3",
    "BipedalWalker-v3",
    "Acrobot-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
    "CartPole-v1",
    "FrozenLake-v1",
]


@pytest.mark.parametrize("name", IDS)
def test_the_same_as_playing_it_by_hand(name):
    """Copies that have played before, and that end at different times, are each a fresh environment."""
    task, count = gymnasium_task(name), 3
    env = task.make(count)
    rng = np.random.default_rng(0)
    discrete = isinstance(task.observation_space, gymnasium.spaces.Discrete)
    copies, modes = np.arange(count), np.zeros(count, dtype=np.int64)
    for episode in range(2):
        seeds = [2**62 + 10 * episode + copy for copy in range(count)]
        env.begin(copies, seeds, modes)
        peers = [gymnasium.make(name) for _ in range(count)]
        theirs = [peer.reset(seed=seed)[0] for peer, seed in zip(peers, seeds, strict=True)]
        for _ in range(80):
            for copy in range(count):
                seen = np.eye(env.observations.shape[1])[theirs[copy]] if discrete else theirs[copy]
                np.testing.assert_array_equal(env.observations[copy], seen)
            actions = actions_for(task.action_space, count, rng)
            live = env.live.copy()
            _, rewards, terminated, truncated, _ = env.step(actions)
            for copy in np.flatnonzero(live):
                action = int(actions[copy]) if actions.ndim == 1 else actions[copy]
                theirs[copy], reward, end, late, _ = peers[copy].step(action)
                assert rewards[copy] == np.float32(reward)
                assert (terminated[copy], truncated[copy]) == (end, late)
                assert env.live[copy] == (not (end or late))
        for peer in peers:
            peer.close()
    env.close()


def test_it_is_a_vector_env_that_waits():
    env = callable_task("environments:Counting").make(2)
    assert isinstance(env, VectorEnv)
    assert env.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.DISABLED
    environments.counted.clear()
    env.reset(seed=[3, 4])
    while env.live.all():
        env.step(np.zeros(2, dtype=np.int64))
    waiting = int(np.flatnonzero(~env.live)[0])
    last, executed = env.observations[waiting].copy(), env.steps_executed
    _, rewards, _, _, _ = env.step(np.ones(2, dtype=np.int64))
    assert env.steps_executed == executed + 1 == environments.counted["steps"]
    assert rewards[waiting] == 0.0
    np.testing.assert_array_equal(env.observations[waiting], last)
    moving = np.zeros(2, dtype=np.bool_)
    env.advance(np.zeros(2, dtype=np.int64), moving)
    assert env.steps_executed == executed + 1


def settings_of(task, read):
    """What `read` says of one copy in each mode, there and back again."""
    env = task.make(1)
    found = []
    for mode in (*range(len(task.modes)), *reversed(range(len(task.modes)))):
        env.begin(np.array([0]), [1], np.array([mode]))
        found.append(read(env.prepare(0, mode).unwrapped))
    env.close()
    half = len(task.modes)
    assert found[:half] == found[half:][::-1], "a mode depends on the one before"
    return found[:half]


@pytest.mark.parametrize(
    ("name", "attribute", "values"),
    [
        ("Pendulum-v1", "g", [10.0, 4.0, 15.0]),
        ("Acrobot-v1", "LINK_LENGTH_1", [1.0, 0.5, 2.0]),
        ("MountainCar-v0", "gravity", [0.0025, 0.001, 0.003]),
        ("LunarLander-v3", "gravity", [-10.0, -5.0, -11.5]),
    ],
)
def test_modes_are_constructor_arguments_or_attributes(name, attribute, values):
    modes = [Mode("own")] + [Mode(str(value), {attribute: value}) for value in values[1:]]
    task = gymnasium_task(name, modes)
    assert settings_of(task, lambda inner: getattr(inner, attribute)) == values
    assert [mode.name for mode in task.modes] == ["own", str(values[1]), str(values[2])]


def test_a_mode_changes_the_dynamics_and_not_the_first_look():
    task = gymnasium_task("Pendulum-v1", [Mode("earth"), Mode("moon", {"g": 1.6})])
    env = task.make(2)
    env.begin(np.arange(2), [5, 5], np.array([0, 1]))
    np.testing.assert_array_equal(env.observations[0], env.observations[1])
    env.step(np.zeros((2, 1), dtype=np.float32))
    assert not np.array_equal(env.observations[0], env.observations[1])


def test_modes_of_a_callable():
    modes = [Mode("own"), Mode("light", {"g": 2.0})]
    for name in ("environments:make_pendulum", "environments:make_pendulum_without_arguments"):
        assert settings_of(callable_task(name, modes), lambda inner: inner.g) == [10.0, 2.0]
    modes = [Mode("one"), Mode("nought", {"goal": 0, "bonus": 2.0})]
    task = callable_task("environments:Counting", modes)
    assert settings_of(task, lambda inner: (inner.goal, inner.bonus)) == [(1, 0.0), (0, 2.0)]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: gymnasium_task("MountainCar-v0", [Mode("m", {"gravty": 1})]),
            "did you mean 'gravity'",
        ),
        (
            lambda: gymnasium_task("Acrobot-v1", [Mode("m", {"LINK_LENGTH": 1})]),
            "did you mean 'LINK_LENGTH_[12]'",
        ),
        (lambda: gymnasium_task("LunarLander-v3", [Mode("m", {"gravity": 12})]), "with gravity=12"),
        (lambda: gymnasium_task("Blackjack-v1"), "observation space Tuple.*takes Box and Discrete"),
        (lambda: callable_task("environments:make_dict"), "observation space Dict"),
        (lambda: callable_task("environments:make_picture"), "image-like observations"),
        (lambda: callable_task("environments:make_several"), "action space MultiDiscrete"),
        (lambda: callable_task("environments:make_whole_numbers"), "action space Box.*float Box"),
        (lambda: callable_task("environments:make_nothing"), "makes int, neither"),
        (lambda: callable_task("environments:make_from"), "cannot be made.*'level'"),
        (lambda: callable_task("environments:not_callable"), "'not_callable' is not callable"),
        (lambda: callable_task("environments:absent"), "has no 'absent'"),
        (lambda: callable_task("no_such_module:make"), "'no_such_module' cannot be imported"),
        (lambda: callable_task(":make"), "module '' cannot be imported"),
        (lambda: callable_task("environments:make_task", [Mode("m")]), "has modes of its own"),
    ],
)
def test_what_cannot_be_played_is_refused_with_a_sentence(make, says):
    with pytest.raises(TaskError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_discrete_observations_are_one_hot():
    env = gymnasium_task("FrozenLake-v1").make(2)
    env.reset(seed=1)
    wanted = np.zeros(16)
    wanted[0] = 1
    np.testing.assert_array_equal(env.observations, [wanted, wanted])
    assert env.observations.dtype == np.float32


def test_masks_are_the_environments():
    name = max(known for known in gymnasium.registry if known.startswith("Taxi-v"))
    env = gymnasium_task(name).make(3)
    assert env.masks is None
    _, info = env.reset(seed=4)
    peers = [gymnasium.make(name) for _ in range(3)]
    theirs = np.array([peer.reset(seed=4 + i)[1]["action_mask"] for i, peer in enumerate(peers)])
    np.testing.assert_array_equal(info["action_mask"], theirs.astype(bool))
    for _ in range(20):
        actions = np.array([np.flatnonzero(row)[-1] for row in env.masks])
        env.step(actions)
        theirs = [p.step(int(a))[4]["action_mask"] for p, a in zip(peers, actions, strict=True)]
        np.testing.assert_array_equal(env.masks, np.array(theirs).astype(bool))
    assert not env.masks.all()


def test_an_unknown_mode_is_refused():
    task = gymnasium_task("Pendulum-v1", [Mode("earth"), Mode("moon", {"g": 1.6})])
    assert task.mode_index("moon") == 1
    with pytest.raises(TaskError, match=re.escape("no mode 'mon': did you mean 'moon'?")):
        task.mode_index("mon")

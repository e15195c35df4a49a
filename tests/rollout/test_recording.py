"""Recording demonstrations: exactly the episodes that are wanted, whatever happens meanwhile."""

import json
from dataclasses import replace

import numpy as np
import pytest

from environments import counted
from ratchet.errors import CorruptError, LedgerError, TaskError
from ratchet.ledger.lock import RunLock
from ratchet.policies.actor import Actor
from ratchet.policies.initial import new_policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.rollout.demonstrations import (
    SETTINGS,
    episode_path,
    gather,
    read_demonstrations,
    read_settings,
    recorded_seeds,
)
from ratchet.rollout.episode_file import read_episode, write_episode
from ratchet.rollout.fit import recurrent_spec_for, spec_for
from ratchet.rollout.recording import record_demonstrations, wanted_seeds
from ratchet.seeding import SEED_LIMIT, TRAINING_DOMAIN, demonstration_seed, training_seed
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task


def taught(task=None):
    """`Counting`, with a teacher that does 1, and 0 where the first number is above 0.5."""
    task = task or callable_task("environments:Counting")
    task.heuristic = lambda seen: (seen[:, 0] < 0.5).astype(np.int64)
    return task


def first_legal(task):
    """A policy that has no opinion, and so does what is legal."""
    return Actor(new_policy(spec_for(task), 0))


@pytest.fixture
def cartpole():
    return cartpole_modes()


def same(first, second):
    for name in ("observations", "actions", "rewards", "masks", "final_observation"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    assert (first.terminated, first.record) == (second.terminated, second.record)


def test_what_is_recorded_is_what_was_played(tmp_path, cartpole):
    told = []
    seeds = record_demonstrations(
        tmp_path, cartpole, "heuristic", episodes=10, run_seed=3, on_episode=told.append
    )
    assert seeds == wanted_seeds(3, 10)
    assert sorted(record.seed for record in told) == sorted(seeds) == recorded_seeds(tmp_path)
    assert {record.mode for record in told} <= {mode.name for mode in cartpole.modes}
    shown = read_demonstrations(tmp_path, cartpole)
    assert (shown.task, shown.teacher, shown.episodes) == ("cartpole-modes", "heuristic", 10)
    assert shown.seeds.tolist() == sorted(seeds)
    assert len(shown) == sum(record.length for record in told)
    by_seed = {record.seed: record for record in told}
    env = cartpole.make(1)
    for number, seed in enumerate(shown.seeds.tolist()):
        record, steps = by_seed[seed], shown.steps_of(np.array([number]))
        assert len(steps) == record.length
        assert shown.rewards[steps].sum() == record.episode_return
        env.begin(np.zeros(1, dtype=np.int64), [seed], np.array([cartpole.mode_index(record.mode)]))
        for step in steps:
            seen = shown.observations(steps[:1] - steps[0] + step)
            np.testing.assert_array_equal(seen, env.observations)
            assert shown.actions[step] == cartpole.heuristic(seen)[0]
            _, _, terminated, _, _ = env.step(shown.actions[step : step + 1])
        final = shown.final_observations(np.array([number]))
        np.testing.assert_array_equal(final, env.observations)
        assert shown.terminated[number] == terminated[0]
        assert seeds[record.episode] == seed


def test_a_recording_goes_on_where_it_was_broken_off(tmp_path):
    task, whole, broken = taught(), tmp_path / "whole", tmp_path / "broken"
    seeds = record_demonstrations(whole, task, "heuristic", episodes=30)
    told = []

    def stop(record):
        told.append(record.seed)
        if len(told) == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_demonstrations(broken, task, "heuristic", episodes=30, on_episode=stop)
    assert recorded_seeds(broken) == sorted(told)
    (broken / ".tmp-00000000-1-abcd").write_bytes(b"half")
    counted.clear()
    record_demonstrations(broken, task, "heuristic", episodes=30, on_episode=stop)
    assert sorted(told) == sorted(seeds)  # each once
    assert counted["begun"] == 30 - 11
    names = sorted(path.name for path in broken.iterdir())
    assert names == sorted(path.name for path in whole.iterdir())
    for seed in seeds:
        same(read_episode(episode_path(whole, seed)), read_episode(episode_path(broken, seed)))
    assert read_demonstrations(whole, task).id == read_demonstrations(broken, task).id


def test_a_damaged_episode_is_refused_and_recorded_again(tmp_path):
    task = taught()
    seeds = record_demonstrations(tmp_path, task, "heuristic", episodes=5)
    before = read_demonstrations(tmp_path, task).id
    content = bytearray(episode_path(tmp_path, seeds[2]).read_bytes())
    content[len(content) // 2] ^= 1
    episode_path(tmp_path, seeds[2]).write_bytes(content)
    # A file under the name of another seed is none of that seed.
    episode_path(tmp_path, seeds[3]).write_bytes(episode_path(tmp_path, seeds[4]).read_bytes())
    with pytest.raises(CorruptError, match=str(seeds[2])):
        read_demonstrations(tmp_path, task)
    told = []
    record_demonstrations(tmp_path, task, "heuristic", episodes=5, on_episode=told.append)
    assert sorted(record.seed for record in told) == sorted(seeds[2:4])
    assert read_demonstrations(tmp_path, task).id == before


def test_more_can_be_added_and_fewer_read(tmp_path):
    task = taught()
    few = record_demonstrations(tmp_path, task, "heuristic", episodes=3)
    before = read_demonstrations(tmp_path, task)
    more = record_demonstrations(tmp_path, task, "heuristic", episodes=7)
    assert more[:3] == few
    assert read_demonstrations(tmp_path, task).episodes == 7
    assert read_demonstrations(tmp_path, task, few).id == before.id
    with pytest.raises(TaskError, match="lacks 2 of 9 demonstrations"):
        read_demonstrations(tmp_path, task, wanted_seeds(0, 9))


def test_a_policy_teaches_alone_as_it_does_beside_others(tmp_path):
    task = gymnasium_task("CartPole-v1")
    for number, spec in enumerate([spec_for(task), recurrent_spec_for(task, slots=2)]):
        chooser = actor_for(new_policy(spec, 1))
        beside, alone = tmp_path / f"{number}beside", tmp_path / f"{number}alone"
        record_demonstrations(beside, task, chooser, episodes=20)
        assert read_settings(beside).teacher == chooser.id
        for episodes in (1, 2, 5, 20):
            record_demonstrations(alone, task, chooser, episodes=episodes)
        assert read_demonstrations(beside, task).id == read_demonstrations(alone, task).id


def test_masks_and_cut_episodes(tmp_path):
    task = callable_task("environments:Masked")
    record_demonstrations(tmp_path, task, first_legal(task), episodes=40)
    shown = read_demonstrations(tmp_path, task)
    every = np.arange(len(shown))
    assert shown.masks(every).shape == (40 * 8, 5)
    assert (shown.masks(every).sum(axis=1) == 2).all()
    assert shown.masks(every)[every, shown.actions].all()
    plain = taught()
    record_demonstrations(tmp_path / "plain", plain, "heuristic", episodes=40)
    shown = read_demonstrations(tmp_path / "plain", plain)
    assert shown.masks(np.arange(3)) is None
    assert set(shown.terminated.tolist()) == {True, False}


def test_the_seeds_are_training_seeds_of_their_own():
    seeds = [demonstration_seed(run, n) for run in range(3) for n in range(100)]
    assert len(set(seeds)) == 300
    assert all(TRAINING_DOMAIN <= seed < SEED_LIMIT for seed in seeds)
    assert not set(seeds) & {training_seed(run, 0, 0, n) for run in range(3) for n in range(100)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": "expert"}, "has no teacher 'expert'"),
        ({"episodes": 0}, "0 demonstrations are asked for; it must be at least 1"),
        ({"mode": "9"}, "has no mode '9'"),
    ],
)
def test_what_cannot_be_recorded_leaves_nothing(tmp_path, cartpole, change, message):
    settings = {"teacher": "heuristic", "episodes": 2, **change}
    with pytest.raises(TaskError, match=message):
        record_demonstrations(tmp_path / "new", cartpole, **settings)
    assert not (tmp_path / "new").exists()


def test_a_task_without_teachers_or_with_other_actions_says_so(tmp_path):
    with pytest.raises(TaskError, match="has no teacher 'heuristic': it has none"):
        record_demonstrations(
            tmp_path, callable_task("environments:Counting"), "heuristic", episodes=1
        )
    with pytest.raises(TaskError, match="demonstrations are of Discrete ones"):
        record_demonstrations(tmp_path, gymnasium_task("Pendulum-v1"), "heuristic", episodes=1)


def test_other_demonstrations_are_not_mixed_in(tmp_path, cartpole):
    record_demonstrations(tmp_path, cartpole, "heuristic", episodes=2, mode="1")
    before = sorted(path.name for path in tmp_path.iterdir())
    chooser = Actor(new_policy(spec_for(cartpole), 0))
    for change, message in [
        ({"mode": "2"}, "whose mode is '1', not '2'"),
        ({"run_seed": 1}, "whose seed is 0, not 1"),
        ({"teacher": chooser}, f"whose teacher is 'heuristic', not '{chooser.id}'"),
    ]:
        settings = {"teacher": "heuristic", "mode": "1", **change}
        with pytest.raises(TaskError, match=message):
            record_demonstrations(tmp_path, cartpole, episodes=2, **settings)
    with pytest.raises(TaskError, match="of task 'cartpole-modes', not 'CartPole-v1'"):
        read_demonstrations(tmp_path, gymnasium_task("CartPole-v1"))
    with RunLock(tmp_path), pytest.raises(LedgerError, match="in use by process"):
        record_demonstrations(tmp_path, cartpole, "heuristic", episodes=3, mode="1")
    assert [name for name in sorted(p.name for p in tmp_path.iterdir()) if name != ".lock"] == [
        name for name in before if name != ".lock"
    ]


def test_settings_that_cannot_be_read_are_refused(tmp_path, cartpole):
    with pytest.raises(TaskError, match="holds no demonstrations: it has no"):
        read_demonstrations(tmp_path, cartpole)
    record_demonstrations(tmp_path, cartpole, "heuristic", episodes=1)
    settings = json.loads((tmp_path / SETTINGS).read_text())
    (tmp_path / SETTINGS).write_text(json.dumps({**settings, "format": 9}))
    with pytest.raises(TaskError, match="has the format 9; this version reads 1"):
        read_demonstrations(tmp_path, cartpole)
    for wrong in ("{", "[]", '{"format": 1}'):
        (tmp_path / SETTINGS).write_text(wrong)
        with pytest.raises(TaskError, match=r"demonstrations\.json cannot be read"):
            read_demonstrations(tmp_path, cartpole)


def test_illegal_demonstrations_are_refused(tmp_path):
    task = callable_task("environments:Masked")
    (seed,) = record_demonstrations(tmp_path, task, first_legal(task), episodes=1)
    episode = read_episode(episode_path(tmp_path, seed))
    wrong = episode.actions.copy()
    forbidden = ~episode.masks
    assert forbidden.any(), "an action that is forbidden somewhere"
    step, action = (int(x[0]) for x in np.nonzero(forbidden))
    wrong[step] = action
    for actions, message in [
        (wrong, f"seed {seed} takes action {action} at step {step}, which is not legal"),
        (np.full_like(wrong, 77), "takes action 77 at step 0"),
        (np.full_like(wrong, -1), "takes action -1 at step 0"),
        (wrong.astype(np.float32), "not whole numbers"),
    ]:
        write_episode(episode_path(tmp_path, seed), replace(episode, actions=actions))
        with pytest.raises(TaskError, match=message):
            read_demonstrations(tmp_path, task)
    with pytest.raises(TaskError, match="some of the demonstrations have action masks and some"):
        gather(task, "x", [episode, replace(episode, masks=None)])
    with pytest.raises(TaskError, match="observations of 3 numbers; the task shows 4"):
        gather(gymnasium_task("CartPole-v1"), "x", [replace(episode, masks=None)])


def test_actions_count_from_nought_in_demonstrations(tmp_path):
    task = callable_task("environments:Offset")
    task.heuristic = lambda seen: 5 + seen.argmax(axis=1).clip(max=2)
    record_demonstrations(tmp_path, task, "heuristic", episodes=10)
    shown = read_demonstrations(tmp_path, task)
    seen = shown.observations(np.arange(len(shown)))
    np.testing.assert_array_equal(shown.actions, seen.argmax(axis=1).clip(max=2))

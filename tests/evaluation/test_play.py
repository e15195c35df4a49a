"""Playing side by side is playing one by one: the same episodes to the bit, every seed once."""

from itertools import pairwise

import gymnasium
import numpy as np
import pytest

import environments
from ratchet.errors import TaskError
from ratchet.evaluation.play import agreement, play
from ratchet.policies.actor import Actor
from ratchet.policies.initial import new_policy
from ratchet.recipes.resolve import load_player
from ratchet.rollout.fit import spec_for
from ratchet.seeding import report_seeds
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task
from strategies import random_policy

TASKS = {
    "cartpole-modes": (cartpole_modes, "1", 40, 7),
    "LunarLander-v3": (lambda: gymnasium_task("LunarLander-v3"), "default", 9, 4),
    "Pendulum-v1": (lambda: gymnasium_task("Pendulum-v1"), "default", 5, 2),
    "masked": (lambda: callable_task("environments:Masked"), "default", 12, 5),
    "counting": (lambda: callable_task("environments:Counting"), "default", 50, 16),
    "stretches": (lambda: callable_task("environments:make_stretches"), "default", 50, 16),
}
"""A task, a mode of it, how many seeds, and how many episodes at once: always fewer."""


def made(name):
    make, mode, count, side_by_side = TASKS[name]
    task = make()
    task.side_by_side = side_by_side
    return task, Actor(random_policy(spec_for(task))), mode, report_seeds(count)


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("name", TASKS)
def test_side_by_side_is_one_by_one(name, deterministic):
    task, actor, mode, seeds = made(name)
    options = {"mode": mode, "deterministic": deterministic}
    told = []
    together = play(task, actor, seeds, on_episodes=told.extend, **options)
    assert [episode.seed for episode in together] == seeds
    assert sorted(episode.seed for episode in told) == seeds
    task.side_by_side = 1
    alone = [play(task, actor, [seed], **options)[0] for seed in seeds]
    assert together == alone
    task.side_by_side = 3
    assert play(task, actor, seeds[::-1], **options)[::-1] == together
    assert len({(one.episode_return, one.length) for one in together}) > 1


def test_sampled_actions_differ_from_the_likeliest():
    task, actor, mode, seeds = made("cartpole-modes")
    assert play(task, actor, seeds, mode) != play(task, actor, seeds, mode, deterministic=False)


def test_modes_are_played_apart():
    task, actor, _, seeds = made("cartpole-modes")
    found = [play(task, actor, seeds, mode.name) for mode in task.modes]
    assert found[0] != found[1] != found[2]


def test_every_seed_begins_once():
    task = callable_task("environments:Counting")
    environments.seeds_seen.clear()
    play(task, load_player("random", task, None).who, report_seeds(100), "default")
    assert sorted(environments.seeds_seen) == report_seeds(100)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "LunarLander-v3"])
def test_it_is_the_loop_that_anyone_would_write(env_id):
    """`reset(seed=s)`, the policy's greedy action, sum the rewards: with Gymnasium alone."""
    task = gymnasium_task(env_id)
    actor = Actor(random_policy(spec_for(task), 1))
    seeds = [0, 5, 2**40]
    env = gymnasium.make(env_id)
    for seed, episode in zip(seeds, play(task, actor, seeds, "default"), strict=True):
        observation, _ = env.reset(seed=seed)
        total, length, over = 0.0, 0, False
        while not over:
            choice = actor.act(
                np.asarray(observation, dtype=np.float32)[None],
                None,
                np.zeros(1, dtype=np.uint64),
                np.zeros(1, dtype=np.int64),
                deterministic=True,
            )
            action = choice.executed[0]
            observation, reward, terminated, truncated, _ = env.step(
                int(action) if choice.executed.ndim == 1 else action
            )
            total, length, over = total + float(reward), length + 1, terminated or truncated
        assert (episode.length, episode.terminated, episode.truncated) == (
            length,
            terminated,
            truncated,
        )
        # rewards are single floats here, as in Stable-Baselines3's vector environments
        assert episode.episode_return == pytest.approx(total, rel=1e-5, abs=1e-4)
    env.close()


def test_cartpole_modes_is_gymnasiums_with_its_parameters():
    task, actor, _, seeds = made("cartpole-modes")
    for mode in task.modes:
        generic = gymnasium_task("CartPole-v1")
        env = generic.make(1)
        for name, value in mode.parameters.items():
            setattr(env.prepare(0, 0).unwrapped, name, value)
        inner = env.prepare(0, 0).unwrapped
        inner.polemass_length = inner.masspole * inner.length
        generic.make = lambda _, env=env: env
        generic.side_by_side = 1
        assert play(generic, actor, seeds[:5], "default") == play(task, actor, seeds[:5], mode.name)


def test_agreement():
    task, actor, mode, seeds = made("cartpole-modes")
    same = Actor(random_policy(spec_for(task)))
    other = Actor(random_policy(spec_for(task), 1))
    assert agreement(task, actor, same, seeds, mode) == 1.0
    assert 0.0 <= agreement(task, actor, other, seeds, mode) < 1.0
    pendulum, swing, mode, seeds = made("Pendulum-v1")
    assert agreement(pendulum, swing, swing, seeds, mode) == 1.0
    assert agreement(pendulum, swing, Actor(new_policy(spec_for(pendulum), 0)), seeds, mode) < 1.0


def test_an_episode_has_its_own_metrics_and_parts():
    task, actor, mode, seeds = made("stretches")
    for episode in play(task, actor, seeds, mode, deterministic=False):
        assert sum(part["steps"] for part in episode.parts) == episode.length
        ones = sum(part["steps"] for part in episode.parts if part["action"] == 1)
        assert episode.metrics == {"ones": ones} == {"ones": episode.episode_return}
        actions = [part["action"] for part in episode.parts]
        assert all(one != other for one, other in pairwise(actions))


def test_parts_that_the_task_does_not_name_are_refused(monkeypatch):
    task, actor, mode, seeds = made("stretches")
    monkeypatch.setattr(task, "parts", ("action", "time"), raising=False)
    with pytest.raises(TaskError, match="the task names"):
        play(task, actor, seeds, mode)


def test_a_return_that_is_no_number_is_refused():
    task = callable_task("environments:Poisonous")
    with pytest.raises(TaskError, match="seed 0: the return is nan"):
        play(task, load_player("random", task, None).who, [0], "default")

"""Teachers play evaluations like anybody else: side by side as alone, and compared action by action."""

import numpy as np
import pytest

import environments
from environments import Counting, Taught
from ratchet.evaluation.play import agreement, play
from ratchet.policies.actor import Actor
from ratchet.rollout.agents import TaskTeacher, agent_for, most_copies
from ratchet.rollout.fit import spec_for
from ratchet.seeding import report_seeds
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task
from strategies import random_policy

HEURISTIC = TaskTeacher("heuristic")


class Moody(Taught):
    """Its teacher is right until five steps are left, which only the environment knows."""

    @property
    def teachers(self):
        def make(env):
            return lambda copies: np.array([int(env._envs[c]._left > 5) for c in copies])

        return {"heuristic": make}


def test_a_teacher_looks_at_the_environment_itself():
    task = callable_task("environments:make_taught")
    for episode in play(task, HEURISTIC, report_seeds(40), "default"):
        assert episode.episode_return == episode.length  # never wrong


@pytest.mark.parametrize("side_by_side", [1, 3, 7, 100])
def test_side_by_side_is_one_by_one(side_by_side):
    task = Moody("moody", Counting)
    task.side_by_side = side_by_side
    environments.seeds_seen.clear()
    together = play(task, HEURISTIC, report_seeds(50), "default")
    assert sorted(environments.seeds_seen) == report_seeds(50)
    assert together == [play(task, HEURISTIC, [seed], "default")[0] for seed in report_seeds(50)]
    assert len({one.episode_return for one in together}) > 3


def test_a_teacher_has_few_copies_and_a_policy_as_many_as_the_task_says():
    task = cartpole_modes()
    actor = Actor(random_policy(spec_for(task)))
    assert most_copies(task, actor) == most_copies(task, actor, actor) == task.side_by_side == 1024
    assert most_copies(task, HEURISTIC) == most_copies(task, actor, HEURISTIC) == 16
    task.side_by_side = 5
    assert most_copies(task, HEURISTIC) == 5


def test_the_heuristic_of_cartpole_is_its_function_of_observations():
    task = cartpole_modes()
    (episode,) = play(task, HEURISTIC, [4], "1")
    env = task.make(1)
    first = np.zeros(1, dtype=np.int64)
    env.begin(first, [4], first + 1)
    length = 0
    while env.live[0]:
        _, _, angle, speed = env.observations[0]
        env.step(np.array([int(angle + 0.5 * speed > 0)]))
        length += 1
    assert episode.length == length


def test_actions_count_from_the_first_of_the_task():
    task = callable_task("environments:Offset")
    task.heuristic = lambda seen: 5 + seen.argmax(axis=1).clip(max=2)
    env = task.make(3)
    env.reset(seed=[1, 2, 3])
    rows = np.arange(3)
    agent = agent_for(task, HEURISTIC, env)
    choice = agent.choose(
        rows, env.observations, None, rows.astype(np.uint64), rows, deterministic=True
    )
    np.testing.assert_array_equal(choice.executed, 5 + choice.actions)
    assert set(choice.executed) <= {5, 6, 7}


def test_agreement_with_a_teacher():
    task = cartpole_modes()
    seeds = report_seeds(12)
    assert agreement(task, HEURISTIC, HEURISTIC, seeds, "1") == 1.0
    actor = Actor(random_policy(spec_for(task)))
    env = task.make(1)
    first = np.zeros(1, dtype=np.int64)
    same = total = 0
    for seed in seeds:  # the policy's way, and what the teacher would do on it
        env.begin(first, [seed], first + 1)
        while env.live[0]:
            seen = env.observations.copy()
            done = actor.act(
                seen, None, first.astype(np.uint64), first, deterministic=True
            ).executed
            same += int(done[0] == task.heuristic(seen)[0])
            total += 1
            env.step(done)
    assert 0 < same < total
    assert agreement(task, actor, HEURISTIC, seeds, "1") == same / total
    assert 0.0 < agreement(task, HEURISTIC, actor, seeds, "1") < 1.0

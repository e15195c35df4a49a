"""Playing with a memory: side by side is one by one, and a shadow remembers what the first has done."""

import numpy as np
import pytest

from ratchet.evaluation.play import agreement, play
from ratchet.policies.recurrent.actor import actor_for
from ratchet.recipes.resolve import load_player
from ratchet.rollout.fit import spec_for
from ratchet.seeding import report_seeds
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task
from strategies import random_policy, recurrent_spec

TASKS = {
    "cartpole-modes": (cartpole_modes, "1", 30, 7),
    "Pendulum-v1": (lambda: gymnasium_task("Pendulum-v1"), "default", 5, 2),
    "masked": (lambda: callable_task("environments:Masked"), "default", 12, 5),
    "counting": (lambda: callable_task("environments:Counting"), "default", 50, 16),
}


def made(name, slots=0, seed=0):
    make, mode, count, side_by_side = TASKS[name]
    task = make()
    task.side_by_side = side_by_side
    policy = random_policy(recurrent_spec(spec_for(task), slots=slots), seed)
    return task, actor_for(policy), mode, report_seeds(count)


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("slots", [0, 3])
@pytest.mark.parametrize("name", TASKS)
def test_side_by_side_is_one_by_one(name, slots, deterministic):
    task, actor, mode, seeds = made(name, slots)
    options = {"mode": mode, "deterministic": deterministic}
    together = play(task, actor, seeds, **options)
    task.side_by_side = 1
    assert [play(task, actor, [seed], **options)[0] for seed in seeds] == together
    task.side_by_side = 3
    assert play(task, actor, seeds[::-1], **options)[::-1] == together
    assert len({(one.episode_return, one.length) for one in together}) > 1


def walk(task, actor, seed, shadow=None):
    """One episode, step by step: its return, and how often the shadow would have done the same."""
    env = task.make(1)
    env.begin(np.zeros(1, dtype=np.int64), [seed], np.zeros(1, dtype=np.int64))
    state = np.zeros((1, actor.memory), dtype=np.float32)
    other = np.zeros((1, shadow.memory if shadow else 0), dtype=np.float32)
    total, step, same = 0.0, 0, 0
    while env.live[0]:
        given = (
            env.observations.copy(),
            env.masks,
            np.array([seed], dtype=np.uint64),
            np.array([step]),
        )
        choice = actor.act(*given, deterministic=True, state=state)
        if shadow:
            would = shadow.act(*given, deterministic=True, state=other)
            same += int(np.array_equal(would.executed, choice.executed))
            shadow.remember(other, choice.actions)
        _, reward, _, _, _ = env.step(choice.executed)
        for one, memory in ((actor, state), (shadow, other)):
            if one and one.memory:
                memory[:, -1] = reward
        total, step = total + float(reward[0]), step + 1
    return total, step, same


@pytest.mark.parametrize("name", ["cartpole-modes", "masked", "Pendulum-v1"])
def test_it_is_the_loop_that_anyone_would_write(name):
    task, actor, _, seeds = made(name, 3)
    episodes = play(task, actor, seeds[:4], task.modes[0].name)
    for seed, episode in zip(seeds, episodes, strict=False):
        total, length, _ = walk(task, actor, seed)
        assert episode.length == length
        assert episode.episode_return == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("name", ["cartpole-modes", "Pendulum-v1"])
@pytest.mark.parametrize("slots", [0, 3])
def test_a_policy_agrees_with_itself(name, slots):
    task, actor, mode, seeds = made(name, slots)
    _, same, _, _ = made(name, slots)
    _, other, _, _ = made(name, slots, seed=1)
    assert agreement(task, actor, same, seeds, mode) == 1.0
    assert 0.0 <= agreement(task, actor, other, seeds, mode) < 1.0
    perceptron = actor_for(random_policy(spec_for(task)))
    for first, second in ((actor, perceptron), (perceptron, actor)):
        assert 0.0 <= agreement(task, first, second, seeds, mode) < 1.0


@pytest.mark.parametrize("kinds", [("a", "b"), ("a", "mlp"), ("mlp", "a"), ("a", "a")])
def test_the_shadow_sees_what_the_first_has_done_and_got(kinds):
    task, recurrent, _, seeds = made("counting", 3)
    choosers = {
        "a": recurrent,
        "b": made("counting", 0, seed=1)[1],
        "mlp": actor_for(random_policy(spec_for(task), 4)),
    }
    first, second = (choosers[kind] for kind in kinds)
    walked = [walk(task, first, seed, second) for seed in seeds]
    wanted = sum(same for _, _, same in walked) / sum(length for _, length, _ in walked)
    assert agreement(task, first, second, seeds, "default") == wanted
    assert (wanted == 1.0) == (kinds == ("a", "a"))


def test_a_chooser_without_a_policy_has_a_shadow_as_well():
    task, actor, mode, seeds = made("cartpole-modes")
    chance = load_player("random", task, None).who
    assert 0.0 < agreement(task, chance, actor, seeds, mode) < 1.0

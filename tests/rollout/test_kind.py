"""What the episodes of a spool have in common, and how a task is told from another."""

import numpy as np
import pytest
from gymnasium.spaces import Box, MultiBinary

from ratchet.errors import TaskError
from ratchet.rollout.kind import EpisodeKind, kind_of, task_hash
from ratchet.tasks.cartpole import cartpole_extreme, cartpole_modes
from ratchet.tasks.gymnasium import gymnasium_task
from ratchet.tasks.task import Mode


def test_the_kind_of_a_task():
    task = cartpole_modes()
    hashed = task_hash(task)
    assert kind_of(task, run="r", masked=False) == EpisodeKind(
        run="r", task="cartpole-modes", task_hash=hashed, observation=4, choices=2
    )
    assert kind_of(task, run="r", masked=True).masked == 2
    assert kind_of(gymnasium_task("Pendulum-v1"), run="r", masked=True).action == (1,)


def test_the_hash_is_of_what_is_played():
    assert len({task_hash(cartpole_modes()) for _ in range(2)}) == 1
    assert task_hash(cartpole_modes()) != task_hash(cartpole_extreme())
    changed = cartpole_modes()
    first, *others = changed.modes
    changed.modes = (Mode(first.name, {**first.parameters, "gravity": 9.81}), *others)
    assert task_hash(changed) != task_hash(cartpole_modes())
    for name, value in {
        "name": "other",
        "metrics": ("floor",),
        "parts": ("lap",),
        "observation_space": Box(-1, 1, (4,), dtype=np.float32),
        "action_space": Box(-1, 1, (4,), dtype=np.float32),
    }.items():
        changed = cartpole_modes()
        setattr(changed, name, value)
        assert task_hash(changed) != task_hash(cartpole_modes()), name


def test_a_task_that_no_policy_fits_has_no_kind():
    task = cartpole_modes()
    task.action_space = MultiBinary(3)
    with pytest.raises(TaskError, match="action space"):
        kind_of(task, run="r", masked=False)

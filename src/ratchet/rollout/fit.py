"""Whether a policy fits a task, and what a new one for it looks like."""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box, Discrete

from ratchet.errors import PolicyError
from ratchet.policies.spec import ActionSpec, ObservationSpec, PolicySpec, RecurrentSpec, Spec
from ratchet.tasks.spaces import check_action_space, observation_width
from ratchet.tasks.task import Task


def spec_for(task: Task) -> PolicySpec:
    """Return the architecture of a new policy for the task, as ``MlpPolicy`` would have it.

    Raises
    ------
    TaskError
        If the task's spaces are not supported.

    """
    seen, done = task.observation_space, task.action_space
    observation_width(seen, task.name)
    check_action_space(done, task.name)
    observation = (
        ObservationSpec(kind="discrete", n=int(seen.n))
        if isinstance(seen, Discrete)
        else ObservationSpec(kind="box", shape=tuple(seen.shape or ()))
    )
    if isinstance(done, Discrete):
        action = ActionSpec(kind="discrete", n=int(done.n), start=int(done.start))
        return PolicySpec(observation=observation, action=action)
    assert isinstance(done, Box)
    action = ActionSpec(
        kind="box",
        shape=tuple(done.shape),
        low=tuple(np.asarray(done.low, dtype=np.float64).ravel().tolist()),
        high=tuple(np.asarray(done.high, dtype=np.float64).ravel().tolist()),
    )
    return PolicySpec(observation=observation, action=action, distribution="gaussian")


def has_masks(task: Task) -> bool:
    """Return whether the task says which actions are legal."""
    env = task.make(1)
    try:
        return env.masks is not None
    finally:
        env.close()


def recurrent_spec_for(
    task: Task, *, slots: int = 0, hard: bool = False, temperature: float = 1.0
) -> RecurrentSpec:
    """Return the architecture of a new recurrent policy for the task, with `slots` of them or none.

    Raises
    ------
    TaskError
        If the task's spaces are not supported.

    """
    plain = spec_for(task)
    return RecurrentSpec(
        observation=plain.observation,
        action=plain.action,
        slots=slots,
        hard=hard,
        temperature=temperature,
        distribution="categorical" if plain.action.kind == "discrete" else "gaussian",
    )


def check_fit(spec: Spec, task: Task) -> None:
    """Refuse a policy whose spaces are not the task's.

    Raises
    ------
    PolicyError
        If observation or action spaces differ; the message says both.

    """
    wanted = spec_for(task)
    mine, theirs = spec.observation, wanted.observation
    if (mine.kind, mine.size) != (theirs.kind, theirs.size):
        raise PolicyError(
            f"the policy sees {mine}, but task {task.name!r} shows {theirs}; "
            "choose a task with the policy's observations"
        )
    done, asked = spec.action, wanted.action
    if (done.kind, done.size) == (asked.kind, asked.size) and done.start != asked.start:
        raise PolicyError(
            f"the policy's {done.n} actions count from {done.start}, but those of task "
            f"{task.name!r} from {asked.start}"
        )
    if (done.kind, done.size) != (asked.kind, asked.size):
        raise PolicyError(
            f"the policy chooses from {done}, but task {task.name!r} takes {asked}; "
            "choose a task with the policy's actions"
        )
    if done.kind == "box" and not (
        np.allclose(done.low, asked.low) and np.allclose(done.high, asked.high)
    ):
        raise PolicyError(
            f"the policy's actions lie in {done.low} … {done.high}, but task {task.name!r} takes "
            f"{asked.low} … {asked.high}"
        )

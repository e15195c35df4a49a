"""Who plays the copies of one environment: a chooser with its memory of each, or a teacher of the task.

Invariant: what an agent does in a copy follows from that copy's episode alone, whoever plays beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from ratchet.policies.actor import Choice, Chooser
from ratchet.tasks.task import BoolArray, EpisodeVectorEnv, FloatArray, IntArray, Task

_TEACHERS_SIDE_BY_SIDE = 16
"""A teacher decides one copy after another, so more would win nothing, and it may remember much of each."""


@dataclass(frozen=True)
class TaskTeacher:
    """One of a task's own teachers as who plays; `id` is its name among them."""

    id: str


Who = Chooser | TaskTeacher
"""Whom an evaluation can let play."""


class Agent(Protocol):
    """Plays the copies of one environment. `copies` are always the numbers of those that are meant."""

    def begin(self, copies: IntArray) -> None:
        """Forget what was before: an episode begins in each of these copies."""
        ...

    def choose(
        self,
        copies: IntArray,
        observations: FloatArray,
        masks: BoolArray | None,
        seeds: NDArray[np.uint64],
        steps: IntArray,
        *,
        deterministic: bool,
    ) -> Choice:
        """Choose in these copies; the arrays have a row for each of them."""
        ...

    def follow(self, copies: IntArray, actions: NDArray[Any]) -> None:
        """Take it that these actions are done, and not those just chosen."""
        ...

    def told(self, copies: IntArray, rewards: FloatArray) -> None:
        """Remember what the step just done has brought."""
        ...


class _ChooserAgent:
    """A chooser, and its memory of every copy."""

    def __init__(self, chooser: Chooser, env: EpisodeVectorEnv) -> None:
        self._chooser = chooser
        self._memory = np.zeros((env.num_envs, chooser.memory), dtype=np.float32)

    def begin(self, copies: IntArray) -> None:
        self._memory[copies] = 0.0

    def choose(
        self,
        copies: IntArray,
        observations: FloatArray,
        masks: BoolArray | None,
        seeds: NDArray[np.uint64],
        steps: IntArray,
        *,
        deterministic: bool,
    ) -> Choice:
        state = self._memory[copies]
        choice = self._chooser.act(
            observations, masks, seeds, steps, deterministic=deterministic, state=state
        )
        if self._chooser.memory:
            self._memory[copies] = state
        return choice

    def follow(self, copies: IntArray, actions: NDArray[Any]) -> None:
        if self._chooser.memory:
            state = self._memory[copies]
            self._chooser.remember(state, actions)
            self._memory[copies] = state

    def told(self, copies: IntArray, rewards: FloatArray) -> None:
        if self._chooser.memory:
            self._memory[copies, -1] = rewards


class _TeacherAgent:
    """A task's teacher, which looks at the environment itself and chooses as it always does."""

    def __init__(self, task: Task, name: str, env: EpisodeVectorEnv) -> None:
        space = task.action_space
        self._choose = task.teachers[name](env)
        self._first_action = int(space.start) if isinstance(space, Discrete) else 0

    def begin(self, copies: IntArray) -> None:
        pass

    def choose(
        self,
        copies: IntArray,
        observations: FloatArray,  # noqa: ARG002 - it looks for itself
        masks: BoolArray | None,  # noqa: ARG002
        seeds: NDArray[np.uint64],  # noqa: ARG002
        steps: IntArray,  # noqa: ARG002
        *,
        deterministic: bool,  # noqa: ARG002 - it has no other side
    ) -> Choice:
        executed = self._choose(copies)
        nothing = np.full(len(copies), np.nan, dtype=np.float32)
        return Choice(executed - self._first_action, executed, nothing)

    def follow(self, copies: IntArray, actions: NDArray[Any]) -> None:
        pass

    def told(self, copies: IntArray, rewards: FloatArray) -> None:
        pass


def agent_for(task: Task, who: Who, env: EpisodeVectorEnv) -> Agent:
    """Return who plays, seated before an environment of the task."""
    if isinstance(who, TaskTeacher):
        return _TeacherAgent(task, who.id, env)
    return _ChooserAgent(who, env)


def most_copies(task: Task, *players: Who) -> int:
    """Return how many episodes these play side by side."""
    taught = any(isinstance(who, TaskTeacher) for who in players)
    return min(task.side_by_side, _TEACHERS_SIDE_BY_SIDE) if taught else task.side_by_side

"""Playing an evaluation: a list of seeds, one episode each, in one mode.

Every seed is played once and nothing resets itself. Episodes run side by side, and each is what it would
be alone: environments do not know each other, and a chooser decides each row by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import TaskError
from ratchet.policies.actor import Choice, Chooser
from ratchet.tasks.ending import Parts, read_metrics, read_parts
from ratchet.tasks.task import Task


@dataclass(frozen=True)
class Episode:
    """One finished evaluation episode."""

    seed: int
    episode_return: float
    length: int
    terminated: bool
    truncated: bool
    metrics: dict[str, float] = field(default_factory=dict)
    parts: Parts = ()


def play(
    task: Task,
    chooser: Chooser,
    seeds: Sequence[int],
    mode: str,
    *,
    deterministic: bool = True,
    on_episodes: Callable[[Sequence[Episode]], None] = lambda _: None,
) -> list[Episode]:
    """Play one episode a seed; return them in the order of the seeds.

    `on_episodes` is told of episodes as they end.

    Raises
    ------
    TaskError
        If an episode's return is not a finite number, or its parts are not as the task names them.

    """
    copies = min(len(seeds), task.side_by_side)
    env = task.make(copies)
    index = task.mode_index(mode)
    order = np.arange(copies)
    current = np.array([int(s) for s in seeds[:copies]], dtype=np.uint64)
    env.begin(order, [int(s) for s in current], np.full(copies, index))
    waiting = copies
    steps = np.zeros(copies, dtype=np.int64)
    returns = np.zeros(copies)
    memory = np.zeros((copies, chooser.memory), dtype=np.float32)
    done: dict[int, Episode] = {}
    executed: NDArray[Any] | None = None
    while env.live.any():
        rows = np.flatnonzero(env.live)
        seen = np.ascontiguousarray(env.observations[rows])
        masks = None if env.masks is None else env.masks[rows]
        state = memory[rows]
        choice = chooser.act(
            seen, masks, current[rows], steps[rows], deterministic=deterministic, state=state
        )
        if executed is None:
            executed = np.zeros((copies, *choice.executed.shape[1:]), dtype=choice.executed.dtype)
        executed[rows] = choice.executed
        _, rewards, terminated, truncated, info = env.step(executed)
        if chooser.memory:
            state[:, -1] = rewards[rows]
            memory[rows] = state
        returns += rewards
        steps[rows] += 1
        ended = np.flatnonzero(terminated | truncated)
        if len(ended) == 0:
            continue
        finished = []
        for copy in ended:
            if not np.isfinite(returns[copy]):
                raise TaskError(
                    f"task {task.name!r}, seed {current[copy]}: the return is {returns[copy]}; "
                    "rewards must be finite numbers"
                )
            episode = Episode(
                seed=int(current[copy]),
                episode_return=float(returns[copy]),
                length=int(steps[copy]),
                terminated=bool(terminated[copy]),
                truncated=bool(truncated[copy]),
                metrics=read_metrics(info, int(copy)),
                parts=read_parts(task, info, int(copy)),
            )
            finished.append(episode)
            done[episode.seed] = episode
        on_episodes(finished)
        again = ended[: len(seeds) - waiting]
        if len(again):
            following = [int(s) for s in seeds[waiting : waiting + len(again)]]
            waiting += len(again)
            current[again] = following
            env.begin(again, following, np.full(len(again), index))
        steps[ended] = 0
        returns[ended] = 0.0
        memory[ended] = 0.0
    env.close()
    return [done[int(seed)] for seed in seeds]


class _Shadow:
    """Plays as the first chooser, and counts how often the second would do the same."""

    def __init__(self, first: Chooser, second: Chooser) -> None:
        self.id = first.id
        # Each has its own state; a chooser that remembers has the reward in its last column.
        self.memory = first.memory + second.memory
        self._first, self._second = first, second
        self.same = self.total = 0

    def act(
        self,
        observations: NDArray[np.float32],
        masks: NDArray[np.bool_] | None,
        seeds: NDArray[np.uint64],
        steps: NDArray[np.int64],
        *,
        deterministic: bool,
        state: NDArray[np.float32],
    ) -> Choice:
        """Choose as the first; the second sees what the first has done."""
        mine = state[:, : self._first.memory].copy()
        other = state[:, self._first.memory :].copy()
        if self._first.memory and self._second.memory:
            mine[:, -1] = other[:, -1]
        given = (observations, masks, seeds, steps)
        choice = self._first.act(*given, deterministic=deterministic, state=mine)
        shadow = self._second.act(*given, deterministic=deterministic, state=other)
        self._second.remember(other, choice.actions)
        state[:] = np.concatenate([mine, other], axis=1)
        equal = shadow.executed == choice.executed
        self.same += int(equal.reshape(len(equal), -1).all(axis=1).sum())
        self.total += len(equal)
        return choice

    def remember(self, state: NDArray[np.float32], actions: NDArray[Any]) -> None:
        """Do nothing: both have put the actions into their states."""


def agreement(
    task: Task, first: Chooser, second: Chooser, seeds: Sequence[int], mode: str
) -> float:
    """Return the fraction of states, on the first's own way, where both greedily do the same."""
    both = _Shadow(first, second)
    play(task, both, seeds, mode, deterministic=True)
    return both.same / both.total

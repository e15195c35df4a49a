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
from ratchet.policies.actor import Chooser
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


def play(
    task: Task,
    chooser: Chooser,
    seeds: Sequence[int],
    mode: str,
    *,
    deterministic: bool = True,
    on_episodes: Callable[[Sequence[Episode]], None] = lambda _: None,
    witness: Callable[[NDArray[Any], NDArray[Any], NDArray[np.bool_] | None], None] | None = None,
) -> list[Episode]:
    """Play one episode a seed; return them in the order of the seeds.

    `on_episodes` is told of episodes as they end. `witness` is shown the observations ``(n, size)`` of
    each step, what was executed in them, and the masks.

    Raises
    ------
    TaskError
        If an episode's return is not a finite number.

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
    done: dict[int, Episode] = {}
    executed: NDArray[Any] | None = None
    while env.live.any():
        rows = np.flatnonzero(env.live)
        seen = np.ascontiguousarray(env.observations[rows])
        masks = None if env.masks is None else env.masks[rows]
        choice = chooser.act(seen, masks, current[rows], steps[rows], deterministic=deterministic)
        if witness is not None:
            witness(seen, choice.executed, masks)
        if executed is None:
            executed = np.zeros((copies, *choice.executed.shape[1:]), dtype=choice.executed.dtype)
        executed[rows] = choice.executed
        _, rewards, terminated, truncated, info = env.step(executed)
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
            metrics = {
                name: float(values[copy]) for name, values in info.get("metrics", {}).items()
            }
            episode = Episode(
                seed=int(current[copy]),
                episode_return=float(returns[copy]),
                length=int(steps[copy]),
                terminated=bool(terminated[copy]),
                truncated=bool(truncated[copy]),
                metrics=metrics,
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
    env.close()
    return [done[int(seed)] for seed in seeds]


def agreement(
    task: Task, first: Chooser, second: Chooser, seeds: Sequence[int], mode: str
) -> float:
    """Return the fraction of states, on the first's own way, where both greedily do the same."""
    same = total = 0

    def witness(
        seen: NDArray[Any], executed: NDArray[Any], masks: NDArray[np.bool_] | None
    ) -> None:
        nonlocal same, total
        count = len(seen)
        other = second.act(
            seen,
            masks,
            np.zeros(count, dtype=np.uint64),
            np.zeros(count, dtype=np.int64),
            deterministic=True,
        ).executed
        equal = other == executed
        same += int(equal.reshape(count, -1).all(axis=1).sum())
        total += count

    play(task, first, seeds, mode, deterministic=True, witness=witness)
    return same / total

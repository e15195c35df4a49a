"""Recording demonstrations: a teacher plays seeded episodes, and each is a file as soon as it has ended.

Which episodes are wanted follows from the run seed. Those that are there and whole stay; only the others are
played. So a recording that was killed goes on without losing or repeating an episode, and gives the same
files as one that was not, if teacher and task are functions of the seed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import SpoolError, TaskError, did_you_mean
from ratchet.ledger.lock import RunLock
from ratchet.ledger.provenance import versions
from ratchet.policies.actor import Chooser
from ratchet.rollout.agents import TaskTeacher, agent_for
from ratchet.rollout.demonstrations import (
    DemonstrationSettings,
    action_count,
    episode_path,
    open_demonstrations,
    recorded_seeds,
)
from ratchet.rollout.episode import Episode, Origin
from ratchet.rollout.episode_file import read_episode, write_episode
from ratchet.rollout.tape import Tape
from ratchet.rollout.trajectory import EpisodeRecord
from ratchet.seeding import demonstration_seed, episode_mode
from ratchet.tasks.ending import read_metrics, read_parts
from ratchet.tasks.task import EpisodeVectorEnv, Task

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_SIDE_BY_SIDE = 16
"""Episodes played at once: enough for inference in batches, few enough for what teachers remember."""

RUN = "demonstrations"
"""The run that the episodes' files say they are of."""


def wanted_seeds(run_seed: int, episodes: int) -> list[int]:
    """Return the seeds of the first so many demonstrations of a run seed."""
    return [demonstration_seed(run_seed, number) for number in range(episodes)]


def record_demonstrations(
    directory: Path,
    task: Task,
    teacher: str | Chooser,
    *,
    episodes: int,
    mode: str | None = None,
    run_seed: int = 0,
    on_episode: Callable[[EpisodeRecord], None] = lambda _: None,
) -> list[int]:
    """See to it that a directory holds so many demonstrations; return their seeds.

    Parameters
    ----------
    directory
        Where they are, or will be.
    task
        What is played; its actions are discrete.
    teacher
        One of the task's teachers by name, or a chooser, which plays greedily.
    episodes
        How many there will be; those that are there count.
    mode
        The mode of every episode; None draws it from the episode's seed.
    run_seed
        What the seeds are derived from.
    on_episode
        Is told of every episode that is played, once its file is there.

    Raises
    ------
    TaskError
        If the task has no such teacher or mode, the directory holds other demonstrations, or no episode
        is asked for.
    LedgerError
        If another process is recording into the directory.
    SpoolError
        If a file cannot be written; those of other episodes are whole.

    """
    if episodes < 1:
        raise TaskError(f"{episodes} demonstrations are asked for; it must be at least 1")
    action_count(task)
    index = None if mode is None else task.mode_index(mode)
    name = teacher if isinstance(teacher, str) else teacher.id
    if isinstance(teacher, str) and teacher not in task.teachers:
        known = did_you_mean(teacher, task.teachers) if task.teachers else "it has none"
        raise TaskError(f"task {task.name!r} has no teacher {teacher!r}: {known}")
    settings = DemonstrationSettings.of(task, name, mode, run_seed)
    open_demonstrations(directory, settings)
    seeds = wanted_seeds(run_seed, episodes)
    with RunLock(directory):
        # Nobody else writes here, so what is unfinished belongs to nobody.
        for leftover in directory.glob(".tmp-*"):
            leftover.unlink(missing_ok=True)
        whole = {seed for seed in recorded_seeds(directory) if _is_whole(directory, seed)}
        missing = {seed: number for number, seed in enumerate(seeds) if seed not in whole}
        if missing:
            _Recording(directory, task, teacher, settings, index, on_episode).play(missing)
    return seeds


def _is_whole(directory: Path, seed: int) -> bool:
    with contextlib.suppress(SpoolError):
        return read_episode(episode_path(directory, seed)).record.seed == seed
    return False


class _Begun(NamedTuple):
    """An episode in progress."""

    seed: int
    mode: int
    at: float


class _Recording:
    def __init__(
        self,
        directory: Path,
        task: Task,
        teacher: str | Chooser,
        settings: DemonstrationSettings,
        mode: int | None,
        on_episode: Callable[[EpisodeRecord], None],
    ) -> None:
        self._directory, self._task, self._settings = directory, task, settings
        self._teacher, self._mode, self._on_episode = teacher, mode, on_episode
        self._versions = versions()

    def play(self, numbers: Mapping[int, int]) -> None:
        """Play the episodes of these seeds, which have these numbers, and write each as it ends."""
        count = min(_SIDE_BY_SIDE, len(numbers))
        env = self._task.make(count)
        teacher = self._teacher
        who = TaskTeacher(teacher) if isinstance(teacher, str) else teacher
        player = agent_for(self._task, who, env)
        waiting = list(reversed(numbers))
        running: dict[int, _Begun] = {}
        tape = Tape(count)
        seeds, steps = np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.int64)
        actions = np.zeros(count, dtype=np.int64)
        try:
            while True:
                idle = [copy for copy in range(count) if copy not in running][: len(waiting)]
                begun = self._begin(env, idle, [waiting.pop() for _ in idle])
                running |= begun
                if not running:
                    break
                tape.begin(np.array(idle, dtype=np.int64))
                player.begin(np.array(idle, dtype=np.int64))
                for copy, one in begun.items():
                    seeds[copy], steps[copy] = one.seed, 0
                copies = np.array(sorted(running), dtype=np.int64)
                tape.write("observations", env.observations)
                masks = env.masks
                if masks is not None:
                    tape.write("masks", masks)
                choice = player.choose(
                    copies,
                    np.ascontiguousarray(env.observations[copies]),
                    None if masks is None else masks[copies],
                    seeds[copies],
                    steps[copies],
                    deterministic=True,
                )
                actions[copies] = choice.executed
                tape.write("actions", choice.actions, copies)
                moving = np.zeros(count, dtype=np.bool_)
                moving[copies] = True
                _, rewards, terminated, truncated, info = env.advance(actions, moving)
                tape.write("rewards", rewards)
                tape.advance()
                steps += moving
                player.told(copies, rewards[copies])
                for copy in np.flatnonzero(terminated | truncated).tolist():
                    one = running.pop(copy)
                    ending = env.observations[copy].copy(), bool(terminated[copy]), info
                    self._finish(one, numbers[one.seed], tape, copy, ending)
        finally:
            env.close()

    def _begin(
        self, env: EpisodeVectorEnv, copies: list[int], seeds: list[int]
    ) -> dict[int, _Begun]:
        """Begin the episodes of these seeds; return them by copy."""
        if not copies:
            return {}
        count = len(self._task.modes)
        modes = [episode_mode(seed, count) if self._mode is None else self._mode for seed in seeds]
        env.begin(np.array(copies, dtype=np.int64), seeds, np.array(modes, dtype=np.int64))
        at = time.time()
        begun = [_Begun(seed, mode, at) for seed, mode in zip(seeds, modes, strict=True)]
        return dict(zip(copies, begun, strict=True))

    def _finish(
        self,
        one: _Begun,
        number: int,
        tape: Tape,
        copy: int,
        ending: tuple[FloatArray, bool, Mapping[str, Any]],
    ) -> None:
        """Write an episode that has ended; `ending` is what followed it, whether it was over, and the info."""
        settings, length = self._settings, tape.length(copy)
        final, terminated, info = ending
        rewards = tape.read("rewards", copy)
        record = EpisodeRecord(
            attempt=0,
            worker=0,
            episode=number,
            seed=one.seed,
            mode=self._task.modes[one.mode].name,
            episode_return=float(rewards.sum(dtype=np.float64)),
            length=length,
            metrics=read_metrics(info, copy),
            parts=read_parts(self._task, info, copy),
        )
        episode = Episode(
            observations=tape.read("observations", copy),
            actions=tape.read("actions", copy),
            masks=tape.read("masks", copy) if "masks" in tape else None,
            # A teacher is sure of what it does, and has no critic.
            log_probs=np.zeros(length, dtype=np.float32),
            values=np.zeros(length, dtype=np.float32),
            rewards=rewards,
            terminated=terminated,
            final_observation=final,
            bootstrap=0.0,
            record=record,
            origin=Origin(
                run=RUN,
                task=settings.task,
                task_hash=settings.task_hash,
                policy=settings.teacher,
                version=0,
                begun_at=one.at,
                ended_at=time.time(),
                versions=self._versions,
            ),
        )
        tape.end(copy)
        write_episode(episode_path(self._directory, one.seed), episode)
        self._on_episode(record)

"""Demonstrations: episodes that a teacher has played, on disk one file each, and in memory all together.

Invariants:

- A directory of demonstrations is of one task, one teacher and one run seed, which stand in
  `demonstrations.json`. An episode file is whole or refused (`episode_file`), and named by its seed.
- The order of episodes is that of their seeds, whoever finished first.
- Every action in memory is one of the task's, and legal by its mask.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from ratchet.errors import TaskError
from ratchet.policies.durable import create_file, strict_json
from ratchet.policies.policy import digest
from ratchet.rollout.episode import Episode
from ratchet.rollout.episode_file import read_episode
from ratchet.rollout.kind import task_hash
from ratchet.rollout.rows import Rows
from ratchet.tasks.spaces import observation_width
from ratchet.tasks.task import Task

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

FORMAT = 1
"""Version of the layout; a reader refuses one that it does not know."""

SETTINGS = "demonstrations.json"


@dataclass(frozen=True, kw_only=True)
class DemonstrationSettings:
    """What all episodes of a directory have in common.

    `teacher` is a task's teacher by name, or the id of a policy. `mode` is None where each episode's follows
    from its seed. `seed` is what the episodes' seeds are derived from.
    """

    task: str
    task_hash: str
    teacher: str
    mode: str | None
    seed: int

    @classmethod
    def of(cls, task: Task, teacher: str, mode: str | None, seed: int) -> DemonstrationSettings:
        """Return the settings of what `teacher` plays of a task."""
        return cls(task=task.name, task_hash=task_hash(task), teacher=teacher, mode=mode, seed=seed)


def episode_path(directory: Path, seed: int) -> Path:
    """Return where the episode of that seed is; names in order are seeds in order."""
    return directory / f"{seed:019d}.npz"


def recorded_seeds(directory: Path) -> list[int]:
    """Return the seeds of the episodes that are there, in order."""
    names = (path.stem for path in directory.glob("*.npz") if not path.name.startswith("."))
    return sorted(int(name) for name in names if name.isdecimal())


def open_demonstrations(directory: Path, settings: DemonstrationSettings) -> None:
    """Make a directory for demonstrations with these settings, or find one.

    Raises
    ------
    TaskError
        If it holds others; it says in which setting they differ.

    """
    directory.mkdir(parents=True, exist_ok=True)
    try:
        content = strict_json({"format": FORMAT, **asdict(settings)}, SETTINGS)
        create_file(directory / SETTINGS, content)
    except FileExistsError:
        there = asdict(read_settings(directory))
        for name, wanted in asdict(settings).items():
            if there[name] != wanted:
                raise TaskError(
                    f"{directory} holds demonstrations whose {name} is {there[name]!r}, not "
                    f"{wanted!r}; record these into another directory"
                ) from None


def read_settings(directory: Path) -> DemonstrationSettings:
    """Return what the demonstrations of a directory have in common.

    Raises
    ------
    TaskError
        If there are none, or they are of an unknown format.

    """
    try:
        content = json.loads((directory / SETTINGS).read_bytes())
        version = content.pop("format")
        if version == FORMAT:
            return DemonstrationSettings(**content)
    except FileNotFoundError:
        raise TaskError(f"{directory} holds no demonstrations: it has no {SETTINGS}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TaskError(f"{directory / SETTINGS} cannot be read: {error}") from error
    raise TaskError(
        f"{directory / SETTINGS} has the format {version!r}; this version reads {FORMAT}"
    )


def read_settings_of(directory: Path, task: Task) -> DemonstrationSettings:
    """Return what the demonstrations of a directory have in common, which are of that task.

    Raises
    ------
    TaskError
        If there are none, or they are of another task.

    """
    settings = read_settings(directory)
    if settings.task != task.name:
        raise TaskError(
            f"{directory} holds demonstrations of task {settings.task!r}, not {task.name!r}"
        )
    return settings


@dataclass(frozen=True, kw_only=True, eq=False)
class Demonstrations:
    """All steps of some episodes, one after the other: `n` steps of `e` episodes.

    `starts` ``(e + 1,)`` says where each begins. `rows` are the observations, in each episode one more than
    steps: the last is what followed the last action. `actions` ``(n,)`` count from 0. `packed_masks` are
    ``(n, bytes)``, or None where every action always is legal. `terminated` ``(e,)`` is false where an
    episode was cut by a time limit.
    """

    task: str
    teacher: str
    action_count: int
    seeds: NDArray[np.int64]
    starts: IntArray
    rows: Rows
    actions: IntArray
    packed_masks: NDArray[np.uint8] | None
    rewards: FloatArray
    terminated: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.actions)

    @property
    def episodes(self) -> int:
        """How many episodes they are of."""
        return len(self.seeds)

    @cached_property
    def episode_of(self) -> IntArray:
        """The number of each step's episode ``(n,)``."""
        return np.repeat(np.arange(self.episodes), np.diff(self.starts))

    @cached_property
    def id(self) -> str:
        """The first 16 hex digits of a hash of everything that is learned from."""
        arrays: dict[str, NDArray[Any]] = {
            name: getattr(self, name)
            for name in ("seeds", "starts", "actions", "rewards", "terminated")
        }
        for name in ("starts", "columns", "values"):
            arrays[f"rows.{name}"] = getattr(self.rows, name)
        if self.packed_masks is not None:
            arrays["masks"] = self.packed_masks
        return digest(arrays)[:16]

    def observations(self, steps: IntArray) -> FloatArray:
        """Return what was seen before the actions of these steps ``(len(steps), width)``."""
        return self.rows.dense(steps + self.episode_of[steps])

    def final_observations(self, episodes: IntArray) -> FloatArray:
        """Return what followed the last actions of these episodes ``(len(episodes), width)``."""
        return self.rows.dense(self.starts[episodes + 1] + episodes)

    def masks(self, steps: IntArray) -> NDArray[np.bool_] | None:
        """Return what was legal at these steps ``(len(steps), actions)``, or None."""
        if self.packed_masks is None:
            return None
        bits = np.unpackbits(self.packed_masks[steps], axis=1, count=self.action_count)
        return bits.view(np.bool_)

    def steps_of(self, episodes: IntArray) -> IntArray:
        """Return the steps of these episodes, in order."""
        return np.flatnonzero(np.isin(self.episode_of, episodes))


def read_demonstrations(
    directory: Path, task: Task, seeds: Sequence[int] | None = None
) -> Demonstrations:
    """Return the demonstrations of a directory: those of some seeds, or all.

    Raises
    ------
    TaskError
        If there are none, an episode is missing, or they are not of this task or not legal in it.
    SpoolError
        If a file is damaged.

    """
    settings = read_settings_of(directory, task)
    wanted = recorded_seeds(directory) if seeds is None else sorted(seeds)
    there = set(recorded_seeds(directory))
    missing = [seed for seed in wanted if seed not in there]
    if missing:
        raise TaskError(
            f"{directory} lacks {len(missing)} of {len(wanted)} demonstrations, such as that of "
            f"seed {missing[0]}; record them first"
        )
    if not wanted:
        raise TaskError(f"{directory} holds no demonstrations yet; record at least one episode")
    return gather(
        task,
        settings.teacher,
        (read_episode(episode_path(directory, seed)) for seed in wanted),
    )


def gather(task: Task, teacher: str, episodes: Iterable[Episode]) -> Demonstrations:
    """Return the steps of at least one episode that `teacher` has played of a task.

    Raises
    ------
    TaskError
        If an episode does not fit the task, or an action is illegal.

    """
    kept: dict[str, list[Any]] = {
        name: [] for name in ("seeds", "rows", "actions", "masks", "rewards", "terminated")
    }
    for episode in episodes:
        seed = episode.record.seed
        check_episode(episode, task, f"the demonstration of seed {seed}")
        seen = np.concatenate([episode.observations, episode.final_observation[None]])
        kept["seeds"].append(seed)
        kept["rows"].append(Rows.of(seen))
        kept["actions"].append(episode.actions.astype(np.int64))
        kept["rewards"].append(episode.rewards)
        kept["terminated"].append(episode.terminated)
        if episode.masks is not None:
            kept["masks"].append(np.packbits(episode.masks, axis=1))
    masked = len(kept["masks"])
    if masked not in (0, len(kept["seeds"])):
        raise TaskError("some of the demonstrations have action masks and some have none")
    lengths = [len(actions) for actions in kept["actions"]]
    return Demonstrations(
        task=task.name,
        teacher=teacher,
        action_count=action_count(task),
        seeds=np.array(kept["seeds"], dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rows=Rows.joined(kept["rows"]),
        actions=np.concatenate(kept["actions"]),
        packed_masks=np.concatenate(kept["masks"]) if masked else None,
        rewards=np.concatenate(kept["rewards"]),
        terminated=np.array(kept["terminated"], dtype=np.bool_),
    )


def action_count(task: Task) -> int:
    """Return how many actions a task has.

    Raises
    ------
    TaskError
        If its actions are not discrete.

    """
    if not isinstance(task.action_space, Discrete):
        raise TaskError(
            f"task {task.name!r} has actions {task.action_space}; demonstrations are of Discrete ones"
        )
    return int(task.action_space.n)


def check_episode(episode: Episode, task: Task, what: str) -> None:
    """Refuse an episode that does not fit a task; messages call it `what`.

    Raises
    ------
    TaskError
        If its arrays are not the task's, or an action is illegal: at which step.

    """
    size, count = observation_width(task.observation_space, task.name), action_count(task)
    if episode.observations.shape[1] != size:
        shown = episode.observations.shape[1]
        raise TaskError(f"{what} has observations of {shown} numbers; the task shows {size}")
    actions = episode.actions
    if actions.ndim != 1 or actions.dtype.kind not in "iu":
        raise TaskError(f"{what} has actions that are not whole numbers; the task takes {count}")
    legal = (actions >= 0) & (actions < count)
    if episode.masks is not None:
        if episode.masks.shape[1] != count:
            width = episode.masks.shape[1]
            raise TaskError(f"{what} has masks of {width} actions; the task has {count}")
        legal[legal] &= episode.masks[legal, actions[legal]]
    if not legal.all():
        step = int(np.argmin(legal))
        raise TaskError(f"{what} takes action {actions[step]} at step {step}, which is not legal")

"""Writing demonstrations as a Minari dataset.

Invariants: a dataset appears whole, by one rename; and every number of it is what the demonstrations have, so that
`minari_import` gives back the same observations, actions, rewards, masks, ends, seeds and modes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import NDArray

from ratchet.errors import TaskError
from ratchet.policies.durable import flush_directory, temporary_name
from ratchet.rollout.demonstrations import check_episode
from ratchet.rollout.episode import Episode
from ratchet.rollout.minari_import import OWN, datasets_home, minari, storage_class
from ratchet.rollout.sources import DemonstrationSource
from ratchet.tasks.task import Task

FloatArray = NDArray[np.float32]


def write_minari(out: Path, task: Task, source: DemonstrationSource) -> str:
    """Write demonstrations of a task as a Minari dataset; return its id.

    Observations are float32 in the shape that the task has them, or numbers where its space is Discrete.
    Action masks are the infos' ``action_mask``; the row that follows the last action, of which nothing is known,
    allows everything. The metadata has task, teacher, mode and run seed under ``ratchet``, and each episode's
    has its seed and mode.

    Parameters
    ----------
    out
        The dataset's directory. Its name is the id, such as ``games-v0``; where Minari keeps its own datasets,
        the directories between belong to the id.
    task
        What was played.
    source
        The demonstrations.

    Raises
    ------
    TaskError
        If there is something at `out`, its name is no id, an episode does not fit the task, or the disk is full.
    SpoolError
        If an episode's file is damaged.

    """
    library = minari("writing a Minari dataset")
    identity = _identity(out)
    if out.exists():
        raise TaskError(f"{out} is there already; choose another name for the dataset")
    temporary = out.parent / temporary_name()
    try:
        temporary.mkdir(parents=True)
        storage = storage_class().new(
            temporary / "data",
            observation_space=_float_space(task.observation_space),
            action_space=task.action_space,
            data_format="hdf5",
        )
        storage.update_metadata(_metadata(identity, library.__version__, source))
        modes: list[dict[str, str]] = []
        storage.update_episodes(_buffers(task, source, modes))
        storage.update_episode_metadata(modes)
        for file in (temporary / "data").iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        flush_directory(temporary / "data")
        temporary.rename(out)
        flush_directory(out.parent)
    except (OSError, ImportError) as error:
        raise TaskError(f"the dataset {out} cannot be written: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return identity


def _identity(out: Path) -> str:
    """Return the id that Minari knows a dataset in that directory by."""
    place, home, name = out.absolute(), datasets_home().absolute(), out.name
    if place.is_relative_to(home):
        name = place.relative_to(home).as_posix()
    try:
        import_module("minari.dataset.minari_dataset").parse_dataset_id(name)
    except (ValueError, TypeError) as error:  # TypeError: it has no version
        raise TaskError(
            f"{name!r} is no name of a Minari dataset; it must end in a version, such as {out.name}-v0"
        ) from error
    return name


def _metadata(identity: str, version: str, source: DemonstrationSource) -> dict[str, Any]:
    said = source.settings
    mode = "several modes" if said.mode is None else f"mode {said.mode}"
    return {
        "dataset_id": identity,
        "minari_version": version,
        "algorithm_name": said.teacher,
        "description": f"Demonstrations of {said.task}, {mode}, by {said.teacher}, recorded by Ratchet.",
        OWN: {
            "task": said.task,
            "teacher": said.teacher,
            "mode": said.mode,
            "seed": said.seed,
        },
    }


def _buffers(task: Task, source: DemonstrationSource, modes: list[dict[str, str]]) -> Iterator[Any]:
    """Give the episodes as Minari takes them, one in memory at a time; note their modes."""
    buffer = import_module("minari.data_collector").EpisodeBuffer
    assert isinstance(task.action_space, Discrete)
    first = int(task.action_space.start)
    for place, seed in enumerate(source.seeds):
        episode = source.read(place)
        check_episode(episode, task, f"the demonstration of seed {seed}")
        modes.append({"mode": episode.record.mode})
        ending = np.zeros(len(episode), dtype=np.bool_)
        ending[-1] = True
        never = np.zeros_like(ending)
        yield buffer(
            seed=seed,
            observations=_shown(task.observation_space, episode),
            actions=episode.actions.astype(np.int64) + first,
            rewards=episode.rewards,
            terminations=ending if episode.terminated else never,
            truncations=never if episode.terminated else ending,
            infos=_infos(episode),
        )


def _infos(episode: Episode) -> dict[str, Any] | None:
    if episode.masks is None:
        return None
    after = np.ones((1, episode.masks.shape[1]), dtype=np.bool_)
    return {"action_mask": np.concatenate([episode.masks, after])}


def _shown(space: Space[Any], episode: Episode) -> NDArray[Any]:
    """Return all observations in the shape that the task has them."""
    flat = np.concatenate([episode.observations, episode.final_observation[None]])
    if isinstance(space, Discrete):
        places: NDArray[np.int64] = flat.argmax(axis=1) + int(space.start)
        return places
    return flat.reshape(len(flat), *(space.shape or ()))


def _float_space(space: Space[Any]) -> Space[Any]:
    """Return the space of what is written: a Box as float32, which is also never taken for an image."""
    if not isinstance(space, Box) or space.dtype == np.float32:
        return space
    with np.errstate(over="ignore"):
        low, high = space.low.astype(np.float32), space.high.astype(np.float32)
    return Box(low, high, dtype=np.float32)

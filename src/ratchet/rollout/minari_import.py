"""Reading a Minari dataset as demonstrations of a task.

Invariants:

- Nothing in a dataset is executed. Minari makes the environment of a dataset that does not state its spaces, so
  such a one is refused before Minari sees it; the environment's specification is not looked at.
- Nothing is downloaded.
- An episode is legal in the task, step by step, or refused by its number.

In Minari's layout T steps have T + 1 observations and infos, of which the first came from the reset. Action masks
are the infos' ``action_mask``, as several of Gymnasium's environments have it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import NDArray

from ratchet.errors import TaskError
from ratchet.ledger.provenance import versions
from ratchet.rollout.demonstrations import DemonstrationSettings, action_count, check_episode
from ratchet.rollout.episode import Episode, Origin
from ratchet.rollout.recording import RUN
from ratchet.rollout.sources import DemonstrationSource, check_mode
from ratchet.rollout.trajectory import EpisodeRecord
from ratchet.seeding import SEED_LIMIT, TRAINING_DOMAIN, derive
from ratchet.tasks.task import Task

FloatArray = NDArray[np.float32]

OWN = "ratchet"
"""The key of a dataset's metadata under which `minari_export` says what the demonstrations are."""

_METADATA = "metadata.json"
_SAFE_ARROW = 15
"""The first PyArrow of which no release unpickles what it reads (CVE-2023-47248)."""
_NUMBERS, _WHOLE = "fiub", "iu"
"""NumPy's kinds of numbers, and of whole ones."""


def minari(purpose: str) -> Any:
    """Return the library, which is an extra.

    Raises
    ------
    TaskError
        If it is not installed; the message says what for, and how to get it.

    """
    try:
        return import_module("minari")
    except ImportError as error:
        raise TaskError(
            f"{purpose} needs the package minari, which is not installed: "
            "pip install 'ratchet-rl[minari]'"
        ) from error


def datasets_home() -> Path:
    """Return where Minari keeps its datasets on this machine."""
    kept = os.environ.get("MINARI_DATASETS_PATH")
    return Path(kept) if kept else Path.home() / ".minari" / "datasets"


def storage_class() -> Any:
    """Return Minari's reader and writer of files, which knows its formats."""
    return import_module("minari.dataset.minari_storage").MinariStorage


def minari_source(text: str, task: Task, mode: str | None = None) -> DemonstrationSource:
    """Return the episodes of a Minari dataset as demonstrations of a task.

    Seeds are the dataset's, as far as they are seeds of this package and none comes twice; the other episodes
    get one that follows from the dataset's id and the episode's number.

    Parameters
    ----------
    text
        The dataset's directory, or the id of one that Minari finds on this machine.
    task
        What was played; its actions are discrete.
    mode
        In which mode. None is the task's only one, or what a dataset says that Ratchet has written.

    Raises
    ------
    TaskError
        If there is no such dataset, it is damaged, it does not fit the task, or its mode is not known.

    """
    action_count(task)
    path = _data_path(text)
    library = minari(f"reading the Minari dataset in {path}")
    metadata = _metadata(path, library)
    name = f"the Minari dataset {metadata['dataset_id']}"
    try:
        storage = storage_class().read(path)
        count = int(metadata["total_episodes"])
        stated = list(storage.get_episode_metadata(range(count)))
    except Exception as error:
        raise TaskError(f"{name} cannot be read: {error}") from error
    _check_spaces(name, storage, task)
    settings = _settings(name, metadata, task, mode)
    if not stated:
        raise TaskError(f"{name} has no episodes; collect at least one")
    modes = _modes(name, settings, stated, task)
    seeds = _seeds(str(metadata["dataset_id"]), [each.get("seed") for each in stated])

    def read(place: int) -> Episode:
        what = f"episode {place} of {name}"
        try:
            found = list(storage.get_episodes([place]))[0]  # noqa: RUF015 - to the end, where it closes its file
        except Exception as error:
            raise TaskError(f"{what} cannot be read: {error}") from error
        episode = _episode(found, task, settings, seeds[place], modes[place], place, what)
        check_episode(episode, task, what)
        return episode

    return DemonstrationSource(name=name, settings=settings, seeds=seeds, read=read)


def _data_path(text: str) -> Path:
    """Return where the files of a dataset are: of a directory, or else of an id."""
    directory = Path(text)
    homes = [directory / "data", directory]
    if not directory.is_dir():
        homes = [datasets_home() / text / "data"]
    for home in homes:
        if (home / _METADATA).is_file():
            return home
    raise TaskError(
        f"there are no demonstrations {text!r}: it is no directory of them, and no Minari dataset has its "
        f"{_METADATA} in {homes[0]} (nothing is downloaded)"
    )


def _metadata(path: Path, library: Any) -> dict[str, Any]:
    """Return what a dataset says of itself, as far as it has to be known before it is read."""
    file = path / _METADATA
    try:
        metadata = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise TaskError(f"{file} cannot be read: {error}") from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("dataset_id"), str):
        raise TaskError(f"{file} is not the metadata of a Minari dataset: it has no dataset_id")
    for key in ("observation_space", "action_space"):
        if not isinstance(metadata.get(key), str):
            raise TaskError(
                f"{file} does not state the {key}; Minari would run the dataset's environment to find it, "
                "so such a dataset is not read"
            )
    if metadata.get("minari_version") not in library.supported_dataset_versions:
        raise TaskError(
            f"{file} is of Minari {metadata.get('minari_version')!r}, which the Minari that is installed "
            f"({library.__version__}) does not read"
        )
    _check_format(file, metadata.get("data_format"))
    return metadata


def _check_format(file: Path, kind: object) -> None:
    """Refuse a format that cannot be read here, or not without running what is in it."""
    if kind == "hdf5":
        return
    if kind not in ("arrow", "parquet"):
        raise TaskError(f"{file} has the format {kind!r}; hdf5, arrow and parquet are read")
    try:
        version = str(import_module("pyarrow").__version__)
    except ImportError as error:
        raise TaskError(
            f"{file} has the format {kind!r}, which needs pyarrow: pip install 'minari[arrow]'"
        ) from error
    if int(version.partition(".")[0]) < _SAFE_ARROW:
        raise TaskError(
            f"{file} has the format {kind!r}, in which pyarrow {version} runs code from files; "
            f"install {_SAFE_ARROW} or newer"
        )


def _settings(
    name: str, metadata: Mapping[str, Any], task: Task, mode: str | None
) -> DemonstrationSettings:
    """Return what the episodes have in common: by what Ratchet has written, else by the dataset's id."""
    said = metadata.get(OWN)
    if isinstance(said, dict) and said.get("task") == task.name:
        teacher, own, seed = said.get("teacher"), said.get("mode"), said.get("seed")
        if not isinstance(teacher, str) or not isinstance(seed, int):
            raise TaskError(f"{name} has no teacher and seed in its metadata's {OWN!r}: {said}")
        if own is not None:
            task.mode_index(str(own))
        settings = DemonstrationSettings.of(task, teacher, own, seed)
        check_mode(name, settings, mode)
        return settings
    if mode is None:
        names = [each.name for each in task.modes]
        if len(names) > 1:
            raise TaskError(
                f"{name} does not say in which mode of task {task.name!r} it was played; give it by --mode: "
                f"{', '.join(names)}"
            )
        mode = names[0]
    task.mode_index(mode)
    return DemonstrationSettings.of(task, f"minari:{metadata['dataset_id']}", mode, 0)


def _check_spaces(name: str, storage: Any, task: Task) -> None:
    for what in ("observation", "action"):
        there, here = getattr(storage, f"{what}_space"), getattr(task, f"{what}_space")
        if _shape(there) != _shape(here):
            raise TaskError(
                f"{name} has {what}s {there}, but those of task {task.name!r} are {here}"
            )


def _shape(space: Space[Any]) -> tuple[Any, ...]:
    """Return what a space must share with another to fit it; bounds of observations are only a hint."""
    if isinstance(space, Discrete):
        return "discrete", int(space.n), int(space.start)
    return ("box", space.shape) if isinstance(space, Box) else ("other", repr(space))


def _modes(
    name: str, settings: DemonstrationSettings, stated: Sequence[Mapping[str, Any]], task: Task
) -> list[str]:
    """Return the mode of each episode."""
    if settings.mode is not None:
        return [settings.mode] * len(stated)
    modes = [str(each.get("mode")) for each in stated]
    known = {mode.name for mode in task.modes}
    for number, mode in enumerate(modes):
        if mode not in known:
            raise TaskError(
                f"episode {number} of {name} is of mode {mode!r}; task {task.name!r} has "
                f"{', '.join(sorted(known))}"
            )
    return modes


def _seeds(dataset: str, given: Sequence[Any]) -> tuple[int, ...]:
    """Return a seed for each episode, none twice; Minari's own may have 64 bits, or be none."""
    seeds: dict[int, None] = {}
    for number, seed in enumerate(given):
        usable = isinstance(seed, int) and 0 <= seed < SEED_LIMIT and seed not in seeds
        seeds[seed if usable else TRAINING_DOMAIN | derive("minari", dataset, number)] = None
    return tuple(seeds)


def _episode(
    found: Mapping[str, Any],
    task: Task,
    settings: DemonstrationSettings,
    seed: int,
    mode: str,
    number: int,
    what: str,
) -> Episode:
    steps = len(found["rewards"])
    if steps == 0:
        raise TaskError(f"{what} has no step")
    rewards = _float32(_rows(found["rewards"], (steps,), _NUMBERS, f"the rewards of {what}"))
    ends = {
        name: _rows(found[name], (steps,), "biu", f"the {name} of {what}") != 0
        for name in ("terminations", "truncations")
    }
    early = np.flatnonzero((ends["terminations"] | ends["truncations"])[:-1])
    if len(early):
        raise TaskError(f"{what} ends at step {early[0]}, and yet has {steps} steps")
    assert isinstance(task.action_space, Discrete)
    count, first = int(task.action_space.n), int(task.action_space.start)
    actions = _rows(found["actions"], (steps,), _WHOLE, f"the actions of {what}").astype(np.int64)
    masks = (found["infos"] or {}).get("action_mask")
    if masks is not None:
        shape = steps + 1, count
        masks = _rows(masks, shape, "biu", f"the infos' action_mask of {what}")[:-1] != 0
    seen = _seen(task.observation_space, found["observations"], steps, what)
    at = time.time()
    episode = Episode(
        observations=seen[:-1],
        actions=actions - first,
        masks=masks,
        # A teacher is sure of what it does, and has no critic.
        log_probs=np.zeros(steps, dtype=np.float32),
        values=np.zeros(steps, dtype=np.float32),
        rewards=rewards,
        # One that merely stops was cut there.
        terminated=bool(ends["terminations"][-1]),
        final_observation=seen[-1],
        bootstrap=0.0,
        record=EpisodeRecord(
            attempt=0,
            worker=0,
            episode=number,
            seed=seed,
            mode=mode,
            episode_return=float(rewards.sum(dtype=np.float64)),
            length=steps,
        ),
        origin=Origin(
            run=RUN,
            task=settings.task,
            task_hash=settings.task_hash,
            policy=settings.teacher,
            version=0,
            begun_at=at,
            ended_at=at,
            versions=versions(),
        ),
    )
    fault = episode.fault()
    if fault is not None:
        raise TaskError(f"{what} cannot be used: {fault}")
    return episode


def _rows(given: Any, shape: tuple[int, ...], kinds: str, what: str) -> NDArray[Any]:
    """Return an array of one row a step, or refuse what is none."""
    array = np.asarray(given)
    if array.shape != shape or array.dtype.kind not in kinds:
        word = {_NUMBERS: "numbers", _WHOLE: "whole numbers"}.get(kinds, "flags")
        raise TaskError(
            f"{what} are {array.dtype} of shape {array.shape}; they must be {word} of shape {shape}"
        )
    return array


def _seen(space: Space[Any], given: Any, steps: int, what: str) -> FloatArray:
    """Return all observations ``(steps + 1, size)``, flat, one-hot where the space is Discrete."""
    of = f"the observations of {what}"
    if isinstance(space, Discrete):
        places = _rows(given, (steps + 1,), _WHOLE, of).astype(np.int64) - int(space.start)
        wrong = np.flatnonzero((places < 0) | (places >= int(space.n)))
        if len(wrong):
            raise TaskError(
                f"{what} shows {given[wrong[0]]} at step {wrong[0]}, not one of {space}"
            )
        return np.eye(int(space.n), dtype=np.float32)[places]
    flat = _float32(_rows(given, (steps + 1, *(space.shape or ())), _NUMBERS, of))
    flat = flat.reshape(steps + 1, -1)
    wrong = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    if len(wrong):
        raise TaskError(
            f"{what} shows a number at step {wrong[0]} that is not finite, or too large for float32"
        )
    return flat


def _float32(array: NDArray[Any]) -> FloatArray:
    """Return numbers as the network takes them; those that are too large become infinite."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32)

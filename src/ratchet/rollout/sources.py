"""Demonstrations that were made elsewhere, and how they come into a directory of one's own.

Invariants: a source is read in the order that it has, one episode at a time, and every episode that it
gives is legal in its task. What was broken off goes on: episodes that are there already are compared with the
source's, and the others are added, each once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ratchet.errors import SpoolError, TaskError
from ratchet.ledger.lock import RunLock
from ratchet.rollout.demonstrations import (
    Demonstrations,
    DemonstrationSettings,
    episode_path,
    gather,
    open_demonstrations,
    read_settings_of,
    recorded_seeds,
)
from ratchet.rollout.episode import Episode
from ratchet.rollout.episode_file import read_episode, write_episode
from ratchet.rollout.trajectory import EpisodeRecord
from ratchet.seeding import TRAINING_DOMAIN
from ratchet.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class DemonstrationSource:
    """Episodes of one task that are somewhere.

    `name` is what messages call it, `settings` what its episodes have in common, `seeds` the seed of each, none
    twice, and `read` gives the episode at a place of `seeds`.
    """

    name: str
    settings: DemonstrationSettings
    seeds: tuple[int, ...]
    read: Callable[[int], Episode]

    @property
    def evaluation_seeds(self) -> int:
        """How many of its seeds are such as evaluations have."""
        return sum(seed < TRAINING_DOMAIN for seed in self.seeds)

    def first(self, episodes: int | None) -> DemonstrationSource:
        """Return the source of only the first so many episodes; None is all.

        Raises
        ------
        TaskError
            If it has not so many.

        """
        if episodes is not None and not 1 <= episodes <= len(self.seeds):
            raise TaskError(
                f"{self.name} holds {len(self.seeds)} demonstrations, and {episodes} are asked for"
            )
        return replace(self, seeds=self.seeds[:episodes])

    def demonstrations(self, task: Task) -> Demonstrations:
        """Return the steps of all its episodes, in the order of their seeds.

        Raises
        ------
        TaskError
            If an episode does not fit the task, or an action is illegal.
        SpoolError
            If a file is damaged.

        """
        places = np.argsort(self.seeds, kind="stable").tolist()
        return gather(task, self.settings.teacher, map(self.read, places))


def directory_source(directory: Path, task: Task, mode: str | None = None) -> DemonstrationSource:
    """Return the demonstrations of a directory as a source, in the order of their seeds.

    Raises
    ------
    TaskError
        If there are none, or they are of another task, or of another mode than the one named.

    """
    settings = read_settings_of(directory, task)
    check_mode(str(directory), settings, mode)
    seeds = tuple(recorded_seeds(directory))
    if not seeds:
        raise TaskError(f"{directory} holds no demonstrations yet; record at least one episode")
    return DemonstrationSource(
        name=str(directory),
        settings=settings,
        seeds=seeds,
        read=lambda place: read_episode(episode_path(directory, seeds[place])),
    )


def check_mode(name: str, settings: DemonstrationSettings, mode: str | None) -> None:
    """Refuse demonstrations that are not of the mode that was named, if any.

    Raises
    ------
    TaskError
        If they are of another one, or of several.

    """
    if mode is not None and settings.mode != mode:
        raise TaskError(
            f"{name} holds demonstrations whose mode is {settings.mode!r}, not {mode!r}"
        )


def copy_demonstrations(
    directory: Path,
    source: DemonstrationSource,
    *,
    on_episode: Callable[[EpisodeRecord], None] = lambda _: None,
) -> list[int]:
    """See to it that a directory holds the episodes of a source; return their seeds.

    Parameters
    ----------
    directory
        Where they are, or will be.
    source
        Where they come from.
    on_episode
        Is told of every episode, once its file is there.

    Raises
    ------
    TaskError
        If the directory holds other demonstrations, or the source cannot be read.
    LedgerError
        If another process is recording into the directory.
    SpoolError
        If a file cannot be written; those of other episodes are whole.

    """
    open_demonstrations(directory, source.settings)
    with RunLock(directory):
        # Nobody else writes here, so what is unfinished belongs to nobody.
        for leftover in directory.glob(".tmp-*"):
            leftover.unlink(missing_ok=True)
        strange = set(recorded_seeds(directory)) - set(source.seeds)
        if strange:
            raise TaskError(
                f"{directory} holds {len(strange)} demonstrations that {source.name} has not, such as "
                f"that of seed {min(strange)}; take another directory"
            )
        for place, seed in enumerate(source.seeds):
            episode = source.read(place)
            there = _whole(directory, seed)
            if there is None:
                write_episode(episode_path(directory, seed), episode)
            elif not _alike(there, episode):
                raise TaskError(
                    f"{directory} holds another demonstration of seed {seed} than {source.name}; "
                    "take another directory"
                )
            on_episode(episode.record)
    return list(source.seeds)


def _whole(directory: Path, seed: int) -> Episode | None:
    """Return the episode that is there, or None where it is missing or damaged."""
    with contextlib.suppress(SpoolError):
        episode = read_episode(episode_path(directory, seed))
        if episode.record.seed == seed:
            return episode
    return None


def _alike(first: Episode, second: Episode) -> bool:
    """Return whether two episodes teach the same, whoever wrote them and when."""
    if (first.masks is None) != (second.masks is None):
        return False
    names = ["observations", "final_observation", "actions", "rewards"]
    names += [] if first.masks is None else ["masks"]
    return first.terminated == second.terminated and all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in names
    )

"""What all episodes of a spool have in common: the run, the task, and the shape of their arrays."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space

from ratchet.ledger.values import encode
from ratchet.rollout.episode import Episode
from ratchet.tasks.spaces import check_action_space, observation_width
from ratchet.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class EpisodeKind:
    """Of which run and task, and of which shape.

    `action` is the shape of one action, empty for a discrete one; `choices` is how many discrete actions there
    are, 0 where they are continuous; `masked` is the width of the action masks, 0 where there are none.
    """

    run: str
    task: str
    task_hash: str
    observation: int
    action: tuple[int, ...] = ()
    choices: int = 0
    masked: int = 0

    def mismatch(self, episode: Episode) -> str | None:
        """Return how an episode (without a fault) is of another kind, or None."""
        origin = episode.origin
        there = EpisodeKind(
            run=origin.run,
            task=origin.task,
            task_hash=origin.task_hash,
            observation=episode.observations.shape[1],
            action=episode.actions.shape[1:],
            choices=self.choices,
            masked=0 if episode.masks is None else episode.masks.shape[1],
        )
        difference = self.difference(there)
        if difference is not None:
            return difference
        discrete = episode.actions.dtype.kind in "iu"
        if discrete != (self.action == ()):
            return f"its actions are {episode.actions.dtype}, of shape {self.action} each"
        return self._illegal(episode) if self.choices else None

    def _illegal(self, episode: Episode) -> str | None:
        """Return which of its discrete actions is none, or was not allowed; or None."""
        actions = episode.actions
        legal = (actions >= 0) & (actions < self.choices)
        if episode.masks is not None:
            legal[legal] &= episode.masks[legal, actions[legal]]
        if legal.all():
            return None
        step = int(np.argmin(legal))
        return f"its action at step {step} is {actions[step]}, which was not legal"

    def difference(self, other: EpisodeKind) -> str | None:
        """Return in which field another kind differs, or None."""
        for name, here in vars(self).items():
            there = getattr(other, name)
            if there != here:
                words = name.replace("_", " ")
                return f"its {words} is {there!r}, not {here!r}"
        return None


def kind_of(task: Task, *, run: str, masked: bool) -> EpisodeKind:
    """Return the kind of the episodes that a run plays of a task, with its action masks or without.

    Raises
    ------
    TaskError
        If the task's spaces are not supported.

    """
    check_action_space(task.action_space, task.name)
    discrete = isinstance(task.action_space, Discrete)
    choices = int(task.action_space.n) if isinstance(task.action_space, Discrete) else 0
    return EpisodeKind(
        run=run,
        task=task.name,
        task_hash=task_hash(task),
        observation=observation_width(task.observation_space, task.name),
        action=() if discrete else tuple(task.action_space.shape or ()),
        choices=choices,
        masked=choices if masked else 0,
    )


def task_hash(task: Task) -> str:
    """Return 16 hex digits of a SHA-256 over what a task says of itself.

    That is its name, its modes with their parameters, both spaces with their bounds, its metrics and
    the columns of its parts. The code of a simulator is not in it: the versions of the libraries are in
    every episode's origin.
    """
    said = {
        "name": task.name,
        "modes": [[mode.name, json.loads(encode(mode.parameters))] for mode in task.modes],
        "observation_space": _described(task.observation_space),
        "action_space": _described(task.action_space),
        "metrics": list(task.metrics),
        "parts": list(task.parts),
    }
    return hashlib.sha256(encode(said).encode()).hexdigest()[:16]


def _described(space: Space[Any]) -> Any:
    if isinstance(space, Box):
        bounds = [
            np.asarray(bound, dtype=np.float64).tobytes() for bound in (space.low, space.high)
        ]
        of_bounds = hashlib.sha256(b"".join(bounds)).hexdigest()
        return ["box", list(space.shape), str(space.dtype), of_bounds]
    if isinstance(space, Discrete):
        return ["discrete", int(space.n), int(space.start)]
    return ["other", repr(space)]

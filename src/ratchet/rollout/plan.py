"""What every worker of a fleet has to know, in one file of its run directory."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ratchet.errors import LedgerError, PolicyError, RecipeError
from ratchet.ledger.files import explain
from ratchet.policies.durable import replace_file, strict_json
from ratchet.rollout.spool.lag import MAX_LAG
from ratchet.tasks.registry import find_task
from ratchet.tasks.task import Task

PLAN = "fleet.json"
FORMAT = 1
"""Version of the file; a reader refuses one that it does not know."""


@dataclass(frozen=True, kw_only=True)
class FleetPlan:
    """What a fleet plays, and how.

    Attributes
    ----------
    run
        The name of the run; it stands in every episode.
    task
        What is played, as `ratchet.tasks.registry.find_task` takes it.
    parameters
        The modes that a Gymnasium environment is given: parameters by name.
    modes
        The names of the modes that are played, each episode's drawn from its seed; None is all of them.
    seed
        The run's seed: the seeds of all episodes follow from it.
    environments
        Copies of the environment that a worker plays side by side; more make inference cheaper, and
        episodes in progress older.
    batch
        Episodes that the trainer takes for an update.
    max_lag
        The largest lag of an episode that is not stale.
    masked
        Whether episodes are recorded with action masks.
    step_seconds
        Seconds that a step may take, of all copies of a worker together; then the worker is killed.
    start_seconds
        Seconds that a worker may take for anything else without a sign of life: to start and to make its
        first step, to load a policy, to write an episode.

    Raises
    ------
    RecipeError
        If a value is out of range.

    """

    run: str
    task: str
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    modes: tuple[str, ...] | None = None
    seed: int = 0
    environments: int = 8
    batch: int = 8
    max_lag: int = MAX_LAG
    masked: bool = False
    step_seconds: float = 30.0
    start_seconds: float = 300.0

    def __post_init__(self) -> None:
        """Refuse values that no fleet can work with."""
        for name in ("run", "task"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise RecipeError(f"{name} is {getattr(self, name)!r}; it must be a name")
        least = {"seed": 0, "environments": 1, "batch": 1, "max_lag": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise RecipeError(f"{name} is {value!r}; it must be a whole number, {low} or more")
        for name in ("step_seconds", "start_seconds"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
                raise RecipeError(f"{name} is {value!r}; it must be a number of seconds above 0")
        if self.modes is not None and (not self.modes or len(set(self.modes)) < len(self.modes)):
            raise RecipeError(f"modes is {self.modes!r}; it must name some modes, none twice")
        if not isinstance(self.masked, bool):
            raise RecipeError(f"masked is {self.masked!r}; it must be true or false")

    def make_task(self) -> Task:
        """Return the task.

        Raises
        ------
        TaskError
            If there is none of that name, or it has not all of the modes.

        """
        task = find_task(self.task, self.parameters or None)
        self.mode_indices(task)
        return task

    def mode_indices(self, task: Task) -> tuple[int, ...]:
        """Return which of the task's modes are played.

        Raises
        ------
        TaskError
            If the task has not all of them.

        """
        if self.modes is None:
            return tuple(range(len(task.modes)))
        return tuple(task.mode_index(name) for name in self.modes)


def write_plan(run: Path, plan: FleetPlan) -> None:
    """Write the plan of a run directory, in place of an older one.

    Raises
    ------
    LedgerError
        If it cannot be written.

    """
    path = Path(run) / PLAN
    try:
        replace_file(path, strict_json({"format": FORMAT, **asdict(plan)}, PLAN))
    except PolicyError as error:  # what is not JSON
        raise LedgerError(str(error)) from error
    except OSError as problem:
        raise explain(problem, path) from problem


def read_plan(run: Path) -> FleetPlan:
    """Return the plan of a run directory.

    Raises
    ------
    LedgerError
        If the directory is not a fleet's, or the plan is damaged or of another version.

    """
    path = Path(run) / PLAN
    try:
        said = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise LedgerError(f"{run} is not the run of a fleet: it has no {PLAN}") from problem
    except OSError as problem:
        raise explain(problem, path) from problem
    except ValueError as error:
        raise LedgerError(f"{path} is damaged: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        found = said.get("format") if isinstance(said, dict) else None
        raise LedgerError(f"{path} has the format {found!r}; this version reads {FORMAT}")
    del said["format"]
    known = {each.name for each in fields(FleetPlan)}
    if said.keys() != known:
        differing = sorted(said.keys() ^ known)
        raise LedgerError(f"{path} is damaged: {', '.join(differing)} missing or unknown")
    try:
        if said["modes"] is not None:
            said["modes"] = tuple(str(name) for name in said["modes"])
        return FleetPlan(**said)
    except (RecipeError, TypeError) as error:
        raise LedgerError(f"{path} is damaged: {error}") from error

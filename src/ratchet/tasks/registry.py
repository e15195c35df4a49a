"""Finding a task by its name: built in, from another package, a Gymnasium id, or ``module:callable``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from typing import Any

import gymnasium

from ratchet.errors import TaskError, did_you_mean
from ratchet.tasks.cartpole import cartpole_extreme, cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task
from ratchet.tasks.task import Mode, Task

ENTRY_POINTS = "ratchet.tasks"


def _spire(factory: str) -> Task:
    # The game's engine takes a while to import.
    made: Task = getattr(importlib.import_module("ratchet.tasks.spire"), factory)()
    return made


BUILT_IN: dict[str, Callable[[], Task]] = {
    "cartpole-modes": cartpole_modes,
    "cartpole-extreme": cartpole_extreme,
    "spire": partial(_spire, "spire"),
    "spire-sparse": partial(_spire, "spire_sparse"),
}


def task_names() -> list[str]:
    """Return the names of the built-in tasks and of those that other packages register."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def find_task(name: str, modes: Mapping[str, Mapping[str, Any]] | None = None) -> Task:
    """Return the task of that name; `modes` gives a Gymnasium environment its modes.

    Raises
    ------
    TaskError
        If nothing goes by that name, or a built-in task is given modes.

    """
    chosen = [Mode(key, dict(values)) for key, values in (modes or {}).items()]
    if name in BUILT_IN or (name not in gymnasium.registry and ":" not in name):
        points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
        made: Any = None
        if name in BUILT_IN:
            made = BUILT_IN[name]()
        elif name in points:
            try:
                made = points[name].load()()
            except (ImportError, AttributeError) as error:
                raise TaskError(f"the entry point {name!r} cannot be loaded: {error}") from error
        if made is None:
            known = [*task_names(), *gymnasium.registry]
            near, known_too, _ = did_you_mean(name, known).partition(" Known:")
            hint = near if known_too else f"known: {', '.join(task_names())}"
            raise TaskError(
                f"there is no task {name!r}: {hint} (a task is a built-in name, a Gymnasium id or "
                "module:callable)"
            )
        if not isinstance(made, Task):
            raise TaskError(f"the entry point {name!r} makes {type(made).__name__}, not a Task")
        if chosen:
            raise TaskError(
                f"task {name!r} has modes of its own; --set is for Gymnasium environments"
            )
        return made
    if ":" in name:
        return callable_task(name, chosen) if chosen else callable_task(name)
    return gymnasium_task(name, chosen) if chosen else gymnasium_task(name)

"""What an environment tells of an episode that has ended: its metrics and its parts.

Invariant: every part of a task's episodes has the columns that the task names, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratchet.errors import TaskError
from ratchet.tasks.task import Task

Parts = tuple[Mapping[str, Any], ...]


def read_metrics(info: Mapping[str, Any], copy: int) -> dict[str, float]:
    """Return the metrics of the episode that has just ended in that copy."""
    return {name: float(values[copy]) for name, values in info.get("metrics", {}).items()}


def read_parts(task: Task, info: Mapping[str, Any], copy: int) -> Parts:
    """Return the parts of the episode that has just ended in that copy, in their order.

    Raises
    ------
    TaskError
        If a part has other columns than the task names.

    """
    parts = tuple(info.get("parts", {}).get(copy, ()))
    for part in parts:
        if set(part) != set(task.parts):
            raise TaskError(
                f"task {task.name!r}: a part of an episode has the columns {sorted(part)}; "
                f"the task names {sorted(task.parts)}"
            )
    return parts

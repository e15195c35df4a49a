"""Which demonstrations a person means: a directory of them, a run that has some, or a Minari dataset."""

from __future__ import annotations

from pathlib import Path

from ratchet.errors import TaskError
from ratchet.recipes.cloning import DEMONSTRATIONS
from ratchet.rollout.demonstrations import SETTINGS
from ratchet.rollout.minari_import import minari_source
from ratchet.rollout.sources import DemonstrationSource, directory_source
from ratchet.tasks.task import Task


def find_demonstrations(text: str, task: Task, mode: str | None, root: Path) -> DemonstrationSource:
    """Return the demonstrations of a task that a text means.

    Raises
    ------
    TaskError
        If there are none, or they do not fit the task.

    """
    directory = _own(text, root)
    if directory is not None:
        return directory_source(directory, task, mode)
    return minari_source(text, task, mode)


def anchor_demonstrations(
    text: str, task: Task, mode: str | None, root: Path
) -> DemonstrationSource:
    """Return the demonstrations that a policy is to be held to, whatever their mode.

    They may show what is not to be forgotten. `mode` is that of a dataset that does not know its own.

    Raises
    ------
    TaskError
        If there are none, or they do not fit the task.

    """
    directory = _own(text, root)
    if directory is not None:
        return directory_source(directory, task)
    return minari_source(text, task, mode)


def own_demonstrations(text: str, task: Task, root: Path) -> DemonstrationSource:
    """Return the demonstrations of a directory, or of a run.

    Raises
    ------
    TaskError
        If there are none, or they are of another task.

    """
    directory = _own(text, root)
    if directory is None:
        raise TaskError(f"there are no demonstrations in {text!r}: it has no {SETTINGS}")
    return directory_source(directory, task)


def _own(text: str, root: Path) -> Path | None:
    """Return the directory that holds demonstrations of our own, or None."""
    given = Path(text)
    for each in (given, given / DEMONSTRATIONS, root / text / DEMONSTRATIONS):
        if (each / SETTINGS).is_file():
            return each
    return None

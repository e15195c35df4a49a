"""Lists of evaluation seeds in files: one seed a line, as the task writes its seeds; ``#`` begins a comment.

Invariant: a list that is read has no seed twice, however it is written, and none that training may play.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from ratchet.errors import SeedError, did_you_mean
from ratchet.recipes.steps import SeedSet
from ratchet.seeding import check_evaluation_seeds
from ratchet.tasks.task import Task


def read_seed_list(path: Path | Traversable, task: Task, first: int | None = None) -> SeedSet:
    """Return the seeds of a file, or its `first` so many, as episodes of the task.

    Raises
    ------
    SeedError
        If the file cannot be read, a line is no seed of the task, repeats one or holds a training seed, or
        there are fewer than asked for.

    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SeedError(f"seed file {path} cannot be read: {error}") from error
    found: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            (seed,) = check_evaluation_seeds([task.seed_of(text)], task.lowest_seed)
        except SeedError as error:
            raise SeedError(f"seed file {path}, line {number}: {error}") from error
        if seed in found:
            raise SeedError(
                f"seed file {path}, line {number}: {text!r} is the seed of line {found[seed]} again; "
                "every seed is played once"
            )
        found[seed] = number
    if not found:
        raise SeedError(f"seed file {path} holds no seed; it needs one a line")
    if first is None:
        return SeedSet(path.name, tuple(found))
    if first > len(found):
        raise SeedError(f"seed file {path} holds {len(found)} seeds, and not {first}")
    return SeedSet(f"{path.name}, first {first}", tuple(found)[:first])


def shipped_list(name: str) -> Traversable:
    """Return the file of a list that ships, such as ``eval_200``.

    Raises
    ------
    SeedError
        If none of that name ships.

    """
    directory = resources.files("ratchet.recipes") / "seeds"
    names = [file.name.removesuffix(".txt") for file in directory.iterdir()]
    if name not in names:
        raise SeedError(f"no seed list {name!r} ships: {did_you_mean(name, names)}")
    return directory / f"{name}.txt"

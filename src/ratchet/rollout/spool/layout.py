"""Where everything in a spool is.

```
spool.json                 format, and the kind of its episodes
writers/00003/             one for each process that writes, and its unfinished file; locked while it lives
incoming/NAME              waiting
claimed/UPDATE/NAME        taken for an update
consumed/UPDATE/NAME       learned from by a published update
stale|corrupt|foreign/UPDATE/NAME       refused; why is in NAME.reason
retired.json               what was consumed or stale, and is counted, but is no file any more
```

Invariants: NAME is VERSION-WRITER-NUMBER.npz, where a writer numbers what it writes from 0 without gaps
and no two processes are the same writer. So (writer, number) is one episode for good, and the largest
number of each writer says how many there ever were. What moves goes forward in the order of `STATES`,
but for what `moving` holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from ratchet.errors import SpoolError
from ratchet.ledger.files import explain
from ratchet.policies.durable import create_file, flush_directory, strict_json
from ratchet.rollout.kind import EpisodeKind

FORMAT = 1
"""Version of the layout; a reader refuses one that it does not know."""

INCOMING, CLAIMED, CONSUMED = "incoming", "claimed", "consumed"
STALE, CORRUPT, FOREIGN = "stale", "corrupt", "foreign"
STATES = (INCOMING, CLAIMED, CONSUMED, STALE, CORRUPT, FOREIGN)
WRITERS = "writers"
RETIRED = "retired.json"
REASON = ".reason"

_IDENTITY = "spool.json"
_MOVES = ".moves"
_NAME = re.compile(r"(\d{8,})-(\d{5,})-(\d{8,})\.npz")
_STRAY = re.compile(r"stray-(\d{8,})")

Key = tuple[int, int] | str
"""What an episode is known by: its writer and number; or its name, where no writer of ours gave that."""


class Name(NamedTuple):
    """The name of an episode's file: the version that played it, who wrote it, and its number there."""

    version: int
    writer: int
    number: int

    def __str__(self) -> str:
        """Return the file's name."""
        return f"{self.version:08d}-{self.writer:05d}-{self.number:08d}.npz"

    @property
    def key(self) -> Key:
        """What the episode is known by."""
        return self.writer, self.number


def parse_name(text: str) -> Name | None:
    """Return the parts of a name that a writer gave, or None."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    name = Name(*map(int, match.groups()))
    return name if str(name) == text else None  # one spelling


def stray_name(number: int) -> str:
    """Return the name that a file gets which came under another than a writer's."""
    return f"stray-{number:08d}"


def stray_number(name: str) -> int:
    """Return the number in such a name."""
    return int(name.removeprefix("stray-"))


def key_of(text: str) -> Key | None:
    """Return what a file outside of `incoming` is known by, or None if it is none of the spool's."""
    name = parse_name(text)
    if name is not None:
        return name.key
    return text if _STRAY.fullmatch(text) else None


def unusable(problem: OSError, path: Path) -> SpoolError:
    """Return the error, in one sentence, for what the system would not do."""
    return SpoolError(str(explain(problem, path)))


def create_spool(directory: Path, kind: EpisodeKind) -> None:
    """Make a spool for episodes of a kind; where one is already, see that it is for the same.

    Raises
    ------
    SpoolError
        If it is for another kind, or cannot be made.

    """
    directory = Path(directory)
    try:
        if not (directory / _IDENTITY).is_file():
            for name in (*STATES, WRITERS):
                (directory / name).mkdir(parents=True, exist_ok=True)
            (directory / _MOVES).touch()
            identity = {"format": FORMAT, "kind": asdict(kind)}
            with contextlib.suppress(FileExistsError):
                create_file(directory / _IDENTITY, strict_json(identity, _IDENTITY))
    except OSError as problem:
        raise unusable(problem, directory) from problem
    difference = kind.difference(check_spool(directory))
    if difference is not None:
        raise SpoolError(
            f"the spool {directory} is of another run or task: {difference}; "
            "take the directory of this run, or a new one"
        )


def check_spool(directory: Path) -> EpisodeKind:
    """Return the kind of a spool's episodes.

    Raises
    ------
    SpoolError
        If there is no spool, or one that this version cannot read.

    """
    path = Path(directory) / _IDENTITY
    try:
        said = json.loads(path.read_bytes())
        if said["format"] != FORMAT:
            raise SpoolError(
                f"{path} has the format {said['format']!r}; this version reads {FORMAT}"
            )
        return EpisodeKind(**{**said["kind"], "action": tuple(said["kind"]["action"])})
    except FileNotFoundError as problem:
        raise SpoolError(f"there is no spool in {directory}: it has no {_IDENTITY}") from problem
    except OSError as problem:
        raise unusable(problem, path) from problem
    except (ValueError, KeyError, TypeError) as error:
        raise SpoolError(f"{path} is damaged: {error}") from error


def entries(directory: Path) -> list[os.DirEntry[str]]:
    """Return what is in a directory, but for what begins with a dot; nothing if it is gone."""
    try:
        with os.scandir(directory) as found:
            return [entry for entry in found if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise unusable(problem, directory) from problem


def updates_in(directory: Path, state: str) -> list[int]:
    """Return the updates that a state has a directory of, from the first on."""
    return sorted(int(e.name) for e in entries(directory / state) if e.name.isdecimal())


def of_update(directory: Path, state: str, update: int) -> Path:
    """Return the directory of an update's files in a state."""
    return directory / state / f"{update:08d}"


def files_of(directory: Path, state: str, update: int) -> dict[str, Key]:
    """Return the episode files of an update in a state, with what each is known by."""
    found = entries(of_update(directory, state, update))
    keys = {entry.name: key_of(entry.name) for entry in found}
    return {name: key for name, key in keys.items() if key is not None}


def keys_in(directory: Path, state: str) -> set[Key]:
    """Return what the episodes in a state are known by."""
    if state == INCOMING:
        names = [entry.name for entry in entries(directory / state)]
        return {name.key if (name := parse_name(text)) else text for text in names}
    updates = updates_in(directory, state)
    return {key for u in updates for key in files_of(directory, state, u).values()}


def keys_elsewhere(directory: Path) -> set[Key]:
    """Return what all episodes but those that wait are known by, the retired left out."""
    return {key for state in STATES[1:] for key in keys_in(directory, state)}


def writers_of(directory: Path) -> set[int]:
    """Return the numbers of all writers that there ever were."""
    return {int(e.name) for e in entries(directory / WRITERS) if e.name.isdecimal()}


def flush(*directories: Path) -> None:
    """Make what was moved into and out of these directories durable."""
    for directory in directories:
        with contextlib.suppress(FileNotFoundError):
            flush_directory(directory)


@contextlib.contextmanager
def moving(directory: Path) -> Iterator[None]:
    """Hold what counts the spool off while something moves back, or gets another name."""
    with _moves(directory, fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def standing(directory: Path) -> Iterator[None]:
    """See nothing move but forward meanwhile."""
    with _moves(directory, fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def _moves(directory: Path, kind: int) -> Iterator[None]:
    try:
        # For writing, since a network file system locks nothing else for one alone.
        mode = os.O_RDWR if kind == fcntl.LOCK_EX else os.O_RDONLY
        handle = os.open(directory / _MOVES, mode | os.O_CLOEXEC)
    except OSError as problem:
        raise unusable(problem, directory / _MOVES) from problem
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)


def read_json(path: Path) -> Any:
    """Return what a file of the spool's own says, or None if there is none."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise unusable(problem, path) from problem
    except ValueError as error:
        raise SpoolError(f"{path} is damaged: {error}") from error

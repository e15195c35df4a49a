"""A run at work: its directory, its lock, its rows in the ledger, and the progress people see.

All runs under one root share one ledger, ``ROOT/ledger.sqlite``, and one public ``ROOT/index.json``. A
run has a directory ``ROOT/NAME`` that one process at a time may use.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ratchet.errors import InputError, LedgerError
from ratchet.ledger import queries
from ratchet.ledger.index import update_index
from ratchet.ledger.ledger import Ledger
from ratchet.ledger.lock import LOCK_NAME, RunLock

LEDGER = "ledger.sqlite"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Progress(Protocol):
    """What a run tells those who watch it."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of `total` units (steps, episodes or arms)."""
        ...

    def advance(self, amount: int) -> None:
        """Say that `amount` more units are done."""
        ...

    def note(self, text: str) -> None:
        """Say a sentence."""
        ...


class Quiet:
    """A progress that nobody watches."""

    def stage(self, name: str, total: int) -> None:
        """Say nothing."""

    def advance(self, amount: int) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


@dataclass(kw_only=True)
class Session:
    """A run that this process holds."""

    root: Path
    name: str
    ledger: Ledger
    progress: Progress = field(default_factory=Quiet)
    at_work: bool = False
    """Whether what goes wrong from now on is a failure, and no refusal that leaves everything as it was."""

    @property
    def directory(self) -> Path:
        """The run's own directory."""
        return self.root / self.name


def check_name(name: str) -> str:
    """Return the name of a run, or refuse one that is no plain file name."""
    if not _NAME.fullmatch(name):
        raise LedgerError(
            f"run name {name!r} is not usable; use letters, digits, dots, dashes and underscores"
        )
    return name


def free_name(root: Path, stem: str) -> str:
    """Return `stem`, or the first of ``stem-2``, ``stem-3``, … that no run has."""
    name, number = stem, 1
    known = _known(root)
    while (root / name).exists() or name in known:
        number += 1
        name = f"{stem}-{number}"
    return name


def run_name(root: Path, name: str | None, stem: str, *, resume: bool) -> str:
    """Return the name of the run to open: the one given, or a free one for a new run.

    Raises
    ------
    LedgerError
        If a run is to be resumed and no name says which.

    """
    if name is None and resume:
        raise LedgerError("--resume needs --name: which run is to go on?")
    return name or free_name(root, stem)


def _known(root: Path) -> set[str]:
    """Return the names of the runs in the root's ledger."""
    if not (root / LEDGER).exists():
        return set()
    with Ledger.open(root / LEDGER, create=False) as ledger:
        return {run.name for run in queries.runs(ledger)}


@contextmanager
def open_session(
    root: Path,
    name: str,
    *,
    kind: str,
    seed: int,
    task: str,
    recipe: Mapping[str, Any],
    resume: bool,
    progress: Progress,
) -> Iterator[Session]:
    """Hold a run: lock its directory, open its rows, and close them with how it ended.

    Raises
    ------
    LedgerError
        If the run exists and is not to be resumed, is to be resumed and does not exist or is another
        one, or a living process has its directory.

    """
    check_name(name)
    directory = root / name
    begun = name in _known(root)
    taken = directory.is_dir() and any(path.name != LOCK_NAME for path in directory.iterdir())
    if resume and not (begun and directory.is_dir()):
        raise LedgerError(f"there is no run {name!r} in {root} to resume")
    if not resume and (begun or taken or directory.is_file()):
        raise LedgerError(
            f"run {name!r} exists in {root}; --resume continues it, or --name another one"
        )
    began = time.perf_counter()
    with Ledger.open(root / LEDGER) as ledger, RunLock(directory):
        before = queries.run(ledger, name) if begun else None
        ledger.start_run(name, name=name, kind=kind, seed=seed, task=task, recipe=recipe)
        _opened.append(name)
        session = Session(root=root, name=name, ledger=ledger, progress=progress)
        status, refused = "failed", False
        try:
            yield session
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        except InputError:
            refused = before is not None and not session.at_work
            raise
        finally:
            if before is not None and refused:
                ledger.restore_run(before)
            else:
                ledger.finish_run(name, status=status, wall_seconds=time.perf_counter() - began)
            update_index(root, ledger)


_opened: list[str] = []


def last_opened() -> str | None:
    """Return the name of the run that this process opened last."""
    return _opened[-1] if _opened else None

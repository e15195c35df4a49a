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

from ratchet.errors import LedgerError
from ratchet.ledger.index import update_index
from ratchet.ledger.ledger import Ledger
from ratchet.ledger.lock import RunLock

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
    while (root / name).exists():
        number += 1
        name = f"{stem}-{number}"
    return name


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
    exists = directory.exists() and any(p.name != ".lock" for p in directory.iterdir())
    if exists and not resume:
        raise LedgerError(
            f"run {name!r} exists in {root}; --resume continues it, or --name another one"
        )
    if resume and not directory.exists():
        raise LedgerError(f"there is no run {name!r} in {root} to resume")
    began = time.perf_counter()
    with RunLock(directory), Ledger.open(root / LEDGER) as ledger:
        _opened.append(name)
        ledger.start_run(name, name=name, kind=kind, seed=seed, task=task, recipe=recipe)
        session = Session(root=root, name=name, ledger=ledger, progress=progress)
        status = "failed"
        try:
            yield session
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            ledger.finish_run(name, status=status, wall_seconds=time.perf_counter() - began)
            update_index(root, ledger)


_opened: list[str] = []


def last_opened() -> str | None:
    """Return the name of the run that this process opened last."""
    return _opened[-1] if _opened else None

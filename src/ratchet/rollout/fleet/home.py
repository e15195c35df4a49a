"""Where everything in a fleet's run directory is, and which of its workers live."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ratchet.errors import LedgerError
from ratchet.ledger.files import explain
from ratchet.ledger.lock import LOCK_NAME, RunLock
from ratchet.policies.durable import temporary_name

SPOOL, VERSIONS, WORKERS, CRASHES = "spool", "versions", "workers", "crashes"
LOG, STATE, SUPERVISION = "log", "state.json", "supervision.json"
SUPERVISED = "supervised"
"""In a worker's directory the one that its supervisor holds, also while no process of the worker lives."""

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_PATIENCE = 5.0


def worker_home(run: Path, name: str) -> Path:
    """Return the directory of a worker.

    Raises
    ------
    LedgerError
        If that is no name for a worker.

    """
    if not _NAME.fullmatch(name):
        raise LedgerError(f"{name!r} is not a name for a worker; w0 and anna-2 are")
    return Path(run) / WORKERS / name


def worker_names(run: Path) -> list[str]:
    """Return the names of all workers that there ever were, w10 after w9."""
    try:
        names = [
            path.name for path in (Path(run) / WORKERS).iterdir() if _NAME.fullmatch(path.name)
        ]
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise explain(problem, Path(run)) from problem
    return sorted(names, key=lambda name: (re.sub(r"\d+$", "", name), len(name), name))


def take(home: Path) -> RunLock:
    """Take a worker's directory for this process.

    Raises
    ------
    LedgerError
        If a living process has it, and goes on having it for some seconds.

    """
    lock, until = RunLock(home), time.monotonic() + _PATIENCE
    while True:
        try:
            lock.acquire()
        except LedgerError as error:
            # The one before may be dying, and who only asks whether it lives holds the lock for a moment.
            if time.monotonic() > until or not isinstance(error.__cause__, BlockingIOError):
                raise
            time.sleep(0.02)
        else:
            return lock


@contextlib.contextmanager
def taken(home: Path) -> Iterator[None]:
    """Have a worker's directory meanwhile.

    Raises
    ------
    LedgerError
        If a living process has it.

    """
    lock = take(home)
    try:
        yield
    finally:
        lock.release()


def shown(path: Path) -> dict[str, Any]:
    """Return what `show` has left there, or nothing; it is replaced in one step, so it is whole."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def show(path: Path, said: Mapping[str, Any]) -> None:
    """Replace a file that is for people, if that is possible now.

    It is not flushed, since nothing relies on it; and a full disk must not stop who plays.
    """
    temporary = path.with_name(temporary_name())
    with contextlib.suppress(OSError):
        try:
            temporary.write_text(json.dumps(said))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def is_taken(home: Path) -> bool:
    """Return whether a living process has a worker's directory."""
    try:
        handle = os.open(Path(home) / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False

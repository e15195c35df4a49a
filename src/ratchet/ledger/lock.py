"""One living process in a run directory.

Invariants: the lock is the kernel's, on an open file, so it ends with its process however that
ends, and a left-over lock file locks nothing; worker processes forked by the holder do not keep it
after the holder's death.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ratchet.errors import LedgerError
from ratchet.ledger.files import explain

if TYPE_CHECKING:
    from types import TracebackType

LOCK_NAME = ".lock"
"""The lock's file name in the run directory; it holds the process id of the last holder."""


class RunLock:
    """The right to write in a run directory, for one process at a time.

    Parameters
    ----------
    directory : Path
        The run directory; it is made if it is missing.

    Examples
    --------
    >>> with RunLock(Path("runs/first")):  # doctest: +SKIP
    ...     ...

    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock, or refuse at once.

        Raises
        ------
        LedgerError
            If a living process holds it (the message names its id) or the directory cannot be used.

        """
        if self._handle is not None:
            raise LedgerError(
                f"the run directory {self.directory} is locked by this object already"
            )
        path = self.directory / LOCK_NAME
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as problem:
            raise explain(problem, self.directory) from problem
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as problem:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
            os.close(handle)
            who = f"process {holder}" if holder else "another process"
            raise LedgerError(
                f"the run directory {self.directory} is in use by {who}; "
                "wait until it ends, or choose another directory"
            ) from problem
        except OSError as problem:
            os.close(handle)
            raise explain(problem, path) from problem
        self._handle = handle
        _HELD.add(self)

    def release(self) -> None:
        """Give the lock back; the file stays, because removing it would race with the next holder."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            _HELD.discard(self)
            os.close(handle)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


_HELD: weakref.WeakSet[RunLock] = weakref.WeakSet()


def _forget_in_child() -> None:
    """Close inherited handles: the lock lives as long as any process holds the open file."""
    for lock in list(_HELD):
        with contextlib.suppress(OSError):
            lock.release()


os.register_at_fork(after_in_child=_forget_in_child)

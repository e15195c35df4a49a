"""Files that are whole or absent.

Invariant: a reader of `path` sees the old content or the new, never a part of either, whenever the
writer dies: a temporary name beside it → fsync → `os.replace` → fsync of the directory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ratchet.errors import LedgerError


def explain(problem: OSError, path: Path) -> LedgerError:
    """Return the error, in one sentence, for a file that the system would not read or write."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return LedgerError(f"the disk that holds {path} is full; free some space and resume")
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return LedgerError(f"{path} may not be written; choose a directory that you own")
    return LedgerError(f"{path} cannot be used: {problem.strerror or problem}")


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, entirely or not at all.

    Raises
    ------
    LedgerError
        If the disk is full or the directory cannot be written; the old file is then untouched.

    """
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which replaces the one at `path` once the block has ended well.

    Raises
    ------
    LedgerError
        If the disk is full or the directory cannot be written; the old file is then untouched.

    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=".tmp", dir=path.parent
        )
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # mkstemp's 0600 would hide a report from its readers
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = None
        _sync_directory(path.parent)
    except OSError as problem:
        raise explain(problem, path) from problem
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _sync_directory(directory: Path) -> None:
    """Make a rename inside the directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Lines: a file of lines, compressed by gzip or not, read once from its beginning, so that a pipe will do."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from spire.errors import FileError

_MAGIC = b"\x1f\x8b"


class Lines:
    """The lines of a file, with their numbers from 1, to be gone through once. `first` can be looked at before.

    Raises
    ------
    FileError
        If the file cannot be read, or is not text; also while it is gone through.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = _read(path)
        self.first = next(self._lines, "")

    def __iter__(self) -> Iterator[tuple[int, str]]:
        if self.first:
            yield 1, self.first
        yield from enumerate(self._lines, 2)


def _read(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            # Looking does not take: what comes out of a pipe comes only once.
            compressed = file.peek(len(_MAGIC)).startswith(_MAGIC)
            with TextIOWrapper(gzip.open(file) if compressed else file, encoding="utf-8") as lines:
                yield from lines
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileError(f"{path} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not text: {error.reason}") from error

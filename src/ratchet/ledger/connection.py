"""A ledger's file: opened, locked, committed, and its failures told in one sentence.

Invariants: a write happens inside a transaction, and a transaction is in the file whole or not at
all, also under `kill -9`; readers in other processes see the last commit and never wait; every
SQLite failure reaches the caller as a `LedgerError`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ratchet.errors import LedgerError
from ratchet.ledger import schema
from ratchet.ledger.files import explain

if TYPE_CHECKING:
    from types import TracebackType

Parameters = Sequence[Any] | Mapping[str, Any]


class Store:
    """An open ledger file. Use `open`; one object belongs to one thread of one process."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._depth = 0

    @classmethod
    def open(cls, path: Path | str, *, create: bool = True, busy_seconds: float = 30.0) -> Self:
        """Open the ledger at `path`.

        Parameters
        ----------
        path : Path or str
            The SQLite file; its directory is made if it is missing.
        create : bool
            Whether a missing file is made; False for commands that only read.
        busy_seconds : float
            How long a write waits for another process that is writing.

        Raises
        ------
        LedgerError
            If the file is missing (with ``create=False``), newer than this Ratchet, locked, damaged
            or not a ledger.

        """
        path = Path(path)
        if not create and not path.is_file():
            raise LedgerError(f"there is no ledger at {path}; a run writes one")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise explain(problem, path.parent) from problem
        with _failures(path):
            connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
            try:
                connection.row_factory = sqlite3.Row
                schema.prepare(connection, path, busy_seconds=busy_seconds)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection)

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is written inside together, or, if an exception leaves the block, nothing of it.

        Transactions nest: the outermost one commits. Every writing method opens one of its own, so
        callers need this only to join several writes.
        """
        if self._depth:
            # An inner failure that a caller swallows must not leave half of its rows behind.
            name = f"inner_{self._depth}"
            begin, commit = f"SAVEPOINT {name}", f"RELEASE {name}"
            undo = [f"ROLLBACK TO {name}", f"RELEASE {name}"]
        else:
            begin, commit, undo = "BEGIN IMMEDIATE", "COMMIT", ["ROLLBACK"]
        with _failures(self.path):
            self._connection.execute(begin)
            self._depth += 1
            try:
                yield
                self._connection.execute(commit)
            except BaseException:
                # After a full disk SQLite may have rolled back by itself.
                with contextlib.suppress(sqlite3.Error):
                    for statement in undo:
                        self._connection.execute(statement)
                raise
            finally:
                self._depth -= 1

    def write(self, statement: str, parameters: Parameters = ()) -> int:
        """Execute one statement in a transaction; return how many rows it changed."""
        with self.transaction():
            return self._connection.execute(statement, parameters).rowcount

    def insert(self, statement: str, parameters: Parameters = ()) -> int:
        """Execute one insertion in a transaction; return the new row's integer key."""
        with self.transaction():
            return self._connection.execute(statement, parameters).lastrowid or 0

    def write_many(self, statement: str, parameters: Iterable[Parameters]) -> int:
        """Execute a statement for every set of parameters in one transaction; return rows changed."""
        with self.transaction():
            return self._connection.executemany(statement, parameters).rowcount

    def write_each(self, statement: str, parameters: Iterable[Parameters]) -> list[bool]:
        """Do as `write_many`; return for every set of parameters whether it changed a row."""
        with self.transaction():
            return [self._connection.execute(statement, each).rowcount > 0 for each in parameters]

    def rows(self, query: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """Return every row of a query."""
        with _failures(self.path):
            return self._connection.execute(query, parameters).fetchall()

    def row(self, query: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        with _failures(self.path):
            found: sqlite3.Row | None = self._connection.execute(query, parameters).fetchone()
            return found


@contextlib.contextmanager
def _failures(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into one sentence with a remedy."""
    try:
        yield
    except sqlite3.Error as problem:
        raise LedgerError(_sentence(problem, path)) from problem


def _sentence(problem: sqlite3.Error, path: Path) -> str:
    code = getattr(problem, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF  # the low byte; the rest refines it
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"the ledger {path} is locked by another process; wait until it ends and try again"
    if primary == sqlite3.SQLITE_FULL:
        return f"the disk that holds the ledger {path} is full; free some space and resume"
    if primary == sqlite3.SQLITE_NOTADB:
        return f"{path} is not a Ratchet ledger (it is not an SQLite file)"
    if primary == sqlite3.SQLITE_CORRUPT:
        return f"the ledger {path} is damaged; restore it from a copy"
    if primary == sqlite3.SQLITE_READONLY:
        return f"the ledger {path} may not be written; choose a directory that you own"
    if primary == sqlite3.SQLITE_CANTOPEN:
        return f"the ledger {path} cannot be opened; check that it is a file that you may write"
    if primary == sqlite3.SQLITE_IOERR:
        return (
            f"the disk that holds the ledger {path} failed ({problem}); free some space and resume"
        )
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return f"the ledger {path} refused a row: {problem}"
    return f"the ledger {path} cannot be used: {problem}"

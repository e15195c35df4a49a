"""The ledger's schema and how an older file becomes a newer one.

Invariants: `PRAGMA user_version` counts the migrations that a file has had; a migration is applied
in one transaction with its number, so a file is at one version or the next; a file from a newer
Ratchet, or from another program, is refused and left as it was.
"""

from __future__ import annotations

import sqlite3
import time
from importlib import resources
from typing import TYPE_CHECKING

from ratchet.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIGRATIONS: tuple[str, ...] = (
    "schema_001.sql",
    "schema_002.sql",
    "schema_003.sql",
    "schema_004.sql",
    "schema_005.sql",
    "schema_006.sql",
)
"""Scripts in order; the n-th brings a file from version n-1 to n."""

SCHEMA_VERSION = len(MIGRATIONS)
"""The version that this Ratchet writes."""

APPLICATION_ID = int.from_bytes(b"Rtch", "big")
"""Marks the file as a ledger in SQLite's header."""


def prepare(connection: sqlite3.Connection, path: Path, *, busy_seconds: float) -> None:
    """Set the connection up and bring the file to the current version.

    Parameters
    ----------
    connection : sqlite3.Connection
        Open and in autocommit mode.
    path : Path
        Where the file is, for messages.
    busy_seconds : float
        How long to wait for another process that is writing.

    Raises
    ------
    LedgerError
        If the file is newer than this Ratchet or is no ledger.

    """
    connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
    if _read_version(connection, path) < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have migrated the file while this one waited for the lock.
            for number in range(_read_version(connection, path), SCHEMA_VERSION):
                for statement in _statements(MIGRATIONS[number]):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    _use_wal(connection, busy_seconds)
    # In WAL mode NORMAL keeps every commit across a killed process; only a power cut may take the
    # last ones, and never the file's consistency.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _read_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the file's version, or refuse a file that is not ours to touch."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if owner != APPLICATION_ID and (tables or version or owner):
        raise LedgerError(f"{path} is an SQLite file of another program, not a Ratchet ledger")
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {path} has schema version {version} and this Ratchet knows up to "
            f"{SCHEMA_VERSION}; upgrade Ratchet to read it"
        )
    return version


def _statements(script: str) -> Iterator[str]:
    """Yield the script's statements (`executescript` would commit the transaction around them)."""
    text = resources.files(__package__).joinpath(script).read_text(encoding="utf-8")
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _use_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch to write-ahead logging, so that readers never wait for the writer."""
    deadline = time.monotonic() + busy_seconds
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            # SQLite does not wait by itself when two processes switch a new file at once.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)

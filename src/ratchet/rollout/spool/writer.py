"""A worker's end of the spool.

Invariant: a writer's number is one process's for good, and its episodes are numbered from 0 without
gaps in the order in which they were put in.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from ratchet.errors import LedgerError, SpoolError
from ratchet.ledger.lock import RunLock
from ratchet.policies.durable import flush_directory
from ratchet.rollout.episode import Episode
from ratchet.rollout.episode_file import pack_episode, place_file
from ratchet.rollout.kind import EpisodeKind
from ratchet.rollout.spool.layout import (
    INCOMING,
    WRITERS,
    Name,
    check_spool,
    unusable,
    writers_of,
)


class SpoolWriter:
    """Puts finished episodes into a spool, on any machine that sees its directory.

    Parameters
    ----------
    directory
        An existing spool.
    kind
        The kind of the episodes.

    Attributes
    ----------
    writer : int
        A number that no other writer of this spool has or will have.

    Raises
    ------
    SpoolError
        If there is no spool, it is of another kind, or cannot be written.

    """

    def __init__(self, directory: Path, kind: EpisodeKind) -> None:
        self._root = Path(directory)
        difference = kind.difference(check_spool(self._root))
        if difference is not None:
            raise SpoolError(f"the spool {directory} is of another run or task: {difference}")
        self._kind = kind
        self._next = 0
        self._flushed = True
        self._open = True
        self.writer, self._lock = _register(self._root)

    @property
    def home(self) -> Path:
        """Its own directory in the spool."""
        return self._lock.directory

    def put(self, episode: Episode, *, flush: bool = True) -> str:
        """Put an episode in, and return its name there.

        Without `flush` its place there is not durable before the next `flush`: it outlives this process
        whatever happens, but not a loss of power. So many episodes need one of them.

        Raises
        ------
        SpoolError
            If the episode has a fault or is of another kind, or cannot be written. It is not in the
            spool then, and may be put in again.

        """
        if not self._open:
            raise SpoolError(f"writer {self.writer} of the spool {self._root} has been closed")
        content = pack_episode(episode)
        mismatch = self._kind.mismatch(episode)
        if mismatch is not None:
            raise SpoolError(f"an episode does not belong into the spool {self._root}: {mismatch}")
        incoming = self._root / INCOMING
        if flush:
            self.flush()
        name = Name(episode.origin.version, self.writer, self._next)
        place_file(incoming / str(name), content, self._lock.directory)
        # From here on it is in the spool, and the trainer may have it already: where its place cannot
        # be made durable at once, that is the next one's trouble.
        self._next += 1
        self._flushed = False
        if flush:
            with contextlib.suppress(SpoolError):
                self.flush()
        return str(name)

    def flush(self) -> None:
        """Make durable where the episodes are that were put in.

        Raises
        ------
        SpoolError
            If that is not possible now.

        """
        if self._flushed:
            return
        incoming = self._root / INCOMING
        try:
            flush_directory(incoming)
        except OSError as problem:
            raise unusable(problem, incoming) from problem
        self._flushed = True

    def close(self) -> None:
        """Give the number back to nobody; what is unfinished may be cleared away from now on."""
        self._open = False
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _register(root: Path) -> tuple[int, RunLock]:
    """Return a new writer's number, and the lock that says that it lives."""
    number = max(writers_of(root), default=-1) + 1
    while True:
        home = root / WRITERS / f"{number:05d}"
        try:
            home.mkdir()  # fails for all but one of those who try
            flush_directory(root / WRITERS)
        except FileExistsError:
            number += 1
            continue
        except OSError as problem:
            raise unusable(problem, home) from problem
        lock = RunLock(home)
        try:
            lock.acquire()
        except LedgerError as problem:
            raise SpoolError(str(problem)) from problem
        return number, lock


def sweep(root: Path) -> None:
    """Remove what writers that have died left unfinished; those that live are left alone."""
    for home in (root / WRITERS).iterdir():
        leftovers = list(home.glob(".tmp-*"))
        if not leftovers:
            continue
        lock = RunLock(home)
        with contextlib.suppress(LedgerError), lock:
            for leftover in leftovers:
                leftover.unlink(missing_ok=True)

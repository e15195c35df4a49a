"""Episodes on their way into the spool: a thread writes them, so that playing does not wait for the disk.

Invariant: they are put in one after the other, in the order in which they ended; one that cannot be written
now is tried again and again, and nothing overtakes it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable

from ratchet.errors import SpoolError
from ratchet.rollout.episode import Episode
from ratchet.rollout.spool import SpoolWriter

RETRY = 0.5
"""Seconds until what could not be written is tried again."""
_FLUSH_SECONDS = 0.1


class Outbox:
    """What a writer of a spool has yet to write.

    Parameters
    ----------
    writer
        The writer; nobody else uses it meanwhile.
    written
        Is told of each episode that is in the spool, from another thread.
    capacity
        Episodes that may wait; then playing should. A process that is killed loses them.

    """

    def __init__(
        self, writer: SpoolWriter, written: Callable[[Episode], None], capacity: int
    ) -> None:
        self._writer, self._written, self._capacity = writer, written, capacity
        self._episodes: deque[Episode] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._failure: BaseException | None = None
        self.trouble = ""
        """Why nothing can be written now; empty where it can."""
        self._thread = threading.Thread(target=self._work, name="outbox", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Return how many episodes have yet to be written."""
        return len(self._episodes)

    @property
    def full(self) -> bool:
        """Whether no more should be added now."""
        return len(self._episodes) >= self._capacity

    def add(self, episode: Episode) -> None:
        """Add an episode that has ended; what a former one has met that is no trouble of the disk is raised."""
        self.check()
        with self._changed:
            self._episodes.append(episode)
            self._changed.notify()

    def check(self) -> None:
        """Raise what has ended the writing, if something has."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Write what can be written, and end; what is in trouble is given up."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        flushed = 0.0
        try:
            while True:
                idle = not self._wait(_FLUSH_SECONDS)
                if idle or time.monotonic() - flushed > _FLUSH_SECONDS:
                    flushed = time.monotonic()
                    self._flush()
                if idle:
                    self._wait()
                if not self._episodes:
                    break
                self._put(self._episodes[0])
            self._flush()
        except BaseException as error:  # noqa: BLE001 - it is for the thread that plays
            self._failure = error

    def _flush(self) -> None:
        with contextlib.suppress(SpoolError):  # it is tried again
            self._writer.flush()

    def _wait(self, seconds: float | None = None) -> bool:
        """Wait for an episode or the end; return whether there is one of them."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._episodes) or self._closing, seconds)

    def _put(self, episode: Episode) -> None:
        """Put an episode into the spool, or give up where this is closing and it cannot be."""
        while True:
            try:
                self._writer.put(episode, flush=False)
            except SpoolError as error:
                if episode.fault() is not None:
                    raise
                # A full disk, say. It is played and it is good, so it waits.
                self.trouble = str(error)
                with self._changed:
                    if self._changed.wait_for(lambda: self._closing, RETRY):
                        self._episodes.clear()
                        return
            else:
                break
        self.trouble = ""
        self._written(episode)
        self._episodes.popleft()

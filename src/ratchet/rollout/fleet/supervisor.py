"""The supervisor: it owns worker processes, and keeps them playing whatever happens to them.

It watches their heartbeats in a thread of its own. A worker that is stuck is made to write its stacks, and is
killed; one that has crashed leaves a record and is started again after a pause, until the budget of that cause
is used up. Only the monotonic clock decides anything.

The kernel kills a worker when the thread that has started it ends: the thread lives as long as its workers.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from ratchet.errors import LedgerError, RatchetError, RecipeError
from ratchet.ledger.lock import RunLock
from ratchet.rollout.fleet.beat import FILE as BEAT
from ratchet.rollout.fleet.beat import Count, Phase, Pulse
from ratchet.rollout.fleet.black_box import FILE as BLACK_BOX
from ratchet.rollout.fleet.black_box import CutEpisode, read_black_box
from ratchet.rollout.fleet.books import close_books
from ratchet.rollout.fleet.crash import record_end
from ratchet.rollout.fleet.home import (
    LOG,
    SUPERVISED,
    SUPERVISION,
    VERSIONS,
    is_taken,
    show,
    shown,
    taken,
    worker_home,
    worker_names,
)
from ratchet.rollout.fleet.process import Child
from ratchet.rollout.fleet.restarts import Account, Cause, Restarts
from ratchet.rollout.fleet.status import WorkerStatus, read_workers
from ratchet.rollout.plan import FleetPlan, read_plan
from ratchet.rollout.publication import Publication

_POLL = 0.05
GRACE = 5.0
"""Seconds that workers get to end when they are asked to."""
_LARGEST_LOG = 10_000_000


class Supervisor:
    """So many workers of a fleet's run; use it as a context manager.

    Parameters
    ----------
    run
        The run directory, with its plan.
    workers
        How many.
    prefix
        Of their names: w0, w1 and so on. Names that living workers have are left out.
    restarts
        When they are started again.

    Raises
    ------
    RecipeError
        If no worker is asked for.
    LedgerError
        If the directory is no fleet's.

    """

    def __init__(
        self, run: Path, workers: int, *, prefix: str = "w", restarts: Restarts | None = None
    ) -> None:
        if workers < 1:
            raise RecipeError(f"{workers} workers are asked for; it must be at least 1")
        self._run = Path(run).absolute()
        plan = read_plan(run)
        given = restarts or Restarts()
        self._workers: list[_Owned] = []
        self._locks: list[RunLock] = []
        number = 0
        while len(self._workers) < workers:
            name = f"{prefix}{number}"
            number += 1
            lock = _owned(self._run, name)
            if lock is not None:
                self._locks.append(lock)
                self._workers.append(_Owned(self._run, name, plan, given))
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._ending = threading.Event()
        self._over = threading.Event()
        self._grace = GRACE
        self._failure: Exception | None = None

    def start(self) -> None:
        """Start the workers."""
        self._thread.start()

    def stop(self, grace: float = GRACE) -> None:
        """Ask the workers to end, kill those that take longer than `grace` seconds, and wait for that.

        What the supervisor itself has met, if it had to give its workers up, is raised here.
        """
        self._grace = grace
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        for lock in self._locks:
            lock.release()
        if self._failure is not None:
            raise self._failure

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until no worker lives or will live; return whether that is so."""
        return self._over.wait(seconds)

    @property
    def names(self) -> list[str]:
        """The names of its workers."""
        return [worker.name for worker in self._workers]

    @property
    def over(self) -> bool:
        """Whether no worker of it lives or will live."""
        return self._over.is_set()

    def status(self) -> list[WorkerStatus]:
        """Return how all workers of the run are, also those that others have started."""
        return read_workers(self._run)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _watch(self) -> None:
        try:
            self._own()
        except Exception as error:  # noqa: BLE001 - it is for whoever stops this
            self._failure = error
        finally:
            for worker in self._workers:
                worker.end()
            self._over.set()

    def _own(self) -> None:
        publication = Publication(self._run / VERSIONS)
        self._close_all_books()
        while not self._ending.is_set():
            finished = publication.finished
            for worker in self._workers:
                worker.look(finished=finished)
            if all(worker.over for worker in self._workers):
                return
            self._ending.wait(_POLL)
        for worker in self._workers:
            worker.ask()
        until = time.monotonic() + self._grace
        while time.monotonic() < until and not all(one.ended() for one in self._workers):
            time.sleep(_POLL)

    def _close_all_books(self) -> None:
        """Close the books of workers that died with a supervisor before this one."""
        with contextlib.suppress(RatchetError):
            for name in worker_names(self._run):
                home = worker_home(self._run, name)
                if not is_taken(home):
                    with taken(home):
                        close_books(self._run, home)


def _owned(run: Path, name: str) -> RunLock | None:
    """Return the right to supervise a worker, or None if another supervisor has it, or has left one alive."""
    home = worker_home(run, name)
    lock = RunLock(home / SUPERVISED)
    if is_taken(home):
        return None
    try:
        lock.acquire()
    except LedgerError as error:
        if not isinstance(error.__cause__, BlockingIOError):
            raise
        return None
    return lock


class _Owned:
    """One worker: the process that it has now, or when it gets the next one."""

    def __init__(self, run: Path, name: str, plan: FleetPlan, restarts: Restarts) -> None:
        self.name, self._run, self._plan = name, run, plan
        self._home = worker_home(run, name)
        self._account = Account(restarts)
        self._child: Child | None = None
        self._again: float | None = time.monotonic()
        # Of all attempts of the run together, as its episodes are.
        before = shown(self._home / SUPERVISION)
        self._restarts = int(before.get("restarts", 0))
        self._crashes = Counter(before.get("crashes", {}))
        self._state = ""
        self._last: Cause | None = None

    @property
    def over(self) -> bool:
        """Whether it neither lives nor will live."""
        return self._child is None and self._again is None

    def look(self, *, finished: bool) -> None:
        """Do what is to be done now; `finished` says that no worker is started any more."""
        now = time.monotonic()
        if self._child is None:
            if finished and self._again is not None:
                self._again = None
                self._say("ended")
            if self._again is not None and now >= self._again:
                self._start(now)
            return
        status = self._child.poll()
        if status is not None:
            self._ended(status, finished=finished)
            return
        if self._state and self._child.pulse() is not None:
            self._say("")  # from here on it speaks for itself
        plan = self._plan
        stuck = self._child.overdue(plan.step_seconds, plan.start_seconds)
        if stuck is not None:
            # Before its stacks are asked for: that can wake it.
            cut = self._cut(self._child.pulse())
            self._child.dump()
            self._ended(self._child.kill(), finished=finished, stuck=stuck, cut=cut)

    def ask(self) -> None:
        """Ask it to end."""
        self._again = None
        if self._child is not None:
            self._child.ask()

    def ended(self) -> bool:
        """Return whether its process has ended."""
        return self._child is None or self._child.poll() is not None

    def end(self) -> None:
        """End it now; its books are closed."""
        if self._child is not None:
            self._child.kill()
            self._child = None
            self._close_books()
            self._say("ended")

    def _start(self, now: float) -> None:
        log = self._home / LOG
        with contextlib.suppress(OSError):
            if log.stat().st_size > _LARGEST_LOG:
                log.replace(log.with_name(f"{LOG}.old"))
        try:
            self._child = Child(
                "ratchet.rollout.fleet.worker",
                [str(self._run), "--name", self.name],
                beat=self._home / BEAT,
                log=log,
            )
        except OSError as problem:
            self._crashed(Cause.START, now, f"it cannot be started: {problem.strerror}")
        else:
            self._again = None
            self._say("starting")

    def _ended(
        self,
        status: int,
        *,
        finished: bool,
        stuck: float | None = None,
        cut: tuple[CutEpisode, ...] | None = None,
    ) -> None:
        """Note that its process has ended, and how."""
        child = self._child
        assert child is not None
        child.kill()  # what it has started may live
        pulse = child.pulse()
        self._child = None
        phase = None if pulse is None else pulse.phase
        if phase == Phase.ENDED and (status == 0 or stuck is not None):
            self._close_books()
            self._say("ended", "" if finished else "it was asked to end")
            return
        cause, reason = record_end(
            self._run,
            self._plan,
            self.name,
            child,
            status=status,
            stuck=stuck,
            episodes=self._cut(pulse) if cut is None else cut,
        )
        finished_any = pulse is not None and pulse[Count.FINISHED] > pulse[Count.FINISHED_BEFORE]
        self._close_books()
        self._crashed(cause, time.monotonic(), reason, finished_any=finished_any)

    def _crashed(
        self, cause: Cause, now: float, reason: str, *, finished_any: bool = False
    ) -> None:
        self._last = cause
        self._crashes[str(cause)] += 1
        self._again = self._account.crashed(cause, now, finished_any=finished_any)
        if self._again is None:
            self._say("down", f"its restarts after {cause} are used up: {reason}")
        else:
            self._restarts += 1
            self._say("restarting", reason)

    def _cut(self, pulse: Pulse | None) -> tuple[CutEpisode, ...]:
        """Return what its process is playing, or was when it ended."""
        if pulse is None or pulse.phase == Phase.STARTING:  # what is there is its predecessor's
            return ()
        with contextlib.suppress(LedgerError):
            return tuple(read_black_box(self._home / BLACK_BOX))
        return ()

    def _close_books(self) -> None:
        with contextlib.suppress(RatchetError), taken(self._home):
            close_books(self._run, self._home)

    def _say(self, state: str, reason: str = "") -> None:
        """Leave in its directory what only its supervisor knows."""
        said = {
            "state": state,
            "reason": reason,
            "restarts": self._restarts,
            "crashes": dict(self._crashes),
            "last_cause": None if self._last is None else str(self._last),
        }
        self._state = state
        show(self._home / SUPERVISION, said)

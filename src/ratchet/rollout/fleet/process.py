"""A child process that is watched by its heartbeat, and dies with this one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ratchet.rollout.fleet.beat import Count, Phase, Pulse, read_pulse

DUMP = signal.SIGUSR1
"""Makes a child write the stacks of its threads to its log, whatever it is doing."""

_PR_SET_PDEATHSIG = 1

_TAIL = 20_000
"""Bytes of a process's last words that are kept."""
_DUMP_SECONDS = 1.0
_LONGEST_GAP = 1.0
_END_SECONDS = 10.0


class Deadline:
    """How long a process has been seen at one and the same thing.

    Only this observer's monotonic clock counts, and of every look at most a second. So where the observer
    itself was stopped or starved, nobody is killed for that.
    """

    def __init__(self, now: float) -> None:
        self._mark, self._seen, self.stuck = -1, now, 0.0

    def look(self, mark: int, now: float) -> float:
        """Return for how many seconds the mark has been this one, as far as was seen."""
        gap, self._seen = min(now - self._seen, _LONGEST_GAP), now
        self.stuck = self.stuck + gap if mark == self._mark else 0.0
        self._mark = mark
        return self.stuck


def limit(pulse: Pulse, step_seconds: float, start_seconds: float) -> float:
    """Return for how many seconds a process may be at what it is doing."""
    if pulse.phase in {Phase.ENDED, Phase.FAILED}:
        return min(_END_SECONDS, start_seconds)
    if pulse.phase == Phase.STEPPING and pulse[Count.WARM]:
        return step_seconds
    return start_seconds


class Child:
    """A process of a module of Ratchet, with its output at the end of a log.

    Raises
    ------
    OSError
        If it cannot be started.

    """

    def __init__(self, module: str, arguments: Sequence[str], *, beat: Path, log: Path) -> None:
        self.beat, self.log = beat, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            self._said_from = file.seek(0, os.SEEK_END)
            # The end of the pipe that is never written to closes when this process dies.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", module, *arguments, "--parent", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                env=_environment(),
                # Signals of the terminal are for this process; and what a simulator starts can be ended with it.
                start_new_session=True,
            )
        self._deadline = Deadline(time.monotonic())

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit status once it has ended, the negative signal where that ended it."""
        return self._process.poll()

    def pulse(self) -> Pulse | None:
        """Return its heartbeat, once it has one."""
        pulse = read_pulse(self.beat)
        return pulse if pulse is not None and pulse[Count.PID] == self.pid else None

    def overdue(self, step_seconds: float, start_seconds: float) -> float | None:
        """Return for how many seconds it has been stuck, if that is too long."""
        pulse, now = self.pulse(), time.monotonic()
        if pulse is None:
            stuck, most = self._deadline.look(-2, now), start_seconds
        else:
            stuck = self._deadline.look(pulse[Count.MARK], now)
            most = limit(pulse, step_seconds, start_seconds)
        return stuck if stuck > most else None

    def ask(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def dump(self) -> None:
        """Let it write its stacks into its log, if it still can."""
        with contextlib.suppress(OSError):
            before = grown = self.log.stat().st_size
            until = time.monotonic() + _DUMP_SECONDS
            self._process.send_signal(DUMP)
            while time.monotonic() < until and self._process.poll() is None:
                time.sleep(0.05)
                size = self.log.stat().st_size
                if size == grown > before:
                    break
                grown = size

    def kill(self) -> int:
        """End it, and whatever it has started, at once; return the exit status."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        self.close()
        return status

    def close(self) -> None:
        """Forget a process that has ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def said(self) -> str:
        """Return the last of what it has written."""
        try:
            with self.log.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(self._said_from, end - _TAIL))
                return file.read().decode(errors="replace")
        except OSError as problem:
            return f"its log cannot be read: {problem.strerror}"


def die_with(parent: int) -> None:
    """See to it that this process does not outlive its parent, whatever happens to that.

    On Linux the kernel kills it, even in an environment's code that gives nobody else a turn. Elsewhere, and
    beside that, a thread waits for the parent's end of standard input to close.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before that
        os._exit(0)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _environment() -> Mapping[str, str]:
    """Return a child's environment: it finds what this process finds, and computes with one thread."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
    names = ("OPENBLAS", "OMP", "MKL", "NUMBA", "VECLIB_MAXIMUM")
    return {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        **{f"{name}_NUM_THREADS": "1" for name in names},
    }

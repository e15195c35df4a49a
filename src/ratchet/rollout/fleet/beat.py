"""A worker's heartbeat: what it is doing and what it has done, in a page of memory that is a file.

Invariants: the worker alone writes it while it lives; a store is one aligned number, and needs no call of the
system. The kernel keeps what was stored, however the process ends. `MARK` moves whenever the worker goes from
one thing to the next, so that whoever sees the same mark for too long knows that it is stuck; no two clocks
are compared.

Counters are a worker's, by its name, and go on when another process takes its place. So at any moment
``begun = finished + discarded + in progress``.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from ratchet.policies.durable import temporary_name

FILE = "beat"
_MAGIC = b"ratchet beat 1\0\0"
_FLOATS_AT = 512
_SIZE = 1024


class Phase(IntEnum):
    """What a worker is doing."""

    STARTING = 0
    LOADING = 1
    """A policy."""
    CHOOSING = 2
    """Actions; and cutting out episodes that have ended."""
    STEPPING = 3
    """In the environments' code."""
    WRITING = 4
    """Episodes into the spool."""
    WAITING = 5
    """For room in the spool."""
    EXPECTING = 6
    """The first policy."""
    HOLDING = 7
    """Episodes that cannot be written now."""
    ENDED = 8
    """As it was told to."""
    FAILED = 9
    """By an exception."""


class Count(IntEnum):
    """Where the whole numbers are."""

    PID = 0
    WRITER = 1
    PHASE = 2
    MARK = 3
    WARM = 4
    """1 from the first step of its environments on."""
    PROCESSES = 5
    """How many have had this name."""
    BEGUN = 6
    FINISHED = 7
    """Episodes that it has put into the spool."""
    DISCARDED = 8
    """Episodes that were cut by a crash, or an end."""
    FINISHED_BEFORE = 9
    """`FINISHED` when this process began."""
    STEPS = 10
    VERSION = 11
    """The version that episodes begin with; -1 before the first."""
    LAG_SUM = 12
    """Of finished episodes: versions published while each was played."""
    LAG_MOST = 13


_RATE = len(Phase)
"""Where the steps per second are, after the seconds in each phase."""
_SINCE = _RATE + 1


class Beat:
    """A heartbeat, for the process whose it is.

    Parameters
    ----------
    path
        Where it is; it must be there (`new_beat`).

    """

    def __init__(self, path: Path) -> None:
        with Path(path).open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)
        view = memoryview(self._memory)
        self.counts = view[len(_MAGIC) : _FLOATS_AT].cast("q")
        """The whole numbers, by `Count`."""
        self._floats = view[_FLOATS_AT:].cast("d")

    def enter(self, phase: Phase) -> float:
        """Say that something else begins; return the monotonic time."""
        counts, floats, now = self.counts, self._floats, time.monotonic()
        floats[counts[Count.PHASE]] += now - floats[_SINCE]
        floats[_SINCE] = now
        counts[Count.PHASE] = phase
        counts[Count.MARK] += 1
        return now

    def rate(self, steps_per_second: float) -> None:
        """Say how fast it plays."""
        self._floats[_RATE] = steps_per_second

    @property
    def in_progress(self) -> int:
        """Episodes that have begun and not ended."""
        counts = self.counts
        return counts[Count.BEGUN] - counts[Count.FINISHED] - counts[Count.DISCARDED]


@dataclass(frozen=True)
class Pulse:
    """What a heartbeat says: `counts` by `Count`, `seconds` by `Phase`, and steps per second."""

    counts: tuple[int, ...]
    seconds: tuple[float, ...]
    rate: float

    def __getitem__(self, name: Count) -> int:
        """Return a whole number."""
        return self.counts[name]

    @property
    def phase(self) -> Phase:
        """What the worker is doing, or was when it ended."""
        return Phase(self.counts[Count.PHASE])

    @property
    def in_progress(self) -> int:
        """Episodes that have begun, and neither ended nor been discarded."""
        return self[Count.BEGUN] - self[Count.FINISHED] - self[Count.DISCARDED]


def read_pulse(path: Path) -> Pulse | None:
    """Return what a heartbeat says, or None where there is none."""
    with contextlib.suppress(OSError):
        content = Path(path).read_bytes()
        if len(content) == _SIZE and content.startswith(_MAGIC):
            counts = struct.unpack_from(f"={len(Count)}q", content, len(_MAGIC))
            floats = struct.unpack_from(f"={_SINCE + 1}d", content, _FLOATS_AT)
            if 0 <= counts[Count.PHASE] < len(Phase):
                return Pulse(counts, floats[: len(Phase)], floats[_RATE])
    return None


def new_beat(path: Path, *, before: Pulse | None, pid: int, writer: int = -1) -> Beat:
    """Make the heartbeat of a process, which goes on from one `before` that is settled; return it.

    Raises
    ------
    OSError
        If it cannot be made; the old one is then as it was.

    """
    counts = [0] * len(Count)
    floats = [0.0] * (_SINCE + 1)
    if before is not None:
        counts[:], floats[: len(Phase)] = before.counts, before.seconds
    counts[Count.PID], counts[Count.WRITER] = pid, writer
    counts[Count.PHASE], counts[Count.MARK], counts[Count.WARM] = Phase.STARTING, 0, 0
    counts[Count.PROCESSES] += 1
    counts[Count.FINISHED_BEFORE] = counts[Count.FINISHED]
    counts[Count.VERSION] = -1
    floats[_SINCE] = time.monotonic()
    _place(path, counts, floats)
    return Beat(path)


def settle(path: Path, pulse: Pulse, written: int) -> Pulse:
    """Close the books of a process that is dead, and return them.

    `written` is how many episodes its writer has put into the spool, as that knows; all others that it had
    begun are discarded.

    Raises
    ------
    OSError
        If it cannot be written.

    """
    settled = settled_pulse(pulse, written)
    if settled.counts != pulse.counts:
        _place(path, list(settled.counts), [*pulse.seconds, 0.0, 0.0])
    return settled


def settled_pulse(pulse: Pulse, written: int) -> Pulse:
    """Return the books of a process that is dead, as `settle` closes them."""
    counts = list(pulse.counts)
    counts[Count.FINISHED] = pulse[Count.FINISHED_BEFORE] + written
    counts[Count.DISCARDED] = counts[Count.BEGUN] - counts[Count.FINISHED]
    return Pulse(tuple(counts), pulse.seconds, 0.0)


def _place(path: Path, counts: list[int], floats: list[float]) -> None:
    content = bytearray(_SIZE)
    content[: len(_MAGIC)] = _MAGIC
    struct.pack_into(f"={len(counts)}q", content, len(_MAGIC), *counts)
    struct.pack_into(f"={len(floats)}d", content, _FLOATS_AT, *floats)
    temporary = path.with_name(temporary_name())
    try:
        # Every byte is written, and so has its place on the disk: a store into a hole of a file on a full
        # disk would be a fatal signal.
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

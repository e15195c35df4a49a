"""A worker's flight recorder: of every environment copy the episode in progress, to play it again.

Invariant: what a step is about to execute is in the file's memory before the step begins, and the kernel keeps
it however the process ends.

One row of actions a step of all copies, in a ring that grows with the longest episode; of each copy the
episode's seed, mode and version, and the row at which it began.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import LedgerError
from ratchet.policies.durable import temporary_name

FILE = "black_box"
_MAGIC = b"ratchet black box 1".ljust(24)
_LENGTH = 8
"""Bytes of the layout's length; the layout follows, as JSON."""
_TICK = 8
_NOT_BEGUN = -1
_FIRST_ROWS = 256

_COPY = np.dtype(
    [
        ("begun", np.int64),
        ("seed", np.uint64),
        ("mode", np.int64),
        ("version", np.int64),
        ("policy", "S16"),
    ]
)


@dataclass(frozen=True, kw_only=True, eq=False)
class CutEpisode:
    """An episode in progress when its process ended: in which copy, and what was executed so far.

    `actions` ``(steps, …)`` are as the environment takes them. The last may not have been executed.
    """

    copy: int
    seed: int
    mode: str
    version: int
    policy: str
    actions: NDArray[Any]


class BlackBox:
    """The recorder of `count` copies, for the process that plays them; a file of that name is replaced.

    `dtype` and `shape` are of one action, as the environment takes it; `modes` are the task's names.

    Raises
    ------
    OSError
        If the file cannot be made, or cannot grow.

    """

    def __init__(
        self,
        path: Path,
        count: int,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        modes: Sequence[str],
        rows: int = _FIRST_ROWS,
    ) -> None:
        self._path, self._count, self._dtype, self._shape = Path(path), count, dtype, shape
        self._modes = list(modes)
        self._rows = 1 << (rows - 1).bit_length()
        self._tick = self._oldest = 0
        self._make()
        self._copies["begun"] = _NOT_BEGUN

    def begin(
        self,
        copies: NDArray[np.int64],
        seeds: NDArray[np.uint64],
        modes: NDArray[np.int64],
        version: int,
        policy: str,
    ) -> None:
        """Note what is about to begin in these copies."""
        episodes = self._copies
        episodes["seed"][copies], episodes["mode"][copies] = seeds, modes
        episodes["version"][copies], episodes["policy"][copies] = version, policy.encode()
        episodes["begun"][copies] = self._tick

    def note(self, executed: NDArray[Any]) -> None:
        """Note what all copies ``(count, …)`` are about to execute."""
        if self._tick - self._oldest >= self._rows:
            self._make_room()
        self._ring[self._tick & (self._rows - 1)] = executed
        self._tick += 1
        self._clock[0] = self._tick

    def end(self, copy: int) -> None:
        """Forget a copy's episode, which has ended."""
        self._copies["begun"][copy] = _NOT_BEGUN

    def _make_room(self) -> None:
        begun = self._copies["begun"]
        self._oldest = int(begun[begun != _NOT_BEGUN].min(initial=self._tick))
        if self._tick - self._oldest >= self._rows:
            old, size = (self._copies, self._ring), self._rows
            self._rows *= 2
            self._make(old, np.arange(self._oldest, self._tick), size)

    def _make(
        self,
        old: tuple[NDArray[Any], NDArray[Any]] | None = None,
        ticks: NDArray[np.int64] | None = None,
        old_rows: int = 0,
    ) -> None:
        """Make the file, which is whole before it has its name; `ticks` are taken over from the `old` one."""
        said = {
            "copies": self._count,
            "rows": self._rows,
            "dtype": self._dtype.str,
            "shape": self._shape,
            "modes": self._modes,
        }
        layout = json.dumps(said).encode()
        layout = layout.ljust(-(-len(layout) // 8) * 8)  # aligned, so that a store is one
        head = _MAGIC + len(layout).to_bytes(_LENGTH, "little") + layout
        copies_at = len(head) + _TICK
        ring_at = copies_at + self._count * _COPY.itemsize
        width = self._count * int(np.prod(self._shape))
        size = ring_at + self._rows * width * self._dtype.itemsize
        temporary = self._path.with_name(temporary_name())
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            # A store into a hole of a file on a full disk would be a fatal signal.
            os.posix_fallocate(handle, 0, size)
            memory = mmap.mmap(handle, size)
            memory[: len(head)] = head
            clock = np.frombuffer(memory, np.int64, 1, len(head))
            copies = np.frombuffer(memory, _COPY, self._count, copies_at)
            ring = np.frombuffer(memory, self._dtype, self._rows * width, ring_at)
            ring = ring.reshape(self._rows, self._count, *self._shape)
            clock[0] = self._tick
            if old is not None and ticks is not None:
                copies[:] = old[0]
                ring[ticks & (self._rows - 1)] = old[1][ticks & (old_rows - 1)]
            temporary.replace(self._path)
        finally:
            os.close(handle)
            temporary.unlink(missing_ok=True)
        self._clock, self._copies, self._ring = clock, copies, ring


def read_black_box(path: Path) -> list[CutEpisode]:
    """Return the episodes in progress when the process whose recorder this is ended.

    Raises
    ------
    LedgerError
        If it cannot be read; where there is none, there is no episode.

    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise LedgerError(f"{path} cannot be read: {problem.strerror}") from problem
    try:
        if not content.startswith(_MAGIC):
            raise ValueError("it does not begin as one")  # noqa: TRY301
        begin = len(_MAGIC) + _LENGTH
        end = begin + int.from_bytes(content[len(_MAGIC) : begin], "little")
        said = json.loads(content[begin:end])
        count, rows, shape = int(said["copies"]), int(said["rows"]), tuple(said["shape"])
        modes = [str(name) for name in said["modes"]]
        tick = int(np.frombuffer(content, np.int64, 1, end)[0])
        copies = np.frombuffer(content, _COPY, count, end + _TICK)
        ring_at = end + _TICK + count * _COPY.itemsize
        size = rows * count * int(np.prod(shape))
        ring = np.frombuffer(content, np.dtype(said["dtype"]), size, ring_at)
        ring = ring.reshape(rows, count, *shape)
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"{path} is not a worker's black box: {error}") from error
    cut = []
    for copy in np.flatnonzero(copies["begun"] != _NOT_BEGUN).tolist():
        one = copies[copy]
        ticks = np.arange(max(int(one["begun"]), tick - rows), tick)
        cut.append(
            CutEpisode(
                copy=copy,
                seed=int(one["seed"]),
                mode=modes[int(one["mode"])],
                version=int(one["version"]),
                policy=one["policy"].decode(),
                actions=ring[ticks & (rows - 1), copy],
            )
        )
    return cut

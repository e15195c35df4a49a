"""Adam over one flat vector (Kingma and Ba 2015), with a clipped gradient norm and a frozen part.

Invariants: a frozen parameter is not touched: not its value, not its moments, and not the norm. A large vector
is always worked on in the same two parts, so results do not depend on how many processors there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
_BETA_1, _BETA_2 = 0.9, 0.999

_TINY = 1e-35
"""What is smaller becomes zero. Weight decay, and moments that nothing feeds, end in numbers too small for a
processor's fast ways: a layer with some thousands of them took four times as long."""

_LARGE = 1 << 18
"""Parameters from which on two threads are worth their hand-over."""


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _squares(gradient: Any, spans: Any) -> Any:
    # `reassoc` lets each lane of a vector register have a sum of its own.
    total = 0.0
    for s in range(len(spans)):
        part = gradient[spans[s, 0] : spans[s, 1]]
        for i in range(part.size):
            total += np.float64(part[i]) * np.float64(part[i])
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _step(
    parameters: Any,
    gradient: Any,
    spans: Any,
    first: Any,
    second: Any,
    scale: Any,
    rate: Any,
    root: Any,
    epsilon: Any,
) -> None:
    b1, b2 = np.float32(_BETA_1), np.float32(_BETA_2)
    c1, c2 = np.float32(1.0 - _BETA_1), np.float32(1.0 - _BETA_2)
    tiny, zero = np.float32(_TINY), np.float32(0.0)
    for s in range(len(spans)):
        low, high = spans[s, 0], spans[s, 1]
        p, d = parameters[low:high], gradient[low:high]
        m, v = first[low:high], second[low:high]
        for i in range(p.size):
            g = d[i] * scale
            mean = b1 * m[i] + c1 * g
            square = b2 * v[i] + c2 * g * g
            # In this order what is no number stays so, and is found.
            m[i] = zero if abs(mean) < tiny else mean
            v[i] = zero if square < tiny else square
            moved = p[i] - rate * m[i] / (np.float32(math.sqrt(v[i])) / root + epsilon)
            p[i] = zero if abs(moved) < tiny else moved


def _spans(learns: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where the parameters that learn lie, as ``(k, 2)`` firsts and ends."""
    edges = np.flatnonzero(np.diff(learns, prepend=False, append=False))
    return edges.reshape(-1, 2)


def _parts(learns: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return the spans in one part, or in two of about one size if they are large."""
    spans = _spans(learns)
    sizes = np.diff(spans, axis=1).ravel()
    half = int(sizes.sum()) // 2
    if 2 * half < _LARGE:
        return [spans]
    # The span that the middle lies in is cut there.
    at = int(np.searchsorted(np.cumsum(sizes), half, side="right"))
    cut = spans[at, 0] + half - int(sizes[:at].sum())
    first = np.concatenate([spans[:at], [[spans[at, 0], cut]]])
    return [first, np.concatenate([[[cut, spans[at, 1]]], spans[at + 1 :]])]


class Adam:
    """The optimizer's state: moments ``(size,)`` and the number of steps taken."""

    def __init__(self, learns: NDArray[np.bool_], *, epsilon: float) -> None:
        self.epsilon = epsilon
        self.first = np.zeros(learns.size, dtype=np.float32)
        self.second = np.zeros(learns.size, dtype=np.float32)
        self.steps = 0
        self._pool: ThreadPoolExecutor | None = None
        self.learns = learns

    @property
    def learns(self) -> NDArray[np.bool_]:
        """Which parameters learn ``(size,)``; to set it is to say so anew."""
        return self._learns

    @learns.setter
    def learns(self, learns: NDArray[np.bool_]) -> None:
        self._learns = learns
        self._parts = _parts(learns)

    def begin_anew(self) -> None:
        """Forget the moments, so that what learns from now on gets Adam's corrected first steps."""
        self.first[:], self.second[:], self.steps = 0.0, 0.0, 0

    def step(
        self, parameters: FloatArray, gradient: FloatArray, *, rate: float, max_norm: float
    ) -> float:
        """Move `parameters` in place; return the gradient's norm before clipping."""
        norm = math.sqrt(sum(self._in_parts(lambda spans: _squares(gradient, spans))))
        self.steps += 1
        scale = np.float32(min(max_norm / (norm + 1e-6), 1.0))
        rest = (
            np.float32(rate / (1.0 - _BETA_1**self.steps)),
            np.float32(math.sqrt(1.0 - _BETA_2**self.steps)),
            np.float32(self.epsilon),
        )

        def move(spans: NDArray[np.int64]) -> None:
            _step(parameters, gradient, spans, self.first, self.second, scale, *rest)

        self._in_parts(move)
        return norm

    def _in_parts(self, work: Callable[[NDArray[np.int64]], Any]) -> list[Any]:
        """Return what the work comes to in each part, which it does side by side."""
        if len(self._parts) == 1:
            return [work(self._parts[0])]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="adam")
        second = self._pool.submit(work, self._parts[1])
        return [work(self._parts[0]), second.result()]

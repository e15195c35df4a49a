"""Adam over one flat vector (Kingma and Ba 2015), with a clipped gradient norm and a frozen part.

A frozen parameter is not touched: not its value, not its moments, and not the norm.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
_BETA_1, _BETA_2 = 0.9, 0.999


@njit(cache=True, nogil=True, error_model="numpy")
def _norm(gradient: Any, learns: Any) -> Any:
    total = 0.0
    for i in range(gradient.size):
        if learns[i]:
            total += np.float64(gradient[i]) * np.float64(gradient[i])
    return math.sqrt(total)


@njit(cache=True, nogil=True, error_model="numpy")
def _step(
    parameters: Any,
    gradient: Any,
    learns: Any,
    first: Any,
    second: Any,
    scale: Any,
    rate: Any,
    root: Any,
    epsilon: Any,
) -> None:
    b1, b2 = np.float32(_BETA_1), np.float32(_BETA_2)
    c1, c2 = np.float32(1.0 - _BETA_1), np.float32(1.0 - _BETA_2)
    for i in range(parameters.size):
        if learns[i]:
            g = gradient[i] * scale
            first[i] = b1 * first[i] + c1 * g
            second[i] = b2 * second[i] + c2 * g * g
            parameters[i] -= rate * first[i] / (np.float32(math.sqrt(second[i])) / root + epsilon)


class Adam:
    """The optimizer's state: moments ``(size,)`` and the number of steps taken."""

    def __init__(self, learns: NDArray[np.bool_], *, epsilon: float) -> None:
        self.learns = learns
        self.epsilon = epsilon
        self.first = np.zeros(learns.size, dtype=np.float32)
        self.second = np.zeros(learns.size, dtype=np.float32)
        self.steps = 0

    def begin_anew(self) -> None:
        """Forget the moments, so that what learns from now on gets Adam's corrected first steps."""
        self.first[:], self.second[:], self.steps = 0.0, 0.0, 0

    def step(
        self, parameters: FloatArray, gradient: FloatArray, *, rate: float, max_norm: float
    ) -> float:
        """Move `parameters` in place; return the gradient's norm before clipping."""
        norm = float(_norm(gradient, self.learns))
        self.steps += 1
        _step(
            parameters,
            gradient,
            self.learns,
            self.first,
            self.second,
            np.float32(min(max_norm / (norm + 1e-6), 1.0)),
            np.float32(rate / (1.0 - _BETA_1**self.steps)),
            np.float32(math.sqrt(1.0 - _BETA_2**self.steps)),
            np.float32(self.epsilon),
        )
        return norm

"""Advantages: generalised advantage estimation over a trajectory with cut ends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@njit(cache=True, nogil=True)
def _gae(
    rewards: Any,
    values: Any,
    bootstrap: Any,
    terminated: Any,
    cut: Any,
    played: Any,
    gamma: Any,
    lam: Any,
    out: Any,
) -> None:
    rows, columns = rewards.shape
    for column in range(columns):
        trace = 0.0
        for row in range(rows - 1, -1, -1):
            if not played[row, column]:
                continue
            if terminated[row, column]:
                following, trace = 0.0, 0.0
            elif cut[row, column]:
                following, trace = np.float64(bootstrap[row, column]), 0.0
            else:
                following = np.float64(values[row + 1, column])
            delta = rewards[row, column] + gamma * following - values[row, column]
            trace = delta + gamma * lam * trace
            out[row, column] = trace


def generalised_advantages(
    rewards: FloatArray,
    values: FloatArray,
    bootstrap: FloatArray,
    terminated: NDArray[np.bool_],
    cut: NDArray[np.bool_],
    played: NDArray[np.bool_],
    *,
    gamma: float,
    lam: float,
) -> FloatArray:
    """Return advantages ``(T, N)`` by GAE(λ) (Schulman et al. 2016), 0 where nothing was played.

    All arrays are ``(T, N)``. `cut` marks transitions after which the stretch breaks off without the
    episode being over: the time limit, or the end of the collection. There `bootstrap` holds the value
    of the observation that followed. The return to learn the value from is advantage + value.
    """
    advantages = np.zeros(rewards.shape, dtype=np.float32)
    _gae(rewards, values, bootstrap, terminated, cut, played, gamma, lam, advantages)
    return advantages


@njit(cache=True, nogil=True)
def normalise(advantages: Any) -> None:
    """Give advantages ``(n,)`` mean 0 and sample deviation 1, in place; fewer than 2 stay as they are."""
    n = advantages.size
    if n < 2:
        return
    mean = 0.0
    for i in range(n):
        mean += advantages[i]
    mean /= n
    squares = 0.0
    for i in range(n):
        squares += (advantages[i] - mean) ** 2
    deviation = math.sqrt(squares / (n - 1)) + 1e-8
    for i in range(n):
        advantages[i] = (advantages[i] - mean) / deviation

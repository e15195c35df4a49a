"""Bootstrap intervals of what is not a plain mean: deviations, and ratios of two figures.

Invariants: seeds are drawn once for all runs and both policies, so pairs stay pairs; the same arrays
give the same interval, drawn from one fixed stream; an interval holds its estimate; where a denominator
is zero the ratio is not a number. These are percentile intervals over runs and seeds, which with a
handful of runs come out somewhat narrow; tests of a mean use `ratchet.evaluation.statistics`.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from ratchet.evaluation.statistics import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RESAMPLES = 2_000
_STREAM = 1987


def deviation(matrix: Array) -> Interval:
    """Return the standard deviation over the episodes of `matrix[runs, seeds]`, mean over the runs."""
    return _interval(float(matrix.std(axis=1).mean()), _deviations(matrix), matrix.shape[1])


def deviation_change(before: Array, after: Array) -> Interval:
    """Return the share by which the deviation changes: -1 where none is left.

    Parameters
    ----------
    before : array
        Returns of the policy before, `[seeds]`.
    after : array
        Returns after, `[runs, seeds]`, of the same seeds.

    """
    old = float(before.std())
    if old == 0.0:
        return Interval(math.nan, math.nan, math.nan)
    drawn = _deviations(before[None])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = _deviations(after) / drawn - 1.0
    return _interval(float(after.std(axis=1).mean()) / old - 1.0, ratios, len(before))


def relative_gain(before: Sequence[Array], after: Sequence[Array]) -> Interval:
    """Return the gain of the mean over modes, as a share of what it was before.

    Parameters
    ----------
    before : sequence of arrays
        Returns before, `[seeds]` for each mode.
    after : sequence of arrays
        Returns after, `[runs, seeds]` for each mode, with the same runs and seeds.

    """
    old, new = np.mean(before, axis=0), np.mean(after, axis=0)
    base = float(old.mean())
    if base == 0.0:
        return Interval(math.nan, math.nan, math.nan)
    runs, seeds = _weights(*new.shape)
    drawn = seeds @ old
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = ((seeds @ new.T) * runs).sum(axis=1) / drawn - 1.0
    return _interval(float(new.mean()) / base - 1.0, shares, len(old))


def _deviations(matrix: Array) -> Array:
    """Return the deviation of every resample, `[RESAMPLES]`."""
    runs, seeds = _weights(*matrix.shape)
    centred = matrix - np.median(matrix)
    means = seeds @ centred.T
    squares = seeds @ (centred**2).T
    # Equal values cancel to rounding errors, whose root would look like a spread.
    variances = np.clip(squares - means**2, 0.0, None)
    variances[variances < 1e-12 * np.maximum(squares, 1e-300)] = 0.0
    return np.asarray((np.sqrt(variances) * runs).sum(axis=1))


@functools.lru_cache(maxsize=16)
def _weights(runs: int, seeds: int) -> tuple[Array, Array]:
    """Return how much each run and each seed counts in each resample; rows sum to one."""
    # Two streams: seeds are then drawn alike for the one base policy and its many results.
    of_runs, of_seeds = (
        np.random.Generator(np.random.PCG64([_STREAM, part, size])).multinomial(
            size, np.full(size, 1.0 / size), size=RESAMPLES
        )
        / size
        for part, size in enumerate((runs, seeds))
    )
    return of_runs, of_seeds


def _interval(estimate: float, drawn: Array, seeds: int) -> Interval:
    finite = drawn[np.isfinite(drawn)]
    if seeds == 1 or not finite.size:
        return Interval(estimate, math.nan, math.nan)
    low, high = (float(bound) for bound in np.quantile(finite, [0.025, 0.975]))
    return Interval(estimate, min(low, estimate), max(high, estimate))

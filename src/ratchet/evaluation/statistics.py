"""Figures and their intervals, as pure functions over arrays.

Invariants:

- The same array gives the same interval, always: resampling draws from one fixed stream.
- An interval contains its estimate. One observation has an estimate and no interval: its bounds
  are NaN, and null in JSON. Observations that are all alike give an interval of zero width.
- Empty or non-finite data are refused; no function warns.
- Means are bootstrapped with bias correction and acceleration (BCa: Efron 1987, "Better bootstrap
  confidence intervals", JASA 82:171-185); rates have score intervals (Wilson 1927, JASA 22:209-212).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri, stdtrit

from ratchet.errors import InputError, SeedError

if TYPE_CHECKING:
    from collections.abc import Callable

FloatArray = NDArray[np.float64]

RESAMPLES = 9_999
_STREAM = 1987
_CHUNK = 1 << 18  # elements drawn at once: 2 MB, which stays in the cache
_TIE = 1e-12  # resampled statistics nearer than this, in units of the spread, are equal


@dataclass(frozen=True)
class Interval:
    """An estimate with its bounds, in the units of the data; NaN bounds mean "not known"."""

    estimate: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Return whether `value` lies outside the interval; False where the bounds are unknown."""
        return self.low > value or self.high < value

    def to_json(self, name: str = "mean") -> dict[str, float | None]:
        """Return the estimate under `name`, with "low" and "high" (null where not known)."""
        figures = {name: self.estimate, "low": self.low, "high": self.high}
        return {key: value if math.isfinite(value) else None for key, value in figures.items()}


def checked(x: ArrayLike, ndim: int = 1, name: str = "data") -> FloatArray:
    """Return `x` as float64 with `ndim` axes, or refuse it.

    Raises
    ------
    InputError
        If it has another number of axes, is empty, or holds a value that is not finite.

    """
    array = np.asarray(x, dtype=np.float64)
    if array.ndim != ndim:
        raise InputError(f"{name} has {array.ndim} axes (shape {array.shape}); it needs {ndim}")
    if not array.size:
        raise InputError(f"{name} is empty; it needs at least one value")
    if bad := int(np.count_nonzero(~np.isfinite(array))):
        raise InputError(f"{name} holds {bad} of {array.size} values that are not finite")
    return array


def checked_pairs(before: ArrayLike, after: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return both as float64 vectors of one length, or refuse them.

    Raises
    ------
    InputError
        As `checked`.
    SeedError
        If the lengths differ: position i of both must be the episode of the same seed.

    """
    first, second = checked(before, name="before"), checked(after, name="after")
    if len(first) != len(second):
        raise SeedError(
            f"before holds {len(first)} episodes and after {len(second)}; "
            "a paired comparison needs the same seeds in both"
        )
    return first, second


def upper_tail(confidence: float, sides: int) -> float:
    """Return the probability up to the upper bound: 0.975 for 95% and two sides, 0.95 for one.

    Raises
    ------
    InputError
        If `confidence` is not strictly between 0 and 1.

    """
    if not 0.0 < confidence < 1.0:
        raise InputError(f"confidence is {confidence}; it lies between 0 and 1, such as 0.95")
    return 1.0 - (1.0 - confidence) / sides


def _mean(x: FloatArray) -> FloatArray:
    return np.asarray(x.mean(axis=-1))


def _mean_jackknife(x: FloatArray) -> FloatArray:
    return np.asarray((x.sum() - x) / (len(x) - 1))


def _iqm(x: FloatArray) -> FloatArray:
    cut = x.shape[-1] // 4
    return np.asarray(np.sort(x, axis=-1)[..., cut : x.shape[-1] - cut].mean(axis=-1))


def _iqm_jackknife(x: FloatArray) -> FloatArray:
    # In order, the means without the i-th value differ only in which window of sums they take.
    x = np.sort(x)
    rest = len(x) - 1
    cut = rest // 4
    sums = np.concatenate([[0.0], np.cumsum(x)])
    wide = sums[rest - cut + 1] - sums[cut]
    i = np.clip(np.arange(len(x)), cut, rest - cut)
    return np.asarray((wide - x[i]) / (rest - 2 * cut))


def _bca(
    x: FloatArray,
    statistic: Callable[[FloatArray], FloatArray],
    jackknife: Callable[[FloatArray], FloatArray],
    normal_quantiles: list[float],
) -> list[float]:
    """Return the estimate and then one BCa bound for each standard normal quantile.

    Data are centred and scaled first, so that units and offsets (returns of 1e6 ± 1, or of 1e-9)
    cost no precision. Where bias or acceleration is not defined, the bound is the percentile.
    """
    n, centre = len(x), float(np.median(x))
    spread = float(np.abs(x - centre).max())
    if spread == 0.0:  # the mean of copies may round to a neighbour of the copied value
        return [centre] * (1 + len(normal_quantiles))
    y = (x - centre) / spread
    estimate = float(statistic(y))
    if n == 1:
        return [estimate * spread + centre] + [math.nan] * len(normal_quantiles)

    generator = np.random.Generator(np.random.PCG64(_STREAM))
    rows = max(1, _CHUNK // n)
    drawn = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, rows):
        stop = min(start + rows, RESAMPLES)
        drawn[start:stop] = statistic(y[generator.integers(0, n, size=(stop - start, n))])

    below = np.count_nonzero(drawn < estimate - _TIE) + np.count_nonzero(drawn <= estimate + _TIE)
    bias = float(ndtri(below / (2 * RESAMPLES)))
    left_out = jackknife(y)
    pull = left_out.mean() - left_out
    squares = float((pull**2).sum())
    acceleration = float((pull**3).sum()) / (6.0 * squares**1.5) if squares > _TIE**2 else 0.0
    if not math.isfinite(bias):
        bias = acceleration = 0.0
    at = []
    for z in normal_quantiles:
        shrink = 1.0 - acceleration * (bias + z) if math.isfinite(z) else 0.0
        moved = bias + (bias + z) / shrink if shrink > 0.0 else math.copysign(math.inf, z)
        at.append(float(ndtr(moved)))
    return [float(v) * spread + centre for v in (estimate, *np.quantile(drawn, at))]


def _two_sided(
    x: FloatArray,
    statistic: Callable[[FloatArray], FloatArray],
    jackknife: Callable[[FloatArray], FloatArray],
    confidence: float,
) -> Interval:
    z = float(ndtri(upper_tail(confidence, 2)))
    if len(x) == 1:
        return Interval(float(x[0]), math.nan, math.nan)
    estimate, low, high = _bca(x, statistic, jackknife, [-z, z])
    # In tiny skewed samples BCa may step over its own estimate; widening is the honest side.
    return Interval(estimate, min(low, estimate), max(high, estimate))


def mean_interval(x: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean of `x[n]` with its BCa bootstrap interval (Efron 1987).

    Raises
    ------
    InputError
        If `x` is empty, not a vector or not finite, or `confidence` is not between 0 and 1.

    """
    return _two_sided(checked(x), _mean, _mean_jackknife, confidence)


def interquartile_mean(x: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean of the middle half of `x[n]` with its BCa bootstrap interval.

    From each end `n // 4` values are cut, as rliable does (Agarwal et al. 2021, "Deep
    reinforcement learning at the edge of the statistical precipice", NeurIPS). One lucky or
    broken episode moves it little.

    Raises
    ------
    InputError
        As `mean_interval`.

    """
    return _two_sided(checked(x), _iqm, _iqm_jackknife, confidence)


def standard_deviation(x: ArrayLike) -> float:
    """Return the standard deviation of `x[n]`, dividing by n as NumPy and the write-ups do.

    Raises
    ------
    InputError
        If `x` is empty, not a vector or not finite.

    """
    values = checked(x)
    return float(np.std(values)) if np.ptp(values) else 0.0


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return the rate with its score interval (Wilson 1927), which needs no normal sample.

    Raises
    ------
    InputError
        If `trials` is below 1, or `successes` is not in 0 … `trials`.

    """
    if trials < 1 or not 0 <= successes <= trials:
        raise InputError(f"{successes} successes in {trials} trials is no rate")
    z = float(ndtri(upper_tail(confidence, 2)))
    rate, share = successes / trials, z * z / trials
    middle = (rate + share / 2) / (1 + share)
    half = math.sqrt(rate * (1 - rate) * share + share * share / 4) / (1 + share)
    # At the ends the bound is the end, which rounding could miss.
    low = 0.0 if successes == 0 else min(middle - half, rate)
    high = 1.0 if successes == trials else max(middle + half, rate)
    return Interval(rate, low, high)


def fraction_at_maximum(returns: ArrayLike, maximum: float, confidence: float = 0.95) -> Interval:
    """Return the fraction of `returns[n]` that reach `maximum`, with its Wilson interval.

    A return counts within one part in 10⁹ of the maximum, for sums of rewards that are rounded.

    Raises
    ------
    InputError
        As `mean_interval`.

    """
    values = checked(returns, name="returns")
    reached = values >= maximum - 1e-9 * max(1.0, abs(maximum))
    return wilson(int(np.count_nonzero(reached)), len(values), confidence)


def paired_difference(before: ArrayLike, after: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean of `after[n] - before[n]` with its BCa interval over pairs.

    Raises
    ------
    InputError
        As `mean_interval`.
    SeedError
        If the lengths differ.

    """
    first, second = checked_pairs(before, after)
    return mean_interval(second - first, confidence)


def probability_of_improvement(
    before: ArrayLike, after: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Return P(after > before) + ½ P(after = before) over the pairs of `before[n]`, `after[n]`.

    The figure is Agarwal et al.'s (2021), over pairs of the same seed instead of all pairs.
    Larger values are better. The interval is BCa over pairs; where every pair rises, or every
    pair falls, a bootstrap would claim certainty, and the Wilson interval stands in its place.

    Raises
    ------
    InputError
        As `mean_interval`.
    SeedError
        If the lengths differ.

    """
    first, second = checked_pairs(before, after)
    wins = (np.sign(second - first) + 1.0) / 2.0
    if np.all(wins == 1.0) or np.all(wins == 0.0):
        return wilson(int(wins.sum()), len(wins), confidence)
    return mean_interval(wins, confidence)


def clustered_mean(matrix: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the mean of `matrix[runs, seeds]` with an interval over both runs and seeds.

    All runs share the seeds, so rows and columns are drawn independently and crossed (the
    pigeonhole bootstrap: Owen 2007, Annals of Applied Statistics 1:386-411), which is slightly
    conservative. Percentiles of a few rows are too narrow; the distances of the bounds from the
    mean are therefore stretched by Student's quantile over the normal one and by sqrt(m / (m - 1))
    (after Hesterberg 2015, American Statistician 69:371-386), with Satterthwaite's degrees of
    freedom m - 1 of the row and column means. One row, or one column, is `mean_interval`.

    Raises
    ------
    InputError
        As `mean_interval`, for a matrix.

    """
    values = checked(matrix, ndim=2, name="matrix")
    runs, seeds = values.shape
    if min(runs, seeds) == 1 or np.ptp(values) == 0.0:
        return mean_interval(values.ravel(), confidence)
    upper = upper_tail(confidence, 2)
    centre = float(values.mean())
    y = values - centre
    of_runs = float(y.mean(axis=1).var(ddof=1)) / runs
    of_seeds = float(y.mean(axis=0).var(ddof=1)) / seeds
    both = of_runs**2 / (runs - 1) + of_seeds**2 / (seeds - 1)
    freedom = (of_runs + of_seeds) ** 2 / both if both > 0.0 else float(min(runs, seeds) - 1)
    stretch = float(stdtrit(freedom, upper) / ndtri(upper)) * math.sqrt(1.0 + 1.0 / freedom)

    of_rows, of_columns = _crossed_weights(runs, seeds)
    drawn = np.einsum("br,br->b", of_rows, of_columns @ y.T)
    low, high = (float(v) * stretch for v in np.quantile(drawn, [1.0 - upper, upper]))
    return Interval(centre, centre + min(low, 0.0), centre + max(high, 0.0))


@lru_cache(maxsize=2)
def _crossed_weights(runs: int, seeds: int) -> tuple[FloatArray, FloatArray]:
    """Return how much each run and each seed weighs in each resample: a report asks hundreds of times."""
    generator = np.random.Generator(np.random.PCG64(_STREAM))

    def weights(count: int) -> FloatArray:
        counts = generator.multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES)
        return counts / count

    return weights(runs), weights(seeds)


def one_sided_lower(differences: ArrayLike, confidence: float = 0.95) -> float:
    """Return the lower confidence bound of the mean of paired `differences[n]`, for the pawl.

    The bound is BCa's, with the normal quantile replaced by sqrt(m / (m - 1)) times Student's with
    m - 1 degrees of freedom (the expanded percentile of Hesterberg 2015), where m counts the pairs
    that differ. A plain bootstrap of ten pairs errs in 8% of cases where it states 5%; and of a
    hundred pairs of which four differ, in about 12%: pairs that tie, say at the task's maximum,
    tell nothing of the size of the others. For many differing pairs this is BCa's own bound. One
    pair has no bound: NaN.

    Raises
    ------
    InputError
        As `mean_interval`.

    """
    values = checked(differences, name="differences")
    upper = upper_tail(confidence, 1)
    if len(values) == 1:
        return math.nan
    moved = int(np.count_nonzero(values))
    # A single differing pair has no spread of its own: the bound is the lowest mean drawn.
    z = (
        -math.sqrt(moved / (moved - 1)) * float(stdtrit(moved - 1, upper))
        if moved > 1
        else -math.inf
    )
    return _bca(values, _mean, _mean_jackknife, [z])[1]


@dataclass(frozen=True)
class Summary:
    """What a list of episode returns says of one policy; all in the units of the return."""

    episodes: int
    mean: Interval
    iqm: Interval
    std: float
    median: float
    minimum: float
    maximum: float
    at_maximum: Interval | None
    """Fraction of episodes at the task's maximum return; None where it has none."""

    def to_json(self) -> dict[str, object]:
        """Return the figures by name; intervals as mean (or rate), low and high."""
        return {
            "episodes": self.episodes,
            "mean": self.mean.to_json(),
            "iqm": self.iqm.to_json("iqm"),
            "std": self.std,
            "median": self.median,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "at_maximum": self.at_maximum.to_json("rate") if self.at_maximum else None,
        }


def summarize(
    returns: ArrayLike, maximum: float | None = None, confidence: float = 0.95
) -> Summary:
    """Return the figures of `returns[n]`; `maximum` is the task's highest return, if it has one.

    Raises
    ------
    InputError
        As `mean_interval`.

    """
    values = checked(returns, name="returns")
    at_maximum = None if maximum is None else fraction_at_maximum(values, maximum, confidence)
    return Summary(
        episodes=len(values),
        mean=mean_interval(values, confidence),
        iqm=interquartile_mean(values, confidence),
        std=standard_deviation(values),
        median=float(np.median(values)),
        minimum=float(values.min()),
        maximum=float(values.max()),
        at_maximum=at_maximum,
    )

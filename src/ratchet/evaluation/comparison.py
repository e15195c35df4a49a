"""Two policies on the same episodes: how much better, how surely, and whether they are two at all.

Invariants:

- Only episodes of the same seeds, in the same order, are compared; anything else is refused.
- "Same policy" and "no difference is shown" are different findings. The first says that both act
  alike wherever they were looked at; the second that the data cannot tell the two apart.
- In every metric the difference is B - A, and larger values are better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ratchet.errors import InputError, SeedError
from ratchet.evaluation.statistics import (
    FloatArray,
    Interval,
    checked,
    checked_pairs,
    mean_interval,
    paired_difference,
    probability_of_improvement,
    wilson,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike


_ROUNDING = 1e-9


@dataclass(frozen=True)
class Episodes:
    """Evaluated episodes of one policy: `metrics[name][i]` belongs to `seeds[i]`."""

    seeds: Sequence[int]
    metrics: Mapping[str, ArrayLike]

    @classmethod
    def of_seeds(cls, metric: str, values: Mapping[int, float]) -> Episodes:
        """Return the episodes of a mapping seed → value of one metric, in the mapping's order."""
        return cls(list(values), {metric: list(values.values())})


@dataclass(frozen=True)
class Estimate:
    """What the episodes of one policy say of a metric."""

    kind: str
    """"rate" (Wilson's interval) or "mean" (BCa's)."""
    interval: Interval


@dataclass(frozen=True)
class MetricComparison:
    """One metric of two policies over the same episodes."""

    kind: str
    """"rate" where every value is 0 or 1 (Wilson, Newcombe), otherwise "mean" (BCa)."""
    before: Interval
    after: Interval
    difference: Interval
    probability_of_improvement: Interval
    equal: int
    """Episodes in which both policies have the very same value."""

    def to_json(self) -> dict[str, object]:
        """Return the figures by name."""
        chance = self.probability_of_improvement
        return {
            "kind": self.kind,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "difference": self.difference.to_json(),
            "probability_of_improvement": chance.estimate,
            "probability_of_improvement_interval": chance.to_json("probability"),
            "equal": self.equal,
        }


@dataclass(frozen=True)
class Comparison:
    """What paired episodes say of policy B against policy A."""

    pairs: int
    metrics: Mapping[str, MetricComparison]
    same_policy: bool
    sentence: str

    def to_json(self) -> dict[str, object]:
        """Return the comparison as `ratchet compare --json` prints it."""
        return {
            "pairs": self.pairs,
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "same_policy": self.same_policy,
            "sentence": self.sentence,
        }


def newcombe_difference(before: ArrayLike, after: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the difference of two paired rates, `after[n]` less `before[n]`, each value 0 or 1.

    The interval squares and adds the distances of the two Wilson bounds, with their correlation
    (method 10 of Newcombe 1998, "Improved confidence intervals for the difference between
    binomial proportions based on paired data", Statistics in Medicine 17:2635-2650). It has a
    width also where no pair differs: ten equal pairs do not prove that a hundred would be equal.

    Raises
    ------
    InputError
        If the data are empty or not finite, a value is neither 0 nor 1, or `confidence` is not
        between 0 and 1.
    SeedError
        If the lengths differ.

    """
    first, second = checked_pairs(before, after)
    if not _is_rate(first, second):
        raise InputError("a rate needs values that are 0 or 1 in every episode")
    n = len(first)
    both, old, new = (int(np.count_nonzero(x)) for x in (first * second, first, second))
    product = both * (n - old - new + both) - (new - both) * (old - both)
    # Newcombe's continuity correction holds back a positive correlation, never a negative one.
    product_corrected = max(product - n / 2, 0.0) if product > 0 else float(product)
    margins = old * (n - old) * new * (n - new)
    correlation = product_corrected / math.sqrt(margins) if margins else 0.0
    a, b = wilson(old, n, confidence), wilson(new, n, confidence)

    def distance(p: float, q: float) -> float:
        return math.sqrt(max(p * p - 2 * correlation * p * q + q * q, 0.0))

    difference = (new - old) / n
    low = difference - distance(b.estimate - b.low, a.high - a.estimate)
    high = difference + distance(b.high - b.estimate, a.estimate - a.low)
    return Interval(difference, max(low, -1.0), min(high, 1.0))


def estimates(values: Sequence[ArrayLike], confidence: float = 0.95) -> list[Estimate]:
    """Return what each policy's episodes say of one metric: a rate where all values of all are 0 or 1, else a mean.

    Raises
    ------
    InputError
        If data are empty or not finite, or `confidence` is not between 0 and 1.

    """
    arrays = [checked(each) for each in values]
    if _is_rate(*arrays):
        return [Estimate("rate", wilson(int(x.sum()), len(x), confidence)) for x in arrays]
    return [Estimate("mean", mean_interval(x, confidence)) for x in arrays]


def compare_episodes(
    before: Episodes,
    after: Episodes,
    *,
    metric: str = "return",
    same_weights: bool = False,
    action_agreement: float | None = None,
    confidence: float = 0.95,
    names: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """Compare two policies over the same episodes, metric by metric.

    Parameters
    ----------
    before, after : Episodes
        Episodes of policy A and of policy B; each metric a vector over the seeds.
    metric : str
        The metric that the sentence speaks of.
    same_weights : bool
        Whether both policies have identical networks and weights.
    action_agreement : float or None
        Fraction of the evaluated states, 0 … 1, in which both choose the same action; None where
        it was not measured.
    confidence : float
        Level of every interval.
    names : tuple of str
        What the sentence calls the two.

    Raises
    ------
    SeedError
        If the seed lists are not identical, order included, or a metric has another length.
    InputError
        If the metrics differ or lack `metric`, hold values that are not finite, or
        `action_agreement` is outside 0 … 1.

    """
    _check(before, after, metric, action_agreement)
    n = len(before.seeds)
    compared = {
        name: _compare(name, values, after.metrics[name], n, confidence)
        for name, values in before.metrics.items()
    }
    all_equal = all(each.equal == n for each in compared.values())
    same_policy = same_weights or (action_agreement == 1.0 and all_equal)
    if same_policy:
        # Newcombe's interval has a width for equal pairs; one policy differs from itself by 0.
        nothing = Interval(0.0, 0.0, 0.0)
        compared = {
            name: replace(each, difference=nothing) if each.equal == n else each
            for name, each in compared.items()
        }
    main = compared[metric]
    if same_policy:
        sentence = _same(names, main, n, same_weights=same_weights)
    else:
        sentence = _different(names, metric, main, n, confidence, action_agreement)
    return Comparison(n, compared, same_policy, sentence)


def _check(before: Episodes, after: Episodes, metric: str, action_agreement: float | None) -> None:
    old, new = list(before.seeds), list(after.seeds)
    if old != new:
        strange = len(set(old) ^ set(new))
        what = (
            f"{strange} seeds are in one list only ({len(old)} and {len(new)} episodes)"
            if strange
            else f"the same seeds stand in another order or number ({len(old)} and {len(new)})"
        )
        raise SeedError(f"a paired comparison needs identical seed lists; {what}")
    if set(before.metrics) != set(after.metrics) or metric not in before.metrics:
        raise InputError(
            f"both policies need the same metrics and {metric!r} among them; they have "
            f"{sorted(before.metrics)} and {sorted(after.metrics)}"
        )
    if action_agreement is not None and not 0.0 <= action_agreement <= 1.0:
        raise InputError(f"action_agreement is {action_agreement}; it is a fraction, 0 … 1")


def _is_rate(*arrays: FloatArray) -> bool:
    return all(bool(np.isin(array, (0.0, 1.0)).all()) for array in arrays)


def _compare(
    name: str, before: ArrayLike, after: ArrayLike, seeds: int, confidence: float
) -> MetricComparison:
    first, second = checked_pairs(before, after)
    if len(first) != seeds:
        raise SeedError(f"metric {name!r} has {len(first)} values for {seeds} seeds")
    old, new = estimates([first, second], confidence)
    difference = newcombe_difference if old.kind == "rate" else paired_difference
    return MetricComparison(
        kind=old.kind,
        before=old.interval,
        after=new.interval,
        difference=difference(first, second, confidence),
        probability_of_improvement=probability_of_improvement(first, second, confidence),
        equal=int(np.count_nonzero(first == second)),
    )


def _same(names: tuple[str, str], main: MetricComparison, n: int, *, same_weights: bool) -> str:
    a, b = names
    if not same_weights:
        return f"same policy: {a} and {b} choose the same action in every evaluated state, and all {n} episodes are equal"
    if main.equal == n:
        return f"same policy: {a} and {b} have identical weights, and all {n} episodes are equal"
    return (
        f"same policy: {a} and {b} have identical weights; {n - main.equal} of {n} episodes differ "
        "all the same, which is chance in the actions or the environment"
    )


def _different(
    names: tuple[str, str],
    metric: str,
    main: MetricComparison,
    n: int,
    confidence: float,
    action_agreement: float | None,
) -> str:
    gap = main.difference
    # What rounding leaves of a sum of nothing is nothing.
    moved = 0.0 if abs(gap.estimate) < _ROUNDING else gap.estimate
    interval = f"{100 * confidence:.4g}% interval {gap.low:+.4g} to {gap.high:+.4g}, {n} pairs"
    chance = f"probability of improvement {main.probability_of_improvement.estimate:.2f}"
    if gap.excludes(0.0):
        word = "better" if gap.estimate > 0 else "worse"
        return f"{names[1]} is {word} by {abs(gap.estimate):.4g} in {metric} ({interval}; {chance})"
    if main.equal == n:
        actions = (
            "their actions were not compared"
            if action_agreement is None
            else f"they choose the same action in {action_agreement:.2%} of the states"
        )
        return f"no difference is shown: all {n} episodes are equal in {metric}; {actions}"
    if math.isnan(gap.low):
        return f"no difference is shown: one pair of episodes has no interval ({metric} {gap.estimate:+.4g})"
    return f"no difference is shown: {metric} changes by {moved:+.4g} ({interval}; {chance})"

"""Guarded adaptation: an adapted policy is taken only on evidence that it beats the start.

The evidence comes out of the adaptation budget. The start and the adapted policy each play the same
number of fresh episodes, and an exact one-sided rank-sum test compares them (Wilcoxon 1945; Mann
and Whitney 1947), with midranks for ties and its distribution conditional on them. The adapted
policy is taken if p ≤ 1 - confidence and its mean is higher; otherwise the start is kept.

What this gives, whatever the shape of the returns:

- If the adapted policy's returns have the distribution of the start's (in particular: the same
  policy), it is taken with probability at most 1 - confidence, with any ties.
- If they are stochastically smaller (at every level, the adapted policy reaches it no more often),
  the same bound holds where ties have probability 0, since raising a return only helps. With ties,
  breaking one changes the reference distribution, and that argument fails; a numerical search, over
  returns of 3 to 6 values and 3 to 7 episodes each, found no probability above the bound.
- So an adapted policy that is worse in this sense by a mean loss L costs at most
  (1 - confidence) L in expectation, and never more than (1 - confidence) times the worst loss
  that the task allows.

What it does not give:

- No bound for distributions that cross: a policy that is mostly better and rarely very bad may have
  the lower mean, and yet be taken often. Nor does it bound how large a loss is, once taken.
- Nothing, if the episodes are not independent, or if the adaptation has seen them. The start's and
  the adapted policy's episodes must be different ones.

Why not pairs on shared seeds: a sign-flip test of 4 pairs cannot reach 95%, and of 5 it needs all
five wins. Ranks reach it from 3 episodes each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from ratchet.errors import BudgetError, InputError
from ratchet.evaluation.statistics import checked, upper_tail

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ratchet.evaluation.statistics import FloatArray

_ROUNDING = 1.0 + 1e-9  # 1 - 0.9 is below 0.1 as computed; a p of 0.1 is still small enough
# The exact p-value takes a second or two for 100 episodes each, and grows with their fourth power. A
# normal approximation is no way out: with most returns at the maximum it errs by several percent.
_MOST_PAIRS = 100


@dataclass(frozen=True, kw_only=True)
class GuardSettings:
    """How sure the guard must be, and what it may spend on that."""

    confidence: float = 0.95
    """One-sided; a policy that is no better is taken at most this rarely. Usual: 0.9 … 0.99."""
    # Of 30 episodes this leaves 6 each for the evidence. Over simulated slot searches the gain was
    # +59 with 6, +60 with 7, +55 with 5 and +38 with 4: flat at the top.
    share: float = 0.4
    """Part of the budget that is evidence. Usual: 0.3 … 0.5."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        upper_tail(self.confidence, 1)
        if not 0.0 < self.share < 1.0:
            raise InputError(f"share is {self.share}; it lies between 0 and 1, such as 0.4")


@dataclass(frozen=True)
class GuardVerdict:
    """Whether the adapted policy is taken, and why; means in units of the return."""

    adopted: bool
    p_value: float
    """One-sided, exact; 1 where there was no test."""
    reason: str
    mean_start: float
    """NaN where there are no returns, as `mean_adapted`."""
    mean_adapted: float
    pairs: int
    """Episodes of each policy."""

    def to_json(self) -> dict[str, object]:
        """Return the fields by name; a mean that is not known is null."""
        return {
            "adopted": self.adopted,
            "p_value": self.p_value,
            "reason": self.reason,
            "mean_start": self.mean_start if self.pairs else None,
            "mean_adapted": self.mean_adapted if self.pairs else None,
            "pairs": self.pairs,
        }


def split(budget: int, settings: GuardSettings | None = None) -> tuple[int, int]:
    """Return the episodes of adaptation, and the pairs of evidence; a pair is two episodes.

    Evidence gets its share, rounded down to whole pairs, and at least as many pairs as can reach
    the confidence at all (3 at 95%), and at most 100; adaptation gets the rest. A budget that cannot pay for these
    and one episode of adaptation gives (0, 0): the start would be kept whatever adaptation found,
    so that every episode spent on it would be wasted.

    Raises
    ------
    BudgetError
        If `budget` is below 1.

    """
    settings = settings or GuardSettings()
    if budget < 1:
        raise BudgetError(f"the budget is {budget} episodes; it must be at least 1 of them")
    fewest = _fewest_pairs(settings.confidence)
    if budget <= 2 * fewest:
        return 0, 0
    # The share stops at what leaves one episode to adapt with; rounding must not lose a pair.
    share = math.floor(settings.share * budget / 2 + 1e-9)
    share = min(share, (budget - 1) // 2, _MOST_PAIRS)
    pairs = max(fewest, share)
    return budget - 2 * pairs, pairs


def smallest_budget(settings: GuardSettings) -> int:
    """Return the fewest episodes that pay for adapting and for evidence that could be enough."""
    return 2 * _fewest_pairs(settings.confidence) + 1


def rank_sum_p(start: ArrayLike, adapted: ArrayLike) -> float:
    """Return the exact one-sided p-value that `adapted[n]` is larger than `start[m]`.

    It is the share of all ways to deal the pooled midranks out to both, of which the sum for
    `adapted` is at least the one seen. No normal approximation is made at any size.

    Raises
    ------
    InputError
        If either is empty, not a vector or not finite.

    """
    first, second = checked(start, name="start"), checked(adapted, name="adapted")
    pool = np.concatenate([first, second])
    # Midranks are whole or half: doubled, they are integers and their sums can be indices.
    ranks = np.rint(2.0 * rankdata(pool)).astype(np.int64)
    seen = int(ranks[len(first) :].sum())
    size = len(second)
    largest = int(np.sort(ranks)[-size:].sum())
    # ways[k, s]: how many choices of k ranks so far sum to s. Halved with each rank, so that no
    # count overflows; halving is exact, and sums of positive numbers lose no precision.
    ways: FloatArray = np.zeros((size + 1, largest + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank]
        ways *= 0.5
    return float(ways[size, seen:].sum() / ways[size].sum())


def judge_adaptation(
    start_returns: ArrayLike, adapted_returns: ArrayLike, settings: GuardSettings | None = None
) -> GuardVerdict:
    """Decide whether the adapted policy may replace the start.

    Parameters
    ----------
    start_returns, adapted_returns : array
        Returns `[pairs]` of fresh, independent episodes, which the adaptation has not seen; larger
        is better. Both may be empty, as where `split` gives no pairs: the start is kept.
    settings : GuardSettings
        The confidence.

    Raises
    ------
    InputError
        If the lengths differ, or returns are not vectors or not finite.

    """
    settings = settings or GuardSettings()
    lengths = np.size(start_returns), np.size(adapted_returns)
    if lengths[0] != lengths[1]:
        raise InputError(
            f"the start has {lengths[0]} returns and the adapted policy {lengths[1]}; "
            "both play the same number of episodes"
        )
    pairs, fewest = lengths[0], _fewest_pairs(settings.confidence)
    level = f"{100 * settings.confidence:.4g}% confidence"
    if pairs == 0:
        reason = f"the start is kept: there is no evidence; {level} needs at least {fewest} episodes of each policy"
        return GuardVerdict(False, 1.0, reason, math.nan, math.nan, 0)
    start = checked(start_returns, name="start_returns")
    adapted = checked(adapted_returns, name="adapted_returns")
    means = float(start.mean()), float(adapted.mean())
    if pairs < fewest:
        reason = (
            f"the start is kept: too few episodes, {pairs} of each policy; "
            f"{level} needs at least {fewest}"
        )
        return GuardVerdict(False, 1.0, reason, *means, pairs)
    p = rank_sum_p(start, adapted)
    allowed = 1.0 - settings.confidence
    figures = (
        f"{means[1]:.4g} against {means[0]:.4g} on average over {pairs} episodes each, "
        f"p = {p:.3g} where {allowed:.4g} is allowed"
    )
    likely = p <= allowed * _ROUNDING
    adopted = likely and means[1] > means[0]
    if adopted:
        reason = f"the adapted policy is taken: {figures}"
    elif likely:
        reason = (
            f"the start is kept: the adapted policy is mostly better, but not on average: {figures}"
        )
    else:
        reason = f"the start is kept: no improvement is shown: {figures}"
    return GuardVerdict(adopted, p, reason, *means, pairs)


def _fewest_pairs(confidence: float) -> int:
    """Return how many episodes each could reach `confidence` at best: if every adapted one wins."""
    pairs = 1
    while 1.0 / math.comb(2 * pairs, pairs) > (1.0 - confidence) * _ROUNDING:
        pairs += 1
    return pairs

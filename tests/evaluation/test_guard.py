"""The guard: its p-value by SciPy and by enumeration, its error rate by simulation, its split."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ratchet.errors import BudgetError, InputError
from ratchet.evaluation.guard import GuardSettings, judge_adaptation, rank_sum_p, split

CASES = 1000


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 3), (4, 6), (8, 8), (20, 20), (30, 30), (30, 7)])
def test_p_without_ties_is_scipys(m, n):
    generator = np.random.default_rng([m, n])
    for shift in (-0.5, 0.0, 0.5, 1.5):
        start, adapted = generator.normal(size=m), generator.normal(shift, 1.0, size=n)
        theirs = stats.mannwhitneyu(adapted, start, alternative="greater", method="exact").pvalue
        assert rank_sum_p(start, adapted) == pytest.approx(theirs, rel=1e-10)


def by_enumeration(start, adapted):
    """Count the deals of which the adapted side wins at least as much, pair by pair."""
    pool = [*start, *adapted]

    def wins(chosen):
        rest = [value for i, value in enumerate(pool) if i not in chosen]
        return sum((pool[i] > x) + (pool[i] == x) / 2 for i in chosen for x in rest)

    seen = wins(range(len(start), len(pool)))
    deals = [wins(deal) for deal in itertools.combinations(range(len(pool)), len(adapted))]
    return sum(value >= seen for value in deals) / len(deals)


small = st.lists(st.integers(0, 3), min_size=1, max_size=5)


@given(small, small)
def test_p_with_ties_is_the_enumeration(start, adapted):
    assert rank_sum_p(start, adapted) == pytest.approx(by_enumeration(start, adapted), abs=1e-12)


def test_p_by_hand():
    # Complete separation is one deal of C(6, 3) = 20, or of C(60, 30); all alike, every deal is as good.
    assert rank_sum_p([1, 2, 3], [4, 5, 6]) == pytest.approx(1 / 20)
    assert rank_sum_p(range(30), range(30, 60)) == pytest.approx(1 / math.comb(60, 30))
    assert rank_sum_p([7.0] * 5, [7.0] * 5) == 1.0
    # Midranks 1, 2, 3, 5, 5, 5: the sum 13 is reached by two 5s and the 3 (3 deals), or by all 5s.
    assert rank_sum_p([100, 200, 500], [300, 500, 500]) == pytest.approx(4 / 20)


def clipped(generator, mean, size):
    return np.clip(generator.normal(mean, 100.0, size=size), 8.0, 500.0)


def often_full(generator, share, size):
    return np.where(generator.random(size) < share, 500.0, generator.integers(8, 500, size=size))


NULLS = {
    "same": lambda g, n: (clipped(g, 250, n), clipped(g, 250, n)),
    "same, skewed": lambda g, n: (g.exponential(50, n), g.exponential(50, n)),
    "worse by a shift": lambda g, n: (clipped(g, 250, n), clipped(g, 220, n)),
    "same, half at the maximum": lambda g, n: (often_full(g, 0.5, n), often_full(g, 0.5, n)),
    "same, nearly all at the maximum": lambda g, n: (often_full(g, 0.9, n), often_full(g, 0.9, n)),
    "worse, fewer at the maximum": lambda g, n: (often_full(g, 0.5, n), often_full(g, 0.4, n)),
    "same, three values": lambda g, n: (g.integers(0, 3, n), g.integers(0, 3, n)),
    "constant": lambda g, n: (np.full(n, 500.0), np.full(n, 500.0)),
}


@pytest.mark.parametrize("pairs", [3, 5, 6])
@pytest.mark.parametrize("null", NULLS)
def test_takes_what_is_no_better_at_most_as_often_as_stated(null, pairs):
    generator = np.random.default_rng(pairs)
    taken = sum(judge_adaptation(*NULLS[null](generator, pairs)).adopted for _ in range(CASES))
    assert taken / CASES <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / CASES)
    if null == "constant":
        assert taken == 0


def test_exact_error_rate_over_three_values():
    # All samples of 4 over {0, 1, 2}, with their probabilities: same policy, and policies that are worse.
    samples = list(itertools.combinations_with_replacement(range(3), 4))
    loose = GuardSettings(confidence=0.9)
    adopts = np.array([[judge_adaptation(x, y, loose).adopted for y in samples] for x in samples])

    def chances(weights):
        return np.array(
            [stats.multinomial.pmf([s.count(v) for v in range(3)], 4, weights) for s in samples]
        )

    start = chances([0.3, 0.4, 0.3])
    for adapted in ([0.3, 0.4, 0.3], [0.4, 0.3, 0.3], [0.3, 0.5, 0.2], [0.5, 0.3, 0.2]):
        assert start @ adopts @ chances(adapted) <= 0.1


def test_takes_what_is_much_better():
    generator = np.random.default_rng(0)
    taken = sum(
        judge_adaptation(clipped(generator, 100, 6), clipped(generator, 400, 6)).adopted
        for _ in range(300)
    )
    assert taken > 290


def test_reasons():
    better = judge_adaptation([100, 120, 110, 90], [300, 310, 400, 390])
    assert better.adopted
    assert better.p_value == pytest.approx(1 / 70)
    assert (better.mean_start, better.mean_adapted, better.pairs) == (105.0, 350.0, 4)
    assert better.reason == (
        "the adapted policy is taken: 350 against 105 on average over 4 episodes each, "
        "p = 0.0143 where 0.05 is allowed"
    )
    worse = judge_adaptation([300, 310, 400, 390], [100, 120, 110, 90])
    assert not worse.adopted
    assert worse.reason == (
        "the start is kept: no improvement is shown: 105 against 350 on average over 4 episodes each, "
        "p = 1 where 0.05 is allowed"
    )
    # Better in nearly every comparison, but one episode of the start outweighs them all.
    crossing = judge_adaptation([*range(7), 10_000], range(10, 18))
    assert not crossing.adopted
    assert crossing.p_value < 0.05
    assert "mostly better, but not on average" in crossing.reason


def test_without_evidence_the_start_is_kept():
    few = judge_adaptation([1, 2], [3, 4])
    assert not few.adopted
    assert few.p_value == 1.0
    assert few.reason == (
        "the start is kept: too few episodes, 2 of each policy; 95% confidence needs at least 3"
    )
    none = judge_adaptation([], [])
    assert not none.adopted
    assert none.reason == (
        "the start is kept: there is no evidence; 95% confidence needs at least 3 episodes of each policy"
    )
    text = json.dumps(none.to_json(), allow_nan=False)
    assert json.loads(text)["mean_start"] is None


def test_p_at_the_level_itself_is_enough():
    # 1 / C(6, 3) is 5%, and 1 / C(4, 2) more than 10%; 1 - 0.95 and 1 - 0.9 round to either side.
    assert judge_adaptation([1, 2, 3], [4, 5, 6]).adopted
    assert not judge_adaptation([1, 2], [3, 4], GuardSettings(confidence=0.9)).adopted
    assert judge_adaptation([1], [2], GuardSettings(confidence=0.5)).adopted


@pytest.mark.parametrize(
    ("budget", "expected"),
    [(30, (18, 6)), (20, (12, 4)), (10, (4, 3)), (7, (1, 3)), (6, (0, 0)), (1000, (800, 100))],
)
def test_split_by_hand(budget, expected):
    assert split(budget) == expected


@given(st.integers(1, 60), st.floats(0.5, 0.999), st.floats(0.01, 0.99))
def test_split_spends_the_budget_or_nothing(budget, confidence, share):
    settings = GuardSettings(confidence=confidence, share=share)
    adaptation, pairs = split(budget, settings)
    if pairs:
        assert adaptation >= 1
        assert adaptation + 2 * pairs == budget
        # The best evidence there could be is enough.
        assert judge_adaptation(range(pairs), range(pairs, 2 * pairs), settings).adopted
        # More than its share is taken only where less could not reach the confidence.
        if 2 * pairs > share * budget + 1e-6:
            assert not judge_adaptation(
                range(pairs - 1), range(pairs, 2 * pairs - 1), settings
            ).adopted
    else:
        assert adaptation == 0
        most = (budget - 1) // 2
        assert not judge_adaptation(range(most), range(most, 2 * most), settings).adopted


def test_refusals():
    with pytest.raises(InputError, match="confidence is 1"):
        GuardSettings(confidence=1.0)
    with pytest.raises(InputError, match="share is 0"):
        GuardSettings(share=0.0)
    with pytest.raises(BudgetError, match="budget is 0 episodes"):
        split(0)
    with pytest.raises(InputError, match="the start has 3 returns and the adapted policy 4"):
        judge_adaptation([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(InputError, match="adapted_returns holds 1 of 3 values that are not finite"):
        judge_adaptation([1, 2, 3], [1, 2, np.nan])

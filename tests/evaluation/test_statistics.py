"""Every figure against a known answer: by hand, by SciPy, or by a published example."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from ratchet.errors import InputError, SeedError
from ratchet.evaluation.statistics import (
    Interval,
    clustered_mean,
    fraction_at_maximum,
    interquartile_mean,
    mean_interval,
    one_sided_lower,
    paired_difference,
    probability_of_improvement,
    standard_deviation,
    summarize,
    wilson,
)

values = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))


def vectors():
    return st.integers(2, 30).flatmap(lambda k: npst.arrays(np.float64, k, elements=values))


def pairs():
    return st.integers(2, 30).flatmap(
        lambda k: st.tuples(*[npst.arrays(np.float64, k, elements=values)] * 2)
    )


def near(interval, low, high, share=0.03):
    """Bounds agree within a share of the width: both sides are Monte Carlo."""
    tolerance = share * (high - low)
    return abs(interval.low - low) < tolerance and abs(interval.high - high) < tolerance


@pytest.mark.parametrize(
    "sample",
    [
        np.random.default_rng(0).gamma(1.0, size=200),
        np.random.default_rng(1).normal(1e6, 1.0, size=50),
        np.minimum(np.random.default_rng(2).exponential(400, size=100), 500),
        np.random.default_rng(3).lognormal(0, 1.5, size=30) * 1e-9,
    ],
)
def test_mean_interval_is_scipys_bca(sample):
    theirs = stats.bootstrap((sample,), np.mean, random_state=np.random.default_rng(9))
    ours = mean_interval(sample)
    assert ours.estimate == pytest.approx(sample.mean(), rel=1e-12)
    assert near(ours, *theirs.confidence_interval)


@pytest.mark.parametrize("n", [7, 40, 201])
def test_interquartile_mean_is_scipys_trimmed_mean_with_bca(n):
    sample = np.random.default_rng(n).gamma(0.7, size=n)

    def trimmed(x, axis):
        return stats.trim_mean(x, 0.25, axis=axis)

    theirs = stats.bootstrap((sample,), trimmed, batch=500, random_state=np.random.default_rng(9))
    ours = interquartile_mean(sample)
    assert ours.estimate == pytest.approx(stats.trim_mean(sample, 0.25), rel=1e-12)
    assert near(ours, *theirs.confidence_interval, share=0.05)


def test_interquartile_mean_by_hand():
    assert interquartile_mean([100, 1, 2, 3, 4, 5, 6, -90]).estimate == pytest.approx(3.5)
    assert interquartile_mean([0, 1, 2, 3, 10]).estimate == pytest.approx(
        2.0
    )  # 5 // 4 = 1 each end
    assert interquartile_mean([0, 1, 5]).estimate == pytest.approx(2.0)  # nothing to cut


def test_bca_of_three_values_by_listing_all_resamples():
    # Three values: the 27 resamples of 0, 0, 3 have means 0, 1, 2, 3 with 8, 12, 6, 1 / 27.
    ours = mean_interval([0.0, 0.0, 3.0], confidence=0.5)
    below, equal = 8 / 27, 12 / 27
    bias = stats.norm.ppf(below + equal / 2)
    pull = np.array([-1.0, -1.0, 2.0])
    acceleration = (pull**3).sum() / (6 * (pull**2).sum() ** 1.5)
    at = [
        stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
        for z in stats.norm.ppf([0.25, 0.75])
    ]
    means, reached = np.array([0, 1, 2, 3]), np.cumsum([8, 12, 6, 1]) / 27
    expected = [means[np.searchsorted(reached, p)] for p in at]
    assert [ours.low, ours.high] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 10), (10, 10), (1, 29), (81, 263), (15, 148), (1, 1), (250, 500)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_is_scipys(successes, trials, confidence):
    theirs = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    ours = wilson(successes, trials, confidence)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_published():
    # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3.
    for (x, n), bounds in {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }.items():
        ours = wilson(x, n)
        assert (round(ours.low, 4), round(ours.high, 4)) == bounds


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_rate(successes, trials):
    with pytest.raises(InputError, match="no rate"):
        wilson(successes, trials)


def test_fraction_at_maximum():
    ours = fraction_at_maximum([500.0, 499.0, 500.0 - 1e-8, 12.0], 500.0)
    assert ours == wilson(2, 4)
    assert fraction_at_maximum([-1.0, 0.0], 0.0).estimate == 0.5


def test_standard_deviation_divides_by_n():
    assert standard_deviation([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx(2.0)
    assert standard_deviation([0.1] * 3) == 0.0


def test_paired_difference_uses_the_pairing():
    seeds = np.random.default_rng(0).normal(0, 100, size=200)
    noise = np.random.default_rng(1).normal(0, 1, size=200)
    ours = paired_difference(seeds, seeds + 1 + noise)
    assert 0.7 < ours.low < ours.estimate < ours.high < 1.3
    assert ours.estimate == pytest.approx(1 + noise.mean())
    assert paired_difference(seeds, seeds) == Interval(0.0, 0.0, 0.0)


def test_probability_of_improvement_by_hand():
    ours = probability_of_improvement([1, 1, 1, 1, 5], [2, 1, 0, 3, 5])
    assert ours.estimate == pytest.approx((2 + 0.5 * 2) / 5)
    assert 0.0 <= ours.low < ours.estimate < ours.high <= 1.0
    assert probability_of_improvement([1, 2], [1, 2]) == Interval(0.5, 0.5, 0.5)
    # Five wins in five are not certainty.
    assert probability_of_improvement(np.zeros(5), np.ones(5)) == wilson(5, 5)
    assert probability_of_improvement(np.ones(5), np.zeros(5)) == wilson(0, 5)


def test_probability_of_improvement_of_a_rate_is_scipys_bca():
    before = np.zeros(100)
    after = np.where(np.arange(100) < 63, 1.0, -1.0)
    theirs = stats.bootstrap(
        ((after + 1) / 2,), np.mean, random_state=np.random.default_rng(1)
    ).confidence_interval
    assert near(probability_of_improvement(before, after), *theirs, share=0.06)


def test_one_observation_has_no_interval_and_json_stays_valid():
    for ours in (mean_interval([3.0]), interquartile_mean([3.0]), paired_difference([1.0], [4.0])):
        assert ours.estimate == 3.0
        assert math.isnan(ours.low)
        assert math.isnan(ours.high)
        assert not ours.excludes(0.0)
        assert json.loads(json.dumps(ours.to_json(), allow_nan=False)) == {
            "mean": 3.0,
            "low": None,
            "high": None,
        }
    assert math.isnan(one_sided_lower([3.0]))
    assert math.isnan(clustered_mean([[3.0]]).low)


@pytest.mark.parametrize("value", [0.0, 0.1, 500.0, -1e300, 5e-324])
def test_constant_data_have_zero_width(value):
    sample = np.full(17, value)
    assert mean_interval(sample) == Interval(value, value, value)
    assert interquartile_mean(sample) == Interval(value, value, value)
    assert one_sided_lower(sample) == value
    assert clustered_mean(np.full((3, 5), value)) == Interval(value, value, value)


def test_interval_words():
    interval = Interval(1.0, 0.5, 2.0)
    assert interval.to_json("rate") == {"rate": 1.0, "low": 0.5, "high": 2.0}
    assert interval.excludes(0.0)
    assert interval.excludes(3.0)
    assert not interval.excludes(1.5)


def test_bad_input_is_refused_with_the_numbers():
    with pytest.raises(InputError, match="empty"):
        mean_interval([])
    with pytest.raises(InputError, match="2 of 3 values that are not finite"):
        mean_interval([1.0, math.nan, math.inf])
    with pytest.raises(InputError, match="2 axes"):
        mean_interval([[1.0]])
    with pytest.raises(InputError, match="confidence is 95"):
        mean_interval([1.0, 2.0], confidence=95)
    with pytest.raises(InputError, match="confidence"):
        one_sided_lower([1.0, 2.0], confidence=1.0)
    for function in (paired_difference, probability_of_improvement):
        with pytest.raises(SeedError, match="3 episodes and after 2"):
            function([1, 2, 3], [1, 2])


def test_clustered_mean_of_one_run_is_the_mean_over_seeds():
    row = np.random.default_rng(0).gamma(1, size=60)
    assert clustered_mean(row[None]) == mean_interval(row)
    assert clustered_mean(row[:, None]) == mean_interval(row)


def test_clustered_mean_counts_runs_and_not_cells():
    # Runs differ, seeds do not: 100 seeds must not pass for 100 runs. Student's interval is right.
    runs = np.random.default_rng(4).normal(10, 2, size=8)
    ours = clustered_mean(np.tile(runs[:, None], (1, 100)))
    half = stats.t.ppf(0.975, 7) * runs.std(ddof=1) / math.sqrt(8)
    assert ours.estimate == pytest.approx(runs.mean())
    assert (ours.high - ours.low) / (2 * half) == pytest.approx(1.0, abs=0.12)


def test_clustered_mean_covers():
    generator = np.random.default_rng(5)
    hits = 0
    for _ in range(120):
        matrix = generator.normal(size=(5, 1)) + generator.normal(size=(1, 40))
        ours = clustered_mean(matrix + 0.5 * generator.normal(size=(5, 40)))
        hits += ours.low <= 0.0 <= ours.high
    assert hits >= 108  # 95% of 120 is 114, with a standard deviation of 2.4


def test_mean_interval_covers():
    generator = np.random.default_rng(6)
    hits = sum(not mean_interval(generator.exponential(size=60)).excludes(1.0) for _ in range(150))
    assert 132 <= hits <= 149


def test_one_sided_lower_is_bca_for_many_and_students_for_few():
    many = np.random.default_rng(0).gamma(2, size=2_000)
    theirs = stats.bootstrap(
        (many,), np.mean, confidence_level=0.9, random_state=np.random.default_rng(2)
    ).confidence_interval
    assert one_sided_lower(many) == pytest.approx(theirs.low, abs=0.03 * (theirs.high - theirs.low))
    few = stats.norm.ppf((np.arange(12) + 0.5) / 12)  # symmetric: neither bias nor acceleration
    student = -stats.t.ppf(0.95, 11) * few.std(ddof=1) / math.sqrt(12)
    assert one_sided_lower(few) == pytest.approx(student, rel=0.06)
    assert one_sided_lower(few, 0.99) < one_sided_lower(few, 0.9)


def test_one_sided_lower_learns_nothing_from_ties():
    three = np.array([2.0, 3.0, 4.0])
    assert one_sided_lower(three) > 0.0
    tied = np.append(three, np.zeros(97))
    assert one_sided_lower(tied) == 0.0  # three wins of three: a sign test has p = 1/8
    assert one_sided_lower(np.append([50.0], np.zeros(99))) == 0.0
    assert one_sided_lower(np.append([-50.0], np.zeros(99))) < -0.5
    assert one_sided_lower(np.append(np.full(30, 2.0), np.zeros(70))) > 0.3


def test_summary():
    returns = [500.0, 500.0, 100.0, 300.0]
    ours = summarize(returns, 500.0)
    assert (ours.episodes, ours.median, ours.minimum, ours.maximum) == (4, 400.0, 100.0, 500.0)
    assert ours.mean == mean_interval(returns)
    assert ours.iqm.estimate == 400.0
    assert ours.std == pytest.approx(math.sqrt((2 * 150**2 + 250**2 + 50**2) / 4))
    assert ours.at_maximum == wilson(2, 4)
    assert summarize(returns).at_maximum is None
    assert json.loads(json.dumps(ours.to_json(), allow_nan=False))["iqm"]["iqm"] == 400.0
    assert json.dumps(summarize([1.0]).to_json(), allow_nan=False)


def test_large_samples_fit_in_memory_and_500_are_quick():
    sample = np.random.default_rng(0).normal(size=500)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        first = mean_interval(sample)
        taken.append(time.perf_counter() - start)
    assert first == mean_interval(sample)
    assert min(taken) < 0.25  # 0.03 s on an idle machine
    wide = mean_interval(np.random.default_rng(1).normal(size=20_000))
    assert wide.high - wide.low == pytest.approx(2 * 1.96 / math.sqrt(20_000), rel=0.05)


@settings(max_examples=30, deadline=None)
@given(vectors())
def test_an_interval_contains_its_estimate(x):
    for ours in (mean_interval(x), interquartile_mean(x), clustered_mean(np.stack([x, x[::-1]]))):
        assert ours.low <= ours.estimate <= ours.high


@settings(max_examples=30, deadline=None)
@given(vectors(), st.floats(-1e6, 1e6), st.sampled_from([0.001, 0.5, 3.0, 1e4]))
def test_units_and_offsets_carry_over(x, shift, scale):
    moved = mean_interval(x * scale + shift)
    plain = mean_interval(x)
    slack = 1e-9 * (np.abs(x).max() * scale + abs(shift) + 1.0)
    for name in ("estimate", "low", "high"):
        expected = getattr(plain, name) * scale + shift
        assert getattr(moved, name) == pytest.approx(expected, abs=slack)


@settings(max_examples=30, deadline=None)
@given(pairs())
def test_exchanging_the_policies_mirrors_the_comparison(two):
    a, b = two
    there, back = paired_difference(a, b), paired_difference(b, a)
    slack = 1e-9 * (np.abs(a).max() + np.abs(b).max() + 1.0)
    assert there.estimate == pytest.approx(-back.estimate, abs=slack)
    assert there.low == pytest.approx(-back.high, abs=slack)
    assert there.high == pytest.approx(-back.low, abs=slack)
    one, other = probability_of_improvement(a, b), probability_of_improvement(b, a)
    assert one.estimate + other.estimate == pytest.approx(1.0)
    assert one.low + other.high == pytest.approx(1.0)
    assert 0.0 <= one.low <= one.high <= 1.0


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_rate_and_mirrors(rate):
    x, n = rate
    ours, mirror = wilson(x, n), wilson(n - x, n)
    assert 0.0 <= ours.low <= ours.estimate <= ours.high <= 1.0
    assert ours.low == pytest.approx(1.0 - mirror.high)

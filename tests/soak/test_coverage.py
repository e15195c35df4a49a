"""Intervals hold what they say they hold, and the pawl errs no more often than it says."""

import numpy as np
import pytest

from ratchet.evaluation import statistics
from ratchet.evaluation.pawl import judge
from ratchet.evaluation.statistics import clustered_mean, mean_interval, paired_difference, wilson

pytestmark = pytest.mark.soak

ROUNDS = 400
EPISODES = 200


def capped(generator, shape, mean=440.0, spread=90.0):
    """Returns as CartPole has them: bunched at the maximum, with a tail below."""
    return np.minimum(generator.normal(mean, spread, shape), 500.0)


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 1999)
    statistics._crossed_weights.cache_clear()
    yield
    statistics._crossed_weights.cache_clear()


def held(interval, truth):
    return interval.low <= truth <= interval.high


def share(outcomes):
    return float(np.mean(list(outcomes)))


def test_means_of_capped_returns():
    generator = np.random.default_rng(1)
    truth = capped(generator, 2_000_000).mean()
    draws = (capped(generator, EPISODES) for _ in range(ROUNDS))
    assert share(held(mean_interval(x), truth) for x in draws) > 0.92


def test_paired_differences():
    generator = np.random.default_rng(2)

    def pair():
        before = capped(generator, EPISODES)
        return before, np.minimum(before + generator.normal(5, 30, EPISODES), 500.0)

    long = [np.concatenate(each) for each in zip(*(pair() for _ in range(5000)), strict=True)]
    truth = float((long[1] - long[0]).mean())
    assert share(held(paired_difference(*pair()), truth) for _ in range(ROUNDS)) > 0.92


def test_rates():
    generator = np.random.default_rng(3)
    for rate in (0.02, 0.3, 0.9):
        hits = generator.binomial(EPISODES, rate, ROUNDS)
        assert share(held(wilson(int(k), EPISODES), rate) for k in hits) > 0.92


def test_means_over_runs_and_seeds():
    generator = np.random.default_rng(4)

    def matrix():
        return (
            generator.normal(0, 20, (5, 1))
            + generator.normal(0, 60, (1, EPISODES))
            + generator.normal(0, 30, (5, EPISODES))
        )

    assert share(held(clustered_mean(matrix()), 0.0) for _ in range(ROUNDS)) > 0.92


def test_the_pawl_accepts_what_is_no_better_no_more_often_than_it_says():
    generator = np.random.default_rng(5)

    def accepted():
        differences = {mode: generator.normal(0, 40, EPISODES) for mode in "012"}
        return judge(differences, "1", scale=500.0).accepted

    assert share(accepted() for _ in range(ROUNDS)) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / ROUNDS)

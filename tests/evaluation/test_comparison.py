"""Paired comparison: seed lists, rates, and the difference between "same" and "not shown"."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratchet.errors import InputError, SeedError
from ratchet.evaluation.comparison import Episodes, compare_episodes, newcombe_difference
from ratchet.evaluation.statistics import (
    Interval,
    mean_interval,
    paired_difference,
    probability_of_improvement,
    wilson,
)


def table(both, old_only, new_only, neither):
    old = np.repeat([1, 1, 0, 0], [both, old_only, new_only, neither])
    new = np.repeat([1, 0, 1, 0], [both, old_only, new_only, neither])
    return old, new


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        # Fagerland, Lydersen, Laake, "Statistical analysis of contingency tables", chapter 8:
        ((1, 1, 7, 12), -0.507, -0.026),  # Bentur et al. 2009
        ((59, 6, 16, 80), -0.1186, -0.0046),  # Cavo et al. 2012
        # Newcombe 1998, Statistics in Medicine 17:2635-2650, method 10.
        ((36, 12, 2, 0), 0.0569, 0.3404),
    ],
)
def test_newcombe_published(counts, low, high):
    old, new = table(*counts)
    ours = newcombe_difference(new, old)  # the sources state first less second
    assert ours.estimate == pytest.approx((counts[1] - counts[2]) / sum(counts))
    digits = len(str(low).split(".")[1])
    assert (round(ours.low, digits), round(ours.high, digits)) == (low, high)


def test_newcombe_of_equal_pairs_keeps_a_width():
    ours = newcombe_difference([1, 1, 0, 1], [1, 1, 0, 1])
    assert ours.estimate == 0.0
    assert ours.low < 0.0 < ours.high
    certain = newcombe_difference(np.zeros(10), np.ones(10))
    assert certain.estimate == certain.high == 1.0
    assert certain.low < 0.7


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 40)] * 4).filter(any))
def test_newcombe_contains_its_estimate_and_mirrors(counts):
    old, new = table(*counts)
    there, back = newcombe_difference(old, new), newcombe_difference(new, old)
    assert -1.0 <= there.low <= there.estimate <= there.high <= 1.0
    assert there.low == pytest.approx(-back.high, abs=1e-12)


def test_newcombe_refuses_other_values():
    with pytest.raises(InputError, match="0 or 1"):
        newcombe_difference([0, 1], [0.5, 1])


def episodes(seeds, **metrics):
    return Episodes(list(seeds), metrics)


def pair(n=200, gain=0.0, spread=10.0, seed=0):
    generator = np.random.default_rng(seed)
    base = generator.normal(300, 80, size=n)
    return (
        episodes(range(n), **{"return": base}),
        episodes(range(n), **{"return": base + gain + generator.normal(0, spread, size=n)}),
    )


def test_better_worse_and_not_shown():
    a, b = pair(gain=11.4)
    ours = compare_episodes(a, b)
    assert ours.sentence.startswith("B is better by 1")
    assert "95% interval" in ours.sentence
    assert "200 pairs" in ours.sentence
    metric = ours.metrics["return"]
    assert metric.kind == "mean"
    assert metric.difference == paired_difference(a.metrics["return"], b.metrics["return"])
    assert metric.before == mean_interval(a.metrics["return"])
    assert metric.probability_of_improvement == probability_of_improvement(
        a.metrics["return"], b.metrics["return"]
    )
    back = compare_episodes(b, a, names=("new", "old"))
    assert back.sentence.startswith("old is worse by 1")
    a, b = pair(gain=0.0, seed=3)
    unclear = compare_episodes(a, b, action_agreement=0.9)
    assert unclear.sentence.startswith("no difference is shown: return changes by")
    assert not unclear.same_policy


def test_json_is_what_the_command_promises():
    a, b = pair(20)
    ours = json.loads(json.dumps(compare_episodes(a, b).to_json(), allow_nan=False))
    assert ours["pairs"] == 20
    assert ours["same_policy"] is False
    assert set(ours["metrics"]["return"]["difference"]) == {"mean", "low", "high"}
    assert isinstance(ours["metrics"]["return"]["probability_of_improvement"], float)


def test_same_policy_by_weights_or_by_acting():
    a, _ = pair(50)
    for given_ in ({"same_weights": True}, {"action_agreement": 1.0}):
        ours = compare_episodes(a, a, **given_)
        assert ours.same_policy
        assert ours.sentence.startswith("same policy: A and B")
        assert "all 50 episodes are equal" in ours.sentence
        assert ours.metrics["return"].difference == Interval(0.0, 0.0, 0.0)


def test_equal_scores_alone_are_not_the_same_policy():
    a, _ = pair(50)
    unmeasured = compare_episodes(a, a)
    assert not unmeasured.same_policy
    assert unmeasured.sentence.startswith("no difference is shown: all 50 episodes are equal")
    assert "not compared" in unmeasured.sentence
    nearly = compare_episodes(a, a, action_agreement=0.999)
    assert not nearly.same_policy
    assert "99.90%" in nearly.sentence


def test_agreement_without_equal_episodes_is_not_the_same_policy():
    a, b = pair(50)
    assert not compare_episodes(a, b, action_agreement=1.0).same_policy
    sampled = compare_episodes(a, b, same_weights=True)
    assert sampled.same_policy
    assert "50 of 50 episodes differ" in sampled.sentence


def test_rates_have_wilson_and_newcombe():
    old, new = table(1, 1, 7, 12)
    values = np.arange(21.0)
    a = episodes(range(21), **{"return": values, "victory": old})
    b = episodes(range(21), **{"return": values + 1, "victory": new})
    ours = compare_episodes(a, b, metric="victory")
    rate = ours.metrics["victory"]
    assert rate.kind == "rate"
    assert (rate.before, rate.after) == (wilson(2, 21), wilson(8, 21))
    assert rate.difference == newcombe_difference(old, new)
    assert ours.metrics["return"].kind == "mean"
    assert ours.sentence.startswith("B is better by 0.2857 in victory")
    same = compare_episodes(a, a, metric="victory", same_weights=True)
    assert same.metrics["victory"].difference == Interval(0.0, 0.0, 0.0)


def test_one_pair_is_said_to_be_one_pair():
    a, b = episodes([7], **{"return": [1.5]}), episodes([7], **{"return": [4.0]})
    ours = compare_episodes(a, b)
    assert "one pair" in ours.sentence
    assert "nan" not in ours.sentence
    assert json.dumps(ours.to_json(), allow_nan=False)


def test_mappings_of_seeds():
    ours = compare_episodes(
        Episodes.of_seeds("return", {3: 1.0, 5: 2.5}), Episodes.of_seeds("return", {3: 2.0, 5: 4.0})
    )
    assert ours.metrics["return"].difference.estimate == pytest.approx(1.25)


def test_seed_lists_must_be_identical():
    a = episodes([1, 2, 3, 4], **{"return": np.arange(4.0)})
    with pytest.raises(SeedError, match="4 seeds are in one list only"):
        compare_episodes(a, episodes([3, 4, 5, 6], **{"return": np.arange(4.0)}))
    with pytest.raises(SeedError, match="another order"):
        compare_episodes(a, episodes([2, 1, 3, 4], **{"return": np.arange(4.0)}))
    short = episodes([1, 2, 3, 4], **{"return": np.arange(3.0)})
    with pytest.raises(SeedError, match="3 values for 4 seeds"):
        compare_episodes(short, short)


def test_other_bad_input():
    a, b = pair(5)
    with pytest.raises(InputError, match="fraction"):
        compare_episodes(a, b, action_agreement=1.5)
    with pytest.raises(InputError, match="'score'"):
        compare_episodes(a, b, metric="score")
    with pytest.raises(InputError, match="same metrics"):
        compare_episodes(a, episodes(range(5), **{"return": np.ones(5), "length": np.ones(5)}))

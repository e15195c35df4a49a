"""The pawl: what it lets through, what it holds, and how often it errs."""

import json

import numpy as np
import pytest

from ratchet.errors import InputError, SeedError, TaskError
from ratchet.evaluation.pawl import PawlSettings, default_scale, judge
from ratchet.evaluation.statistics import one_sided_lower


def modes(gains, n=100, spread=10.0, seed=0):
    generator = np.random.default_rng(seed)
    return {str(i): gain + generator.normal(0, spread, size=n) for i, gain in enumerate(gains)}


def test_accepts_a_gain_that_costs_nothing():
    differences = modes((0.0, 1.0, 20.0))
    ours = judge(differences, "2", scale=500.0)
    assert ours.accepted
    assert ours.margin == 10.0
    assert ours.reason.startswith("better on mode 2: +")
    assert ours.bounds["2"].lower == one_sided_lower(differences["2"])
    assert ours.bounds["2"].required == 0.0
    assert ours.bounds["0"].required == -10.0
    assert ours.bounds["0"].episodes == 100
    assert all(bound.passed for bound in ours.bounds.values())
    text = json.dumps(ours.to_json(), allow_nan=False)
    assert json.loads(text)["verdict"] == "accepted"


def test_holds_what_shows_no_improvement():
    ours = judge(modes((0.0, 0.0, 0.5)), "2", scale=500.0)
    assert not ours.accepted
    assert ours.reason.startswith("no improvement is shown on mode 2")


def test_holds_what_forgets_and_names_the_mode():
    ours = judge(modes((0.0, -30.0, 20.0)), "2", scale=500.0)
    assert not ours.accepted
    assert "a loss elsewhere is not ruled out: mode 1 -" in ours.reason
    assert "mode 0" not in ours.reason
    assert "-10 is allowed" in ours.reason
    assert not ours.bounds["1"].passed


def test_margin_can_be_stated():
    differences = modes((0.0, -30.0, 20.0))
    assert judge(differences, "2", PawlSettings(margin=50.0)).accepted
    assert not judge(differences, "2", PawlSettings(margin=0.0), scale=500.0).accepted


def test_unclear_loss_is_held_too():
    # A mean loss of nothing, so noisy that a loss above the margin cannot be ruled out.
    differences = modes((0.0, 20.0), spread=10.0)
    differences["0"] = np.random.default_rng(1).normal(0, 500, size=100)
    assert not judge(differences, "1", scale=500.0).accepted


def test_all_modes_as_target_pools_by_seed():
    differences = modes((5.0, -1.0, 20.0))
    ours = judge(differences, None, scale=500.0)
    assert ours.accepted
    assert ours.pooled.lower == one_sided_lower(np.mean(list(differences.values()), axis=0))
    assert ours.bounds["1"].required is None
    assert ours.reason.startswith("better on the mean over all modes")
    assert not judge(modes((0.0, 0.0)), None).accepted
    with pytest.raises(SeedError, match="same seeds in all"):
        judge({"0": np.zeros(20), "1": np.zeros(21)}, None)


def test_single_mode():
    assert judge({"0": np.linspace(1, 3, 20)}, "0").reason == (
        judge({"0": np.linspace(1, 3, 20)}, "0", scale=9.0).reason
    )


def test_same_policy_and_too_few_move_nothing():
    differences = modes((20.0, 20.0), n=9, spread=0.1)
    few = judge(differences, "0")
    assert not few.accepted
    assert few.reason.startswith("too few episodes: mode 0 has 9 pairs")
    same = judge(modes((20.0,)), "0", same_policy=True)
    assert not same.accepted
    assert same.reason.startswith("same policy")
    equal = judge({"0": np.zeros(100), "1": np.zeros(100)}, "0", scale=500.0)
    assert not equal.accepted
    one = judge({"0": [1.0]}, "0", PawlSettings(minimum_episodes=2))
    assert not one.accepted
    assert json.dumps(one.to_json(), allow_nan=False)


def test_scale():
    assert default_scale({"0": [1.0]}, maximum=500.0) == 500.0
    assert default_scale({"0": [1.0]}, maximum=-100.0) == 100.0
    assert default_scale({"0": [-1.0, 3.0], "1": [-4.0, 0.0]}) == 2.0
    assert default_scale({"0": [0.0, 0.0]}, maximum=0.0) == 1.0
    with pytest.raises(InputError, match="no mode"):
        default_scale({})


def test_bad_input():
    differences = modes((1.0, 1.0))
    with pytest.raises(TaskError, match="mode '7' was not evaluated"):
        judge(differences, "7")
    with pytest.raises(InputError, match="no mode"):
        judge({}, None)
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="scale"):
            judge(differences, "0", scale=scale)
    with pytest.raises(InputError, match="not finite"):
        judge({"0": [1.0, float("nan")]}, "0")
    for settings in (
        {"confidence": 95},
        {"margin": -1.0},
        {"margin_share": float("inf")},
        {"minimum_episodes": 1},
    ):
        with pytest.raises(InputError):
            PawlSettings(**settings)


def normal(generator, n):
    return generator.normal(0, 40, size=n)


def ceiling(generator, n):
    # CartPole at its limit: most pairs tie at 500, the rest lose or win with equal mean.
    moved = generator.random(n) < 0.3
    return np.where(moved, generator.choice([-120.0, -20.0, 20.0, 120.0], size=n), 0.0)


def sparse(generator, n):
    # About four pairs of forty differ: their own spread is hardly known.
    return np.where(generator.random(n) < 0.1, generator.normal(0, 100, size=n), 0.0)


def skewed(generator, n):
    return generator.exponential(30, size=n) - 30


@pytest.mark.parametrize(
    ("draw", "n"), [(normal, 10), (normal, 40), (ceiling, 40), (sparse, 40), (skewed, 60)]
)
def test_false_acceptance_stays_at_the_stated_level(draw, n):
    generator = np.random.default_rng(11)
    trials = 500
    accepted = sum(judge({"0": draw(generator, n)}, "0").accepted for _ in range(trials))
    # Stated 5%; three standard deviations of 500 trials are 2.9%.
    assert accepted / trials <= 0.05 + 0.029


def test_false_acceptance_when_one_of_many_modes_is_worse_by_the_margin():
    # Target truly better, one mode truly at the margin: the intersection-union test still holds.
    generator = np.random.default_rng(12)
    accepted = 0
    for _ in range(300):
        differences = {str(i): generator.normal(0, 10, size=40) for i in range(3)}
        differences["0"] = differences["0"] + 30.0
        differences["1"] = differences["1"] - 10.0
        accepted += judge(differences, "0", PawlSettings(margin=10.0)).accepted
    assert accepted / 300 <= 0.05 + 0.038


def test_a_real_gain_is_let_through():
    generator = np.random.default_rng(13)
    verdicts = [
        judge({str(i): generator.normal(10, 30, size=200) for i in range(3)}, "0", scale=500.0)
        for _ in range(40)
    ]
    assert sum(verdict.accepted for verdict in verdicts) >= 38

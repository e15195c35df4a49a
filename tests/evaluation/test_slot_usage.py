"""The use of slots against numbers computed by hand, and its intervals against known truths."""

import json
import math

import numpy as np
import pytest

from ratchet.errors import InputError
from ratchet.evaluation.slot_usage import slot_usage, tells_the_mode
from ratchet.evaluation.statistics import Interval

MODES = ("weak", "middle", "strong")


def constant(weights, episodes=4, steps=10):
    return [np.tile(weights, (steps + i, 1)) for i in range(episodes)]


def drawn(means, episodes=20, concentration=8.0, seed=0):
    """Return episodes of a constant weight each, drawn around the mean of their mode."""
    generator = np.random.default_rng(seed)
    return {
        mode: [
            np.tile(generator.dirichlet(concentration * np.asarray(mean)), (generator.integers(20, 200), 1))
            for _ in range(episodes)
        ]
        for mode, mean in zip(MODES, means, strict=True)
    }  # fmt: skip


def test_a_slot_of_its_own_for_every_mode_tells_the_mode():
    used = slot_usage({mode: constant(row) for mode, row in zip(MODES, np.eye(3), strict=True)})
    assert used.mutual_information.estimate == pytest.approx(math.log(3))
    assert used.mutual_information.low == pytest.approx(math.log(3))
    assert used.mutual_information.high == pytest.approx(math.log(3))
    assert used.tells_the_mode
    assert not used.collapsed
    assert used.mean_weights == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert [usage.entropy for usage in used.modes.values()] == [0.0, 0.0, 0.0]


def test_the_same_weights_in_every_mode_tell_nothing():
    used = slot_usage({mode: constant([0.25, 0.25, 0.5]) for mode in MODES})
    information = used.mutual_information
    assert (information.estimate, information.low, information.high) == pytest.approx((0, 0, 0))
    assert used.null_mean == pytest.approx(0.0)
    assert not used.tells_the_mode
    assert used.modes["weak"].entropy == pytest.approx(1.5 * math.log(2))
    assert used.modes["weak"].std_weights == pytest.approx((0, 0, 0))


def test_mutual_information_by_hand():
    # p(s|m) = (3/4, 1/4) and (1/4, 3/4): log 2 less the entropy of (3/4, 1/4).
    used = slot_usage({"a": constant([0.75, 0.25]), "b": constant([0.25, 0.75])})
    by_hand = math.log(2) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
    assert used.mutual_information.estimate == pytest.approx(by_hand)


def test_a_modes_mean_is_over_its_steps_and_modes_count_alike():
    used = slot_usage(
        {"a": [np.tile([1.0, 0.0], (30, 1)), np.tile([0.0, 1.0], (10, 1))], "b": [[[0.0, 1.0]]] * 2}
    )
    usage = used.modes["a"]
    assert usage.mean_weights == pytest.approx((0.75, 0.25))
    assert usage.std_weights == pytest.approx((math.sqrt(3) / 4, math.sqrt(3) / 4))
    assert (usage.steps, usage.episodes) == (40, 2)
    assert used.mean_weights == pytest.approx((0.375, 0.625))


def test_collapse_is_one_slot_above_four_fifths_over_all_modes():
    assert slot_usage({mode: constant([0.85, 0.1, 0.05]) for mode in MODES}).collapsed
    # Above in two modes of three, 0.76 over all of them.
    mixed = ([0.9, 0.1], [0.9, 0.1], [0.48, 0.52])
    used = slot_usage({mode: constant(row) for mode, row in zip(MODES, mixed, strict=True)})
    assert used.largest_mean_weight == pytest.approx(0.76)
    assert not used.collapsed


def test_chance_differences_between_episodes_are_not_called_information():
    found = [slot_usage(drawn([[0.4, 0.3, 0.3]] * 3, seed=seed)) for seed in range(20)]
    assert all(used.mutual_information.low == 0.0 for used in found)
    assert all(used.mutual_information.estimate > 0.0 for used in found)
    assert sum(used.tells_the_mode for used in found) <= 4  # one in twenty is expected
    estimates = [used.mutual_information.estimate for used in found]
    assert np.mean([used.null_mean for used in found]) == pytest.approx(np.mean(estimates), rel=0.4)


def test_a_dependence_that_is_of_no_use_tells_nothing():
    # Constant weights are the same in every episode: any difference is beyond chance.
    def used(step):
        rows = ([0.5 + step, 0.5 - step], [0.5 - step, 0.5 + step])
        return slot_usage({m: constant(row) for m, row in zip("ab", rows, strict=True)})

    for found in (used(0.05), used(0.25)):
        assert found.mutual_information.estimate > found.null_high
    # I = log 2 - H(1/2 + x) is 0.005 nats at x = 0.05 and 0.131 at 0.25; a twentieth of log 2 is 0.035.
    assert not used(0.05).tells_the_mode
    assert used(0.25).tells_the_mode


@pytest.mark.parametrize(
    ("information", "chance", "expected"),
    [
        (Interval(0.3, 0.06, 0.5), 0.02, True),
        (Interval(0.3, 0.05, 0.5), 0.02, False),  # 0.05 log 3 = 0.0549
        (Interval(0.3, 0.06, 0.5), 0.4, False),
        (Interval(0.3, 0.06, 0.5), None, True),
        (Interval(0.3, math.nan, math.nan), 0.02, False),
    ],
)
def test_telling_the_mode_needs_more_than_chance_and_an_effect(information, chance, expected):
    assert tells_the_mode(information, chance, modes=3, slots=4) is expected


def test_the_interval_holds_the_truth():
    truth = np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6]])
    known = float(slot_usage(
        {mode: constant(row) for mode, row in zip(MODES, truth, strict=True)}
    ).mutual_information.estimate)  # fmt: skip
    inside = 0
    for seed in range(40):
        found = slot_usage(drawn(truth, seed=seed)).mutual_information
        assert found.low <= found.estimate <= found.high
        inside += found.low <= known <= found.high
    assert inside >= 34


def test_the_same_weights_give_the_same_figures_and_json():
    weights = drawn([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]])
    used = slot_usage(weights)
    assert used == slot_usage(weights)
    content = json.loads(json.dumps(used.to_json(), allow_nan=False))
    assert content["slots"] == 3
    assert content["mutual_information_low"] == used.mutual_information.low
    assert content["mutual_information_null_high"] == used.null_high
    assert content["tells_the_mode"] is True
    assert set(used.modes["weak"].to_json()) == {
        "mean_weights", "std_weights", "entropy", "steps", "episodes",
    }  # fmt: skip


def test_one_episode_has_no_interval():
    used = slot_usage({"a": constant([1.0, 0.0], 1), "b": constant([0.0, 1.0], 3)})
    assert used.mutual_information.estimate == pytest.approx(math.log(2))
    assert math.isnan(used.mutual_information.low)
    assert used.to_json()["mutual_information_low"] is None


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({}, "no mode"),
        ({"a": []}, "no episode"),
        ({"a": [[[0.5, 0.5]], [[1.0]]]}, "slots"),
        ({"a": [[[0.5, 0.5]]], "b": [[[1.0]]]}, "slots"),
        ({"a": [[0.5, 0.5]]}, "axes"),
        ({"a": [[[1.5, -0.5]]]}, "below zero"),
        ({"a": [[[0.5, 0.4]]]}, "sum to one"),
        ({"a": [[[np.nan, 1.0]]]}, "not finite"),
    ],
)
def test_what_is_no_weights_is_refused(weights, said):
    with pytest.raises(InputError, match=said):
        slot_usage(weights)

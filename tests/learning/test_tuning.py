"""Auto-tuning: each rule by hand, and for any history of updates bounded, one step at a time, with reasons."""

import json
import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.errors import RecipeError
from ratchet.learning.tuning import BOUNDS, Signs, Tuning

START = Tuning(learning_rate=3e-5, entropy_coefficient=0.001, anchor_coefficient=0.10)


def signs(kl, clipped=0.1, *, stopped=False, entropy=0.3):
    return Signs(
        approx_kl=kl, clip_fraction=clipped, stopped_early=stopped, normalised_entropy=entropy
    )


any_signs = st.builds(
    Signs,
    approx_kl=st.one_of(st.floats(-0.001, 0.1), st.sampled_from([0.003, 0.005, 0.02, 0.03, math.nan, math.inf])),
    clip_fraction=st.one_of(st.floats(0, 1), st.sampled_from([0.03, 0.25, math.nan])),
    stopped_early=st.booleans(),
    normalised_entropy=st.one_of(st.floats(0, 1), st.just(math.nan)),
)  # fmt: skip


def within(name):
    return st.floats(*BOUNDS[name])


tunings = st.builds(
    Tuning,
    learning_rate=within("learning_rate"),
    entropy_coefficient=st.one_of(within("entropy_coefficient"), st.just(0.0)),
    anchor_coefficient=st.one_of(within("anchor_coefficient"), st.just(0.0)),
)


@pytest.mark.parametrize(
    ("update", "finding", "rate", "entropy", "anchor"),
    [
        (signs(0.001, 0.01), "under-moving", 3.75e-5, 0.001, 0.085),
        (signs(0.001, 0.03), "between", 3e-5, 0.001, 0.095),
        (signs(0.003, 0.01), "between", 3e-5, 0.001, 0.095),
        (signs(0.004), "between", 3e-5, 0.001, 0.095),
        (signs(0.005), "healthy", 3e-5, 0.001, 0.095),
        (signs(0.01, entropy=0.19), "healthy", 3e-5, 0.0011, 0.095),
        (signs(0.01, entropy=0.20), "healthy", 3e-5, 0.001, 0.095),
        (signs(0.01, entropy=0.50), "healthy", 3e-5, 0.001, 0.095),
        (signs(0.01, entropy=0.51), "healthy", 3e-5, 0.0008, 0.095),
        (signs(0.01, entropy=math.nan), "healthy", 3e-5, 0.001, 0.095),
        (signs(0.02), "healthy", 3e-5, 0.001, 0.095),
        (signs(0.021, entropy=0.1), "between", 3e-5, 0.001, 0.095),
        (signs(0.03, 0.25), "between", 3e-5, 0.001, 0.095),
        (signs(0.0301), "over-moving", 1.5e-5, 0.0008, 0.11),
        (signs(0.01, 0.251), "over-moving", 1.5e-5, 0.0008, 0.11),
        (signs(0.001, 0.0, stopped=True), "over-moving", 1.5e-5, 0.0008, 0.11),
        (signs(math.nan), "over-moving", 1.5e-5, 0.0008, 0.11),
    ],
)
def test_the_rules(update, finding, rate, entropy, anchor):
    step = START.after(update)
    assert step.finding == finding
    assert step.tuning.learning_rate == pytest.approx(rate)
    assert step.tuning.entropy_coefficient == pytest.approx(entropy)
    assert step.tuning.anchor_coefficient == pytest.approx(anchor)


def test_an_anchor_rises_by_the_larger_of_a_tenth_and_a_hundredth():
    def raised(anchor):
        start = Tuning(learning_rate=1e-5, entropy_coefficient=0.0, anchor_coefficient=anchor)
        return start.after(signs(0.05)).tuning.anchor_coefficient

    assert raised(0.001) == pytest.approx(0.011)
    assert raised(0.15) == pytest.approx(0.165)
    assert raised(0.19) == 0.20


def test_a_change_says_what_and_why():
    changes = START.after(signs(0.0364)).changes
    assert [str(change) for change in changes] == [
        "learning_rate 3e-05 → 1.5e-05: over-moving: KL 0.0364 > 0.03",
        "entropy_coefficient 0.001 → 0.0008: over-moving: KL 0.0364 > 0.03",
        "anchor_coefficient 0.1 → 0.11: over-moving: KL 0.0364 > 0.03",
    ]
    least = Tuning(learning_rate=1e-6, entropy_coefficient=1e-5, anchor_coefficient=0.20)
    step = least.after(signs(0.0364))
    assert step.changes == ()
    assert step.reason == "over-moving: KL 0.0364 > 0.03"
    near = Tuning(learning_rate=1.5e-6, entropy_coefficient=0.0, anchor_coefficient=0.0)
    (change,) = near.after(signs(0.0364)).changes
    assert change.reason == "over-moving: KL 0.0364 > 0.03, kept at its bound 1e-06"


@given(tunings, st.lists(any_signs, max_size=60))
def test_whatever_happens_steps_are_bounded_and_explained(tuning, history):
    for update in history:
        step = tuning.after(update)
        before, after = asdict(tuning), asdict(step.tuning)
        for name, (low, high) in BOUNDS.items():
            off = before[name] == 0.0
            assert after[name] == 0.0 if off else low <= after[name] <= high
            # One factor a step; the anchor alone may rise by an amount.
            rise = max(1.25 * before[name], before[name] + 0.01 * (name == "anchor_coefficient"))
            assert min(0.5 * before[name], high) <= after[name] or off
            assert after[name] <= rise * (1 + 1e-12)
        changed = {name for name in before if before[name] != after[name]}
        assert sorted(change.name for change in step.changes) == sorted(changed)
        for change in step.changes:
            assert (change.old, change.new) == (before[change.name], after[change.name])
            assert change.reason.startswith(step.finding)
        assert step.reason.startswith(step.finding)
        assert tuning.after(update) == step
        tuning = step.tuning


@given(tunings)
def test_a_checkpoint_has_it_exactly(tuning):
    assert Tuning.from_json(json.loads(json.dumps(tuning.to_json()))) == tuning


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 3e-4}, "learning_rate is 0.0003; .* must lie in 1e-06 … 0.0001$"),
        ({"learning_rate": 0.0}, "learning_rate is 0;"),
        ({"learning_rate": math.nan}, "learning_rate is nan;"),
        ({"anchor_coefficient": 0.3}, "anchor_coefficient is 0.3; .* in 0.001 … 0.2, or 0"),
        ({"entropy_coefficient": -1e-3}, "entropy_coefficient is -0.001;"),
        ({"learning_rate": "fast"}, "cannot be read"),
        ({"rate": 1.0}, "should have"),
    ],
)
def test_other_numbers_are_refused(change, message):
    with pytest.raises(RecipeError, match=message):
        Tuning.from_json({**START.to_json(), **change})

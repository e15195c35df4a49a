"""Interventions on a gate: the weights are exactly what was asked for, and nothing else of the policy moves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.errors import PolicyError
from ratchet.policies.recurrent.actor import RecurrentActor
from ratchet.policies.recurrent.interventions import (
    Intervention,
    bank_of,
    biased,
    every_intervention,
    intervene,
    parse_intervention,
)
from strategies import discrete_spec, random_policy, recurrent_spec, seeds

ROWS = 40


def bank(slots=3, seed=0, **options):
    return random_policy(recurrent_spec(slots=slots, **options), seed)


def situations(policy, seed=0):
    """Observations, and the states before them."""
    spec, rng = policy.spec, np.random.default_rng(seed)
    seen = rng.normal(0, 2, (ROWS, spec.observation.size)).astype(np.float32)
    state = rng.uniform(-1, 1, (ROWS, spec.memory)).astype(np.float32)
    return seen, state


def weights(policy, seed=0):
    return RecurrentActor(policy).weights(*situations(policy, seed))


def actions(policy):
    seen, state = situations(policy)
    numbers = np.arange(ROWS)
    choice = RecurrentActor(policy).act(
        seen, None, numbers.astype(np.uint64), numbers, deterministic=False, state=state
    )
    return choice.actions, choice.log_probs


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("temperature", [0.05, 1.0, 5.0])
@pytest.mark.parametrize("slot", range(3))
def test_a_clamped_gate_has_one_slot_and_no_other(slot, temperature, hard):
    policy = bank(temperature=temperature, hard=hard)
    clamped = intervene(policy, Intervention("clamp", slot))
    assert (weights(clamped) == np.eye(3, dtype=np.float32)[slot]).all()


@pytest.mark.parametrize("slot", range(3))
def test_clamped_it_acts_as_a_bank_whose_slots_are_all_that_one(slot):
    policy = bank()
    alike = dict(policy.tensors)
    alike["slots"] = np.repeat(alike["slots"][slot : slot + 1], 3, axis=0)
    clamped = intervene(policy, Intervention("clamp", slot))
    mine, theirs = actions(clamped), actions(replace(policy, tensors=alike))
    np.testing.assert_array_equal(mine[0], theirs[0])
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-4, atol=1e-5)


@given(seeds, st.integers(2, 5), st.data(), st.sampled_from([0.3, 1.0, 4.0]))
def test_a_disabled_slot_has_no_weight_and_the_others_share_it(seed, slots, data, temperature):
    policy = bank(slots, seed, temperature=temperature)
    slot = data.draw(st.integers(0, slots - 1))
    natural = weights(policy, seed).astype(np.float64)
    found = weights(intervene(policy, Intervention("disable", slot)), seed)
    assert (found[:, slot] == 0.0).all()
    others = np.delete(natural, slot, axis=1)
    # Where the others have next to nothing, their shares of it are rounded away.
    told = others.sum(axis=1) > 1e-3
    wanted = others / np.maximum(others.sum(axis=1, keepdims=True), 1e-30)
    np.testing.assert_allclose(
        np.delete(found, slot, axis=1)[told], wanted[told], rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)


def test_of_a_hard_gate_the_best_of_the_others_is_taken():
    soft = bank(temperature=1.0)
    natural = weights(soft)
    found = weights(
        intervene(replace(soft, spec=replace(soft.spec, hard=True)), parse("disable:1"))
    )
    natural[:, 1] = -1.0
    np.testing.assert_array_equal(found, np.eye(3)[natural.argmax(axis=1)])


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("slots", [1, 2, 3, 7])
def test_uniform_weights(slots, hard):
    policy = intervene(bank(slots, hard=hard), Intervention("uniform"))
    np.testing.assert_allclose(weights(policy), 1.0 / slots, rtol=1e-6)
    assert not policy.spec.hard


@pytest.mark.parametrize("hard", [False, True])
def test_random_weights_are_constant_and_the_same_again(hard):
    policy = bank(hard=hard, temperature=0.5)
    found = weights(intervene(policy, Intervention("random")))
    assert (found == found[0]).all()
    assert found[0].sum() == pytest.approx(1.0)
    assert len(set(found[0])) == 3
    assert (found > 0.0).all()
    again = weights(intervene(bank(hard=hard, temperature=2.0, seed=9), Intervention("random")))
    np.testing.assert_allclose(again, found, rtol=1e-4)
    other = weights(intervene(policy, Intervention("random", seed=1)))
    assert not np.allclose(other, found, atol=0.01)


def test_random_weights_are_uniform_on_the_simplex():
    """Of three, each is beta(1, 2): mean 1/3, and below 1/2 three times in four."""
    policy = bank()
    drawn = np.array(
        [
            RecurrentActor(intervene(policy, Intervention("random", seed=seed))).weights(
                *(part[:1] for part in situations(policy))
            )[0]
            for seed in range(400)
        ]
    )
    np.testing.assert_allclose(drawn.mean(axis=0), 1.0 / 3.0, atol=0.05)
    np.testing.assert_allclose((drawn < 0.5).mean(axis=0), 0.75, atol=0.08)


def test_only_the_gate_moves_and_every_policy_is_another_one():
    policy = bank()
    before = {name: tensor.copy() for name, tensor in policy.tensors.items()}
    made = [intervene(policy, what) for what in every_intervention(3)]
    assert len({policy.id, *(one.id for one in made)}) == 9
    for one, what in zip(made, every_intervention(3), strict=True):
        assert one.lineage == (policy.id,)
        assert one.record["intervention"] == str(what)
        same = {name for name in before if np.array_equal(one.tensors[name], before[name])}
        assert set(before) - same <= {"gate.2.weight", "gate.2.bias"}
        assert intervene(policy, what).id == one.id
    for name, tensor in policy.tensors.items():
        np.testing.assert_array_equal(tensor, before[name])


def test_a_bias_is_added_and_a_constant_one_does_nothing():
    policy = bank()
    moved = biased(policy, np.array([0.0, 3.0, 0.0], dtype=np.float32))
    natural = weights(policy).astype(np.float64) * np.exp([0.0, 3.0, 0.0])
    np.testing.assert_allclose(
        weights(moved), natural / natural.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6
    )
    even = biased(policy, np.full(3, 2.0, dtype=np.float32))
    np.testing.assert_allclose(weights(even), weights(policy), rtol=1e-4, atol=1e-6)


def parse(text):
    return parse_intervention(text)


def test_what_each_is_called():
    assert [str(what) for what in every_intervention(2)] == [
        "clamp:0", "clamp:1", "disable:0", "disable:1", "uniform", "random",
    ]  # fmt: skip
    # Without its only slot nothing would be left.
    assert [str(what) for what in every_intervention(1)] == ["clamp:0", "uniform", "random"]
    for what in every_intervention(3):
        assert parse(str(what)) == what


@pytest.mark.parametrize(
    "text", ["", "clamp", "clamp:", "clamp:x", "clamp:-1", "uniform:0", "random:2", "0", "Clamp:0"]
)
def test_what_is_no_intervention(text):
    with pytest.raises(PolicyError, match=r"clamp:SLOT, disable:SLOT, uniform or random"):
        parse(text)


def test_slots_that_there_are_not():
    for text in ("clamp:3", "disable:3"):
        with pytest.raises(PolicyError, match=r"slot 3 is none of the policy's 0 … 2"):
            intervene(bank(), parse(text))
    for policy, kind in (
        (random_policy(discrete_spec()), "mlp"),
        (random_policy(recurrent_spec()), "recurrent"),
    ):
        with pytest.raises(PolicyError, match=f"kind '{kind}' has no slots"):
            intervene(policy, parse("uniform"))
        with pytest.raises(PolicyError, match="has no slots"):
            bank_of(policy)

"""The recurrent network against PyTorch: one function and one gradient, within each stretch and no further."""

from dataclasses import replace

import numpy as np
import pytest

from ratchet.errors import PolicyError
from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.policies.recurrent.sequences import cut_rows
from ratchet.policies.recurrent.torch_network import TorchRecurrentNetwork
from strategies import box_spec, discrete_spec, random_policy, random_sequences, recurrent_spec

CASES = {
    "plain": ({}, {}),
    "slots": ({"slots": 3}, {}),
    "hard": ({"slots": 3, "hard": True}, {}),
    "warm": ({"slots": 3, "temperature": 2.5}, {}),
    "added": ({"slots": 3}, {"added": True}),
    "kept": ({"slots": 3}, {"kept": True}),
    "all": ({"slots": 3, "hard": True, "temperature": 0.7}, {"added": True, "kept": True}),
    "one slot": ({"slots": 1}, {}),
}
SPACES = {"categorical": discrete_spec(3, 2), "gaussian": box_spec(4, 2)}


def made(case, space="categorical", seed=0, **shape):
    options, noise = CASES[case]
    spec = recurrent_spec(SPACES[space], **options)
    return random_policy(spec, seed), random_sequences(spec, seed=seed, **shape, **noise)


class Slopes:
    """The same random slopes for every network that asks."""

    def __init__(self, spec, x, seed=0):
        rng, n = np.random.default_rng(seed), int(x.valid.sum())
        self.of_outputs = rng.normal(0, 1, (n, spec.action.size)).astype(np.float32)
        self.of_values = rng.normal(0, 1, n).astype(np.float32)
        self.of_gate = rng.normal(0, 1, (n, spec.slots)).astype(np.float32)
        self.of_slots = rng.normal(0, 1, (spec.slots, spec.width)).astype(np.float32)

    def policy_head(self, outputs, features):
        assert len(outputs) == len(features) == len(self.of_outputs)
        return self.of_outputs.copy()

    def value_head(self, values):
        assert values.shape == self.of_values.shape
        return self.of_values.copy()

    def routing_head(self, weights, slots):
        assert weights.shape == self.of_gate.shape
        assert slots.shape == self.of_slots.shape
        return self.of_gate.copy(), self.of_slots.copy()


def gradient_of(network, x, *heads):
    network.gradient[:] = np.nan
    network.differentiate(x, *heads)
    learned = network.layout.mask([name for name in network.layout.order if name != "log_std"])
    assert np.isnan(network.gradient[~learned]).all()
    return np.where(learned, network.gradient, 0.0)


def assert_near(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("case", CASES)
def test_forward_is_pytorchs(case, space):
    policy, x = made(case, space)
    ours, theirs = RecurrentNetwork(policy), TorchRecurrentNetwork(policy, "cpu")
    for found, wanted in zip(ours.evaluate(x), theirs.evaluate(x), strict=True):
        assert_near(found, wanted)
    for found, wanted in zip(ours.outputs(x), theirs.outputs(x), strict=True):
        assert_near(found, wanted)
    assert_near(ours.values(x), theirs.values(x))
    states, inputs = x.starts, np.ascontiguousarray(x.inputs[0])
    assert_near(ours.value_after(states, inputs), theirs.value_after(states, inputs))
    if policy.spec.slots:
        gate = ours.gate(x)
        assert_near(gate, theirs.gate(x))
        np.testing.assert_allclose(gate.sum(axis=1), 1.0, rtol=1e-6)
        if policy.spec.hard:
            assert set(np.unique(gate)) <= {0.0, 1.0}
        if x.kept is not None:
            assert not gate[~x.kept[x.valid]].any()


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_pytorchs(case, space):
    policy, x = made(case, space, seed=1)
    spec = policy.spec
    slopes = Slopes(spec, x)
    ours, theirs = RecurrentNetwork(policy), TorchRecurrentNetwork(policy, "cpu")
    routing = slopes.routing_head if spec.slots else None
    ways = [
        (slopes.policy_head, slopes.value_head, routing),
        (slopes.policy_head, np.zeros_like, None),
        (None, slopes.value_head, None),
        (slopes.policy_head, None, routing),
        (lambda *_: None, slopes.value_head, routing),
    ]
    for heads in ways:
        found, wanted = (gradient_of(network, x, *heads) for network in (ours, theirs))
        for name, where in ours.layout.slices.items():
            np.testing.assert_allclose(
                found[where],
                wanted[where],
                rtol=1e-3,
                atol=1e-4 * np.abs(wanted).max(),
                err_msg=name,
            )


@pytest.mark.parametrize("case", ["slots", "hard"])
def test_the_temperature_can_be_set(case):
    policy, x = made(case)
    networks = RecurrentNetwork(policy), TorchRecurrentNetwork(policy, "cpu")
    slopes = Slopes(policy.spec, x)
    before = networks[0].gate(x)
    for network in networks:
        network.temperature = 5.0
    assert_near(networks[0].gate(x), networks[1].gate(x))
    if case == "slots":
        assert networks[0].gate(x).max(axis=1).mean() < before.max(axis=1).mean()
    heads = (slopes.policy_head, slopes.value_head, slopes.routing_head)
    assert_near(*(gradient_of(network, x, *heads) for network in networks))


@pytest.mark.parametrize("case", ["plain", "all"])
def test_what_was_before_an_episode_does_not_matter_to_it(case):
    """Neither to its outputs nor to its gradient: it is the gradient of the episode alone."""
    policy, x = made(case, seed=2)
    spec = policy.spec
    begins = np.zeros_like(x.begins)
    begins[3] = True
    x = replace(x, begins=begins, valid=np.ones_like(x.valid))

    def late(array):
        return None if array is None else np.ascontiguousarray(array[3:])

    alone = replace(
        x,
        inputs=late(x.inputs),
        starts=np.full_like(x.starts, 9.0),
        begins=late(begins),
        valid=late(x.valid),
        added=late(x.added),
        kept=late(x.kept),
    )
    slopes = Slopes(spec, alone)
    nothing = 3 * len(x)

    def padded(slope):
        return np.concatenate([np.zeros((nothing, *slope.shape[1:]), dtype=np.float32), slope])

    network = RecurrentNetwork(policy)
    whole = gradient_of(
        network,
        x,
        lambda *_: padded(slopes.of_outputs),
        lambda _: padded(slopes.of_values),
    )
    part = gradient_of(network, alone, slopes.policy_head, slopes.value_head)
    assert_near(whole, part)
    np.testing.assert_allclose(
        network.outputs(x)[0][nothing:], network.outputs(alone)[0], rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("case", ["plain", "all"])
def test_no_gradient_passes_the_start_of_a_stretch(case):
    policy, x = made(case, seed=3, steps=8)
    x = replace(x, begins=np.zeros_like(x.begins))
    network = RecurrentNetwork(policy)
    pieces = x.cut(3, network.evaluate(x)[1])
    slopes = Slopes(policy.spec, x)
    spaced = np.zeros((*x.valid.shape, slopes.of_outputs.shape[1]), dtype=np.float32)
    spaced[x.valid] = slopes.of_outputs
    cut_slopes = cut_rows(spaced, 3)

    def gradient(sequences, d_outputs):
        return gradient_of(network, sequences, lambda *_: d_outputs.copy(), np.zeros_like)

    together = gradient(pieces, cut_slopes[pieces.valid])
    apart = np.zeros_like(together)
    for which in range(len(pieces)):
        one = pieces.take([which])
        if one.valid.any():
            apart += gradient(one, cut_slopes[:, [which]][one.valid])
    assert_near(together, apart)
    whole = gradient(x, slopes.of_outputs)
    trunk = network.layout.slices["gru.weight_hh"]
    assert np.abs(whole[trunk] - together[trunk]).max() > 0.05 * np.abs(whole[trunk]).max()
    heads = network.layout.slices["action_net.weight"]
    assert_near(whole[heads], together[heads])


@pytest.mark.parametrize("kind", [RecurrentNetwork, lambda p: TorchRecurrentNetwork(p, "cpu")])
def test_where_the_trunk_does_not_learn_the_rest_learns_the_same(kind):
    policy, x = made("added", seed=4)
    slopes = Slopes(policy.spec, x)
    heads = (slopes.policy_head, slopes.value_head, slopes.routing_head)
    full, short = kind(policy), kind(policy)
    layout = full.layout
    trunk = layout.mask([name for name in layout.order if name.startswith(("encoder.", "gru."))])
    short.learns_in(layout.mask(["slots", "gate.0.weight"]))
    for network in (full, short):
        network.differentiate(x, *heads)
    np.testing.assert_array_equal(short.gradient[~trunk], full.gradient[~trunk])
    assert full.gradient[trunk].any()
    assert not short.gradient[trunk].any()
    short.learns_in(layout.mask(["gru.bias_hh"]))
    short.differentiate(x, *heads)
    np.testing.assert_array_equal(short.gradient, full.gradient)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 9])
def test_any_number_of_stretches(n):
    """The kernels go by blocks; what is left over is computed as the rest."""
    policy, x = made("slots", seed=n, n=n, steps=4)
    slopes = Slopes(policy.spec, x)
    heads = (slopes.policy_head, slopes.value_head, slopes.routing_head)
    networks = RecurrentNetwork(policy), TorchRecurrentNetwork(policy, "cpu")
    assert_near(*(network.evaluate(x)[1] for network in networks))
    assert_near(*(gradient_of(network, x, *heads) for network in networks))


def test_the_value_is_in_units_of_the_return():
    policy, x = made("plain")
    large = replace(policy, spec=replace(policy.spec, return_scale=30.0))
    small = RecurrentNetwork(policy)
    np.testing.assert_allclose(RecurrentNetwork(large).values(x), 10 * small.values(x), rtol=1e-5)
    np.testing.assert_array_equal(RecurrentNetwork(large).outputs(x)[0], small.outputs(x)[0])


def test_an_unknown_device_is_refused():
    with pytest.raises(PolicyError, match="device 'abacus' cannot be used"):
        TorchRecurrentNetwork(made("plain")[0], "abacus")

"""Low-rank adapters: W + BA and nothing else, from the start policy on, with the right gradient."""

import numpy as np
import pytest
import torch

from ratchet.errors import PolicyError
from ratchet.learning.adam import Adam
from ratchet.learning.anchors import Anchor
from ratchet.learning.config import PPOConfig
from ratchet.learning.ppo import Batch, PolicyLossHead, ppo_update
from ratchet.policies.initial import new_policy
from ratchet.policies.low_rank import (
    LowRankNetwork,
    adapter_layers,
    adapter_parameters,
    rank_for,
)
from ratchet.policies.mlp import TorchNetwork
from ratchet.policies.network import CompiledNetwork
from ratchet.policies.policy import Policy
from ratchet.policies.spec import (
    ActionSpec,
    ObservationSpec,
    RecurrentSpec,
    StateDependentExploration,
)
from strategies import box_spec, discrete_spec, random_policy

CARTPOLE = discrete_spec(4, 2)
ACTOR = (
    "mlp_extractor.policy_net.0.weight",
    "mlp_extractor.policy_net.2.weight",
    "action_net.weight",
)
CRITIC = (
    "mlp_extractor.value_net.0.weight",
    "mlp_extractor.value_net.2.weight",
    "value_net.weight",
)
SHARED = box_spec(3, 2, shared=(5,), actor=(4,), critic=(6,), activation="tanh")


def recurrent(slots):
    return RecurrentSpec(
        observation=ObservationSpec(kind="box", shape=(4,)),
        action=ActionSpec(kind="discrete", n=2),
        width=8,
        slots=slots,
    )


def looks(spec, n, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (n, spec.observation.size)).astype(np.float32)


def adapted(policy, *, names=None, rank=2, moved=True, inner=CompiledNetwork):
    """A network with adapters; if `moved`, with a B that is not zero any more."""
    names = adapter_layers(policy.spec) if names is None else names
    network = LowRankNetwork(inner(policy), names, rank, seed=3)
    if moved:
        rng = np.random.default_rng(8)
        network.parameters[:] = rng.normal(0, 0.5, network.parameter_count)
    return network


def merged_by_hand(policy, network):
    """The policy's tensors with W + BA, entry by entry."""
    factors = network.layout.unpack(network.parameters)
    tensors = {name: tensor.astype(np.float64) for name, tensor in policy.tensors.items()}
    for name, tensor in tensors.items():
        if f"{name}.A" in factors:
            A, B = factors[f"{name}.A"], factors[f"{name}.B"]
            for row, column in np.ndindex(tensor.shape):
                for k in range(len(A)):
                    tensor[row, column] += float(B[row, k]) * float(A[k, column])
    return tensors


# Layers


def test_by_default_all_matrices_but_the_critics_are_adapted():
    assert adapter_layers(CARTPOLE) == ACTOR
    assert adapter_layers(SHARED) == (
        "mlp_extractor.shared_net.0.weight",
        "mlp_extractor.policy_net.0.weight",
        "action_net.weight",
    )


def test_the_gru_and_the_gate_have_matrices_and_the_slots_are_none():
    without = (
        "encoder.0.weight",
        "gru.weight_ih",
        "gru.weight_hh",
        "mlp_extractor.policy_net.0.weight",
        "action_net.weight",
    )
    gate = ("gate.0.weight", "gate.2.weight", "film.0.weight", "film.2.weight")
    assert adapter_layers(recurrent(0)) == without
    assert adapter_layers(recurrent(3)) == (*without[:3], *gate, *without[3:])
    assert adapter_layers(recurrent(3), ("gru.*",)) == ("gru.weight_ih", "gru.weight_hh")
    assert "slots" not in adapter_layers(recurrent(3), ("*",))


def test_patterns_choose_and_may_choose_the_critic():
    assert adapter_layers(CARTPOLE, ("action_net.*",)) == ("action_net.weight",)
    assert adapter_layers(CARTPOLE, ("value_net.*", "*.policy_net.0.*")) == (ACTOR[0], CRITIC[2])
    assert set(adapter_layers(CARTPOLE, ("*",))) == {*ACTOR, *CRITIC}


def test_the_deviation_is_never_adapted_though_it_is_a_matrix():
    spec = box_spec(3, 2, distribution="gsde", exploration=StateDependentExploration())
    assert len(spec.tensor_shapes()["log_std"]) == 2
    assert "log_std" not in adapter_layers(spec, ("*",))


@pytest.mark.parametrize("patterns", [("gate.*",), ("*.bias",), ("slots",), ("log_std",), ()])
def test_patterns_that_match_no_matrix_are_refused(patterns):
    spec = box_spec(3, 2, distribution="gsde", exploration=StateDependentExploration())
    with pytest.raises(
        PolicyError, match=r"match no weight matrix; there are .*action_net\.weight"
    ):
        adapter_layers(spec, patterns)


# Counts


def test_counts_by_hand():
    shapes = CARTPOLE.tensor_shapes()
    # (64, 4), (64, 64) and (2, 64): rank times the sum of the sides, and rank at most the smaller side.
    assert adapter_parameters(shapes, ACTOR, 1) == 68 + 128 + 66
    assert adapter_parameters(shapes, ACTOR, 2) == 2 * (68 + 128 + 66)
    assert adapter_parameters(shapes, ACTOR, 3) == 3 * (68 + 128) + 2 * 66
    assert adapter_parameters(shapes, ACTOR, 8) == 4 * 68 + 8 * 128 + 2 * 66
    assert adapter_parameters(shapes, ACTOR, 64) == adapter_parameters(shapes, ACTOR, 999)


def test_the_rank_for_a_count_is_the_nearest():
    shapes = CARTPOLE.tensor_shapes()
    # Ranks 1, 2, 3, 4 hold 262, 524, 720, 916.
    assert rank_for(shapes, ACTOR, 1) == 1
    assert rank_for(shapes, ACTOR, 500) == 2
    assert rank_for(shapes, ACTOR, 621) == 2
    assert rank_for(shapes, ACTOR, 623) == 3
    assert rank_for(shapes, ACTOR, 622) == 2  # as far from 524 as from 720
    assert rank_for(shapes, ACTOR, 10**9) == 64


def test_a_rank_is_capped_by_the_smaller_side_of_each_matrix():
    network = adapted(new_policy(CARTPOLE, 0), rank=8)
    assert network.layout.shapes == {
        f"{ACTOR[0]}.A": (4, 4),
        f"{ACTOR[0]}.B": (64, 4),
        f"{ACTOR[1]}.A": (8, 64),
        f"{ACTOR[1]}.B": (64, 8),
        f"{ACTOR[2]}.A": (2, 64),
        f"{ACTOR[2]}.B": (2, 2),
    }
    assert network.parameter_count == network.parameters.size == network.gradient.size == 1428


@pytest.mark.parametrize("rank", [0, -1])
def test_a_rank_below_1_is_refused(rank):
    with pytest.raises(PolicyError, match=f"rank is {rank}; it must be at least 1"):
        adapter_parameters(CARTPOLE.tensor_shapes(), ACTOR, rank)
    with pytest.raises(PolicyError, match=f"rank is {rank}; it must be at least 1"):
        adapted(new_policy(CARTPOLE, 0), rank=rank)


# The start


@pytest.mark.parametrize("inner", [CompiledNetwork, lambda policy: TorchNetwork(policy, "cpu")])
def test_the_start_is_the_start_policy_bit_for_bit(inner):
    policy = new_policy(CARTPOLE, 1)
    policy.tensors[ACTOR[1]][5, :7] = -0.0
    plain, network, x = inner(policy), adapted(policy, moved=False, inner=inner), looks(CARTPOLE, 9)
    start = plain.parameters.tobytes()
    assert network.inner.parameters.tobytes() == start
    network.merge()
    network.differentiate(x, lambda outputs, _: outputs, lambda values: values.copy())
    assert network.inner.parameters.tobytes() == start
    assert network.outputs(x)[0].tobytes() == plain.outputs(x)[0].tobytes()
    assert network.values(x).tobytes() == plain.values(x).tobytes()


def test_a_is_drawn_from_the_seed_and_b_is_zero():
    policy = new_policy(CARTPOLE, 3)

    def start(seed):
        network = LowRankNetwork(CompiledNetwork(policy), ACTOR, 32, seed=seed)
        return network.layout.unpack(network.parameters)

    first, again, other = start(3), start(3), start(4)
    for name, factor in first.items():
        np.testing.assert_array_equal(factor, again[name])
        if name.endswith(".B"):
            assert not factor.any()
        else:
            assert not np.isclose(factor, other[name]).all()
    # 2048 draws: their standard deviation is within 5 of its own standard errors.
    assert first[f"{ACTOR[1]}.A"].std() == pytest.approx(1 / 8, rel=5 / np.sqrt(2 * 2048))
    assert abs(first[f"{ACTOR[1]}.A"].mean()) < 5 / 8 / np.sqrt(2048)


# The function


@pytest.mark.parametrize("spec", [CARTPOLE, SHARED])
def test_outputs_are_those_of_w_plus_ba(spec):
    policy = random_policy(spec, 2)
    network, x = adapted(policy), looks(spec, 6)
    tensors = merged_by_hand(policy, network)

    def stack(prefix, here):
        for index in (0, 2):
            if f"{prefix}.{index}.weight" in tensors:
                weight, bias = (
                    tensors[f"{prefix}.{index}.weight"],
                    tensors[f"{prefix}.{index}.bias"],
                )
                here = np.tanh(here @ weight.T + bias)
        return here

    seen = stack("mlp_extractor.shared_net", x.astype(np.float64))
    actor = stack("mlp_extractor.policy_net", seen)
    critic = stack("mlp_extractor.value_net", seen)
    outputs = actor @ tensors["action_net.weight"].T + tensors["action_net.bias"]
    values = critic @ tensors["value_net.weight"].T + tensors["value_net.bias"]
    np.testing.assert_allclose(network.outputs(x)[0], outputs, rtol=1e-4, atol=1e-4)
    # Asked first for values, a network is as up to date.
    other = adapted(policy)
    np.testing.assert_allclose(other.values(x), values[:, 0], rtol=1e-4, atol=1e-4)
    inner = network.inner
    for name, tensor in inner.layout.unpack(inner.parameters).items():
        np.testing.assert_allclose(tensor, tensors[name], rtol=1e-5, atol=1e-5)


def test_a_merge_starts_from_the_start_and_not_from_the_last_merge():
    policy = random_policy(CARTPOLE, 2)
    network = adapted(policy)
    network.merge()
    once = network.inner.parameters.copy()
    network.merge()
    np.testing.assert_array_equal(network.inner.parameters, once)
    network.parameters[:] = 0.0
    network.merge()
    assert network.inner.parameters.tobytes() == CompiledNetwork(policy).parameters.tobytes()


# The gradient


@pytest.mark.parametrize("inner", [CompiledNetwork, lambda policy: TorchNetwork(policy, "cpu")])
@pytest.mark.parametrize("spec", [CARTPOLE, SHARED])
@pytest.mark.parametrize("patterns", [None, ("*",), ("action_net.weight",)])
def test_gradients_are_those_of_autograd(inner, spec, patterns):
    policy, n = random_policy(spec, 5), 7
    network = adapted(policy, names=adapter_layers(spec, patterns), rank=3, inner=inner)
    x, rng = looks(spec, n), np.random.default_rng(1)
    slopes = rng.normal(0, 1, (n, spec.action.size)).astype(np.float32)
    value_slopes = rng.normal(0, 1, n).astype(np.float32)
    network.gradient[:] = np.nan
    network.differentiate(x, lambda *_: slopes.copy(), lambda _: value_slopes.copy())

    leaves = {
        name: torch.tensor(factor, requires_grad=True)
        for name, factor in network.layout.unpack(network.parameters).items()
    }
    tensors = {name: torch.from_numpy(tensor) for name, tensor in policy.tensors.items()}

    def linear(name, here):
        weight = tensors[f"{name}.weight"]
        if f"{name}.weight.A" in leaves:
            weight = weight + leaves[f"{name}.weight.B"] @ leaves[f"{name}.weight.A"]
        return torch.nn.functional.linear(here, weight, tensors[f"{name}.bias"])

    def stack(prefix, here):
        for index in (0, 2):
            if f"{prefix}.{index}.weight" in tensors:
                here = torch.tanh(linear(f"{prefix}.{index}", here))
        return here

    seen = stack("mlp_extractor.shared_net", torch.from_numpy(x))
    outputs = linear("action_net", stack("mlp_extractor.policy_net", seen))
    values = linear("value_net", stack("mlp_extractor.value_net", seen))[:, 0]
    total = (outputs * torch.from_numpy(slopes)).sum()
    (total + (values * torch.from_numpy(value_slopes)).sum()).backward()
    for name, where in network.layout.slices.items():
        np.testing.assert_allclose(
            network.gradient[where],
            leaves[name].grad.numpy().ravel(),
            rtol=1e-3,
            atol=1e-4,
            err_msg=name,
        )


@pytest.mark.parametrize("shared", [(), (5,)])
def test_gradients_are_those_of_finite_differences(shared):
    spec = box_spec(3, 2, shared=shared, actor=(4,), critic=(6, 3))
    network = adapted(random_policy(spec, 1))
    x, rng = looks(spec, 5, 1), np.random.default_rng(2)
    a, b = rng.normal(0, 1, (5, 2)).astype(np.float32), rng.normal(0, 1, 5).astype(np.float32)

    def total():
        return float((network.outputs(x)[0] * a).sum() + (network.values(x) * b).sum())

    network.differentiate(x, lambda *_: a.copy(), lambda _: b.copy())
    gradient, h = network.gradient.copy(), 1e-2
    for i in range(network.parameter_count):
        kept = network.parameters[i]
        network.parameters[i] = kept + h
        above = total()
        network.parameters[i] = kept - h
        below = total()
        network.parameters[i] = kept
        assert gradient[i] == pytest.approx((above - below) / (2 * h), abs=1e-2)


@pytest.mark.parametrize("head", [None, lambda *_: None])
def test_without_a_policy_gradient_the_actors_adapters_have_none(head):
    network = adapted(random_policy(CARTPOLE, 1))
    network.gradient[:] = np.nan
    network.differentiate(looks(CARTPOLE, 5), head, lambda values: values.copy())
    assert not network.gradient.any()


# Learning


def test_steps_reduce_a_loss_and_leave_all_other_tensors_alone():
    policy = random_policy(CARTPOLE, 4)
    names = ACTOR[:2]
    network = adapted(policy, names=names, rank=2, moved=False)
    x = looks(CARTPOLE, 64)
    target = CompiledNetwork(random_policy(CARTPOLE, 5)).outputs(x)[0]
    optimizer = Adam(np.ones(network.parameter_count, dtype=np.bool_), epsilon=1e-8)
    losses = []

    def head(outputs, _):
        losses.append(float(np.square(outputs - target).mean()))
        return ((outputs - target) / len(x)).astype(np.float32)

    for _ in range(50):
        network.differentiate(x, head, np.zeros_like)
        optimizer.step(network.parameters, network.gradient, rate=1e-2, max_norm=10.0)
    assert losses[-1] < 0.5 * losses[0]
    network.merge()
    learned = network.inner.layout.unpack(network.inner.parameters)
    for name, tensor in policy.tensors.items():
        if name in names:
            change = learned[name].astype(np.float64) - tensor
            sizes = np.linalg.svd(change, compute_uv=False)
            assert sizes[1] > 1e-3 * sizes[0]
            assert sizes[2] < 1e-5 * sizes[0]
        else:
            assert learned[name].tobytes() == tensor.tobytes(), name


def test_ppo_learns_through_adapters():
    spec, n = box_spec(3, 2, actor=(8,), critic=(8,)), 32
    policy = random_policy(spec, 6)
    network, x, rng = adapted(policy, moved=False), looks(spec, n), np.random.default_rng(7)
    config = PPOConfig(batch_size=16)
    head = PolicyLossHead(spec, network.inner, config, Anchor("none"))
    means, features = network.outputs(x)
    std = np.exp(head.log_std(features))
    actions = (means + std * rng.normal(0, 1, means.shape)).astype(np.float32)
    density = -0.5 * np.square((actions - means) / std) - np.log(std) - 0.5 * np.log(2 * np.pi)
    batch = Batch(
        observations=x,
        actions=actions,
        log_probs=density.sum(axis=1).astype(np.float32),
        advantages=rng.normal(0, 1, n).astype(np.float32),
        returns=np.zeros(n, dtype=np.float32),
        values=np.zeros(n, dtype=np.float32),
    )
    learns = np.ones(network.parameter_count, dtype=np.bool_)
    metrics = ppo_update(
        network,
        Adam(learns, epsilon=1e-5),
        batch,
        config,
        head=head,
        orders=[rng.permutation(n) for _ in range(3)],
        learning_rate=1e-2,
    )
    assert metrics.minibatches == 6
    network.merge()
    learned = network.inner.layout.unpack(network.inner.parameters)
    moved = [name for name, tensor in policy.tensors.items() if (learned[name] != tensor).any()]
    assert tuple(moved) == adapter_layers(spec)


def test_restoring_continues_bit_for_bit():
    policy = random_policy(CARTPOLE, 4)
    moved, fresh = adapted(policy), adapted(policy, moved=False)
    moved.merge()
    fresh.restore(moved.parameters)
    assert fresh.parameters is not moved.parameters
    assert fresh.inner.parameters.tobytes() == moved.inner.parameters.tobytes()
    with pytest.raises(PolicyError, match=r"have shape \(3,\); they should have \(524,\)"):
        fresh.restore(np.zeros(3, dtype=np.float32))


def test_what_is_asked_is_passed_on_as_it_is():
    class Recorder(CompiledNetwork):
        def __init__(self, policy: Policy):
            super().__init__(policy)
            self.asked = []
            self.return_scale = 7.0

        def values(self, *args, **kwargs):
            self.asked.append(("values", args, kwargs))
            return "values"

        def outputs(self, *args, **kwargs):
            self.asked.append(("outputs", args, kwargs))
            return "outputs"

        def differentiate(self, *args, **kwargs):
            self.asked.append(("differentiate", args, kwargs))

    network = adapted(new_policy(CARTPOLE, 0), inner=Recorder)
    sequence = object()
    assert network.values(sequence) == "values"
    assert network.outputs(sequence, at=2) == "outputs"
    network.differentiate(sequence, None, None, aside=1)
    assert network.return_scale == 7.0
    assert network.inner.asked == [
        ("values", (sequence,), {}),
        ("outputs", (sequence,), {"at": 2}),
        ("differentiate", (sequence, None, None), {"aside": 1}),
    ]

"""Networks and actors: one function in three implementations, whose gradients and draws are right."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest, norm
from stable_baselines3.common.distributions import StateDependentNoiseDistribution

from ratchet.errors import PolicyError
from ratchet.learning.anchors import Anchor
from ratchet.learning.config import PPOConfig
from ratchet.learning.ppo import Batch, PolicyLossHead
from ratchet.policies import kernels
from ratchet.policies.actor import Actor
from ratchet.policies.initial import new_policy
from ratchet.policies.mlp import TorchNetwork
from ratchet.policies.network import CompiledNetwork
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.policies.spec import StateDependentExploration
from strategies import ACTIVATIONS, box_spec, discrete_spec, random_policy, seeds, specs

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def looks(spec, n, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (n, spec.observation.size)).astype(np.float32)


def names(n, seed=0):
    """Seeds and steps of `n` environments."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**63, n, dtype=np.uint64), rng.integers(0, 500, n)


@settings(max_examples=30)
@given(specs(), st.integers(1, 33), seeds)
def test_compiled_and_torch_networks_are_one_function(spec, n, seed):
    policy = random_policy(spec, seed)
    x = looks(spec, n, seed)
    rng = np.random.default_rng(seed)
    slopes = rng.normal(0, 1, (n, spec.action.size)).astype(np.float32)
    value_slopes = rng.normal(0, 1, n).astype(np.float32)
    compiled, through_torch = CompiledNetwork(policy), TorchNetwork(policy, "cpu")
    for ours, theirs in zip(compiled.outputs(x), through_torch.outputs(x), strict=True):
        np.testing.assert_allclose(ours, theirs, **TOLERANCE)
    np.testing.assert_allclose(compiled.values(x), through_torch.values(x), **TOLERANCE)
    heads = (lambda *_: slopes.copy(), lambda *_: None, None)
    value_heads = (lambda _: value_slopes.copy(), None)
    for head, value_head in product(heads, value_heads):
        for network in (compiled, through_torch):
            network.gradient[:] = np.nan
            network.differentiate(x, head, value_head)
        for name, where in compiled.layout.slices.items():
            if name != "log_std":
                np.testing.assert_allclose(
                    compiled.gradient[where],
                    through_torch.gradient[where],
                    rtol=1e-3,
                    atol=1e-4,
                    err_msg=name,
                )


@settings(max_examples=30)
@given(specs(), st.integers(1, 9), seeds)
def test_an_actor_and_its_network_are_one_function(spec, n, seed):
    policy = random_policy(spec, seed)
    actor, network, x = Actor(policy), CompiledNetwork(policy), looks(spec, n, seed)
    np.testing.assert_allclose(actor.outputs("actor", x), network.outputs(x)[0], **TOLERANCE)
    np.testing.assert_allclose(actor.outputs("critic", x)[:, 0], network.values(x), **TOLERANCE)
    # What the actor says of its own draw is what the loss says of it: the KL of a policy to itself is 0.
    head = PolicyLossHead(spec, network, PPOConfig(), Anchor("none"))
    choice = actor.act(x, None, *names(n, seed), deterministic=False)
    batch = Batch(
        observations=x,
        actions=choice.actions,
        log_probs=choice.log_probs,
        advantages=np.zeros(n, dtype=np.float32),
        returns=np.zeros(n, dtype=np.float32),
        values=np.zeros(n, dtype=np.float32),
    )
    loss, _ = head(batch, *network.outputs(x))
    assert loss.approx_kl == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "elu", "gelu"])
@pytest.mark.parametrize("shared", [(), (5,)])
def test_gradients_are_those_of_finite_differences(activation, shared):
    spec = box_spec(3, 2, shared=shared, actor=(4,), critic=(6, 3), activation=activation)
    network = CompiledNetwork(random_policy(spec, 1))
    x, rng = looks(spec, 5, 1), np.random.default_rng(2)
    a, b = rng.normal(0, 1, (5, 2)).astype(np.float32), rng.normal(0, 1, 5).astype(np.float32)

    def total():
        return float((network.outputs(x)[0] * a).sum() + (network.values(x) * b).sum())

    network.differentiate(x, lambda *_: a.copy(), lambda _: b.copy())
    gradient, h = network.gradient.copy(), 1e-2
    for i in range(network.layout.slices["log_std"].start):
        kept = network.parameters[i]
        network.parameters[i] = kept + h
        above = total()
        network.parameters[i] = kept - h
        below = total()
        network.parameters[i] = kept
        assert gradient[i] == pytest.approx((above - below) / (2 * h), abs=1e-2)


@pytest.mark.parametrize("expln", [False, True])
@pytest.mark.parametrize("full", [False, True])
def test_gsde_is_stable_baselines3s(expln, full):
    exploration = StateDependentExploration(full_std=full, use_expln=expln)
    spec = box_spec(3, 2, actor=(5,), distribution="gsde", exploration=exploration)
    policy, n = random_policy(spec, 4), 20
    network, x = CompiledNetwork(policy), looks(spec, 20, 4)
    outputs, features = network.outputs(x)
    choice = Actor(policy).act(x, None, *names(n), deterministic=False)
    weights = np.random.default_rng(5).normal(0, 1, n).astype(np.float32)
    old = (choice.log_probs - 0.05).astype(np.float32)

    theirs = StateDependentNoiseDistribution(2, full_std=full, use_expln=expln)
    theirs.latent_sde_dim = 5
    log_std = torch.nn.Parameter(torch.from_numpy(policy.tensors["log_std"].copy()))
    theirs.proba_distribution(torch.from_numpy(outputs), log_std, torch.from_numpy(features))
    log_probs = theirs.log_prob(torch.from_numpy(choice.actions))
    np.testing.assert_allclose(choice.log_probs, log_probs.detach().numpy(), rtol=1e-4, atol=1e-4)

    ratio = (log_probs - torch.from_numpy(old)).exp()
    loss = -(ratio * torch.from_numpy(weights)).mean() - 0.1 * theirs.entropy().mean()
    loss.backward()
    head = PolicyLossHead(spec, network, PPOConfig(ent_coef=0.1), Anchor("none"))
    zeros = np.zeros(n, dtype=np.float32)
    batch = Batch(
        observations=x,
        actions=choice.actions,
        log_probs=old,
        advantages=weights,
        returns=zeros,
        values=zeros,
    )
    head(batch, outputs, features)
    np.testing.assert_allclose(
        network.gradient[network.layout.slices["log_std"]],
        log_std.grad.numpy().ravel(),
        rtol=1e-3,
        atol=1e-4,
    )


@settings(max_examples=30)
@given(specs(), seeds, st.integers(1, 23), st.data())
def test_an_action_does_not_depend_on_who_else_is_in_the_batch(spec, seed, n, data):
    actor, x = Actor(random_policy(spec, seed)), looks(spec, n, seed)
    who, steps = names(n, seed)
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=30)))
    for greedy in (False, True):
        whole = actor.act(x, None, who, steps, deterministic=greedy)
        part = actor.act(x[rows], None, who[rows], steps[rows], deterministic=greedy)
        np.testing.assert_array_equal(part.actions, whole.actions[rows])
        np.testing.assert_array_equal(part.executed, whole.executed[rows])
        np.testing.assert_array_equal(part.log_probs, whole.log_probs[rows])
    np.testing.assert_array_equal(
        actor.outputs("critic", x[rows]), actor.outputs("critic", x)[rows]
    )


@settings(max_examples=20)
@given(seeds, st.integers(1, 17), st.data())
def test_a_masked_action_neither(seed, n, data):
    spec = discrete_spec(3, 6)
    actor, x = Actor(random_policy(spec, seed)), looks(spec, n, seed)
    rng = np.random.default_rng(seed)
    masks = rng.random((n, 6)) < 0.4
    masks[np.arange(n), rng.integers(0, 6, n)] = True
    who, steps = names(n, seed)
    whole = actor.act(x, masks, who, steps, deterministic=False)
    assert masks[np.arange(n), whole.actions].all()
    one = data.draw(st.integers(0, n - 1))
    alone = actor.act(
        x[one : one + 1],
        masks[one : one + 1],
        who[one : one + 1],
        steps[one : one + 1],
        deterministic=False,
    )
    assert alone.actions[0] == whole.actions[one]
    assert alone.log_probs[0] == whole.log_probs[one]


def steady(spec, outputs):
    """A policy whose outputs are these numbers, whatever it sees."""
    tensors = {
        name: np.zeros(shape, dtype=np.float32) for name, shape in spec.tensor_shapes().items()
    }
    tensors["action_net.bias"] = np.asarray(outputs, dtype=np.float32)
    return Policy(spec=spec, tensors=tensors)


DRAWS = 60_000


@pytest.mark.parametrize("vary", ["seeds", "steps"])
def test_sampled_actions_have_their_probabilities(vary):
    logits = np.log([0.5, 0.05, 0.15, 0.3])
    actor, x = Actor(steady(discrete_spec(2, 4), logits)), np.zeros((DRAWS, 2), dtype=np.float32)
    count = np.arange(DRAWS)
    who = count.astype(np.uint64) if vary == "seeds" else np.full(DRAWS, 7, dtype=np.uint64)
    steps = np.zeros(DRAWS, dtype=np.int64) if vary == "seeds" else count
    choice = actor.act(x, None, who, steps, deterministic=False)
    found = np.bincount(choice.actions, minlength=4)
    assert chisquare(found, DRAWS * np.exp(logits)).pvalue > 1e-4
    np.testing.assert_allclose(choice.log_probs, logits[choice.actions], atol=1e-5)
    # Without the likeliest, the others share its part, and neighbours in the sequence are independent.
    masks = np.tile([False, True, True, True], (DRAWS, 1))
    masked = actor.act(x, masks, who, steps, deterministic=False)
    found = np.bincount(masked.actions, minlength=4)
    assert found[0] == 0
    assert chisquare(found[1:], DRAWS * np.array([0.1, 0.3, 0.6])).pvalue > 1e-4
    np.testing.assert_allclose(
        masked.log_probs, np.log([1, 0.1, 0.3, 0.6])[masked.actions], atol=1e-5
    )
    pairs = np.zeros((4, 4))
    np.add.at(pairs, (choice.actions[:-1], choice.actions[1:]), 1)
    likely = np.outer(np.exp(logits), np.exp(logits)) * (DRAWS - 1)
    assert chisquare(pairs.ravel(), likely.ravel()).pvalue > 1e-4


@pytest.mark.parametrize("vary", ["seeds", "steps"])
def test_sampled_continuous_actions_are_normal(vary):
    spec = box_spec(2, 2)
    policy = steady(spec, [0.5, -1.0])
    policy.tensors["log_std"][:] = np.log([0.3, 2.0])
    count = np.arange(DRAWS)
    who = count.astype(np.uint64) if vary == "seeds" else np.full(DRAWS, 7, dtype=np.uint64)
    steps = np.zeros(DRAWS, dtype=np.int64) if vary == "seeds" else count
    choice = Actor(policy).act(
        np.zeros((DRAWS, 2), dtype=np.float32), None, who, steps, deterministic=False
    )
    z = (choice.actions - [0.5, -1.0]) / [0.3, 2.0]
    for column in z.T:
        assert kstest(column, "norm").pvalue > 1e-4
        assert abs(np.corrcoef(column[:-1], column[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.02
    expected = norm.logpdf(choice.actions, [0.5, -1.0], [0.3, 2.0]).sum(axis=1)
    np.testing.assert_allclose(choice.log_probs, expected, atol=1e-4)
    np.testing.assert_array_equal(choice.executed, np.clip(choice.actions, -2, 2))


def test_state_dependent_noise_is_drawn_once_an_episode():
    exploration = StateDependentExploration(squash=True)
    spec = box_spec(2, 1, actor=(), distribution="gsde", exploration=exploration)
    actor = Actor(random_policy(spec, 1))
    x = np.tile(np.array([[1.0, -0.5]], dtype=np.float32), (6, 1))
    who = np.array([1, 1, 1, 2, 2, 3], dtype=np.uint64)
    choice = actor.act(x, None, who, np.arange(6), deterministic=False)
    drawn = choice.actions[:, 0]
    assert drawn[0] == drawn[1] == drawn[2]
    assert drawn[3] == drawn[4]
    assert len(set(drawn.tolist())) == 3
    np.testing.assert_allclose(choice.executed, 2 * np.tanh(choice.actions), atol=1e-6)
    greedy = actor.act(x, None, who, np.arange(6), deterministic=True)
    np.testing.assert_allclose(greedy.actions, actor.outputs("actor", x))


def test_uniforms_lie_between_0_and_1_and_are_uniform():
    who, steps = np.arange(200_000, dtype=np.uint64), np.zeros(200_000, dtype=np.int64)
    drawn = kernels.uniforms(who, steps, 1)[:, 0]
    assert drawn.min() > 0.0
    assert drawn.max() < 1.0
    assert kstest(drawn, "uniform").pvalue > 1e-4


def test_a_uniform_choice_is_among_the_legal():
    masks = np.tile([True, False, True, True], (DRAWS, 1))
    actions = np.full(DRAWS, -1)
    who, steps = np.arange(DRAWS, dtype=np.uint64), np.zeros(DRAWS, dtype=np.int64)
    assert kernels.choose_uniformly(masks, who, steps, actions) == -1
    found = np.bincount(actions, minlength=4)
    assert found[1] == 0
    assert chisquare(found[[0, 2, 3]]).pvalue > 1e-4
    masks[5] = False
    assert kernels.choose_uniformly(masks, who, steps, actions) == 5


def test_a_row_without_a_legal_action_is_an_error():
    spec = discrete_spec(3, 4)
    masks = np.ones((6, 4), dtype=np.bool_)
    masks[4] = False
    with pytest.raises(PolicyError, match="environment 4 offers no legal action"):
        Actor(random_policy(spec)).act(looks(spec, 6), masks, *names(6), deterministic=False)


def test_the_greedy_action_is_the_likeliest_legal_one():
    actor = Actor(steady(discrete_spec(2, 3), [0.1, 0.9, 0.5]))
    x = np.zeros((2, 2), dtype=np.float32)
    masks = np.array([[True, True, True], [True, False, True]])
    choice = actor.act(x, masks, *names(2), deterministic=True)
    assert choice.actions.tolist() == [1, 2]


def test_an_actor_sees_what_the_normaliser_shows():
    spec = discrete_spec(2, 3)
    plain = random_policy(spec, 3)
    statistics = Normalizer(
        mean=np.array([10.0, -3.0]), variance=np.array([4.0, 0.25]), clip_observation=1.5
    )
    normal = Policy(spec=spec, tensors=plain.tensors, normalizer=statistics)
    raw = np.array([[11.0, -3.25], [100.0, -100.0]], dtype=np.float32)
    seen = np.array([[0.5, -0.5], [1.5, -1.5]], dtype=np.float32)
    np.testing.assert_allclose(
        Actor(normal).outputs("actor", raw), Actor(plain).outputs("actor", seen), rtol=1e-5
    )
    assert normal.id != plain.id


def test_the_compiled_tanh_is_tanh():
    spec = discrete_spec(1, 1, actor=(1,), critic=())
    policy = steady(spec, [0.0])
    policy.tensors["mlp_extractor.policy_net.0.weight"][:] = 1.0
    policy.tensors["action_net.weight"][:] = 1.0
    x = np.linspace(-12, 12, 100_001, dtype=np.float32).reshape(-1, 1)
    got = CompiledNetwork(policy).outputs(x)[0]
    np.testing.assert_allclose(got, np.tanh(x.astype(np.float64)), atol=4e-7)


def test_the_compiled_gelu_is_gelu_far_out_and_so_is_its_slope():
    spec = discrete_spec(1, 1, actor=(1,), critic=(), activation="gelu")
    policy = steady(spec, [0.0])
    policy.tensors["mlp_extractor.policy_net.0.weight"][:] = 1.0
    policy.tensors["action_net.weight"][:] = 1.0
    network = CompiledNetwork(policy)
    x = np.array([-1e20, -30, -6.5, -6, -1, -1e-20, 0, 1e-20, 1, 6, 6.5, 30, 1e20])
    for one in x:
        leaf = torch.tensor([[one]], dtype=torch.float64, requires_grad=True)
        out = torch.nn.functional.gelu(leaf)
        out.backward()
        got = network.outputs(np.array([[one]], dtype=np.float32))[0]
        np.testing.assert_allclose(got[0, 0], out.item(), rtol=1e-6, atol=1e-6)
        seen = np.array([[one]], dtype=np.float32)
        network.differentiate(seen, lambda *_: np.ones((1, 1), dtype=np.float32), None)
        where = network.layout.slices["mlp_extractor.policy_net.0.bias"]
        assert network.gradient[where][0] == pytest.approx(leaf.grad.item(), abs=1e-6)
    assert np.isnan(network.outputs(np.array([[np.nan]], dtype=np.float32))[0]).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_activation_is_pytorchs(activation):
    spec = discrete_spec(1, 1, actor=(1,), critic=(), activation=activation)
    policy = steady(spec, [0.0])
    policy.tensors["mlp_extractor.policy_net.0.weight"][:] = 1.0
    policy.tensors["action_net.weight"][:] = 1.0
    x = np.linspace(-5, 5, 1001, dtype=np.float32).reshape(-1, 1)
    theirs = getattr(torch.nn.functional, activation)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(CompiledNetwork(policy).outputs(x)[0], theirs, atol=1e-6)
    np.testing.assert_allclose(Actor(policy).outputs("actor", x), theirs, atol=1e-6)


def test_an_unknown_device_is_refused():
    with pytest.raises(PolicyError, match="device 'abacus' cannot be used"):
        TorchNetwork(random_policy(discrete_spec()), "abacus")


def test_networks_of_one_policy_share_nothing():
    policy = random_policy(discrete_spec())
    first, second = CompiledNetwork(policy), CompiledNetwork(policy)
    first.parameters[:] = 0.0
    np.testing.assert_array_equal(second.parameters, second.layout.pack(policy.tensors))
    assert policy.tensors["value_net.weight"].any()


def test_gsde_noise_is_drawn_anew_as_often_as_the_policy_says():
    """Same features, same seed: the noise is one within a period and another in the next."""
    for frequency, blocks in ((-1, 1), (4, 3)):
        exploration = StateDependentExploration(sample_frequency=frequency)
        spec = box_spec(2, 1, actor=(4,), distribution="gsde", exploration=exploration)
        policy = new_policy(spec, 0)
        steps = np.arange(12)
        seen = np.ones((12, 2), dtype=np.float32)
        drawn = (
            Actor(policy)
            .act(seen, None, np.full(12, 9, dtype=np.uint64), steps, deterministic=False)
            .actions[:, 0]
        )
        assert len(set(drawn.tolist())) == blocks
        assert (drawn[:4] == drawn[0]).all()

"""The anchor to demonstrations: its gradient, its draws, and what it refuses."""

import numpy as np
import pytest
import torch

from playing import masks_with, seen
from ratchet.errors import PolicyError, TaskError
from ratchet.learning.adam import Adam
from ratchet.learning.anchors import Anchor
from ratchet.learning.batches import Batch
from ratchet.learning.config import PPOConfig
from ratchet.learning.imitation import ImitationAnchor
from ratchet.learning.ppo import PolicyLossHead, ppo_update
from ratchet.policies.mlp import ActorCritic
from ratchet.policies.network import CompiledNetwork
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.policies.sparse import WIDE, SparseRows
from ratchet.rollout.demonstrations import Demonstrations
from ratchet.rollout.rows import Rows
from strategies import box_spec, discrete_spec, random_policy

LENGTHS = (4, 7, 3)


def demonstrations(spec, seed=0, *, masked=True, density=1.0):
    """Three episodes of random decisions."""
    rng = np.random.default_rng(seed)
    n = sum(LENGTHS)
    actions = rng.integers(0, spec.action.n, n)
    masks = masks_with(rng, actions, spec.action.n)
    return Demonstrations(
        task="made up",
        teacher="nobody",
        action_count=spec.action.n,
        seeds=np.arange(3),
        starts=np.concatenate([[0], np.cumsum(LENGTHS)]),
        rows=Rows.of(seen(rng, n + 3, spec.observation.size, density)),
        actions=actions,
        packed_masks=np.packbits(masks, axis=1) if masked else None,
        rewards=np.zeros(n, dtype=np.float32),
        terminated=np.ones(3, dtype=np.bool_),
    )


def transitions(spec, policy, n, seed=1):
    rng = np.random.default_rng(seed)
    zeros = np.zeros(n, dtype=np.float32)
    observations = seen(rng, n, spec.observation.size)
    actions = rng.integers(0, spec.action.n, n)
    outputs = CompiledNetwork(policy).outputs(observations)[0].astype(np.float64)
    shift = np.log(np.exp(outputs).sum(axis=1))
    return Batch(
        observations=observations,
        actions=actions,
        log_probs=(outputs[np.arange(n), actions] - shift).astype(np.float32),
        advantages=rng.normal(0, 1, n).astype(np.float32),
        returns=rng.normal(0, 1, n).astype(np.float32),
        values=zeros,
    )


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("shared", [(), (5,)])
def test_the_gradient_of_an_anchored_step_is_that_of_automatic_differentiation(masked, shared):
    spec = discrete_spec(4, 3, shared=shared, actor=(6,), critic=(5,))
    policy = random_policy(spec, 2)
    shown = demonstrations(spec, masked=masked)
    anchor = ImitationAnchor(shown, policy, size=9, smoothing=0.1)
    batch, coefficient = transitions(spec, policy, 6), 0.3
    config = PPOConfig(
        batch_size=6, ent_coef=0.0, normalize_advantage=False, max_grad_norm=1e9, vf_coef=0.5
    )
    network = CompiledNetwork(policy)
    optimizer = Adam(np.ones(network.parameters.size, dtype=np.bool_), epsilon=1e-5)
    metrics = ppo_update(
        network,
        optimizer,
        batch,
        config,
        head=PolicyLossHead(spec, network, config, Anchor("none")),
        orders=[np.arange(6)],
        learning_rate=1e-3,
        shown=anchor.draws(7, coefficient),
    )
    # Adam's first moment after one step is a tenth of the gradient.
    gradient = optimizer.first / np.float32(1.0 - 0.9)

    drawn = next(anchor.draws(7, coefficient))
    module = ActorCritic(policy).double()
    logits, _, values = module(torch.tensor(batch.observations).double())
    chosen = torch.log_softmax(logits, 1)[torch.arange(6), torch.tensor(batch.actions)]
    loss = -((chosen - torch.tensor(batch.log_probs)).exp() * torch.tensor(batch.advantages)).mean()
    loss = loss + 0.5 * (values - torch.tensor(batch.returns)).square().mean()
    logits = module(torch.tensor(drawn.observations).double())[0]
    legal = torch.ones(9, 3).bool() if drawn.masks is None else torch.tensor(drawn.masks)
    log_p = torch.log_softmax(logits.masked_fill(~legal, -1e30), 1)
    target = 0.1 * legal / legal.sum(1, keepdim=True)
    target[torch.arange(9), torch.tensor(drawn.actions)] += 0.9
    loss = loss - coefficient * (target * log_p.masked_fill(~legal, 0.0)).sum(1).mean()
    loss.backward()
    for name, where in network.layout.slices.items():
        np.testing.assert_allclose(
            gradient[where], module.tensor(name).grad.numpy().ravel(), atol=1e-4, err_msg=name
        )
    entropy = -log_p[torch.arange(9), torch.tensor(drawn.actions)].mean().item()
    assert metrics.anchor_loss == pytest.approx(entropy, abs=1e-5)


def test_draws_are_of_the_demonstrations_and_the_same_for_the_same_seed():
    spec = discrete_spec(4, 3)
    shown = demonstrations(spec)
    anchor = ImitationAnchor(shown, random_policy(spec), size=50, smoothing=0.0)
    one, other = anchor.draws(1, 0.1), anchor.draws(1, 0.1)
    first = next(one)
    np.testing.assert_array_equal(first.observations, next(other).observations)
    assert not np.array_equal(first.observations, next(one).observations)
    assert not np.array_equal(first.observations, next(anchor.draws(2, 0.1)).observations)
    everything = shown.observations(np.arange(len(shown)))
    for row, action, mask in zip(first.observations, first.actions, first.masks, strict=True):
        (step,) = np.flatnonzero((everything == row).all(axis=1))
        assert shown.actions[step] == action
        np.testing.assert_array_equal(shown.masks(np.array([step]))[0], mask)


def test_wide_demonstrations_are_never_spread_out():
    spec = discrete_spec(WIDE, 3, actor=(4,), critic=(4,))
    policy, shown = random_policy(spec), demonstrations(spec, density=0.05)
    drawn = next(ImitationAnchor(shown, policy, size=8, smoothing=0.0).draws(3, 0.1))
    assert isinstance(drawn.observations, SparseRows)
    normal = Policy(
        spec=spec,
        tensors=policy.tensors,
        normalizer=Normalizer(mean=np.ones(WIDE), variance=np.ones(WIDE), epsilon=0.0),
    )
    other = next(ImitationAnchor(shown, normal, size=8, smoothing=0.0).draws(3, 0.1))
    np.testing.assert_allclose(other.observations, drawn.observations.dense() - 1, atol=1e-6)


def test_what_does_not_fit_is_refused():
    spec = discrete_spec(4, 3)
    shown = demonstrations(spec)
    with pytest.raises(PolicyError, match="gaussian actions cannot be held to demonstrations"):
        ImitationAnchor(shown, random_policy(box_spec(4, 2)), size=4, smoothing=0.0)
    with pytest.raises(TaskError, match="4 observed numbers and 3 actions, but the policy 5 and 3"):
        ImitationAnchor(shown, random_policy(discrete_spec(5, 3)), size=4, smoothing=0.0)

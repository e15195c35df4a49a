"""The loss and its gradients against automatic differentiation, written anew here, and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, Normal, kl_divergence

from ratchet.learning.loss import categorical_loss, normal_loss, value_loss
from strategies import seeds, shapes

CLIP, BONUS = 0.2, 0.03
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def masks_of(rng, n, k, actions):
    """Masks that always leave the action that was chosen."""
    masks = rng.random((n, k)) < 0.5
    masks[np.arange(n), actions] = True
    return masks


def expected(distribution, actions, old, advantages, anchor, beta):
    """Clipped surrogate, entropy, KL estimate, clip fraction, anchor: the textbook over torch."""
    log_ratio = distribution.log_prob(actions) - torch.as_tensor(old, dtype=torch.float64)
    ratio = log_ratio.exp()
    advantages = torch.as_tensor(advantages, dtype=torch.float64)
    surrogate = -torch.minimum(
        ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages
    ).mean()
    entropy = distribution.entropy().mean()
    divergence = torch.zeros(()) if anchor is None else kl_divergence(distribution, anchor).mean()
    total = surrogate - BONUS * entropy + beta * divergence
    return total, {
        "surrogate": surrogate.item(),
        "entropy": entropy.item(),
        "approx_kl": ((ratio - 1) - log_ratio).mean().item(),
        "clip_fraction": ((ratio - 1).abs() > CLIP).double().mean().item(),
        "anchor_kl": divergence.item(),
    }


def masked_categorical(logits, masks):
    if masks is not None:
        logits = logits.masked_fill(~torch.as_tensor(masks), -1e30)
    return Categorical(logits=logits)


@given(shapes, seeds, st.booleans(), st.sampled_from([0.0, 0.7]))
def test_categorical_loss_is_that_of_automatic_differentiation(shape, seed, masked, beta):
    n, k = shape
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, shape).astype(np.float32)
    reference = rng.normal(0, 1.5, shape).astype(np.float32) if beta else None
    actions = rng.integers(0, k, n)
    masks = masks_of(rng, n, k, actions) if masked else None
    advantages = rng.normal(0, 1, n).astype(np.float32)
    leaf = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    policy = masked_categorical(leaf, masks)
    chosen = torch.as_tensor(actions)
    old = (policy.log_prob(chosen).detach().numpy() + rng.normal(0, 0.3, n)).astype(np.float32)
    anchor = (
        None if reference is None else masked_categorical(torch.tensor(reference).double(), masks)
    )
    total, parts = expected(policy, chosen, old, advantages, anchor, beta)
    total.backward()

    loss, gradient = categorical_loss(
        logits,
        actions,
        old,
        advantages,
        clip=CLIP,
        entropy_bonus=BONUS,
        masks=masks,
        reference=reference,
        beta=beta,
    )
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), **TOLERANCE)
    for name, value in parts.items():
        np.testing.assert_allclose(getattr(loss, name), value, err_msg=name, **TOLERANCE)
    legal = np.full(n, k) if masks is None else masks.sum(axis=1)
    share = [
        e / math.log(c) if c > 1 else 0.0
        for e, c in zip(policy.entropy().tolist(), legal, strict=True)
    ]
    assert loss.normalised_entropy == pytest.approx(np.mean(share), abs=1e-5)


@given(shapes, seeds, st.sampled_from([0.0, 0.7]))
def test_normal_loss_is_that_of_automatic_differentiation(shape, seed, beta):
    n, _ = shape
    rng = np.random.default_rng(seed)
    means, reference = rng.normal(0, 1, (2, *shape)).astype(np.float32)
    log_std, reference_log_std = rng.normal(-0.3, 0.4, (2, *shape)).astype(np.float32)
    actions = (means + np.exp(log_std) * rng.normal(0, 1, shape)).astype(np.float32)
    advantages = rng.normal(0, 1, n).astype(np.float32)
    leaves = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (means, log_std)]
    policy = Independent(Normal(leaves[0], leaves[1].exp()), 1)
    chosen = torch.tensor(actions, dtype=torch.float64)
    old = (policy.log_prob(chosen).detach().numpy() + rng.normal(0, 0.3, n)).astype(np.float32)
    anchor = Independent(
        Normal(torch.tensor(reference).double(), torch.tensor(reference_log_std).double().exp()), 1
    )
    total, parts = expected(policy, chosen, old, advantages, anchor if beta else None, beta)
    total.backward()

    loss, d_means, d_log_std = normal_loss(
        means,
        log_std,
        actions,
        old,
        advantages,
        clip=CLIP,
        entropy_bonus=BONUS,
        reference=reference if beta else None,
        reference_log_std=reference_log_std if beta else None,
        beta=beta,
    )
    np.testing.assert_allclose(d_means, leaves[0].grad.numpy(), **TOLERANCE)
    np.testing.assert_allclose(d_log_std, leaves[1].grad.numpy(), **TOLERANCE)
    for name, value in parts.items():
        np.testing.assert_allclose(getattr(loss, name), value, err_msg=name, **TOLERANCE)
    assert math.isnan(loss.normalised_entropy)


@given(st.integers(1, 40), seeds, st.sampled_from([None, 0.3]))
def test_value_loss_is_that_of_automatic_differentiation(n, seed, clip):
    rng = np.random.default_rng(seed)
    values, targets, old = rng.normal(0, 0.6, (3, n)).astype(np.float32)
    leaf = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    before = torch.tensor(old, dtype=torch.float64)
    predicted = leaf if clip is None else before + (leaf - before).clamp(-clip, clip)
    error = (predicted - torch.tensor(targets, dtype=torch.float64)).square().mean()
    (0.5 * error).backward()
    loss, gradient = value_loss(values, targets, old, clip=clip, weight=0.5)
    assert loss == pytest.approx(error.item(), abs=1e-5)
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), **TOLERANCE)


def test_two_transitions_by_hand():
    # Logits 0 and log 3: probabilities 1/4 and 3/4. The first ratio is 2 and its gain is clipped at
    # 1.2; the second is 1/2 with a loss, clipped at 0.8: both gradients are the entropy's alone, and
    # the bonus is 0.
    logits = np.log(np.array([[1.0, 3.0], [1.0, 3.0]])).astype(np.float32)
    loss, gradient = categorical_loss(
        logits,
        np.array([1, 0]),
        np.log(np.array([0.375, 0.5], dtype=np.float32)),
        np.array([10.0, -4.0], dtype=np.float32),
        clip=0.2,
        entropy_bonus=0.0,
    )
    entropy = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert loss.surrogate == pytest.approx((-12.0 + 3.2) / 2)
    assert loss.entropy == pytest.approx(entropy)
    assert loss.normalised_entropy == pytest.approx(entropy / math.log(2))
    assert loss.approx_kl == pytest.approx((1.0 - math.log(2) - 0.5 + math.log(2)) / 2, abs=1e-6)
    assert loss.clip_fraction == 1.0
    assert not gradient.any()
    # Within the range: d loss / d logit = -advantage (1[a] - p) / n.
    _, gradient = categorical_loss(
        logits[:1],
        np.array([1]),
        np.log(np.array([0.75], dtype=np.float32)),
        np.array([2.0], dtype=np.float32),
        clip=0.2,
        entropy_bonus=0.0,
    )
    np.testing.assert_allclose(gradient, [[0.5, -0.5]], rtol=1e-6)


@given(shapes, seeds, st.sampled_from([-1e30, -50.0, 0.0, 50.0, 1e30, np.inf, -np.inf, np.nan]))
def test_an_excluded_logit_changes_nothing(shape, seed, value):
    n, k = shape
    rng = np.random.default_rng(seed)
    logits, reference = rng.normal(0, 1, (2, *shape)).astype(np.float32)
    actions = rng.integers(0, k, n)
    masks = masks_of(rng, n, k, actions)
    rest = {
        "clip": CLIP,
        "entropy_bonus": BONUS,
        "masks": masks,
        "beta": 0.5,
    }
    old, advantages = rng.normal(-1, 1, (2, n)).astype(np.float32)
    first = categorical_loss(logits, actions, old, advantages, reference=reference, **rest)
    spoiled, spoiled_reference = logits.copy(), reference.copy()
    spoiled[~masks], spoiled_reference[~masks] = value, value
    second = categorical_loss(
        spoiled, actions, old, advantages, reference=spoiled_reference, **rest
    )
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])
    assert not first[1][~masks].any()


@given(shapes, seeds)
def test_identical_policies_are_no_distance_apart(shape, seed):
    n, k = shape
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, shape).astype(np.float32)
    actions = rng.integers(0, k, n)
    old = Categorical(logits=torch.tensor(logits).double()).log_prob(torch.as_tensor(actions))
    advantages = rng.normal(0, 1, n).astype(np.float32)
    loss, _ = categorical_loss(
        logits,
        actions,
        old.numpy().astype(np.float32),
        advantages,
        clip=CLIP,
        entropy_bonus=0.0,
        reference=logits,
        beta=1.0,
    )
    assert loss.approx_kl == pytest.approx(0.0, abs=1e-10)
    assert loss.anchor_kl == pytest.approx(0.0, abs=1e-10)
    assert loss.clip_fraction == 0.0
    assert loss.surrogate == pytest.approx(-advantages.mean(), abs=1e-5)


def test_certainty_is_finite():
    logits = np.array([[1e30, -1e30, 0.0]], dtype=np.float32)
    loss, gradient = categorical_loss(
        logits,
        np.array([0]),
        np.zeros(1, dtype=np.float32),
        np.ones(1, dtype=np.float32),
        clip=CLIP,
        entropy_bonus=BONUS,
    )
    assert np.isfinite(gradient).all()
    assert np.isfinite(loss).all()

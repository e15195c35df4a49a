"""Two ways with lag: the decoupled loss against automatic differentiation and by hand, and both alike without."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, Normal

from playing import masks_with, played
from ratchet.learning.batches import Batch
from ratchet.learning.config import FleetConfig
from ratchet.learning.episode_learner import EpisodeLearner
from ratchet.learning.lagged import MOST, decoupled, proximal_log_probs
from ratchet.learning.loss import (
    categorical_log_probs,
    categorical_loss,
    normal_log_probs,
    normal_loss,
)
from strategies import box_spec, discrete_spec, random_policy, seeds, shapes

CLIP, BONUS = 0.15, 0.02
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def decoupled_objective(policy, actions, behaviour, proximal, advantages):
    """The paper's surrogate and an entropy bonus, over torch."""
    log_prob = policy.log_prob(actions)
    ratio = (log_prob - proximal).exp()
    bounded = torch.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages)
    surrogate = -((proximal - behaviour).exp() * bounded).mean()
    kl = ((ratio - 1) - (log_prob - proximal)).mean()
    return surrogate - BONUS * policy.entropy().mean(), surrogate.item(), kl.item()


def lagged_batch(rng, actions, proximal, masks=None):
    """Transitions that a policy not far from the proximal one has made."""
    n = len(actions)
    recorded = (proximal + rng.normal(0, 0.3, n)).astype(np.float32)
    zeros = np.zeros(n, dtype=np.float32)
    batch = Batch(
        observations=zeros,
        actions=actions,
        log_probs=recorded,
        advantages=rng.normal(0, 1, n).astype(np.float32),
        returns=zeros,
        values=zeros,
        masks=masks,
    )
    return batch, decoupled(batch, proximal.astype(np.float32))


def double(array):
    return torch.tensor(array, dtype=torch.float64)


@given(shapes, seeds, st.booleans())
def test_the_decoupled_categorical_loss_is_that_of_automatic_differentiation(shape, seed, masked):
    n, k = shape
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, shape).astype(np.float32)
    actions = rng.integers(0, k, n)
    masks = masks_with(rng, actions, k) if masked else None
    leaf = double(logits).requires_grad_()
    policy = Categorical(
        logits=leaf if masks is None else leaf.masked_fill(~torch.tensor(masks), -1e30)
    )
    now = policy.log_prob(torch.tensor(actions)).detach().numpy()
    np.testing.assert_allclose(categorical_log_probs(logits, actions, masks), now, **TOLERANCE)
    old, batch = lagged_batch(rng, actions, now + rng.normal(0, 0.2, n), masks)
    total, surrogate, kl = decoupled_objective(
        policy,
        torch.tensor(actions),
        double(old.log_probs),
        double(batch.log_probs),
        double(batch.advantages),
    )
    total.backward()
    loss, gradient = categorical_loss(
        logits,
        actions,
        batch.log_probs,
        batch.advantages,
        clip=CLIP,
        entropy_bonus=BONUS,
        masks=masks,
        weights=batch.weights,
    )
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), **TOLERANCE)
    assert loss.surrogate == pytest.approx(surrogate, abs=1e-5)
    assert loss.approx_kl == pytest.approx(kl, abs=1e-5)


@given(shapes, seeds)
def test_the_decoupled_normal_loss_is_that_of_automatic_differentiation(shape, seed):
    n, _ = shape
    rng = np.random.default_rng(seed)
    means = rng.normal(0, 1, shape).astype(np.float32)
    log_std = rng.normal(-0.3, 0.4, shape).astype(np.float32)
    actions = (means + np.exp(log_std) * rng.normal(0, 1, shape)).astype(np.float32)
    leaves = [double(array).requires_grad_() for array in (means, log_std)]
    policy = Independent(Normal(leaves[0], leaves[1].exp()), 1)
    now = policy.log_prob(double(actions)).detach().numpy()
    np.testing.assert_allclose(normal_log_probs(means, log_std, actions), now, rtol=1e-5, atol=1e-4)
    old, batch = lagged_batch(rng, actions, now + rng.normal(0, 0.2, n))
    total, surrogate, _ = decoupled_objective(
        policy,
        double(actions),
        double(old.log_probs),
        double(batch.log_probs),
        double(batch.advantages),
    )
    total.backward()
    loss, d_means, d_log_std = normal_loss(
        means,
        log_std,
        actions,
        batch.log_probs,
        batch.advantages,
        clip=CLIP,
        entropy_bonus=BONUS,
        weights=batch.weights,
    )
    np.testing.assert_allclose(d_means, leaves[0].grad.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(d_log_std, leaves[1].grad.numpy(), rtol=1e-4, atol=1e-5)
    assert loss.surrogate == pytest.approx(surrogate, rel=1e-4, abs=1e-5)


def test_one_transition_by_hand():
    # Probabilities 1/4 and 3/4. The behaviour policy did the second action with 1/4, the proximal one with
    # 3/5: the weight is 12/5, the ratio 5/4. Its gain is clipped at 1.15 if it is to rise, not if to fall.
    logits = np.log(np.array([[1.0, 3.0]])).astype(np.float32)
    zeros = np.zeros(1, dtype=np.float32)
    recorded, proximal = np.log(np.array([[0.25], [0.6]], dtype=np.float32))
    for advantage, expected, slopes in ((2.0, -2.4 * 2.3, (0, 0)), (-2.0, 2.4 * 2.5, (-1.5, 1.5))):
        batch = Batch(
            observations=zeros,
            actions=np.array([1]),
            log_probs=recorded,
            advantages=np.array([advantage], dtype=np.float32),
            returns=zeros,
            values=zeros,
        )
        batch = decoupled(batch, proximal)
        assert batch.weights.tolist() == [pytest.approx(2.4)]
        loss, gradient = categorical_loss(
            logits,
            batch.actions,
            batch.log_probs,
            batch.advantages,
            clip=CLIP,
            entropy_bonus=0.0,
            weights=batch.weights,
        )
        assert loss.surrogate == pytest.approx(expected)
        assert loss.approx_kl == pytest.approx(0.25 - math.log(1.25), abs=1e-6)
        # Unclipped: weight · ratio · advantage · (1[a] - p), its sign turned: 2.4 · 1.25 · 2 · 1/4.
        np.testing.assert_allclose(gradient, [slopes], atol=1e-6)


def test_a_weight_is_bounded():
    recorded = np.array([-1.0, -300.0], dtype=np.float32)
    zeros = np.zeros(2, dtype=np.float32)
    batch = Batch(
        observations=zeros,
        actions=np.zeros(2, dtype=np.int64),
        log_probs=recorded,
        advantages=zeros,
        returns=zeros,
        values=zeros,
    )
    got = decoupled(batch, np.array([-2.0, -1.0], dtype=np.float32))
    np.testing.assert_allclose(got.weights, [math.exp(-1), MOST], rtol=1e-6)


def test_the_proximal_policy_of_an_episode_without_lag_is_the_one_that_played_it():
    recorded, computed = np.array([[-1.0, -2.0, -3.0], [-1.1, -2.1, -3.1]], dtype=np.float32)
    got = proximal_log_probs(recorded, computed, np.array([0, 2, 0]))
    assert got.tolist() == pytest.approx([-1.0, -2.1, -3.0])


SMALL = {"batch_size": 16, "n_epochs": 3, "learning_rate": 1e-3, "tuned": False, "target_kl": None}


@pytest.mark.parametrize("spec", [discrete_spec(3, 5), box_spec(3, 2)], ids=["discrete", "box"])
@pytest.mark.parametrize("lag", [0, 1])
def test_without_lag_both_ways_are_one_to_the_bit(spec, lag):
    policy = random_policy(spec, 1)
    episodes = [
        played(policy, number, masked=spec.action.kind == "discrete") for number in range(8)
    ]
    tensors, results = {}, {}
    for way in ("reject", "decouple"):
        learner = EpisodeLearner(policy, FleetConfig(lagged=way, warmup_updates=0, **SMALL), seed=3)
        results[way] = repr([learner.learn(number, episodes, [lag] * 8) for number in (1, 2)])
        tensors[way] = np.concatenate([one.ravel() for one in learner.tensors().values()])
    assert np.array_equal(tensors["reject"], tensors["decouple"]) == (lag == 0)
    assert (results["reject"] == results["decouple"]) == (lag == 0)


def test_what_lags_is_limited_from_where_the_update_begins():
    """The first mini-batch of a decoupled update has not moved, however old its episodes are."""
    spec = discrete_spec(3, 4)
    older, policy = random_policy(spec, 1), random_policy(spec, 2)
    episodes = [played(older, number) for number in range(4)]
    kl = {}
    for way in ("reject", "decouple"):
        config = FleetConfig(
            lagged=way, warmup_updates=0, **(SMALL | {"n_epochs": 1, "batch_size": 1000})
        )
        learned = EpisodeLearner(policy, config, seed=0).learn(5, episodes, [2] * 4)
        kl[way] = learned.metrics.approx_kl
        # What the whole update moved is told from its beginning, whichever the way.
        assert learned.moved < 0.05
    assert kl["decouple"] == pytest.approx(0.0, abs=1e-6)
    assert kl["reject"] > 0.1

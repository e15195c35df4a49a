"""The loss of actions that were shown, and its gradient, against PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ratchet.learning.loss import imitation_loss
from strategies import seeds, shapes


@given(shapes, seeds, st.booleans(), st.sampled_from([0.0, 0.02, 0.5]))
def test_it_is_that_of_automatic_differentiation(shape, seed, masked, smoothing):
    n, k = shape
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, shape).astype(np.float32)
    actions = rng.integers(0, k, n)
    masks = np.ones(shape, dtype=bool)
    if masked:
        masks = rng.random(shape) < 0.5
        masks[np.arange(n), actions] = True
    leaf = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    log_p = leaf.masked_fill(~torch.as_tensor(masks), -torch.inf).log_softmax(dim=1)
    target = smoothing * masks / masks.sum(axis=1, keepdims=True)
    target[np.arange(n), actions] += 1.0 - smoothing
    terms = torch.where(torch.as_tensor(masks), torch.as_tensor(target) * log_p, 0.0)
    total = -terms.sum(dim=1).mean()
    (3.0 * total).backward()
    loss, gradient = imitation_loss(
        logits, actions, smoothing=smoothing, masks=masks if masked else None, weight=3.0
    )
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=1e-5, atol=1e-6)
    assert loss.loss == pytest.approx(total.item(), rel=1e-6, abs=1e-6)
    shown = -log_p.detach().numpy()[np.arange(n), actions].mean()
    assert loss.cross_entropy == pytest.approx(shown, rel=1e-6, abs=1e-6)
    assert loss.agreement == pytest.approx((log_p.argmax(dim=1).numpy() == actions).mean())


def test_by_hand():
    """Two of three are legal, with odds of 3 to 1; the third's logit is not looked at."""
    logits = np.log(np.array([[3.0, 1.0, 1e6]])).astype(np.float32)
    masks = np.array([[True, True, False]])
    loss, gradient = imitation_loss(logits, np.array([1]), smoothing=0.2, masks=masks)
    assert loss.loss == pytest.approx(-0.1 * np.log(0.75) - 0.9 * np.log(0.25), rel=1e-6)
    assert loss.cross_entropy == pytest.approx(np.log(4), rel=1e-6)
    assert loss.agreement == 0.0
    np.testing.assert_allclose(gradient, [[0.65, -0.65, 0.0]], rtol=1e-6)

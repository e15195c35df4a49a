"""Routing losses by hand and against automatic differentiation; temperature, slot predictor."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ratchet.errors import PolicyError
from ratchet.learning.config import RoutingConfig
from ratchet.learning.routing import (
    RoutingLoss,
    SlotPredictor,
    routing_loss,
    temperature,
)
from strategies import seeds, shapes

TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}
LOSSES = ("weight_entropy", "load_balance", "orthogonality", "contrastive", "assignment")
SLOTS = np.array([[1, 0], [2, 2]], dtype=np.float32)


def f32(rows):
    return np.array(rows, dtype=np.float32)


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32)


def test_every_loss_by_hand():
    config = RoutingConfig(
        weight_entropy=0.1,
        load_balance=0.2,
        orthogonality=0.3,
        contrastive=0.4,
        assignment=0.6,
        slot_prediction=0.5,
    )
    # Mode 0 gives its slot 1/2, mode 2 (slot 0 of two) all: log 2 over two steps.
    # Entropies log 2 and 0; mean weights 3/4, 1/4; slots and modes each 45° apart.
    loss, _, _ = routing_loss(
        f32([[0.5, 0.5], [1, 0]]), SLOTS, np.array([0, 2]), config, slot_prediction=1.5
    )
    expected = RoutingLoss(
        weight_entropy=0.34657359,
        load_balance=0.56233514,
        orthogonality=1.0,
        contrastive=0.70710678,
        assignment=0.34657359,
        slot_prediction=1.5,
        total=-0.034657359 - 0.112467028 + 0.3 + 0.282842712 + 0.207944154 + 0.75,
    )
    assert loss == pytest.approx(expected, abs=1e-7)


def test_three_modes_make_three_pairs():
    # Mean weights along x, along y, and between them: cosines 0, √½ and √½.
    weights = f32([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]])
    loss, _, _ = routing_loss(weights, SLOTS, np.array([7, -1, 4, 4]), RoutingConfig())
    assert loss.contrastive == pytest.approx(math.sqrt(2) / 3)


@pytest.mark.parametrize("weights", [[[0.2, 0.8]], [[1, 0], [0, 1], [0.5, 0.5]]])
def test_one_mode_has_nothing_to_differ_from(weights):
    modes = np.full(len(weights), 3)
    loss, d_weights, _ = routing_loss(f32(weights), SLOTS, modes, RoutingConfig(contrastive=1))
    assert loss.contrastive == loss.total == 0.0
    assert not d_weights.any()


def test_with_all_weights_zero_nothing_is_minimised():
    loss, d_weights, d_slots = routing_loss(
        f32([[0.3, 0.7], [0.9, 0.1]]), SLOTS, np.array([0, 1]), RoutingConfig()
    )
    assert loss.total == 0.0
    assert not d_weights.any()
    assert not d_slots.any()


def test_gradients_by_hand():
    modes = np.array([0, 1])
    # d(-Σ w log w)/dw = -(log w + 1), a half of it for each of two steps.
    _, d_weights, _ = routing_loss(
        f32([[0.5, 0.5], [0.2, 0.8]]), SLOTS, modes, RoutingConfig(weight_entropy=1)
    )
    by_hand = [[0.5 * (math.log(w) + 1) for w in row] for row in ((0.5, 0.5), (0.2, 0.8))]
    np.testing.assert_allclose(d_weights, by_hand, rtol=1e-6)
    # The cosine of (1, 0) and (x, y) is x/r, with slopes y²/r³ and -xy/r³; here r = 5.
    _, d_weights, _ = routing_loss(
        f32([[1, 0], [3, 4]]), SLOTS, modes, RoutingConfig(contrastive=1)
    )
    np.testing.assert_allclose(d_weights, [[0, 4 / 5], [16 / 125, -12 / 125]], rtol=1e-6)
    # Twice its square, at cosine 3/5: times 4 · 3/5.
    slots = f32([[1, 0], [3, 4]])
    _, _, d_slots = routing_loss(slots, slots, modes, RoutingConfig(orthogonality=1))
    by_hand = np.array([[0, 4 / 5], [16 / 125, -12 / 125]]) * 4 * 3 / 5
    np.testing.assert_allclose(d_slots, by_hand, rtol=1e-6)


def reference(weights, slots, modes):
    """The four losses, written anew over torch."""
    n, k = weights.shape
    mean = weights.mean(dim=0)
    cosines = torch.nn.functional.cosine_similarity(slots[:, None], slots[None, :], dim=-1)
    means = [weights[torch.as_tensor(modes == m)].mean(dim=0) for m in np.unique(modes)]
    apart = [
        torch.nn.functional.cosine_similarity(a, b, dim=0)
        for i, a in enumerate(means)
        for b in means[:i]
    ]
    return {
        "weight_entropy": -(weights * (weights + 1e-8).log()).sum(dim=1).mean(),
        "load_balance": -(mean * (mean + 1e-8).log()).sum(),
        "orthogonality": cosines.square().sum() - cosines.diagonal().square().sum(),
        "contrastive": torch.stack(apart).mean() if apart else 0.0 * weights.sum(),
        "assignment": -(weights[torch.arange(n), torch.as_tensor(modes % k)] + 1e-8).log().mean(),
    }


@given(shapes, seeds, st.integers(1, 5), st.booleans())
def test_loss_and_gradients_are_those_of_automatic_differentiation(shape, seed, size, hard):
    n, k = shape
    rng = np.random.default_rng(seed)
    weights = softmax(rng.normal(0, 2, shape))
    if hard:
        weights = np.eye(k, dtype=np.float32)[weights.argmax(axis=1)]
    slots = rng.normal(0, 1, (k, size)).astype(np.float32)
    modes = rng.choice([-5, 0, 1, 2, 900], n)
    config = RoutingConfig(**dict(zip(LOSSES, rng.uniform(0, 2, len(LOSSES)), strict=True)))
    w = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    s = torch.tensor(slots, dtype=torch.float64, requires_grad=True)
    parts = reference(w, s, modes)
    total = (
        -config.weight_entropy * parts["weight_entropy"]
        - config.load_balance * parts["load_balance"]
        + config.orthogonality * parts["orthogonality"]
        + config.contrastive * parts["contrastive"]
        + config.assignment * parts["assignment"]
    )
    total.backward()

    loss, d_weights, d_slots = routing_loss(weights, slots, modes, config)

    for name, value in parts.items():
        assert getattr(loss, name) == pytest.approx(value.item(), rel=1e-9, abs=1e-12), name
    assert loss.total == pytest.approx(total.item(), rel=1e-9, abs=1e-12)
    assert d_weights.dtype == d_slots.dtype == np.float32
    np.testing.assert_allclose(d_weights, w.grad.numpy(), **TOLERANCE)
    np.testing.assert_allclose(d_slots, s.grad.numpy(), rtol=1e-5, atol=1e-5)


def test_one_slot_leaves_nothing_to_route():
    config = RoutingConfig(**dict.fromkeys(LOSSES[:4], 1.0))
    loss, d_weights, d_slots = routing_loss(
        np.ones((3, 1), dtype=np.float32), f32([[1, 2, 3]]), np.array([0, 1, 1]), config
    )
    assert loss[:4] == pytest.approx((0, 0, 0, 1), abs=1e-7)
    np.testing.assert_allclose(d_weights, 2 / 3, rtol=1e-6)
    assert not d_slots.any()


def test_a_slot_without_direction_has_no_gradient():
    slots = f32([[0, 0], [3, 4], [1, 0]])
    loss, _, d_slots = routing_loss(
        np.full((2, 3), 1 / 3, dtype=np.float32),
        slots,
        np.array([0, 1]),
        RoutingConfig(orthogonality=1),
    )
    assert loss.orthogonality == pytest.approx(2 * 0.36)
    assert not d_slots[0].any()
    assert np.isfinite(d_slots).all()
    assert d_slots[1].any()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [4.0, 3.25, 2.5, 1.75, 1.0]),
        ("cosine", [4.0, 4 - 1.5 * (1 - math.sqrt(0.5)), 2.5, 1 + 1.5 * (1 - math.sqrt(0.5)), 1.0]),
        ("exponential", [4.0, 2 * math.sqrt(2), 2.0, math.sqrt(2), 1.0]),
    ],
)
def test_temperature_goes_from_start_to_end(schedule, expected):
    config = RoutingConfig(
        temperature_start=4.0, temperature_end=1.0, temperature_schedule=schedule
    )
    got = [temperature(config, part) for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert got == pytest.approx(expected)
    odd = RoutingConfig(temperature_start=0.7, temperature_end=0.1, temperature_schedule=schedule)
    assert (temperature(odd, 0.0), temperature(odd, 1.0)) == (0.7, 0.1)


def layers_of(predictor, sizes):
    """The predictor's parameters as torch leaves: weight and bias of each layer."""
    flat, leaves = torch.tensor(predictor.parameters, dtype=torch.float64), []
    for wide, high in pairwise(sizes):
        leaves.append(flat[: wide * high].reshape(high, wide).clone().requires_grad_())
        leaves.append(flat[wide * high : wide * high + high].clone().requires_grad_())
        flat = flat[wide * high + high :]
    assert not len(flat)
    return leaves


@pytest.mark.parametrize(("n", "size", "k"), [(1, 3, 1), (33, 4, 2), (256, 100, 5)])
def test_slot_predictor_is_that_of_automatic_differentiation(n, size, k):
    rng = np.random.default_rng(n)
    predictor = SlotPredictor(size, k, seed=3, epsilon=1e-5)
    predictor.parameters += rng.normal(0, 0.1, predictor.parameters.size).astype(np.float32)
    x = rng.normal(0, 1, (n, size)).astype(np.float32)
    weights = softmax(rng.normal(0, 2, (n, k))) * np.float32(1.1)
    leaves = layers_of(predictor, (size, 64, 64, k))
    w = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(x, dtype=torch.float64)
    for layer in range(3):
        y = y @ leaves[2 * layer].T + leaves[2 * layer + 1]
        y = y.relu() if layer < 2 else y
    expected = -(w * y.log_softmax(dim=1)).sum(dim=1).mean()
    (0.3 * expected).backward()

    loss, d_weights = predictor.differentiate(x, weights, 0.3)

    assert loss == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(d_weights, w.grad.numpy(), **TOLERANCE)
    gradient = torch.cat([leaf.grad.ravel() for leaf in leaves]).numpy()
    np.testing.assert_allclose(predictor.gradient, gradient, rtol=1e-4, atol=1e-6)


def test_slot_predictor_begins_orthogonal_and_even():
    predictor = SlotPredictor(4, 3, seed=1, epsilon=1e-5)
    first, bias, second, _, last, _ = (
        t.detach().numpy() for t in layers_of(predictor, (4, 64, 64, 3))
    )
    np.testing.assert_allclose(first.T @ first, 2 * np.eye(4), atol=1e-5)
    np.testing.assert_allclose(second @ second.T, 2 * np.eye(64), atol=1e-5)
    np.testing.assert_allclose(last @ last.T, 1e-4 * np.eye(3), atol=1e-9)
    assert not bias.any()
    x = np.random.default_rng(0).normal(0, 1, (50, 4)).astype(np.float32)
    weights = np.eye(3, dtype=np.float32)[np.arange(50) % 3]
    assert predictor.differentiate(x, weights, 1.0)[0] == pytest.approx(math.log(3), abs=0.03)
    again, other = (SlotPredictor(4, 3, seed=s, epsilon=1e-5).parameters for s in (1, 2))
    assert (again == predictor.parameters).all()
    assert (other != predictor.parameters).any()


def batches(seed, count):
    """Mini-batches whose slot is the sign of the first component."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        x = rng.normal(0, 1, (64, 4)).astype(np.float32)
        yield x, np.eye(2, dtype=np.float32)[(x[:, 0] > 0).astype(int)]


def train(predictor, seed, count):
    losses = []
    for x, weights in batches(seed, count):
        losses.append(predictor.differentiate(x, weights, 1.0)[0])
        predictor.step(3e-3, 0.5)
    return losses


def test_slot_predictor_learns_and_tells_the_gate():
    predictor = SlotPredictor(4, 2, seed=1, epsilon=1e-5)
    losses = train(predictor, 5, 300)
    assert losses[0] == pytest.approx(math.log(2), abs=0.05)
    assert np.mean(losses[-20:]) < 0.15
    # An undecided gate is pulled to the slot that the observation foretells.
    x, foretold = next(batches(6, 1))
    clear = np.abs(x[:, 0]) > 0.5
    _, d_weights = predictor.differentiate(x, np.full((64, 2), 0.5, dtype=np.float32), 1.0)
    assert (d_weights.argmin(axis=1) == foretold.argmax(axis=1))[clear].all()


def test_slot_predictor_restored_continues_bit_for_bit():
    unbroken = SlotPredictor(4, 2, seed=1, epsilon=1e-5)
    train(unbroken, 7, 10)
    state = unbroken.state()
    frozen = {name: array.copy() for name, array in state.items()}
    losses = train(unbroken, 8, 10)
    resumed = SlotPredictor(4, 2, seed=99, epsilon=1e-5)
    resumed.restore(state)
    assert train(resumed, 8, 10) == losses
    for name, array in unbroken.state().items():
        np.testing.assert_array_equal(resumed.state()[name], array, err_msg=name)
        # What was handed out is a copy, not the memory that goes on learning.
        np.testing.assert_array_equal(state[name], frozen[name], err_msg=name)
    assert resumed.state()["adam.steps"].tolist() == [20]


def test_slot_predictor_refuses_the_state_of_another_size():
    state = SlotPredictor(4, 3, seed=1, epsilon=1e-5).state()
    with pytest.raises(PolicyError, match="has 4675 parameters; this run's has 4610"):
        SlotPredictor(4, 2, seed=1, epsilon=1e-5).restore(state)

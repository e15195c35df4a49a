"""Adam is PyTorch's, gradient clipping included, and what is frozen stays as it is, bit for bit."""

import numpy as np
import pytest
import torch

from ratchet.learning.adam import Adam


@pytest.mark.parametrize("max_norm", [0.5, 1e9])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_same_as_pytorch(max_norm, frozen):
    rng = np.random.default_rng(1)
    size = 300
    start = rng.normal(0, 1, size).astype(np.float32)
    learns = rng.random(size) < 0.6 if frozen else np.ones(size, dtype=np.bool_)
    theirs = torch.nn.Parameter(torch.from_numpy(start[learns].copy()))
    optimizer = torch.optim.Adam([theirs], lr=1e-3, eps=1e-5)
    ours, adam = start.copy(), Adam(learns, epsilon=1e-5)
    for step in range(200):
        gradient = rng.normal(0, 0.2, size).astype(np.float32)
        rate = 1e-3 / (1 + step)
        optimizer.param_groups[0]["lr"] = rate
        theirs.grad = torch.from_numpy(gradient[learns].copy())
        norm = torch.nn.utils.clip_grad_norm_([theirs], max_norm)
        optimizer.step()
        got = adam.step(ours, gradient, rate=rate, max_norm=max_norm)
        assert got == pytest.approx(norm.item(), rel=1e-5)
    np.testing.assert_allclose(ours[learns], theirs.detach().numpy(), rtol=0, atol=1e-6)
    assert (ours[~learns] == start[~learns]).all()
    assert adam.steps == 200


def test_what_is_frozen_is_not_even_looked_at():
    learns = np.array([True, False])
    parameters = np.ones(2, dtype=np.float32)
    adam = Adam(learns, epsilon=1e-5)
    norm = adam.step(parameters, np.array([0.3, np.nan], dtype=np.float32), rate=0.1, max_norm=10.0)
    assert norm == pytest.approx(0.3)
    assert parameters[1] == 1.0
    assert parameters[0] == pytest.approx(0.9, abs=1e-4)
    assert adam.first[1] == adam.second[1] == 0.0


def test_begun_anew_it_is_a_new_one():
    rng = np.random.default_rng(2)
    learns = np.ones(5, dtype=np.bool_)
    gradients = rng.normal(0, 1, (2, 5)).astype(np.float32)
    used, fresh = Adam(learns, epsilon=1e-5), Adam(learns, epsilon=1e-5)
    used.step(np.zeros(5, dtype=np.float32), gradients[0], rate=0.1, max_norm=1.0)
    used.begin_anew()
    first, second = np.zeros((2, 5), dtype=np.float32)
    used.step(first, gradients[1], rate=0.1, max_norm=1.0)
    fresh.step(second, gradients[1], rate=0.1, max_norm=1.0)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_large_vector_is_the_same_in_two_parts(share):
    """Against small ones of its own: each parameter is by itself, but for the norm."""
    rng = np.random.default_rng(3)
    size = (1 << 18) + 4321
    learns = np.ones(size, dtype=np.bool_)
    learns[: int(size * (1 - share))] = False
    start = rng.normal(0, 1, size).astype(np.float32)
    large, adam = start.copy(), Adam(learns, epsilon=1e-5)
    small, places = start.copy(), np.arange(0, size, 1000)
    reference = Adam(learns[places], epsilon=1e-5)
    for _ in range(3):
        gradient = rng.normal(0, 0.1, size).astype(np.float32)
        norm = adam.step(large, gradient, rate=1e-3, max_norm=1.0)
        assert norm == pytest.approx(np.linalg.norm(gradient[learns].astype(np.float64)))
        part = small[places]
        # With the norm of the whole vector, and not of these alone.
        scale = min(1.0 / (norm + 1e-6), 1.0)
        reference.step(part, gradient[places] * np.float32(scale), rate=1e-3, max_norm=np.inf)
        small[places] = part
    np.testing.assert_allclose(large[places], small[places], rtol=0, atol=1e-7)
    np.testing.assert_array_equal(large[~learns], start[~learns])


def test_what_dwindles_becomes_zero_before_it_is_subnormal():
    """Decayed to nothing, a weight would make every product with it slow."""
    optimizer = Adam(np.ones(3, dtype=np.bool_), epsilon=1e-8)
    parameters = np.array([1e-30, 1e-39, 0.5], dtype=np.float32)
    gradient = np.array([1e-20, 0.0, 1.0], dtype=np.float32)
    smallest = np.finfo(np.float32).tiny
    for _ in range(2000):
        optimizer.step(parameters, gradient, rate=0.0, max_norm=np.inf)
        gradient[:] = 0.0
        for array in (parameters, optimizer.first, optimizer.second):
            assert not np.any((array != 0.0) & (np.abs(array) < smallest))
    assert parameters[0] != 0.0
    assert parameters[1] == 0.0
    assert optimizer.first[2] == 0.0

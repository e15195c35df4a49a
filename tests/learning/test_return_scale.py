"""The scale of returns is a running deviation within batches."""

import numpy as np
import pytest

from ratchet.learning.return_scale import ReturnScale


def test_it_is_the_mean_variance_of_batches_and_then_a_moving_one():
    scale = ReturnScale()
    assert scale.deviation == 1.0
    # Far from zero, and each by itself: only how far returns lie from each other counts.
    scale = scale.after(np.array([100.0, 104.0], dtype=np.float32))
    assert scale.deviation == pytest.approx(2.0)
    scale = scale.after(np.array([-7.0, -1.0], dtype=np.float32))
    assert scale.variance == pytest.approx((4.0 + 9.0) / 2)
    for _ in range(200):
        scale = scale.after(np.array([0.0, 20.0], dtype=np.float32))
    assert scale.deviation == pytest.approx(10.0, rel=1e-3)
    assert scale.batches == 202


def test_returns_that_are_all_alike_have_the_scale_1():
    assert ReturnScale().after(np.full(5, 3.0, dtype=np.float32)).deviation == 1.0

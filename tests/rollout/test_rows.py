"""Rows kept by the numbers that are not zero: out comes what went in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ratchet.rollout.rows import Rows

dense = st.tuples(st.integers(0, 6), st.integers(1, 5)).flatmap(
    lambda shape: arrays(
        np.float32, shape, elements=st.sampled_from([0.0, 0.0, 1.0, -2.5, 1e-30, 3e38])
    )
)


@given(dense, st.data())
def test_out_comes_what_went_in(array, data):
    rows = Rows.of(array)
    assert len(rows) == len(array)
    every = np.arange(len(array))
    np.testing.assert_array_equal(rows.dense(every), array)
    if len(array):
        which = np.array(data.draw(st.lists(st.integers(0, len(array) - 1), max_size=8)), dtype=int)
        np.testing.assert_array_equal(rows.dense(which), array[which])
        cut = data.draw(st.integers(0, len(array)))
        parts = [Rows.of(array[:cut]), Rows.of(array[cut:])]
        np.testing.assert_array_equal(Rows.joined(parts).dense(every), array)


@pytest.mark.parametrize(("width", "kind"), [(1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)])
def test_the_last_column_has_a_number(width, kind):
    array = np.zeros((2, width), dtype=np.float32)
    array[1, -1] = 7.0
    rows = Rows.of(array)
    assert rows.columns.dtype == kind
    assert rows.nbytes < 100
    np.testing.assert_array_equal(rows.dense(np.arange(2)), array)

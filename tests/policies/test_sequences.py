"""Sequences: taken and cut as one would by hand; a cut stretch with its state handed over is the same."""

from dataclasses import replace

import numpy as np
import pytest

from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.policies.recurrent.sequences import cut_rows
from strategies import random_policy, random_sequences, recurrent_spec

ASTRAL = recurrent_spec(slots=3)
NOISE = {"added": True, "kept": True}


def test_rows_are_cut_into_pieces_side_by_side():
    array = np.array([[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]])
    assert cut_rows(array, 2).tolist() == [[1, 2, 5, 6, 9, 10], [3, 4, 7, 8, 0, 0]]
    assert cut_rows(array, 3).tolist() == [[1, 2, 7, 8], [3, 4, 9, 10], [5, 6, 0, 0]]
    assert cut_rows(array, 5).tolist() == array.tolist()
    assert cut_rows(array > 3, 4).dtype == np.bool_
    deep = np.arange(12).reshape(3, 2, 2)
    assert cut_rows(deep, 2)[:, 2].tolist() == [[8, 9], [0, 0]]


def test_taken_stretches():
    x = random_sequences(ASTRAL, **NOISE)
    part = x.take([3, 1])
    assert len(x) == 5
    assert len(part) == 2
    for name in ("inputs", "begins", "valid", "added", "kept"):
        np.testing.assert_array_equal(getattr(part, name), getattr(x, name)[:, [3, 1]])
    np.testing.assert_array_equal(part.starts, x.starts[[3, 1]])
    plain = random_sequences(ASTRAL).take(slice(1, 3))
    assert plain.added is None
    assert plain.kept is None


@pytest.mark.parametrize("noise", [{}, NOISE])
@pytest.mark.parametrize("length", [1, 2, 3, 6, 7, 100])
def test_cut_with_the_states_handed_over_the_outputs_are_the_same(length, noise):
    network = RecurrentNetwork(random_policy(ASTRAL))
    x = random_sequences(ASTRAL, **noise)
    values, states = network.evaluate(x)
    outputs, _ = network.outputs(x)
    pieces = x.cut(length, states)
    assert len(pieces.inputs) == min(length, 7)
    assert pieces.valid.sum() == x.valid.sum()
    # Which cell of the whole each row of the pieces is.
    cells = np.full(x.valid.shape, -1)
    cells[x.valid] = np.arange(x.valid.sum())
    rows = cells if length >= 7 else cut_rows(cells, length)
    rows = rows[pieces.valid]
    assert sorted(rows) == list(range(len(values)))
    tolerance = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(network.values(pieces), values[rows], **tolerance)
    np.testing.assert_allclose(network.outputs(pieces)[0], outputs[rows], **tolerance)


def test_padding_is_harmless():
    """What a cut adds at the end is no step: it has neither value nor gradient, nor a gate without slots."""
    network = RecurrentNetwork(random_policy(ASTRAL))
    x = random_sequences(ASTRAL, **NOISE)
    pieces = x.cut(4, network.evaluate(x)[1])
    assert pieces.kept.any(axis=2).all()
    assert not pieces.valid[3, 5:].any()
    network.differentiate(pieces, lambda outputs, _: np.ones_like(outputs), np.ones_like)
    assert np.isfinite(network.gradient).all()
    first = network.gradient.copy()
    other = np.where(pieces.valid[..., None], pieces.inputs, 7.0).astype(np.float32)
    network.differentiate(
        replace(pieces, inputs=other), lambda outputs, _: np.ones_like(outputs), np.ones_like
    )
    np.testing.assert_array_equal(network.gradient, first)

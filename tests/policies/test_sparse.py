"""Rows without their zeros: the same numbers, the same products and the same gradients as with them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playing import seen
from ratchet.policies.actor import Actor
from ratchet.policies.low_rank import LowRankNetwork
from ratchet.policies.mlp import TorchNetwork
from ratchet.policies.network import Beside, CompiledNetwork
from ratchet.policies.sparse import WIDE, SparseRows, compact, joined
from strategies import box_spec, discrete_spec, random_policy, seeds

densities = st.sampled_from([0.0, 0.02, 0.1, 0.6])


def rows_of(rng, n, width, density):
    return seen(rng, n, width, density)


@given(seeds, st.integers(0, 20), st.integers(1, 30), densities)
def test_what_is_kept_is_what_there_was(seed, n, width, density):
    rng = np.random.default_rng(seed)
    dense = rows_of(rng, n, width, density)
    sparse = SparseRows.of(dense)
    np.testing.assert_array_equal(sparse.dense(), dense)
    assert len(sparse) == n
    assert sparse.lengths.tolist() == (dense != 0).sum(axis=1).tolist()
    which = rng.integers(0, n, 7) if n else np.zeros(0, dtype=np.int64)
    np.testing.assert_array_equal(sparse[which].dense(), dense[which])
    np.testing.assert_array_equal(sparse[which][1:3].dense(), dense[which][1:3])


@given(seeds, st.integers(1, 20), st.integers(1, 30), st.integers(1, 9), densities)
def test_products_and_weight_gradients_are_those_of_matrices(seed, n, width, out, density):
    rng = np.random.default_rng(seed)
    dense = rows_of(rng, n, width, density)
    sparse = SparseRows.of(np.concatenate([dense, dense]))[np.arange(n)]
    weight = rng.normal(0, 1, (width, out)).astype(np.float32)
    slopes = rng.normal(0, 1, (n, out)).astype(np.float32)
    products, gradient = np.full((n, out), np.nan, "f4"), np.full((width, out), np.nan, "f4")
    sparse.product(weight, products)
    sparse.weight_gradient(slopes, gradient)
    exact = dense.astype(np.float64)
    np.testing.assert_allclose(products, exact @ weight, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradient, exact.T @ slopes, rtol=1e-5, atol=1e-5)


@given(seeds, st.lists(densities, min_size=1, max_size=3))
def test_rows_are_joined_whatever_they_are_kept_as(seed, shares):
    rng = np.random.default_rng(seed)
    parts = [rows_of(rng, n, WIDE, share) for n, share in zip((3, 2, 4), shares, strict=False)]
    both = joined(*(compact(part) for part in parts))
    got = both.dense() if isinstance(both, SparseRows) else both
    np.testing.assert_array_equal(got, np.concatenate(parts))


def test_only_what_is_wide_and_mostly_zeros_is_compacted():
    rng = np.random.default_rng(0)
    wide = rows_of(rng, 5, WIDE, 0.05)
    assert isinstance(compact(wide), SparseRows)
    assert isinstance(compact(compact(wide)), SparseRows)
    narrow, full = rows_of(rng, 5, WIDE - 1, 0.05), rows_of(rng, 5, WIDE, 0.5)
    assert compact(narrow) is narrow
    assert compact(full) is full
    # NaN is not a zero.
    wide[2, 7] = np.nan
    assert np.isnan(compact(wide).dense()[2, 7])


WIDE_SPECS = {
    "apart": discrete_spec(WIDE, 4, actor=(6, 5), critic=(7,), activation="gelu"),
    "shared": discrete_spec(WIDE, 4, shared=(8,), actor=(5,), critic=(), activation="tanh"),
    "no hidden layer": discrete_spec(WIDE, 3, actor=(), critic=(), activation="relu"),
    "continuous": box_spec(WIDE + 3, 2, actor=(5,), critic=(4,), activation="elu"),
}


@pytest.mark.parametrize("name", WIDE_SPECS)
@pytest.mark.parametrize("density", [0.03, 0.7])
def test_a_wide_network_is_pytorchs(name, density):
    spec = WIDE_SPECS[name]
    policy, rng = random_policy(spec, 3), np.random.default_rng(4)
    x = rows_of(rng, 9, spec.observation.size, density)
    ours, theirs = CompiledNetwork(policy), TorchNetwork(policy, "cpu")
    assert isinstance(compact(x), SparseRows) == (density < 0.1)
    for mine, other in zip(ours.outputs(x), theirs.outputs(x), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.values(x), theirs.values(x), rtol=1e-4, atol=1e-4)
    slopes = rng.normal(0, 1, (9, spec.action.size)).astype(np.float32)
    value_slopes = rng.normal(0, 1, 9).astype(np.float32)
    for network in (ours, theirs):
        network.gradient[:] = np.nan
        network.differentiate(x, lambda *_: slopes.copy(), lambda _: value_slopes.copy())
    for tensor in ours.layout.order:
        if tensor != "log_std":
            np.testing.assert_allclose(
                ours.layout.view(ours.gradient, tensor),
                theirs.layout.view(theirs.gradient, tensor),
                rtol=1e-3,
                atol=1e-4,
                err_msg=tensor,
            )


@settings(max_examples=20)
@given(seeds, st.sampled_from([0.02, 0.1]))
def test_sparse_gradients_are_the_dense_ones_to_rounding(seed, density):
    """One zero made tiny in every place: the dense product of the same function."""
    spec = discrete_spec(WIDE, 4, actor=(16, 8), critic=(16,), activation="gelu")
    policy, rng = random_policy(spec, seed), np.random.default_rng(seed)
    x = rows_of(rng, 33, WIDE, density)
    full = np.where(x == 0.0, np.float32(1e-30), x)
    slopes = rng.normal(0, 1, (33, 4)).astype(np.float32)
    value_slopes = rng.normal(0, 1, 33).astype(np.float32)
    gradients = []
    for rows in (x, full):
        network = CompiledNetwork(policy)
        network.differentiate(rows, lambda *_: slopes.copy(), lambda _: value_slopes.copy())
        gradients.append(network.gradient)
    scale = np.abs(gradients[1]).max()
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-4, atol=3e-6 * scale)


@pytest.mark.parametrize("name", WIDE_SPECS)
@pytest.mark.parametrize("densities", [(0.03, 0.03), (0.03, 0.7), (0.7, 0.03)])
def test_what_the_actor_sees_beside_adds_to_its_gradient_alone(name, densities):
    """Against two passes: one over what both see, and one of the actor over the rest."""
    spec = WIDE_SPECS[name]
    policy, rng = random_policy(spec, 5), np.random.default_rng(6)
    both, more = (
        rows_of(rng, n, spec.observation.size, d) for n, d in zip((6, 4), densities, strict=True)
    )
    slopes = rng.normal(0, 1, (10, spec.action.size)).astype(np.float32)
    value_slopes = rng.normal(0, 1, 6).astype(np.float32)
    for make in (CompiledNetwork, lambda p: TorchNetwork(p, "cpu")):
        network = make(policy)
        network.differentiate(both, lambda *_: slopes[:6].copy(), lambda _: value_slopes.copy())
        expected = network.gradient.copy()
        network.differentiate(more, lambda *_: slopes[6:].copy(), None)
        expected += network.gradient
        network.differentiate(
            Beside(both, more), lambda *_: slopes.copy(), lambda _: value_slopes.copy()
        )
        where = network.layout.mask([n for n in network.layout.order if n != "log_std"])
        np.testing.assert_allclose(network.gradient[where], expected[where], rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("name", WIDE_SPECS)
@pytest.mark.parametrize("density", [0.03, 0.7])
def test_work_that_two_threads_share_comes_to_the_same(monkeypatch, name, density):
    spec = WIDE_SPECS[name]
    policy, rng = random_policy(spec, 10), np.random.default_rng(11)
    both, more = (rows_of(rng, n, spec.observation.size, density) for n in (40, 60))
    slopes = rng.normal(0, 1, (100, spec.action.size)).astype(np.float32)
    value_slopes = rng.normal(0, 1, 40).astype(np.float32)

    def passes(network):
        network.gradient[:] = np.nan
        network.differentiate(
            Beside(both, more), lambda *_: slopes.copy(), lambda _: value_slopes.copy()
        )
        return network.gradient.copy(), network.values(both), *network.outputs(more)

    alone = passes(CompiledNetwork(policy))
    monkeypatch.setattr("ratchet.policies.network._MUCH", 0)
    network = CompiledNetwork(policy)
    for _ in range(20):
        shared = passes(network)
        np.testing.assert_array_equal(shared[0], alone[0])
        for one, other in zip(shared[1:], alone[1:], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network.values(both[:1]), alone[1][:1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("which", ["policy", "value"])
def test_what_a_head_raises_is_raised(monkeypatch, which):
    monkeypatch.setattr("ratchet.policies.network._MUCH", 0)
    spec = WIDE_SPECS["apart"]
    network, rng = CompiledNetwork(random_policy(spec, 12)), np.random.default_rng(13)
    x = rows_of(rng, 30, WIDE, 0.03)

    def head(outputs, _=None):
        if which == ("value" if outputs.ndim == 1 else "policy"):
            raise ArithmeticError(which)
        return np.ones_like(outputs)

    with pytest.raises(ArithmeticError, match=which):
        network.differentiate(x, head, head)


def test_wide_first_weights_lie_input_by_input_and_come_back_as_they_were():
    policy = random_policy(WIDE_SPECS["apart"], 7)
    network = CompiledNetwork(policy)
    name = "mlp_extractor.policy_net.0.weight"
    assert network.layout.by_input == {name, "mlp_extractor.value_net.0.weight"}
    flat = network.parameters[network.layout.slices[name]]
    np.testing.assert_array_equal(flat[:6], policy.tensors[name][:, 0])
    for tensor, array in network.layout.unpack(network.parameters).items():
        np.testing.assert_array_equal(array, policy.tensors[tensor])
        assert array.flags.c_contiguous
    shared = CompiledNetwork(random_policy(WIDE_SPECS["shared"]))
    assert shared.layout.by_input == {"mlp_extractor.shared_net.0.weight"}
    assert not CompiledNetwork(random_policy(discrete_spec())).layout.by_input


def test_adapters_stand_on_wide_weights_too():
    """Against an adapter's two products, taken from the gradient of the matrix."""
    policy, rng = random_policy(WIDE_SPECS["apart"], 8), np.random.default_rng(9)
    name = "mlp_extractor.policy_net.0.weight"
    network = LowRankNetwork(CompiledNetwork(policy), [name], 2, seed=1)
    b = network.layout.view(network.parameters, f"{name}.B")
    b[:] = rng.normal(0, 1, b.shape)
    a = network.layout.view(network.parameters, f"{name}.A")
    x = rows_of(rng, 5, WIDE, 0.05)
    tensors = dict(policy.tensors) | {name: policy.tensors[name] + b @ a}
    plain = CompiledNetwork(policy.descend(tensors))
    np.testing.assert_allclose(network.outputs(x)[0], plain.outputs(x)[0], rtol=1e-4, atol=1e-5)
    slopes = rng.normal(0, 1, (5, 4)).astype(np.float32)
    for one in (network, plain):
        one.differentiate(x, lambda *_: slopes.copy(), None)
    of_matrix = plain.layout.view(plain.gradient, name)
    np.testing.assert_allclose(
        network.layout.view(network.gradient, f"{name}.A"), b.T @ of_matrix, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(
        network.layout.view(network.gradient, f"{name}.B"), of_matrix @ a.T, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("name", ["apart", "shared", "no hidden layer"])
def test_an_action_depends_neither_on_company_nor_on_zeros_being_passed_over(name):
    spec = WIDE_SPECS[name]
    actor, rng = Actor(random_policy(spec, 10)), np.random.default_rng(11)
    sparse, full = (rows_of(rng, 6, spec.observation.size, density) for density in (0.05, 0.8))
    x = np.stack([sparse, full], axis=1).reshape(12, -1)
    for trunk in ("actor", "critic"):
        mixed = actor.outputs(trunk, x)
        np.testing.assert_array_equal(mixed[::2], actor.outputs(trunk, sparse))
        np.testing.assert_array_equal(mixed[1::2], actor.outputs(trunk, full))
        for row in range(12):
            np.testing.assert_array_equal(
                mixed[row : row + 1], actor.outputs(trunk, x[row : row + 1])
            )
    network = CompiledNetwork(random_policy(spec, 10))
    np.testing.assert_allclose(
        actor.outputs("actor", x), network.outputs(x)[0], rtol=1e-4, atol=1e-4
    )

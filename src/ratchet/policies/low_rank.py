"""Low-rank adapters (LoRA; Hu et al. 2021): a policy learns through the product of two thin matrices.

A chosen weight matrix W ``(out, in)`` becomes W + B A, with A ``(r, in)`` and B ``(out, r)``. Only A and B
learn. Invariants:

- the start is the given policy, bit for bit: B begins as zeros;
- tensors that no adapter is on are never written;
- W is always taken from the frozen start, so that rounding errors do not add up over the steps.

The product is not scaled (``alpha = r`` in the paper's notation): under Adam, as the paper says, another
alpha is about another learning rate, and of that there is already one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from ratchet.errors import PolicyError
from ratchet.policies.network import FloatArray, Layout, Network
from ratchet.policies.scopes import ADAPTER
from ratchet.policies.spec import Spec
from ratchet.seeding import derive

Shapes = Mapping[str, tuple[int, ...]]

_CRITIC = ("value_net.", "mlp_extractor.value_net.")


def adapter_layers(spec: Spec, patterns: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Return the names of the weight matrices that get an adapter.

    Weight matrices are the two-dimensional tensors named ``*.weight``, ``*.weight_ih`` and
    ``*.weight_hh``; biases, ``log_std`` and a bank of ``slots`` are none.

    Parameters
    ----------
    spec
        The architecture whose tensors are meant.
    patterns
        Shell patterns over tensor names, such as ``mlp_extractor.policy_net.*``; None for all weight
        matrices but the critic's.

    Returns
    -------
    tuple of str
        At least one name, in the order of the forward pass.

    Raises
    ------
    PolicyError
        If no weight matrix matches.

    """
    weights = tuple(name for name, shape in spec.tensor_shapes().items() if _is_weight(name, shape))
    if patterns is None:
        return tuple(name for name in weights if not name.startswith(_CRITIC))
    chosen = tuple(name for name in weights if any(fnmatchcase(name, one) for one in patterns))
    if chosen:
        return chosen
    raise PolicyError(
        f"the adapter patterns {', '.join(map(repr, patterns)) or '(none)'} match no weight matrix; "
        f"there are {', '.join(weights)}"
    )


def is_adapter(scope: str) -> bool:
    """Return whether a scope stands for adapters: ``adapter``, or ``adapter:PATTERN,…``."""
    return scope.partition(":")[0] == ADAPTER


def scope_layers(spec: Spec, scope: str) -> tuple[str, ...]:
    """Return the matrices that ``adapter`` (all but the critic's) or ``adapter:PATTERN,…`` stands for.

    Raises
    ------
    PolicyError
        If no weight matrix matches.

    """
    _, chosen, patterns = scope.partition(":")
    return adapter_layers(spec, tuple(patterns.split(",")) if chosen else None)


def adapter_parameters(shapes: Shapes, names: Sequence[str], rank: int) -> int:
    """Return how many numbers the adapters of `rank` on the named matrices hold.

    A matrix's own rank is at most its smaller side, so its adapter has rank ``min(rank, out, in)``: more
    would add numbers, but no function.

    Raises
    ------
    PolicyError
        If the rank is below 1.

    """
    return AdapterLayout(shapes, names, rank).size


def rank_for(shapes: Shapes, names: Sequence[str], parameters: int) -> int:
    """Return the rank whose adapters come nearest to that many numbers, the smaller one of two.

    For comparisons at equal parameter counts. The nearest may still be far: ranks are whole, and at least
    1 and at most the largest that changes anything; `adapter_parameters` says what the rank holds.
    """
    largest = max(min(shapes[name]) for name in names)
    return min(
        range(1, largest + 1),
        key=lambda rank: abs(adapter_parameters(shapes, names, rank) - parameters),
    )


class AdapterLayout(Layout):
    """Where ``<name>.A`` and ``<name>.B`` of each adapted matrix lie in the flat vector.

    Raises
    ------
    PolicyError
        If the rank is below 1.

    """

    def __init__(self, shapes: Shapes, names: Sequence[str], rank: int) -> None:
        if rank < 1:
            raise PolicyError(f"the adapters' rank is {rank}; it must be at least 1")
        self.shapes = {}
        for name in names:
            high, wide = shapes[name]
            own = min(rank, high, wide)
            self.shapes[f"{name}.A"] = (own, wide)
            self.shapes[f"{name}.B"] = (high, own)
        self.order = list(self.shapes)
        self.by_input = frozenset()
        self.slices = {}
        self.size = 0
        for name, shape in self.shapes.items():
            end = self.size + math.prod(shape)
            self.slices[name] = slice(self.size, end)
            self.size = end


@dataclass(frozen=True, kw_only=True)
class _Adapter:
    """One matrix's adapter: views into the flat vectors, and the matrix as it was at the start."""

    start: FloatArray
    weight: FloatArray
    d_weight: FloatArray
    A: FloatArray
    B: FloatArray
    d_a: FloatArray
    d_b: FloatArray


class LowRankNetwork:
    """A network of which only low-rank adapters learn.

    To a learner it is a `Network` whose `parameters` are all A and B: `layout` names them, and `log_std` is
    not among them, so a loss that needs it takes it from `inner`. A begins normal with standard deviation
    ``1 / sqrt(in)``, drawn from `seed`; B begins as zeros.

    `inner` is brought up to date by whatever is asked of this network. Its `parameters` hold the policy as
    one would save it after `merge`.

    Parameters
    ----------
    inner
        The network that computes, with the start policy as its parameters.
    names
        The matrices that get an adapter, as `adapter_layers` returns them.
    rank
        Columns of B and rows of A; for each matrix at most its smaller side.
    seed
        What A is drawn from.

    Raises
    ------
    PolicyError
        If the rank is below 1.

    """

    def __init__(self, inner: Network, names: Sequence[str], rank: int, *, seed: int) -> None:
        self.inner = inner
        self.return_scale = inner.return_scale
        self.layout: Layout = AdapterLayout(inner.layout.shapes, names, rank)
        self.parameters: FloatArray = np.zeros(self.layout.size, dtype=np.float32)
        self.gradient: FloatArray = np.zeros_like(self.parameters)
        self._adapters = [self._adapter(name) for name in names]
        # Not the bare seed: a new policy of that seed has drawn its weights from the same numbers.
        generator = np.random.default_rng(derive("low_rank", seed))
        for one in self._adapters:
            one.A[:] = generator.standard_normal(one.A.shape) / math.sqrt(one.A.shape[1])

    @property
    def parameter_count(self) -> int:
        """How many numbers all A and B hold."""
        return self.layout.size

    def merge(self) -> None:
        """Write W + B A of every adapted matrix into the inner parameters, in place."""
        for one in self._adapters:
            product = one.B @ one.A
            one.weight[:] = one.start
            # Zeros are left out, because a weight of -0.0 plus 0.0 would be 0.0: other bits.
            np.add(one.start, product, out=one.weight, where=product != 0.0)

    def values(self, *args: Any, **kwargs: Any) -> Any:
        """Return the inner network's values, with the adapters as they are now."""
        self.merge()
        return self.inner.values(*args, **kwargs)

    def outputs(self, *args: Any, **kwargs: Any) -> Any:
        """Return the inner network's outputs, with the adapters as they are now."""
        self.merge()
        return self.inner.outputs(*args, **kwargs)

    def differentiate(self, *args: Any, **kwargs: Any) -> None:
        """Fill the inner network's gradient, and from it the one of A and B."""
        self.merge()
        self.inner.differentiate(*args, **kwargs)
        for one in self._adapters:
            np.matmul(one.B.T, one.d_weight, out=one.d_a)
            np.matmul(one.d_weight, one.A.T, out=one.d_b)

    def restore(self, parameters: FloatArray) -> None:
        """Continue from these `parameters` ``(parameter_count,)``.

        Raises
        ------
        PolicyError
            If they belong to adapters of another size.

        """
        if parameters.shape != self.parameters.shape:
            raise PolicyError(
                f"the adapters' parameters have shape {parameters.shape}; "
                f"they should have {self.parameters.shape}"
            )
        self.parameters[:] = parameters
        self.merge()

    def _adapter(self, name: str) -> _Adapter:
        def own(flat: FloatArray, part: str) -> FloatArray:
            return self.layout.view(flat, f"{name}.{part}")

        weight = self.inner.layout.view(self.inner.parameters, name)
        return _Adapter(
            start=weight.copy(),
            weight=weight,
            d_weight=self.inner.layout.view(self.inner.gradient, name),
            A=own(self.parameters, "A"),
            B=own(self.parameters, "B"),
            d_a=own(self.gradient, "A"),
            d_b=own(self.gradient, "B"),
        )


def _is_weight(name: str, shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and name.endswith((".weight", ".weight_ih", ".weight_hh"))

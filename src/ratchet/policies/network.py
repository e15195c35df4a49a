"""A policy that can be differentiated: its parameters as one flat vector, and their gradient as another.

The loss is a function over arrays (`ratchet.learning.loss`); a network only carries arrays forward and
gradients backward. So there is one loss, one optimizer and one meaning of a scope for every network and
device: `CompiledNetwork` here, `RecurrentNetwork`, and for accelerators those of `mlp` and `recurrent_torch`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np

# Numba takes its matrix products from here when it loads a kernel. Loaded now, so that whoever limits
# the threads of a BLAS before the first product limits those of this one too.
import scipy.linalg.cython_blas  # noqa: F401
from numpy.typing import NDArray

from ratchet.policies import kernels
from ratchet.policies.actor import critic_tensors, trunk_sizes, trunk_tensors
from ratchet.policies.policy import Policy, Tensors
from ratchet.policies.sparse import WIDE, Rows, SparseRows, compact, joined
from ratchet.policies.spec import EntitySpec, PolicySpec, RecurrentSpec, Spec

FloatArray = NDArray[np.float32]
T = TypeVar("T")

PolicyHead = Callable[[FloatArray, FloatArray], FloatArray | None]
"""From the actor's outputs ``(n, k)`` and last features ``(n, f)`` to the gradient of the outputs; None
leaves the actor without one."""

ValueHead = Callable[[FloatArray], FloatArray]
"""From values ``(n,)`` to their gradient ``(n,)``."""

Left = deque[Callable[[], None]]
"""What two threads do together, each the next that nobody has begun."""

RoutingHead = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""From a gate's weights ``(n, slots)`` and its slots ``(slots, width)`` to the gradients of both."""


class Layout:
    """Where each named tensor lies in the flat vector.

    Those in `by_input` lie there as ``(in, out)``: the first weights of a perceptron that sees much, so that
    inputs that are zero can be passed over.
    """

    def __init__(self, policy: Policy) -> None:
        self.shapes = policy.spec.tensor_shapes()
        self.order = list(self.shapes)
        self.by_input = _wide_weights(policy.spec)
        self.slices: dict[str, slice] = {}
        offset = 0
        for name in self.order:
            size = int(np.prod(self.shapes[name]))
            self.slices[name] = slice(offset, offset + size)
            offset += size
        self.size = offset

    def pack(self, tensors: Tensors) -> FloatArray:
        """Return the tensors as one new flat vector."""
        flat = np.empty(self.size, dtype=np.float32)
        for name in self.order:
            self.view(flat, name)[...] = tensors[name]
        return flat

    def unpack(self, flat: FloatArray) -> dict[str, FloatArray]:
        """Return copies of the named tensors."""
        return {name: self.view(flat, name).copy() for name in self.order}

    def view(self, flat: FloatArray, name: str) -> FloatArray:
        """Return a tensor's part of the flat vector in the tensor's shape; to write there is to write it."""
        part, shape = flat[self.slices[name]], self.shapes[name]
        return part.reshape(shape[::-1]).T if name in self.by_input else part.reshape(shape)

    def mask(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return a flat mask that is true on the named tensors."""
        mask = np.zeros(self.size, dtype=np.bool_)
        for name in names:
            mask[self.slices[name]] = True
        return mask

    def span(self, names: Sequence[str]) -> slice:
        """Return the slice that neighbouring tensors fill together."""
        if not names:
            return slice(0, 0)
        return slice(self.slices[names[0]].start, self.slices[names[-1]].stop)


def _wide_weights(spec: Spec) -> frozenset[str]:
    """Return the names of the weights that stand input by input."""
    if isinstance(spec, RecurrentSpec):
        return frozenset()
    if isinstance(spec, EntitySpec):
        firsts = ["mlp_extractor.policy_net.0.weight", critic_tensors(spec.critic)[0]]
    else:
        names = trunk_tensors(spec)
        firsts = [
            names[trunk][0] for trunk in (("shared",) if spec.shared else ("actor", "critic"))
        ]
    shapes = spec.tensor_shapes()
    return frozenset(name for name in firsts if shapes[name][1] >= WIDE)


@dataclass(frozen=True)
class Beside:
    """Observations ``(n, size)``, and others ``(m, size)`` that only the actor sees."""

    both: Rows
    actor: Rows


class Network(Protocol):
    """What the learner needs of a network.

    What it sees, `x`, is ``(n, size)`` observations for a perceptron and `Sequences` for a recurrent network;
    either way its outputs have one row for each transition. A perceptron can be differentiated for
    observations `Beside` others: then its actor's outputs have ``n + m`` rows and its values `n`.
    """

    layout: Layout
    parameters: FloatArray
    gradient: FloatArray
    return_scale: float
    """About the size of a return; the error of values is measured in it."""

    def values(self, x: Any) -> FloatArray:
        """Return values ``(n,)`` of what the network sees."""
        ...

    def outputs(self, x: Any) -> tuple[FloatArray, FloatArray]:
        """Return the actor's outputs ``(n, k)`` and its last features ``(n, f)``."""
        ...

    def differentiate(
        self,
        x: Any,
        policy_head: PolicyHead | None,
        value_head: ValueHead | None,
        routing_head: RoutingHead | None = None,
    ) -> None:
        """Fill `gradient` (log_std excepted: the policy head owns it) for a mini-batch.

        A head that is None has no part in it: what it alone needs is neither run nor moved.
        """
        ...


class SequenceNetwork(Network, Protocol):
    """What the learner needs of a recurrent network beside that; what it sees are `Sequences`."""

    temperature: float
    """Of the gate's softmax, if there is a gate."""

    def learns_in(self, learns: NDArray[np.bool_]) -> None:
        """Say which parameters will be used of the gradient, so that the others' may be spared."""
        ...

    def evaluate(self, x: Any) -> tuple[FloatArray, FloatArray]:
        """Return the value of every valid cell ``(n,)``, and the states ``(steps, n, width)``."""
        ...

    def value_after(self, states: FloatArray, inputs: FloatArray) -> FloatArray:
        """Return the values ``(n,)`` of `inputs` ``(n, input size)`` met in `states` ``(n, width)``."""
        ...


_MUCH = 1 << 22
"""Products of a pass, a row and a weight each, from which on it is worth handing over a part of the work."""


class Trunk:
    """One trunk's slice of the parameters, with the memory that its passes need."""

    def __init__(
        self,
        sizes: Sequence[int],
        parameters: FloatArray,
        gradient: FloatArray,
        activation: int,
        *,
        activate_last: bool = False,
        by_input: bool = False,
    ) -> None:
        self.sizes = np.array(sizes, dtype=np.int64)
        self.parameters = parameters
        self.gradient = gradient
        self.activation = activation
        self.activate_last = activate_last
        self.by_input = by_input
        self._rows = 0

    def forward(self, x: Rows) -> FloatArray:
        """Return outputs ``(n, out)``: a view that the next pass overwrites."""
        if len(x) > self._rows:
            self._rows = len(x)
            parts = 2 if self.activation == kernels.GELU else 1
            self.kept = np.empty(parts * self._rows * int(self.sizes[1:].sum()), dtype=np.float32)
            self.errors = np.empty(self._rows * int(self.sizes[1:].sum()), dtype=np.float32)
        sparse = isinstance(x, SparseRows)
        if isinstance(x, SparseRows):
            wide, high = int(self.sizes[0]), int(self.sizes[1])
            products = self.kept[: len(x) * high].reshape(len(x), high)
            x.product(self.parameters[: wide * high].reshape(wide, high), products)
        result: FloatArray = kernels.forward(
            _rows_of(x),
            self.sizes,
            self.parameters,
            self.activation,
            self.activate_last,
            self.by_input,
            sparse,
            self.kept,
        )
        return result

    def products(self, x: Rows) -> int:
        """Return how many products a pass of so many rows makes, those with sparse rows left out."""
        spared = int(self.sizes[0] * self.sizes[1]) if isinstance(x, SparseRows) else 0
        return len(x) * (self.parameters.size - spared)

    def features(self, x: Rows) -> FloatArray:
        """Return the input of the last layer, as the latest `forward` of `x` computed it."""
        if len(self.sizes) == 2:
            return x.dense() if isinstance(x, SparseRows) else x
        n, width = len(x), int(self.sizes[-2])
        end = n * int(self.sizes[1:-1].sum())
        return self.kept[end - n * width : end].reshape(n, width)

    def backward(
        self, x: Rows, d_out: FloatArray, d_x: FloatArray, left: Left | None = None
    ) -> None:
        """Fill the gradient, and `d_x` if it has rows, after a `forward` of the same `x`.

        Where that is much work, the gradients of the weights are `left` to whoever has time, if there is such a
        list: until all on it is done, `x` has to stay as it is.
        """
        architecture = self.activation, self.activate_last, self.by_input
        if left is not None and self.products(x) >= _MUCH:
            kernels.backward(
                _rows_of(x),
                self.sizes,
                self.parameters,
                *architecture,
                self.kept,
                d_out,
                d_x,
                self.errors,
            )
            left.extend(partial(self._weigh, x, layer) for layer in range(len(self.sizes) - 1))
            return
        kernels.backward_and_weigh(
            _rows_of(x),
            self.sizes,
            self.parameters,
            *architecture,
            isinstance(x, SparseRows),
            self.kept,
            d_out,
            self.gradient,
            d_x,
            self.errors,
        )
        self._weigh_sparse(x)

    def _weigh(self, x: Rows, layer: int) -> None:
        """Fill the gradient of one layer."""
        kernels.weigh(
            _rows_of(x),
            self.sizes,
            layer,
            self.by_input,
            isinstance(x, SparseRows),
            self.kept,
            self.errors,
            self.gradient,
        )
        if layer == 0:
            self._weigh_sparse(x)

    def _weigh_sparse(self, x: Rows) -> None:
        """Fill the gradient of the first weight, if that is not the kernels' to fill."""
        if isinstance(x, SparseRows):
            wide, high = int(self.sizes[0]), int(self.sizes[1])
            error = self.errors[: len(x) * high].reshape(len(x), high)
            x.weight_gradient(error, self.gradient[: wide * high].reshape(wide, high))


def work_off(left: Left) -> None:
    """Do what is left to do, until somebody has taken the last of it."""
    while True:
        try:
            work = left.popleft()
        except IndexError:
            return
        work()


def side_by_side(
    pool: ThreadPoolExecutor, here: Callable[[], None], beside: Callable[[], None], left: Left
) -> None:
    """Do two things at once, the second in the pool's thread, and in both threads what the two leave."""

    def and_the_rest() -> None:
        beside()
        work_off(left)

    there = [pool.submit(and_the_rest)]
    here()
    if left:
        # That thread may have come to its end before there was anything left.
        there.append(pool.submit(work_off, left))
    work_off(left)
    for each in there:
        each.result()


def _rows_of(x: Rows) -> FloatArray:
    """Return rows for a kernel that is not to look at them where they are sparse."""
    return np.empty((len(x), 0), dtype=np.float32) if isinstance(x, SparseRows) else x


_NO_ROWS = np.empty((0, 0), dtype=np.float32)


class CompiledNetwork:
    """A multilayer perceptron on the CPU, in compiled kernels; actor and critic run side by side.

    The two trunks share nothing but the mini-batch, so each has its own thread, and the one that is done first
    helps the other; every sum is still taken in one order, and results do not depend on timing.
    """

    return_scale = 1.0

    def __init__(self, policy: Policy) -> None:
        spec = policy.spec
        assert isinstance(spec, PolicySpec)
        self.layout = Layout(policy)
        self.parameters = self.layout.pack(policy.tensors)
        self.gradient = np.zeros_like(self.parameters)
        activation = kernels.ACTIVATIONS[spec.activation]
        names, sizes = trunk_tensors(spec), trunk_sizes(spec)

        def trunk(name: str, *, activate_last: bool = False) -> Trunk:
            where = self.layout.span(names[name])
            return Trunk(
                sizes[name],
                self.parameters[where],
                self.gradient[where],
                activation,
                activate_last=activate_last,
                by_input=names[name][0] in self.layout.by_input,
            )

        self._actor, self._critic = trunk("actor"), trunk("critic")
        # Passes over many rows, forward alone, are made by both threads.
        self._actors, self._critics = (self._actor, trunk("actor")), (self._critic, trunk("critic"))
        self._shared = trunk("shared", activate_last=True) if spec.shared else None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="critic")

    def values(self, x: Rows) -> FloatArray:
        """Return values ``(n,)`` of what the network sees, ``(n, size)``."""

        def read(trunk: Trunk, seen: Rows) -> FloatArray:
            return trunk.forward(seen)[:, 0].copy()

        return np.concatenate(self._in_halves(read, self._critics, self._features(x)))

    def outputs(self, x: Rows) -> tuple[FloatArray, FloatArray]:
        """Return the actor's outputs ``(n, k)`` and its last features ``(n, f)``."""

        def read(trunk: Trunk, seen: Rows) -> tuple[FloatArray, FloatArray]:
            outputs = trunk.forward(seen).copy()
            return outputs, trunk.features(seen).copy()

        parts = self._in_halves(read, self._actors, self._features(x))
        outputs, features = (np.concatenate(one) for one in zip(*parts, strict=True))
        return outputs, features

    def differentiate(
        self,
        x: Rows | Beside,
        policy_head: PolicyHead | None,
        value_head: ValueHead | None,
        routing_head: RoutingHead | None = None,  # noqa: ARG002 - it has no gate
    ) -> None:
        """Fill `gradient` (log_std excepted: the policy head owns it) for a mini-batch ``(n, size)``."""
        both = compact(x.both if isinstance(x, Beside) else x)
        acted = joined(both, compact(x.actor)) if isinstance(x, Beside) else both
        if self._shared is None and (policy_head is None or value_head is None):
            # One trunk alone needs no thread, and leaves a BLAS of several the whole machine.
            self._differentiate_critic(both, value_head, _NO_ROWS)
            self._differentiate_actor(acted, policy_head, _NO_ROWS)
            return
        if self._shared is None:
            left: Left = deque()
            side_by_side(
                self._pool,
                lambda: self._differentiate_actor(acted, policy_head, _NO_ROWS, left),
                lambda: self._differentiate_critic(both, value_head, _NO_ROWS, left),
                left,
            )
            return
        seen = self._shared.forward(acted)
        valued = seen[: len(both)]
        d_actor, d_critic = np.zeros_like(seen), np.zeros_like(valued)
        self._differentiate_critic(valued, value_head, d_critic)
        self._differentiate_actor(seen, policy_head, d_actor)
        d_actor[: len(both)] += d_critic
        self._shared.backward(acted, d_actor, _NO_ROWS)

    def _in_halves(
        self, read: Callable[[Trunk, Rows], T], trunks: tuple[Trunk, Trunk], x: Rows
    ) -> list[T]:
        """Return what is read of a trunk that passes over the rows: in two halves at once, if they are many."""
        if len(x) < 2 or trunks[0].products(x) < _MUCH:
            return [read(trunks[0], x)]
        middle = len(x) // 2
        second = self._pool.submit(read, trunks[1], x[middle:])
        return [read(trunks[0], x[:middle]), second.result()]

    def _features(self, x: Rows) -> Rows:
        """Return what both trunks see."""
        seen = compact(x)
        return seen if self._shared is None else self._shared.forward(seen)

    def _differentiate_actor(
        self,
        x: Rows,
        policy_head: PolicyHead | None,
        d_x: FloatArray,
        left: Left | None = None,
    ) -> None:
        d_outputs = None
        if policy_head is not None:
            outputs = self._actor.forward(x)
            d_outputs = policy_head(outputs, self._actor.features(x))
        if d_outputs is None:
            self._actor.gradient[:] = 0.0
        else:
            self._actor.backward(x, d_outputs, d_x, left)

    def _differentiate_critic(
        self,
        x: Rows,
        value_head: ValueHead | None,
        d_x: FloatArray,
        left: Left | None = None,
    ) -> None:
        if value_head is None:
            self._critic.gradient[:] = 0.0
            return
        d_values = value_head(self._critic.forward(x)[:, 0])
        self._critic.backward(x, d_values.reshape(-1, 1), d_x, left)

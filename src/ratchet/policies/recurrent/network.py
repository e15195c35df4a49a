"""A recurrent policy that can be differentiated: its passes over sequences, forward and back through time.

The gradient is exact within the sequences (truncated back-propagation through time: no gradient passes the
start of a stretch or of an episode).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ratchet.policies import kernels
from ratchet.policies.network import (
    FloatArray,
    Layout,
    PolicyHead,
    RoutingHead,
    Trunk,
    ValueHead,
)
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent import kernels as recurrent_kernels
from ratchet.policies.recurrent.sequences import Sequences
from ratchet.policies.spec import RecurrentSpec

_NO_ROWS = np.empty((0, 0), dtype=np.float32)
_ALL_SLOTS = np.empty((0, 0), dtype=np.bool_)
_TRUNK = ("encoder.", "gru.")


class RecurrentNetwork:
    """A recurrent policy with flat parameters and gradient, compiled.

    `temperature` is the gate's, which training anneals. A network whose trunk does not learn (`learns_in`)
    spares itself the way back through time.
    """

    def __init__(self, policy: Policy) -> None:
        spec = policy.spec
        assert isinstance(spec, RecurrentSpec)
        self._spec = spec
        self.layout = Layout(policy)
        self.parameters = self.layout.pack(policy.tensors)
        self.gradient = np.zeros_like(self.parameters)
        self.temperature = spec.temperature
        self.return_scale = spec.return_scale
        self._through_time = True
        wide = spec.width

        def trunk(names: list[str], *sizes: int, activate_last: bool = False) -> Trunk:
            where = self.layout.span(names)
            return Trunk(
                sizes,
                self.parameters[where],
                self.gradient[where],
                kernels.RELU,
                activate_last=activate_last,
            )

        def layers(*names: str) -> list[str]:
            return [f"{name}.{part}" for name in names for part in ("weight", "bias")]

        def view(name: str, flat: FloatArray) -> FloatArray:
            return flat[self.layout.slices[name]].reshape(self.layout.shapes[name])

        self._encoder = trunk(layers("encoder.0"), spec.input_size, wide, activate_last=True)
        self._from_input = trunk(["gru.weight_ih", "gru.bias_ih"], wide, 3 * wide)
        self._weight = view("gru.weight_hh", self.parameters)
        self._bias = view("gru.bias_hh", self.parameters)
        self._d_weight = view("gru.weight_hh", self.gradient)
        self._d_bias = view("gru.bias_hh", self.gradient)
        if spec.slots:
            self._gate = trunk(layers("gate.0", "gate.2"), wide, wide, spec.slots)
            self._slots = view("slots", self.parameters)
            self._d_slots = view("slots", self.gradient)
            self._film = trunk(layers("film.0", "film.2"), wide, wide, 2 * wide)
        actor = layers("mlp_extractor.policy_net.0", "action_net")
        self._actor = trunk(actor, wide, wide, spec.action.size)
        self._critic = trunk(layers("mlp_extractor.value_net.0", "value_net"), wide, wide, 1)

    def learns_in(self, learns: NDArray[np.bool_]) -> None:
        """Say which parameters will be used of the gradient: without the trunk's it stops at the GRU."""
        names = [name for name in self.layout.order if name.startswith(_TRUNK)]
        self._through_time = bool(learns[self.layout.span(names)].any())

    def values(self, x: Sequences) -> FloatArray:
        """Return the value of every valid cell ``(n,)``."""
        return self.evaluate(x)[0]

    def evaluate(self, x: Sequences) -> tuple[FloatArray, FloatArray]:
        """Return the value of every valid cell ``(n,)``, and the GRU's states ``(steps, n, width)``."""
        states = self._unroll(x)
        seen = self._seen(x, states.reshape(-1, self._spec.width))
        values = self._critic.forward(seen)[:, 0] * np.float32(self.return_scale)
        return values[x.valid.ravel()], states

    def value_after(self, states: FloatArray, inputs: FloatArray) -> FloatArray:
        """Return the values ``(n,)`` of `inputs` ``(n, input size)`` met in `states` ``(n, width)``."""
        nothing = np.zeros((1, len(states)), dtype=np.bool_)
        step = Sequences(inputs=inputs[None], starts=states, begins=nothing, valid=~nothing)
        return self.values(step)

    def outputs(self, x: Sequences) -> tuple[FloatArray, FloatArray]:
        """Return the actor's outputs ``(n, k)`` and its last features, of every valid cell."""
        seen = self._seen(x, self._unroll(x).reshape(-1, self._spec.width))
        outputs = self._actor.forward(seen)
        valid = x.valid.ravel()
        return outputs[valid], self._actor.features(seen)[valid]

    def gate(self, x: Sequences) -> FloatArray:
        """Return the gate's weights ``(n, slots)`` of every valid cell."""
        self._seen(x, self._unroll(x).reshape(-1, self._spec.width))
        return self._weights[x.valid.ravel()]

    def differentiate(
        self,
        x: Sequences,
        policy_head: PolicyHead | None,
        value_head: ValueHead | None,
        routing_head: RoutingHead | None = None,
    ) -> None:
        """Fill `gradient` (log_std excepted: the policy head owns it) for a mini-batch of sequences."""
        valid = x.valid.ravel()
        whole = bool(valid.all())
        hidden = self._unroll(x).reshape(-1, self._spec.width)
        seen = self._seen(x, hidden)

        def spread(gradient: FloatArray) -> FloatArray:
            if whole:
                return gradient
            spaced = np.zeros((len(valid), gradient.shape[1]), dtype=np.float32)
            spaced[valid] = gradient
            return spaced

        d_seen = np.zeros_like(seen)
        if value_head is None:
            self._critic.gradient[:] = 0.0
        else:
            scale = np.float32(self.return_scale)
            values = self._critic.forward(seen)[:, 0] * scale
            d_values = value_head(np.ascontiguousarray(values[valid])) * scale
            self._critic.backward(seen, spread(d_values.reshape(-1, 1)), d_seen)
        d_outputs = None
        if policy_head is not None:
            outputs = self._actor.forward(seen)
            d_outputs = policy_head(outputs[valid], self._actor.features(seen)[valid])
        if d_outputs is None:
            self._actor.gradient[:] = 0.0
        else:
            d_actor = np.empty_like(seen)
            self._actor.backward(seen, spread(d_outputs), d_actor)
            d_seen += d_actor
        d_hidden = self._route_back(hidden, d_seen, valid, spread, routing_head)
        if self._through_time:
            self._back_through_time(x, d_hidden)

    def _unroll(self, x: Sequences) -> FloatArray:
        """Run encoder and GRU; return the states ``(steps, n, width)``, kept for the way back."""
        steps, n, size = x.inputs.shape
        wide = self._spec.width
        self._inputs = np.ascontiguousarray(x.inputs.reshape(-1, size))
        self._encoded = self._encoder.forward(self._inputs)
        linear = self._from_input.forward(self._encoded).reshape(steps, n, 3 * wide)
        states = np.empty((steps, n, wide), dtype=np.float32)
        self._befores = np.empty_like(states)
        self._gates = np.empty((steps, n, 4 * wide), dtype=np.float32)
        recurrent_kernels.gru_forward(
            linear, x.starts, x.begins, self._weight, self._bias, states, self._befores, self._gates
        )
        return states

    def _seen(self, x: Sequences, hidden: FloatArray) -> FloatArray:
        """Return what the heads see of the GRU's outputs ``(m, width)``: modulated, if there are slots."""
        spec = self._spec
        if not spec.slots:
            return hidden
        logits = self._gate.forward(hidden)
        if x.added is not None:
            logits = logits + x.added.reshape(logits.shape)
        kept = _ALL_SLOTS if x.kept is None else x.kept.reshape(logits.shape)
        self._soft, self._weights = np.empty_like(logits), np.empty_like(logits)
        temperature = np.float32(self.temperature)
        recurrent_kernels.mix(logits, temperature, spec.hard, kept, self._soft, self._weights)
        self._mixture = self._weights @ self._slots
        self._scale_and_shift = self._film.forward(self._mixture)
        seen = np.empty_like(hidden)
        recurrent_kernels.modulate(hidden, self._scale_and_shift, seen)
        return seen

    def _route_back(
        self,
        hidden: FloatArray,
        d_seen: FloatArray,
        valid: NDArray[np.bool_],
        spread: Callable[[FloatArray], FloatArray],
        routing_head: RoutingHead | None,
    ) -> FloatArray:
        """Carry the gradient of what the heads see back to the GRU's outputs."""
        if not self._spec.slots:
            return d_seen
        d_hidden, d_film = np.empty_like(hidden), np.empty_like(self._scale_and_shift)
        recurrent_kernels.unmodulate(hidden, self._scale_and_shift, d_seen, d_hidden, d_film)
        d_mixture = np.empty_like(self._mixture)
        self._film.backward(self._mixture, d_film, d_mixture)
        d_weights = d_mixture @ self._slots.T
        np.dot(self._weights.T, d_mixture, out=self._d_slots)
        if routing_head is not None:
            extra, d_slots = routing_head(self._weights[valid], self._slots)
            d_weights += spread(extra)
            self._d_slots += d_slots
        d_logits = np.empty_like(d_weights)
        recurrent_kernels.unmix(self._soft, np.float32(self.temperature), d_weights, d_logits)
        d_gate = np.empty_like(hidden)
        self._gate.backward(hidden, d_logits, d_gate)
        d_hidden += d_gate
        return d_hidden

    def _back_through_time(self, x: Sequences, d_hidden: FloatArray) -> None:
        steps, n, wide = self._befores.shape
        d_input = np.empty((steps, n, 3 * wide), dtype=np.float32)
        d_recurrent = np.empty_like(d_input)
        recurrent_kernels.gru_backward(
            d_hidden.reshape(steps, n, wide),
            x.begins,
            self._weight,
            self._befores,
            self._gates,
            d_input,
            d_recurrent,
        )
        flat = d_recurrent.reshape(-1, 3 * wide)
        np.dot(flat.T, self._befores.reshape(-1, wide), out=self._d_weight)
        flat.sum(axis=0, out=self._d_bias)
        d_encoded = np.empty_like(self._encoded)
        self._from_input.backward(self._encoded, d_input.reshape(-1, 3 * wide), d_encoded)
        self._encoder.backward(self._inputs, d_encoded, _NO_ROWS)

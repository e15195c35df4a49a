"""The recurrent policy in PyTorch: how one learns on an accelerator.

Step by step as the equations have it, and differentiated by PyTorch; the tests hold `recurrent` against it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ratchet.errors import PolicyError
from ratchet.policies.network import FloatArray, Layout, PolicyHead, RoutingHead, ValueHead
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.sequences import Sequences
from ratchet.policies.spec import RecurrentSpec

_Tensors = dict[str, torch.Tensor]


class _Pass(NamedTuple):
    """One pass: the states ``(steps, n, width)``, and what was computed for the valid cells alone."""

    states: torch.Tensor
    gate: torch.Tensor | None
    features: torch.Tensor
    outputs: torch.Tensor
    values: torch.Tensor


class TorchRecurrentNetwork:
    """A recurrent policy learning through PyTorch, on `device`; to a learner it is `RecurrentNetwork`.

    Parameters and gradient stay on the host as flat vectors, as in `mlp.TorchNetwork`.

    Raises
    ------
    PolicyError
        If PyTorch does not know the device or cannot use it.

    """

    def __init__(self, policy: Policy, device: str) -> None:
        spec = policy.spec
        assert isinstance(spec, RecurrentSpec)
        self._spec = spec
        self.layout = Layout(policy)
        self.parameters = self.layout.pack(policy.tensors)
        self.gradient = np.zeros_like(self.parameters)
        self.temperature = spec.temperature
        self.return_scale = spec.return_scale
        self._through_time = True
        try:
            self._device = torch.device(device)
            torch.zeros(1).to(self._device)
        except (RuntimeError, AssertionError) as error:
            raise PolicyError(f"device {device!r} cannot be used: {error}") from error

    def learns_in(self, learns: NDArray[np.bool_]) -> None:
        """Say which parameters will be used of the gradient: without the trunk's it stops at the GRU."""
        trunk = [name for name in self.layout.order if name.startswith(("encoder.", "gru."))]
        self._through_time = bool(learns[self.layout.mask(trunk)].any())

    def values(self, x: Sequences) -> FloatArray:
        """Return the value of every valid cell ``(n,)``."""
        return self.evaluate(x)[0]

    def evaluate(self, x: Sequences) -> tuple[FloatArray, FloatArray]:
        """Return the value of every valid cell ``(n,)``, and the GRU's states ``(steps, n, width)``."""
        one = self._look(x)
        return self._host(one.values), self._host(one.states)

    def value_after(self, states: FloatArray, inputs: FloatArray) -> FloatArray:
        """Return the values ``(n,)`` of `inputs` ``(n, input size)`` met in `states` ``(n, width)``."""
        nothing = np.zeros((1, len(states)), dtype=np.bool_)
        return self.values(
            Sequences(inputs=inputs[None], starts=states, begins=nothing, valid=~nothing)
        )

    def outputs(self, x: Sequences) -> tuple[FloatArray, FloatArray]:
        """Return the actor's outputs ``(n, k)`` and its last features, of every valid cell."""
        one = self._look(x)
        return self._host(one.outputs), self._host(one.features)

    def gate(self, x: Sequences) -> FloatArray:
        """Return the gate's weights ``(n, slots)`` of every valid cell."""
        gate = self._look(x).gate
        assert gate is not None
        return self._host(gate)

    def differentiate(
        self,
        x: Sequences,
        policy_head: PolicyHead | None,
        value_head: ValueHead | None,
        routing_head: RoutingHead | None = None,
    ) -> None:
        """Fill `gradient` (log_std excepted: the policy head owns it) for a mini-batch of sequences."""
        weights = self._parameters()
        for tensor in weights.values():
            tensor.requires_grad_()
        one = self._forward(x, weights)
        roots, slopes = [], []
        if value_head is not None:
            roots.append(one.values)
            slopes.append(self._tensor(value_head(self._host(one.values))))
        if policy_head is not None:
            d_outputs = policy_head(self._host(one.outputs), self._host(one.features))
            if d_outputs is not None:
                roots.append(one.outputs)
                slopes.append(self._tensor(d_outputs))
        if routing_head is not None and one.gate is not None:
            slots = weights["slots"]
            d_gate, d_slots = routing_head(self._host(one.gate), self._host(slots))
            roots += [one.gate, slots]
            slopes += [self._tensor(d_gate), self._tensor(d_slots)]
        if roots:
            torch.autograd.backward(roots, slopes)
        for name, where in self.layout.slices.items():
            if name == "log_std":
                continue
            slope = weights[name].grad
            self.gradient[where] = 0.0 if slope is None else self._host(slope).ravel()

    def _look(self, x: Sequences) -> _Pass:
        with torch.no_grad():
            return self._forward(x, self._parameters())

    def _forward(self, x: Sequences, weights: _Tensors) -> _Pass:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._through_time):
            states = self._unroll(x, weights)
        hidden = states[self._tensor(x.valid)]
        seen, gate = hidden, None
        if self._spec.slots:
            gate = self._route(x, hidden, weights)
            mixture = gate @ weights["slots"]
            film = _linear(torch.relu(_linear(mixture, weights, "film.0")), weights, "film.2")
            scale, shift = film.chunk(2, dim=1)
            seen = scale * hidden + shift
        features = torch.relu(_linear(seen, weights, "mlp_extractor.policy_net.0"))
        of_values = torch.relu(_linear(seen, weights, "mlp_extractor.value_net.0"))
        return _Pass(
            states=states,
            gate=gate,
            features=features,
            outputs=_linear(features, weights, "action_net"),
            values=_linear(of_values, weights, "value_net").squeeze(1) * self.return_scale,
        )

    def _unroll(self, x: Sequences, weights: _Tensors) -> torch.Tensor:
        """Return the GRU's states ``(steps, n, width)``."""
        encoded = torch.relu(_linear(self._tensor(x.inputs), weights, "encoder.0"))
        state, begins = self._tensor(x.starts), self._tensor(x.begins)
        states = []
        for seen, anew in zip(encoded, begins, strict=True):
            before = state.masked_fill(anew[:, None], 0.0)
            given = functional.linear(seen, weights["gru.weight_ih"], weights["gru.bias_ih"])
            kept = functional.linear(before, weights["gru.weight_hh"], weights["gru.bias_hh"])
            x_reset, x_update, x_new = given.chunk(3, dim=1)
            h_reset, h_update, h_new = kept.chunk(3, dim=1)
            reset = torch.sigmoid(x_reset + h_reset)
            update = torch.sigmoid(x_update + h_update)
            new = torch.tanh(x_new + reset * h_new)
            state = (1.0 - update) * new + update * before
            states.append(state)
        return torch.stack(states)

    def _route(self, x: Sequences, hidden: torch.Tensor, weights: _Tensors) -> torch.Tensor:
        """Return the gate's weights ``(m, slots)`` of the valid cells."""
        logits = _linear(torch.relu(_linear(hidden, weights, "gate.0")), weights, "gate.2")
        if x.added is not None:
            logits = logits + self._tensor(x.added[x.valid])
        if x.kept is not None:
            logits = logits.masked_fill(~self._tensor(x.kept[x.valid]), -torch.inf)
        soft = torch.softmax(logits / self.temperature, dim=1)
        if not self._spec.hard:
            return soft
        whole = functional.one_hot(logits.argmax(dim=1), self._spec.slots).to(soft.dtype)
        # Straight through: the weights are the whole slot's, their gradient the soft ones'.
        return whole + (soft - soft.detach())

    def _parameters(self) -> _Tensors:
        tensors = self.layout.unpack(self.parameters)
        return {name: self._tensor(tensor) for name, tensor in tensors.items()}

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _host(self, tensor: torch.Tensor) -> FloatArray:
        result: FloatArray = tensor.detach().cpu().numpy()
        return result


def _linear(x: torch.Tensor, weights: _Tensors, name: str) -> torch.Tensor:
    return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

"""The multilayer perceptron in PyTorch: how one begins, and how one learns on an accelerator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ratchet.errors import PolicyError
from ratchet.policies.actor import trunk_tensors
from ratchet.policies.network import (
    Beside,
    FloatArray,
    Layout,
    PolicyHead,
    RoutingHead,
    ValueHead,
)
from ratchet.policies.policy import Policy
from ratchet.policies.sparse import Rows, SparseRows, joined
from ratchet.policies.spec import PolicySpec

_ACTIVATIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "elu": nn.functional.elu,
    "leaky_relu": nn.functional.leaky_relu,
    "gelu": nn.functional.gelu,
}


class ActorCritic(nn.Module):
    """A policy as a PyTorch module; its parameters are named as the policy's tensors, dots as ``/``."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        assert isinstance(policy.spec, PolicySpec)
        self._names = trunk_tensors(policy.spec)
        self._activation: Any = _ACTIVATIONS[policy.spec.activation]
        for name, array in policy.tensors.items():
            tensor = torch.from_numpy(np.array(array, dtype=np.float32))
            self.register_parameter(name.replace(".", "/"), nn.Parameter(tensor))

    def tensor(self, name: str) -> nn.Parameter:
        """Return the parameter of a policy's tensor."""
        return self.get_parameter(name.replace(".", "/"))

    def action_outputs(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits or means ``(n, k)`` of what the network sees, ``(n, size)``."""
        return self.forward(x)[0]

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """Return values ``(n,)`` of what the network sees, ``(n, size)``."""
        return self.forward(x)[2]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the actor's outputs ``(n, k)``, its last features ``(n, f)`` and values ``(n,)``."""
        seen = self._stack(self._names["shared"], x)
        features = self._stack(self._names["actor"][:-2], seen)
        outputs = self._linear(self._names["actor"][-2], features)
        value_features = self._stack(self._names["critic"][:-2], seen)
        values = self._linear(self._names["critic"][-2], value_features)
        return outputs, features, values.squeeze(1)

    def _stack(self, names: list[str], x: torch.Tensor) -> torch.Tensor:
        for weight in names[::2]:
            x = self._activation(self._linear(weight, x))
        return x

    def _linear(self, weight: str, x: torch.Tensor) -> torch.Tensor:
        bias = weight.removesuffix("weight") + "bias"
        return nn.functional.linear(x, self.tensor(weight), self.tensor(bias))


class TorchNetwork:
    """A policy learning through PyTorch, on `device`.

    Parameters and gradient stay on the host as flat vectors: they are small, and so loss, optimizer and
    scopes are the same as everywhere.

    Raises
    ------
    PolicyError
        If PyTorch does not know the device or cannot use it.

    """

    return_scale = 1.0

    def __init__(self, policy: Policy, device: str) -> None:
        self.layout = Layout(policy)
        self.parameters = self.layout.pack(policy.tensors)
        self.gradient = np.zeros_like(self.parameters)
        try:
            self._device = torch.device(device)
            self._module = ActorCritic(policy).to(self._device)
        except (RuntimeError, AssertionError) as error:
            raise PolicyError(f"device {device!r} cannot be used: {error}") from error

    def values(self, x: Rows) -> FloatArray:
        """Return values ``(n,)`` of what the network sees, ``(n, size)``."""
        self._upload()
        with torch.no_grad():
            return self._host(self._module.values(self._tensor(x)))

    def outputs(self, x: Rows) -> tuple[FloatArray, FloatArray]:
        """Return the actor's outputs ``(n, k)`` and its last features ``(n, f)``."""
        self._upload()
        with torch.no_grad():
            outputs, features, _ = self._module(self._tensor(x))
        return self._host(outputs), self._host(features)

    def differentiate(
        self,
        x: Rows | Beside,
        policy_head: PolicyHead | None,
        value_head: ValueHead | None,
        routing_head: RoutingHead | None = None,  # noqa: ARG002 - it has no gate
    ) -> None:
        """Fill `gradient` (log_std excepted: the policy head owns it) for a mini-batch ``(n, size)``."""
        self._upload()
        both = x.both if isinstance(x, Beside) else x
        acted = joined(both, x.actor) if isinstance(x, Beside) else both
        outputs, features, values = self._module(self._tensor(acted))
        values = values[: len(both)]
        roots, slopes = [], []
        if value_head is not None:
            roots.append(values)
            slopes.append(self._tensor(value_head(self._host(values))))
        d_outputs = policy_head(self._host(outputs), self._host(features)) if policy_head else None
        if d_outputs is not None:
            roots.append(outputs)
            slopes.append(self._tensor(d_outputs))
        self._module.zero_grad(set_to_none=True)
        if roots:
            torch.autograd.backward(roots, slopes)
        for name in self.layout.order:
            if name == "log_std":
                continue
            slope = self._module.tensor(name).grad
            self.layout.view(self.gradient, name)[...] = 0.0 if slope is None else self._host(slope)

    def _tensor(self, rows: Rows) -> torch.Tensor:
        array = rows.dense() if isinstance(rows, SparseRows) else np.ascontiguousarray(rows)
        return torch.from_numpy(array).to(self._device)

    def _host(self, tensor: torch.Tensor) -> FloatArray:
        result: FloatArray = tensor.detach().cpu().numpy()
        return result

    def _upload(self) -> None:
        with torch.no_grad():
            for name, tensor in self.layout.unpack(self.parameters).items():
                self._module.tensor(name).copy_(torch.from_numpy(tensor))

"""What a policy is made of: the shapes of its observation, action and network. No arrays here.

A spec is frozen JSON-able data; with the tensors that it names it determines the policy. Tensors are
named as Stable-Baselines3 names them (``mlp_extractor.policy_net.0.weight``, ``action_net.bias``,
``log_std``), because that is what users' files and scripts already say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ratchet.errors import PolicyError

Activation = Literal["tanh", "relu", "elu", "leaky_relu"]
Distribution = Literal["categorical", "gaussian", "gsde"]


@dataclass(frozen=True, kw_only=True)
class ObservationSpec:
    """What the policy sees: a flat Box (`shape`), or a Discrete of `n` values as one-hot."""

    kind: Literal["box", "discrete"]
    shape: tuple[int, ...] = ()
    n: int = 0

    @property
    def size(self) -> int:
        """Width of the network's input."""
        return self.n if self.kind == "discrete" else math.prod(self.shape)

    def __str__(self) -> str:
        """Return it the way Gymnasium prints a space."""
        return f"Discrete({self.n})" if self.kind == "discrete" else f"Box(shape={self.shape})"


@dataclass(frozen=True, kw_only=True)
class ActionSpec:
    """What the policy does: one of `n` actions from `start`, or a Box of `shape` within low … high."""

    kind: Literal["discrete", "box"]
    n: int = 0
    start: int = 0
    shape: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Width of the network's action output."""
        return self.n if self.kind == "discrete" else math.prod(self.shape)

    def __str__(self) -> str:
        """Return it the way Gymnasium prints a space."""
        return f"Discrete({self.n})" if self.kind == "discrete" else f"Box(shape={self.shape})"


@dataclass(frozen=True, kw_only=True)
class StateDependentExploration:
    """Generalised state-dependent exploration (gSDE; Raffin et al. 2021), as Stable-Baselines3 has it.

    ``std(s) = sqrt(features(s)**2 @ exp(log_std)**2)``, and the noise of an episode is linear in the
    features: ``features(s) @ E`` with a matrix E drawn from that normal.
    """

    full_std: bool = True
    use_expln: bool = False
    squash: bool = False
    sample_frequency: int = -1
    """Steps after which the noise matrix is drawn anew; -1 for once an episode."""
    epsilon: float = 1e-6
    """Keeps the standard deviation away from zero."""


@dataclass(frozen=True, kw_only=True)
class PolicySpec:
    """Architecture of an actor-critic multilayer perceptron."""

    observation: ObservationSpec
    action: ActionSpec
    shared: tuple[int, ...] = ()
    actor: tuple[int, ...] = (64, 64)
    critic: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"
    distribution: Distribution = "categorical"
    exploration: StateDependentExploration | None = None
    masked: bool = False
    """Whether it was trained with action masks; without a mask every action is legal."""
    kind: Literal["mlp"] = "mlp"

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor, by name, in the order of the forward pass."""
        shapes: dict[str, tuple[int, ...]] = {}

        def stack(prefix: str, width: int, layers: tuple[int, ...]) -> int:
            # SB3 numbers modules, and an activation is a module: 0, 2, 4, …
            for index, out in enumerate(layers):
                shapes[f"{prefix}.{2 * index}.weight"] = (out, width)
                shapes[f"{prefix}.{2 * index}.bias"] = (out,)
                width = out
            return width

        width = stack("mlp_extractor.shared_net", self.observation.size, self.shared)
        features = stack("mlp_extractor.policy_net", width, self.actor)
        shapes["action_net.weight"] = (self.action.size, features)
        shapes["action_net.bias"] = (self.action.size,)
        values = stack("mlp_extractor.value_net", width, self.critic)
        shapes["value_net.weight"] = (1, values)
        shapes["value_net.bias"] = (1,)
        if self.distribution == "gaussian":
            shapes["log_std"] = (self.action.size,)
        elif self.distribution == "gsde":
            full = self.exploration is not None and self.exploration.full_std
            shapes["log_std"] = (features, self.action.size if full else 1)
        return shapes

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PolicySpec:
        """Return the spec that `to_json` wrote; refuse what is not one.

        Raises
        ------
        PolicyError
            If a field is missing, unknown or of the wrong kind.

        """
        try:
            fields = dict(data)
            observation = dict(fields.pop("observation"))
            observation["shape"] = tuple(observation.get("shape", ()))
            action = dict(fields.pop("action"))
            for key in ("shape", "low", "high"):
                action[key] = tuple(action.get(key, ()))
            for key in ("shared", "actor", "critic"):
                fields[key] = tuple(fields[key])
            exploration = fields.pop("exploration", None)
            return cls(
                observation=ObservationSpec(**observation),
                action=ActionSpec(**action),
                exploration=StateDependentExploration(**exploration) if exploration else None,
                **fields,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"the policy's architecture cannot be read: {error}") from error

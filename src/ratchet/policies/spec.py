"""What a policy is made of: the shapes of its observation, action and network. No arrays here.

There are two kinds of network: a multilayer perceptron (`PolicySpec`), and a recurrent one with or without
a bank of slots (`RecurrentSpec`).

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

Activation = Literal["tanh", "relu", "elu", "leaky_relu", "gelu"]
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


@dataclass(frozen=True, kw_only=True)
class RecurrentSpec:
    """Architecture of a recurrent actor-critic, with a bank of slots if `slots` is positive.

    It sees (observation, previous action, previous reward): linear and ReLU to `width`, a GRU of `width`
    (Cho et al. 2014), then one hidden layer of `width` for the action and one for the value.

    With slots (ASTRAL, after the write-up) a gate ``width -> width -> slots`` weighs the bank by a softmax
    with `temperature`; the mixture goes through ``width -> width -> 2 width`` to a scale and a shift of the
    GRU's output (FiLM; Perez et al. 2018), and the heads see the modulated output alone.
    """

    observation: ObservationSpec
    action: ActionSpec
    width: int = 64
    slots: int = 0
    temperature: float = 1.0
    """Of the gate's softmax, when the policy is used."""
    hard: bool = False
    """Whether the slot of the largest weight is taken whole."""
    return_scale: float = 100.0
    """The value head's output times this is the value: about the size of a discounted return, so that the
    value's gradient does not drown the policy's in the trunk that they share."""
    distribution: Literal["categorical", "gaussian"] = "categorical"
    masked: bool = False

    @property
    def kind(self) -> Literal["recurrent", "astral"]:
        """`astral` if there are slots."""
        return "astral" if self.slots else "recurrent"

    @property
    def activation(self) -> Activation:
        """What follows every hidden layer."""
        return "relu"

    @property
    def exploration(self) -> None:
        """No state-dependent exploration: its features would be recurrent."""
        return

    @property
    def input_size(self) -> int:
        """Width of (observation, previous action, previous reward)."""
        return self.observation.size + self.action.size + 1

    @property
    def memory(self) -> int:
        """Width of a row of state: the GRU's output, the previous action, the previous reward."""
        return self.width + self.action.size + 1

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor, by name, in the order of the forward pass."""
        wide = self.width
        shapes: dict[str, tuple[int, ...]] = {
            "encoder.0.weight": (wide, self.input_size),
            "encoder.0.bias": (wide,),
            "gru.weight_ih": (3 * wide, wide),
            "gru.bias_ih": (3 * wide,),
            "gru.weight_hh": (3 * wide, wide),
            "gru.bias_hh": (3 * wide,),
        }

        def linear(name: str, out: int) -> None:
            shapes[f"{name}.weight"] = (out, wide)
            shapes[f"{name}.bias"] = (out,)

        if self.slots:
            linear("gate.0", wide)
            linear("gate.2", self.slots)
            shapes["slots"] = (self.slots, wide)
            linear("film.0", wide)
            linear("film.2", 2 * wide)
        linear("mlp_extractor.policy_net.0", wide)
        linear("action_net", self.action.size)
        linear("mlp_extractor.value_net.0", wide)
        linear("value_net", 1)
        if self.distribution == "gaussian":
            shapes["log_std"] = (self.action.size,)
        return shapes

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON data."""
        return {**asdict(self), "kind": self.kind}


Spec = PolicySpec | RecurrentSpec


def read_spec(data: Mapping[str, Any]) -> Spec:
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
        spaces: dict[str, Any] = {
            "observation": ObservationSpec(**observation),
            "action": ActionSpec(**action),
        }
        kind = fields.get("kind", "mlp")
        if kind in {"recurrent", "astral"}:
            # The kind follows from the slots.
            del fields["kind"]
            return RecurrentSpec(**spaces, **fields)
        if kind != "mlp":
            raise PolicyError(
                f"the policy is of kind {kind!r}; this version reads mlp, recurrent and astral"
            )
        for key in ("shared", "actor", "critic"):
            fields[key] = tuple(fields[key])
        exploration = fields.pop("exploration", None)
        return PolicySpec(
            **spaces,
            exploration=StateDependentExploration(**exploration) if exploration else None,
            **fields,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"the policy's architecture cannot be read: {error}") from error

"""What a policy is made of: the shapes of its observation, action and network. No arrays here.

There are three kinds of network: a multilayer perceptron (`PolicySpec`), a recurrent one with or without
a bank of slots (`RecurrentSpec`), and one that knows sets of entities (`EntitySpec`).

A spec is frozen JSON-able data; with the tensors that it names it determines the policy. Tensors are
named as Stable-Baselines3 names them (``mlp_extractor.policy_net.0.weight``, ``action_net.bias``,
``log_std``), because that is what users' files and scripts already say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ratchet.entities import Entities
from ratchet.errors import PolicyError, TaskError

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


@dataclass(frozen=True, kw_only=True)
class EntitySpec:
    """Architecture of an actor that knows sets of entities, beside a critic that is a perceptron.

    What is in no set goes through the `hidden` layers and becomes a token of `width`, and so does every entity
    that is there, by its set's linear layer. In each of the `blocks` a row's tokens see each other by attention
    with so many `heads`, then each goes through a hidden layer of twice the width; before both, and before the
    scores, stands a norm. An action's logit is the sum of what scores it (`ratchet.entities`): a linear function of
    the row's token and of the hidden layer below it, one of an entity's token, or a bilinear one of two tokens.
    An action whose entities are not there has a logit of 0.

    Raises
    ------
    PolicyError
        If the structure does not fit observation and actions, or the heads do not share the width evenly.

    """

    observation: ObservationSpec
    action: ActionSpec
    entities: Entities
    width: int = 64
    blocks: int = 1
    heads: int = 4
    hidden: tuple[int, ...] = (256,)
    critic: tuple[int, ...] = (512, 256, 256)
    masked: bool = False
    kind: Literal["entities"] = "entities"

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.action.kind != "discrete":
            raise PolicyError(
                f"a policy of kind 'entities' chooses among discrete actions, not from {self.action}"
            )
        try:
            self.entities.check(self.observation.size, self.action.n)
        except TaskError as error:
            raise PolicyError(f"the policy's entities do not fit its spaces: {error}") from error
        if self.heads < 1 or self.width < 1 or self.width % self.heads or self.blocks < 0:
            raise PolicyError(
                f"{self.blocks} blocks of {self.heads} heads cannot share a width of {self.width}; "
                "each head takes the same part of it"
            )
        if not self.hidden:
            raise PolicyError(
                "the policy has no hidden layer for what is in no set; state at least one"
            )

    @property
    def activation(self) -> Activation:
        """What follows every hidden layer."""
        return "gelu"

    @property
    def distribution(self) -> Distribution:
        """Its actions are discrete."""
        return "categorical"

    @property
    def exploration(self) -> None:
        """No state-dependent exploration: its actions are discrete."""
        return

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor, by name: the actor's in the order of its pass, the critic's."""
        wide = self.width
        shapes: dict[str, tuple[int, ...]] = {}

        def linear(name: str, out: int, width: int) -> None:
            shapes[f"{name}.weight"] = (out, width)
            shapes[f"{name}.bias"] = (out,)

        def stack(prefix: str, width: int, layers: tuple[int, ...]) -> int:
            for index, out in enumerate(layers):
                linear(f"{prefix}.{2 * index}", out, width)
                width = out
            return width

        size = self.observation.size
        rest = stack("mlp_extractor.policy_net", self.entities.rest_of(size).size, self.hidden)
        linear("row", wide, rest)
        for one in self.entities.sets:
            linear(f"entities.{one.name}", wide, one.width)
            if one.ordered:
                shapes[f"entities.{one.name}.places"] = (one.count, wide)
        for number in range(self.blocks):
            block = f"blocks.{number}"
            shapes[f"{block}.attention.norm.weight"] = (wide,)
            linear(f"{block}.attention.in", 3 * wide, wide)
            linear(f"{block}.attention.out", wide, wide)
            shapes[f"{block}.between.norm.weight"] = (wide,)
            stack(f"{block}.between", wide, (2 * wide, wide))
        shapes["norm.weight"] = (wide,)
        if self.entities.alone:
            linear("action_net.alone", len(self.entities.alone), wide + rest)
        for single in self.entities.single:
            linear(f"action_net.{single.name}", 1, wide)
        for pair in self.entities.pairs:
            linear(f"action_net.{pair.name}", wide + 1, wide)
        linear("value_net", 1, stack("mlp_extractor.value_net", size, self.critic))
        return shapes

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON data."""
        return asdict(self)


Spec = PolicySpec | RecurrentSpec | EntitySpec


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
        if kind == "entities":
            for key in ("hidden", "critic"):
                fields[key] = tuple(fields[key])
            entities = Entities.read(fields.pop("entities"))
            return EntitySpec(**spaces, entities=entities, **fields)
        if kind != "mlp":
            raise PolicyError(
                f"the policy is of kind {kind!r}; this version reads mlp, recurrent, astral and entities"
            )
        for key in ("shared", "actor", "critic"):
            fields[key] = tuple(fields[key])
        exploration = fields.pop("exploration", None)
        return PolicySpec(
            **spaces,
            exploration=StateDependentExploration(**exploration) if exploration else None,
            **fields,
        )
    except (KeyError, TypeError, ValueError, TaskError) as error:
        raise PolicyError(f"the policy's architecture cannot be read: {error}") from error

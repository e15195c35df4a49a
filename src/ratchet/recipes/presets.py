"""Presets: how a policy of a name is built and trained.

The slot-bank presets carry the names and the settings of the write-up. What its programs leave to a default
is stated here. `recurrent` is its baseline, trained as it should have been; `mode-slots` and
`robust-slots` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import ValidationError

from ratchet.errors import RecipeError, did_you_mean
from ratchet.learning.config import RoutingConfig
from ratchet.policies.initial import new_policy
from ratchet.policies.policy import Policy
from ratchet.recipes.settings import explain
from ratchet.rollout.fit import recurrent_spec_for, spec_for
from ratchet.seeding import derive
from ratchet.tasks.task import Task

Kind = Literal["mlp", "recurrent", "astral"]

_SEQUENCES: dict[str, Any] = {
    "n_envs": 8,
    "n_steps": 128,
    "batch_size": 256,
    "n_epochs": 4,
    "learning_rate": 3e-4,
    "ent_coef": 0.01,
    "sequence_length": 128,
}
_PERCEPTRON: dict[str, Any] = {
    "n_envs": 16,
    "n_steps": 2048,
    "batch_size": 512,
    "n_epochs": 10,
    "learning_rate": 3e-4,
    "ent_coef": 0.01,
}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a new policy is, and how it is trained."""

    kind: Kind
    steps: int
    about: str
    routing: RoutingConfig | None = None
    ppo: Mapping[str, Any] = field(default_factory=lambda: _SEQUENCES)
    slots: int = 3

    def new(self, task: Task, seed: int) -> Policy:
        """Return a new policy for the task, its weights drawn from the run's seed."""
        drawn = derive("initial", seed)
        if self.kind == "mlp":
            return new_policy(spec_for(task), drawn)
        routing = self.routing
        if routing is None:
            return new_policy(recurrent_spec_for(task), drawn)
        spec = recurrent_spec_for(
            task, slots=self.slots, hard=routing.hard, temperature=routing.temperature_end
        )
        return new_policy(
            spec, drawn, orthogonal_slots=routing.orthogonal_init, film_gain=routing.film_gain
        )


# The write-up's regularisers where a preset of its states no others.
_LIGHT: dict[str, Any] = {"weight_entropy": 0.001, "load_balance": 0.001, "orthogonality": 0.0001}
_ANNEALED: dict[str, Any] = {"gumbel": True, "temperature_start": 5.0, "temperature_end": 0.5}

PRESETS: dict[str, Preset] = {
    "mlp": Preset(
        kind="mlp",
        steps=100_000,
        about="a perceptron on the observation alone, as the write-up's SB3 policy",
        ppo=_PERCEPTRON,
    ),
    "recurrent": Preset(
        kind="recurrent",
        steps=300_000,
        about="a GRU that also sees the previous action and reward",
    ),
    "astral": Preset(
        kind="astral",
        steps=300_000,
        about="the GRU with a gated bank of 3 slots, no option on",
        routing=RoutingConfig(),
    ),
    "astral-default": Preset(
        kind="astral",
        steps=500_000,
        about="the bank with light regularisers (the write-up's collapsed_default)",
        routing=RoutingConfig(**_LIGHT),
    ),
    "best-config-strong": Preset(
        kind="astral",
        steps=300_000,
        about="Gumbel noise, annealed temperature, contrastive and balancing losses, slot prediction",
        routing=RoutingConfig(
            **_ANNEALED, contrastive=0.1, load_balance=0.05, slot_prediction=0.01
        ),
    ),
    "best-config-long": Preset(
        kind="astral",
        steps=300_000,
        about="the same without load balancing",
        routing=RoutingConfig(**_ANNEALED, contrastive=0.1, slot_prediction=0.01),
    ),
    "slot-dropout-0.3": Preset(
        kind="astral",
        steps=200_000,
        about="each slot left out of 30% of the training steps",
        routing=RoutingConfig(slot_dropout=0.3, **_LIGHT),
    ),
    "slot-dropout-0.5": Preset(
        kind="astral",
        steps=200_000,
        about="each slot left out of half of the training steps",
        routing=RoutingConfig(slot_dropout=0.5, **_LIGHT),
    ),
    "diverse-strong": Preset(
        kind="astral",
        steps=200_000,
        about="strong contrastive, balancing, entropy and orthogonality losses",
        routing=RoutingConfig(
            contrastive=0.15, load_balance=0.08, weight_entropy=0.08, orthogonality=0.02
        ),
    ),
    "mode-slots": Preset(
        kind="astral",
        steps=300_000,
        about="a slot for each mode, by its label in training (ours)",
        routing=RoutingConfig(assignment=0.3, orthogonal_init=True, film_gain=0.5),
        # A gate learns to tell modes only from mini-batches that hold all of them; and a policy that
        # lives by its gate breaks if both still move much at the end.
        ppo={**_SEQUENCES, "batch_size": 1024, "n_epochs": 10, "schedule": "linear"},
    ),
    "robust-slots": Preset(
        kind="astral",
        steps=300_000,
        about="slots that train alone, one of them against random actions (ours)",
        routing=RoutingConfig(specialists=(0.0, 0.0, 0.3), orthogonal_init=True, film_gain=2.0),
    ),
}
"""Every policy that can be trained by name."""


def routed(preset: Preset, settings: Mapping[str, Any]) -> Preset:
    """Return the preset with other settings of its bank's training.

    Raises
    ------
    RecipeError
        If it has no bank, or a setting is unknown or out of range.

    """
    if not settings:
        return preset
    settings = dict(settings)
    if preset.routing is None:
        raise RecipeError("routing.… says how a bank of slots is trained; this policy has none")
    slots = settings.pop("slots", preset.slots)
    if not (isinstance(slots, int) and slots >= 1):
        raise RecipeError(f"routing.slots is {slots!r}; it is how many slots there are, 1 or more")
    for key in settings:
        if key not in RoutingConfig.model_fields:
            known = did_you_mean(key, ["slots", *RoutingConfig.model_fields])
            raise RecipeError(f"routing has no setting {key!r}: {known}")
    try:
        routing = RoutingConfig(**{**preset.routing.model_dump(), **settings})
        return replace(preset, routing=routing, slots=slots)
    except ValidationError as error:
        raise RecipeError(explain(error)) from error


def find_preset(name: str) -> Preset:
    """Return the preset of that name.

    Raises
    ------
    RecipeError
        If there is none.

    """
    if name not in PRESETS:
        raise RecipeError(f"there is no policy {name!r} to train: {did_you_mean(name, PRESETS)}")
    return PRESETS[name]

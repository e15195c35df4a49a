"""Which hyperparameters a fine-tuning uses: its policy's own where they are known, else PPO's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import ValidationError

from ratchet.errors import RecipeError, did_you_mean
from ratchet.evaluation.guard import GuardSettings
from ratchet.evaluation.pawl import PawlSettings
from ratchet.learning.config import CloningConfig, FleetConfig, PPOConfig, SafetyConfig
from ratchet.policies.policy import Policy

# A2C's other settings (5 steps a rollout, one pass) are not PPO's, and would cripple it.
_CARRIED_FROM_A2C = {"n_envs", "gamma", "ent_coef", "vf_coef", "max_grad_norm"}


def ppo_config(policy: Policy | None, overrides: Mapping[str, Any]) -> PPOConfig:
    """Return PPO's settings: `overrides` first, then the policy's own, then the defaults.

    Raises
    ------
    RecipeError
        If an override is unknown or out of range.

    """
    known = PPOConfig.model_fields
    for key in overrides:
        if key not in known:
            raise RecipeError(f"PPO has no setting {key!r}: {did_you_mean(key, known)}")
    carried: dict[str, Any] = {}
    if policy is not None:
        own = policy.record.get("hyperparameters") or {}
        a2c = policy.record.get("algorithm") == "A2C"
        carried = {
            key: value
            for key, value in own.items()
            if key in known and (not a2c or key in _CARRIED_FROM_A2C)
        }
    try:
        return PPOConfig(**{**carried, **overrides})
    except ValidationError as error:
        raise RecipeError(explain(error)) from error


def safety_config(settings: Mapping[str, Any]) -> SafetyConfig:
    """Return the settings of fine-tuning safety.

    Raises
    ------
    RecipeError
        If one is unknown or out of range.

    """
    for key in settings:
        if key not in SafetyConfig.model_fields:
            raise RecipeError(
                f"safety has no setting {key!r}: {did_you_mean(key, SafetyConfig.model_fields)}"
            )
    try:
        return SafetyConfig(**settings)
    except ValidationError as error:
        raise RecipeError(explain(error)) from error


def cloning_config(settings: Mapping[str, Any]) -> CloningConfig:
    """Return the settings of a cloning.

    Raises
    ------
    RecipeError
        If one is unknown or out of range.

    """
    for key in settings:
        if key not in CloningConfig.model_fields:
            raise RecipeError(
                f"cloning has no setting {key!r}: {did_you_mean(key, CloningConfig.model_fields)}"
            )
    try:
        return CloningConfig(**settings)
    except ValidationError as error:
        raise RecipeError(explain(error)) from error


def fleet_config(settings: Mapping[str, Any]) -> FleetConfig:
    """Return the settings of a fleet's trainer.

    Raises
    ------
    RecipeError
        If one is unknown or out of range.

    """
    for key in settings:
        if key not in FleetConfig.model_fields:
            raise RecipeError(
                f"a fleet has no setting {key!r}: {did_you_mean(key, FleetConfig.model_fields)}"
            )
    try:
        return FleetConfig(**settings)
    except ValidationError as error:
        raise RecipeError(explain(error)) from error


def pawl_settings(settings: Mapping[str, Any]) -> PawlSettings:
    """Return how sure the pawl must be.

    Raises
    ------
    InputError
        If a setting is unknown or out of range.

    """
    known = [each.name for each in fields(PawlSettings)]
    for key, value in settings.items():
        if key not in known:
            raise RecipeError(f"the pawl has no setting {key!r}: {did_you_mean(key, known)}")
        if not isinstance(value, int | float):
            raise RecipeError(f"pawl.{key} is {value!r}; it is a number")
    return PawlSettings(**settings)


def guard_settings(settings: Mapping[str, Any]) -> GuardSettings:
    """Return how sure the guard must be, and what it may spend on that.

    Raises
    ------
    InputError
        If a setting is unknown or out of range.

    """
    known = [each.name for each in fields(GuardSettings)]
    for key, value in settings.items():
        if key not in known:
            raise RecipeError(f"the guard has no setting {key!r}: {did_you_mean(key, known)}")
        if not isinstance(value, int | float):
            raise RecipeError(f"guard.{key} is {value!r}; it is a number")
    return GuardSettings(**settings)


def explain(error: ValidationError) -> str:
    """Return the first thing that is wrong, as a sentence with the field and the value."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    what = first["msg"][0].lower() + first["msg"][1:]
    if first["type"] == "missing":
        return f"{where!r} is missing"
    if first["type"] == "extra_forbidden":
        return f"{where!r} is not a setting"
    return f"{where} is {first.get('input')!r}: {what}"

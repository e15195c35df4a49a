"""Presets: the names and settings of the write-up, and that each can be trained."""

import math

import numpy as np
import pytest

from ratchet.errors import RecipeError
from ratchet.learning.config import PPOConfig, RoutingConfig
from ratchet.learning.trainer import Budget, Trainer, TrainingPlan
from ratchet.policies.scopes import scope_counts
from ratchet.recipes.presets import PRESETS, find_preset, routed
from ratchet.tasks.cartpole import cartpole_modes

TASK = cartpole_modes()
LIGHT = {"weight_entropy": 0.001, "load_balance": 0.001, "orthogonality": 0.0001}
ANNEALED = {"gumbel": True, "temperature_start": 5.0, "temperature_end": 0.5}
STATED = {
    "astral": (300_000, {}),
    "astral-default": (500_000, LIGHT),
    "best-config-strong": (
        300_000,
        ANNEALED | {"contrastive": 0.1, "load_balance": 0.05, "slot_prediction": 0.01},
    ),
    "best-config-long": (300_000, ANNEALED | {"contrastive": 0.1, "slot_prediction": 0.01}),
    "slot-dropout-0.3": (200_000, LIGHT | {"slot_dropout": 0.3}),
    "slot-dropout-0.5": (200_000, LIGHT | {"slot_dropout": 0.5}),
    "diverse-strong": (
        200_000,
        {"contrastive": 0.15, "load_balance": 0.08, "weight_entropy": 0.08, "orthogonality": 0.02},
    ),
    "mode-slots": (
        300_000,
        {"assignment": 0.3, "orthogonal_init": True, "film_gain": 0.5},
    ),
    "robust-slots": (
        300_000,
        {"specialists": (0.0, 0.0, 0.3), "orthogonal_init": True, "film_gain": 2.0},
    ),
}
"""Steps and routing of the banks; what is not named here is off."""


def test_there_are_these():
    assert set(PRESETS) == {"mlp", "recurrent", *STATED}
    assert PRESETS["mlp"].steps == 100_000
    assert PRESETS["recurrent"].steps == 300_000
    assert PRESETS["mlp"].routing is PRESETS["recurrent"].routing is None
    assert all(preset.about for preset in PRESETS.values())


@pytest.mark.parametrize("name", STATED)
def test_settings(name):
    steps, settings = STATED[name]
    preset = PRESETS[name]
    assert (preset.steps, preset.slots, preset.kind) == (steps, 3, "astral")
    off = {
        key: field.default
        for key, field in RoutingConfig.model_fields.items()
        if key not in settings
    }
    assert preset.routing.model_dump() == off | settings
    # A policy is used at the temperature that its training ends with.
    spec = preset.new(TASK, 0).spec
    assert spec.temperature == settings.get("temperature_end", 1.0)
    assert not spec.hard


@pytest.mark.parametrize("name", STATED)
def test_the_gate_is_as_large_as_the_write_ups(name):
    counts = scope_counts(PRESETS[name].new(TASK, 0).spec)
    # 64 x 64 + 64, and 64 x 3 + 3; the head 64 x 64 + 64, and 64 x 2 + 2
    assert counts["gating"] == 4355
    assert counts["policy_head"] == 4290
    assert counts["slots"] == 3 * 64
    assert counts["film"] == 64 * 64 + 64 + 64 * 128 + 128


@pytest.mark.parametrize("name", PRESETS)
def test_each_trains(name):
    preset = PRESETS[name]
    settings = dict(preset.ppo) | {"n_envs": 8, "n_steps": 32, "n_epochs": 1}
    policy = preset.new(TASK, 5)
    plan = TrainingPlan(
        policy=policy,
        task=TASK,
        budget=Budget(512),
        config=PPOConfig(**settings),
        routing=preset.routing,
        seed=5,
    )
    updates = []
    trained = Trainer(plan, updates.append).run()
    assert policy.spec.kind == preset.kind
    assert trained.id != policy.id
    assert trained.lineage == (policy.id,)
    assert sum(each.environment_steps for each in updates[-1:]) == 512
    assert all(np.isfinite(tensor).all() for tensor in trained.tensors.values())
    if preset.routing is not None:
        assert trained.spec.temperature == pytest.approx(preset.routing.temperature_end)
    assert preset.new(TASK, 5).id == policy.id != preset.new(TASK, 6).id


def test_how_banks_begin():
    plain, ours = PRESETS["astral"].new(TASK, 0), PRESETS["robust-slots"].new(TASK, 0)
    assert np.abs(plain.tensors["slots"]).max() < 0.1
    assert not plain.tensors["film.2.weight"].any()
    slots = ours.tensors["slots"].astype(np.float64)
    np.testing.assert_allclose(slots @ slots.T, np.eye(3), atol=1e-6)
    film = ours.tensors["film.2.weight"].astype(np.float64)
    np.testing.assert_allclose(film.T @ film, 4.0 * np.eye(64), atol=1e-5)


def test_settings_over_a_preset():
    preset = routed(PRESETS["astral-default"], {"slot_dropout": 0.2, "load_balance": 0.0})
    assert preset.routing.slot_dropout == 0.2
    assert preset.routing.load_balance == 0.0
    assert preset.routing.weight_entropy == 0.001
    assert PRESETS["astral-default"].routing.slot_dropout == 0.0
    assert routed(PRESETS["mlp"], {}) is PRESETS["mlp"]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("astral", {"slot_dropot": 0.1}, "did you mean 'slot_dropout'"),
        ("astral", {"slot_dropout": 1.0}, "slot_dropout is 1.0"),
        ("astral", {"gumbel": "perhaps"}, "gumbel is 'perhaps'"),
        ("astral", {"contrastive": math.nan}, "contrastive is nan"),
        ("recurrent", {"gumbel": True}, "this policy has none"),
        ("mlp", {"gumbel": True}, "this policy has none"),
    ],
)
def test_settings_that_are_refused(name, settings, message):
    with pytest.raises(RecipeError, match=message):
        routed(PRESETS[name], settings)


def test_a_name_that_is_none():
    assert find_preset("astral") is PRESETS["astral"]
    with pytest.raises(RecipeError, match="no policy 'astrall' to train: did you mean 'astral'"):
        find_preset("astrall")

"""Training a recurrent policy: exact, resumable to the bit, what is frozen frozen, and it uses its memory."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from environments import counted
from ratchet.errors import PolicyError
from ratchet.learning.batches import Batch
from ratchet.learning.config import PPOConfig, RoutingConfig, SafetyConfig
from ratchet.learning.ppo import _differentiate
from ratchet.learning.trainer import Budget, Trainer, TrainingPlan
from ratchet.policies.checkpoint import publish, read_checkpoint, read_training_state
from ratchet.policies.initial import new_policy
from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.policies.recurrent.torch_network import TorchRecurrentNetwork
from ratchet.policies.scopes import ADAPTER
from ratchet.rollout.fit import spec_for
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task
from strategies import random_policy, random_sequences, recurrent_spec

SMALL = {"n_envs": 4, "n_steps": 33, "batch_size": 64, "n_epochs": 2, "sequence_length": 16}
"""Rollouts whose rows are no multiple of the sequences."""

EVERYTHING = {
    "gumbel": True,
    "slot_dropout": 0.2,
    "specialists": (0.0, 0.2, 0.4),
    "weight_entropy": 0.01,
    "load_balance": 0.02,
    "orthogonality": 0.01,
    "contrastive": 0.05,
    "slot_prediction": 0.1,
    "temperature_start": 2.0,
    "temperature_end": 0.5,
}


def counting():
    return callable_task("environments:Counting")


def policy_for(task, slots=3, **options):
    return new_policy(recurrent_spec(spec_for(task), slots=slots, **options), 0, film_gain=0.5)


def plan_for(task, amount=400, *, slots=3, unit="steps", config=None, routing=None, **rest):
    rest.setdefault("policy", policy_for(task, slots))
    rest.setdefault("safety", SafetyConfig(rollback_kl=None))
    return TrainingPlan(
        task=task,
        budget=Budget(amount, unit),
        config=PPOConfig(**{**SMALL, **(config or {})}),
        routing=None if routing is None else RoutingConfig(**routing),
        **rest,
    )


def trained(plan):
    updates = []
    policy = Trainer(plan, updates.append).run()
    return policy, updates


def assert_same(first, second):
    for name in first.tensors:
        np.testing.assert_array_equal(first.tensors[name], second.tensors[name], err_msg=name)


# --- the budget, and the same again -------------------------------------------------------------


@pytest.mark.parametrize("n_envs", [1, 5])
@pytest.mark.parametrize("amount", [1, 17, 400])
def test_budgets_are_exact(n_envs, amount):
    config = {"n_envs": n_envs, "n_epochs": 1}
    trainer = Trainer(plan_for(counting(), amount, config=config, routing=EVERYTHING))
    counted.clear()
    trainer.run()
    assert counted["steps"] == trainer.spent.steps == amount
    episodes = -(-amount // 8)
    trainer = Trainer(plan_for(counting(), episodes, unit="episodes", config=config))
    counted.clear()
    trainer.run()
    assert counted["begun"] == counted["ended"] == trainer.spent.episodes == episodes


RUNS = {
    "recurrent": (cartpole_modes, {"slots": 0}),
    "astral": (cartpole_modes, {"routing": EVERYTHING}),
    "continuous": (lambda: gymnasium_task("Pendulum-v1"), {"routing": EVERYTHING}),
    "masked": (lambda: callable_task("environments:Masked"), {"routing": EVERYTHING}),
    "anchored": (
        cartpole_modes,
        {"routing": EVERYTHING, "safety": SafetyConfig(anchor="kl:0.1"), "scope": "gating"},
    ),
    "weighed": (
        cartpole_modes,
        {"slots": 0, "safety": SafetyConfig(anchor="ewc:10", warmup_fraction=0.3), "warmup": True},
    ),
    "adapter": (cartpole_modes, {"scope": ADAPTER, "rank": 2}),
    "reinforce": (
        counting,
        {"method": "reinforce", "amount": 40, "unit": "episodes", "config": {"vf_coef": 0.0}},
    ),
    "some undone": (
        cartpole_modes,
        {
            "routing": EVERYTHING,
            "safety": SafetyConfig(rollback_kl=2e-3),
            "config": {"learning_rate": 1e-2},
        },
    ),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("stops", [1, 2])
def test_interrupted_anywhere_it_is_the_same_run(name, stops, tmp_path):
    make, options = RUNS[name]

    def plan():
        return plan_for(make(), **{"amount": 501, "seed": 3, **options})

    straight, all_updates = trained(plan())
    assert len(all_updates) > stops
    updates = []
    first = Trainer(plan(), updates.append)

    def after_update():
        if len(updates) == stops:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.run(after_update=after_update)
    publish(first.policy(), tmp_path / "here", state=first.state())
    second = Trainer(plan(), updates.append)
    second.restore(read_training_state(tmp_path / "here"))
    assert read_checkpoint(tmp_path / "here").id == second.policy().id == first.policy().id
    assert_same(second.run(), straight)
    assert second.policy().id == straight.id
    for ours, theirs in zip(updates, all_updates, strict=True):
        assert ours.episodes == theirs.episodes
        np.testing.assert_equal(asdict(ours.metrics), asdict(theirs.metrics))
    assert {update.rolled_back for update in updates} == {name == "some undone", False}


def test_before_anything_is_learned_a_steps_ratio_is_one():
    """All the gate's noise is on; what the actor met is computed again."""
    config = {"learning_rate": 1e-30, "n_epochs": 1}
    for options in ({"routing": EVERYTHING}, {"slots": 0}):
        _, updates = trained(plan_for(cartpole_modes(), config=config, **options))
        for update in updates:
            assert update.metrics.approx_kl == pytest.approx(0.0, abs=1e-8)
            assert update.metrics.clip_fraction == 0.0
            assert update.update_kl == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(
    "options", [{"routing": EVERYTHING}, {"slots": 0}], ids=["astral", "plain"]
)
def test_on_pytorch_it_learns_the_same(options):
    compiled, through_torch = (
        trained(plan_for(gymnasium_task("Pendulum-v1"), 132, device=device, **options))[0]
        for device in ("cpu", "cpu:0")
    )
    for name, tensor in compiled.tensors.items():
        np.testing.assert_allclose(through_torch.tensors[name], tensor, atol=2e-5, err_msg=name)


# --- scopes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["gating", "film", "slots", "policy_head", "value", ADAPTER])
def test_what_is_outside_the_scope_does_not_move(scope):
    plan = plan_for(cartpole_modes(), 264, scope=scope, routing=EVERYTHING, rank=2)
    trainer = Trainer(plan)
    before = trainer.frozen_hash(plan.policy)
    policy = trainer.run()
    assert trainer.frozen_hash(policy) == before
    moved = {
        name
        for name, tensor in policy.tensors.items()
        if not np.array_equal(tensor, plan.policy.tensors[name])
    }
    assert moved == set(trainer.scope_names)
    if scope != ADAPTER:
        assert trainer.parameters_adapted == sum(policy.tensors[n].size for n in moved)


@pytest.mark.parametrize("network", [RecurrentNetwork, TorchRecurrentNetwork])
@pytest.mark.parametrize("scope", ["gating", "slots"])
def test_to_spare_the_way_back_through_time_changes_nothing(scope, network, monkeypatch):
    device = "cpu" if network is RecurrentNetwork else "cpu:0"
    plan = plan_for(cartpole_modes(), 132, scope=scope, routing=EVERYTHING, device=device)
    spared, _ = trained(plan)
    monkeypatch.setattr(network, "learns_in", lambda *_: None)
    assert_same(trained(plan)[0], spared)


def test_a_bank_is_trained_only_where_there_is_one():
    with pytest.raises(PolicyError, match="a policy of kind 'recurrent' has no slots to route to"):
        Trainer(plan_for(cartpole_modes(), slots=0, routing={}))
    with pytest.raises(PolicyError, match="specialists has 2 shares and the policy 3 slots"):
        Trainer(plan_for(cartpole_modes(), routing={"specialists": (0.1, 0.2)}))
    with pytest.raises(PolicyError, match="a policy of kind 'recurrent' has none"):
        Trainer(plan_for(cartpole_modes(), slots=0, scope="gating"))


# --- the gate's training ------------------------------------------------------------------------


def test_the_temperature_follows_what_was_spent_and_stays_with_the_policy():
    plan = plan_for(cartpole_modes(), 528, routing=EVERYTHING)
    trainer, seen = Trainer(plan), []

    def after_update():
        seen.append((trainer.policy().spec.temperature, trainer._inner.temperature))

    assert trainer._inner.temperature == 2.0
    policy = trainer.run(after_update=after_update)
    # From 2 to ½ in four rollouts of 132 steps.
    assert seen == [(t, t) for t in (1.625, 1.25, 0.875, 0.5)]
    assert policy.spec.temperature == 0.5
    assert trained(plan_for(cartpole_modes(), 132))[0].spec.temperature == 1.0


def test_an_undone_update_leaves_the_slot_predictor_as_it_was():
    plan = plan_for(cartpole_modes(), routing=EVERYTHING, safety=SafetyConfig(rollback_kl=1e-12))
    updates = []
    trainer = Trainer(plan, updates.append)
    before = trainer._routing.predictor.state()
    trainer.run()
    assert all(update.rolled_back for update in updates)
    for name, array in trainer._routing.predictor.state().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_while_the_critic_warms_up_the_slot_predictor_waits():
    plan = plan_for(
        cartpole_modes(),
        routing=EVERYTHING,
        warmup=True,
        safety=SafetyConfig(warmup_fraction=1.0, warmup_explained_variance=1.0),
    )
    updates = []
    trainer = Trainer(plan, updates.append)
    trainer.run()
    assert all(update.critic_only for update in updates)
    assert trainer._routing.predictor.state()["adam.steps"][0] == 0


def test_an_error_of_the_value_is_in_units_of_the_return():
    """The loss's gradient at the value's bias is vf_coef · 2 · mean(value - return) / scale."""
    policy = random_policy(recurrent_spec(return_scale=50.0))
    network, x = RecurrentNetwork(policy), random_sequences(policy.spec)
    values = network.values(x)
    n = len(values)
    returns = np.random.default_rng(0).normal(0, 80, n).astype(np.float32)
    zeros = np.zeros(n, dtype=np.float32)
    part = Batch(
        observations=x,
        actions=np.zeros(n, dtype=np.int64),
        log_probs=zeros,
        advantages=zeros,
        returns=returns,
        values=values,
    )
    _, error = _differentiate(network, part, PPOConfig(vf_coef=0.7), None, None)
    apart = values.astype(np.float64) - returns
    assert error == pytest.approx(np.mean(apart**2), rel=1e-5)
    found = network.gradient[network.layout.slices["value_net.bias"]][0]
    assert found == pytest.approx(0.7 * 2 * apart.mean() / 50.0, rel=1e-4)


# --- learning -----------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [0, 2])
def test_it_learns_what_needs_a_memory(slots):
    """The sign is shown at the first step and asked for at the last: without a memory half are right."""
    task = callable_task("environments:Recall")
    spec = replace(recurrent_spec(spec_for(task), slots=slots, return_scale=1.0), width=16)
    plan = plan_for(
        task,
        12_000,
        policy=new_policy(spec, 0, film_gain=0.5),
        config={
            "n_envs": 16,
            "n_steps": 64,
            "batch_size": 256,
            "n_epochs": 8,
            "learning_rate": 5e-3,
            "gamma": 1.0,
        },
    )
    _, updates = trained(plan)
    last = [one.episode_return for update in updates[-2:] for one in update.episodes]
    assert np.mean([one.episode_return for one in updates[0].episodes]) < 0.65
    assert np.mean(last) > 0.9

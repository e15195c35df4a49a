"""The trainer: an exact budget, resumable to the bit, what is frozen frozen, and it does learn."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import environments
from environments import counted
from ratchet.errors import BudgetError, PolicyError, RecipeError
from ratchet.learning.anchors import parse_anchor
from ratchet.learning.config import PPOConfig, SafetyConfig
from ratchet.learning.trainer import Budget, Trainer, TrainingPlan
from ratchet.policies.checkpoint import publish, read_checkpoint, read_training_state
from ratchet.policies.initial import new_policy
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.rollout.fit import spec_for
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task

SMALL = {"n_envs": 4, "n_steps": 32, "batch_size": 32, "n_epochs": 2}
"""A rollout of 128 steps."""


def plan_for(task, steps=1000, *, unit="steps", safety=None, policy=None, config=None, **rest):
    return TrainingPlan(
        policy=policy or new_policy(spec_for(task), 0),
        task=task,
        budget=Budget(steps, unit),
        config=PPOConfig(**{**SMALL, **(config or {})}),
        safety=SafetyConfig(**(safety or {})),
        **rest,
    )


def trained(plan):
    """Train, and return the policy with every update."""
    updates = []
    policy = Trainer(plan, updates.append).run()
    return policy, updates


def assert_same(first, second):
    for name in first.tensors:
        np.testing.assert_array_equal(first.tensors[name], second.tensors[name], err_msg=name)


def actor_names(spec):
    return [name for name in spec.tensor_shapes() if "value_net" not in name]


# --- the budget ---------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 15, 16, 17, 1000, 1001])
def test_a_budget_of_steps_is_exact(steps):
    task = callable_task("environments:Counting")
    trainer = Trainer(plan_for(task, steps, config={"n_envs": 16}))
    counted.clear()
    told = []
    trainer.run(tick=told.append)
    assert counted["steps"] == trainer.spent.steps == sum(told) == steps
    assert trainer.finished
    assert trainer.lost_steps == trainer.replayed_steps == 0
    assert counted["ended"] == trainer.spent.episodes


@settings(max_examples=20)
@given(st.integers(1, 300), st.integers(1, 20), st.integers(1, 12))
def test_a_budget_of_steps_is_exact_for_any_numbers(steps, n_envs, n_steps):
    task = callable_task("environments:Counting")
    trainer = Trainer(plan_for(task, steps, config={"n_envs": n_envs, "n_steps": n_steps}))
    counted.clear()
    trainer.run()
    assert counted["steps"] == trainer.spent.steps == steps


@pytest.mark.parametrize("episodes", [1, 15, 16, 100])
def test_a_budget_of_episodes_is_exact(episodes):
    task = callable_task("environments:Counting")
    plan = plan_for(task, episodes, unit="episodes", config={"n_envs": 16, "n_steps": 8})
    updates = []
    trainer = Trainer(plan, updates.append)
    counted.clear()
    trainer.run()
    assert counted["begun"] == counted["ended"] == trainer.spent.episodes == episodes
    assert counted["steps"] == trainer.spent.steps
    assert sum(one.length for update in updates for one in update.episodes) == counted["steps"]


def test_a_budget_must_be_something():
    for amount in (0, -5):
        with pytest.raises(BudgetError, match=f"the budget is {amount} steps"):
            Budget(amount)


# --- the same again -----------------------------------------------------------------------------


TASKS = {
    "cartpole-modes": (cartpole_modes, {}),
    "LunarLander-v3": (lambda: gymnasium_task("LunarLander-v3"), {}),
    "Pendulum-v1": (lambda: gymnasium_task("Pendulum-v1"), {}),
    "masked": (lambda: callable_task("environments:Masked"), {}),
    "safe": (
        cartpole_modes,
        {
            "safety": {
                "anchor": "kl:0.1",
                "warmup_fraction": 0.4,
                "warmup_explained_variance": 0.99,
                "rollback_kl": 1e-3,
            },
            "warmup": True,
            "scope": "policy_head",
        },
    ),
    "safe, whole": (
        cartpole_modes,
        {"safety": {"anchor": "l2sp:0.1", "warmup_fraction": 0.4}, "warmup": True},
    ),
    "some undone": (
        cartpole_modes,
        {"safety": {"rollback_kl": 1e-3}, "config": {"learning_rate": 3e-3}},
    ),
    "episodes": (
        lambda: callable_task("environments:Counting"),
        {"steps": 150, "unit": "episodes"},
    ),
}


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("stops", [1, 3])
def test_interrupted_anywhere_it_is_the_same_run(name, stops, tmp_path):
    """Stopped after any update and gone on elsewhere, through files: bit for bit the straight run."""
    make, options = TASKS[name]
    config = {"schedule": "cosine", "ent_coef": 0.01}

    def plan():
        return plan_for(make(), **{"steps": 901, "config": config, "seed": 3, **options})

    straight, all_updates = trained(plan())
    assert_same(straight, trained(plan())[0])

    updates = []
    first = Trainer(plan(), updates.append)

    def after_update():
        if len(updates) == stops:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.run(after_update=after_update)
    assert not first.finished
    publish(first.policy(), tmp_path / "here", state=first.state())

    second = Trainer(plan(), updates.append)
    second.restore(read_training_state(tmp_path / "here"))
    assert read_checkpoint(tmp_path / "here").id == second.policy().id == first.policy().id
    resumed = second.run()
    assert_same(resumed, straight)
    assert resumed.id == straight.id
    assert second.finished
    assert second.safety_record()["rollbacks"] == sum(update.rolled_back for update in updates)
    assert {update.rolled_back for update in updates} >= {name.endswith("undone"), False}
    assert second.lost_steps == 0
    assert len(updates) == len(all_updates)
    for ours, theirs in zip(updates, all_updates, strict=True):
        assert ours.episodes == theirs.episodes
        assert ours.environment_steps == theirs.environment_steps
        assert ours.learning_rate == theirs.learning_rate
        assert (ours.critic_only, ours.rolled_back) == (theirs.critic_only, theirs.rolled_back)
        np.testing.assert_equal(asdict(ours.metrics), asdict(theirs.metrics))


def test_twice_half_the_budget_is_the_whole():
    def plan(steps):
        return plan_for(cartpole_modes(), steps, seed=1)

    first = Trainer(plan(512))
    first.run()
    assert first.finished
    second = Trainer(plan(1024))
    second.restore(first.state())
    assert_same(second.run(), trained(plan(1024))[0])


def test_broken_off_within_a_rollout_the_last_state_still_holds():
    plan = plan_for(cartpole_modes(), 640, seed=2)
    straight, _ = trained(plan)
    states = []
    trainer = Trainer(plan)
    executed = []

    def tick(steps):
        executed.append(steps)
        if sum(executed) == 128 * 2 + 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.run(tick=tick, after_update=lambda: states.append(trainer.state()))
    assert len(states) == 2
    assert trainer.lost_steps == 40
    second = Trainer(plan)
    second.restore(states[-1])
    assert_same(second.run(), straight)


def test_a_state_of_another_run_is_refused():
    state = Trainer(plan_for(cartpole_modes())).state()
    task = gymnasium_task("Pendulum-v1")
    with pytest.raises(PolicyError, match="another architecture"):
        Trainer(plan_for(task)).restore(state)
    other = new_policy(spec_for(cartpole_modes()), 1)
    with pytest.raises(PolicyError, match="started from another policy"):
        Trainer(plan_for(cartpole_modes(), policy=other)).restore(state)


def test_seeds_matter():
    first, second = (trained(plan_for(cartpole_modes(), 256, seed=s))[0] for s in (0, 1))
    assert first.id != second.id


def test_on_pytorch_it_learns_the_same():
    task = gymnasium_task("Pendulum-v1")
    compiled, through_torch = (
        trained(plan_for(task, 128, device=device))[0] for device in ("cpu", "cpu:0")
    )
    for name, tensor in compiled.tensors.items():
        np.testing.assert_allclose(through_torch.tensors[name], tensor, atol=1e-5, err_msg=name)


# --- scopes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "count"),
    [
        ("full", 9155),
        ("policy_head", 130),
        ("value", 4545),
        ("bias", 259),
        ("mlp_extractor.policy_net.0.*", 320),
    ],
)
def test_what_is_outside_the_scope_does_not_move(scope, count):
    plan = plan_for(cartpole_modes(), 256, scope=scope, safety={"anchor": "l2sp:0.01"})
    trainer = Trainer(plan)
    before = trainer.frozen_hash(plan.policy)
    policy = trainer.run()
    assert trainer.parameters_adapted == count
    assert trainer.frozen_hash(policy) == before
    moved = {
        name
        for name, tensor in policy.tensors.items()
        if not np.array_equal(tensor, plan.policy.tensors[name])
    }
    assert moved == set(trainer.scope_names)
    assert policy.lineage == (plan.policy.id,)


def test_a_policy_that_does_not_fit_is_refused():
    policy = new_policy(spec_for(gymnasium_task("MountainCar-v0")), 0)
    with pytest.raises(PolicyError, match=r"Box.*cartpole-modes"):
        Trainer(plan_for(cartpole_modes(), policy=policy))
    with pytest.raises(PolicyError, match="did you mean 'policy_head'"):
        Trainer(plan_for(cartpole_modes(), scope="policyhead"))


# --- safety -------------------------------------------------------------------------------------


def divergence(policy, start):
    """The mean KL(policy || start) on states of no particular kind."""
    from ratchet.policies.actor import Actor

    x = np.random.default_rng(0).normal(0, 1, (500, policy.spec.observation.size))
    log_p, log_q = (
        outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
        for outputs in (
            Actor(one).outputs("actor", x.astype(np.float32)).astype(np.float64)
            for one in (policy, start)
        )
    )
    return float((np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean())


def apart(policy, start):
    return sum(float(np.square(t - start.tensors[n]).sum()) for n, t in policy.tensors.items())


@pytest.mark.parametrize(("anchor", "distance"), [("kl", divergence), ("l2sp", apart)])
def test_an_anchor_holds_the_policy_near_its_start(anchor, distance):
    found = []
    for text in ("none", f"{anchor}:3", f"{anchor}:100"):
        plan = plan_for(
            cartpole_modes(),
            2048,
            safety={"anchor": text, "rollback_kl": None},
            config={"learning_rate": 1e-3, "n_epochs": 4},
        )
        policy, updates = trained(plan)
        found.append(distance(policy, plan.policy))
        assert (updates[-1].metrics.anchor_loss > 0) == (text != "none")
    assert found[0] > 1.5 * found[1] > 1.5 * 1.5 * found[2]


def test_an_anchor_on_continuous_actions():
    task = gymnasium_task("Pendulum-v1")
    found = []
    for text in ("none", "kl:30"):
        plan = plan_for(
            task, 1000, safety={"anchor": text, "rollback_kl": None}, config={"learning_rate": 1e-3}
        )
        policy, _ = trained(plan)
        found.append(sum(apart_of(policy, plan.policy, name) for name in actor_names(policy.spec)))
    assert found[0] > 2 * found[1]


def apart_of(policy, start, name):
    return float(np.square(policy.tensors[name] - start.tensors[name]).sum())


@pytest.mark.parametrize(
    "text", ["kl", "kl:0", "kl:-1", "kl:nan", "kl:inf", "l2sp:x", "ewc:0", "none:1", ""]
)
def test_an_anchor_that_means_nothing_is_refused(text):
    with pytest.raises(RecipeError, match="anchor"):
        parse_anchor(text)


def test_an_anchor_is_read_as_it_is_written():
    for text in ("none", "kl:0.1", "l2sp:2", "ewc:1000"):
        assert str(parse_anchor(text)) == text


def test_while_the_critic_warms_up_the_policy_stands_still():
    plan = plan_for(
        cartpole_modes(),
        1280,
        warmup=True,
        safety={"warmup_fraction": 0.3, "warmup_explained_variance": 1.0},
    )
    updates, seen, taken = [], [], []
    trainer = Trainer(plan, updates.append)

    def after_update():
        seen.append(trainer.policy())
        taken.append(trainer.state().data["adam_steps"])

    trainer.run(after_update=after_update)
    # 128 steps an update: 0.1, 0.2 and 0.3 of the budget are the critic's.
    assert [update.critic_only for update in updates] == [True] * 3 + [False] * 7
    assert trainer.safety_record()["critic_only_updates"] == 3
    for policy in seen[:3]:
        for name in actor_names(policy.spec):
            np.testing.assert_array_equal(policy.tensors[name], plan.policy.tensors[name])
        assert policy.tensors["value_net.weight"].any()
    assert not np.array_equal(seen[0].tensors["value_net.bias"], seen[1].tensors["value_net.bias"])
    assert updates[0].update_kl == 0.0
    # The policy's first steps are Adam's first: moments of nought with the bias correction of a thousand
    # steps would make them three times as long as the learning rate.
    assert taken == [8, 16, 24, *range(8, 64, 8)]


def test_the_warm_up_ends_when_the_critic_explains_enough():
    _, updates = trained(
        plan_for(
            cartpole_modes(),
            1280,
            warmup=True,
            safety={"warmup_fraction": 1.0, "warmup_explained_variance": -1e9},
        )
    )
    assert not any(update.critic_only for update in updates)


@pytest.mark.parametrize(
    "how", [{"warmup": False}, {"scope": "policy_head"}, {"safety": {"warmup_fraction": 0.0}}]
)
def test_without_a_critic_to_warm_there_is_no_warm_up(how):
    _, updates = trained(plan_for(cartpole_modes(), 256, **{"warmup": True, **how}))
    assert not any(update.critic_only for update in updates)


def test_an_update_that_goes_too_far_is_undone():
    plan = plan_for(cartpole_modes(), 512, safety={"rollback_kl": 1e-9})
    updates = []
    trainer = Trainer(plan, updates.append)
    assert_same(trainer.run(), plan.policy)
    assert all(update.rolled_back for update in updates)
    assert [update.learning_rate for update in updates] == [3e-4 / 2**i for i in range(4)]
    assert all(update.update_kl > 1e-9 for update in updates)
    assert trainer.safety_record() == {"critic_only_updates": 0, "rollbacks": 4}
    assert not trainer.state().arrays["adam.first"].any()
    assert trainer.state().data["adam_steps"] == 0


@pytest.mark.parametrize("limit", [0.5, None])
@pytest.mark.parametrize("warmup", [False, True])
def test_what_is_no_number_is_undone(limit, warmup):
    plan = plan_for(
        callable_task("environments:Poisonous"),
        300,
        safety={"rollback_kl": limit},
        warmup=warmup,
    )
    policy, updates = trained(plan)
    assert all(update.rolled_back for update in updates)
    assert_same(policy, plan.policy)


def test_a_learning_rate_beyond_reason_leaves_the_policy_usable():
    plan = plan_for(cartpole_modes(), 512, config={"learning_rate": 1e30})
    policy, updates = trained(plan)
    assert all(update.rolled_back for update in updates)
    assert_same(policy, plan.policy)


@pytest.mark.parametrize(
    "setting",
    [
        {"learning_rate": float("inf")},
        {"learning_rate": float("nan")},
        {"learning_rate": 0.0},
        {"gamma": 1.1},
        {"n_envs": 0},
        {"batch_size": 1},
        {"schedule": "stepwise"},
        {"clip_ragne": 0.1},
    ],
)
def test_a_setting_out_of_range_is_refused(setting):
    with pytest.raises(ValidationError, match=next(iter(setting))):
        PPOConfig(**setting)


# --- learning -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [1.0, 1.0, 1.0, 1.0]),
        ("linear", [1.0, 0.75, 0.5, 0.25]),
        ("cosine", [1.0, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4]),
    ],
)
def test_the_learning_rate_follows_its_schedule(schedule, rates):
    _, updates = trained(plan_for(cartpole_modes(), 512, config={"schedule": schedule}))
    got = [update.learning_rate for update in updates]
    assert got == pytest.approx([3e-4 * rate for rate in rates], abs=1e-12)


def test_masks_are_kept_from_the_first_step_to_the_last():
    """The environment itself fails on an illegal action; and with masks the task can be learned."""
    task = callable_task("environments:Masked")
    counted.clear()
    _, updates = trained(plan_for(task, 3000, config={"n_steps": 64, "ent_coef": 0.01}))
    assert sum(counted[f"action {action}"] for action in range(5)) == 3000
    assert all(0 < update.metrics.normalised_entropy <= 1 for update in updates)
    assert environments.counted["action 0"] > environments.counted["action 4"]


def test_rewards_are_on_the_critics_scale():
    """With return statistics the policy learns from scaled rewards, and the record keeps the raw ones."""
    task = callable_task("environments:Counting")
    plain = new_policy(spec_for(task), 0)
    scaled = Policy(
        spec=plain.spec, tensors=plain.tensors, normalizer=Normalizer(return_variance=10_000.0)
    )
    first, second = (trained(plan_for(task, 128, policy=one))[1][0] for one in (plain, scaled))
    assert second.metrics.value_loss < first.metrics.value_loss / 10
    assert second.episodes == first.episodes


def test_it_learns():
    plan = plan_for(
        cartpole_modes(),
        30_000,
        mode="0",
        config={"n_envs": 8, "n_steps": 256, "batch_size": 256, "n_epochs": 10},
    )
    _, updates = trained(plan)
    first = [one.episode_return for one in updates[0].episodes]
    last = [one.episode_return for update in updates[-3:] for one in update.episodes]
    assert np.mean(first) < 40
    assert np.mean(last) > 100

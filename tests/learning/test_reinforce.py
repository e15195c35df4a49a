"""REINFORCE: an update an episode, up the returns to go, and an exact budget."""

import numpy as np
import pytest
import torch

from environments import counted
from ratchet.learning.config import PPOConfig, SafetyConfig
from ratchet.learning.ppo import _differentiate
from ratchet.learning.trainer import Budget, Trainer, TrainingPlan
from ratchet.policies.initial import new_policy
from ratchet.policies.mlp import ActorCritic
from ratchet.rollout.fit import spec_for
from ratchet.tasks.gymnasium import callable_task
from strategies import random_policy, recurrent_spec

CONFIG = {
    "n_envs": 3,
    "n_steps": 5,
    "n_epochs": 1,
    "batch_size": 10_000,
    "gamma": 0.9,
    "vf_coef": 0.0,
    "max_grad_norm": 1e9,
}
"""Rollouts of 5 steps; an episode may have 12."""


def trainer_for(
    amount, unit, *, slots=None, observe=lambda _: None, config=None, made=random_policy
):
    task = callable_task("environments:Counting")
    spec = spec_for(task)
    return Trainer(
        TrainingPlan(
            policy=made(spec if slots is None else recurrent_spec(spec, slots=slots)),
            task=task,
            budget=Budget(amount, unit),
            config=PPOConfig(**{**CONFIG, **(config or {})}),
            safety=SafetyConfig(rollback_kl=None),
            method="reinforce",
        ),
        observe,
    )


@pytest.mark.parametrize("slots", [None, 0, 3])
@pytest.mark.parametrize("episodes", [1, 2, 25])
def test_an_update_an_episode(episodes, slots):
    updates = []
    trainer = trainer_for(episodes, "episodes", slots=slots, observe=updates.append)
    counted.clear()
    trainer.run()
    assert [len(update.episodes) for update in updates] == [1] * episodes
    assert counted["begun"] == counted["ended"] == trainer.spent.episodes == episodes
    assert counted["steps"] == trainer.spent.steps
    ends = np.cumsum([update.episodes[0].length for update in updates])
    assert [update.environment_steps for update in updates] == ends.tolist()
    assert all(update.metrics.minibatches == 1 for update in updates)
    assert all(update.metrics.approx_kl == pytest.approx(0.0, abs=1e-6) for update in updates)


@pytest.mark.parametrize("steps", [1, 5, 100, 101])
def test_a_budget_of_steps_is_exact_and_an_update_is_still_an_episodes(steps):
    updates = []
    trainer = trainer_for(steps, "steps", slots=0, observe=updates.append)
    counted.clear()
    trainer.run()
    assert counted["steps"] == trainer.spent.steps == steps
    # Only the last episode may be cut, by the end of the budget.
    assert all(len(update.episodes) == 1 for update in updates[:-1])
    assert len(updates[-1].episodes) <= 1


def returns_to_go(rewards, gamma):
    total, found = 0.0, []
    for reward in rewards[::-1]:
        total = reward + gamma * total
        found.append(total)
    return np.array(found[::-1])


def longest(trainer):
    """An episode of more steps than a rollout has, as one trajectory."""
    while True:
        trajectory = trainer._collect(None)
        if trajectory.transitions > 6 and 0 < trajectory.rewards.sum() < trajectory.transitions:
            return trajectory


def test_the_gradient_is_minus_the_mean_of_score_times_normalised_return():
    trainer = trainer_for(1000, "episodes")
    trajectory = longest(trainer)
    n = trajectory.transitions
    assert (trajectory.steps[:, 0] == np.arange(n)).all()
    weights = returns_to_go(trajectory.rewards[:, 0].astype(np.float64), 0.9)
    weights = (weights - weights.mean()) / (weights.std(ddof=1) + 1e-8)

    module = ActorCritic(trainer.plan.policy)
    logits = module.action_outputs(torch.from_numpy(trajectory.observations[:, 0]))
    log_p = torch.log_softmax(logits, dim=1)[
        torch.arange(n), torch.from_numpy(trajectory.actions[:, 0])
    ]
    loss = -(log_p * torch.from_numpy(weights.astype(np.float32))).mean()
    loss.backward()

    experience, _ = trainer._estimator.experience(trajectory, trainer._inner)
    parts = list(experience.minibatches(np.arange(experience.units), 10_000))
    assert [len(part) for part in parts] == [n]
    network = trainer._inner
    _differentiate(network, parts[0], trainer.plan.config, trainer._head, None)
    for name, where in network.layout.slices.items():
        slope = module.tensor(name).grad
        wanted = 0.0 if slope is None else slope.numpy().ravel()
        np.testing.assert_allclose(
            network.gradient[where], wanted, rtol=1e-3, atol=1e-6, err_msg=name
        )


def test_a_recurrent_episode_is_one_sequence_from_its_begin():
    trainer = trainer_for(1000, "episodes", slots=3)
    trajectory = longest(trainer)
    experience, _ = trainer._estimator.experience(trajectory, trainer._inner)
    assert experience.units == 1
    x = experience.sequences
    assert x.begins[0].all()
    assert not x.begins[1:].any()
    weights = returns_to_go(trajectory.rewards[:, 0].astype(np.float64), 0.9)
    np.testing.assert_allclose(experience.whole().advantages, weights, rtol=1e-5)


def test_it_learns():
    updates = []
    trainer = trainer_for(
        400,
        "episodes",
        observe=updates.append,
        config={"learning_rate": 0.01, "n_steps": 512},
        made=lambda spec: new_policy(spec, 0),
    )
    trainer.run()
    share = [one.episode_return / one.length for update in updates for one in update.episodes]
    assert np.mean(share[:10]) < 0.7
    assert np.mean(share[-100:]) > 0.9

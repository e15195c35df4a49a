"""Cloning: it learns what was shown, measures on what was not, and gives PPO a critic."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ratchet.errors import PolicyError, TaskError
from ratchet.evaluation.play import play
from ratchet.learning.cloning import Accuracy, clone, discounted_returns, split_episodes
from ratchet.learning.config import CloningConfig
from ratchet.policies.actor import Actor
from ratchet.policies.initial import new_policy
from ratchet.policies.network import CompiledNetwork
from ratchet.policies.normalizer import Normalizer
from ratchet.rollout.demonstrations import gather, read_demonstrations
from ratchet.rollout.episode_file import read_episode
from ratchet.rollout.fit import recurrent_spec_for, spec_for
from ratchet.rollout.recording import record_demonstrations
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task

QUICK = CloningConfig(max_epochs=4, batch_size=64)


def cartpole():
    """CartPole, whose teacher is told apart by side."""
    task = cartpole_modes()
    task.action_kinds = ("left", "right")
    task.situations = ("falling left", "falling right", "lying")
    task.situation_of = lambda seen: (seen[:, 2] > 0).astype(np.int64)
    return task


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    directory = tmp_path_factory.mktemp("demonstrations")
    task = cartpole()
    record_demonstrations(directory, task, "heuristic", episodes=12, mode="1")
    return read_demonstrations(directory, task)


def small(task, **options):
    return new_policy(
        replace(spec_for(task), **{"actor": (32, 16), "critic": (32, 16), **options}), 0
    )


@pytest.mark.parametrize("options", [{"activation": "gelu"}, {"shared": (32,), "actor": ()}])
def test_a_clone_plays_as_its_teacher(shown, options):
    task, told = cartpole(), []
    policy = small(task, **options)
    config = CloningConfig(max_epochs=40, batch_size=32, learning_rate=3e-3)
    found = clone(policy, shown, task, config, seed=1, observe=told.append)
    assert found.accuracy.overall.share > 0.9
    assert list(told) == list(found.epochs)
    games = play(task, Actor(found.policy), range(10), "1")
    assert np.mean([game.episode_return for game in games]) > 450
    # The record says what it is.
    record = found.policy.record
    assert found.policy.lineage == (policy.id,)
    assert (record["source"], record["teacher"]) == ("cloning", "heuristic")
    assert record["demonstrations"] == shown.id
    assert (record["episodes"], record["decisions"]) == (12, len(shown))
    assert record["validation_accuracy"] == found.accuracy.overall.share


def test_the_report_of_accuracy(shown):
    task = cartpole()
    found = clone(small(task), shown, task, QUICK)
    report = found.accuracy
    _, measuring = split_episodes(12, 0.1, 0)
    steps = shown.steps_of(measuring)
    logits = Actor(found.policy).outputs("actor", shown.observations(steps))
    agreed = logits.argmax(axis=1) == shown.actions[steps]
    assert report.overall == report.choices == Accuracy(len(steps), int(agreed.sum()))
    assert list(report.by_kind) == ["left", "right"]
    right = shown.actions[steps] == 1
    assert report.by_kind["right"] == Accuracy(int(right.sum()), int(agreed[right].sum()))
    assert list(report.by_situation) == ["falling left", "falling right"]
    assert sum(part.decisions for part in report.by_situation.values()) == len(steps)
    assert sum(part.agreed for part in report.by_situation.values()) == agreed.sum()
    log_p = torch.from_numpy(logits.astype(np.float64)).log_softmax(dim=1).numpy()
    entropy = -log_p[np.arange(len(steps)), shown.actions[steps]].mean()
    assert found.cross_entropy == pytest.approx(entropy, rel=1e-5)
    assert np.isnan(Accuracy(0, 0).share)


def test_the_best_epoch_is_kept_and_patience_ends(shown):
    task = cartpole()
    config = CloningConfig(max_epochs=60, batch_size=32, learning_rate=0.1, patience=2)
    found = clone(small(task), shown, task, config)
    for part in ("policy", "critic"):
        epochs = [epoch for epoch in found.epochs if epoch.part == part]
        assert [epoch.number for epoch in epochs] == list(range(1, len(epochs) + 1))
        losses = [epoch.validation_loss for epoch in epochs]
        lowest = int(np.argmin(losses))
        assert len(epochs) == lowest + 3 < 60
        best = [epoch.number for epoch in epochs if epoch.best]
        assert best == [n + 1 for n, x in enumerate(losses) if x < min([np.inf, *losses[:n]])]
        assert best[-1] == lowest + 1
        if part == "policy":
            assert found.cross_entropy == pytest.approx(losses[lowest], rel=1e-6)
            assert found.accuracy.overall.share == pytest.approx(epochs[lowest].score)
        else:
            assert found.explained_variance == epochs[lowest].score


def test_the_same_again_and_no_part_touches_the_other(shown):
    task, policy = cartpole(), small(cartpole(), shared=(8,))
    first, second = (clone(policy, shown, task, QUICK, seed=3).policy for _ in range(2))
    assert first.id == second.id != clone(policy, shown, task, QUICK, seed=4).policy.id
    # Whatever the critic is to learn, the policy is the same.
    other = replace(shown, rewards=shown.rewards * 3.0 + shown.actions)
    third = clone(policy, other, task, QUICK, seed=3).policy
    assert third.id != first.id
    for name, tensor in first.tensors.items():
        same = np.array_equal(tensor, third.tensors[name])
        assert same != name.startswith(("value_net", "mlp_extractor.value_net"))


def test_an_accelerators_clone_is_the_same_to_rounding(shown):
    task = cartpole()
    config = CloningConfig(max_epochs=1)
    here = clone(small(task), shown, task, config).policy
    there = clone(small(task), shown, task, config, device="cpu:0").policy
    for name, tensor in here.tensors.items():
        np.testing.assert_allclose(tensor, there.tensors[name], rtol=1e-2, atol=2e-3, err_msg=name)


# --- the critic ---------------------------------------------------------------------------------


def test_the_critic_learns_the_returns(shown):
    task = cartpole()
    config = CloningConfig(max_epochs=40, batch_size=64, gamma=0.9)
    found = clone(small(task), shown, task, config)
    first, *_ = (epoch for epoch in found.epochs if epoch.part == "critic")
    # It begins at the mean, where an error is about one deviation.
    assert first.training_loss < 2.0
    values = CompiledNetwork(found.policy).values(shown.observations(np.arange(0, 50)))
    # A pole that stands is worth 1 / (1 - gamma), also at an end that is the time limit's.
    assert np.abs(values - 10.0).max() < 1.5
    assert not shown.terminated.all()
    last = shown.final_observations(np.flatnonzero(~shown.terminated))
    assert np.abs(CompiledNetwork(found.policy).values(last) - 10.0).max() < 1.5


def test_the_critic_is_in_units_of_the_policys_normaliser(shown):
    task = cartpole()
    policy = small(task)
    scaled = replace(policy, normalizer=Normalizer(return_variance=4.0, clip_reward=100.0))
    config = CloningConfig(max_epochs=20, batch_size=64, gamma=0.9)
    found = clone(scaled, shown, task, config).policy
    values = CompiledNetwork(found).values(shown.observations(np.arange(50)))
    assert np.abs(values - 5.0).max() < 0.75


def test_returns_that_do_not_vary(tmp_path):
    task = callable_task("environments:Counting")
    task.heuristic = lambda seen: np.zeros(len(seen), dtype=np.int64)
    record_demonstrations(tmp_path, task, "heuristic", episodes=12)
    shown = read_demonstrations(tmp_path, task)
    assert not shown.rewards.any()
    whole = replace(shown, terminated=np.ones_like(shown.terminated))
    found = clone(small(task), whole, task, CloningConfig(learning_rate=5e-3))
    assert np.isnan(found.explained_variance)
    assert found.accuracy.overall.share == 1.0
    # Nobody has a choice, nobody errs.
    alone = np.packbits(np.array([[True, False]] * len(shown)), axis=1)
    found = clone(small(task), replace(whole, packed_masks=alone), task, QUICK)
    assert found.accuracy.overall.share == 1.0
    assert found.accuracy.choices.decisions == 0
    assert found.cross_entropy == 0.0


def test_discounted_returns_by_hand():
    rewards = np.array([1, 2, 4, 8, 16], dtype=np.float32)
    returns, left = discounted_returns(rewards, np.array([0, 3, 5]), 0.5)
    np.testing.assert_allclose(returns, [3.0, 4.0, 4.0, 16.0, 16.0])
    np.testing.assert_allclose(left, [0.125, 0.25, 0.5, 0.25, 0.5])


@given(st.integers(2, 500), st.floats(0.01, 0.99), st.integers(0, 99))
def test_a_split_has_both_parts_and_every_episode_once(episodes, share, seed):
    teaching, measuring = split_episodes(episodes, share, seed)
    assert sorted([*teaching, *measuring]) == list(range(episodes))
    assert len(teaching) >= 1 <= len(measuring)
    assert abs(len(measuring) - share * episodes) <= 1


# --- what is refused ----------------------------------------------------------------------------


def test_what_does_not_fit_is_refused(shown, tmp_path):
    task = cartpole()
    with pytest.raises(PolicyError, match="of kind 'recurrent' with categorical actions cannot be"):
        clone(new_policy(recurrent_spec_for(task), 0), shown, task, QUICK)
    other = gymnasium_task("CartPole-v1")
    with pytest.raises(TaskError, match="are of task 'cartpole-modes', not 'CartPole-v1'"):
        clone(small(other), shown, other, QUICK)
    with pytest.raises(PolicyError, match="the policy sees"):
        clone(small(callable_task("environments:Masked")), shown, task, QUICK)
    record_demonstrations(tmp_path, task, "heuristic", episodes=1)
    one = gather(task, "heuristic", [read_episode(next(tmp_path.glob("*.npz")))])
    with pytest.raises(TaskError, match="there is 1 demonstration; cloning needs at least 2"):
        clone(small(task), one, task, QUICK)

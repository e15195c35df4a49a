"""The Fisher information against PyTorch's scores; and what an anchor weighed by it holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ratchet.errors import PolicyError
from ratchet.learning import fisher
from ratchet.learning.anchors import Anchor
from ratchet.learning.batches import Batch
from ratchet.learning.config import PPOConfig, SafetyConfig
from ratchet.learning.ppo import PolicyLossHead
from ratchet.learning.trainer import Budget, Trainer, TrainingPlan
from ratchet.policies.actor import Actor
from ratchet.policies.mlp import ActorCritic
from ratchet.policies.network import CompiledNetwork
from ratchet.rollout.fit import spec_for
from ratchet.tasks.cartpole import cartpole_modes
from strategies import discrete_spec, random_policy, recurrent_spec

SPEC = discrete_spec(2, 3, actor=(4,), critic=(3,))


def played(policy, n):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (n, policy.spec.observation.size)).astype(np.float32)
    seeds = rng.integers(0, 2**63, n, dtype=np.uint64)
    choice = Actor(policy).act(x, None, seeds, np.arange(n), deterministic=False)
    nothing = np.zeros(n, dtype=np.float32)
    return Batch(
        observations=x,
        actions=choice.actions,
        log_probs=choice.log_probs,
        advantages=nothing,
        returns=nothing,
        values=nothing,
    )


def found(policy, batch):
    network = CompiledNetwork(policy)
    head = PolicyLossHead(policy.spec, network, PPOConfig(), Anchor("none"))
    return fisher.fisher_information(network, head, batch), network.layout


def squared_scores(policy, batch):
    """The mean squared score of each parameter, one backward pass a transition."""
    module = ActorCritic(policy)
    total = dict.fromkeys(policy.tensors, 0.0)
    logits = torch.log_softmax(module.action_outputs(torch.from_numpy(batch.observations)), dim=1)
    for row, action in enumerate(batch.actions):
        module.zero_grad(set_to_none=True)
        logits[row, action].backward(retain_graph=True)
        for name in total:
            slope = module.tensor(name).grad
            if slope is not None:
                total[name] = total[name] + slope.numpy().astype(np.float64) ** 2 / len(batch)
    return total


def test_of_single_transitions_it_is_the_mean_squared_score(monkeypatch):
    monkeypatch.setattr(fisher, "STRETCH", 1)
    policy = random_policy(SPEC)
    batch = played(policy, 300)
    information, layout = found(policy, batch)
    for name, wanted in squared_scores(policy, batch).items():
        np.testing.assert_allclose(
            information[layout.slices[name]].reshape(layout.shapes[name]),
            wanted,
            rtol=1e-3,
            atol=1e-7,
            err_msg=name,
        )


def test_of_stretches_it_is_the_same_in_the_mean():
    """Scores have mean zero, so the square of a sum is in expectation the sum of the squares."""
    policy = random_policy(SPEC)
    information, layout = found(policy, played(policy, 40_000))
    few = squared_scores(policy, played(policy, 2000))
    for name in ("mlp_extractor.policy_net.0.weight", "action_net.weight", "action_net.bias"):
        mine = information[layout.slices[name]].reshape(layout.shapes[name])
        np.testing.assert_allclose(mine, few[name], rtol=0.35, atol=0.02, err_msg=name)
        assert mine.sum() == pytest.approx(few[name].sum(), rel=0.1)
    critic = layout.mask([name for name in layout.order if "value_net" in name])
    assert not information[critic].any()
    assert (information >= 0).all()


# --- the anchor ---------------------------------------------------------------------------------


def plan_for(policy, anchor, steps=512, **rest):
    return TrainingPlan(
        policy=policy,
        task=cartpole_modes(),
        budget=Budget(steps),
        config=PPOConfig(
            n_envs=4, n_steps=64, batch_size=64, n_epochs=4, learning_rate=3e-3, sequence_length=16
        ),
        safety=SafetyConfig(anchor=anchor, rollback_kl=None),
        **rest,
    )


def spaces():
    return spec_for(cartpole_modes())


def test_ewc_holds_what_matters_and_nothing_else():
    policy = random_policy(replace(spaces(), actor=(8,), critic=(8,)))
    moved = {}
    for anchor in ("none", "ewc:100000"):
        trainer = Trainer(plan_for(policy, anchor))
        after = trainer.run()
        assert trainer.spent.steps == 512
        assert trainer.side_steps == (4096 if anchor != "none" else 0)
        moved[anchor] = {
            name: np.abs(after.tensors[name] - tensor) for name, tensor in policy.tensors.items()
        }
    for name in policy.tensors:
        free, held = moved["none"][name], moved["ewc:100000"][name]
        if "value_net" in name:
            # A shared norm is clipped, so the steps are not quite the same.
            assert held.mean() > 0.3 * free.mean()
        elif name.endswith("weight"):
            assert held.mean() < 0.5 * free.mean()


def test_ewc_pulls_by_the_information():
    """What an update adds to the gradient is β F (w - w₀), and F is that of the start."""
    policy = random_policy(replace(spaces(), actor=(8,), critic=(8,)))
    trainer = Trainer(plan_for(policy, "ewc:7"))
    pull = trainer._pull
    assert pull.strength == 7
    layout = CompiledNetwork(policy).layout
    np.testing.assert_array_equal(pull.start, layout.pack(policy.tensors))
    critic = layout.mask([name for name in layout.order if "value_net" in name])
    assert not pull.importance[critic].any()
    assert pull.importance[~critic].any()
    again = Trainer(plan_for(policy, "ewc:7"))
    np.testing.assert_array_equal(again._pull.importance, pull.importance)


@pytest.mark.parametrize("scope", ["full", "gating"])
def test_ewc_of_a_recurrent_policy(scope):
    policy = random_policy(recurrent_spec(spaces(), slots=3))
    trainer = Trainer(plan_for(policy, "ewc:1000", steps=256, scope=scope))
    information, layout = trainer._pull.importance, trainer._inner.layout
    for name in layout.order:
        inside = information[layout.slices[name]]
        assert inside.any() == ("value_net" not in name), name
    assert trainer.side_steps == 4096
    after = trainer.run()
    moved = {n for n, t in after.tensors.items() if not np.array_equal(t, policy.tensors[n])}
    assert moved == set(trainer.scope_names)


def test_ewc_has_no_information_of_adapters():
    policy = random_policy(spaces())
    with pytest.raises(PolicyError, match="anchor 'ewc' weighs the policy's own parameters"):
        Trainer(plan_for(policy, "ewc:1", scope="adapter"))

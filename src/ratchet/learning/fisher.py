"""The Fisher information of a policy's actions, its diagonal: how much each parameter matters to them.

F = E[(d log π(a|s) / dw)²] under the policy's own states and actions. A sum of scores over a stretch of
an episode has for its square, in expectation, the sum of the squares, because a score has mean zero whatever
came before; so stretches give the same F as single transitions, with one backward pass each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.learning.anchors import Anchor
from ratchet.learning.batches import Experience
from ratchet.learning.config import PPOConfig
from ratchet.learning.experience import Estimator
from ratchet.learning.ppo import PolicyLossHead
from ratchet.policies.network import Network
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.rollout.collector import Collector
from ratchet.tasks.task import Task

FloatArray = NDArray[np.float32]

_STEPS, _ENVS, _WORKER = 4096, 8, 1_000_000
"""What is played to estimate it, and a worker whose seeds no other has."""

STRETCH = 32
"""Transitions whose scores are summed: enough to be quick, few enough for many squares."""


def fisher_information(
    network: Network, head: PolicyLossHead, experience: Experience
) -> FloatArray:
    """Return the diagonal ``(size,)``, estimated from what the policy itself has just played.

    `head` must have neither entropy bonus nor anchor; `experience` holds behaviour log-probabilities.
    """
    total = np.zeros(network.parameters.size)
    transitions = 0
    order = np.arange(experience.units)
    for part in experience.minibatches(order, STRETCH):
        count = len(part)
        # With an advantage of one the loss is the mean of the likelihood ratio: its gradient is the score.
        scored = replace(part, advantages=np.ones(count, dtype=np.float32))

        def policy_head(outputs: FloatArray, features: FloatArray, on: Any = scored) -> FloatArray:
            return head(on, outputs, features)[1]

        network.gradient[:] = 0.0
        network.differentiate(part.observations, policy_head, np.zeros_like)
        total += np.square(network.gradient.astype(np.float64) * count)
        transitions += count
    return (total / max(transitions, 1)).astype(np.float32)


def fisher_of(
    policy: Policy, task: Task, network: Network, config: PPOConfig, *, seed: int
) -> tuple[FloatArray, int]:
    """Return the diagonal for a policy on a task's modes, mixed, and the environment steps it took.

    `network` holds the policy's parameters; its gradient is overwritten.
    """
    plain = config.model_copy(update={"ent_coef": 0.0, "sequence_length": STRETCH})
    collector = Collector(task, _ENVS, run_seed=seed, worker=_WORKER)
    played = collector.collect(actor_for(policy), rows=_STEPS // _ENVS, version=0)
    collector.env.close()
    experience, _ = Estimator(policy=policy, config=plain).experience(played, network)
    head = PolicyLossHead(policy.spec, network, plain, Anchor("none"))
    return fisher_information(network, head, experience), played.transitions

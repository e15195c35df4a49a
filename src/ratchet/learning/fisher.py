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

from ratchet.learning.batches import Experience
from ratchet.learning.ppo import PolicyLossHead
from ratchet.policies.network import Network

FloatArray = NDArray[np.float32]

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

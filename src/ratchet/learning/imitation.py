"""The anchor to demonstrations: with every mini-batch the policy is shown some, and drawn towards them.

What is added to the loss is the coefficient times the cross-entropy with the actions shown (as in cloning),
over fewer decisions than a mini-batch has: its noise counts a coefficient squared as much. They pass through
the actor together with the mini-batch, in the same products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError, TaskError
from ratchet.learning.loss import ImitationLoss, imitation_loss
from ratchet.policies.policy import Policy
from ratchet.policies.sparse import DENSE, WIDE, Rows, SparseRows
from ratchet.rollout.demonstrations import Demonstrations

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Decisions that were demonstrated, ``m`` rows each; `observations` is what the network sees of them."""

    observations: Rows
    actions: NDArray[np.int64]
    masks: NDArray[np.bool_] | None
    coefficient: float
    smoothing: float

    def loss(self, logits: FloatArray) -> tuple[ImitationLoss, FloatArray]:
        """Return the loss, and the gradient of ``logits (m, k)`` times the coefficient."""
        return imitation_loss(
            logits,
            self.actions,
            smoothing=self.smoothing,
            masks=self.masks,
            weight=self.coefficient,
        )


class ImitationAnchor:
    """Demonstrations that hold a policy.

    Parameters
    ----------
    demonstrations
        At least one decision.
    policy
        Whose observations and actions they have to be of.
    size
        How many are shown with each mini-batch.
    smoothing
        Label smoothing; that of the cloning leaves the clone where it is.

    Raises
    ------
    PolicyError
        If the policy's actions are not discrete.
    TaskError
        If the demonstrations do not fit the policy, or are none.

    """

    def __init__(
        self, demonstrations: Demonstrations, policy: Policy, *, size: int, smoothing: float
    ) -> None:
        spec = policy.spec
        if spec.distribution != "categorical":
            raise PolicyError(
                f"a policy with {spec.distribution} actions cannot be held to demonstrations; "
                "leave them out, or take a policy with discrete actions"
            )
        here = (demonstrations.rows.width, demonstrations.action_count)
        if here != (spec.observation.size, spec.action.size):
            raise TaskError(
                f"the demonstrations have {here[0]} observed numbers and {here[1]} actions, but the "
                f"policy {spec.observation.size} and {spec.action.size}"
            )
        if not len(demonstrations):
            raise TaskError("there are no demonstrations to hold the policy to")
        self._shown, self._policy = demonstrations, policy
        self._size, self._smoothing = size, smoothing
        rows = demonstrations.rows
        self._sparse = (
            policy.normalizer is None
            and rows.width >= WIDE
            and len(rows.values) <= DENSE * rows.width * len(rows)
        )

    def draws(self, seed: int, coefficient: float) -> Iterator[Shown]:
        """Yield decisions drawn at random, without end; the same ones for the same seed."""
        generator = np.random.default_rng(seed)
        shown = self._shown
        while True:
            steps = generator.integers(0, len(shown), self._size)
            yield Shown(
                observations=self._seen(steps),
                actions=shown.actions[steps],
                masks=shown.masks(steps),
                coefficient=coefficient,
                smoothing=self._smoothing,
            )

    def _seen(self, steps: NDArray[np.int64]) -> Rows:
        shown = self._shown
        if not self._sparse:
            return self._policy.observe(shown.observations(steps))
        rows = shown.rows
        return SparseRows(
            width=rows.width,
            starts=rows.starts,
            columns=rows.columns,
            values=rows.values,
            which=steps + shown.episode_of[steps],  # an episode has one row more than steps
        )

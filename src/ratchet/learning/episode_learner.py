"""Learning from batches of whole episodes, whoever has played them: a fleet's learning without its files.

One update of it is the in-process trainer's (`ppo_update`, `attempt`, `CriticWarmup`), on episodes of policies
of any age, anchored to demonstrations, and followed by one step of the tuner.

Invariant: an update depends on what was before it, the seed, its number and its episodes in their order, and
on nothing else; `state` holds the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.learning.adam import Adam
from ratchet.learning.anchors import Anchor
from ratchet.learning.batches import Batch, epoch_orders
from ratchet.learning.config import FleetConfig
from ratchet.learning.experience import experience_of
from ratchet.learning.imitation import ImitationAnchor
from ratchet.learning.lagged import decoupled, proximal_log_probs
from ratchet.learning.ppo import PolicyLossHead, UpdateMetrics, ppo_update
from ratchet.learning.return_scale import ReturnScale
from ratchet.learning.safety import CriticWarmup, attempt, is_critic
from ratchet.learning.tuning import Change, Signs, Tuning
from ratchet.policies.checkpoint import TrainingState
from ratchet.policies.networks import network_for
from ratchet.policies.policy import Policy
from ratchet.policies.spec import RecurrentSpec
from ratchet.rollout.demonstrations import Demonstrations
from ratchet.rollout.episode import Episode
from ratchet.seeding import derive


class Coefficients(NamedTuple):
    """What an update is made with."""

    learning_rate: float
    entropy: float
    anchor: float

    def tuning(self) -> Tuning:
        """Return them as the tuner has them."""
        return Tuning(
            learning_rate=self.learning_rate,
            entropy_coefficient=self.entropy,
            anchor_coefficient=self.anchor,
        )


def first_coefficients(config: FleetConfig, *, anchored: bool) -> Coefficients:
    """Return what the first update is made with.

    Raises
    ------
    RecipeError
        If one that is tuned begins outside its bounds.

    """
    first = Coefficients(config.learning_rate, config.ent_coef, config.anchor if anchored else 0.0)
    if config.tuned:
        first.tuning()
    return first


class Learned(NamedTuple):
    """What an update came to.

    `moved` is the approximate KL from the policy before it to the one after it, `explained` the critic's
    explained variance before it, `deviation` the scale of returns, and `coefficients` what it was made with.
    """

    metrics: UpdateMetrics
    moved: float
    undone: bool
    explained: float
    critic_only: bool
    deviation: float
    coefficients: Coefficients


class Tuned(NamedTuple):
    """What an update was found to have done, why, and what was changed for the next."""

    finding: str
    reason: str
    changes: tuple[Change, ...]


class EpisodeLearner:
    """A policy that learns from whole episodes.

    Parameters
    ----------
    policy
        Where it starts: a multilayer perceptron, or one that knows entities.
    config
        Settings.
    seed
        Shuffles transitions and draws demonstrations.
    demonstrations
        What it is held to; without any there is no anchor.

    Attributes
    ----------
    coefficients : Coefficients
        What the next update will be made with.
    updates, rollbacks : int
        How many updates have been made, and how many of them undone.

    Raises
    ------
    PolicyError
        If the policy remembers, or cannot be held to demonstrations.
    RecipeError
        If a coefficient that is tuned begins outside its bounds.
    TaskError
        If the demonstrations do not fit the policy.

    """

    def __init__(
        self,
        policy: Policy,
        config: FleetConfig,
        *,
        seed: int,
        demonstrations: Demonstrations | None = None,
    ) -> None:
        if isinstance(policy.spec, RecurrentSpec):
            raise PolicyError(
                f"a fleet trains policies that remember nothing, and this one is of kind {policy.spec.kind!r}; "
                "train it in one process"
            )
        self.config = config
        self.updates = self.rollbacks = 0
        self._start, self._spec, self._seed = policy, policy.spec, seed
        self._network = network_for(policy)
        layout = self._network.layout
        self._all = np.ones(self._network.parameters.size, dtype=np.bool_)
        self._critic = layout.mask([name for name in layout.order if is_critic(name)])
        self._optimizer = Adam(self._all, epsilon=config.adam_epsilon)
        self._warmup = CriticWarmup(
            config.warmup_explained_variance, wanted=config.warmup_updates > 0
        )
        self._scale = ReturnScale()
        self._anchor: ImitationAnchor | None = None
        if demonstrations is not None and config.anchor > 0.0:
            self._anchor = ImitationAnchor(
                demonstrations,
                policy,
                size=config.anchor_batch,
                smoothing=config.anchor_smoothing,
            )
        self.coefficients = first_coefficients(config, anchored=self._anchor is not None)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return the policy's tensors as they are now."""
        return self._network.layout.unpack(self._network.parameters)

    def learn(self, number: int, episodes: Sequence[Episode], lags: Sequence[int]) -> Learned:
        """Make one update from at least one episode, each with its lag; `number` is the update's.

        values and advantages → PPO, anchored → undone if it went too far.
        """
        config, coefficients, optimizer = self.config, self.coefficients, self._optimizer
        batch, explained = experience_of(
            episodes, self._start, self._network, gamma=config.gamma, lam=config.gae_lambda
        )
        critic_only = self._warmup.takes(
            explained, optimizer, over=self.updates >= config.warmup_updates
        )
        optimizer.learns = self._critic if critic_only else self._all
        self._scale = self._scale.after(batch.returns)
        self._network.return_scale = self._scale.deviation
        ppo = config.ppo(ent_coef=coefficients.entropy)
        head = PolicyLossHead(self._spec, self._network, ppo, Anchor("none"))
        proximal = self._proximal(head, batch, np.repeat(lags, [len(one) for one in episodes]))
        learned_from = decoupled(batch, proximal) if config.lagged == "decouple" else batch
        shown = None
        if self._anchor is not None and coefficients.anchor > 0.0:
            shown = self._anchor.draws(derive("shown", self._seed, number), coefficients.anchor)

        def update() -> UpdateMetrics:
            return ppo_update(
                self._network,
                optimizer,
                learned_from,
                ppo,
                head=head,
                orders=epoch_orders(self._seed, number, len(batch), config.n_epochs),
                learning_rate=coefficients.learning_rate,
                shown=shown,
                critic_only=critic_only,
            )

        def moved() -> float:
            if critic_only:
                return 0.0
            now = self._network.outputs(batch.observations)
            return head(replace(batch, log_probs=proximal), *now)[0].approx_kl

        outcome = attempt(update, moved, self._network, optimizer, limit=config.rollback_kl)
        self.updates += 1
        self.rollbacks += outcome.undone
        return Learned(
            *outcome,
            explained=explained,
            critic_only=critic_only,
            deviation=self._scale.deviation,
            coefficients=coefficients,
        )

    def tune(self, learned: Learned) -> Tuned | None:
        """Set the coefficients of the next update; return what was found and changed, if anything.

        An update of the critic alone says nothing of how far the policy moves. Where nothing is tuned, one
        that was undone halves the learning rate all the same, so that it is not made again.
        """
        metrics, before = learned.metrics, self.coefficients
        if learned.critic_only or not (self.config.tuned or learned.undone):
            return None
        if not self.config.tuned:
            finding, reason = "over-moving", "over-moving: the update was undone"
            self.coefficients = before._replace(learning_rate=0.5 * before.learning_rate)
            change = Change(
                "learning_rate", before.learning_rate, self.coefficients.learning_rate, reason
            )
            return Tuned(finding, reason, (change,))
        step = before.tuning().after(
            Signs(
                approx_kl=metrics.approx_kl,
                clip_fraction=metrics.clip_fraction,
                stopped_early=metrics.stopped_by_kl or learned.undone,
                normalised_entropy=metrics.normalised_entropy,
            )
        )
        after = step.tuning
        self.coefficients = Coefficients(
            after.learning_rate, after.entropy_coefficient, after.anchor_coefficient
        )
        return Tuned(step.finding, step.reason, step.changes)

    def state(self) -> TrainingState:
        """Return all that the next update depends on, beside the policy."""
        return TrainingState(
            arrays={"adam.first": self._optimizer.first, "adam.second": self._optimizer.second},
            data={
                "adam_steps": self._optimizer.steps,
                "coefficients": self.coefficients._asdict(),
                "return_scale": asdict(self._scale),
                "warming": self._warmup.active,
                "warmups": self._warmup.updates,
                "updates": self.updates,
                "rollbacks": self.rollbacks,
            },
        )

    def restore(
        self,
        tensors: Mapping[str, NDArray[np.float32]],
        arrays: Mapping[str, NDArray[Any]],
        data: Mapping[str, Any],
    ) -> None:
        """Continue with a policy's tensors, and what `state` said when it had them.

        Raises
        ------
        KeyError, TypeError, ValueError
            If that is not what a learner of this architecture says.

        """
        self._optimizer.first[:] = arrays["adam.first"]
        self._optimizer.second[:] = arrays["adam.second"]
        self._optimizer.steps = int(data["adam_steps"])
        self.coefficients = Coefficients(**data["coefficients"])
        self._scale = ReturnScale(**data["return_scale"])
        self._warmup.active = bool(data["warming"])
        self._warmup.updates = int(data["warmups"])
        self.updates, self.rollbacks = int(data["updates"]), int(data["rollbacks"])
        self._network.parameters[:] = self._network.layout.pack(tensors)

    def _proximal(
        self, head: PolicyLossHead, batch: Batch, lags: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the log-probabilities of what was done by the policy as it is before the update."""
        if not lags.any():
            return batch.log_probs
        computed = head.log_probs(batch, *self._network.outputs(batch.observations))
        return proximal_log_probs(batch.log_probs, computed, lags)

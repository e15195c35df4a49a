"""One PPO update: epochs of mini-batches over a batch of transitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratchet.learning.adam import Adam
from ratchet.learning.advantages import normalise
from ratchet.learning.anchors import Anchor
from ratchet.learning.batches import Batch, Experience
from ratchet.learning.config import PPOConfig
from ratchet.learning.imitation import Shown
from ratchet.learning.loss import (
    PolicyLoss,
    categorical_log_probs,
    categorical_loss,
    normal_log_probs,
    normal_loss,
    value_loss,
)
from ratchet.learning.routing import Routing
from ratchet.policies.actor import exploration_scale
from ratchet.policies.network import Beside, Network
from ratchet.policies.spec import Spec

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class UpdateMetrics:
    """Means over the mini-batches of one update; see docs/metrics.md for each."""

    policy_loss: float
    value_loss: float
    entropy: float
    normalised_entropy: float
    approx_kl: float
    clip_fraction: float
    anchor_loss: float
    gradient_norm: float
    minibatches: int
    stopped_by_kl: bool


class PolicyLossHead:
    """The policy's part of the loss for one architecture: distribution, masks and anchor."""

    def __init__(self, spec: Spec, network: Network, config: PPOConfig, anchor: Anchor) -> None:
        self._spec, self._config = spec, config
        self._beta = anchor.beta if anchor.kind == "kl" else 0.0
        where = network.layout.slices.get("log_std")
        shape = network.layout.shapes.get("log_std", ())
        self._log_std = None if where is None else network.parameters[where].reshape(shape)
        self._d_log_std = None if where is None else network.gradient[where].reshape(shape)

    def __call__(
        self, batch: Batch, outputs: FloatArray, features: FloatArray
    ) -> tuple[PolicyLoss, FloatArray]:
        """Return the loss and the gradient of the outputs; log_std's goes into the network's."""
        config = self._config
        if self._spec.distribution == "categorical":
            return categorical_loss(
                outputs,
                batch.actions,
                batch.log_probs,
                batch.advantages,
                clip=config.clip_range,
                entropy_bonus=config.ent_coef,
                masks=batch.masks,
                weights=batch.weights,
                reference=batch.reference,
                beta=self._beta,
            )
        log_std = self.log_std(features)
        loss, d_means, d_log_std = normal_loss(
            outputs,
            log_std,
            batch.actions,
            batch.log_probs,
            batch.advantages,
            clip=config.clip_range,
            entropy_bonus=config.ent_coef,
            weights=batch.weights,
            reference=batch.reference,
            reference_log_std=batch.reference_log_std,
            beta=self._beta,
        )
        self._pull_back(features, log_std, d_log_std)
        return loss, d_means

    def log_probs(self, batch: Batch, outputs: FloatArray, features: FloatArray) -> FloatArray:
        """Return the log-probabilities ``(n,)`` of what was done."""
        if self._spec.distribution == "categorical":
            return categorical_log_probs(outputs, batch.actions, batch.masks)
        return normal_log_probs(outputs, self.log_std(features), batch.actions)

    def log_std(self, features: FloatArray) -> FloatArray:
        """Return the log standard deviation of every action ``(n, k)``, given the last features."""
        assert self._log_std is not None
        if self._spec.exploration is None:
            return np.ascontiguousarray(
                np.broadcast_to(self._log_std, (len(features), self._log_std.size))
            )
        scale = exploration_scale(self._log_std, use_expln=self._spec.exploration.use_expln)
        scale = np.broadcast_to(scale, (features.shape[1], self._spec.action.size))
        variance = np.square(features) @ np.square(scale) + self._spec.exploration.epsilon
        return (0.5 * np.log(variance)).astype(np.float32)

    def _pull_back(self, features: FloatArray, log_std: FloatArray, d_log_std: FloatArray) -> None:
        """Carry the gradient of the log standard deviations back to the parameter.

        Features are held constant here (SB3's ``learn_features=False``).
        """
        assert self._d_log_std is not None
        assert self._log_std is not None
        if self._spec.exploration is None:
            self._d_log_std[:] = d_log_std.sum(axis=0)
            return
        expln = self._spec.exploration.use_expln
        scale = exploration_scale(self._log_std, use_expln=expln)
        slope = scale
        if expln:
            slope = np.where(self._log_std > 0.0, 1.0 / (1.0 + np.abs(self._log_std)), scale)
        weighted = np.square(features).T @ (d_log_std * np.exp(-2.0 * log_std))
        gradient = weighted * scale * slope
        if self._log_std.shape[1] == 1:
            gradient = gradient.sum(axis=1, keepdims=True)
        self._d_log_std[:] = gradient


@dataclass(frozen=True)
class Pull:
    """A weight anchor: ``strength / 2 * importance * (w - start)^2`` is added to the loss."""

    start: FloatArray
    strength: float
    importance: FloatArray | float = 1.0


def ppo_update(
    network: Network,
    optimizer: Adam,
    experience: Experience,
    config: PPOConfig,
    *,
    head: PolicyLossHead,
    orders: Iterable[NDArray[np.int64]],
    learning_rate: float,
    pull: Pull | None = None,
    routing: Routing | None = None,
    shown: Iterator[Shown] | None = None,
    critic_only: bool = False,
    tick: Callable[[], None] | None = None,
) -> UpdateMetrics:
    """Update the network's parameters in place: one pass over the experience for each of `orders`.

    With ``config.target_kl`` the update ends before the first step of a mini-batch whose approximate
    KL to the old policy exceeds it. With each mini-batch the actor sees the next of what is `shown`.
    """
    sums = np.zeros(8)
    count, stopped = 0, False
    for order in orders:
        for part in experience.minibatches(order, config.batch_size):
            policy, squared_error = _differentiate(
                network,
                part,
                config,
                None if critic_only else head,
                routing,
                None if shown is None or critic_only else next(shown),
            )
            if (
                config.target_kl is not None
                and policy is not None
                and policy.approx_kl > config.target_kl
            ):
                stopped = True
                if not count:
                    # No step was made: what is told is why.
                    sums[0], sums[2:] = squared_error, policy
                break
            if pull is not None:
                apart = network.parameters - pull.start
                network.gradient += pull.strength * pull.importance * apart
            norm = optimizer.step(
                network.parameters,
                network.gradient,
                rate=learning_rate,
                max_norm=config.max_grad_norm,
            )
            if routing is not None and not critic_only:
                routing.step(learning_rate, config.max_grad_norm)
            sums[0] += squared_error
            sums[1] += norm
            if policy is not None:
                sums[2:] += policy
            count += 1
        if tick is not None:
            tick()
        if stopped:
            break
    means = sums / max(count, 1)
    anchor_loss = float(means[7])
    if pull is not None:
        apart = network.parameters - pull.start
        anchor_loss = 0.5 * float((pull.importance * np.square(apart))[optimizer.learns].sum())
    return UpdateMetrics(
        value_loss=float(means[0]),
        gradient_norm=float(means[1]),
        policy_loss=float(means[2]),
        entropy=float(means[3]),
        normalised_entropy=float(means[4]),
        approx_kl=float(means[5]),
        clip_fraction=float(means[6]),
        anchor_loss=anchor_loss,
        minibatches=count,
        stopped_by_kl=stopped,
    )


def _differentiate(
    network: Network,
    part: Batch,
    config: PPOConfig,
    head: PolicyLossHead | None,
    routing: Routing | None,
    shown: Shown | None = None,
) -> tuple[PolicyLoss | None, float]:
    """Fill the network's gradient for one mini-batch, whose advantages are ours to normalise.

    The loss of what is shown stands in the place of the KL anchor's: nobody has both.
    """
    losses: list[PolicyLoss] = []
    errors: list[float] = []
    # A shared trunk gets the gradient of both losses; in units of the return the value's would drown
    # the policy's.
    weight = config.vf_coef / network.return_scale**2

    def value_head(values: FloatArray) -> FloatArray:
        error, gradient = value_loss(
            values, part.returns, part.values, clip=config.clip_range_vf, weight=weight
        )
        errors.append(error)
        return gradient

    if head is None:
        network.gradient[:] = 0.0
        network.differentiate(part.observations, None, value_head)
        return None, errors[0]
    if config.normalize_advantage:
        normalise(part.advantages)

    def policy_head(outputs: FloatArray, features: FloatArray) -> FloatArray | None:
        count = len(part)
        loss, gradient = head(part, outputs[:count], features[:count])
        losses.append(loss)
        if config.target_kl is not None and loss.approx_kl > config.target_kl:
            return None
        if shown is None:
            return gradient
        imitation, towards = shown.loss(outputs[count:])
        losses[0] = loss._replace(anchor_kl=imitation.cross_entropy)
        return np.concatenate([gradient, towards])

    seen = part.observations if shown is None else Beside(part.observations, shown.observations)
    routing_head = None if routing is None else routing.head(part)
    network.differentiate(seen, policy_head, value_head, routing_head)
    return losses[0], errors[0]

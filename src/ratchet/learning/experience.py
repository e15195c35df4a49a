"""From what was played to what an update learns from: values, advantages and returns of every transition.

A collector's trajectory has rows of environments, a fleet's batch whole episodes; the estimate is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ratchet.learning.advantages import generalised_advantages
from ratchet.learning.batches import (
    Batch,
    Experience,
    encode_actions,
    sequence_batch,
    sequences_of,
)
from ratchet.learning.config import PPOConfig
from ratchet.policies.network import Network
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import NO_NOISE, GateNoise
from ratchet.policies.sparse import compact, joined
from ratchet.policies.spec import RecurrentSpec
from ratchet.rollout.episode import Episode
from ratchet.rollout.trajectory import Trajectory

FloatArray = NDArray[np.float32]
Method = Literal["ppo", "reinforce"]

AnchorOutputs = Callable[[Any], dict[str, FloatArray]]
"""From what the network sees to the anchor's outputs, one row a transition, by the names in `Batch`."""


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """How advantages are estimated for one run.

    `reinforce` takes the discounted return itself, without a critic. `across_episodes` is the flaw of the
    write-up's own training, for the study that measures it: the estimate runs on through episode ends, as if
    one episode's rewards were the last one's doing.
    """

    policy: Policy
    config: PPOConfig
    method: Method = "ppo"
    noise: GateNoise = NO_NOISE
    across_episodes: bool = False
    anchor_outputs: AnchorOutputs | None = None

    def experience(self, trajectory: Trajectory, network: Network) -> tuple[Experience, float]:
        """Return what to learn from, and the critic's explained variance."""
        if isinstance(self.policy.spec, RecurrentSpec):
            return self._sequences(trajectory, network)
        return self._transitions(trajectory, network)

    def _transitions(self, trajectory: Trajectory, network: Network) -> tuple[Experience, float]:
        policy = self.policy
        rows, columns, size = trajectory.observations.shape
        played = trajectory.played
        seen = policy.observe(trajectory.observations.reshape(rows * columns, size))
        values = network.values(seen).reshape(rows, columns)
        after = network.values(policy.observe(trajectory.final_observations))
        arrays = self._estimate(trajectory, values, after)
        seen = seen.reshape(rows, columns, size)[played]
        rows_of: dict[str, Any] = {n: None if a is None else a[played] for n, a in arrays.items()}
        if self.anchor_outputs is not None:
            rows_of |= self.anchor_outputs(seen)
        batch = Batch(observations=seen, **rows_of)
        return batch, explained_variance(batch.values, batch.returns)

    def _sequences(self, trajectory: Trajectory, network: Any) -> tuple[Experience, float]:
        policy, played = self.policy, trajectory.played
        spec = policy.spec
        assert isinstance(spec, RecurrentSpec)
        sequences = sequences_of(trajectory, policy, self.noise)
        of_played, states = network.evaluate(sequences)
        values = np.zeros(played.shape, dtype=np.float32)
        values[played] = of_played
        after = np.zeros(0, dtype=np.float32)
        if len(trajectory.final_index):
            at = (trajectory.final_index[:, 0], trajectory.final_index[:, 1])
            met: FloatArray = np.concatenate(
                [
                    policy.observe(trajectory.final_observations),
                    encode_actions(spec, trajectory.actions[at]),
                    trajectory.rewards[at][:, None],
                ],
                axis=1,
            )
            after = network.value_after(np.ascontiguousarray(states[at]), met)
        arrays = self._estimate(trajectory, values, after)
        arrays["modes"] = trajectory.modes
        if self.anchor_outputs is not None:
            for name, rows in self.anchor_outputs(sequences).items():
                spaced = np.zeros((*played.shape, rows.shape[1]), dtype=np.float32)
                spaced[played] = rows
                arrays[name] = spaced
        returns = arrays["returns"]
        assert returns is not None
        explained = explained_variance(values[played], returns[played])
        length = self.config.sequence_length
        return sequence_batch(sequences, arrays, states, length), explained

    def _estimate(
        self, trajectory: Trajectory, values: FloatArray, after: FloatArray
    ) -> dict[str, NDArray[Any] | None]:
        """Return a batch's arrays as ``(T, N, …)``; `after` are the values of the final observations."""
        config, policy = self.config, self.policy
        bootstrap = np.zeros(values.shape, dtype=np.float32)
        cut = np.zeros(values.shape, dtype=np.bool_)
        if len(trajectory.final_index):
            at: Any = tuple(trajectory.final_index.T)
            bootstrap[at], cut[at] = after, True
        rewards = trajectory.rewards
        if policy.normalizer is not None:
            rewards = policy.normalizer.rewards(rewards)
        lam, terminated, estimated = config.gae_lambda, trajectory.terminated, values
        if self.method == "reinforce":
            # A critic that says nothing, and no trace cut short: what is left is the discounted return.
            lam, estimated, bootstrap = 1.0, np.zeros_like(values), np.zeros_like(values)
        if self.across_episodes:
            last = np.zeros_like(cut)
            last[trajectory.played.sum(axis=0) - 1, np.arange(trajectory.played.shape[1])] = True
            ended = last & terminated
            cut, terminated = last & ~ended, ended
        advantages = generalised_advantages(
            rewards,
            estimated,
            bootstrap,
            terminated,
            cut,
            trajectory.played,
            gamma=config.gamma,
            lam=lam,
        )
        return {
            "actions": trajectory.actions,
            "log_probs": trajectory.log_probs,
            "advantages": advantages,
            "returns": advantages + estimated,
            "values": values,
            "masks": trajectory.masks,
        }


def experience_of(
    episodes: Sequence[Episode],
    policy: Policy,
    network: Network,
    *,
    gamma: float,
    lam: float,
) -> tuple[Batch, float]:
    """Return at least one whole episode's transitions, one after the other, and the explained variance.

    Values are the network's as it is now, whoever played: those of what was seen, and of what followed an
    episode that was cut. Observations that are wide and mostly zeros are kept without them.
    """
    seen = joined(*(compact(policy.observe(one.observations)) for one in episodes))
    values = network.values(seen)
    ends = np.cumsum([len(one) for one in episodes]) - 1
    terminated, cut = np.zeros((2, len(values)), dtype=np.bool_)
    terminated[ends] = [one.terminated for one in episodes]
    cut[ends] = ~terminated[ends]
    bootstrap = np.zeros(len(values), dtype=np.float32)
    if cut.any():
        after = np.stack([one.final_observation for one in episodes if not one.terminated])
        bootstrap[cut] = network.values(policy.observe(after))
    rewards = np.concatenate([one.rewards for one in episodes])
    if policy.normalizer is not None:
        rewards = policy.normalizer.rewards(rewards)
    # One column of episodes after each other: none of them knows of the next.
    advantages = generalised_advantages(
        rewards[:, None],
        values[:, None],
        bootstrap[:, None],
        terminated[:, None],
        cut[:, None],
        np.ones_like(cut)[:, None],
        gamma=gamma,
        lam=lam,
    )[:, 0]
    masks = [one.masks for one in episodes if one.masks is not None]
    batch = Batch(
        observations=seen,
        actions=np.concatenate([one.actions for one in episodes]),
        log_probs=np.concatenate([one.log_probs for one in episodes]),
        advantages=advantages,
        returns=advantages + values,
        values=values,
        masks=np.concatenate(masks) if masks else None,
    )
    return batch, explained_variance(batch.values, batch.returns)


def explained_variance(values: FloatArray, returns: FloatArray) -> float:
    """Return 1 - Var(returns - values) / Var(returns), or NaN if returns do not vary."""
    variance = float(np.var(returns, dtype=np.float64))
    if variance == 0.0:
        return float("nan")
    return 1.0 - float(np.var(returns.astype(np.float64) - values)) / variance

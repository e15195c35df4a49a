"""What an update learns from: a rollout's transitions, shuffled one by one or as whole sequences.

A mini-batch is a `Batch` either way, with one row a transition. Only what the network sees differs:
observations for a perceptron, `Sequences` for a recurrent policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import GateNoise
from ratchet.policies.recurrent.sequences import Sequences, cut_rows
from ratchet.policies.spec import RecurrentSpec
from ratchet.rollout.trajectory import Trajectory
from ratchet.seeding import derive

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Transitions, ``n`` rows each; `observations` is what the network sees of them.

    `log_probs` are those of the policy that an update stays near, and that is the one that acted; where it is
    another, `weights` are the ratios of its probabilities to that one's (`lagged`).
    """

    observations: Any
    actions: NDArray[Any]
    log_probs: FloatArray
    advantages: FloatArray
    returns: FloatArray
    values: FloatArray
    masks: NDArray[np.bool_] | None = None
    weights: FloatArray | None = None
    reference: FloatArray | None = None
    """The anchor's outputs on these observations ``(n, k)``."""
    reference_log_std: FloatArray | None = None
    modes: NDArray[np.int64] | None = None
    """The mode of each, where a loss wants to know."""

    def __len__(self) -> int:
        """Return the number of transitions."""
        return len(self.actions)

    @property
    def units(self) -> int:
        """How many things an order shuffles: here transitions."""
        return len(self)

    def minibatches(self, order: NDArray[np.int64], size: int) -> Iterator[Batch]:
        """Yield the transitions in that order, `size` at a time."""
        shuffled = self.at(order)
        for low in range(0, len(order), size):
            yield shuffled.at(slice(low, low + size))

    def whole(self) -> Batch:
        """Return all transitions as one mini-batch."""
        return self

    def at(self, which: Any) -> Batch:
        """Return the transitions that `which` indexes."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        chosen: dict[str, Any] = {n: None if a is None else a[which] for n, a in fields.items()}
        return Batch(**chosen)


@dataclass(frozen=True, kw_only=True)
class SequenceBatch:
    """Stretches of transitions; `columns` are a Batch's arrays as ``(steps, n, …)``."""

    sequences: Sequences
    columns: Mapping[str, NDArray[Any] | None]

    @property
    def units(self) -> int:
        """How many things an order shuffles: here whole sequences."""
        return len(self.sequences)

    def minibatches(self, order: NDArray[np.int64], size: int) -> Iterator[Batch]:
        """Yield whole sequences in that order, about `size` transitions at a time, at least one."""
        count = max(1, size // len(self.sequences.inputs))
        for low in range(0, len(order), count):
            part = self._at(order[low : low + count])
            if len(part):
                yield part

    def whole(self) -> Batch:
        """Return all transitions as one mini-batch."""
        return self._at(np.arange(self.units))

    def _at(self, which: NDArray[np.int64]) -> Batch:
        chosen = self.sequences.take(which)
        rows: dict[str, Any] = {
            name: None if array is None else array[:, which][chosen.valid]
            for name, array in self.columns.items()
        }
        return Batch(observations=chosen, **rows)


Experience = Batch | SequenceBatch
"""What one update learns from."""


def epoch_orders(seed: int, update: int, count: int, epochs: int) -> list[NDArray[np.int64]]:
    """Return an order of `count` things for each epoch, by the run's seed and the update's number alone."""
    generator = np.random.default_rng(derive("minibatches", seed, update))
    return [generator.permutation(count) for _ in range(epochs)]


def sequences_of(trajectory: Trajectory, policy: Policy, noise: GateNoise) -> Sequences:
    """Return a trajectory's columns as a recurrent policy sees them, each one whole sequence."""
    spec = policy.spec
    assert isinstance(spec, RecurrentSpec)
    rows, n, size = trajectory.observations.shape
    seen = policy.observe(trajectory.observations.reshape(rows * n, size)).reshape(rows, n, size)
    begins = (trajectory.steps == 0) & trajectory.played
    done = encode_actions(spec, trajectory.actions.reshape(rows * n, -1)).reshape(rows, n, -1)
    past = np.concatenate([trajectory.states[None, :, spec.width : -1], done[:-1]])
    reward = np.concatenate([trajectory.states[None, :, -1], trajectory.rewards[:-1]])
    past = np.concatenate([past, reward[:, :, None]], axis=2)
    past[begins] = 0.0
    added, kept = noise.draw(trajectory.seeds.ravel(), trajectory.steps.ravel(), spec.slots)
    shape = (rows, n, spec.slots)
    return Sequences(
        inputs=np.concatenate([seen, past], axis=2),
        starts=np.ascontiguousarray(trajectory.states[:, : spec.width]),
        begins=begins,
        valid=trajectory.played,
        added=None if added is None else added.reshape(shape),
        kept=None if kept is None else kept.reshape(shape),
    )


def encode_actions(spec: RecurrentSpec, actions: NDArray[Any]) -> FloatArray:
    """Return actions ``(n, …)`` as the next step sees them ``(n, k)``: one-hot, or as they were drawn."""
    if spec.action.kind == "box":
        return actions.reshape(len(actions), -1).astype(np.float32)
    one_hot: FloatArray = np.eye(spec.action.n, dtype=np.float32)[actions.ravel()]
    return one_hot


def sequence_batch(
    sequences: Sequences,
    columns: Mapping[str, NDArray[Any] | None],
    states: FloatArray,
    length: int,
) -> SequenceBatch:
    """Return the batch of sequences of at most `length` steps; `states` follow each step."""
    if length >= len(sequences.inputs):
        return SequenceBatch(sequences=sequences, columns=columns)
    cut = {n: None if a is None else cut_rows(a, length) for n, a in columns.items()}
    return SequenceBatch(sequences=sequences.cut(length, states), columns=cut)

"""How a gate learns to use its slots: losses on its weights, noise in training, and a temperature.

Every loss is a mean over the mini-batch, with its gradient written out by hand (the tests hold both
against automatic differentiation); sums run in float64. The weights count as free variables here: the
softmax that made them is the policy's to differentiate. Noise is made from uniform numbers that the
caller draws, so that nothing here has a random state.

Source: the write-up's ASTRAL, but for the assignment of modes to slots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.learning.adam import Adam
from ratchet.learning.batches import Batch
from ratchet.learning.config import RoutingConfig
from ratchet.policies.initial import orthogonal
from ratchet.policies.kernels import RELU
from ratchet.policies.network import RoutingHead, Trunk
from ratchet.policies.recurrent.sequences import Sequences

FloatArray = NDArray[np.float32]

_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
_FLOOR = 1e-8
"""Added to a weight inside a logarithm; and the least length of a vector that has a direction."""

_NO_ROWS = np.empty((0, 0), dtype=np.float32)
_HIDDEN = (64, 64)


class RoutingLoss(NamedTuple):
    """Unweighted means over a mini-batch, and the weighted sum that is minimised.

    Entropies are in nats. `weight_entropy` is the mean over the steps of the entropy of a step's weights,
    `load_balance` the entropy of the mean weights. `orthogonality` is the sum over ordered pairs of
    different slots of their squared cosine. `contrastive` is the mean over pairs of modes present of the
    cosine between the modes' mean weights, 0 below two modes. `assignment` is the cross-entropy between the
    weights and the slot of the mode's own number (modulo the number of slots): where the weights of all modes
    are alike the cosine has no slope to tell them apart, and this has one. `slot_prediction` is the cross-entropy of
    `SlotPredictor`, 0 where there is none.
    """

    weight_entropy: float
    load_balance: float
    orthogonality: float
    contrastive: float
    assignment: float
    slot_prediction: float
    total: float


@njit(**_FLAGS)
def _entropies(weights: Any, steps_scale: Any, mean_scale: Any, d_weights: Any) -> Any:
    """Return both entropies; add their scaled gradients to `d_weights`."""
    n, k = weights.shape
    mean = np.zeros(k)
    of_steps = 0.0
    for r in range(n):
        for c in range(k):
            w = np.float64(weights[r, c])
            log = math.log(w + _FLOOR)
            mean[c] += w / n
            of_steps -= w * log
            d_weights[r, c] -= steps_scale / n * (log + w / (w + _FLOOR))
    of_mean = 0.0
    for c in range(k):
        log = math.log(mean[c] + _FLOOR)
        of_mean -= mean[c] * log
        slope = mean_scale / n * (log + mean[c] / (mean[c] + _FLOOR))
        for r in range(n):
            d_weights[r, c] -= slope
    return of_steps / n, of_mean


@njit(**_FLAGS)
def _cosines(rows: Any) -> Any:
    """Return directions ``(m, d)``, lengths ``(m,)`` and cosines ``(m, m)``, 0 on the diagonal."""
    m, d = rows.shape
    directions, lengths, cosines = np.zeros((m, d)), np.empty(m), np.zeros((m, m))
    for i in range(m):
        total = 0.0
        for c in range(d):
            total += np.float64(rows[i, c]) * np.float64(rows[i, c])
        # A vector without a direction has cosine 0 to all; its infinite length makes its gradient 0.
        lengths[i] = math.sqrt(total) if total > _FLOOR * _FLOOR else np.inf
        for c in range(d):
            directions[i, c] = rows[i, c] / lengths[i]
    for i in range(m):
        for j in range(i):
            cosine = 0.0
            for c in range(d):
                cosine += directions[i, c] * directions[j, c]
            cosines[i, j] = cosines[j, i] = cosine
    return directions, lengths, cosines


@njit(**_FLAGS)
def _pull_back(directions: Any, lengths: Any, d_cosines: Any, d_rows: Any) -> None:
    """Add to `d_rows` the gradient, given a symmetric one of the cosines of all ordered pairs."""
    m, d = directions.shape
    slope = np.empty(d)
    for i in range(m):
        slope[:] = 0.0
        for j in range(m):
            if j != i:
                for c in range(d):
                    slope[c] += 2.0 * d_cosines[i, j] * directions[j, c]
        # Only what stands at right angles to a vector turns it.
        along = 0.0
        for c in range(d):
            along += slope[c] * directions[i, c]
        for c in range(d):
            d_rows[i, c] += (slope[c] - along * directions[i, c]) / lengths[i]


@njit(**_FLAGS)
def _orthogonality(slots: Any, scale: Any, d_slots: Any) -> Any:
    """Return the sum of squared cosines; add its scaled gradient to `d_slots`."""
    directions, lengths, cosines = _cosines(slots)
    _pull_back(directions, lengths, scale * 2.0 * cosines, d_slots)
    return np.square(cosines).sum()


@njit(**_FLAGS)
def _contrast(weights: Any, modes: Any, scale: Any, d_weights: Any) -> Any:
    """Return the mean cosine between modes; add its scaled gradient to `d_weights`."""
    n, k = weights.shape
    labels, place = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    counts, means = np.zeros(n), np.zeros((n, k))
    present = 0
    for r in range(n):
        g = 0
        while g < present and labels[g] != modes[r]:
            g += 1
        if g == present:
            labels[g] = modes[r]
            present += 1
        place[r] = g
        counts[g] += 1.0
        for c in range(k):
            means[g, c] += weights[r, c]
    if present < 2:
        return 0.0
    for g in range(present):
        for c in range(k):
            means[g, c] /= counts[g]
    directions, lengths, cosines = _cosines(means[:present])
    pairs = present * (present - 1.0)
    d_means = np.zeros((present, k))
    _pull_back(directions, lengths, np.full((present, present), scale / pairs), d_means)
    for r in range(n):
        for c in range(k):
            d_weights[r, c] += d_means[place[r], c] / counts[place[r]]
    return cosines.sum() / pairs


@njit(**_FLAGS)
def _assign(weights: Any, modes: Any, scale: Any, d_weights: Any) -> Any:
    """Return the mean cross-entropy of every mode's own slot; add its scaled gradient to `d_weights`."""
    n, k = weights.shape
    total = 0.0
    for r in range(n):
        c = modes[r] % k
        held = np.float64(weights[r, c]) + _FLOOR
        total -= math.log(held)
        d_weights[r, c] -= scale / (n * held)
    return total / n


def routing_loss(
    weights: FloatArray,
    slots: FloatArray,
    modes: NDArray[np.int64],
    config: RoutingConfig,
    *,
    slot_prediction: float = 0.0,
) -> tuple[RoutingLoss, FloatArray, FloatArray]:
    """Return the loss and the gradients of its total in ``weights (n, K)`` and ``slots (K, d)``.

    `modes` ``(n,)`` are labels, any integers; a label that is missing counts nowhere. An entropy is
    ``-Σ w log(w + 1e-8)``, which is finite, slope included, where a weight is 0. A slot shorter than 1e-8
    has no direction: its cosines are 0 and it gets no gradient. `slot_prediction` is the loss that
    `SlotPredictor.differentiate` returned for this mini-batch; it enters the total, while its gradient is
    the one that came with it.
    """
    d_weights, d_slots = np.zeros(weights.shape), np.zeros(slots.shape)
    of_steps, of_mean = _entropies(weights, -config.weight_entropy, -config.load_balance, d_weights)
    squares = _orthogonality(slots, config.orthogonality, d_slots)
    contrast = _contrast(weights, modes, config.contrastive, d_weights)
    assigned = _assign(weights, modes, config.assignment, d_weights)
    loss = RoutingLoss(
        weight_entropy=of_steps,
        load_balance=of_mean,
        orthogonality=squares,
        contrastive=contrast,
        assignment=assigned,
        slot_prediction=slot_prediction,
        total=-config.weight_entropy * of_steps
        - config.load_balance * of_mean
        + config.orthogonality * squares
        + config.contrastive * contrast
        + config.assignment * assigned
        + config.slot_prediction * slot_prediction,
    )
    return loss, d_weights.astype(np.float32), d_slots.astype(np.float32)


@njit(**_FLAGS)
def _cross_entropy(logits: Any, weights: Any, scale: Any, d_logits: Any, d_weights: Any) -> Any:
    n, k = logits.shape
    loss = 0.0
    for r in range(n):
        top, mass = -np.inf, 0.0
        for c in range(k):
            top = max(top, np.float64(logits[r, c]))
            mass += weights[r, c]
        total = 0.0
        for c in range(k):
            total += math.exp(logits[r, c] - top)
        shift = top + math.log(total)
        for c in range(k):
            log_p = logits[r, c] - shift
            loss -= weights[r, c] * log_p
            d_logits[r, c] = scale / n * (mass * math.exp(log_p) - weights[r, c])
            d_weights[r, c] = -scale / n * log_p
    return loss / n


class SlotPredictor:
    """Guesses the slot from the observation alone; a gate that it can follow keeps to what is seen.

    A perceptron with two hidden layers of 64 rectified units. Its target is the gate's soft weights, so the
    error has a gradient for the gate as well. The write-up's target was the arg-max of the weights, which
    has none: there the predictor learned, and the gate never felt it.

    It begins with orthogonal weights, so small in the last layer that it guesses evenly.
    """

    def __init__(self, observation_size: int, slots: int, *, seed: int, epsilon: float) -> None:
        """`epsilon` is that of its own `Adam`."""
        sizes = (observation_size, *_HIDDEN, slots)
        self.parameters = _initial_parameters(sizes, seed)
        self.gradient = np.zeros_like(self.parameters)
        self._trunk = Trunk(sizes, self.parameters, self.gradient, RELU)
        self._optimizer = Adam(np.ones(self.parameters.size, dtype=np.bool_), epsilon=epsilon)

    def differentiate(
        self, observations: FloatArray, weights: FloatArray, weight: float
    ) -> tuple[float, FloatArray]:
        """Return the loss on ``observations (n, size)``, and its gradient in ``weights (n, K)``.

        The loss is the mean cross-entropy ``-Σ_k w_k log p_k(observation)``. The gradient returned, and the
        predictor's own, which goes into `gradient`, are those of `weight` times the loss.
        """
        logits = self._trunk.forward(observations)
        d_logits, d_weights = np.empty_like(logits), np.empty(weights.shape, dtype=np.float32)
        loss = _cross_entropy(logits, weights, weight, d_logits, d_weights)
        self._trunk.backward(observations, d_logits, _NO_ROWS)
        return float(loss), d_weights

    def step(self, rate: float, max_norm: float) -> float:
        """Take one step down `gradient`; return the gradient's norm before clipping."""
        return self._optimizer.step(self.parameters, self.gradient, rate=rate, max_norm=max_norm)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that the next step depends on."""
        return {
            "parameters": self.parameters.copy(),
            "adam.first": self._optimizer.first.copy(),
            "adam.second": self._optimizer.second.copy(),
            "adam.steps": np.array([self._optimizer.steps], dtype=np.int64),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from `state`, bit for bit.

        Raises
        ------
        PolicyError
            If the state is of a predictor of another size.

        """
        if state["parameters"].shape != self.parameters.shape:
            raise PolicyError(
                f"the slot predictor's state has {state['parameters'].size} parameters; "
                f"this run's has {self.parameters.size}"
            )
        self.parameters[:] = state["parameters"]
        self._optimizer.first[:] = state["adam.first"]
        self._optimizer.second[:] = state["adam.second"]
        self._optimizer.steps = int(state["adam.steps"][0])


def _initial_parameters(sizes: tuple[int, ...], seed: int) -> FloatArray:
    """Return a flat trunk: weights orthogonal with gain √2, 0.01 in the last layer; biases 0."""
    generator = np.random.default_rng(seed)
    parts: list[NDArray[Any]] = []
    for layer, (wide, high) in enumerate(pairwise(sizes)):
        gain = 0.01 if layer == len(sizes) - 2 else math.sqrt(2.0)
        parts += [orthogonal((high, wide), gain, generator).ravel(), np.zeros(high)]
    return np.concatenate(parts).astype(np.float32)


def temperature(config: RoutingConfig, part: float) -> float:
    """Return the temperature when that part of the budget, 0 to 1, is used.

    It goes from start to end in a straight line, along half a cosine, or by equal ratios
    (``exponential``); both ends are exact.
    """
    start, end = config.temperature_start, config.temperature_end
    if config.temperature_schedule == "exponential":
        return float(start ** (1.0 - part) * end**part)
    gone = part
    if config.temperature_schedule == "cosine":
        gone = 0.5 * (1.0 - math.cos(math.pi * part))
    return (1.0 - gone) * start + gone * end


class Routing:
    """A bank's training: the losses of its configuration, for the mini-batches of one run."""

    def __init__(
        self, config: RoutingConfig, observation_size: int, slots: int, *, seed: int, epsilon: float
    ) -> None:
        self.config = config
        self._size = observation_size
        self.predictor: SlotPredictor | None = None
        if config.slot_prediction:
            self.predictor = SlotPredictor(observation_size, slots, seed=seed, epsilon=epsilon)

    def head(self, part: Batch) -> RoutingHead:
        """Return what `differentiate` wants: from weights and slots to the gradients of both."""

        def gradients(weights: FloatArray, slots: FloatArray) -> tuple[FloatArray, FloatArray]:
            assert part.modes is not None
            _, d_weights, d_slots = routing_loss(weights, slots, part.modes, self.config)
            if self.predictor is not None:
                x: Sequences = part.observations
                seen = np.ascontiguousarray(x.inputs[x.valid][:, : self._size])
                _, extra = self.predictor.differentiate(seen, weights, self.config.slot_prediction)
                d_weights += extra
            return d_weights, d_slots

        return gradients

    def step(self, rate: float, max_norm: float) -> None:
        """Let the slot predictor learn from the mini-batch that was differentiated."""
        if self.predictor is not None:
            self.predictor.step(rate, max_norm)

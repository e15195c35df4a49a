"""The losses, once, as functions over arrays: from a network's outputs to the gradient of each.

Clipped surrogate (Schulman et al. 2017), entropy bonus, and an optional KL anchor to a reference, for
categorical actions with or without masks and for normal ones with any standard deviation; the squared
error of values; and the cross-entropy with actions that were shown, for cloning. The gradients are written
out by hand (the tests hold them against automatic differentiation), so that no network and no device needs
a loss of its own, and so that the approximate KL of a mini-batch is known *before* its step. Losses are means
over the batch; sums run in float64.

The KL to the old policy is the low-variance estimator ``mean(r - 1 - log r)`` (Schulman 2020). The anchor's
KL is exact: ``KL(policy || reference)``. The old policy is the one that acted, or, where transitions have
weights, the one near which the update stays (`lagged`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
_NO_ROWS = np.empty((0, 0), dtype=np.float32)
_NO_MASK = np.empty((0, 0), dtype=np.bool_)
_NO_WEIGHTS = np.empty(0, dtype=np.float32)


class PolicyLoss(NamedTuple):
    """Means over a mini-batch.

    `normalised_entropy` is the entropy over that of a uniform choice among the legal actions (NaN for
    continuous actions). `anchor_kl` is the KL to the anchor's reference, or what took its place.
    """

    surrogate: float
    entropy: float
    normalised_entropy: float
    approx_kl: float
    clip_fraction: float
    anchor_kl: float


@njit(inline="always", **_FLAGS)
def _surrogate(log_ratio: Any, advantage: Any, clip: Any) -> Any:
    """Return the loss of one transition, its slope in the log-probability, KL, and whether clipped."""
    ratio = math.exp(log_ratio)
    clipped = min(max(ratio, 1.0 - clip), 1.0 + clip)
    free, bounded = ratio * advantage, clipped * advantage
    loss = -min(free, bounded)
    slope = -ratio * advantage if free <= bounded else 0.0
    outside = 1.0 if abs(ratio - 1.0) > clip else 0.0
    return loss, slope, (ratio - 1.0) - log_ratio, outside


@njit(**_FLAGS)
def _categorical(
    logits: Any,
    masks: Any,
    actions: Any,
    old: Any,
    advantages: Any,
    weights: Any,
    clip: Any,
    bonus: Any,
    reference: Any,
    beta: Any,
    d_logits: Any,
    sums: Any,
) -> None:
    n, k = logits.shape
    masked, anchored = masks.shape[0] > 0, reference.shape[0] > 0
    weighted = weights.size > 0
    # Of the legal actions alone, which may be few: which they are, and what is known of each.
    action = np.empty(k, dtype=np.int64)
    log_p = np.empty(k)
    log_q = np.empty(k)
    p = np.empty(k)
    for r in range(n):
        legal = 0
        for c in range(k):
            d_logits[r, c] = 0.0
            if not masked or masks[r, c]:
                action[legal] = c
                legal += 1
        top, top_q = -np.inf, -np.inf
        for i in range(legal):
            top = max(top, np.float64(logits[r, action[i]]))
            if anchored:
                top_q = max(top_q, np.float64(reference[r, action[i]]))
        total, total_q = 0.0, 0.0
        for i in range(legal):
            total += math.exp(logits[r, action[i]] - top)
            if anchored:
                total_q += math.exp(reference[r, action[i]] - top_q)
        shift = top + math.log(total)
        entropy, divergence, chosen = 0.0, 0.0, 0
        for i in range(legal):
            log_p[i] = logits[r, action[i]] - shift
            p[i] = math.exp(log_p[i])
            entropy -= p[i] * log_p[i]
            if action[i] == actions[r]:
                chosen = i
            if anchored:
                log_q[i] = reference[r, action[i]] - top_q - math.log(total_q)
                divergence += p[i] * (log_p[i] - log_q[i])
        loss, slope, kl, outside = _surrogate(
            log_p[chosen] - np.float64(old[r]), np.float64(advantages[r]), clip
        )
        if weighted:
            loss, slope = loss * weights[r], slope * weights[r]
        sums[0] += loss
        sums[1] += entropy
        sums[2] += entropy / math.log(legal) if legal > 1 else 0.0
        sums[3] += kl
        sums[4] += outside
        sums[5] += divergence
        for i in range(legal):
            d = -slope * p[i] + bonus * p[i] * (log_p[i] + entropy)
            if anchored:
                d += beta * p[i] * (log_p[i] - log_q[i] - divergence)
            if i == chosen:
                d += slope
            d_logits[r, action[i]] = d / n


@njit(**_FLAGS)
def _normal(
    means: Any,
    log_std: Any,
    actions: Any,
    old: Any,
    advantages: Any,
    weights: Any,
    clip: Any,
    bonus: Any,
    reference: Any,
    reference_log_std: Any,
    beta: Any,
    d_means: Any,
    d_log_std: Any,
    sums: Any,
) -> None:
    n, k = means.shape
    anchored, weighted = reference.shape[0] > 0, weights.size > 0
    for r in range(n):
        log_prob, entropy, divergence = 0.0, 0.0, 0.0
        for c in range(k):
            s = np.float64(log_std[r, c])
            z = (np.float64(actions[r, c]) - means[r, c]) * math.exp(-s)
            log_prob += -0.5 * z * z - s - 0.9189385332046727
            entropy += 1.4189385332046727 + s
            if anchored:
                q = np.float64(reference_log_std[r, c])
                apart = np.float64(means[r, c]) - reference[r, c]
                divergence += (
                    q - s + (math.exp(2 * s) + apart * apart) / (2 * math.exp(2 * q)) - 0.5
                )
        loss, slope, kl, outside = _surrogate(
            log_prob - np.float64(old[r]), np.float64(advantages[r]), clip
        )
        if weighted:
            loss, slope = loss * weights[r], slope * weights[r]
        sums[0] += loss
        sums[1] += entropy
        sums[3] += kl
        sums[4] += outside
        sums[5] += divergence
        for c in range(k):
            s = np.float64(log_std[r, c])
            z = (np.float64(actions[r, c]) - means[r, c]) * math.exp(-s)
            d_mean = slope * z * math.exp(-s)
            d_s = slope * (z * z - 1.0) - bonus
            if anchored:
                q = np.float64(reference_log_std[r, c])
                apart = np.float64(means[r, c]) - reference[r, c]
                d_mean += beta * apart * math.exp(-2 * q)
                d_s += beta * (math.exp(2 * (s - q)) - 1.0)
            d_means[r, c] = d_mean / n
            d_log_std[r, c] = d_s / n
    sums[2] = np.nan


def categorical_loss(
    logits: FloatArray,
    actions: NDArray[np.int64],
    old_log_probs: FloatArray,
    advantages: FloatArray,
    *,
    clip: float,
    entropy_bonus: float,
    masks: NDArray[np.bool_] | None = None,
    weights: FloatArray | None = None,
    reference: FloatArray | None = None,
    beta: float = 0.0,
) -> tuple[PolicyLoss, FloatArray]:
    """Return the loss of categorical actions and the gradient of ``logits (n, k)``.

    `masks` ``(n, k)`` excludes actions: an excluded logit has no influence and no gradient. `weights` ``(n,)``
    multiply each transition's surrogate. `reference` ``(n, k)`` are the logits that the anchor of weight
    `beta` holds to.
    """
    gradient = np.empty_like(logits)
    sums = np.zeros(6)
    _categorical(
        logits,
        _NO_MASK if masks is None else masks,
        actions,
        old_log_probs,
        advantages,
        _NO_WEIGHTS if weights is None else weights,
        clip,
        entropy_bonus,
        _NO_ROWS if reference is None else reference,
        beta,
        gradient,
        sums,
    )
    return PolicyLoss(*(sums / len(logits)).tolist()), gradient


def normal_loss(
    means: FloatArray,
    log_std: FloatArray,
    actions: FloatArray,
    old_log_probs: FloatArray,
    advantages: FloatArray,
    *,
    clip: float,
    entropy_bonus: float,
    weights: FloatArray | None = None,
    reference: FloatArray | None = None,
    reference_log_std: FloatArray | None = None,
    beta: float = 0.0,
) -> tuple[PolicyLoss, FloatArray, FloatArray]:
    """Return the loss of normal actions and the gradients of `means` and `log_std`, all ``(n, k)``.

    `weights` ``(n,)`` multiply each transition's surrogate.
    """
    d_means, d_log_std = np.empty_like(means), np.empty(means.shape, dtype=np.float32)
    sums = np.zeros(6)
    _normal(
        means,
        log_std,
        actions,
        old_log_probs,
        advantages,
        _NO_WEIGHTS if weights is None else weights,
        clip,
        entropy_bonus,
        _NO_ROWS if reference is None else reference,
        _NO_ROWS if reference_log_std is None else reference_log_std,
        beta,
        d_means,
        d_log_std,
        sums,
    )
    return PolicyLoss(*(sums / len(means)).tolist()), d_means, d_log_std


@njit(**_FLAGS)
def _categorical_log_probs(logits: Any, masks: Any, actions: Any, out: Any) -> None:
    n, k = logits.shape
    masked = masks.shape[0] > 0
    for r in range(n):
        top, total = -np.inf, 0.0
        for c in range(k):
            if not masked or masks[r, c]:
                top = max(top, np.float64(logits[r, c]))
        for c in range(k):
            if not masked or masks[r, c]:
                total += math.exp(logits[r, c] - top)
        out[r] = logits[r, actions[r]] - (top + math.log(total))


def categorical_log_probs(
    logits: FloatArray, actions: NDArray[np.int64], masks: NDArray[np.bool_] | None = None
) -> FloatArray:
    """Return the log-probabilities ``(n,)`` of actions by ``logits (n, k)``, over what `masks` allow."""
    out = np.empty(len(logits), dtype=np.float32)
    _categorical_log_probs(logits, _NO_MASK if masks is None else masks, actions, out)
    return out


def normal_log_probs(means: FloatArray, log_std: FloatArray, actions: FloatArray) -> FloatArray:
    """Return the log-densities ``(n,)`` of actions by `means` and `log_std`, all ``(n, k)``."""
    deviation = log_std.astype(np.float64)
    z = (actions.astype(np.float64) - means) * np.exp(-deviation)
    of_each = -0.5 * z * z - deviation - 0.5 * math.log(2.0 * math.pi)
    total: FloatArray = of_each.sum(axis=1).astype(np.float32)
    return total


class ImitationLoss(NamedTuple):
    """Means over a mini-batch.

    `loss` is the cross-entropy with the smoothed targets, `cross_entropy` the one with the actions shown,
    and `agreement` the share of rows whose likeliest action is the one shown.
    """

    loss: float
    cross_entropy: float
    agreement: float


@njit(**_FLAGS)
def _imitation(
    logits: Any, masks: Any, actions: Any, smoothing: Any, weight: Any, d_logits: Any, sums: Any
) -> None:
    n, k = logits.shape
    masked = masks.shape[0] > 0
    log_p = np.empty(k)
    for r in range(n):
        top, legal, best = -np.inf, 0, -1
        for c in range(k):
            if not masked or masks[r, c]:
                legal += 1
                if best < 0 or logits[r, c] > top:
                    best, top = c, np.float64(logits[r, c])
        total = 0.0
        for c in range(k):
            if not masked or masks[r, c]:
                total += math.exp(logits[r, c] - top)
        shift = top + math.log(total)
        spread = smoothing / legal
        loss = 0.0
        for c in range(k):
            if masked and not masks[r, c]:
                d_logits[r, c] = 0.0
                continue
            log_p[c] = logits[r, c] - shift
            target = spread + (1.0 - smoothing if c == actions[r] else 0.0)
            loss -= target * log_p[c]
            d_logits[r, c] = weight * (math.exp(log_p[c]) - target) / n
        sums[0] += loss
        sums[1] -= log_p[actions[r]]
        sums[2] += 1.0 if best == actions[r] else 0.0


def imitation_loss(
    logits: FloatArray,
    actions: NDArray[np.int64],
    *,
    smoothing: float,
    masks: NDArray[np.bool_] | None = None,
    weight: float = 1.0,
) -> tuple[ImitationLoss, FloatArray]:
    """Return the loss of actions that were shown, and `weight` times the gradient of ``logits (n, k)``.

    The target of a row is the action shown with probability ``1 - smoothing``, and the rest spread evenly
    over all legal actions (label smoothing; Szegedy et al. 2016). `masks` ``(n, k)`` excludes actions: an
    excluded logit has no influence and no gradient; the actions shown must be legal.
    """
    gradient = np.empty_like(logits)
    sums = np.zeros(3)
    legal = _NO_MASK if masks is None else masks
    _imitation(logits, legal, actions, smoothing, weight, gradient, sums)
    return ImitationLoss(*(sums / len(logits)).tolist()), gradient


@njit(**_FLAGS)
def _value(values: Any, targets: Any, old: Any, clip: Any, weight: Any, gradient: Any) -> Any:
    n = values.size
    total = 0.0
    for r in range(n):
        predicted = np.float64(values[r])
        inside = True
        if clip > 0.0:
            change = predicted - old[r]
            inside = -clip <= change <= clip
            predicted = old[r] + min(max(change, -clip), clip)
        error = predicted - targets[r]
        total += error * error
        gradient[r] = weight * 2.0 * error / n if inside else 0.0
    return total / n


def value_loss(
    values: FloatArray,
    targets: FloatArray,
    old_values: FloatArray,
    *,
    clip: float | None,
    weight: float,
) -> tuple[float, FloatArray]:
    """Return the mean squared error of values ``(n,)``, and `weight` times its gradient.

    With `clip`, the error is that of the old value moved towards the new one by at most `clip`, as
    Stable-Baselines3 does it.
    """
    gradient = np.empty(len(values), dtype=np.float32)
    loss = _value(values, targets, old_values, clip or 0.0, weight, gradient)
    return float(loss), gradient

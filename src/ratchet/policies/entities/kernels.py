"""Compiled kernels of attention among entities: norms, attention within rows, and what actions score.

Tokens are rows of one array, those of a row of the batch one after the other. Every token and every row gets
the result that it would have alone, in one fixed order of operations.

As in `kernels`, everything called here is defined here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

# `contract` allows fused multiply-add, and nothing that would change the order of a sum.
_FLAGS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
}

EPSILON = 1e-6

f32 = np.float32


@njit(inline="always", **_FLAGS)
def _dot(a: Any, b: Any) -> Any:
    total = f32(0.0)
    for c in range(a.size):
        total += a[c] * b[c]
    return total


@njit(inline="always", **_FLAGS)
def _add(factor: Any, a: Any, to: Any) -> None:
    for c in range(a.size):
        to[c] += factor * a[c]


@njit(**_FLAGS)
def norm(x: Any, weight: Any, out: Any, scales: Any) -> None:
    """Write ``x * scale * weight`` with the scale that makes a row's mean square 1, and the scales ``(n,)``.

    Root mean square layer normalisation (Zhang and Sennrich 2019).
    """
    n, wide = x.shape
    for r in range(n):
        row, to = x[r], out[r]
        square = _dot(row, row) / f32(wide) + f32(EPSILON)
        scale = f32(1.0) / np.sqrt(square)
        scales[r] = scale
        for c in range(wide):
            to[c] = row[c] * scale * weight[c]


@njit(**_FLAGS)
def unnorm(x: Any, weight: Any, scales: Any, d_out: Any, d_weight: Any, d_x: Any) -> None:
    """Add to `d_x` the gradient of the inputs of a `norm`, and write the one of its weight."""
    n, wide = x.shape
    weighted = np.empty(wide, dtype=np.float32)
    d_weight[:] = f32(0.0)
    for r in range(n):
        row, gradient, to, scale = x[r], d_out[r], d_x[r], scales[r]
        for c in range(wide):
            d_weight[c] += gradient[c] * row[c] * scale
            weighted[c] = gradient[c] * weight[c]
        along = _dot(weighted, row) * scale * scale / f32(wide)
        for c in range(wide):
            to[c] += scale * (weighted[c] - row[c] * along)


@njit(**_FLAGS)
def attend(x: Any, starts: Any, heads: Any, weights: Any, out: Any) -> None:
    """Write attention within each row of the batch ``(N, d)``, and its weights.

    `x` ``(N, 3 d)`` holds queries, keys and values, each head's channels side by side. `weights`, flat, receives
    those of each row, ``(tokens, heads, tokens)``, one row after the other.
    """
    d = out.shape[1]
    wide = d // heads
    root = f32(1.0) / np.sqrt(f32(wide))
    at = 0
    for r in range(starts.size - 1):
        first, count = starts[r], starts[r + 1] - starts[r]
        keys, values = x[first : first + count, d : 2 * d], x[first : first + count, 2 * d :]
        for i in range(first, first + count):
            for low in range(0, d, wide):
                here = weights[at : at + count]
                at += count
                query, to = x[i, low : low + wide], out[i, low : low + wide]
                top = f32(-np.inf)
                for j in range(count):
                    here[j] = root * _dot(query, keys[j, low : low + wide])
                    top = max(top, here[j])
                total = f32(0.0)
                for j in range(count):
                    here[j] = math.exp(here[j] - top)
                    total += here[j]
                to[:] = f32(0.0)
                for j in range(count):
                    here[j] /= total
                    _add(here[j], values[j, low : low + wide], to)


@njit(**_FLAGS)
def unattend(x: Any, starts: Any, heads: Any, weights: Any, d_out: Any, d_x: Any) -> None:
    """Write the gradient ``(N, 3 d)`` of what an `attend` saw, whose `weights` are as it left them."""
    d = d_out.shape[1]
    wide = d // heads
    root = f32(1.0) / np.sqrt(f32(wide))
    longest = 0
    for r in range(starts.size - 1):
        longest = max(longest, starts[r + 1] - starts[r])
    slopes = np.empty(longest, dtype=np.float32)
    d_x[:] = f32(0.0)
    at = 0
    for r in range(starts.size - 1):
        first, count = starts[r], starts[r + 1] - starts[r]
        keys, values = x[first : first + count, d : 2 * d], x[first : first + count, 2 * d :]
        d_keys, d_values = (
            d_x[first : first + count, d : 2 * d],
            d_x[first : first + count, 2 * d :],
        )
        for i in range(first, first + count):
            for low in range(0, d, wide):
                here = weights[at : at + count]
                at += count
                query, d_query = x[i, low : low + wide], d_x[i, low : low + wide]
                gradient = d_out[i, low : low + wide]
                mean = f32(0.0)
                for j in range(count):
                    slopes[j] = _dot(gradient, values[j, low : low + wide])
                    mean += here[j] * slopes[j]
                for j in range(count):
                    slope = (slopes[j] - mean) * here[j] * root
                    _add(slope, keys[j, low : low + wide], d_query)
                    _add(slope, query, d_keys[j, low : low + wide])
                    _add(here[j], gradient, d_values[j, low : low + wide])


@njit(**_FLAGS)
def gather(rows: Any, places: Any, out: Any) -> None:
    """Write into each row of `out` the sum of those `rows` whose place it is."""
    out[:] = f32(0.0)
    for r in range(places.size):
        row, to = rows[r], out[places[r]]
        for c in range(row.size):
            to[c] += row[c]


@njit(**_FLAGS)
def score_singles(x: Any, links: Any, ends: Any, scores: Any, logits: Any) -> None:
    """Add to the logits what each token of a link ``(token, row, action)`` scores.

    A score ``(d + 1,)`` holds the weights of a token's channels, then the bias.
    """
    d = x.shape[1]
    for i in range(ends.size - 1):
        weight, bias = scores[i, :d], scores[i, d]
        for k in range(ends[i], ends[i + 1]):
            logits[links[k, 1], links[k, 2]] += _dot(x[links[k, 0]], weight) + bias


@njit(**_FLAGS)
def unscore_singles(
    x: Any, links: Any, ends: Any, scores: Any, d_logits: Any, d_scores: Any, d_x: Any
) -> None:
    """Add to `d_x` the gradient of the tokens of `score_singles`, and write the one of the scores."""
    d = x.shape[1]
    d_scores[:] = f32(0.0)
    for i in range(ends.size - 1):
        weight, d_weight = scores[i], d_scores[i]
        for k in range(ends[i], ends[i + 1]):
            slope = d_logits[links[k, 1], links[k, 2]]
            if slope == f32(0.0):
                continue
            token, d_token = x[links[k, 0]], d_x[links[k, 0]]
            _add(slope, token, d_weight[:d])
            _add(slope, weight[:d], d_token)
            d_weight[d] += slope


@njit(**_FLAGS)
def score_pairs(left: Any, x: Any, links: Any, logits: Any) -> None:
    """Add to the logits what each pair of a link ``(left, token, row, action)`` scores.

    `left` ``(m, d + 1)`` is what the left entities look for in the right ones' tokens, and what they score alone.
    """
    d = x.shape[1]
    root = f32(1.0) / np.sqrt(f32(d))
    for k in range(len(links)):
        one = left[links[k, 0]]
        score = root * _dot(one[:d], x[links[k, 1]]) + one[d]
        logits[links[k, 2], links[k, 3]] += score


@njit(**_FLAGS)
def unscore_pairs(left: Any, x: Any, links: Any, d_logits: Any, d_left: Any, d_x: Any) -> None:
    """Add to `d_x` the gradient of the right tokens of `score_pairs`, and write the one of `left`."""
    d = x.shape[1]
    root = f32(1.0) / np.sqrt(f32(d))
    d_left[:] = f32(0.0)
    for k in range(len(links)):
        slope = d_logits[links[k, 2], links[k, 3]]
        if slope == f32(0.0):
            continue
        one, d_one = left[links[k, 0]], d_left[links[k, 0]]
        _add(slope * root, x[links[k, 1]], d_one[:d])
        _add(slope * root, one[:d], d_x[links[k, 1]])
        d_one[d] += slope

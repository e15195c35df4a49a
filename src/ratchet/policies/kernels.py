"""Compiled kernels of a multilayer perceptron: acting row by row, and learning in batches.

Two forward passes stand here on purpose. `act` computes every row by itself, in one fixed order of
operations, so that an action does not depend on who else is in the batch: an evaluation of 500 seeds at
once is the evaluation of 500 seeds one by one, bit for bit. `forward` and `backward` are matrix
products over a mini-batch, three times as fast a row, for learning.

A trunk is a flat float32 vector: for each layer the weight ``(out, in)`` row by row, then the bias; `by_input`
says that its first weight is ``(in, out)``. ``sizes`` holds the widths: input, hidden …, output. The activation
stands after every layer but the last, or after the last too if `activate_last`. A first layer whose inputs are
mostly zeros has its products elsewhere (`sparse`), but for acting.

Numba's cache does not see a change in a function of another file: everything called here is defined
here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

TANH, RELU, ELU, LEAKY_RELU, GELU = 0, 1, 2, 3, 4
ACTIVATIONS = {"tanh": TANH, "relu": RELU, "elu": ELU, "leaky_relu": LEAKY_RELU, "gelu": GELU}

# `contract` allows fused multiply-add, and nothing that would change the order of a sum.
_FLAGS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
}

_BLOCK = 4
"""Rows that `act` computes together; a short last block is padded, so that all rows run one code."""

_WIDE = 512
"""Inputs from which on `act` looks for zeros."""

_DENSE = 4
"""One of so many inputs, at most, is other than zero where `act` leaves the zeros out."""

f32 = np.float32


@njit(inline="always", **_FLAGS)
def _tanh(x: Any) -> Any:
    # Rational minimax approximation on ±7.905 (beyond it, float32 tanh is ±1): below 3e-7 from tanh
    # everywhere, and unlike the library call it runs in vector registers.
    x = min(max(x, f32(-7.90531110763549805)), f32(7.90531110763549805))
    s = x * x
    p = f32(-2.76076847742355e-16)
    p = p * s + f32(2.00018790482477e-13)
    p = p * s + f32(-8.60467152213735e-11)
    p = p * s + f32(5.12229709037114e-08)
    p = p * s + f32(1.48572235717979e-05)
    p = p * s + f32(6.37261928875436e-04)
    p = p * s + f32(4.89352455891786e-03)
    q = f32(1.19825839466702e-06)
    q = q * s + f32(1.18534705686654e-04)
    q = q * s + f32(2.26843463243900e-03)
    q = q * s + f32(4.89352518554385e-03)
    return x * p / q


@njit(inline="always", **_FLAGS)
def _gaussian(x: Any) -> Any:
    """Return the standard normal's distribution function and its density, for vector registers."""
    # The density as the 16th power of exp's series; the upper tail as the density times Mills' ratio, a
    # rational minimax fit on 0 … 6. With them GELU and its slope are within 4e-7 everywhere.
    a = min(abs(x), f32(6.0))
    t = a * a * f32(-1.0 / 32.0)
    e = t * f32(1.0 / 720.0) + f32(1.0 / 120.0)
    e = e * t + f32(1.0 / 24.0)
    e = e * t + f32(1.0 / 6.0)
    e = e * t + f32(0.5)
    e = e * t + f32(1.0)
    e = e * t + f32(1.0)
    e = e * e
    e = e * e
    e = e * e
    density = f32(0.3989422804014327) * e * e
    p = a * f32(3.41720449e-02) + f32(2.61897404e-01)
    p = p * a + f32(8.38722579e-01)
    p = p * a + f32(1.25331406e00)
    q = a * f32(3.41926271e-02) + f32(2.61344846e-01)
    q = q * a + f32(8.79562492e-01)
    q = q * a + f32(1.46708475e00)
    q = q * a + f32(1.0)
    tail = density * p / q if abs(x) < f32(6.0) else f32(0.0)
    return (tail if x < f32(0.0) else f32(1.0) - tail), density


@njit(inline="always", **_FLAGS)
def _gelu(row: Any, slopes: Any) -> None:
    """Apply GELU (Hendrycks and Gimpel 2016) to a row, and note the slope of each.

    Two arguments of one output have different slopes, so they cannot be taken from it afterwards.
    """
    for c in range(row.size):
        x = row[c]
        below, density = _gaussian(x)
        row[c] = x * below
        slopes[c] = below + min(max(x, f32(-6.0)), f32(6.0)) * density


@njit(inline="always", **_FLAGS)
def _activate(row: Any, activation: Any) -> None:
    if activation == TANH:
        for c in range(row.size):
            row[c] = _tanh(row[c])
    elif activation == RELU:
        for c in range(row.size):
            row[c] = max(row[c], f32(0.0))
    elif activation == ELU:
        for c in range(row.size):
            if row[c] < f32(0.0):
                row[c] = f32(math.expm1(row[c]))
    elif activation == GELU:
        for c in range(row.size):
            below, _ = _gaussian(row[c])
            row[c] *= below
    else:
        for c in range(row.size):
            if row[c] < f32(0.0):
                row[c] *= f32(0.01)


@njit(inline="always", **_FLAGS)
def _deactivate(gradient: Any, output: Any, activation: Any) -> None:
    """Multiply the gradient of one row by the activation's slope, taken from its output (not GELU's)."""
    if activation == TANH:
        for c in range(output.size):
            gradient[c] *= f32(1.0) - output[c] * output[c]
    elif activation == RELU:
        for c in range(output.size):
            if output[c] <= f32(0.0):
                gradient[c] = f32(0.0)
    elif activation == ELU:
        for c in range(output.size):
            if output[c] < f32(0.0):
                gradient[c] *= output[c] + f32(1.0)
    else:
        for c in range(output.size):
            if output[c] < f32(0.0):
                gradient[c] *= f32(0.01)


@njit(inline="always", **_FLAGS)
def _deactivate_all(gradient: Any, kept: Any, at: Any, outputs: Any, activation: Any) -> None:
    """Multiply the gradient of one layer's outputs, which stand in `kept` from `at`, by their slopes."""
    n, width = gradient.shape
    if activation == GELU:
        slopes = kept[outputs + at : outputs + at + n * width].reshape(n, width)
        for r in range(n):
            for c in range(width):
                gradient[r, c] *= slopes[r, c]
    else:
        out = kept[at : at + n * width].reshape(n, width)
        for r in range(n):
            _deactivate(gradient[r], out[r], activation)


@njit(inline="always", **_FLAGS)
def _densely(here: Any, weight: Any, bias: Any, there: Any) -> None:
    """Compute a layer of a block of rows from all of their inputs."""
    wide, high = weight.shape
    o0, o1, o2, o3 = there[0, :high], there[1, :high], there[2, :high], there[3, :high]
    for c in range(high):
        o0[c] = bias[c]
        o1[c] = bias[c]
        o2[c] = bias[c]
        o3[c] = bias[c]
    # Four inputs at a time, so that an output is loaded and stored once for four products; the sum still
    # goes from the first input to the last.
    whole = wide - wide % 4
    for i in range(0, whole, 4):
        a0, a1, a2, a3 = here[0, i], here[1, i], here[2, i], here[3, i]
        b0, b1, b2, b3 = here[0, i + 1], here[1, i + 1], here[2, i + 1], here[3, i + 1]
        c0, c1, c2, c3 = here[0, i + 2], here[1, i + 2], here[2, i + 2], here[3, i + 2]
        d0, d1, d2, d3 = here[0, i + 3], here[1, i + 3], here[2, i + 3], here[3, i + 3]
        for c in range(high):
            u, v, w, z = weight[i, c], weight[i + 1, c], weight[i + 2, c], weight[i + 3, c]
            o0[c] = (((o0[c] + a0 * u) + b0 * v) + c0 * w) + d0 * z
            o1[c] = (((o1[c] + a1 * u) + b1 * v) + c1 * w) + d1 * z
            o2[c] = (((o2[c] + a2 * u) + b2 * v) + c2 * w) + d2 * z
            o3[c] = (((o3[c] + a3 * u) + b3 * v) + c3 * w) + d3 * z
    for i in range(whole, wide):
        a0, a1, a2, a3 = here[0, i], here[1, i], here[2, i], here[3, i]
        for c in range(high):
            w = weight[i, c]
            o0[c] += a0 * w
            o1[c] += a1 * w
            o2[c] += a2 * w
            o3[c] += a3 * w


@njit(inline="always", **_FLAGS)
def _sparsely(row: Any, weight: Any, bias: Any, filled: Any, out: Any) -> Any:
    """Compute a layer from the inputs that are not zero, if those are few; return whether they were.

    It is the same sum in the same order as with the zeros, of which each would add nothing.
    """
    count = 0
    for i in range(row.size):
        filled[count] = i
        count += row[i] != f32(0.0)
    if count * _DENSE > row.size:
        return False
    for c in range(out.size):
        out[c] = bias[c]
    whole = count - count % 4
    for k in range(0, whole, 4):
        h, i, j, l = filled[k], filled[k + 1], filled[k + 2], filled[k + 3]  # noqa: E741
        a, b, d, e = row[h], row[i], row[j], row[l]
        u, v, w, z = weight[h], weight[i], weight[j], weight[l]
        for c in range(out.size):
            out[c] = (((out[c] + a * u[c]) + b * v[c]) + d * w[c]) + e * z[c]
    for k in range(whole, count):
        a, u = row[filled[k]], weight[filled[k]]
        for c in range(out.size):
            out[c] += a * u[c]
    return True


@njit(**_FLAGS)
def act(
    x: Any, sizes: Any, transposed: Any, activation: Any, activate_last: Any, latent: Any
) -> Any:
    """Return the outputs ``(n, out)`` of a trunk, each row computed by itself.

    `transposed` is the trunk with every weight as ``(in, out)``. `latent` ``(n, width)`` receives the
    input of the last layer; pass an array of no rows where nobody asks for it.
    """
    n = x.shape[0]
    layers = sizes.size - 1
    widest = sizes.max()
    out = np.empty((n, sizes[layers]), dtype=np.float32)
    here = np.zeros((_BLOCK, widest), dtype=np.float32)
    there = np.zeros((_BLOCK, widest), dtype=np.float32)
    zeros = sizes[0] >= _WIDE
    split = sizes[0] * sizes[1]
    first = transposed[:split].reshape(sizes[0], sizes[1])
    filled = np.empty(sizes[0] if zeros else 0, dtype=np.int64)
    sparse = np.empty((_BLOCK, sizes[1] if zeros else 0), dtype=np.float32)
    is_sparse = np.empty(_BLOCK, dtype=np.bool_)
    for start in range(0, n, _BLOCK):
        rows = min(_BLOCK, n - start)
        sparsely = zeros
        if zeros:
            bias = transposed[split : split + sizes[1]]
            for r in range(rows):
                is_sparse[r] = _sparsely(x[start + r], first, bias, filled, sparse[r])
                sparsely = sparsely and is_sparse[r]
        if not sparsely or layers == 1:
            for r in range(_BLOCK):
                source = start + min(r, rows - 1)
                for c in range(sizes[0]):
                    here[r, c] = x[source, c]
        offset = 0
        for layer in range(layers):
            wide, high = sizes[layer], sizes[layer + 1]
            if layer == layers - 1 and latent.shape[0] > 0:
                for r in range(rows):
                    for c in range(wide):
                        latent[start + r, c] = here[r, c]
            weight = transposed[offset : offset + wide * high].reshape(wide, high)
            bias = transposed[offset + wide * high : offset + wide * high + high]
            offset += wide * high + high
            if layer > 0 or not sparsely:
                _densely(here, weight, bias, there)
            if layer == 0 and zeros:
                # Row by row, so that what a row comes to does not depend on its neighbours' zeros.
                for r in range(rows):
                    if is_sparse[r]:
                        there[r, :high] = sparse[r]
            if layer < layers - 1 or activate_last:
                for r in range(_BLOCK):
                    _activate(there[r, :high], activation)
            here, there = there, here
        for r in range(rows):
            for c in range(sizes[layers]):
                out[start + r, c] = here[r, c]
    return out


@njit(**_FLAGS)
def forward(
    x: Any,
    sizes: Any,
    trunk: Any,
    activation: Any,
    activate_last: Any,
    by_input: Any,
    begun: Any,
    kept: Any,
) -> Any:
    """Return the outputs ``(n, out)`` of a trunk over a mini-batch, a view of `kept`.

    `kept`, flat, at least ``n * sum(sizes[1:])``, receives every layer's output, for `backward`; GELU needs
    twice that, for its slopes. Where the first layer's products stand in `kept` already, `begun`, only the
    number of rows matters of `x`.
    """
    n = x.shape[0]
    layers = sizes.size - 1
    offset, at = 0, 0
    outputs = n * sizes[1:].sum()
    below = x
    for layer in range(layers):
        wide, high = sizes[layer], sizes[layer + 1]
        weights = trunk[offset : offset + wide * high]
        bias = trunk[offset + wide * high : offset + wide * high + high]
        offset += wide * high + high
        out = kept[at : at + n * high].reshape(n, high)
        if layer == 0 and by_input:
            if not begun:
                np.dot(below, weights.reshape(wide, high), out)
        else:
            np.dot(below, weights.reshape(high, wide).T, out)
        active = layer < layers - 1 or activate_last
        for r in range(n):
            row = out[r]
            for c in range(high):
                row[c] += bias[c]
            if active and activation == GELU:
                slopes = outputs + at + r * high
                _gelu(row, kept[slopes : slopes + high])
            elif active:
                _activate(row, activation)
        at += n * high
        below = out
    return below


@njit(**_FLAGS)
def weigh(
    x: Any,
    sizes: Any,
    layer: Any,
    by_input: Any,
    begun: Any,
    kept: Any,
    errors: Any,
    d_trunk: Any,
) -> None:
    """Write the gradient of one layer's weight and bias into `d_trunk`, from what both passes left.

    A first weight whose products were `begun` elsewhere is left to whoever did so.
    """
    n = x.shape[0]
    offset, at = 0, 0
    for lower in range(layer):
        offset += sizes[lower] * sizes[lower + 1] + sizes[lower + 1]
        at += n * sizes[lower + 1]
    wide, high = sizes[layer], sizes[layer + 1]
    d_weights = d_trunk[offset : offset + wide * high]
    d_bias = d_trunk[offset + wide * high : offset + wide * high + high]
    error = errors[at : at + n * high].reshape(n, high)
    below = x
    if layer > 0:
        below = kept[at - n * wide : at].reshape(n, wide)
    if layer == 0 and by_input:
        if not begun:
            np.dot(below.T, error, d_weights.reshape(wide, high))
    else:
        np.dot(error.T, below, d_weights.reshape(high, wide))
    d_bias[:] = f32(0.0)
    for r in range(n):
        row = error[r]
        for c in range(high):
            d_bias[c] += row[c]


@njit(**_FLAGS)
def backward(
    x: Any,
    sizes: Any,
    trunk: Any,
    activation: Any,
    activate_last: Any,
    by_input: Any,
    kept: Any,
    d_out: Any,
    d_x: Any,
    errors: Any,
) -> None:
    """Carry the gradient of a trunk's outputs down through its layers, for `weigh`.

    `kept` is what `forward` left. `errors`, flat, at least ``n * sum(sizes[1:])``, receives the gradient of every
    layer's products, and `d_x` that of the inputs, if it has rows.
    """
    n = x.shape[0]
    layers = sizes.size - 1
    offset = 0
    at = 0
    for layer in range(layers):
        offset += sizes[layer] * sizes[layer + 1] + sizes[layer + 1]
        at += n * sizes[layer + 1]
    outputs = at
    top = errors[at - n * sizes[layers] : at].reshape(n, sizes[layers])
    top[:] = d_out
    for layer in range(layers - 1, -1, -1):
        wide, high = sizes[layer], sizes[layer + 1]
        offset -= wide * high + high
        at -= n * high
        weights = trunk[offset : offset + wide * high]
        error = errors[at : at + n * high].reshape(n, high)
        if layer < layers - 1 or activate_last:
            _deactivate_all(error, kept, at, outputs, activation)
        if layer > 0:
            lower = errors[at - n * wide : at].reshape(n, wide)
            np.dot(error, weights.reshape(high, wide), lower)
        elif d_x.shape[0] > 0 and by_input:
            np.dot(error, weights.reshape(wide, high).T, d_x)
        elif d_x.shape[0] > 0:
            np.dot(error, weights.reshape(high, wide), d_x)


@njit(**_FLAGS)
def backward_and_weigh(
    x: Any,
    sizes: Any,
    trunk: Any,
    activation: Any,
    activate_last: Any,
    by_input: Any,
    begun: Any,
    kept: Any,
    d_out: Any,
    d_trunk: Any,
    d_x: Any,
    errors: Any,
) -> None:
    """Do `backward`, and `weigh` for every layer."""
    backward(x, sizes, trunk, activation, activate_last, by_input, kept, d_out, d_x, errors)
    for layer in range(sizes.size - 1):
        weigh(x, sizes, layer, by_input, begun, kept, errors, d_trunk)


@njit(inline="always", **_FLAGS)
def _mix(z: Any) -> Any:
    # SplitMix64's finaliser (Steele, Lea and Flood 2014).
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(inline="always", **_FLAGS)
def _uniform(seed: Any, step: Any, component: Any) -> Any:
    """Return a number in (0, 1) that depends on seed, step and component alone."""
    z = _mix(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    z = _mix(z ^ (np.uint64(step) * np.uint64(0xD1342543DE82EF95) + np.uint64(1)))
    z = _mix(z ^ (np.uint64(component) * np.uint64(0xA0761D6478BD642F) + np.uint64(3)))
    # 52 bits and a half: with 53 the largest would round to 1.
    return (np.float64(z >> np.uint64(12)) + 0.5) * (1.0 / 4503599627370496.0)


@njit(inline="always", **_FLAGS)
def _normal(seed: Any, step: Any, component: Any) -> Any:
    """Return a standard normal number that depends on seed, step and component alone."""
    u = _uniform(seed, step, 2 * component)
    v = _uniform(seed, step, 2 * component + 1)
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


@njit(**_FLAGS)
def choose_discrete(
    logits: Any, masks: Any, seeds: Any, steps: Any, greedy: Any, actions: Any, log_probs: Any
) -> Any:
    """Choose one action a row, and its log-probability over the legal ones.

    `masks` ``(n, k)`` bool, or an array of no rows if all are legal. Returns the first row without a
    legal action, or -1.
    """
    n, k = logits.shape
    masked = masks.shape[0] > 0
    for r in range(n):
        best, top = -1, 0.0
        for c in range(k):
            if (not masked or masks[r, c]) and (best < 0 or logits[r, c] > top):
                best, top = c, np.float64(logits[r, c])
        if best < 0:
            return r
        total = 0.0
        for c in range(k):
            if not masked or masks[r, c]:
                total += math.exp(np.float64(logits[r, c]) - top)
        chosen = best
        if not greedy:
            left = _uniform(seeds[r], steps[r], 0) * total
            for c in range(k):
                if not masked or masks[r, c]:
                    chosen = c
                    left -= math.exp(np.float64(logits[r, c]) - top)
                    if left <= 0.0:
                        break
        actions[r] = chosen
        log_probs[r] = np.float64(logits[r, chosen]) - top - math.log(total)
    return -1


@njit(**_FLAGS)
def choose_box(
    means: Any, std: Any, seeds: Any, steps: Any, greedy: Any, actions: Any, log_probs: Any
) -> None:
    """Draw one action a row from normals with `std` ``(n, k)``, with the sum of its log-densities."""
    n, k = means.shape
    for r in range(n):
        total = 0.0
        for c in range(k):
            z = 0.0 if greedy else _normal(seeds[r], steps[r], c)
            actions[r, c] = means[r, c] + np.float32(std[r, c] * z)
            d = (np.float64(actions[r, c]) - means[r, c]) / std[r, c]
            total += -0.5 * d * d - math.log(std[r, c]) - 0.9189385332046727
        log_probs[r] = total


@njit(**_FLAGS)
def choose_state_dependent(
    means: Any,
    latent: Any,
    scale: Any,
    epsilon: Any,
    frequency: Any,
    seeds: Any,
    steps: Any,
    greedy: Any,
    actions: Any,
    log_probs: Any,
) -> None:
    """Draw one action a row with noise linear in the features.

    The matrix is drawn anew every `frequency` steps of an episode, or once an episode if that is not
    positive. `scale` ``(features, k)`` is the standard deviation of the matrix's entries.
    """
    n, k = means.shape
    for r in range(n):
        total = 0.0
        draw = steps[r] // frequency if frequency > 0 else np.int64(-1)
        for c in range(k):
            noise, variance = 0.0, 0.0
            for f in range(latent.shape[1]):
                size = np.float64(scale[f, c]) * latent[r, f]
                variance += size * size
                if not greedy:
                    noise += size * _normal(seeds[r], draw, f * k + c)
            std = math.sqrt(variance + epsilon)
            actions[r, c] = means[r, c] + np.float32(noise)
            d = (np.float64(actions[r, c]) - means[r, c]) / std
            total += -0.5 * d * d - math.log(std) - 0.9189385332046727
        log_probs[r] = total


@njit(**_FLAGS)
def choose_uniformly(masks: Any, seeds: Any, steps: Any, actions: Any) -> Any:
    """Choose a legal action a row, each as likely; returns the first row without one, or -1."""
    n, k = masks.shape
    for r in range(n):
        legal = 0
        for c in range(k):
            if masks[r, c]:
                legal += 1
        if legal == 0:
            return r
        left = int(_uniform(seeds[r], steps[r], 0) * legal)
        for c in range(k):
            if masks[r, c]:
                if left == 0:
                    actions[r] = c
                    break
                left -= 1
    return -1


@njit(**_FLAGS)
def uniforms(seeds: Any, steps: Any, width: Any) -> Any:
    """Return numbers in (0, 1) ``(n, width)`` that depend on seed, step and column alone."""
    out = np.empty((seeds.size, width))
    for r in range(seeds.size):
        for c in range(width):
            out[r, c] = _uniform(seeds[r], steps[r], c)
    return out

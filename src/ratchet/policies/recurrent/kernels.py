"""Compiled kernels of a recurrent policy: a GRU step row by row, and a GRU over sequences.

The cell is that of Cho et al. 2014 as PyTorch states it: gates in the order reset, update, new, and
``new = tanh(x + bias + reset * (hidden part))``. Time runs down the first axis. `begins` marks steps at
which an episode begins: there the state before is zero, and no gradient passes.

As in `kernels`, everything called here is defined here, and the row-wise kernels give every row the
result that it would have alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_FLAGS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
}
_BLOCK = 4

f32 = np.float32


@njit(inline="always", **_FLAGS)
def _tanh(x: Any) -> Any:
    # The rational approximation of `kernels._tanh`.
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
def _sigmoid(x: Any) -> Any:
    return f32(0.5) * _tanh(f32(0.5) * x) + f32(0.5)


@njit(**_FLAGS)
def gru_cell(from_input: Any, from_hidden: Any, hidden: Any, out: Any) -> None:
    """Write the next state ``(n, h)``, given both linear parts ``(n, 3h)``, biases included."""
    n, h = hidden.shape
    for row in range(n):
        x, y, before, after = from_input[row], from_hidden[row], hidden[row], out[row]
        for c in range(h):
            reset = _sigmoid(x[c] + y[c])
            update = _sigmoid(x[h + c] + y[h + c])
            new = _tanh(x[2 * h + c] + reset * y[2 * h + c])
            after[c] = new + update * (before[c] - new)


@njit(**_FLAGS)
def gru_forward(
    from_input: Any,
    start: Any,
    begins: Any,
    weight: Any,
    bias: Any,
    states: Any,
    befores: Any,
    gates: Any,
) -> None:
    """Run a GRU over ``(steps, n)``; `from_input` ``(steps, n, 3h)`` is the input's linear part.

    `start` ``(n, h)`` is the state before the first step; `weight` ``(3h, h)`` and `bias` ``(3h,)`` are the
    hidden ones. Fills `states` and `befores` ``(steps, n, h)``, the state after and before each step, and
    `gates` ``(steps, n, 4h)``: reset, update, new, and the hidden part of new.
    """
    steps, n, wide = from_input.shape
    h = wide // 3
    transposed = np.ascontiguousarray(weight.T)
    here = np.zeros((_BLOCK, h), dtype=np.float32)
    part = np.zeros((_BLOCK, wide), dtype=np.float32)
    for step in range(steps):
        for low in range(0, n, _BLOCK):
            rows = min(_BLOCK, n - low)
            for r in range(_BLOCK):
                row = low + min(r, rows - 1)
                if begins[step, row]:
                    here[r, :] = f32(0.0)
                elif step > 0:
                    here[r, :] = states[step - 1, row]
                else:
                    here[r, :] = start[row]
            o0, o1, o2, o3 = part[0], part[1], part[2], part[3]
            for c in range(wide):
                o0[c] = bias[c]
                o1[c] = bias[c]
                o2[c] = bias[c]
                o3[c] = bias[c]
            for i in range(h):
                a0, a1, a2, a3 = here[0, i], here[1, i], here[2, i], here[3, i]
                line = transposed[i]
                for c in range(wide):
                    w = line[c]
                    o0[c] += a0 * w
                    o1[c] += a1 * w
                    o2[c] += a2 * w
                    o3[c] += a3 * w
            for r in range(rows):
                row = low + r
                x, y, before = from_input[step, row], part[r], here[r]
                kept, after, saved = gates[step, row], states[step, row], befores[step, row]
                for c in range(h):
                    reset = _sigmoid(x[c] + y[c])
                    update = _sigmoid(x[h + c] + y[h + c])
                    new = _tanh(x[2 * h + c] + reset * y[2 * h + c])
                    kept[c] = reset
                    kept[h + c] = update
                    kept[2 * h + c] = new
                    kept[3 * h + c] = y[2 * h + c]
                    saved[c] = before[c]
                    after[c] = new + update * (before[c] - new)


@njit(**_FLAGS)
def gru_backward(
    d_states: Any,
    begins: Any,
    weight: Any,
    befores: Any,
    gates: Any,
    d_input: Any,
    d_hidden: Any,
) -> None:
    """Carry the gradient of every state ``(steps, n, h)`` back through time.

    Fills `d_input` and `d_hidden` ``(steps, n, 3h)``, the gradients of the two linear parts.
    """
    steps, n, h = d_states.shape
    wide = 3 * h
    carried = np.zeros((n, h), dtype=np.float32)
    direct = np.zeros((_BLOCK, h), dtype=np.float32)
    lines = np.zeros((_BLOCK, wide), dtype=np.float32)
    for step in range(steps - 1, -1, -1):
        for low in range(0, n, _BLOCK):
            rows = min(_BLOCK, n - low)
            for r in range(rows):
                row = low + r
                kept, before = gates[step, row], befores[step, row]
                above, back = d_states[step, row], carried[row]
                d_x, d_y, line, straight = (
                    d_input[step, row],
                    d_hidden[step, row],
                    lines[r],
                    direct[r],
                )
                for c in range(h):
                    reset, update, new = kept[c], kept[h + c], kept[2 * h + c]
                    d = above[c] + back[c]
                    d_update = d * (before[c] - new) * update * (f32(1.0) - update)
                    d_new = d * (f32(1.0) - update) * (f32(1.0) - new * new)
                    d_reset = d_new * kept[3 * h + c] * reset * (f32(1.0) - reset)
                    d_x[c] = d_reset
                    d_x[h + c] = d_update
                    d_x[2 * h + c] = d_new
                    d_y[c] = d_reset
                    d_y[h + c] = d_update
                    d_y[2 * h + c] = d_new * reset
                    line[c] = d_reset
                    line[h + c] = d_update
                    line[2 * h + c] = d_new * reset
                    straight[c] = d * update
            if step == 0:
                continue
            o0, o1, o2, o3 = direct[0], direct[1], direct[2], direct[3]
            for i in range(wide):
                a0, a1, a2, a3 = lines[0, i], lines[1, i], lines[2, i], lines[3, i]
                w_line = weight[i]
                for c in range(h):
                    w = w_line[c]
                    o0[c] += a0 * w
                    o1[c] += a1 * w
                    o2[c] += a2 * w
                    o3[c] += a3 * w
            for r in range(rows):
                row = low + r
                if begins[step, row]:
                    carried[row, :] = f32(0.0)
                else:
                    carried[row, :] = direct[r]


@njit(**_FLAGS)
def mix(logits: Any, temperature: Any, hard: Any, kept: Any, soft: Any, weights: Any) -> None:
    """Write the softmax of ``logits / temperature`` ``(n, k)`` into `soft`, and the weights used.

    `kept` ``(n, k)`` bool leaves slots out; an array of no rows leaves none out. With `hard` the weights
    are one for the largest and zero for the others.
    """
    n, k = logits.shape
    some = kept.shape[0] > 0
    for row in range(n):
        best, top = -1, f32(0.0)
        for c in range(k):
            if (not some or kept[row, c]) and (best < 0 or logits[row, c] > top):
                best, top = c, logits[row, c]
        total = f32(0.0)
        for c in range(k):
            soft[row, c] = f32(0.0)
            if not some or kept[row, c]:
                soft[row, c] = np.exp((logits[row, c] - top) / temperature)
                total += soft[row, c]
        for c in range(k):
            soft[row, c] /= total
            if hard:
                weights[row, c] = f32(1.0) if c == best else f32(0.0)
            else:
                weights[row, c] = soft[row, c]


@njit(**_FLAGS)
def unmix(soft: Any, temperature: Any, d_weights: Any, d_logits: Any) -> None:
    """Write the gradient of the logits, given that of the weights; hard weights pass it as soft ones."""
    n, k = soft.shape
    for row in range(n):
        inner = f32(0.0)
        for c in range(k):
            inner += d_weights[row, c] * soft[row, c]
        for c in range(k):
            d_logits[row, c] = soft[row, c] * (d_weights[row, c] - inner) / temperature


@njit(**_FLAGS)
def modulate(states: Any, film: Any, out: Any) -> None:
    """Write ``scale * state + shift`` ``(n, h)``; `film` ``(n, 2h)`` holds scale and shift."""
    n, h = states.shape
    for row in range(n):
        for c in range(h):
            out[row, c] = film[row, c] * states[row, c] + film[row, h + c]


@njit(**_FLAGS)
def unmodulate(states: Any, film: Any, d_out: Any, d_states: Any, d_film: Any) -> None:
    """Write the gradients of `modulate`'s state and of its scale and shift."""
    n, h = states.shape
    for row in range(n):
        for c in range(h):
            d_states[row, c] = d_out[row, c] * film[row, c]
            d_film[row, c] = d_out[row, c] * states[row, c]
            d_film[row, h + c] = d_out[row, c]

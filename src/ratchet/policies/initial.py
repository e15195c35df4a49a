"""How a policy begins: orthogonal weights, as Stable-Baselines3's ``MlpPolicy`` has them.

A slot bank begins near zero and its FiLM as the identity, as in the write-up, so that a new policy with
slots acts as the one without them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ratchet.policies.policy import Policy
from ratchet.policies.spec import Spec

_HEAD_GAINS = {"action_net": 0.01, "value_net": 1.0}


def new_policy(
    spec: Spec, seed: int, *, orthogonal_slots: bool = False, film_gain: float = 0.0
) -> Policy:
    """Return a policy of that architecture with fresh weights.

    Weights are orthogonal with gain √2 in the trunks, 1 in a GRU (each gate by itself), 0.01 in the action
    head and 1 in the value head; biases and log standard deviations are zero. Among entities attention and the
    layers that make tokens have gain 1, norms are one and places zero. Slots are normal with deviation
    0.02, or with `orthogonal_slots` orthogonal of length 1; FiLM starts with scale 1 and shift 0, from which
    slots move it with `film_gain`.
    """
    generator = np.random.default_rng(seed)
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, shape in spec.tensor_shapes().items():
        if name == "slots":
            tensors[name] = (
                orthogonal((shape[0], shape[1]), 1.0, generator)
                if orthogonal_slots
                else (0.02 * generator.standard_normal(shape)).astype(np.float32)
            )
        elif name.startswith("gru.weight") or name.endswith("attention.in.weight"):
            wide = shape[1]
            gates = [orthogonal((wide, wide), 1.0, generator) for _ in range(3)]
            tensors[name] = np.concatenate(gates)
        elif name == "film.2.weight":
            tensors[name] = orthogonal((shape[0], shape[1]), film_gain, generator)
        elif name == "film.2.bias":
            tensors[name] = np.repeat([1.0, 0.0], shape[0] // 2).astype(np.float32)
        elif name.endswith("norm.weight"):
            tensors[name] = np.ones(shape, dtype=np.float32)
        elif name.endswith(".weight"):
            tensors[name] = orthogonal((shape[0], shape[1]), _gain(name), generator)
        else:
            tensors[name] = np.zeros(shape, dtype=np.float32)
    return Policy(spec=spec, tensors=tensors, record={"source": "new", "seed": seed})


def _gain(name: str) -> float:
    parts = name.split(".")
    if parts[0] in _HEAD_GAINS:
        return _HEAD_GAINS[parts[0]]
    # What is numbered is a layer of a perceptron, and activated.
    return math.sqrt(2.0) if parts[-2].isdigit() else 1.0


def orthogonal(
    shape: tuple[int, int], gain: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return a matrix with orthogonal rows or columns, whichever are fewer, of length `gain`."""
    # Saxe, McClelland and Ganguli 2014; the signs make the draw uniform over orthogonal matrices.
    rows, columns = shape
    q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    return np.ascontiguousarray(gain * (q if rows >= columns else q.T)).astype(np.float32)

"""How a policy begins: orthogonal weights, as Stable-Baselines3's ``MlpPolicy`` has them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ratchet.policies.policy import Policy
from ratchet.policies.spec import PolicySpec

_HEAD_GAINS = {"action_net.weight": 0.01, "value_net.weight": 1.0}


def new_policy(spec: PolicySpec, seed: int) -> Policy:
    """Return a policy of that architecture with fresh weights.

    Weights are orthogonal with gain √2 in the trunks, 0.01 in the action head and 1 in the value head;
    biases and log standard deviations are zero.
    """
    generator = np.random.default_rng(seed)
    tensors: dict[str, NDArray[np.float32]] = {}
    for name, shape in spec.tensor_shapes().items():
        if len(shape) == 2 and name != "log_std":
            gain = _HEAD_GAINS.get(name, math.sqrt(2.0))
            tensors[name] = _orthogonal((shape[0], shape[1]), gain, generator)
        else:
            tensors[name] = np.zeros(shape, dtype=np.float32)
    return Policy(spec=spec, tensors=tensors, record={"source": "new", "seed": seed})


def _orthogonal(
    shape: tuple[int, int], gain: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    # Saxe, McClelland and Ganguli 2014; the signs make the draw uniform over orthogonal matrices.
    rows, columns = shape
    q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    return np.ascontiguousarray(gain * (q if rows >= columns else q.T)).astype(np.float32)

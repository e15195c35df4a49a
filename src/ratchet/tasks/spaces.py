"""Which spaces a policy can be made for, and what it sees and does in them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import NDArray

from ratchet.errors import TaskError

FloatArray = NDArray[np.float32]


def observation_width(space: Space[Any], task: str) -> int:
    """Return the width of a flat observation.

    Raises
    ------
    TaskError
        If the space is neither a Box of at most two axes nor Discrete.

    """
    if isinstance(space, Discrete):
        return int(space.n)
    if isinstance(space, Box):
        if len(space.shape) > 2:
            raise TaskError(
                f"task {task!r} has image-like observations {space}; Ratchet takes flat Box "
                "observations and Discrete ones"
            )
        return math.prod(space.shape)
    raise TaskError(
        f"task {task!r} has observation space {space}; Ratchet takes Box and Discrete observations"
    )


def check_action_space(space: Space[Any], task: str) -> None:
    """Refuse action spaces other than Discrete and a bounded or unbounded float Box.

    Raises
    ------
    TaskError
        If the space is another one.

    """
    if isinstance(space, Discrete):
        return
    if isinstance(space, Box) and np.issubdtype(space.dtype, np.floating):
        return
    raise TaskError(
        f"task {task!r} has action space {space}; Ratchet takes Discrete and float Box actions"
    )


def flatten(space: Space[Any], observation: Any, out: FloatArray) -> None:
    """Write one observation into a flat float32 row: one-hot if the space is Discrete."""
    if isinstance(space, Discrete):
        out[:] = 0.0
        out[int(observation) - int(space.start)] = 1.0
    else:
        out[:] = np.asarray(observation, dtype=np.float32).reshape(-1)
        if not np.isfinite(out).all():
            raise TaskError(f"an environment showed {observation}; every number must be finite")

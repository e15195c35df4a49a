"""Rounding, as the game does it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spire.compiled import kernel


@kernel
def half_up(value: Any) -> Any:
    """Return a number of single precision as the nearest integer, halves upwards."""
    return math.floor(np.float32(value) + np.float32(0.5))

"""The scale of returns: a running deviation, in units of which the critic's error is measured.

Shaped returns may be tens or hundreds, and squared errors thousands. As they are, they would drown the
policy's gradient: in a trunk that both share, and, where they share none, in the common limit on the
gradient's length. Divided by the variance of the returns the critic's loss is the share that it does not
explain, about 1 or below, whatever the rewards are counted in. The critic itself goes on saying returns, as a
clone's does and as everybody who reads a value expects: nothing has to be rescaled when the scale moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BATCHES = 20
"""About so many batches are averaged; until there are so many, all."""


@dataclass(frozen=True, kw_only=True)
class ReturnScale:
    """The mean variance of returns within the batches so far, of which there were so many. Immutable."""

    variance: float = 0.0
    batches: int = 0

    def after(self, returns: NDArray[np.float32]) -> ReturnScale:
        """Return the scale that knows one more batch of returns ``(n,)``."""
        count = self.batches + 1
        new = float(np.var(returns, dtype=np.float64))
        return ReturnScale(
            variance=self.variance + (new - self.variance) / min(count, _BATCHES), batches=count
        )

    @property
    def deviation(self) -> float:
        """About how far returns lie from their mean; 1 where they do not."""
        return math.sqrt(self.variance) or 1.0

"""Learning from episodes that older versions have played: two ways, by name.

``reject``
    The ordinary ratio to the behaviour policy, whose log-probabilities every episode records. Both the
    correction for who acted and the limit on how far an update may move refer to that policy, so it is
    for episodes of small lag; the spool rejects the others.

``decouple``
    The two are taken apart (Hilton, Cobbe and Schulman 2022, "Batch size-invariance for policy optimization",
    arXiv:2110.00641). With π the policy, b the behaviour policy and p the proximal one, near which the update
    stays, the surrogate of a transition is

        p/b · min(π/p · A, clip(π/p, 1 - ε, 1 + ε) · A),

    so that old data are weighted for their age and not clipped for it. Here p is the policy as the update
    begins. The paper takes a moving average of the weights, so that many small updates behave as fewer large
    ones do. An update here is a batch of whole episodes with epochs of its own: the policy at its beginning is
    what its KL and its undoing are measured from, it is exactly the behaviour policy of a batch without lag, and
    nothing has to be kept between updates.

Invariant: where nothing lags, the two are the same to the bit. An episode of lag 0 was played by the proximal
policy, so its recorded log-probabilities are taken as they are, and not computed again with other rounding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ratchet.learning.batches import Batch

FloatArray = NDArray[np.float32]

Way = Literal["reject", "decouple"]

MOST = 100.0
"""A transition's weight is at most this. It bounds what is out of all proportion, as the paper's code does."""


def proximal_log_probs(
    recorded: FloatArray, computed: FloatArray, lags: NDArray[np.int64]
) -> FloatArray:
    """Return the proximal policy's log-probabilities ``(n,)`` of what was done.

    `recorded` are the behaviour policy's, and `computed` those of the policy as the update begins; `lags`
    ``(n,)`` are the transitions'.
    """
    proximal: FloatArray = np.where(lags == 0, recorded, computed)
    return proximal


def decoupled(batch: Batch, proximal: FloatArray) -> Batch:
    """Return the batch with its limit from `proximal` ``(n,)``, and weights for who acted."""
    apart = proximal.astype(np.float64) - batch.log_probs
    weights = np.exp(np.minimum(apart, np.log(MOST))).astype(np.float32)
    return replace(batch, log_probs=proximal, weights=weights)

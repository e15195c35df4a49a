"""What keeps learning from destroying the policy: the critic first, and no update that moves too far."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ratchet.learning.adam import Adam
from ratchet.learning.ppo import UpdateMetrics
from ratchet.learning.routing import SlotPredictor
from ratchet.policies.network import Network


def is_critic(name: str) -> bool:
    """Return whether a tensor is the critic's own."""
    return name.startswith(("value_net.", "mlp_extractor.value_net."))


class CriticWarmup:
    """At first only the critic learns: advantages by a critic that knows nothing would ruin the policy.

    Attributes
    ----------
    active : bool
        Whether it goes on.
    updates : int
        How many updates have been the critic's alone.

    """

    def __init__(self, explained: float, *, wanted: bool) -> None:
        """`explained` is the explained variance with which a critic knows enough."""
        self._enough = explained
        self.active = wanted
        self.updates = 0

    def takes(self, explained: float, optimizer: Adam, *, over: bool) -> bool:
        """Return whether the update that is about to begin is the critic's alone.

        It is not once the critic explains enough, or its time is `over`; the optimizer begins anew then.
        """
        if not self.active:
            return False
        if explained >= self._enough or over:
            self.active = False
            optimizer.begin_anew()
        self.updates += int(self.active)
        return self.active


class Outcome(NamedTuple):
    """What an update came to: its metrics, the KL by which it moved the policy, and whether it was undone."""

    metrics: UpdateMetrics
    moved: float
    undone: bool


def attempt(
    update: Callable[[], UpdateMetrics],
    moved: Callable[[], float],
    network: Network,
    optimizer: Adam,
    *,
    limit: float | None,
    predictor: SlotPredictor | None = None,
) -> Outcome:
    """Make an update, and undo all of it if it has moved the policy further than `limit`, or to no number.

    `moved` is asked afterwards how far that was.
    """
    before = network.parameters.copy()
    moments = optimizer.first.copy(), optimizer.second.copy()
    steps = optimizer.steps
    guesses = None if predictor is None else predictor.state()
    metrics = update()
    kl = moved()
    undone = not np.isfinite(network.parameters).all() or (limit is not None and not kl <= limit)
    if undone:
        network.parameters[:] = before
        optimizer.first[:], optimizer.second[:] = moments
        optimizer.steps = steps
        if predictor is not None and guesses is not None:
            predictor.restore(guesses)
    return Outcome(metrics, kl, bool(undone))

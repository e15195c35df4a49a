"""What a policy thinks that an episode is worth, step by step."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.policies.network import Network
from ratchet.policies.networks import network_for
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import RecurrentActor
from ratchet.policies.recurrent.sequences import Sequences
from ratchet.policies.spec import RecurrentSpec

FloatArray = NDArray[np.float32]


class Critic:
    """The value head of a policy, asked once an episode: matrix products are cheaper than single rows."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    @cached_property
    def _network(self) -> Network:
        # Not before it is asked: a worker has several versions at a time, and some of them end no episode.
        return network_for(self._policy)

    def values(
        self, observations: FloatArray, actions: NDArray[Any], rewards: FloatArray
    ) -> FloatArray:
        """Return the value of every observation ``(T + 1,)``, the one after the last step among them.

        `observations` are raw, ``(T + 1, size)``; `actions` ``(T, …)`` as the policy chose them; `rewards`
        ``(T,)``.
        """
        seen: Any = self._policy.observe(observations)
        spec = self._policy.spec
        if isinstance(spec, RecurrentSpec):
            # What the actor remembered: the action before, as it puts it, and the reward before.
            memory = np.zeros((len(seen), spec.memory), dtype=np.float32)
            RecurrentActor(self._policy).remember(memory[1:], actions)
            memory[1:, -1] = rewards
            inputs = np.concatenate([seen, memory[:, spec.width :]], axis=1)[:, None]
            begins = np.zeros((len(seen), 1), dtype=np.bool_)
            begins[0] = True
            seen = Sequences(
                inputs=np.ascontiguousarray(inputs),
                starts=np.zeros((1, spec.width), dtype=np.float32),
                begins=begins,
                valid=np.ones_like(begins),
            )
        values: FloatArray = self._network.values(seen)
        return values

"""Acting with a policy that knows entities: every row, and every token in it, by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.policies import kernels
from ratchet.policies.actor import Choice, FloatArray, choose_categorical, transposed
from ratchet.policies.entities.rows import Finder
from ratchet.policies.entities.tower import (
    REST,
    Layers,
    Tower,
    layers_of,
    refuse_normalizer,
    scores_of,
    vectors_of,
)
from ratchet.policies.policy import Policy
from ratchet.policies.spec import EntitySpec

_NO_ROWS = np.empty((0, 0), dtype=np.float32)
_NO_STATE = np.empty((0, 0), dtype=np.float32)


class _Part:
    """Linear layers, each row by itself."""

    def __init__(self, policy: Policy, layers: Layers, *, activate_last: bool) -> None:
        self._sizes = np.array(layers.sizes, dtype=np.int64)
        self._flat = transposed(policy, layers.tensors)
        self._activation = kernels.ACTIVATIONS[policy.spec.activation]
        self._activate_last = activate_last

    def forward(self, x: Any) -> FloatArray:
        """Return outputs ``(n, out)``."""
        result: FloatArray = kernels.act(
            x, self._sizes, self._flat, self._activation, self._activate_last, _NO_ROWS
        )
        return result


class EntityActor:
    """A policy that knows entities, ready to play: a snapshot of its weights.

    Raises
    ------
    PolicyError
        If the policy normalises its observations.

    """

    memory = 0

    def __init__(self, policy: Policy) -> None:
        spec = policy.spec
        assert isinstance(spec, EntitySpec)
        refuse_normalizer(policy)
        self.id = policy.id
        self.policy = policy
        self._spec = spec
        self._finder = Finder(spec.entities, spec.observation.size)
        parts = {
            name: _Part(policy, layers, activate_last=name == REST)
            for name, layers in layers_of(spec).items()
        }
        vectors = {name: policy.tensors[name] for name in vectors_of(spec)}
        scores = [policy.tensors[name].ravel() for name in scores_of(spec)]
        vectors["scores"] = np.concatenate([np.empty(0, dtype=np.float32), *scores]).reshape(
            -1, spec.width + 1
        )
        self._tower = Tower(spec, parts, vectors)

    def logits(self, observations: FloatArray) -> FloatArray:
        """Return the logits ``(n, k)`` of flat observations ``(n, size)``."""
        seen = np.ascontiguousarray(self.policy.observe(observations))
        return self._tower.forward(self._finder.find(seen))[0]

    def act(
        self,
        observations: FloatArray,
        masks: NDArray[np.bool_] | None,
        seeds: NDArray[np.uint64],
        steps: NDArray[np.int64],
        *,
        deterministic: bool,
        state: FloatArray = _NO_STATE,  # noqa: ARG002 - it remembers nothing
    ) -> Choice:
        """Choose for ``(n, size)`` flat observations.

        Raises
        ------
        PolicyError
            If a row's mask leaves no legal action.

        """
        return choose_categorical(
            self._spec.action,
            self.logits(observations),
            masks,
            seeds,
            steps,
            deterministic=deterministic,
        )

    def remember(self, state: FloatArray, actions: NDArray[Any]) -> None:
        """Do nothing: it remembers nothing."""

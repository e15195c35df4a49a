"""A policy: architecture, tensors, normaliser, and the record of where it comes from. Immutable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.spec import Spec

Tensors = Mapping[str, NDArray[np.float32]]


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return a SHA-256 over names, shapes, types and bytes of the arrays, in the order of names."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        sha.update(array.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Policy:
    """Architecture, float32 tensors and normaliser of a policy, with its record.

    Two policies with the same `id` are the same function. `lineage` holds the ids of its ancestors,
    the nearest first. `record` is plain JSON: `source`, `algorithm`, `fields` (what became of each
    field of an imported file), `hyperparameters`, `score` (what its file says it scores) and so on.
    """

    spec: Spec
    tensors: Tensors
    normalizer: Normalizer | None = None
    lineage: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse tensors that do not belong to the architecture."""
        shapes = self.spec.tensor_shapes()
        missing, extra = sorted(shapes.keys() - self.tensors), sorted(self.tensors - shapes.keys())
        if missing or extra:
            raise PolicyError(
                "the tensors do not fit the architecture: "
                f"missing {missing or 'none'}, unexpected {extra or 'none'}"
            )
        for name, shape in shapes.items():
            tensor = self.tensors[name]
            if tensor.shape != shape:
                raise PolicyError(f"tensor {name} has shape {tensor.shape}; it should be {shape}")
            if not np.isfinite(tensor).all():
                raise PolicyError(f"tensor {name} holds values that are not finite")

    @cached_property
    def id(self) -> str:
        """The first 16 hex digits of the hash of everything that determines how it acts."""
        arrays: dict[str, NDArray[Any]] = dict(self.tensors)
        settings: dict[str, Any] | None = None
        if self.normalizer is not None:
            arrays.update(self.normalizer.arrays())
            settings = self.normalizer.settings()
        text = json.dumps({"spec": self.spec.to_json(), "normalizer": settings}, sort_keys=True)
        return hashlib.sha256((text + digest(arrays)).encode()).hexdigest()[:16]

    @property
    def parameter_count(self) -> int:
        """How many numbers its tensors hold."""
        return sum(tensor.size for tensor in self.tensors.values())

    def descend(self, tensors: Tensors, **record: Any) -> Policy:
        """Return the policy with new tensors, as a child of this one."""
        return replace(self, tensors=dict(tensors), lineage=(self.id, *self.lineage), record=record)

    def observe(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the network sees of flat observations ``[..., size]``: float32, normalised."""
        if self.normalizer is None:
            return np.asarray(raw, dtype=np.float32)
        return self.normalizer.observations(raw)

"""Observation and reward statistics, frozen, as a part of the policy that was trained with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalizer:
    """Running statistics of Stable-Baselines3's ``VecNormalize``, no longer running.

    A policy without its statistics plays like a beginner, so they are stored in its file.
    `mean` and `variance` have the shape of a flat observation (None: observations pass unchanged);
    `return_variance` scales rewards while learning (None: rewards pass unchanged).
    """

    mean: NDArray[np.float64] | None = None
    variance: NDArray[np.float64] | None = None
    clip_observation: float = 10.0
    return_variance: float | None = None
    clip_reward: float = 10.0
    epsilon: float = 1e-8

    def observations(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return normalised float32 observations; the last axis is the flat observation."""
        if self.mean is None or self.variance is None:
            return np.asarray(raw, dtype=np.float32)
        scaled = (raw - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.clip(scaled, -self.clip_observation, self.clip_observation).astype(np.float32)

    def rewards(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return rewards on the scale that the critic was trained on."""
        if self.return_variance is None:
            return np.asarray(raw, dtype=np.float32)
        scaled = raw / np.sqrt(self.return_variance + self.epsilon)
        clipped: NDArray[np.float32] = np.clip(scaled, -self.clip_reward, self.clip_reward).astype(
            np.float32
        )
        return clipped

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the statistics that are arrays, for storage."""
        if self.mean is None or self.variance is None:
            return {}
        return {"normalizer.mean": self.mean, "normalizer.variance": self.variance}

    def settings(self) -> dict[str, float | None]:
        """Return the statistics that are plain numbers, for storage."""
        return {
            "clip_observation": self.clip_observation,
            "return_variance": self.return_variance,
            "clip_reward": self.clip_reward,
            "epsilon": self.epsilon,
        }

    @classmethod
    def restore(
        cls, settings: Mapping[str, float | None], arrays: Mapping[str, NDArray[Any]]
    ) -> Normalizer:
        """Return the normaliser that `arrays` and `settings` describe.

        Raises
        ------
        PolicyError
            If one of the two arrays is missing, or a setting is unknown.

        """
        mean, variance = arrays.get("normalizer.mean"), arrays.get("normalizer.variance")
        if (mean is None) != (variance is None):
            raise PolicyError(
                "the policy's normaliser has a mean without a variance, or the reverse"
            )
        try:
            return cls(mean=mean, variance=variance, **settings)  # type: ignore[arg-type]
        except TypeError as error:
            raise PolicyError(f"the policy's normaliser cannot be read: {error}") from error

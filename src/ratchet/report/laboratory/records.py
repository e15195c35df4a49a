"""The parts of a study: base policies, arms and adaptations, each named by what it differs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchet.ledger import Training


class BaseKey(NamedTuple):
    """One base policy: its name in the recipe and the seed that it was trained with."""

    base: str
    training_seed: int


class AdaptationKey(NamedTuple):
    """One adaptation: from which base, how, to which mode and for how many episodes."""

    base: str
    training_seed: int
    arm: str
    adaptation_seed: int
    target: str
    budget: int


@dataclass(frozen=True)
class BasePolicy:
    """A base policy that the study used, whichever run trained it."""

    key: BaseKey
    policy_id: str
    record: Mapping[str, Any]
    """The measurement "base": parameters by scope, steps, learning curve, the run that trained it."""

    @property
    def scopes(self) -> Mapping[str, int]:
        """Parameters by scope; empty where they were not recorded."""
        found = self.record.get("scopes")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class StudyArm:
    """One way to adapt, as the recipe names it."""

    name: str
    label: str
    scope: str
    method: str
    guard: bool
    anchor: str


@dataclass(frozen=True)
class Adaptation:
    """One adaptation and its row in the ledger."""

    key: AdaptationKey
    training: Training

    @property
    def before(self) -> str | None:
        """The id of the policy that it started from."""
        return self.training.base_policy

    @property
    def after(self) -> str | None:
        """The id of its result: the start itself if the guard kept it; None while it runs."""
        return self.training.result_policy

    @property
    def guard(self) -> Mapping[str, Any] | None:
        """What the guard decided and on which evidence; None without a guard."""
        found = self.training.safety.get("guard")
        return found if isinstance(found, dict) else None

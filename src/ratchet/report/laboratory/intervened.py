"""What interventions on the slots changed, base by base, and the number that a claim on one states.

Invariants: an intervened policy is compared with the policy that it was made of, seed by seed; each
interval of a change is computed once; a mode counts only where both policies played it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ratchet.evaluation.statistics import mean_interval
from ratchet.report.laboratory.effects import interval
from ratchet.report.laboratory.evidence import BaseKey
from ratchet.report.laboratory.measured import measured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ratchet.evaluation.statistics import Interval
    from ratchet.report.laboratory.claimed import Found
    from ratchet.report.laboratory.claims import StudyClaim
    from ratchet.report.laboratory.effects import StudyEffects
    from ratchet.report.laboratory.evidence import StudyEvidence
    from ratchet.report.laboratory.usage import Routing

    Array = NDArray[np.float64]

Kind = Literal["clamp", "disable", "uniform", "random"]


class Change(NamedTuple):
    """One intervention; `slot` is None where it concerns all of them."""

    kind: Kind
    slot: int | None


@dataclass(frozen=True)
class Changes:
    """What the interventions on one base changed: `cells[change, mode][training seed]`, `[episodes]`."""

    base: str
    modes: tuple[str, ...]
    cells: Mapping[tuple[Change, str], Mapping[int, Array]]
    after: Mapping[tuple[Change, str], Mapping[int, Array]]
    """The returns with the intervention, as `cells`."""
    _intervals: dict[tuple[Change, str | None, int | None], Interval | None] = field(
        default_factory=dict, repr=False
    )

    @property
    def slots(self) -> list[int]:
        """The slots that were held or left out."""
        return sorted({change.slot for change, _ in self.cells if change.slot is not None})

    @property
    def training_seeds(self) -> list[int]:
        """The training seeds whose policies were intervened on."""
        return sorted({seed for found in self.cells.values() for seed in found})

    def has(self, kind: Kind) -> bool:
        """Return whether anything was measured of a kind."""
        return any(change.kind == kind for change, _ in self.cells)

    def figure(
        self, change: Change, mode: str | None = None, training_seed: int | None = None
    ) -> Interval | None:
        """Return the mean change on a mode, or over all modes, with its 95% interval.

        It is over all training seeds, or of the one policy with `training_seed`.
        """
        key = (change, mode, training_seed)
        if key not in self._intervals:
            self._intervals[key] = self._interval(self.cells, change, mode, training_seed)
        return self._intervals[key]

    def returned(
        self, change: Change, mode: str | None = None, training_seed: int | None = None
    ) -> Interval | None:
        """Return the mean return with the intervention, as `figure` does its change."""
        return self._interval(self.after, change, mode, training_seed)

    def _interval(
        self,
        cells: Mapping[tuple[Change, str], Mapping[int, Array]],
        change: Change,
        mode: str | None,
        training_seed: int | None,
    ) -> Interval | None:
        """Average over the modes of training seeds that have all of them, or take one mode."""
        modes = self.modes if mode is None else (mode,)
        by_mode = [cells.get((change, name), {}) for name in modes]
        shared = [s for s in by_mode[0] if all(s in found for found in by_mode)] if by_mode else []
        return interval(
            {
                (s, 0): np.mean([found[s] for found in by_mode], axis=0)
                for s in shared
                if training_seed in (None, s)
            }
        )

    @property
    def identical(self) -> bool:
        """Whether every episode of every intervention returned what it did without."""
        return not any(np.any(v) for found in self.cells.values() for v in found.values())

    @property
    def tests(self) -> int:
        """How many mean changes of one policy on one mode there are."""
        return sum(len(found) for found in self.cells.values())

    @property
    def shown(self) -> bool:
        """Whether any intervention changes what any policy returns on any mode.

        The intervals are widened to 95% for all of them at once (Bonferroni): of sixty at 95% each,
        three would exclude zero by chance alone.
        """
        confidence = 1.0 - 0.05 / max(1, self.tests)
        return any(
            mean_interval(values, confidence).excludes(0.0)
            for found in self.cells.values()
            for values in found.values()
            if np.any(values)
        )

    def extreme(self, kind: Kind, training_seed: int) -> tuple[int, Interval] | None:
        """Return the slot that one policy is worst without, or best held on, and that change."""
        found = [(s, self.figure(Change(kind, s), None, training_seed)) for s in self.slots]
        known = [(slot, figure) for slot, figure in found if figure is not None]
        if not known:
            return None
        choose = max if kind == "clamp" else min
        return choose(known, key=lambda item: item[1].estimate)


def gather_changes(evidence: StudyEvidence, base: str) -> Changes:
    """Return what the interventions on a base changed, on the modes that both policies played."""
    cells: dict[tuple[Change, str], dict[int, Array]] = {}
    after: dict[tuple[Change, str], dict[int, Array]] = {}
    for row in evidence.measured("intervention"):
        value = row.value
        if value["base"] != base:
            continue
        change = Change(value["kind"], None if value["slot"] is None else int(value["slot"]))
        for mode in evidence.modes:
            found = evidence.change(value["of"], row.policy_id, evidence.task, mode)
            returns = evidence.returns(row.policy_id, evidence.task, mode)
            if found is not None and returns is not None:
                seed = int(value["training_seed"])
                cells.setdefault((change, mode), {})[seed] = found
                after.setdefault((change, mode), {})[seed] = returns
    return Changes(base, evidence.modes, cells, after)


def claimed_of(
    claim: StudyClaim,
    effects: StudyEffects,
    found: Mapping[str, Changes],
    routing: Mapping[BaseKey, Routing],
) -> Found:
    """Return the measured value of a claim on interventions, or None and why there is none.

    The kinds are `natural`, `mean_weight`, `clamp`, `disable`, `uniform` and `random`, of unit return or
    change, and those of `ratchet.report.laboratory.measured`; the seed of a training is an index.
    """
    here, base = effects.evidence, str(claim.measure.get("base", ""))
    if claim.kind not in {"natural", "mean_weight", "clamp", "disable", "uniform", "random"}:
        return measured(claim, effects)
    if base not in here.bases:
        return None, f"this study has no base {base!r}"
    index, seed = claim.measure.get("training_seed"), None
    if index is not None:
        if not 0 <= int(index) < len(here.training_seeds):
            return None, f"this study has no training seed number {int(index) + 1}"
        seed = here.training_seeds[int(index)]
    if claim.kind == "natural":
        value = effects.base(base, claim.mode, task=here.task, training_seed=seed)
        return value, "" if value is not None else "the base is not evaluated on it"
    slot = None if claim.measure.get("slot") is None else int(claim.measure["slot"])
    if claim.kind == "mean_weight":
        return _mean_weight(claim, routing, BaseKey(base, -1 if seed is None else seed), slot)
    kinds: dict[str, Kind] = {k: k for k in ("clamp", "disable", "uniform", "random")}
    change = Change(kinds[claim.kind], slot)
    look = found[base].figure if claim.unit == "change" else found[base].returned
    value = look(change, claim.mode, seed)
    return value, "" if value is not None else "no such intervention is evaluated"


def _mean_weight(
    claim: StudyClaim, routing: Mapping[BaseKey, Routing], key: BaseKey, slot: int | None
) -> Found:
    """Return the mean weight of a slot in a mode of one policy."""
    weights = routing[key].weights.get(claim.mode or "") if key in routing else None
    if weights is None or slot is None or not 0 <= slot < len(weights):
        return None, "no such weight of one policy's slot in one mode is measured"
    return float(weights[slot]), ""

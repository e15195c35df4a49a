"""From rows of the ledger to the parts of a study.

Invariants: a base policy is found by its measurement, whichever run trained it; whatever is left out is
named with the reason.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ratchet.ledger import queries
from ratchet.report.laboratory.records import (
    Adaptation,
    AdaptationKey,
    BaseKey,
    BasePolicy,
    StudyArm,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ratchet.ledger import Evaluation, Measurement, Store, Training

    Array = NDArray[np.float64]

REPORTED = "report"
"""The seed set whose numbers a report states."""


def read_returns(
    ledger: Store,
    run_id: str,
    evaluations: Sequence[Evaluation],
    left_out: list[tuple[str, str]],
) -> dict[tuple[str, str, str], Array]:
    """Return the whole evaluations on the one seed list that most have, by policy, task and mode."""
    values = queries.run_returns(ledger, run_id, REPORTED)
    lists = Counter(e.seed_hash for e in evaluations if e.id in values)
    common = lists.most_common(1)[0][0] if lists else None
    returns: dict[tuple[str, str, str], Array] = {}
    for evaluation in evaluations:
        if evaluation.seed_set != REPORTED:
            continue
        place = f"{evaluation.label} on {evaluation.task}, mode {evaluation.mode}"
        key = (evaluation.policy_id, evaluation.task, evaluation.mode)
        if evaluation.id not in values:
            missing = f"{evaluation.done} of {evaluation.episodes} episodes are evaluated"
            left_out.append((place, missing))
        elif evaluation.seed_hash != common:
            left_out.append((place, "it was evaluated on other seeds than most"))
        elif key in returns:
            left_out.append((place, "it was evaluated twice, greedy and sampled"))
        else:
            returns[key] = values[evaluation.id]
    return returns


def read_bases(
    trainings: Sequence[Training], measurements: Sequence[Measurement]
) -> dict[BaseKey, BasePolicy]:
    """Return the bases that were measured, and those that the run trained but did not measure yet."""
    found = {}
    for row in measurements:
        if row.name == "base" and isinstance(row.value, dict):
            key = BaseKey(str(row.value["base"]), int(row.value["training_seed"]))
            found[key] = BasePolicy(key, row.policy_id, row.value)
    for training in trainings:
        study = training.config.get("study")
        if training.kind == "train" and isinstance(study, dict) and training.result_policy:
            key = BaseKey(str(study["base"]), int(study["training_seed"]))
            found.setdefault(key, BasePolicy(key, training.result_policy, {}))
    return found


def read_adaptations(
    trainings: Sequence[Training], left_out: list[tuple[str, str]]
) -> dict[AdaptationKey, Adaptation]:
    """Return the adaptations that have a result."""
    found: dict[AdaptationKey, Adaptation] = {}
    for training in trainings:
        study = training.config.get("study")
        if training.kind == "train" or not isinstance(study, dict) or training.mode is None:
            continue
        key = AdaptationKey(
            base=str(study["base"]),
            training_seed=int(study["training_seed"]),
            arm=str(study["arm"]),
            adaptation_seed=int(study["adaptation_seed"]),
            target=training.mode,
            budget=int(study["budget"]),
        )
        if training.result_policy is None:
            left_out.append((training.name, f"it has no result yet ({training.status})"))
        elif key in found:
            left_out.append((training.name, "another adaptation has the same settings and seeds"))
        else:
            found[key] = Adaptation(key, training)
    return found


def read_arms(
    recipe: Mapping[str, Any], adaptations: Mapping[AdaptationKey, Adaptation]
) -> tuple[StudyArm, ...]:
    """Return the recipe's arms, and then any other that an adaptation belongs to."""
    arms = {
        str(r["name"]): StudyArm(
            name=str(r["name"]),
            label=str(r.get("label") or r["name"]),
            scope=str(r.get("scope", "full")),
            method=str(r.get("method", "reinforce")),
            guard=bool(r.get("guard", False)),
            anchor=str(r.get("anchor") or "none"),
        )
        for r in named_records(recipe.get("arms"))
    }
    for key, adaptation in adaptations.items():
        if key.arm not in arms:
            scope = adaptation.training.scope
            guarded = adaptation.guard is not None
            arms[key.arm] = StudyArm(key.arm, key.arm, scope, "reinforce", guarded, "none")
    return tuple(arms.values())


def named_records(value: object) -> list[Mapping[str, Any]]:
    """Return the records of a list that have a name."""
    return [item for item in listed(value) if isinstance(item, dict) and "name" in item]


def listed(value: object) -> tuple[Any, ...]:
    """Return what may be a list as a tuple."""
    return tuple(value) if isinstance(value, (list, tuple)) else ()


def number_or_none(value: object) -> float | None:
    """Return what may be a number."""
    return float(value) if isinstance(value, (int, float)) else None


def ordered(named: Sequence[Any], present: Sequence[Any]) -> tuple[Any, ...]:
    """Return what the recipe names, in its order, and then whatever else is present."""
    return tuple(dict.fromkeys([*named, *present]))

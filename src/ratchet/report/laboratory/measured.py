"""The number measured here for a claim about a base or an adaptation of it.

Invariants: a measurement is a figure of the report's own `StudyEffects`, computed once for tables and
claims alike; an arm that the write-up means is the plain one, without guard and anchor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.laboratory.effects import Group
from ratchet.report.tables import count

if TYPE_CHECKING:
    from ratchet.evaluation.statistics import Interval
    from ratchet.report.laboratory.claimed import Found
    from ratchet.report.laboratory.claims import StudyClaim
    from ratchet.report.laboratory.effects import StudyEffects
    from ratchet.report.laboratory.evidence import StudyEvidence


def measured(claim: StudyClaim, effects: StudyEffects) -> Found:
    """Return the measured value of a claim, or None and why there is none.

    The kinds are `before`, `after`, `change`, `forgetting` and `parameters`; the seed of a training is
    an index into the study's training seeds.
    """
    here = effects.evidence
    base = str(claim.measure.get("base", ""))
    if base not in here.bases:
        return None, f"this study has no base {base!r}"
    if claim.kind == "parameters":
        return _parameters(here, base, str(claim.measure.get("scope", "full")))
    index, seed = claim.measure.get("training_seed"), None
    if index is not None:
        if not 0 <= int(index) < len(here.training_seeds):
            return None, f"this study has no training seed number {int(index) + 1}"
        seed = here.training_seeds[int(index)]
    if claim.kind == "before":
        value = effects.base(base, claim.mode, training_seed=seed)
        return value, "" if value is not None else "the base is not evaluated on it"
    if claim.kind not in {"after", "change", "forgetting"}:
        return None, f"a number of kind {claim.kind!r} is not measured in this study"
    group = _group(claim, here, base)
    if group is None:
        return None, "this study has no such arm of the base"
    value = _adapted(claim, effects, group, seed)
    budget = "" if group.budget not in here.budgets else f" for {count(group.budget)} episodes"
    return value, "" if value is not None else f"no such adaptation{budget} is evaluated"


def _adapted(
    claim: StudyClaim, effects: StudyEffects, group: Group, seed: int | None
) -> Interval | None:
    target = claim.measure.get("target")
    if claim.kind == "forgetting":
        aim = str(target) if target is not None else claim.mode
        return effects.figure(group, "elsewhere", aim, seed)
    if target is not None and claim.mode is not None:
        if claim.kind == "after":
            return effects.return_on(group, str(target), claim.mode, seed)
        return effects.evaluated_on(group, str(target), claim.mode, seed)
    return effects.figure(group, "after" if claim.kind == "after" else "change", claim.mode, seed)


def _group(claim: StudyClaim, here: StudyEvidence, base: str) -> Group | None:
    """Return the arm of that name, or else the plain arm that adapts the scope of that name."""
    wanted = str(claim.measure.get("arm", ""))
    named = [arm for arm in here.arms if arm.name == wanted]
    plain = [
        arm
        for arm in here.arms
        if arm.scope == wanted
        and (arm.method, arm.guard, arm.anchor) == ("reinforce", False, "none")
    ]
    budget = claim.measure.get("budget")
    if budget is None and len(here.budgets) == 1:
        budget = here.budgets[0]
    for arm in named or plain:
        if budget is not None:
            return Group(base, arm.name, int(budget))
    return None


def _parameters(here: StudyEvidence, base: str, scope: str) -> Found:
    found = {
        policy.scopes[scope]
        for key, policy in here.base_policies.items()
        if key.base == base and scope in policy.scopes
    }
    if len(found) != 1:
        return None, f"the parameters of scope {scope!r} are not recorded"
    return float(found.pop()), ""

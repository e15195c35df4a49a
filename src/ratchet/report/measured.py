"""The number measured here for each claim of a write-up on fine-tuning.

Invariants: a measurement is looked up in the statistics of the report, so a claim and a results table
never disagree; where the run has no such arm, the reason is given in place of a number.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from ratchet.evaluation.statistics import Interval, mean_interval
from ratchet.policies.scopes import scope_counts
from ratchet.policies.spec import read_spec
from ratchet.report.claimed import Beside, claims_intro, claims_table
from ratchet.report.claims import Claim, read_claims
from ratchet.report.document import Block, Text
from ratchet.report.spread import deviation
from ratchet.report.tables import count

if TYPE_CHECKING:
    from ratchet.report.arms import Evidence, Group
    from ratchet.report.effects import Effects

    Found = tuple[Interval | float | None, str]


def claims_section(evidence: Evidence, effects: Effects) -> list[Block]:
    """Return the section that sets each stated number beside the measured one."""
    records = evidence.recipe.get("claims") or ()
    if not isinstance(records, (list, tuple)) or not records:
        return []
    found = [Beside(claim, *measure(claim, evidence, effects)) for claim in read_claims(records)]
    blocks = claims_intro(found, evidence.recipe.get("source"))
    sampled = [entry for entry in found if entry.claim.sample is not None]
    others = [entry for entry in found if entry.claim.sample is None]
    if sampled:
        episodes = sorted({entry.claim.sample.episodes for entry in sampled if entry.claim.sample})
        sizes = " or ".join(count(size) for size in episodes)
        note = (
            f"The write-up's numbers rest on {sizes} episodes each, and its own intervals follow from "
            "that and its standard deviations (t for means, chi-square for deviations, as if returns "
            "were normal)."
        )
        caption = "Returns: stated and measured"
        blocks += [Text(note), claims_table("claims-returns", sampled, caption, own=True)]
    if others:
        caption = "Shares, sizes, settings and costs: stated and measured"
        blocks.append(claims_table("claims-others", others, caption, own=False))
    return blocks


def measure(claim: Claim, evidence: Evidence, effects: Effects) -> Found:
    """Return the measured value of a claim, or None and why there is none."""
    match claim.kind:
        case "elsewhere":
            return None, "measured elsewhere: it is not part of this run"
        case "before_mean" | "before_std":
            if claim.mode is None or claim.mode not in evidence.before:
                return None, f"the base policy is not evaluated on mode {claim.mode}"
            returns = evidence.before[claim.mode]
            mean = claim.kind == "before_mean"
            return mean_interval(returns) if mean else deviation(returns[None]), ""
        case "improvement_mean" | "improvement_relative":
            averages = effects.averages if claim.kind == "improvement_mean" else effects.relative
            value = averages.get((claim.scope or "full", claim.budget or 0))
            return value, "" if value is not None else _absent(claim, "on every mode")
        case "parameters_total":
            if evidence.base is None:
                return None, "the run has no base policy yet"
            return float(evidence.base.parameter_count), ""
        case "parameters_scope":
            if evidence.base is None or not evidence.base.spec:
                return None, "the run has no base policy yet"
            names = scope_counts(read_spec(evidence.base.spec))
            return float(names[claim.scope or "full"]), ""
        case "base_steps":
            return _base_steps(evidence)
        case "episodes_equivalent":
            return _episodes(claim, evidence)
        case "evaluation_episodes":
            return (float(evidence.episodes), "") if evidence.episodes else (None, "none yet")
        case "setting":
            return _setting(claim, evidence)
        case "environment_steps" | "wall_seconds":
            return _spent(claim, evidence)
        case _:
            return _after(claim, evidence, effects)


def _after(claim: Claim, evidence: Evidence, effects: Effects) -> Found:
    """Return what one group shows on its mode."""
    group = _group(claim, evidence)
    if group is None or claim.mode is None or claim.mode not in effects.rows[group.key].cells:
        return None, _absent(claim, f"on mode {claim.mode}")
    cell = effects.rows[group.key].cells[claim.mode]
    detail = effects.details.get((group.key, claim.mode))
    if claim.kind == "after_mean":
        return cell.after, ""
    if claim.kind == "improvement":
        return cell.difference, ""
    if detail is None:
        return None, _absent(claim, f"on mode {claim.mode}")
    if claim.kind == "after_std":
        return detail.std_after, ""
    if claim.kind == "std_reduction":
        return detail.std_change, ""
    if detail.at_maximum_after is None:
        return None, "the task states no maximum return"
    return detail.at_maximum_after, ""


def _group(claim: Claim, evidence: Evidence) -> Group | None:
    for group in evidence.groups:
        key = group.key
        if (key.kind, key.mode, key.scope) == ("finetune", claim.mode, claim.scope or "full") and (
            claim.budget is None or key.budget == claim.budget
        ):
            return group
    return None


def _absent(claim: Claim, where: str) -> str:
    budget = "" if claim.budget is None else f" with a budget of {count(claim.budget)}"
    place = f" {where}" if where else ""
    return f"this run has no evaluated arm{place}{budget} and scope {claim.scope or 'full'}"


def _base_steps(evidence: Evidence) -> Found:
    if evidence.base_training is not None:
        return float(evidence.base_training.environment_steps), ""
    record = None if evidence.base is None else evidence.base.record
    steps = record.get("environment_steps") if isinstance(record, dict) else None
    if isinstance(steps, (int, float)):
        return float(steps), ""
    return None, "the base policy does not say how long it was trained"


def _episodes(claim: Claim, evidence: Evidence) -> Found:
    """Return how many of the base policy's episodes a number of steps is."""
    if not evidence.before_lengths or claim.budget is None:
        return None, "the base policy is not evaluated"
    lengths = [length for by_mode in evidence.before_lengths.values() for length in by_mode]
    mean = mean_interval(lengths)
    return Interval(*(claim.budget / v for v in (mean.estimate, mean.high, mean.low))), ""


def _setting(claim: Claim, evidence: Evidence) -> Found:
    name = claim.key or ""
    values = {
        float(t.config[name])
        for t in evidence.trainings
        if isinstance(t.config.get(name), (int, float))
        and (claim.budget is None or t.budget == claim.budget)
    }
    if not values:
        return None, f"the arms record no setting {name!r}"
    if len(values) > 1:
        return None, f"the arms differ in {name!r}"
    return values.pop(), ""


def _spent(claim: Claim, evidence: Evidence) -> Found:
    chosen = [
        arm.training
        for group in evidence.groups
        for arm in group.arms
        if group.key.kind == "finetune"
        and group.key.scope == (claim.scope or "full")
        and (claim.budget is None or group.key.budget == claim.budget)
        and (claim.mode is None or group.key.mode == claim.mode)
    ]
    if not chosen:
        return None, _absent(claim, "")
    if claim.kind == "wall_seconds":
        return float(statistics.median(t.wall_seconds for t in chosen)), ""
    return float(statistics.median(t.environment_steps for t in chosen)), ""

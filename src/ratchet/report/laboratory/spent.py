"""What a study executed: episodes, steps and seconds, and what its guards spent on evidence.

Invariants: episodes and steps are those really executed; an adaptation that played more episodes than
its budget is always said.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from ratchet.ledger import queries
from ratchet.report.document import Block, Cell, Column, Heading, KeyValues, Table, Text
from ratchet.report.laboratory.common import group_labels
from ratchet.report.tables import Value, count, seconds
from ratchet.report.wording import plural, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.ledger import Store, Training
    from ratchet.report.laboratory.effects import Group
    from ratchet.report.laboratory.evidence import Adaptation, StudyEvidence

_GUARD = (
    Column("arms", "Arm"),
    Column("adaptations", "Adaptations", "count"),
    Column("adopted", "Adopted", "count"),
    Column("kept", "Start kept", "count"),
    Column("share", "Share adopted", "percent", 0),
    Column("adaptation_episodes", "Episodes to adapt", "number"),
    Column("evidence_episodes", "Episodes of evidence", "number"),
    Column("reason", "Most frequent reason to keep"),
)
_COST = (
    Column("what", "What"),
    Column("runs", "Runs", "count"),
    Column("parameters", "Adapted parameters", align="right"),
    Column("episodes", "Episodes", "count"),
    Column("environment_steps", "Environment steps", "count"),
    Column("side_steps", "Steps beside the budget", "count"),
    Column("wall_seconds", "Wall time", "seconds"),
    Column("median_seconds", "Median of one", "seconds"),
)


def guards(evidence: StudyEvidence, groups: Sequence[Group]) -> list[Block]:
    """Return how often the guards adopted an adapted policy, and what they spent on evidence."""
    rows: list[tuple[Cell | Value, ...]] = []
    for group, label in zip(groups, group_labels(evidence, groups), strict=True):
        found = [
            adaptation.guard
            for target in evidence.adapt_modes
            for adaptation in evidence.select(group.base, group.arm, group.budget, target)
        ]
        guarded = [guard for guard in found if guard is not None]
        if not guarded:
            continue
        adopted = sum(bool(guard.get("adopted")) for guard in guarded)
        kept = [str(guard.get("reason", "")) for guard in guarded if not guard.get("adopted")]
        rows.append(
            (
                label,
                len(guarded),
                adopted,
                len(guarded) - adopted,
                adopted / len(guarded),
                statistics.mean(int(guard.get("adaptation_episodes", 0)) for guard in guarded),
                statistics.mean(int(guard.get("evidence_episodes", 0)) for guard in guarded),
                statistics.mode(kept) if kept else "",
            )
        )
    if not rows:
        return []
    note = (
        "A guarded arm spends a part of its budget on evidence, and adopts the adapted policy only if "
        "that shows it to be better. Otherwise the start is kept, and the change is exactly zero. "
        "Episodes are means of one adaptation."
    )
    return [Heading("Guard"), Text(note), Table("guard", _GUARD, tuple(rows))]


def costs(ledger: Store, evidence: StudyEvidence) -> list[Block]:
    """Return what was executed: episodes, environment steps and seconds, by base and by arm."""
    here = evidence
    rows: list[tuple[Cell | Value, ...]] = []
    trained = [t for t in here.trainings if t.kind == "train" and t.result_policy is not None]
    for base in here.bases:
        chosen = [t for t in trained if _base_name(t) == base]
        if chosen:
            rows.append(_cost_row(f"training `{base}`", chosen))
    for arm in here.arms:
        found = [a.training for key, a in here.adaptations.items() if key.arm == arm.name]
        if found:
            rows.append(_cost_row(arm.label, found))
    spent = queries.steps_spent(ledger, here.run.id)
    totals: list[tuple[str, Value]] = [
        ("environment steps, training and adaptation", count(spent.training)),
        ("environment steps, evaluation", count(spent.evaluation)),
        ("environment steps, executed again after a crash", count(spent.replayed)),
        ("evaluated episodes", count(sum(e.done for e in here.evaluations))),
        ("wall time of the run", seconds(here.run.wall_seconds)),
    ]
    own = {t.result_policy for t in trained}
    reused = sum(policy.policy_id not in own for policy in here.base_policies.values())
    if reused:
        totals.append(("base policies of earlier runs, not trained again", count(reused)))
    blocks: list[Block] = [Heading("Cost"), KeyValues(tuple(totals), "cost-totals")]
    if rows:
        over = _over_budget(list(here.adaptations.values()))
        if here.adaptations:
            blocks.append(
                Text(
                    "Sums over all runs of a row, but for the last column. Episodes and steps are "
                    "those really played, to adapt and for the guard's evidence; steps beside the "
                    "budget are those that estimate the Fisher information of an anchor. "
                    + (
                        f"**{plural(over, 'adaptation')} played more episodes than the budget.**"
                        if over
                        else "No adaptation played more episodes than its budget."
                    )
                )
            )
        blocks.append(Table("cost", _COST, tuple(rows)))
    return blocks


def _cost_row(name: str, trainings: Sequence[Training]) -> tuple[Cell | Value, ...]:
    return (
        name,
        len(trainings),
        together([t.parameters_adapted for t in trainings]),
        sum(t.episodes for t in trainings),
        sum(t.environment_steps for t in trainings),
        sum(int(t.safety.get("side_steps", 0)) for t in trainings),
        sum(t.wall_seconds for t in trainings),
        float(statistics.median(t.wall_seconds for t in trainings)),
    )


def _base_name(training: Training) -> str | None:
    study = training.config.get("study")
    return str(study["base"]) if isinstance(study, dict) and "base" in study else None


def _over_budget(adaptations: Sequence[Adaptation]) -> int:
    return sum(a.training.episodes > a.key.budget for a in adaptations)

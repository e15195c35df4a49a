"""What kept fine-tuning from doing harm, and how often it had to.

Invariant: the counts are the trainer's own, as the ledger holds them; a measure that could not act is
said not to have acted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Callout, Cell, Column, Heading, Table, Text
from ratchet.report.tables import Value, number, percent
from ratchet.report.wording import doing, group_name, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.ledger import Training
    from ratchet.report.arms import Evidence

_COLUMNS = (
    Column("arms", "Trained on · scope · budget"),
    Column("anchor", "Anchor"),
    Column("updates", "Updates", "count"),
    Column("critic_only", "Critic alone", "count"),
    Column("rollbacks", "Rolled back", "count"),
)


def safety(evidence: Evidence) -> list[Block]:
    """Return the section on pre-flight, warm-up, anchor and rollback."""
    arms = [arm.training for group in evidence.groups for arm in group.arms]
    if not arms:
        return []
    checked = sorted({str(t.safety["preflight"]) for t in arms if t.safety.get("preflight")})
    blocks: list[Block] = [Heading("Safety")]
    if checked:
        blocks.append(Text(f"**Pre-flight** of the policy before: {'; '.join(checked)}."))
    blocks += [_guard(arm) for arm in arms if arm.safety.get("guard")]
    blocks.append(Text(_measures(arms, doing(evidence))))
    rows: list[tuple[Cell | Value, ...]] = []
    for group in evidence.groups:
        trainings = [arm.training for arm in group.arms]
        undone = _total(trainings, "rollbacks")
        rows.append(
            (
                group_name(group.key),
                str(trainings[0].safety.get("anchor", "none")),
                sum(t.updates for t in trainings),
                _total(trainings, "critic_only_updates"),
                Cell(undone, "bad" if undone else "plain"),
            )
        )
    blocks.append(Table("safety", _COLUMNS, tuple(rows), "Updates of all runs of each group"))
    return blocks


def _guard(arm: Training) -> Callout:
    """Return what the guard decided on the evidence inside the budget."""
    guard = arm.safety["guard"]
    return Callout(
        "good" if guard["adopted"] else "warning",
        f"**Guard.** Of {plural(arm.episodes, 'episode')} played, "
        f"{guard['adaptation_episodes']} adapted the policy and {guard['evidence_episodes']} are "
        f"evidence at {percent(guard['confidence'])} confidence. Verdict: {guard['reason']}.",
    )


def _measures(arms: Sequence[Training], what: str) -> str:
    settings = arms[0].safety
    threshold, part = settings.get("warmup_explained_variance"), settings.get("warmup_fraction")
    limit = settings.get("rollback_kl")
    parts = []
    if what == "fine-tuning" and threshold is not None and part:
        acted = _total(arms, "critic_only_updates") > 0
        parts.append(
            f"**Critic warm-up** until the critic explains {percent(float(threshold))} of the returns' "
            f"variance or {percent(float(part))} of the budget is used"
            + (
                ""
                if acted
                else " (it did not act: the critic did, or the first rollout was larger)"
            )
        )
    if limit is not None:
        parts.append(
            f"**rollback** of an update that moves the policy by a KL above {number(float(limit), 2)}, "
            "with half the learning rate from then on"
        )
    return "; ".join(parts) + "." if parts else "No measure was on."


def _total(arms: Sequence[Training], name: str) -> int:
    return sum(int(t.safety.get(name, 0)) for t in arms)

"""What the reports of all studies share: title, gaps, method, guard and cost.

Invariants: a sentence follows from the ledger's numbers alone; what an interval does not show is called
not distinguishable from zero, never absent; episodes and steps are those really executed.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from ratchet.ledger import queries
from ratchet.report.document import Block, Callout, Cell, Column, Heading, KeyValues, Table, Text
from ratchet.report.tables import Value, count, percent, seconds
from ratchet.report.wording import plural, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.ledger import Store, Training
    from ratchet.report.laboratory.effects import Group
    from ratchet.report.laboratory.evidence import Adaptation, StudyEvidence
    from ratchet.report.tables import IntervalLike

_GUARD = (
    Column("arms", "Arm"),
    Column("adaptations", "Adaptations", "count"),
    Column("adopted", "Adopted", "count"),
    Column("kept", "Start kept", "count"),
    Column("share", "Adopted", "percent", 0),
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


def title(evidence: StudyEvidence) -> str:
    """Return the recipe's title, or the study's name."""
    named = evidence.recipe.get("title")
    plain = evidence.study.replace("-", " ")
    return named if isinstance(named, str) and named else plain[:1].upper() + plain[1:]


def subtitle(evidence: StudyEvidence) -> str:
    """Return how large the study is, in one line."""
    here = evidence
    parts = [plural(len(here.bases), "base"), plural(len(here.training_seeds), "training seed")]
    if here.adaptations:
        parts.append(plural(len(here.arms), "arm"))
        parts.append(plural(len(here.adaptation_seeds), "adaptation seed"))
        sizes = ", ".join(count(budget) for budget in here.budgets)
        parts.append(f"{sizes} {'episode' if here.budgets == (1,) else 'episodes'} to adapt")
    parts.append(f"{count(here.episodes)} evaluation episodes a mode")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]


def arm_label(evidence: StudyEvidence, arm: str) -> str:
    """Return what the recipe calls an arm."""
    return next((item.label for item in evidence.arms if item.name == arm), arm)


def group_label(evidence: StudyEvidence, group: Group) -> str:
    """Return base, arm and budget in a short phrase, without what the whole study shares."""
    used = {key.base for key in evidence.adaptations}
    parts = [group.base] if len(used) > 1 else []
    if len(evidence.arms) > 1 or not parts:
        parts.append(arm_label(evidence, group.arm))
    if len(evidence.budgets) > 1:
        parts.append(plural(group.budget, "episode"))
    return " · ".join(parts)


def verdict(change: IntervalLike | None) -> Cell:
    """Return what a change's interval shows, in words, as a cell."""
    if change is None:
        return Cell("not measured", "muted")
    if change.estimate == change.low == change.high == 0.0:
        return Cell("unchanged", "muted")
    if change.low > 0.0:
        return Cell("better", "good")
    if change.high < 0.0:
        return Cell("worse", "bad")
    return Cell("not distinguishable from zero", "muted")


def gaps(evidence: StudyEvidence) -> list[Block]:
    """Say what an unfinished run still misses, and what cannot be compared."""
    here = evidence
    missing = _missing(here)
    bases, asked = len(here.base_policies), len(here.bases) * len(here.training_seeds)
    unfinished = here.run.status in {"interrupted", "failed"}
    if not (missing or here.left_out or unfinished or bases < asked):
        return []
    parts = [f"The run is {here.run.status}; the numbers speak of what is there."]
    if bases < asked:
        parts.append(f"**{count(bases)} of {count(asked)} base policies** are there.")
    if missing:
        expected = missing + len(here.adaptations)
        parts.append(
            f"**{count(len(here.adaptations))} of {count(expected)} adaptations** are done."
        )
    parts += [f"`{name.replace('`', '')}`: {reason}." for name, reason in here.left_out[:3]]
    if len(here.left_out) > 3:
        parts.append(f"{count(len(here.left_out) - 3)} more are not compared either.")
    return [Callout("warning", " ".join(parts))]


def method(evidence: StudyEvidence) -> list[Block]:
    """Return the note on how the numbers were made: pairs, seeds, intervals."""
    here = evidence
    kind = "greedy" if here.recipe.get("deterministic") else "sampled"
    text = (
        f"Every policy played the same {count(here.episodes)} evaluation seeds on each mode, with "
        f"{kind} actions; no seed of an adaptation or a guard is among them."
    )
    if here.adaptations:
        text += (
            " A **change** is the return after less the return before, paired by evaluation seed, "
            "before being the base that the adaptation started from.\n\n"
            "**Intervals** are 95%. Adaptations of one base policy are no independent repetitions: "
            "their differences are averaged over the adaptation seeds within each training seed, and "
            "the matrix of training seeds and evaluation seeds is resampled in both directions (the "
            "pigeonhole bootstrap, stretched for few rows). Where there is one training seed the "
            "rows are its adaptation seeds, and the interval speaks of that one base policy. "
            "Averages over modes are taken before intervals. Intervals are not adjusted for how many "
            "are shown: of a hundred comparisons without any effect, about five look like one."
        )
    else:
        text += (
            "\n\n**Intervals** are 95%, over training seeds and evaluation seeds, which are resampled "
            "in both directions (the pigeonhole bootstrap, stretched for few rows); of one training "
            "seed they are over its evaluation seeds and speak of that one policy."
        )
    return [Heading("Method"), Text(text)]


def guards(evidence: StudyEvidence, groups: Sequence[Group]) -> list[Block]:
    """Return how often the guards adopted an adapted policy, and what they spent on evidence."""
    rows: list[tuple[Cell | Value, ...]] = []
    for group in groups:
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
                group_label(evidence, group),
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
        "A guarded arm spends a part of its budget on evidence: it plays the adapted policy and its "
        "start, and adopts the adapted one only if the evidence shows it to be better. Otherwise the "
        "start is kept, and the change is exactly zero. Episodes are means of one adaptation."
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


def share_adopted(adaptations: Sequence[Adaptation]) -> str:
    """Return in how many of the guarded adaptations the adapted policy was adopted."""
    guarded = [a.guard for a in adaptations if a.guard is not None]
    adopted = sum(bool(guard.get("adopted")) for guard in guarded)
    share = percent(adopted / len(guarded)) if guarded else "n/a"
    return f"{count(adopted)} of {count(len(guarded))} ({share})"


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


def _missing(evidence: StudyEvidence) -> int:
    """Return how many adaptations are missing among the bases and arms that were begun."""
    here = evidence
    begun = {(key.base, key.arm) for key in here.adaptations}
    each = len(here.training_seeds) * len(here.adaptation_seeds) * len(here.budgets)
    return max(0, len(begun) * each * len(here.adapt_modes) - len(here.adaptations))

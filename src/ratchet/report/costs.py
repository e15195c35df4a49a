"""What a run cost, what the pawl said, and every arm by name.

Invariants: steps are those that the environments executed; whether frozen parameters moved is the
ledger's comparison of their hashes; every arm that was begun is listed, with or without a result.
"""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING

from ratchet.ledger import queries
from ratchet.policies.scopes import scope_counts
from ratchet.policies.spec import read_spec
from ratchet.report.document import Block, Callout, Cell, Column, Heading, KeyValues, Table, Text
from ratchet.report.tables import Value, count, number, seconds
from ratchet.report.wording import doing, group_name, together, verdict_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ratchet.ledger import Store, Training, Verdict
    from ratchet.report.arms import Evidence

_COST = (
    Column("arms", "Trained on · scope · budget"),
    Column("runs", "Runs", "count"),
    Column("environment_steps", "Environment steps", "count"),
    Column("episodes", "Episodes", "count"),
    Column("wall_seconds", "Wall", "seconds"),
    Column("collect_seconds", "Collecting", "seconds"),
    Column("learn_seconds", "Learning", "seconds"),
    Column("parameters", "Adapted", "count"),
    Column("frozen", "Frozen unchanged", align="right"),
)
_VERDICTS = (
    Column("arms", "Trained on · scope · budget"),
    Column("accepted", "Accepted", "count"),
    Column("rejected", "Rejected", "count"),
    Column("reasons", "Reasons"),
)
_ARMS = (
    Column("arm", "Arm"),
    Column("seed", "Seed", "count"),
    Column("status", "Status"),
    Column("verdict", "Verdict"),
    Column("policy", "Policy"),
    Column("reason", "Reason"),
)


def cost(ledger: Store, evidence: Evidence) -> list[Block]:
    """Return the section on environment steps, episodes and seconds."""
    rows: list[tuple[Cell | Value, ...]] = []
    if evidence.base_training is not None:
        rows.append(_cost_row("base policy", [evidence.base_training]))
    rows += [
        _cost_row(group_name(group.key), [arm.training for arm in group.arms])
        for group in evidence.groups
    ]
    spent = queries.steps_spent(ledger, evidence.run.id)
    totals: list[tuple[str, Value]] = [
        ("environment steps, training", count(spent.training)),
        ("environment steps, evaluation", count(spent.evaluation)),
        ("wall time of the run", seconds(evidence.run.wall_seconds)),
    ]
    if spent.replayed:
        totals.insert(1, ("environment steps, executed again after a crash", count(spent.replayed)))
    if evidence.base is not None:
        totals.append(("parameters of the policy", count(evidence.base.parameter_count)))
        if evidence.base.spec:
            counts = scope_counts(read_spec(evidence.base.spec))
            totals += [(f"parameters in scope {name}", count(n)) for name, n in counts.items()]
    blocks: list[Block] = [Heading("Cost"), KeyValues(tuple(totals), "cost-totals")]
    if rows:
        blocks.append(
            Text(
                "Steps are exact, for each run; episodes are those that ended, and seconds medians. "
                "The last column counts the runs in which every parameter outside the scope has the "
                "same hash after as before."
            )
        )
        blocks.append(Table("cost", _COST, tuple(rows), f"One {doing(evidence)} of each group"))
    return blocks


def verdicts(evidence: Evidence) -> list[Block]:
    """Return the section on what the pawl said; one training's verdict stands in full."""
    if not evidence.verdicts:
        return []
    heading = Heading("Verdicts")
    only = evidence.verdicts.get(evidence.trainings[0].id) if len(evidence.trainings) == 1 else None
    if only is not None:
        word = "Accepted" if only.accepted else "Rejected"
        target = f"mode {only.target}" if only.target in evidence.modes else only.target
        text = f"**{word}** for {target}: {only.reason}."
        return [heading, Callout("good" if only.accepted else "warning", text)]
    rows: list[tuple[Cell | Value, ...]] = []
    for group in evidence.groups:
        accepted, judged = verdict_counts(evidence, (group,))
        if not judged:
            continue
        found = [evidence.verdicts.get(arm.training.id) for arm in group.arms]
        kinds = Counter(_reason(verdict) for verdict in found if verdict is not None)
        reasons = "; ".join(f"{reason} ({count(times)})" for reason, times in kinds.most_common())
        rows.append((group_name(group.key), accepted, judged - accepted, reasons))
    note = (
        "The pawl judged each result on seeds of its own, not on those reported here: better on its "
        "target, and no worse beyond a margin on every other mode. Every arm's verdict with its "
        "numbers stands at the end."
    )
    return [heading, Text(note), Table("verdicts", _VERDICTS, tuple(rows), "Verdicts by group")]


def every_arm(evidence: Evidence) -> list[Block]:
    """Return the last section: each arm with its verdict, result and whatever is missing."""
    if len(evidence.trainings) < 2:
        return []
    missing = dict(evidence.left_out)
    rows: list[tuple[Cell | Value, ...]] = []
    for training in evidence.trainings:
        verdict = evidence.verdicts.get(training.id)
        word = "none" if verdict is None else "accepted" if verdict.accepted else "rejected"
        reasons = [missing.get(training.name), None if verdict is None else verdict.reason]
        rows.append(
            (
                f"`{training.name}`",
                training.seed,
                training.status,
                Cell(word, "good" if word == "accepted" else "plain"),
                short(training.result_policy),
                "; ".join(reason for reason in reasons if reason),
            )
        )
    return [Heading("Every arm"), Table("arms", _ARMS, tuple(rows))]


def short(policy_id: str | None) -> str | None:
    """Return a policy's id as far as a person needs it to find the policy."""
    return None if policy_id is None else f"`{policy_id[:16]}`"


def _cost_row(name: str, trainings: Sequence[Training]) -> tuple[Cell | Value, ...]:
    def median(value: Callable[[Training], float]) -> float:
        return float(statistics.median(value(training) for training in trainings))

    known = [t.frozen_unchanged for t in trainings if t.frozen_unchanged is not None]
    frozen = Cell(f"{count(sum(known))} of {count(len(trainings))}")
    if all(t.parameters_adapted == t.parameters_total for t in trainings):
        frozen = Cell("none frozen", "muted")
    elif not all(known):
        frozen = Cell(frozen.value, "bad")
    steps = [t.environment_steps for t in trainings]
    return (
        name,
        len(trainings),
        steps[0] if len(set(steps)) == 1 else together(steps),
        median(lambda t: t.episodes),
        median(lambda t: t.wall_seconds),
        median(lambda t: t.collect_seconds),
        median(lambda t: t.learn_seconds),
        f"{number(trainings[0].parameters_adapted, 0)} of {number(trainings[0].parameters_total, 0)}",
        frozen,
    )


def _reason(verdict: Verdict) -> str:
    """Return the kind of a reason, without the numbers that differ from arm to arm."""
    if verdict.accepted:
        return "better, and no loss elsewhere"
    for kind in ("same policy", "too few episodes", "no improvement is shown"):
        if verdict.reason.startswith(kind):
            return kind
    if "a loss elsewhere is not ruled out" in verdict.reason:
        return "better, but a loss elsewhere is not ruled out"
    return verdict.reason.split(":")[0]

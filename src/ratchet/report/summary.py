"""The first thing a reader sees: the question, the answer in a few sentences, and the pawl's word.

Invariants: the answer turns on intervals and names the scope and budget that it speaks of; one
fine-tuning is summed up by its modes, a recipe by the mean gain over the modes trained on.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from ratchet.report.document import Block, Bullets, Callout, CalloutKind, Cell, Column, Table
from ratchet.report.gaps import gaps, kept_starts
from ratchet.report.tables import count, interval, seconds
from ratchet.report.wording import (
    READINGS,
    base_name,
    budget_name,
    doing,
    modes_name,
    plural,
    read,
    scope_name,
    signed,
    together,
    toned,
    verdict_counts,
)

if TYPE_CHECKING:
    from ratchet.evaluation.statistics import Interval
    from ratchet.report.arms import Evidence, Group
    from ratchet.report.effects import Effects


def headline(evidence: Evidence) -> tuple[Group, ...]:
    """Return the groups that the summary speaks of: the recipe's `headline`, or the largest budget.

    In a run that was interrupted, a smaller budget with more modes comes before.
    """
    tuned = [group for group in evidence.groups if group.key.kind == "finetune"]
    if not tuned:
        return ()
    scopes = [scope for scope in evidence.scopes if any(g.key.scope == scope for g in tuned)]
    stated = evidence.recipe.get("headline")
    wanted = stated if isinstance(stated, dict) else {}
    scope = wanted.get("scope") if wanted.get("scope") in scopes else scopes[0]
    budgets = sorted({g.key.budget for g in tuned if g.key.scope == scope})
    by_budget = [evidence.select(kind="finetune", scope=str(scope), budget=b) for b in budgets]
    if wanted.get("budget") in budgets:
        return by_budget[budgets.index(wanted["budget"])]
    most = max(len(groups) for groups in by_budget)
    return next(groups for groups in reversed(by_budget) if len(groups) == most)


def summary(evidence: Evidence, effects: Effects) -> list[Block]:
    """Return the summary: the answer, what is missing, and the table that a terminal shows too."""
    groups = headline(evidence)
    question = _question(evidence, groups)
    if not groups:
        waiting = f"**{question}** No fine-tuning has been evaluated yet; nothing can be said."
        return [Callout("warning", waiting), *gaps(evidence)]
    kind, answer = _answer(evidence, effects, groups)
    accepted, judged = verdict_counts(evidence, groups)
    if kind == "good" and judged == 1 and not accepted:
        kind = "warning"  # better where it was trained, and still not let through
    points = tuple(
        point
        for point in (
            _cost(evidence, groups),
            _forgetting(effects, groups),
            _adaptation(effects, groups),
            _verdicts(evidence, groups),
        )
        if point
    )
    return [
        Callout(kind, f"**{question}** {answer}"),
        Bullets(points),
        *gaps(evidence),
        headline_table(evidence, effects, groups),
    ]


def headline_table(evidence: Evidence, effects: Effects, groups: tuple[Group, ...]) -> Table:
    """Return mode, before, after, difference and verdict of the headline groups."""
    columns = (
        Column("mode", "Mode"),
        Column("before", "Before", "number"),
        Column("after", "After", "number"),
        Column("difference", "Difference", "signed"),
        Column("verdict", "Accepted" if len(groups) > 1 else "Verdict"),
    )
    rows: list[tuple[Cell | str | Interval, ...]] = []
    for group in groups:
        row = effects.rows[group.key]
        single = group.key.mode not in row.cells or evidence.run.kind != "recipe"
        for mode in evidence.modes if single else (group.key.target,):
            cell = row.cells[mode]
            own = mode == group.key.target or group.key.target not in row.cells
            marked = (
                f"{mode} (trained on)"
                if single and own and group.key.mode and len(evidence.modes) > 1
                else mode
            )
            verdict = _verdict_text(evidence, group) if own else ""
            rows.append(
                (marked, cell.before, cell.after, toned(cell.difference, strong=own), verdict)
            )
    caption = "Mean return with 95% interval, and the difference paired by evaluation seed"
    if groups:
        key = groups[0].key
        caption += f"; {scope_name(key.scope)}, {budget_name(key)}"
    return Table("summary", columns, tuple(rows), caption)


def _question(evidence: Evidence, groups: tuple[Group, ...]) -> str:
    task = evidence.run.task or "the task"
    name = base_name(evidence).replace("`", "")  # bold text holds no code
    one = groups[0].key if len(groups) == 1 and evidence.run.kind != "recipe" else None
    where = "one mode" if one is None else one.target if one.mode is None else f"mode {one.mode}"
    return f"Does {doing(evidence)} {name} on {where} of {task} make it better there?"


def _answer(
    evidence: Evidence, effects: Effects, groups: tuple[Group, ...]
) -> tuple[CalloutKind, str]:
    """Say whether it got better on what it was trained on."""
    key = groups[0].key
    if all(arm.same_policy for group in groups for arm in group.arms):
        kept = kept_starts(groups)
        why = f"the guard kept the start ({kept[0]}), and " if kept else ""
        return "warning", (
            f"No: {why}the result is the **same policy** as before, after {budget_name(key)} with "
            f"{scope_name(key.scope)}; all {count(evidence.episodes)} episodes a mode are its own."
        )
    average = effects.averages.get((key.scope, key.budget))
    if average is None:
        return _by_mode(evidence, effects, groups)
    runs = plural(min(len(group.arms) for group in groups), "fine-tuning seed")
    text = (
        f"{_word(average)}: with {scope_name(key.scope)} and {budget_name(key)} the mean return on the "
        f"mode trained on changes by {signed(average)}, averaged over {modes_name(evidence.modes)} "
        f"({runs}, {count(evidence.episodes)} episodes a mode)"
    )
    others = [
        f"{signed(value)} with {count(budget)}"
        for (scope, budget), value in effects.averages.items()
        if scope == key.scope and budget != key.budget
    ]
    unshown = [
        group.key.target
        for group in groups
        if group.key.target in effects.rows[group.key].cells
        and not effects.rows[group.key].cells[group.key.target].difference.low > 0.0
    ]
    kind = _kind(average)
    if kind == "good" and unshown:
        kind, text = "warning", f"{text}; it is not shown on {modes_name(unshown)} by itself"
    return kind, text + (f"; by {' and '.join(others)}." if others else ".")


def _by_mode(
    evidence: Evidence, effects: Effects, groups: tuple[Group, ...]
) -> tuple[CalloutKind, str]:
    parts, gains = [], []
    for group in groups:
        row = effects.rows[group.key]
        cell = row.cells.get(group.key.target)
        gain = row.overall if cell is None else cell.difference
        gains.append(gain)
        if cell is None:
            parts.append(f"the mean return over all modes changes by {signed(gain)}")
        else:
            parts.append(
                f"on mode {group.key.target} the mean return goes from {interval(cell.before)} to "
                f"{interval(cell.after)}, a paired difference of {signed(gain)}"
            )
    worst = min(gains, key=lambda gain: gain.low)
    lead = _word(worst)
    if len(gains) > 1 and worst.low <= 0.0 and any(gain.low > 0.0 for gain in gains):
        lead = f"On {sum(gain.low > 0.0 for gain in gains)} of {plural(len(gains), 'mode')}"
    key = groups[0].key
    runs = min(len(group.arms) for group in groups)
    over = f"{plural(runs, 'fine-tuning seed')}, " if runs > 1 else ""
    return _kind(worst), (
        f"{lead}: with {scope_name(key.scope)} and {budget_name(key)}, {'; '.join(parts)} "
        f"({over}{count(evidence.episodes)} episodes a mode)."
    )


def _word(gain: Interval) -> str:
    return "Yes" if gain.low > 0.0 else "No, it got worse" if gain.high < 0.0 else "Not shown"


def _kind(gain: Interval) -> CalloutKind:
    return "good" if gain.low > 0.0 else "bad" if gain.high < 0.0 else "warning"


def _cost(evidence: Evidence, groups: tuple[Group, ...]) -> str:
    trainings = [arm.training for group in groups for arm in group.arms]
    wall = statistics.median(t.wall_seconds for t in trainings)
    total = sum(t.environment_steps for t in evidence.trainings)
    steps = "step" if all(t.environment_steps == 1 for t in trainings) else "steps"
    text = (
        f"**Cost:** one {doing(evidence)} executed {together([t.environment_steps for t in trainings])} "
        f"environment {steps} in {seconds(wall)}{' (median)' if len(trainings) > 1 else ''} and adapted "
        f"{together([t.parameters_adapted for t in trainings])} of "
        f"{together([t.parameters_total for t in trainings])} parameters"
    )
    arms = len(evidence.trainings)
    return text + (f"; all {arms} arms together {count(total)} steps." if arms > 1 else ".")


def _forgetting(effects: Effects, groups: tuple[Group, ...]) -> str:
    rows = [effects.rows[group.key] for group in groups]
    known = [(row.target, row.forgetting) for row in rows if row.forgetting is not None]
    if not known:
        return ""
    listing = ", ".join(
        f"{signed(change)}" + (f" after mode {target}" if len(known) > 1 else "")
        for target, change in known
    )
    forgot = [target for target, change in known if change.high < 0.0]
    gained = [target for target, change in known if change.low > 0.0]
    if forgot:
        lead = (
            "it forgot" if len(known) == 1 else f"it forgot after training on {modes_name(forgot)}"
        )
    elif len(gained) == len(known):
        lead = "none; the other modes gained as well"
    else:
        lead = "none is shown"
    return f"**Forgetting:** {lead}. Mean change on the modes not trained on: {listing}."


def _adaptation(effects: Effects, groups: tuple[Group, ...]) -> str:
    """Say whether the gain is adaptation, by specific gain and control arm."""
    readings = {group.key: read(effects, group.key) for group in groups}
    if set(readings.values()) == {"one mode"}:
        return ""
    if len(groups) == 1:
        key = groups[0].key
        row, against = effects.rows[key], effects.controls.get(key)
        figures = []
        if row.specific_gain is not None:
            figures.append(f"specific gain {signed(row.specific_gain)}")
        if against is not None:
            figures.append(f"{signed(against.difference)} against mixed modes")
        tail = f" ({'; '.join(figures)})" if figures else ""
        return f"**Adaptation or more training:** {READINGS[readings[key]]}{tail}."
    yes = [key.target for key, reading in readings.items() if reading == "adaptation"]
    no = [key.target for key, reading in readings.items() if reading == "more training"]
    rest = [key.target for key in readings if key.target not in (*yes, *no)]
    parts = []
    if yes:
        parts.append(f"adaptation on {modes_name(yes)}")
    if no:
        parts.append(f"more training, as far as this shows, on {modes_name(no)}")
    if rest:
        parts.append(f"no gain to explain on {modes_name(rest)}")
    text = f"**Adaptation or more training:** {'; '.join(parts)}."
    tests = []
    specific = [row for row in (effects.rows[key].specific_gain for key in readings) if row]
    if specific:
        above = sum(value.low > 0.0 for value in specific)
        tests.append(f"the specific gain is above zero on {above} of {len(specific)} modes")
    against_all = [effects.controls[key].difference for key in readings if key in effects.controls]
    if against_all:
        above = sum(value.low > 0.0 for value in against_all)
        tests.append(
            f"training on the mode beats the same budget on mixed modes on {above} of "
            f"{len(against_all)}"
        )
    if tests:
        sentence = " and ".join(tests)
        text += f" {sentence[0].upper()}{sentence[1:]}."
    return text


def _verdicts(evidence: Evidence, groups: tuple[Group, ...]) -> str:
    trainings = [arm.training for group in groups for arm in group.arms]
    if len(trainings) == 1:
        verdict = evidence.verdicts.get(trainings[0].id)
        if verdict is None:
            return "**Verdict:** none yet."
        word = "accepted" if verdict.accepted else "rejected"
        return f"**Verdict:** {word}: {verdict.reason}."
    accepted, judged = verdict_counts(evidence, groups)
    tuned = [group for group in evidence.groups if group.key.kind == "finetune"]
    of_all, in_all = verdict_counts(evidence, tuned)
    text = f"**Verdicts:** the pawl accepted {accepted} of these {judged} results"
    return text + (
        f", and {of_all} of {in_all} over all budgets and scopes." if in_all > judged else "."
    )


def _verdict_text(evidence: Evidence, group: Group) -> str:
    accepted, judged = verdict_counts(evidence, (group,))
    if not judged:
        return "none yet"
    if judged == 1:
        return "accepted" if accepted else "rejected"
    return f"{accepted} of {judged}"

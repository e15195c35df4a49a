"""What fine-tuning on one mode did to the others, and whether the mode was needed for it.

Invariants: matrices have targets as rows and evaluated modes as columns; *forgetting* and *specific
gain* are those of `ratchet.evaluation.forgetting`; the control arm had the same budget, scope and seed,
and modes mixed at random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.arms import ALL_MODES
from ratchet.report.document import Block, Bullets, Cell, Column, Figure, Heading, Table, Text
from ratchet.report.plots import forest, heat_map
from ratchet.report.tables import Value, count
from ratchet.report.wording import (
    budget_name,
    modes_name,
    plural,
    read,
    scope_name,
    scope_slug,
    signed,
    toned,
)

if TYPE_CHECKING:
    from ratchet.report.arms import Evidence, Group
    from ratchet.report.effects import Effects

_MATRIX = (
    Column("target", "Fine-tuned on"),
    Column("mode", "Evaluated on"),
    Column("before", "Before", "number"),
    Column("after", "After", "number"),
    Column("difference", "Difference", "signed"),
)
_SUMMARY = (
    Column("target", "Fine-tuned on"),
    Column("forgetting", "Forgetting", "signed"),
    Column("specific_gain", "Specific gain", "signed"),
    Column("finding", "In words"),
)
_CONTROL = (
    Column("mode", "Mode"),
    Column("scope", "Scope"),
    Column("budget", "Budget", "count"),
    Column("tuned", "Trained on the mode", "number"),
    Column("control", "Trained on mixed modes", "number"),
    Column("difference", "Difference", "signed"),
    Column("reading", "Reading"),
)


def forgetting(evidence: Evidence, effects: Effects) -> list[Block]:
    """Return the section of forgetting matrices, one for each scope and budget."""
    blocks: list[Block] = [Heading("Forgetting")]
    if len(evidence.modes) < 2:
        return [*blocks, Text("The task has one mode; there is no other to forget.")]
    blocks.append(
        Text(
            "**Forgetting** is the mean change on the modes that were not trained on; below zero, "
            "something was lost. **Specific gain** is the change on the mode trained on beyond that: "
            "a fine-tuning that helps all modes alike was more training, not adaptation."
        )
    )
    for scope in evidence.scopes:
        for budget in evidence.budgets(scope):
            groups = [
                *evidence.select(kind="finetune", scope=scope, budget=budget),
                *evidence.select(kind="control", scope=scope, budget=budget),
            ]
            if groups:
                blocks += _matrix(evidence, effects, groups)
    return blocks


def control(evidence: Evidence, effects: Effects) -> list[Block]:
    """Return the section on the control arm, or nothing where the run has none."""
    rows: list[tuple[Cell | Value, ...]] = []
    labels, differences, sentences = [], [], []
    for group in evidence.groups:
        against = effects.controls.get(group.key)
        if against is None:
            continue
        key = group.key
        rows.append(
            (
                key.target,
                f"`{key.scope}`",
                key.budget,
                against.tuned,
                against.control,
                toned(against.difference, strong=True),
                read(effects, key),
            )
        )
        labels.append(f"mode {key.target}, {key.scope}, {count(key.budget)}")
        differences.append(against.difference)
    if not rows:
        return []
    for scope in evidence.scopes:
        for budget in evidence.budgets(scope):
            groups = evidence.select(kind="finetune", scope=scope, budget=budget)
            sentence = _compared(effects, groups)
            if sentence:
                sentences.append(sentence)
    note = (
        "The control arm had the same start, budget, scope and seeds, and modes mixed at random. What "
        "it gains too is more training; only what is gained beyond it needed the mode. A gain is read "
        "as adaptation where both the specific gain and the difference from the control arm are above "
        "zero."
    )
    return [
        Heading("Adaptation or more training: the control arm"),
        Text(note),
        Bullets(tuple(sentences)),
        Figure(
            "control",
            forest(labels, differences),
            "Trained on the mode less trained on mixed modes, evaluated on the mode, with 95% intervals.",
            "Dots with intervals around zero: difference of mean return between training on the mode "
            "and on mixed modes.",
        ),
        Table("control", _CONTROL, tuple(rows), "On the mode, mean return with 95% interval"),
    ]


def _compared(effects: Effects, groups: tuple[Group, ...]) -> str:
    """Say in one sentence what the mode's own arm did beyond the control arm."""
    known = [
        (group.key, effects.controls[group.key])
        for group in groups
        if group.key in effects.controls
    ]
    if not known:
        return ""
    key = known[0][0]
    ahead = [k.target for k, against in known if against.difference.low > 0.0]
    behind = [k.target for k, against in known if against.difference.high < 0.0]
    level = [k.target for k, _ in known if k.target not in (*ahead, *behind)]
    parts = []
    if ahead:
        parts.append(f"training on the mode is ahead of mixed modes on {modes_name(ahead)}")
    if behind:
        parts.append(f"mixed modes are ahead on {modes_name(behind)}")
    if level:
        parts.append(f"no difference is shown on {modes_name(level)}")
    adapted = [k.target for k, _ in known if read(effects, k) == "adaptation"]
    trained = [k.target for k, _ in known if read(effects, k) == "more training"]
    meaning = []
    if adapted:
        meaning.append(f"adaptation on {modes_name(adapted)}")
    if trained:
        meaning.append(f"more training, as far as this shows, on {modes_name(trained)}")
    if meaning:
        parts.append(f"that is {' and '.join(meaning)}")
    name = f"{scope_name(key.scope)}, {budget_name(key)}".replace("`", "")
    return f"**{name[0].upper()}{name[1:]}:** {'; '.join(parts)}."


def _matrix(evidence: Evidence, effects: Effects, groups: list[Group]) -> list[Block]:
    key = groups[0].key
    name = f"{scope_name(key.scope)}, {budget_name(key)}"
    stem = f"{scope_slug(evidence, key.scope)}-{key.budget}"
    rows = [(group, effects.rows[group.key]) for group in groups]
    values = [[row.cells[mode].difference for mode in evidence.modes] for _, row in rows]
    matrix = tuple(
        (
            _target(group),
            mode,
            row.cells[mode].before,
            row.cells[mode].after,
            toned(row.cells[mode].difference, strong=mode == group.key.target),
        )
        for group, row in rows
        for mode in evidence.modes
    )
    summary = tuple(
        (_target(group), toned(row.forgetting), toned(row.specific_gain), _finding(row.sentence))
        for group, row in rows
        if row.forgetting is not None
    )
    blocks: list[Block] = [
        Heading(f"{name[0].upper()}{name[1:]}", 3),
        Figure(
            f"forgetting-{stem}",
            heat_map(values, [_target(group) for group, _ in rows], list(evidence.modes)),
            f"Change of the mean return with 95% interval: {name}.",
            f"A matrix of changes: rows are what was trained on, columns where it was evaluated; {name}.",
        ),
    ]
    if summary:
        blocks.append(
            Table(f"specific-{stem}", _SUMMARY, summary, f"Forgetting and specific gain: {name}")
        )
    for group, row in rows:
        if group.key.target == ALL_MODES:
            blocks.append(
                Text(
                    f"On mixed modes ({plural(row.runs, 'run')}) all modes change by "
                    f"{signed(row.overall)}."
                )
            )
    caption = f"Mean return before and after on every mode, with 95% intervals: {name}"
    blocks.append(Table(f"matrix-{stem}", _MATRIX, matrix, caption))
    return blocks


def _target(group: Group) -> str:
    return group.key.target if group.key.mode is None else f"mode {group.key.mode}"


def _finding(sentence: str) -> str:
    """Return a finding without its figures, which stand in the columns beside it."""
    head, _, _ = sentence.partition(": mode ")
    return head

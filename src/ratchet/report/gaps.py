"""What is missing from a run, and what must never be: said at the top, not left to be noticed.

Invariants: a run with nothing missing says nothing; a budget that was not spent exactly, a frozen
parameter that moved, or a start that a guard kept, is always said.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from ratchet.report.document import Block, Callout
from ratchet.report.tables import count
from ratchet.report.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.report.arms import Evidence, Group


def kept_starts(groups: Sequence[Group]) -> list[str]:
    """Return the guard's reason for each arm whose adapted policy it did not take."""
    guards = [arm.training.safety.get("guard") for group in groups for arm in group.arms]
    return [str(g.get("reason", "")) for g in guards if g and g.get("adopted") is False]


def gaps(evidence: Evidence) -> list[Block]:
    """Say what is missing, and what must not be."""
    blocks: list[Block] = []
    here, asked = sum(len(group.arms) for group in evidence.groups), evidence.expected
    expected = max(asked or 0, len(evidence.trainings))
    if here < expected or evidence.left_out or evidence.run.status != "finished":
        text = f"The run is {evidence.run.status}; "
        text += f"**{here} of {plural(expected, 'arm')}** can be compared, and the numbers speak of these."
        for name, reason in evidence.left_out[:3]:
            text += f" `{name.replace('`', '')}`: {reason}."
        if len(evidence.left_out) > 3:
            text += f" {count(len(evidence.left_out) - 3)} more are listed with every arm."
        # A report is written while its run still runs: with nothing missing that is no news.
        if not (here == expected and not evidence.left_out and evidence.run.status == "running"):
            blocks.append(Callout("warning", text))
    over = [
        t
        for t in evidence.trainings
        if t.status == "finished"
        and t.budget_unit in {"steps", "environment_steps"}
        and t.environment_steps != t.budget
    ]
    if over:
        first = over[0]
        blocks.append(
            Callout(
                "bad",
                f"{plural(len(over), 'arm')} did not spend its budget exactly: `{first.name}` executed "
                f"{count(first.environment_steps)} of {plural(first.budget, 'environment step')}.",
            )
        )
    kept = kept_starts(evidence.groups)
    if kept and here > len(kept):  # if all were kept, the answer says so
        blocks.append(
            Callout(
                "warning",
                f"The guard kept the start in {count(len(kept))} of {plural(here, 'arm')}, which "
                f"changed nothing. Most frequent reason: {statistics.mode(kept)}.",
            )
        )
    moved = [t for t in evidence.trainings if t.frozen_unchanged is False]
    if moved:
        blocks.append(
            Callout(
                "bad", f"Frozen parameters moved in {plural(len(moved), 'arm')}: `{moved[0].name}`."
            )
        )
    return blocks

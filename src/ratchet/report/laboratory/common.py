"""What the reports of all studies share: title, gaps, method, guard and cost.

Invariants: a sentence follows from the ledger's numbers alone; what an interval does not show is called
not distinguishable from zero, never absent; episodes and steps are those really executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Callout, Cell, Heading, Text
from ratchet.report.laboratory.reading import listed, named_records
from ratchet.report.tables import count
from ratchet.report.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.report.laboratory.effects import Group
    from ratchet.report.laboratory.evidence import StudyEvidence
    from ratchet.report.tables import IntervalLike


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


def group_labels(evidence: StudyEvidence, groups: Sequence[Group]) -> list[str]:
    """Return base, arm and budget of each in a short phrase, without what all of them share.

    The base is named unless the whole study has only one.
    """
    several = len({key.base for key in evidence.adaptations}) > 1
    budgets = len({group.budget for group in groups}) > 1
    found = []
    for group in groups:
        parts = [group.base] if several else []
        if len(evidence.arms) > 1 or not several:
            parts.append(arm_label(evidence, group.arm))
        if budgets:
            parts.append(plural(group.budget, "episode"))
        found.append(" · ".join(parts))
    return found


def group_label(evidence: StudyEvidence, group: Group) -> str:
    """Return base and arm of one group, as `group_labels`; its budget goes without saying."""
    return group_labels(evidence, [group])[0]


def unchanged(change: IntervalLike) -> bool:
    """Return whether every difference behind an interval is zero: no other one has no width there."""
    return change.estimate == change.low == change.high == 0.0


def verdict(change: IntervalLike | None) -> Cell:
    """Return what a change's interval shows, in words, as a cell."""
    if change is None:
        return Cell("not measured", "muted")
    if unchanged(change):
        return Cell("unchanged", "muted")
    if change.low > 0.0:
        return Cell("better", "good")
    if change.high < 0.0:
        return Cell("worse", "bad")
    return Cell("not shown", "muted")


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
        f"{kind} actions."
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


def _missing(evidence: StudyEvidence) -> int:
    """Return how many adaptations are missing among the bases and arms that were begun."""
    here = evidence
    begun = {(key.base, key.arm) for key in here.adaptations}
    own = {
        arm["name"]: len(listed(arm.get("budgets")))
        for arm in named_records(here.recipe.get("arms"))
    }
    budgets = sum(own.get(arm) or len(here.budgets) for _, arm in begun)
    each = len(here.training_seeds) * len(here.adaptation_seeds) * len(here.adapt_modes)
    return max(0, budgets * each - len(here.adaptations))

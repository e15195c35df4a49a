"""How a fine-tuning report says things: names of groups, and sentences that numbers decide.

Invariants: a sentence follows from intervals alone; what an interval does not show is called not
shown, never absent; every number in it is written by `ratchet.report.tables`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from ratchet.evaluation.statistics import Interval
from ratchet.report.document import Cell, Tone
from ratchet.report.tables import count, interval, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.report.arms import Evidence, Group, Key
    from ratchet.report.effects import Effects

Reading = Literal["adaptation", "more training", "no gain shown", "loss", "one mode"]

READINGS: dict[Reading, str] = {
    "adaptation": "adaptation: the gain belongs to the mode trained on",
    "more training": "more training, as far as this shows: it did not need the mode",
    "no gain shown": "no gain is shown on the mode trained on",
    "loss": "a loss on the mode trained on",
    "one mode": "a gain; with nothing to compare it with, adaptation and more training look alike",
}


def read(effects: Effects, key: Key) -> Reading:
    """Return what a group's gain is, by its specific gain and its control arm where it has them."""
    row, against = effects.rows[key], effects.controls.get(key)
    gain = row.cells[key.target].difference if key.target in row.cells else row.overall
    if gain.high < 0.0:
        return "loss"
    if not gain.low > 0.0:
        return "no gain shown"
    tests = [row.specific_gain, None if against is None else against.difference]
    known = [test for test in tests if test is not None]
    if not known:
        return "one mode"
    return "adaptation" if all(test.low > 0.0 for test in known) else "more training"


def scope_name(scope: str) -> str:
    """Return a scope as prose and headings name it."""
    return "all parameters" if scope == "full" else f"scope `{scope}`"


def unit_name(unit: str, amount: int = 0) -> str:
    """Return what a budget counts, for that many of them."""
    name = "environment steps" if unit in {"steps", "environment_steps"} else unit
    return name.removesuffix("s") if amount == 1 else name


def budget_name(key: Key) -> str:
    """Return a budget with its unit."""
    return f"{count(key.budget)} {unit_name(key.unit, key.budget)}"


def group_name(key: Key) -> str:
    """Return a group in one short phrase, for rows of tables."""
    where = key.target if key.mode is None else f"mode {key.mode}"
    return f"{where} · `{key.scope}` · {count(key.budget)}"


_HOME_MADE = ("new", "training")
"""Sources of policies that no file came from."""


def base_name(evidence: Evidence) -> str:
    """Return the base policy as a person knows it: its file, or what it is in the run."""
    if evidence.run.kind == "train":
        return "a new policy"
    source = None if evidence.base is None else evidence.base.source
    if source in _HOME_MADE or not source:
        return "the base policy"
    return f"`{source.replace('`', '')}`"


def doing(evidence: Evidence) -> str:
    """Return what the run does to its base policy, as a verb."""
    return "training" if evidence.run.kind == "train" else "fine-tuning"


def signed(value: Interval) -> str:
    """Return a difference with its interval."""
    return interval(value, "signed")


def tone(value: Interval) -> Tone:
    """Return good or bad where an interval excludes zero."""
    return "good" if value.low > 0.0 else "bad" if value.high < 0.0 else "plain"


def toned(value: Interval | None, *, strong: bool = False) -> Cell:
    """Return a difference as a cell that shows on which side of zero it lies."""
    return Cell(None) if value is None else Cell(value, tone(value), strong=strong)


def scope_slug(evidence: Evidence, scope: str) -> str:
    """Return a scope as a part of names of tables and figures, another one for every scope."""
    slugs = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in evidence.scopes]
    place = evidence.scopes.index(scope)
    plain = slugs[place] and slugs.count(slugs[place]) == 1
    return slugs[place] if plain else f"scope-{place}"


def together(values: Sequence[float], digits: int = 0) -> str:
    """Return one number where all are equal, otherwise the range."""
    if not values:
        return number(None)
    low, high = number(min(values), digits), number(max(values), digits)
    return low if low == high else f"{low} to {high}"


def plural(amount: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count(amount)} {noun}{'' if amount == 1 else 's'}"


def modes_name(modes: Sequence[str]) -> str:
    """Return ``mode 0``, or ``modes 0, 1 and 2``."""
    if len(modes) == 1:
        return f"mode {modes[0]}"
    return f"modes {', '.join(modes[:-1])} and {modes[-1]}"


def verdict_counts(evidence: Evidence, groups: Sequence[Group]) -> tuple[int, int]:
    """Return how many arms the pawl accepted, and how many it judged."""
    found = [evidence.verdicts.get(arm.training.id) for group in groups for arm in group.arms]
    judged = [verdict for verdict in found if verdict is not None]
    return sum(verdict.accepted for verdict in judged), len(judged)

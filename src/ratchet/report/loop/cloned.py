"""How well a clone acts as its teacher, in games that it did not learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratchet.evaluation.statistics import wilson
from ratchet.report.document import Block, Cell, Column, Heading, KeyValues, Table, Text
from ratchet.report.tables import Value, count, number, percent, seconds, significant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ratchet.evaluation.statistics import Interval
    from ratchet.report.loop.evidence import LoopEvidence

_COLUMNS = (
    Column("decisions_of", "Decisions"),
    Column("decisions", "Held back", "count"),
    Column("agreed", "Agreed", "count"),
    Column("accuracy", "Accuracy", "percent"),
)


def cloning(evidence: LoopEvidence) -> list[Block]:
    """Return the section, or nothing without a finished cloning."""
    said = evidence.cloned
    if not said or evidence.cloning is None:
        return []
    epochs = said["epochs"]
    config = evidence.cloning.config
    items: list[tuple[str, Value]] = [
        ("teacher", str(said["teacher"])),
        ("games of the teacher", count(said["episodes"])),
        ("samples (decisions)", count(said["decisions"])),
        ("games held back to measure", percent(config.get("validation_share"))),
        ("epochs of the policy", _epochs(epochs, "policy")),
        ("epochs of the critic", _epochs(epochs, "critic")),
        ("validation cross-entropy", f"{number(said['cross_entropy'], 4)} nats"),
        ("explained variance of the critic", number(said["explained_variance"], 3)),
        ("learning rate", significant(config.get("learning_rate"))),
        ("batch", f"{count(config.get('batch_size'))} decisions"),
        ("label smoothing", significant(config.get("label_smoothing"))),
        ("weight decay", significant(config.get("weight_decay"))),
        ("wall time, the teacher's games included", seconds(evidence.cloning.wall_seconds)),
    ]
    rows: list[tuple[Cell | Value, ...]] = [
        _row("all", said["accuracy"], strong=True),
        _row("with more than one legal action", said["accuracy_of_choices"]),
        *(_row(f"action: {name}", rate) for name, rate in said["by_kind"].items()),
        *(_row(f"screen: {name}", rate) for name, rate in said["by_situation"].items()),
    ]
    note = (
        "A decision agrees if the clone's likeliest legal action is the teacher's, in whole games that "
        "neither part learned from. Actions are sorted by the kind of the teacher's. The critic "
        "learns the teacher's discounted returns, so that PPO starts with one."
    )
    caption = (
        "Agreement with the teacher, with Wilson's 95% interval as if decisions were independent"
    )
    return [
        Heading("Cloning"),
        Text(note),
        KeyValues(tuple(items), "cloning"),
        Table("cloning-accuracy", _COLUMNS, tuple(rows), caption),
    ]


def accuracy(rate: Mapping[str, int]) -> Interval | None:
    """Return a share of agreement with its interval; None of no decisions."""
    return wilson(rate["agreed"], rate["decisions"]) if rate["decisions"] else None


def _row(name: str, rate: Mapping[str, int], *, strong: bool = False) -> tuple[Cell | Value, ...]:
    found = Cell(accuracy(rate), strong=strong)
    return (name, rate["decisions"], rate["agreed"], found)


def _epochs(epochs: Sequence[Mapping[str, Any]], part: str) -> str:
    """Return how many passes a part took, and which was kept."""
    numbers = [epoch["number"] for epoch in epochs if epoch["part"] == part]
    kept = [epoch["number"] for epoch in epochs if epoch["part"] == part and epoch["best"]]
    if not numbers:
        return "none"
    return count(max(numbers)) + (f"; number {count(kept[-1])} was kept" if kept else "")

"""Where a fleet's episodes went, what its workers did, and where the trainer's time went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ratchet.report.document import Block, Callout, Cell, Column, Heading, Table, Text
from ratchet.report.tables import Value, count, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchet.report.loop.evidence import LoopEvidence

_STATES = (
    ("consumed", "learned from"),
    ("stale", "refused, too many versions old"),
    ("corrupt", "refused, damaged on the disk"),
    ("foreign", "refused, of another run, task or version"),
    ("waiting", "in the queue when the fleet ended"),
    ("claimed", "claimed by an update that was not made"),
    ("missing", "taken away by somebody"),
)
_SPOOL = (
    Column("state", "Episodes"),
    Column("episodes", "Number", "count"),
    Column("share", "Share", "percent"),
)
_TIME = (
    Column("part", "The trainer's time"),
    Column("seconds", "Seconds", "seconds"),
    Column("share", "Share", "percent"),
)
_WORKERS = (
    Column("worker", "Worker"),
    Column("episodes", "Episodes", "count"),
    Column("steps", "Steps", "count"),
    Column("lag_mean", "Versions while an episode was played", "number", 2),
    Column("lag_most", "At most", "count"),
    Column("restarts", "Restarts", "count"),
    Column("crashes", "Crashes by cause"),
    Column("discarded", "Episodes cut", "count"),
    Column("waiting", "Waited for room", "percent", 0),
)


def spool(evidence: LoopEvidence) -> list[Block]:
    """Return the section on episodes and workers, or nothing without a fleet."""
    if evidence.fleet is None:
        return []
    blocks: list[Block] = [Heading("Spool")]
    counts = evidence.books.get("spool")
    if counts is None:
        text = (
            f"The fleet did not end by itself, so its spool was not counted; its trainer learned from "
            f"{count(evidence.fleet.episodes)} episodes."
        )
        return [*blocks, Text(text)]
    collected = counts["collected"]
    rows = tuple(
        (Cell(f"{name}: {meaning}"), counts[name], counts[name] / collected if collected else None)
        for name, meaning in _STATES
        if name != "missing" or counts[name]
    )
    total = sum(counts[name] for name, _ in _STATES)
    blocks.append(_accounting(total, collected, evidence.fleet.episodes, counts["consumed"]))
    caption = f"{count(collected)} episodes collected"
    blocks.append(Table("spool", _SPOOL, rows, caption))
    workers = evidence.books.get("workers") or []
    if workers:
        blocks.append(Table("workers", _WORKERS, tuple(map(_worker, workers)), "Workers"))
    return blocks


def _accounting(total: int, collected: int, learned: int, consumed: int) -> Callout:
    if total == collected and learned == consumed:
        return Callout(
            "good",
            f"**The books add up.** {count(collected)} collected is the sum of what became of them, and "
            f"the ledger's {count(learned)} episodes learned from are the spool's consumed.",
        )
    return Callout(
        "bad",
        f"**The books do not add up.** {count(collected)} collected, {count(total)} accounted for; "
        f"{count(learned)} learned from, {count(consumed)} consumed.",
    )


def _worker(worker: Mapping[str, Any]) -> tuple[Cell | Value, ...]:
    crashes = ", ".join(f"{cause} {times}" for cause, times in worker["crashes"].items())
    seconds = worker["seconds"]
    spent = sum(seconds.values())
    return (
        f"`{worker['name']}`",
        worker["episodes"],
        worker["steps"],
        worker["lag_mean"],
        worker["lag_most"],
        worker["restarts"],
        crashes or "none",
        worker["discarded"],
        seconds.get("waiting", 0.0) / spent if spent else None,
    )


def shares(evidence: LoopEvidence) -> dict[str, float]:
    """Return where the trainer's wall time went, in seconds by part; they sum to it."""
    fleet, updates = evidence.fleet, evidence.updates
    assert fleet is not None
    parts = {
        "waiting for episodes": float(np.sum(updates["wait_seconds"])),
        "reading them": float(np.sum(updates["read_seconds"])),
        "learning": float(np.sum(updates["learn_seconds"])),
        "the pawl's games": sum(row.wall_seconds for row in evidence.on("validation")),
    }
    if "spent" in evidence.books:
        parts["checkpoints and versions"] = float(evidence.books["spent"]["publishing"])
    rest = fleet.wall_seconds - sum(parts.values())
    return parts | {"the rest: starting, the ledger, the last episodes": max(rest, 0.0)}


def throughput(evidence: LoopEvidence) -> float | None:
    """Return how many transitions were learned from in a second of the fleet's wall time."""
    fleet = evidence.fleet
    if fleet is None or not fleet.wall_seconds:
        return None
    return fleet.environment_steps / fleet.wall_seconds


def time(evidence: LoopEvidence) -> list[Block]:
    """Return the section on where the time went, or nothing where nothing has been learned."""
    fleet = evidence.fleet
    if fleet is None or not len(evidence.tuned) or not fleet.wall_seconds:
        return []
    parts = shares(evidence)
    total = sum(parts.values())
    rows = tuple((name, spent, spent / total) for name, spent in parts.items())
    learning = parts["learning"]
    text = (
        f"From game to gradient: **{number(throughput(evidence), 0)} transitions learned from in a "
        "second** of the fleet's wall time, while its workers play beside it"
    )
    if learning:
        text += f"; {number(fleet.environment_steps / learning, 0)} in a second of learning"
    return [
        Heading("Where the time went"),
        Text(text + "."),
        Table("time", _TIME, rows),
    ]

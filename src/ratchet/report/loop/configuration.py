"""With what a fleet ran: the write-up's table, from the recipe and the ledger's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratchet.report.document import Block, Cell, Column, Heading, Table
from ratchet.report.tables import Format, Value, count, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchet.report.loop.evidence import LoopEvidence

_COLUMNS = (Column("field", "Field"), Column("value", "Value", align="right"))
_GIGABYTE = 1e9


def configuration(evidence: LoopEvidence) -> list[Block]:
    """Return the section, or nothing without a fleet."""
    if evidence.fleet is None:
        return []
    rows = tuple(
        (title, Cell(value, format=style, digits=4 if style == "significant" else None))
        for _, title, value, style in configured(evidence)
    )
    return [Heading("Run configuration"), Table("configuration", _COLUMNS, rows)]


def configured(evidence: LoopEvidence) -> list[tuple[str, str, Value, Format]]:
    """Return each field: its name, title, value, and how it is written."""
    fleet = evidence.fleet
    assert fleet is not None
    spool = evidence.books.get("spool") or {}
    workers = evidence.books.get("workers") or []
    said = evidence.of_fleet
    lag = {"reject": "refused", "decouple": "learned from, decoupled, up to the lag"}
    return [
        ("workers", "Rollout workers observed", _observed(workers), "count"),
        ("environments", "Games side by side, a worker", evidence.setting("environments"), "count"),
        ("games", "Completed rollout games", spool.get("collected"), "count"),
        ("updates", "PPO update rows", len(evidence.tuned), "count"),
        ("consumed", "Rollouts consumed by the trainer", fleet.episodes, "count"),
        ("transitions", "Transitions learned from", fleet.environment_steps, "count"),
        ("batch", "Batch size, games a PPO update", evidence.setting("batch"), "count"),
        ("batch_size", "Mini-batch, transitions", said("batch_size"), "count"),
        ("n_epochs", "PPO epochs", said("n_epochs"), "count"),
        ("learning_rate", "Initial learning rate", said("learning_rate"), "significant"),
        (
            "latest_learning_rate",
            "Latest learning rate, auto-tuned" if said("tuned") else "Latest learning rate",
            evidence.latest("learning_rate"),
            "significant",
        ),
        ("clip_range", "Clip range", said("clip_range"), "significant"),
        ("target_kl", "Target KL", said("target_kl"), "significant"),
        ("ent_coef", "Entropy coefficient, initial", said("ent_coef"), "significant"),
        (
            "latest_ent_coef",
            "Entropy coefficient, latest",
            evidence.latest("entropy_coefficient"),
            "significant",
        ),
        ("anchor", "Cloning anchor, initial", said("anchor") if _is_anchored(evidence) else 0, "significant"),
        (
            "latest_anchor",
            "Cloning anchor, latest",
            evidence.latest("anchor_coefficient"),
            "significant",
        ),
        ("max_lag", "Max rollout lag, versions", evidence.setting("max_lag"), "count"),
        ("lagged", "Rollouts that lag", lag.get(str(said("lagged"))), "text"),
        ("stale", "Stale rollouts", stale(evidence), "count"),
        ("budget", "Budget", _budget(evidence.books.get("budget") or {}), "text"),
        ("promote_every", "Games between two looks of the pawl", evidence.setting("promote_every"), "count"),
        ("machine", "Machine", machine(evidence.run.machine), "text"),
    ]  # fmt: skip


def _is_anchored(evidence: LoopEvidence) -> bool:
    """Return whether demonstrations hold the policy: a recipe says so, and a fleet by itself names them."""
    recipe = evidence.recipe
    return bool(recipe.get("anchored", recipe.get("demonstrations") is not None))


def stale(evidence: LoopEvidence) -> int:
    """Return how many episodes were refused for their age."""
    spool = evidence.books.get("spool") or {}
    known = spool.get("stale")
    return int(evidence.updates["stale"].sum() if known is None else known)


def machine(measured: Mapping[str, Any]) -> str:
    """Return a machine in a few words, as the ledger measured it."""
    memory = measured.get("memory_bytes")
    cores, usable = measured.get("cores"), measured.get("cores_usable")
    parts = [
        f"{measured.get('system')} {measured.get('architecture')}",
        str(measured.get("processor") or "processor not known"),
        f"{cores} cores" + (f", {usable} of them usable" if usable != cores else ""),
    ]
    if memory:
        parts.append(f"{count(memory / _GIGABYTE)} GB")
    return ", ".join(parts)


def _observed(workers: list[Mapping[str, Any]]) -> int | None:
    """Return how many workers have finished an episode; None if that is not known."""
    return sum(worker["episodes"] > 0 for worker in workers) or None


def _budget(budget: Mapping[str, Any]) -> str | None:
    parts = []
    if budget.get("episodes") is not None:
        parts.append(f"{count(budget['episodes'])} games")
    if budget.get("seconds") is not None:
        parts.append(seconds(budget["seconds"]))
    return " or ".join(parts) or None

"""What a ledger refuses before SQLite would, in words that name the row.

Invariant: the checks run inside the caller's transaction, so what they saw is what is written on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ratchet.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchet.ledger.connection import Store


def known_run(ledger: Store, run_id: str) -> None:
    """Refuse a run that is not in the ledger."""
    if ledger.row("SELECT 1 FROM runs WHERE id = ?", (run_id,)) is None:
        raise LedgerError(f"the ledger {ledger.path} has no run {run_id!r}; start it first")


def known_policy(ledger: Store, policy_id: str) -> None:
    """Refuse a policy that is not in the ledger."""
    if ledger.row("SELECT 1 FROM policies WHERE id = ?", (policy_id,)) is None:
        raise LedgerError(
            f"the ledger {ledger.path} has no policy {policy_id!r}; a policy is recorded before "
            "what refers to it"
        )


def existed(ledger: Store, changed: int, what: str) -> None:
    """Refuse to change a row that is not there."""
    if not changed:
        raise LedgerError(f"the ledger {ledger.path} has no {what}")


def unchanged(what: str, found: Any, stated: Mapping[str, Any]) -> None:
    """Refuse to continue something under other settings than it was begun with."""
    for column, value in stated.items():
        if found[column] != value:
            name, was, now = column, found[column], value
            if column.endswith("_json"):
                name, was, now = _first_difference(json.loads(was), json.loads(now))
            raise LedgerError(
                f"{what} was begun with {name} {was!r}, not {now!r}; "
                "resume it with the same settings or choose another name"
            )


def _first_difference(was: dict[str, Any], now: dict[str, Any]) -> tuple[str, Any, Any]:
    """Return the first key whose value is another one, with both; nested keys are joined by dots."""
    for key in sorted({*was, *now}):
        old, new = was.get(key), now.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            inner, old, new = _first_difference(old, new)
            return f"{key}.{inner}", old, new
        return key, old, new
    return "settings", was, now

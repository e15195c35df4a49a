"""What goes into a ledger's columns and comes out again.

Invariants: JSON columns are canonical (sorted keys, no spaces) and hold no NaN or infinity, which
are not JSON; a metric that is not a finite number is NULL in the file and NaN in Python.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any


def now() -> str:
    """Return the present moment in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """Return `value` made of JSON's own types; numbers that are not finite become None."""
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def encode(value: Any) -> str:
    """Return the canonical JSON text of `value`."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def real(value: Any) -> float | None:
    """Return a metric as SQLite shall hold it: a finite float, or None."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def whole(value: Any) -> int | None:
    """Return an integer (or boolean) as SQLite shall hold it; NumPy's would be stored as bytes."""
    return None if value is None else int(value)


def seed_hash(seeds: Iterable[int]) -> str:
    """Return the SHA-256 of a set of seeds; the order in which they are listed does not matter."""
    text = ",".join(str(seed) for seed in sorted(int(seed) for seed in seeds))
    return hashlib.sha256(text.encode()).hexdigest()

"""Lists, said in prose or taken in parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Item = TypeVar("Item")


def listing(items: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield the items in order, at most `size` at once."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def slugs(names: Sequence[str]) -> dict[str, str]:
    """Return each name as a part of names of tables and figures, another one for every name."""
    plain = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in names]
    if all(plain) and len(set(plain)) == len(names):
        return dict(zip(names, plain, strict=True))
    return {name: f"base-{place}" for place, name in enumerate(names)}

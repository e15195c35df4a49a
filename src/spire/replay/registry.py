"""Registry: the rules of the reference engine that are not the game's, as they are declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spire.replay.situation import Situation


@dataclass(frozen=True)
class Deviation:
    """A rule that is not the game's: its name, what it is, and the test that notices it."""

    name: str
    what: str
    holds: Callable[[Situation], bool]


DEVIATIONS: list[Deviation] = []


def deviation(name: str, what: str) -> Callable[[Callable[[Situation], bool]], None]:
    """Add a deviation, whose test is decorated."""

    def add(holds: Callable[[Situation], bool]) -> None:
        DEVIATIONS.append(Deviation(name, what, holds))

    return add

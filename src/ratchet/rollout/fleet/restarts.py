"""How often, and how soon, a worker that has crashed is started again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ratchet.errors import RecipeError


class Cause(StrEnum):
    """Why a worker's process has ended otherwise than it was told to."""

    EXCEPTION = "exception"
    """Python's, which the worker has seen."""
    KILLED = "killed"
    """By a signal, such as that of a native crash, or the system's when memory is short."""
    EXIT = "exit"
    """The environment's code has ended the process by itself."""
    DEADLINE = "deadline"
    """It was stuck, and the supervisor has killed it."""
    START = "start"
    """It did not come to play."""


@dataclass(frozen=True, kw_only=True)
class Restarts:
    """When a worker is started again.

    Attributes
    ----------
    budget
        Restarts for each cause within `window_seconds`; the next crash of that cause is the worker's last.
    window_seconds
        After so long a restart is forgotten.
    first_seconds, longest_seconds
        The pause after a crash: the first, doubled for each crash in a row without a finished episode
        between, up to the longest.

    Raises
    ------
    RecipeError
        If a value is negative.

    """

    budget: int = 10
    window_seconds: float = 600.0
    first_seconds: float = 0.25
    longest_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, value in vars(self).items():
            if value < 0:
                raise RecipeError(f"{name} is {value!r}; it must not be negative")


class Account:
    """One worker's crashes and restarts; times are monotonic."""

    def __init__(self, restarts: Restarts) -> None:
        self._restarts = restarts
        self._spent: list[tuple[float, Cause]] = []
        self._row = 0

    def crashed(self, cause: Cause, now: float, *, finished_any: bool) -> float | None:
        """Return when the worker may start again, or None where the budget of the cause is used up.

        `finished_any` says whether it had finished an episode since it was started.
        """
        given = self._restarts
        self._row = 0 if finished_any else self._row
        self._spent = [one for one in self._spent if now - one[0] < given.window_seconds]
        if sum(each == cause for _, each in self._spent) >= given.budget:
            return None
        self._spent.append((now, cause))
        pause = min(given.first_seconds * 2.0 ** min(self._row, 60), given.longest_seconds)
        self._row += 1
        return now + pause

"""Decisions: every action in words, as errors name it and as the documentation lists them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spire.actions import (
    ACTIONS,
    CHOOSE,
    CHOOSE_MORE,
    END_TURN,
    LEAVE,
    PLAY,
    PLAY_UNTARGETED,
    POTION,
    POTION_UNTARGETED,
    PROCEED,
    THROW,
    WAIT,
)
from spire.state import CHOICES, DECK, HAND, MONSTERS, POTIONS


@dataclass(frozen=True)
class Decision:
    """Actions of one kind: the first of them, what they do, and the numbers that tell them apart.

    The last of these numbers changes from one action to the next.
    """

    first: int
    words: str
    numbers: Mapping[str, range] = field(default_factory=dict)

    def values(self, action: int) -> list[int]:
        """Return the numbers of an action."""
        rest, values = action - self.first, []
        for among in reversed(list(self.numbers.values())):
            rest, place = divmod(rest, len(among))
            values.append(among[place])
        return values[::-1]

    def said(self, values: Iterable[object]) -> str:
        """Return the words, with these numbers in them."""
        return self.words.format(**dict(zip(self.numbers, values, strict=True)))


_CARD, _MONSTER, _SLOT = range(HAND), range(MONSTERS), range(POTIONS)

DECISIONS = (
    Decision(
        PLAY,
        "play card {card} of the hand at monster {monster}",
        {"card": _CARD, "monster": _MONSTER},
    ),
    Decision(PLAY_UNTARGETED, "play card {card} of the hand, at no monster", {"card": _CARD}),
    Decision(END_TURN, "end the turn"),
    Decision(
        POTION,
        "use the potion of slot {slot} at monster {monster}",
        {"slot": _SLOT, "monster": _MONSTER},
    ),
    Decision(POTION_UNTARGETED, "use the potion of slot {slot}, at no monster", {"slot": _SLOT}),
    Decision(CHOOSE, "take choice {choice} of the screen", {"choice": range(CHOICES)}),
    Decision(PROCEED, "proceed, confirm"),
    Decision(LEAVE, "leave, cancel, skip"),
    Decision(WAIT, "wait"),
    Decision(THROW, "throw away the potion of slot {slot}", {"slot": _SLOT}),
    Decision(CHOOSE_MORE, "take choice {choice} of the screen", {"choice": range(CHOICES, DECK)}),
)
"""All decisions, in the order of their actions. Everything is counted from 0."""


def _decision(action: int) -> Decision:
    return next(one for one in reversed(DECISIONS) if one.first <= action)


def action_text(action: Any) -> str:
    """Return what an action does, in words; of what is no action, that it is none."""
    if not isinstance(action, (int, np.integer)) or not 0 <= action < ACTIONS:
        return f"there are 0 to {ACTIONS - 1}"
    decision = _decision(int(action))
    return decision.said(decision.values(int(action)))


def actions_text(actions: Iterable[int]) -> str:
    """Return actions with what they do, those side by side together: ``50-52 (play card 0-2 …)``."""
    runs: list[list[int]] = []
    for action in sorted(actions):
        decision = _decision(action)
        alike = (
            bool(runs)
            and runs[-1][-1] == action - 1 >= decision.first
            and decision.values(action - 1)[:-1] == decision.values(action)[:-1]
        )
        if alike:
            runs[-1].append(action)
        else:
            runs.append([action])
    return ", ".join(map(_run_text, runs))


def _run_text(run: list[int]) -> str:
    first, last = run[0], run[-1]
    if first == last:
        return f"{first} ({action_text(first)})"
    decision = _decision(first)
    *shared, low = decision.values(first)
    both = f"{low}-{decision.values(last)[-1]}"
    return f"{first}-{last} ({decision.said([*shared, both])})"


def refusal(action: Any, screen: str, allowed: Iterable[int]) -> str:
    """Return the sentence that refuses an action: which it is, on which screen, and what is allowed."""
    told = actions_text(allowed)
    return (
        f"action {action} ({action_text(action)}) is not allowed on screen {screen}; "
        f"{f'allowed are {told}' if told else 'none is'}"
    )


def table() -> str:
    """Return all actions as a table in Markdown."""
    rows = ["| action | decision | which |", "| :-- | :-- | :-- |"]
    for one in DECISIONS:
        count = int(np.prod([len(among) for among in one.numbers.values()], dtype=np.int64))
        actions = str(one.first) if count == 1 else f"{one.first}-{one.first + count - 1}"
        said = one.said(f"{among[0]}-{among[-1]}" for among in one.numbers.values())
        rows.append(f"| {actions} | {said} | {_formula(one)} |")
    return "\n".join(rows)


def _formula(decision: Decision) -> str:
    """Return how an action's number is reckoned."""
    if not decision.numbers:
        return ""
    *outer, (last, among) = decision.numbers.items()
    parts = [f"{len(among)} x {name}" for name, _ in outer] + [last]
    first = decision.first - among[0]
    return "`" + " + ".join([str(first)] * bool(first) + parts) + "`"

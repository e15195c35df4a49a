"""Verifying: playing the games of traces again, and comparing every state on the way.

A step counts until a deviation of the reference engine has been met (`spire.replay.deviations`). What
counts is compared whole: the state, what is legal (but for `spire.replay.unoffered`), and the counters of the
streams.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from spire.errors import ActionError
from spire.game import Game
from spire.replay.deviations import first_deviation
from spire.replay.facts import comparable
from spire.replay.initialise import load_state, start
from spire.replay.moves import numbers, offered
from spire.replay.project import Memory, project, screen_name
from spire.replay.trace import Step, Trace, read_traces
from spire.replay.unoffered import is_unoffered

ABSENT = "(absent)"


@dataclass(frozen=True)
class Mismatch:
    """A field that is not as a trace has it."""

    game: str
    seed: int
    step: int
    field: str
    expected: Any
    got: Any


@dataclass
class Report:
    """What came of verifying."""

    games: int = 0
    exact_games: int = 0
    """Games in which every step that counts is exact."""
    steps: int = 0
    counted_steps: int = 0
    exact_steps: int = 0
    stopped_by: Counter[str] = field(default_factory=Counter)
    """How many games stopped counting at which deviation."""
    mismatches: list[Mismatch] = field(default_factory=list)
    """The first differences of each game that is not exact."""

    def add(self, other: Report) -> None:
        """Add what came of other games."""
        self.games += other.games
        self.exact_games += other.exact_games
        self.steps += other.steps
        self.counted_steps += other.counted_steps
        self.exact_steps += other.exact_steps
        self.stopped_by += other.stopped_by
        self.mismatches += other.mismatches

    @property
    def is_exact(self) -> bool:
        """Whether every step that counts is exact."""
        return self.counted_steps == self.exact_steps

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "games": self.games,
            "exact_games": self.exact_games,
            "steps": self.steps,
            "counted_steps": self.counted_steps,
            "exact_steps": self.exact_steps,
            "stopped_by": dict(sorted(self.stopped_by.items())),
            "mismatches": [vars(mismatch) for mismatch in self.mismatches],
        }


def verify_file(path: Path, acts: int = 1) -> Iterator[Report]:
    """Verify the games of a file, and yield a report on each."""
    for trace in read_traces(path):
        yield verify(trace, acts)


def verify(trace: Trace, acts: int = 1, *, from_seed: bool | None = None) -> Report:
    """Play one game again, up to the end of an act, and report on it."""
    steps = [step for step in trace.steps if step.state["act"] <= acts]
    report = Report(games=1, steps=len(steps))
    game, memory = start(trace, from_seed=from_seed)
    for step in steps:
        found = list(_compared(trace, step, game, memory))
        if not found:
            report.exact_steps += 1
            before = game.copy().record
            found = list(_performed(trace, step, game, memory))
            stopped = None if found else first_deviation(before, step.action, game.record)
            if stopped:
                report.stopped_by[stopped] += 1
                break
        if found:
            # Nothing that follows can be exact.
            report.counted_steps = len(steps)
            report.mismatches += found
            return report
    report.counted_steps = report.exact_steps
    report.exact_games = 1
    return report


def _compared(trace: Trace, step: Step, game: Game, memory: Memory) -> Iterator[Mismatch]:
    record = game.record
    for place, expected, got in differences(step, record, game.legal(), memory):
        yield Mismatch(trace.name, trace.seed, step.n, place, expected, got)


def differences(
    step: Step, record: Any, legal: Iterable[int], memory: Memory
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the fields in which a game is not at a step of a trace, with what the trace has."""
    screen = screen_name(record, memory)
    if screen != step.screen:
        yield "screen", step.screen, screen
        return
    yield from _different("", comparable(step.state), comparable(project(record, memory)))
    expected, got = (
        Counter(map(_text, moves)) for moves in (step.legal, offered(record, legal, memory))
    )
    lacking = sorted((expected - got).elements())
    more = sorted(
        move for move in (got - expected).elements() if not is_unoffered(screen, json.loads(move))
    )
    if lacking or more:
        yield "legal", lacking, more


def _text(move: dict[str, Any]) -> str:
    return json.dumps(move, sort_keys=True)


def _different(place: str, expected: Any, got: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(got, dict):
        for name in sorted({*expected, *got}):
            inner = f"{place}.{name}" if place else name
            yield from _different(inner, expected.get(name, ABSENT), got.get(name, ABSENT))
    elif (
        isinstance(expected, list)
        and isinstance(got, list)
        and len(expected) == len(got)
        and any(isinstance(item, dict) for item in expected)
    ):
        for index, (item, other) in enumerate(zip(expected, got, strict=True)):
            yield from _different(f"{place}[{index}]", item, other)
    elif expected != got:
        yield place, expected, got


def _performed(trace: Trace, step: Step, game: Game, memory: Memory) -> Iterator[Mismatch]:
    try:
        perform(game, step.action, memory)
    except ActionError as error:
        yield Mismatch(trace.name, trace.seed, step.n, "action", step.action, str(error))


def perform(game: Game, move: dict[str, Any], memory: Memory) -> None:
    """Take an action of a trace."""
    for number in numbers(game.record, move, memory):
        game.act(number)
        memory.observe(game.record)


def check_steps(trace: Trace, acts: int = 1) -> Iterator[tuple[Step, list[tuple[str, Any, Any]]]]:
    """Check every step by itself: yield each step and what the one after it shows otherwise.

    After a difference, the game goes on from the state of the trace, so that none is carried along.
    """
    steps = [step for step in trace.steps if step.state["act"] <= acts]
    game, memory = start(trace)
    for step, after in pairwise(steps):
        found: list[tuple[str, Any, Any]] = []
        before = game.copy().record
        try:
            perform(game, step.action, memory)
            stopped = first_deviation(before, step.action, game.record)
            found = list(differences(after, game.record, game.legal(), memory))
            if stopped:
                found.append((f"deviation {stopped}", bool(found), None))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the step
            found.append(("error", None, repr(error)))
        yield step, found
        if any(not place.startswith("deviation") for place, *_ in found):
            load_state(game.record, after, memory)

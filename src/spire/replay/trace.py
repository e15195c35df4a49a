"""Traces: games of the reference engine, read from files of JSON lines.

A game is a header, a line for the start of each act, a line for each step, and a line for the end. The
state of a step is the one before its action. `README.md` of the shared data says what every field means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spire.errors import SpireError
from spire.lines import Lines


class TraceError(SpireError):
    """A file that is not made of whole games."""


@dataclass(frozen=True)
class Step:
    """One step: what was shown, what could be done, and what was done."""

    n: int
    screen: str
    state: dict[str, Any]
    action: dict[str, Any]
    legal: list[dict[str, Any]]
    """What could be done: what was offered, and what the reference engine is known to get wrong."""


@dataclass
class Trace:
    """One game."""

    name: str
    seed: int
    ascension: int
    overridden: bool
    """Whether the game was changed before its first step, so that its seed does not tell all."""
    acts: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What each act held as it began."""
    steps: list[Step] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How messages name the game."""
        return f"{self.name}, seed {self.seed}, ascension {self.ascension}"


def read_traces(path: Path) -> Iterator[Trace]:
    """Yield the games of a file of JSON lines, compressed by gzip or not.

    Raises
    ------
    FileError
        If the file cannot be read.
    TraceError
        If it is not made of games.

    """
    return traces_of(Lines(path))


def traces_of(lines: Lines) -> Iterator[Trace]:
    """Yield the games of the lines of a file; it raises what `read_traces` does."""
    trace: Trace | None = None
    for number, line in lines:
        where = f"{lines.path}, line {number}"
        try:
            trace = _take(trace, _parsed(line, where))
        except (KeyError, TypeError, AttributeError) as error:
            raise TraceError(
                f"{where} is not a line of a game: {type(error).__name__} {error}"
            ) from error
        if trace.end:
            yield trace
    if trace is None or not trace.end:
        missing = "holds no game" if trace is None else "breaks off within a game"
        raise TraceError(f"{lines.path} {missing}; a whole game closes with its end")


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except json.JSONDecodeError as error:
        raise TraceError(f"{where} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise TraceError(f"{where} is not a line of a game: it is not an object")
    return parsed


def _take(trace: Trace | None, line: dict[str, Any]) -> Trace:
    """Add a line to the game it belongs to, and return that game."""
    if "game" in line:
        if trace is not None and not trace.end:
            raise KeyError("end")
        return Trace(
            str(line["game"]), int(line["seed"]), int(line["ascension"]), bool(line["overrides"])
        )
    if trace is None or trace.end:
        raise KeyError("game")
    if "act_start" in line:
        trace.acts[int(line["act_start"])] = line
    elif "n" in line:
        trace.steps.append(
            Step(
                int(line["n"]),
                line["screen"],
                dict(line["state"]),
                dict(line["action"]),
                [*line["legal"], *line.get("excluded", ())],
            )
        )
    else:
        line["end"], line["rng"]
        if 1 not in trace.acts:
            raise KeyError("act_start")
        trace.end = line
    return trace

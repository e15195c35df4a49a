"""What is known of a crash: why a worker's process ended, its last words, and what it was playing.

A record is one JSON file, numbered from 1 in the order of the crashes, and never overwritten.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ratchet.errors import LedgerError, PolicyError
from ratchet.ledger.files import explain
from ratchet.ledger.provenance import versions
from ratchet.policies.durable import create_file, strict_json
from ratchet.rollout.fleet.beat import Phase
from ratchet.rollout.fleet.black_box import CutEpisode
from ratchet.rollout.fleet.home import CRASHES
from ratchet.rollout.fleet.process import Child
from ratchet.rollout.fleet.restarts import Cause
from ratchet.rollout.plan import FleetPlan

FORMAT = 1
"""Version of the file; a reader refuses one that it does not know."""


@dataclass(frozen=True, kw_only=True)
class CrashRecord:
    """A crash.

    Attributes
    ----------
    run, task, parameters
        What was played, as the fleet's plan says it.
    worker, pid
        Whose process it was.
    cause
        Why it ended.
    status
        Its exit status, the negative signal where that ended it; -9 after a deadline.
    doing
        What it was at, one of `ratchet.rollout.fleet.beat.Phase` in small letters.
    stuck
        For how many seconds it had been at that, where that was why; else None.
    at
        The time in seconds since 1970, for people.
    step_seconds, start_seconds
        The deadlines of the plan.
    output
        The end of what it had written: the traceback, or the stacks of its threads.
    versions
        Of the libraries.
    episodes
        What was in progress, one for each copy of the environment that was in an episode.

    """

    run: str
    task: str
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    worker: str
    pid: int
    cause: Cause
    status: int
    doing: str
    stuck: float | None
    at: float
    step_seconds: float
    start_seconds: float
    output: str
    versions: Mapping[str, str] = field(default_factory=dict)
    episodes: tuple[CutEpisode, ...] = ()


def cause_of(status: int, phase: Phase | None) -> Cause:
    """Return why a process ended that nobody had asked to, from its exit status and what it was at."""
    if phase in {None, Phase.STARTING, Phase.EXPECTING}:
        return Cause.START
    if phase == Phase.FAILED:
        return Cause.EXCEPTION
    return Cause.KILLED if status < 0 else Cause.EXIT


def record_end(
    run: Path,
    plan: FleetPlan,
    worker: str,
    child: Child,
    *,
    status: int,
    stuck: float | None,
    episodes: tuple[CutEpisode, ...],
) -> tuple[Cause, str]:
    """Record why a process of a fleet has ended; return the cause, and what happened in a sentence.

    `stuck` is for how many seconds it had been at one thing where it was killed for that, and `episodes` is
    what it was playing.
    """
    pulse, output = child.pulse(), child.said()
    phase = None if pulse is None else pulse.phase
    doing = "starting" if phase is None else phase.name.lower()
    cause = cause_of(status, phase)
    if stuck is not None and cause not in {Cause.START, Cause.EXCEPTION}:
        cause = Cause.DEADLINE
    told = output.strip().rsplit("\n", 1)[-1]
    if stuck is not None:
        told = f"{doing} for {stuck:.1f} seconds"
    elif cause in {Cause.KILLED, Cause.EXIT}:
        told = f"exit status {status}"
    record = CrashRecord(
        run=plan.run,
        task=plan.task,
        parameters=plan.parameters,
        worker=worker,
        pid=child.pid,
        cause=cause,
        status=status,
        doing=doing,
        stuck=stuck,
        at=time.time(),
        step_seconds=plan.step_seconds,
        start_seconds=plan.start_seconds,
        output=output,
        versions=versions(),
        episodes=episodes,
    )
    try:
        return cause, f"{told} ({write_crash(Path(run) / CRASHES, record).name})"
    except LedgerError as error:
        return cause, f"{told} (not recorded: {error})"


def write_crash(directory: Path, record: CrashRecord) -> Path:
    """Write a record under the next number, and return where it is.

    Raises
    ------
    LedgerError
        If it cannot be written.

    """
    said = {"format": FORMAT, **vars(record)}
    said["episodes"] = [
        {**vars(episode), "actions": episode.actions.tolist(), "dtype": episode.actions.dtype.str}
        for episode in record.episodes
    ]
    try:
        content = strict_json(said, "a crash record")
        directory.mkdir(parents=True, exist_ok=True)
        while True:
            path = directory / f"{max(crash_numbers(directory), default=0) + 1:08d}.json"
            try:
                create_file(path, content)
            except FileExistsError:  # another supervisor's
                continue
            return path
    except PolicyError as error:  # what is not JSON, such as an action that is no number
        raise LedgerError(str(error)) from error
    except OSError as problem:
        raise explain(problem, directory) from problem


def crash_numbers(directory: Path) -> list[int]:
    """Return the numbers of the records in a directory, the oldest first."""
    try:
        names = [path.stem for path in directory.iterdir() if path.suffix == ".json"]
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdecimal())


def read_crash(path: Path) -> CrashRecord:
    """Return the crash in a file.

    Raises
    ------
    LedgerError
        If there is none, or it is damaged or of another version.

    """
    try:
        said = json.loads(Path(path).read_bytes())
    except (FileNotFoundError, IsADirectoryError) as problem:
        raise LedgerError(f"{path} is not a crash record: there is no such file") from problem
    except OSError as problem:
        raise explain(problem, Path(path)) from problem
    except ValueError as error:
        raise LedgerError(f"{path} is not a crash record, or damaged: {error}") from error
    if not isinstance(said, dict) or said.pop("format", None) != FORMAT:
        raise LedgerError(f"{path} is not a crash record of a format that this version reads")
    try:
        if said.keys() != {each.name for each in fields(CrashRecord)}:
            raise LedgerError(f"{path} is not a crash record: its fields are others")
        episodes = []
        for one in said["episodes"]:
            actions = np.array(one.pop("actions"), dtype=np.dtype(one.pop("dtype")))
            episodes.append(CutEpisode(**one, actions=actions))
        said["episodes"], said["cause"] = tuple(episodes), Cause(said["cause"])
        return CrashRecord(**said)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerError(f"{path} is damaged: {error}") from error

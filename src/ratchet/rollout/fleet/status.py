"""How the workers of a fleet are, from any process: from what they and their supervisors leave in the run directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ratchet.rollout.fleet.beat import FILE, Count, Phase, Pulse, read_pulse
from ratchet.rollout.fleet.books import read_books
from ratchet.rollout.fleet.home import (
    STATE,
    SUPERVISED,
    SUPERVISION,
    VERSIONS,
    is_taken,
    shown,
    worker_home,
    worker_names,
)
from ratchet.rollout.publication import Publication

_LASTING = ("down", "ended")
"""What a supervisor says of a worker that stays so without it."""

_DOING = {
    Phase.STARTING: "starting",
    Phase.LOADING: "loading a policy",
    Phase.CHOOSING: "playing",
    Phase.STEPPING: "playing",
    Phase.WRITING: "playing",
    Phase.WAITING: "waiting for room",
    Phase.EXPECTING: "waiting for a policy",
    Phase.HOLDING: "cannot write",
    Phase.ENDED: "ended",
    Phase.FAILED: "ending",
}


@dataclass(frozen=True, kw_only=True)
class WorkerStatus:
    """One worker, by its name; the counts are over all processes that have had it.

    Attributes
    ----------
    name, pid
        Which it is; `pid` is None where no process lives.
    alive
        Whether a process lives.
    state
        In a few words: starting, playing, waiting for room, restarting, down, ended and so on.
    reason
        More about that, such as why it is down; empty where there is nothing to say.
    version
        The policy version that its episodes begin with, None before the first.
    lag
        How many versions have been published since that.
    episodes, discarded, playing
        Episodes that it has put into the spool, that a crash or an end has cut, and in progress.
    steps, steps_per_second
        Environment steps that it has executed, and how fast it does so now.
    restarts
        How often it was started again by the supervisor that it has, or had last.
    crashes
        Its crashes under that supervisor, by cause.
    last_cause
        The cause of the last of them.
    seconds
        Seconds that its processes have spent, by `Phase` in small letters: choosing (inference and
        recording), stepping (environments), writing, waiting and so on.
    lag_mean, lag_most
        Versions that were published while an episode was played, over all its finished ones.

    """

    name: str
    pid: int | None
    alive: bool
    state: str
    reason: str = ""
    version: int | None = None
    lag: int | None = None
    episodes: int = 0
    discarded: int = 0
    playing: int = 0
    steps: int = 0
    steps_per_second: float = 0.0
    restarts: int = 0
    crashes: Mapping[str, int] = field(default_factory=dict)
    last_cause: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    lag_mean: float = 0.0
    lag_most: int = 0


def read_workers(run: Path) -> list[WorkerStatus]:
    """Return how every worker is that a run ever had.

    Raises
    ------
    LedgerError
        If the run directory cannot be read.
    SpoolError
        If its spool cannot be read.

    """
    newest = Publication(run / VERSIONS).newest()
    return [_status(Path(run), name, newest) for name in worker_names(run)]


def _status(run: Path, name: str, newest: int | None) -> WorkerStatus:
    home = worker_home(run, name)
    alive = is_taken(home)
    supervision = shown(home / SUPERVISION)
    told = supervision.get("state")
    if told not in _LASTING and not is_taken(home / SUPERVISED):
        told = None  # by a supervisor that has died
    pulse = read_pulse(home / FILE) if alive else read_books(run, home)
    known: dict[str, Any] = {
        "name": name,
        "alive": alive,
        "restarts": supervision.get("restarts", 0),
        "crashes": supervision.get("crashes", {}),
        "last_cause": supervision.get("last_cause"),
    }
    if pulse is None:
        doing = "starting" if alive else "not started"
        return WorkerStatus(pid=None, state=told or doing, **known)
    if alive:
        known |= {"state": _DOING[pulse.phase], "pid": pulse[Count.PID]}
        if pulse.phase == Phase.HOLDING:
            known["reason"] = str(shown(home / STATE).get("trouble") or "")
    else:
        ended = "ended" if pulse.phase == Phase.ENDED else "dead"
        known |= {
            "state": told or ended,
            "reason": supervision.get("reason", ""),
            "pid": None,
        }
    return WorkerStatus(**known, **_counted(pulse, alive=alive, newest=newest))


def _counted(pulse: Pulse, *, alive: bool, newest: int | None) -> dict[str, Any]:
    version = pulse[Count.VERSION]
    finished = pulse[Count.FINISHED]
    return {
        "version": version if version >= 0 else None,
        # A version may have been published, and taken, since the newest was looked for.
        "lag": max(newest - version, 0) if newest is not None and version >= 0 else None,
        "episodes": finished,
        "discarded": pulse[Count.DISCARDED],
        "playing": pulse.in_progress,
        "steps": pulse[Count.STEPS],
        "steps_per_second": pulse.rate if alive else 0.0,
        "seconds": {phase.name.lower(): pulse.seconds[phase] for phase in Phase},
        "lag_mean": pulse[Count.LAG_SUM] / finished if finished else 0.0,
        "lag_most": pulse[Count.LAG_MOST],
    }

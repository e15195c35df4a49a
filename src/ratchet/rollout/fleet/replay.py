"""Playing a crash again: its episodes, one after the other, in a process that may crash of them.

Every episode is played on an environment of its own, with the actions that the record holds and the deadlines
of the fleet. A process in which one has failed is not used again.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from ratchet.errors import LedgerError
from ratchet.rollout.fleet.beat import FILE as BEAT
from ratchet.rollout.fleet.beat import Beat, Count, Phase, new_beat
from ratchet.rollout.fleet.black_box import CutEpisode
from ratchet.rollout.fleet.crash import CrashRecord, cause_of, read_crash
from ratchet.rollout.fleet.process import DUMP, Child, die_with
from ratchet.rollout.fleet.restarts import Cause
from ratchet.tasks.registry import find_task
from ratchet.tasks.task import Task

_POLL = 0.02


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of one episode of a crash.

    `steps` are those of the record, and `played` those that were over when it ended; fewer without a
    `cause` mean that the episode ended before, so that the simulator is not a function of seed and actions.
    `cause` is how it failed, or None; `status` is the exit status of its process then, and `output` what
    that had written.
    """

    copy: int
    seed: int
    mode: str
    steps: int
    played: int
    cause: Cause | None = None
    status: int | None = None
    output: str = ""

    def __str__(self) -> str:
        """Return what became of it, in a line; of what was written the last line."""
        where = f"copy {self.copy}, mode {self.mode}, seed {self.seed}"
        if self.cause is None and self.played < self.steps:
            return f"{where}: ended at step {self.played} of {self.steps}; the simulator does not repeat itself"
        if self.cause is None:
            return f"{where}: plays through its {self.steps} steps"
        told = self.output.strip().rsplit("\n", 1)[-1]
        return f"{where}: fails again at step {self.played + 1} of {self.steps}: {self.cause}" + (
            f": {told}" if told else ""
        )


def replay(path: Path) -> list[Replayed]:
    """Play the episodes of a crash record again; return what became of each.

    Raises
    ------
    LedgerError
        If there is no such record, or its episodes cannot be played at all (the task is not there).

    """
    record = read_crash(path)
    results: list[Replayed] = []
    with tempfile.TemporaryDirectory(prefix="ratchet-replay-") as room:
        while len(results) < len(record.episodes):
            results += _from(Path(path).absolute(), record, len(results), Path(room))
    return results


def _from(path: Path, record: CrashRecord, first: int, room: Path) -> list[Replayed]:
    """Play from the first episode on, in one process, until one fails; return what became of each."""
    child = Child(
        "ratchet.rollout.fleet.replay",
        [str(path), "--first", str(first), "--room", str(room)],
        beat=room / BEAT,
        log=room / f"log-{first}",
    )
    stuck = None
    try:
        while child.poll() is None:
            if child.overdue(record.step_seconds, record.start_seconds) is not None:
                # Before its stacks are asked for: that can wake it.
                stuck = child.pulse()
                child.dump()
                break
            time.sleep(_POLL)
    finally:
        status = child.kill()
    pulse, output = stuck or child.pulse(), child.said()
    at = -1 if pulse is None else pulse[Count.BEGUN] - 1
    if pulse is None or at < first:
        raise LedgerError(f"the episodes of {path} cannot be played: {_last_line(output)}")
    results: list[Replayed] = []
    for line in (room / f"played-{first}").read_text().split():
        one = record.episodes[first + len(results)]
        results.append(_result(one, int(line)))
    results = results[: at - first + (pulse.phase == Phase.ENDED)]
    if pulse.phase != Phase.ENDED:
        cause = Cause.DEADLINE if stuck is not None else cause_of(status, pulse.phase)
        one, played = record.episodes[at], pulse[Count.STEPS]
        results.append(_result(one, played, cause, status, output))
    return results


def _result(
    one: CutEpisode,
    played: int,
    cause: Cause | None = None,
    status: int | None = None,
    output: str = "",
) -> Replayed:
    return Replayed(
        copy=one.copy,
        seed=one.seed,
        mode=one.mode,
        steps=len(one.actions),
        played=played,
        cause=cause,
        status=status,
        output=output,
    )


def _last_line(output: str) -> str:
    return output.strip().rsplit("\n", 1)[-1] or "its process ended at once"


def _play(task: Task, one: CutEpisode, beat: Beat) -> int:
    """Play an episode; return how many steps were over when it ended."""
    counts = beat.counts
    env = task.make(1)
    mode = np.array([task.mode_index(one.mode)], dtype=np.int64)
    counts[Count.STEPS] = 0
    counts[Count.BEGUN] += 1
    beat.enter(Phase.STEPPING)
    env.begin(np.zeros(1, dtype=np.int64), [one.seed], mode)
    for action in one.actions:
        if not env.live[0]:
            break
        beat.enter(Phase.STEPPING)
        env.advance(action[None], np.ones(1, dtype=np.bool_))
        counts[Count.STEPS] += 1
        counts[Count.WARM] = 1
    beat.enter(Phase.WRITING)
    env.close()
    return counts[Count.STEPS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the process that plays; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -P -m ratchet.rollout.fleet.replay")
    parser.add_argument("record", type=Path)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--room", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    chosen = parser.parse_args(arguments)
    faulthandler.enable()
    faulthandler.register(DUMP, all_threads=True)
    die_with(chosen.parent)
    beat = new_beat(chosen.room / BEAT, before=None, pid=os.getpid())
    beat.counts[Count.BEGUN] = chosen.first
    played = chosen.room / f"played-{chosen.first}"
    played.touch()
    try:
        record = read_crash(chosen.record)
        task = find_task(record.task, record.parameters or None)
        with threadpool_limits(1):
            for one in record.episodes[chosen.first :]:
                steps = _play(task, one, beat)
                with played.open("a") as file:
                    file.write(f"{steps}\n")
    except BaseException:  # noqa: BLE001 - whatever it is, it is told, and the process ends
        traceback.print_exc()
        beat.enter(Phase.FAILED)
        return 1
    beat.enter(Phase.ENDED)
    return 0


if __name__ == "__main__":
    sys.exit(main())

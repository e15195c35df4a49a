"""An examiner: a process that plays the evaluations of a fleet, so that a simulator that fails there fails alone.

``python -P -m ratchet.evaluation.examiner RUN`` is one. It plays one order after the other, and hands back each
episode as it ends; who has ordered it watches its heartbeat, by the deadlines of the fleet's plan. After an
exception, or when it was stuck, it is not used again.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import itertools
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ratchet.errors import LedgerError, PolicyError, RatchetError
from ratchet.evaluation.play import Episode, OnEpisodes, play
from ratchet.policies.checkpoint import publish, read_checkpoint
from ratchet.policies.durable import replace_file, strict_json
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.rollout.fleet.beat import FILE as BEAT
from ratchet.rollout.fleet.beat import Beat, Count, Phase, new_beat
from ratchet.rollout.fleet.black_box import FILE as BLACK_BOX
from ratchet.rollout.fleet.black_box import BlackBox, CutEpisode, read_black_box
from ratchet.rollout.fleet.crash import record_end
from ratchet.rollout.fleet.home import LOG
from ratchet.rollout.fleet.player import action_layout
from ratchet.rollout.fleet.process import DUMP, Child, die_with
from ratchet.rollout.plan import read_plan
from ratchet.tasks.task import IntArray, Task

HOME = "examiner"
"""Its directory in the run's."""
_NO_VERSION = -1
"""Of what it plays: a policy that need not be published."""
_LOOK = 0.02


class ExaminationError(RatchetError):
    """The process that plays has failed, and would again."""


class Examiner:
    """An examiner of a fleet's run, for the process that orders; use it as a context manager.

    Its process is started by the first order, and serves until it fails. What is in its directory when
    another one is made is thrown away, but for the log.

    Parameters
    ----------
    run
        The run directory, with its plan.
    task
        What is played, as the plan says it.

    Raises
    ------
    LedgerError
        If the directory is no fleet's.

    """

    def __init__(self, run: Path, task: Task) -> None:
        self._run, self._task, self._plan = Path(run).absolute(), task, read_plan(run)
        self._home = self._run / HOME
        self._child: Child | None = None
        self._orders = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def play(
        self,
        policy: Policy,
        seeds: Sequence[int],
        mode: str,
        *,
        deterministic: bool,
        stall_after: int,
        on_episodes: OnEpisodes,
    ) -> None:
        """Play one episode a seed, as `ratchet.evaluation.play.play` does.

        Where the process fails, another one goes on, as long as each has brought an episode to its end.

        Raises
        ------
        ExaminationError
            If one has failed before it did, or what to play cannot be written. What was handed over
            until then is good.

        """
        left = dict.fromkeys(seeds)

        def hand_over(episodes: Sequence[Episode]) -> None:
            for episode in episodes:
                del left[episode.seed]
            on_episodes(episodes)

        while left:
            before = len(left)
            order = {
                "mode": mode,
                "seeds": list(left),
                "deterministic": deterministic,
                "stall_after": stall_after,
            }
            failure = self._examine(policy, order, left, hand_over)
            if failure and len(left) == before:
                raise ExaminationError(failure)

    def _examine(
        self, policy: Policy, order: dict[str, Any], left: dict[int, None], hand_over: OnEpisodes
    ) -> str:
        """Let one process play what is left; return how it has failed, or nothing."""
        if self._child is not None and self._child.poll() is not None:
            self._end()  # between two orders no simulator has had a turn
        child = self._child or self._start()
        number, self._orders = self._orders, self._orders + 1
        place, path = self._home / f"policy-{number}", self._home / f"played-{number}"
        try:
            publish(policy, place)
            replace_file(self._home / f"order-{number}.json", strict_json(order, "an order"))
        except (
            OSError,
            PolicyError,
        ) as error:  # such as a full disk, which the next look need not meet
            raise ExaminationError(f"it cannot be told what to play: {error}") from error
        # The more step side by side, the longer a step may take.
        copies = min(len(left), self._task.side_by_side)
        step_seconds = self._plan.step_seconds * max(1.0, copies / self._plan.environments)
        lines = _Lines(path)
        while True:
            over = child.poll()  # before the last look at what it has played
            stuck = child.overdue(step_seconds, self._plan.start_seconds)
            if episodes := [_episode(line) for line in lines.read()]:
                hand_over(episodes)
            if not left:
                break
            if over is not None or stuck is not None:
                return self._failed(child, stuck)
            time.sleep(_LOOK)
        shutil.rmtree(place, ignore_errors=True)
        for file in (path, self._home / f"order-{number}.json"):
            file.unlink(missing_ok=True)
        return ""

    def _start(self) -> Child:
        """Start a process, in a directory where nothing of another is left."""
        self._orders = 0
        with contextlib.suppress(FileNotFoundError):
            for entry in self._home.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry, ignore_errors=True)
                elif entry.name != LOG:
                    entry.unlink(missing_ok=True)
        try:
            self._child = Child(
                "ratchet.evaluation.examiner",
                [str(self._run)],
                beat=self._home / BEAT,
                log=self._home / LOG,
            )
        except OSError as problem:
            raise ExaminationError(f"it cannot be started: {problem.strerror}") from problem
        return self._child

    def _failed(self, child: Child, stuck: float | None) -> str:
        """End a process that has failed, and record it; return in a sentence how it has."""
        # Before its stacks are asked for: that can wake it.
        cut = self._cut()
        if stuck is not None:
            child.dump()
        status = child.kill()
        self._child = None
        _, told = record_end(
            self._run,
            self._plan,
            HOME,
            child,
            status=status,
            stuck=stuck,
            episodes=cut,
        )
        return told

    def _cut(self) -> tuple[CutEpisode, ...]:
        with contextlib.suppress(LedgerError):
            # Seeds of evaluations are signed.
            return tuple(
                replace(one, seed=int(np.uint64(one.seed).view(np.int64)))
                for one in read_black_box(self._home / BLACK_BOX)
            )
        return ()

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Lines:
    """The lines of a file that another process is writing, as they become whole."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def read(self) -> list[bytes]:
        """Return those that are new."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        self._at += len(whole)
        return whole.splitlines()


def _line(episode: Episode) -> bytes:
    # A metric may be no number, and a part hold one of NumPy's.
    return json.dumps(asdict(episode), default=lambda value: value.item()).encode() + b"\n"


def _episode(line: bytes) -> Episode:
    said = json.loads(line)
    return Episode(**(said | {"parts": tuple(said["parts"])}))


class _Recorder:
    """Keeps heartbeat and black box while an order is played, and hands back what has ended."""

    def __init__(
        self,
        home: Path,
        task: Task,
        policy: Policy,
        order: dict[str, Any],
        beat: Beat,
        played: IO[bytes],
    ) -> None:
        dtype, shape = action_layout(task)
        copies = min(len(order["seeds"]), task.side_by_side)
        names = [one.name for one in task.modes]
        self._box = BlackBox(home / BLACK_BOX, copies, dtype, shape, names)
        self._doing = np.zeros((copies, *shape), dtype=dtype)
        self._mode, self._policy = task.mode_index(order["mode"]), policy.id
        self._beat, self._played = beat, played
        self._copies: dict[int, int] = {}

    def begin(self, copies: IntArray, seeds: NDArray[np.int64]) -> None:
        modes = np.full(len(copies), self._mode)
        self._box.begin(copies, seeds.view(np.uint64), modes, _NO_VERSION, self._policy)
        self._copies |= zip(seeds.tolist(), copies.tolist(), strict=True)
        self._beat.counts[Count.BEGUN] += len(copies)

    def act(self, copies: IntArray, actions: NDArray[Any]) -> None:
        self._doing[copies] = actions
        self._box.note(self._doing)
        counts = self._beat.counts
        counts[Count.WARM] = counts[Count.STEPS] > 0
        counts[Count.STEPS] += 1
        self._beat.enter(Phase.STEPPING)

    def end(self, episodes: Sequence[Episode]) -> None:
        for episode in episodes:
            self._box.end(self._copies.pop(episode.seed))
        self._beat.counts[Count.FINISHED] += len(episodes)
        self._played.write(b"".join(map(_line, episodes)))


def _serve(run: Path, beat: Beat) -> None:
    """Play order after order, until somebody ends this process."""
    home, task = run / HOME, read_plan(run).make_task()
    for number in itertools.count():
        path = home / f"order-{number}.json"
        beat.enter(Phase.WAITING)
        while not path.exists():
            time.sleep(_LOOK)
        beat.enter(Phase.LOADING)
        order = json.loads(path.read_bytes())
        policy = read_checkpoint(home / f"policy-{number}")
        with (home / f"played-{number}").open("ab", buffering=0) as played:
            recorder = _Recorder(home, task, policy, order, beat, played)
            play(
                task,
                actor_for(policy),
                order["seeds"],
                order["mode"],
                deterministic=order["deterministic"],
                stall_after=order["stall_after"],
                on_begin=recorder.begin,
                on_actions=recorder.act,
                on_episodes=recorder.end,
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Be an examiner; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -P -m ratchet.evaluation.examiner")
    parser.add_argument("run", type=Path)
    parser.add_argument("--parent", type=int, required=True)
    chosen = parser.parse_args(arguments)
    faulthandler.enable()
    faulthandler.register(DUMP, all_threads=True)
    die_with(chosen.parent)
    beat = new_beat(chosen.run / HOME / BEAT, before=None, pid=os.getpid())
    try:
        with threadpool_limits(1):
            _serve(chosen.run, beat)
    except BaseException:  # noqa: BLE001 - whatever it is, it is told, and the process ends
        traceback.print_exc()
        beat.enter(Phase.FAILED)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

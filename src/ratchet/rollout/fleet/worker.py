"""A worker: a process that plays whole episodes with the newest published policy, and puts them into the spool.

``python -P -m ratchet.rollout.fleet.worker RUN --name w0`` is one. It ends after its episodes when no version
will come any more, at once when it is told to (SIGTERM, SIGINT; what it was playing is discarded), and with its
parent if it was started with ``--parent``. It waits where the spool has no room, and so while the trainer is
away. After an exception it plays nothing more: it says what happened, and exits.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from ratchet.errors import InputError
from ratchet.rollout.episode import Episode
from ratchet.rollout.fleet.beat import FILE as BEAT
from ratchet.rollout.fleet.beat import Count, Phase, new_beat
from ratchet.rollout.fleet.black_box import FILE as BLACK_BOX
from ratchet.rollout.fleet.black_box import BlackBox
from ratchet.rollout.fleet.books import close_books
from ratchet.rollout.fleet.home import SPOOL, STATE, VERSIONS, show, take, worker_home
from ratchet.rollout.fleet.outbox import Outbox
from ratchet.rollout.fleet.player import Player, action_layout
from ratchet.rollout.fleet.process import DUMP, die_with
from ratchet.rollout.fleet.room import Room
from ratchet.rollout.fleet.versions import Versions
from ratchet.rollout.kind import kind_of
from ratchet.rollout.plan import FleetPlan, read_plan
from ratchet.rollout.publication import Publication
from ratchet.rollout.spool import SpoolWriter

EXCEPTION, REFUSED = 1, 2
"""Exit statuses beside 0."""

_PAUSE = 0.03
_STATE_SECONDS = 1.0
_RATE_SECONDS = 10.0
"""Over about so long the rate of steps is a mean: a worker plays by turns, and waits for room."""


class Worker:
    """One worker's process; `work` is all that it does.

    Raises
    ------
    InputError
        If the run directory is no fleet's, the task cannot be made, or another process has the name.

    """

    def __init__(self, run: Path, name: str) -> None:
        self._run, self._name = Path(run), name
        self._home = worker_home(run, name)
        plan = read_plan(run)
        with contextlib.ExitStack() as held:
            self._take(plan, held)
            self._held = held.pop_all()

    def _take(self, plan: FleetPlan, held: contextlib.ExitStack) -> None:
        """Get all that it needs; what has to be given back is `held`."""
        run, name = self._run, self._name
        held.callback(take(self._home).release)
        before = close_books(run, self._home)
        self._beat = new_beat(self._home / BEAT, before=before, pid=os.getpid())
        # Nobody else is here but who has started this, so what else is unfinished belongs to nobody.
        for leftover in self._home.glob(".tmp-*"):
            if f"-{os.getppid()}-" not in leftover.name:
                leftover.unlink(missing_ok=True)
        task = plan.make_task()
        kind = kind_of(task, run=plan.run, masked=plan.masked)
        self._writer = held.enter_context(SpoolWriter(run / SPOOL, kind))
        self._beat.counts[Count.WRITER] = self._writer.writer
        # Episodes have the writer's number; whose that was is told here.
        whose = {"worker": name, "pid": os.getpid(), "host": os.uname().nodename}
        show(self._writer.home / "worker.json", whose)
        self._publication = Publication(run / VERSIONS)
        self._versions = Versions(self._publication, task)
        self._room = Room(run, plan, name)
        dtype, shape = action_layout(task)
        modes = [mode.name for mode in task.modes]
        box = BlackBox(self._home / BLACK_BOX, plan.environments, dtype, shape, modes)
        self._player = Player(task, plan, kind, self._writer.writer, box)
        held.callback(self._player.close)
        # As many as may end at once: no more is lost with it than what it was playing, twice.
        self._outbox = Outbox(self._writer, self._written, plan.environments)
        self._stop = False
        self._shown = (time.monotonic(), self._beat.counts[Count.STEPS])
        self._rate = 0.0

    def stop(self) -> None:
        """Make `work` end at the next step."""
        self._stop = True

    def work(self) -> None:
        """Play until there is nothing to play for."""
        beat, player = self._beat, self._player
        self._show(Phase.STARTING)
        while not self._stop:
            if player.free and not self._begin() and not player.playing:
                if self._publication.finished:
                    break
                continue
            beat.enter(Phase.CHOOSING)
            player.choose()
            beat.enter(Phase.STEPPING)
            steps = player.step()
            now = beat.enter(Phase.CHOOSING)
            beat.counts[Count.STEPS] += steps
            beat.counts[Count.WARM] = 1
            self._put()
            if now - self._shown[0] > _STATE_SECONDS:
                self._show(Phase.CHOOSING)
        while len(self._outbox) and not self._stop:
            self._hold()
        self._close()

    def fail(self) -> None:
        """Note that it ends by an exception; what had been played until then is good."""
        self._beat.enter(Phase.FAILED)
        self._outbox.close()

    def _begin(self) -> bool:
        """Begin as many episodes as there is room for, with the newest version; return whether any did.

        Waits a moment if nothing is being played.
        """
        beat, player, versions = self._beat, self._player, self._versions
        pending, finished = player.playing + len(self._outbox), beat.counts[Count.FINISHED]
        count = min(player.free, self._room.free(pending, finished))
        if count <= 0:
            if not player.playing and not self._publication.finished:
                self._wait(Phase.WAITING, _PAUSE)
            return False
        if self._publication.finished:
            return False
        if versions.look():
            beat.enter(Phase.LOADING)
            versions.load()
        if versions.current is None:
            self._wait(Phase.EXPECTING, _PAUSE)
            return False
        beat.counts[Count.VERSION] = versions.current.number
        # The books first: what is cut from here on was begun.
        beat.counts[Count.BEGUN] += count
        beat.enter(Phase.STEPPING)
        player.begin(count, versions.current)
        return True

    def _put(self) -> None:
        """Hand the episodes that have ended on; wait while too many cannot be written."""
        for episode in self._player.ended():
            self._outbox.add(episode)
        while self._outbox.full and not self._stop:
            self._hold()

    def _hold(self) -> None:
        """Wait a moment for the disk."""
        self._outbox.check()
        self._wait(Phase.HOLDING if self._outbox.trouble else Phase.WRITING, _PAUSE)

    def _written(self, episode: Episode) -> None:
        """Note that an episode is in the spool; in the thread that writes."""
        counts, played = self._beat.counts, episode.origin.version
        # Looked up now: the version that the next episode begins with may be known much later.
        late = max(self._publication.ids(), default=played) - played
        counts[Count.LAG_SUM] += late
        counts[Count.LAG_MOST] = max(counts[Count.LAG_MOST], late)
        counts[Count.FINISHED] += 1

    def _wait(self, phase: Phase, seconds: float) -> None:
        now = self._beat.enter(phase)
        if now - self._shown[0] > _STATE_SECONDS:
            self._show(phase)
        time.sleep(seconds)

    def _close(self) -> None:
        """Give everything back, and close the books: what was begun and is not finished is discarded."""
        self._outbox.close()
        counts = self._beat.counts
        counts[Count.DISCARDED] = counts[Count.BEGUN] - counts[Count.FINISHED]
        self._beat.enter(Phase.ENDED)
        self._show(Phase.ENDED)
        self._held.close()

    def _show(self, phase: Phase) -> None:
        """Write the state for people; the rate is a mean in which what is long ago counts less and less."""
        counts, now = self._beat.counts, time.monotonic()
        since, steps = self._shown
        passed = max(now - since, 1e-9)
        newest = (counts[Count.STEPS] - steps) / passed
        self._rate += (1 - math.exp(-passed / _RATE_SECONDS)) * (newest - self._rate)
        self._shown = (now, counts[Count.STEPS])
        self._beat.rate(self._rate)
        said: dict[str, Any] = {
            "name": self._name,
            "pid": os.getpid(),
            "at": time.time(),
            "doing": phase.name.lower(),
            "version": counts[Count.VERSION],
            "episodes": counts[Count.FINISHED],
            "discarded": counts[Count.DISCARDED],
            "playing": self._beat.in_progress,
            "steps": counts[Count.STEPS],
            "steps_per_second": round(self._rate, 1),
            "trouble": self._outbox.trouble,
        }
        show(self._home / STATE, said)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be a worker; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -P -m ratchet.rollout.fleet.worker")
    parser.add_argument("run", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--parent", type=int)
    chosen = parser.parse_args(arguments)
    faulthandler.enable()
    faulthandler.register(DUMP, all_threads=True)
    if chosen.parent is not None:
        die_with(chosen.parent)
    worker = None
    try:
        with threadpool_limits(1):
            worker = Worker(chosen.run, chosen.name)
            for asked in (signal.SIGTERM, signal.SIGINT):
                signal.signal(asked, lambda *_: worker.stop())
            worker.work()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told, and the process ends
        traceback.print_exc()
        if worker is not None:
            worker.fail()
        elif isinstance(error, InputError):
            sys.stderr.write(f"{error}\n")
            return REFUSED
        return EXCEPTION
    return 0


if __name__ == "__main__":
    sys.exit(main())

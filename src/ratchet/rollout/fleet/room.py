"""How many episodes a worker may begin, so that none is thrown away for its age."""

from __future__ import annotations

import time
from pathlib import Path

from ratchet.rollout.fleet.beat import FILE, read_pulse
from ratchet.rollout.fleet.home import SPOOL, is_taken, worker_home, worker_names
from ratchet.rollout.plan import FleetPlan
from ratchet.rollout.spool import ahead, room

_FRESH = 0.05
"""Seconds for which a look at the spool and at the others is good; what this worker does itself is known."""
_FULL = 0.01
"""The same where there was no room; the trainer may make some at any moment."""
_ALIVE = 1.0
"""Seconds for which it is believed that another worker lives."""


class Room:
    """The room that the trainer leaves a worker.

    Ahead of an episode that begins now are those that wait or are claimed, and those that all workers
    are playing: where they are as many as the spool has room for, it would be stale in its turn. One that takes
    twice as long as the others is overtaken by as many again, so only half of that room is given away, though
    always a batch.
    """

    def __init__(self, run: Path, plan: FleetPlan, name: str) -> None:
        self._run, self._name = Path(run), name
        self._limit = max(plan.batch, room(plan.batch, max_lag=plan.max_lag) // 2)
        self._ahead = self._finished = 0
        self._good_until = -1.0
        self._alive: dict[str, float] = {}

    def free(self, pending: int, finished: int) -> int:
        """Return how many episodes may begin.

        `pending` of this worker's are not in the spool yet, and `finished` are or were.

        Raises
        ------
        SpoolError
            If the spool cannot be read.

        """
        now = time.monotonic()
        if now >= self._good_until:
            self._ahead, self._finished = ahead(self._run / SPOOL) + self._others(now), finished
            self._good_until = now + _FRESH
        free = self._limit - self._ahead - (finished - self._finished) - pending
        if free <= 0:
            self._good_until = min(self._good_until, now + _FULL)
        return free

    def _others(self, now: float) -> int:
        """Return how many episodes the other workers are playing."""
        playing = 0
        for name in worker_names(self._run):
            home = worker_home(self._run, name)
            pulse = None if name == self._name else read_pulse(home / FILE)
            if pulse is None or pulse.in_progress <= 0:
                continue
            if now >= self._alive.get(name, -1.0) and is_taken(home):
                self._alive[name] = now + _ALIVE
            if now < self._alive.get(name, -1.0):
                playing += pulse.in_progress
        return playing

"""Simulators that fail as simulators do: in the third step of an episode that is doomed."""

import itertools
import os
import signal
import time
from pathlib import Path

from environments import Counting

RARITY, ROOM = "FAULTY_RARITY", "FAULTY_ROOM"


def freeze():
    time.sleep(1e6)


def hold():
    """Freeze in native code that gives no other thread of Python a turn, nor a signal's handler."""
    sum(itertools.repeat(0))


def throw():
    raise RuntimeError("the dragon has no name")


def leave():
    os._exit(7)


def crash():
    os.kill(os.getpid(), signal.SIGSEGV)


WAYS = (throw, freeze, hold, leave, crash)


class Faulty(Counting):
    """Episodes of 3 to 12 steps; doomed is one whose seed is a multiple of FAULTY_RARITY."""

    def reset(self, *, seed=None, options=None):
        self._doomed, self._step = self.dooms(seed), 0
        seen = super().reset(seed=seed)
        self._left = max(self._left, 3)
        return seen

    def step(self, action):
        self._step += 1
        if self._doomed and self._step == 3:
            self.fail()
        return super().step(action)

    def dooms(self, seed):
        return seed % int(os.environ.get(RARITY, "4")) == 0


class Raising(Faulty):
    def fail(self):
        throw()


class Holding(Faulty):
    def fail(self):
        hold()


class BySeed(Faulty):
    """Fails in the way that the last digit of its seed says, or not."""

    def dooms(self, seed):
        self._way = seed % 10
        return self._way < len(WAYS)

    def fail(self):
        WAYS[self._way]()


class ByProcess(Faulty):
    """The first process that plays it fails in the first way, the next in the next; then it is sound."""

    way = None

    def dooms(self, seed):
        if ByProcess.way is None:
            for number in itertools.count():
                try:
                    (Path(os.environ[ROOM]) / str(number)).mkdir()
                except FileExistsError:
                    continue
                ByProcess.way = number
                break
        return ByProcess.way < len(WAYS) and super().dooms(seed)

    def fail(self):
        WAYS[ByProcess.way]()


class Unready(Counting):
    """Does not come to its first step."""

    def reset(self, *, seed=None, options=None):
        raise RuntimeError("the licence has expired")


class Rooted(Counting):
    """Has a process of its own, as a game has."""

    def __init__(self):
        super().__init__()
        self._game = None

    def reset(self, *, seed=None, options=None):
        if self._game is None:
            self._game = os.posix_spawn("/bin/sleep", ["sleep", "1000"], os.environ)
            (Path(os.environ[ROOM]) / str(self._game)).touch()
        return super().reset(seed=seed)


class Paced(Counting):
    """A step takes a while."""

    def step(self, action):
        time.sleep(0.01)
        return super().step(action)


class Jumping(Counting):
    """Plays while the wall clock jumps, back and forth by years."""

    def reset(self, *, seed=None, options=None):
        offset = (seed % 7 - 3) * 3e7
        real = time.clock_gettime
        time.time = lambda: real(time.CLOCK_REALTIME) + offset
        return super().reset(seed=seed)


class Stormy(BySeed):
    """Sound but for one episode in two thousand, which fails in the way that its seed says; a step takes a while."""

    def dooms(self, seed):
        self._way = seed % 10_000
        return self._way < len(WAYS)

    def step(self, action):
        time.sleep(0.001)
        return super().step(action)

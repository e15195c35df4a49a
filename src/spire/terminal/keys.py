"""Keys: reading one key at a time from a terminal, by name."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Protocol, Self

NAMES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[C": "right",
    "\x1bOC": "right",
    "\x1b[D": "left",
    "\x1bOD": "left",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\r": "enter",
    "\n": "enter",
    " ": "space",
    "\x1b": "escape",
    "\x04": "q",
}
"""What the keys send that are no characters; the end of input quits."""

_KEY = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)


class Keys(Protocol):
    """Something that says which key comes next."""

    def read(self, timeout: float | None = None) -> str:
        """Return the next key; nothing if none came in so many seconds."""


class Keyboard:
    """The keyboard of the terminal that is standard input, while it is entered."""

    def __init__(self) -> None:
        self._waiting: list[str] = []

    def __enter__(self) -> Self:
        self._number = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._number)
        tty.setcbreak(self._number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        termios.tcsetattr(self._number, termios.TCSADRAIN, self._before)

    def read(self, timeout: float | None = None) -> str:
        """Return the next key; nothing if none came in so many seconds."""
        if not self._waiting:
            ready, _, _ = select.select([self._number], [], [], timeout)
            if not ready:
                return ""
            text = os.read(self._number, 1024).decode(errors="replace")
            self._waiting = _KEY.findall(text) or ["q"]
        key = self._waiting.pop(0)
        return NAMES.get(key, key)

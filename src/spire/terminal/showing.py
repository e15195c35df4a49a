"""Showing: stepping through a game, or watching one being played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.live import Live

from spire.game import Game
from spire.terminal.choices import said
from spire.terminal.frames import Frame
from spire.terminal.keys import Keys
from spire.terminal.view import Look, print_view, show, turn_page

_PAUSE = 0.6
"""Seconds between two steps of a game that runs by itself."""
_HINT = "right, left step; space runs and stops; Home, End; m map, d deck, ? keys, q quits"


class _Film:
    """Frames, asked for one after another and kept."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self._seen = [next(frames)]

    def at(self, place: int) -> Frame:
        """Return the frame at a place."""
        return self._seen[place]

    def reach(self, place: int) -> int:
        """Return a place, or the last one there is."""
        while place >= len(self._seen):
            frame = next(self._frames, None)
            if frame is None:
                return len(self._seen) - 1
            self._seen.append(frame)
        return max(place, 0)


def _caption(frame: Frame, look: Look) -> None:
    """Choose and say what is done at a frame."""
    name = frame.note or _name(frame.game)
    look.heading = name
    look.note, look.chosen, look.target = "", 0, -1
    if frame.action is None:
        return
    look.note = f"next: {said(frame.game, frame.action)}"
    look.settle(frame.game)
    for k, choice in enumerate(look.offered):
        if frame.action in choice.actions:
            look.chosen = k
            if choice.is_aimed:
                look.target = choice.actions.index(frame.action)


def _name(game: Game) -> str:
    return f"Ironclad, ascension {int(game.record.ascension)}, seed {game.seed}"


def step_through(frames: Iterator[Frame], keys: Keys, console: Console) -> None:
    """Step through a game by keys; it is played on as far as it is looked at."""
    film, place, runs = _Film(frames), 0, False
    look = Look(hint=_HINT)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            frame = film.at(place)
            if not look.page:
                _caption(frame, look)
            live.update(show(console, frame.game, look, console.height), refresh=True)
            key = keys.read(_PAUSE if runs else None)
            if not key or key in ("right", "enter"):
                following = film.reach(place + 1)
                runs = runs and following != place
                place = following
            elif key in ("left", "home", "end"):
                goal = {"left": place - 1, "home": 0, "end": 1 << 30}[key]
                place, runs = film.reach(goal), False
            elif key == "space":
                runs = not runs
            elif key == "q":
                return
            else:
                turn_page(look, key)


def print_through(frames: Iterable[Frame], console: Console) -> None:
    """Print every state of a game, and what is done there."""
    for frame in frames:
        look = Look(hint="")
        _caption(frame, look)
        print_view(console, frame.game, look)
        console.print()

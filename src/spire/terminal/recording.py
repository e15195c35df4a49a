"""Recording: a game as a file: its seed and the actions taken, one JSON object a line.

The first line is ``{"spire_game": 1, "seed": "…", "ascension": 0}``, each other ``{"action": 12, "what": "…"}``.
Only the numbers of the actions count (`spire.actions`); what they are in words is for people. A file that
breaks off is a game that was not played to its end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from spire.errors import ActionError, RecordError
from spire.game import Game
from spire.lines import Lines
from spire.terminal.choices import said
from spire.terminal.frames import Frame

VERSION = 1


class Recorder:
    """Writes a game to a file while it is played."""

    def __init__(self, path: Path, game: Game) -> None:
        try:
            self._file = path.open("x", encoding="utf-8")
        except OSError as error:
            raise RecordError(f"{path} can not be written: {error.strerror}") from error
        ascension = int(game.record.ascension)
        self._write({"spire_game": VERSION, "seed": game.seed, "ascension": ascension})

    def take(self, game: Game, action: int) -> None:
        """Write down an action that is about to be taken."""
        self._write({"action": action, "what": said(game, action)})

    def _write(self, line: dict[str, object]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


def is_recording(lines: Lines) -> bool:
    """Return whether a file is a recorded game, and not a trace."""
    return '"spire_game"' in lines.first


def recorded_frames(lines: Lines) -> Iterator[Frame]:
    """Yield the states of a recorded game, each with the action taken there.

    Raises
    ------
    RecordError
        If the file is not a recorded game, or an action is not allowed where it was taken.

    """
    path, game = lines.path, _begun(lines.path, lines.first.rstrip())
    for number, line in islice(lines, 1, None):
        try:
            action = int(json.loads(line)["action"])
        except (ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{path}, line {number} is not an action: {line.rstrip()}") from error
        yield Frame(game.copy(), action)
        try:
            game.act(action)
        except ActionError as error:
            raise RecordError(f"{path}, line {number}: {error}") from error
    yield Frame(game)


def _begun(path: Path, line: str) -> Game:
    try:
        header = json.loads(line)
        version, seed, ascension = (header[key] for key in ("spire_game", "seed", "ascension"))
        seed, ascension = str(seed), int(ascension)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{path}, line 1 does not begin a recorded game: {line}") from error
    if version != VERSION:
        raise RecordError(f"{path} is of version {version}; this one reads version {VERSION}")
    return Game.new(seed, ascension)

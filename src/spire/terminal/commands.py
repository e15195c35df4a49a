"""Commands: ``spire play`` and ``spire replay``."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spire.errors import SpireError

if TYPE_CHECKING:
    from rich.console import Console

    from spire.terminal.frames import Frame

_WIDTH = 100
"""The columns of plain text that no terminal takes."""


def add_play(commands: Any) -> None:
    """Add ``spire play``."""
    parser = commands.add_parser(
        "play",
        help="play a game in the terminal",
        description="Play a game: by keys in a terminal, else by action numbers, one a line.",
    )
    parser.add_argument("--seed", help="the seed, as the game shows it (default: a random one)")
    parser.add_argument("--ascension", type=int, default=0, metavar="N", help="0 to 20 (0)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the game to a new file")
    parser.add_argument("--plain", action="store_true", help="print text and read numbers")
    parser.set_defaults(run=_play)


def add_replay(commands: Any) -> None:
    """Add ``spire replay``."""
    parser = commands.add_parser(
        "replay",
        help="step through a recorded game",
        description="Step through a game that `spire play --record` wrote, or act 1 of one of a file "
        "of traces.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--game", type=int, default=1, metavar="N", help="which game of a file of traces (1)"
    )
    parser.add_argument("--plain", action="store_true", help="print every step")
    parser.set_defaults(run=_replay)


def _play(chosen: argparse.Namespace) -> int:
    console = make_console(plain=chosen.plain)
    from spire.game import Game  # noqa: PLC0415 - what is imported here takes its time
    from spire.seeds import seed_text  # noqa: PLC0415
    from spire.terminal.playing import play_by_keys, play_by_lines  # noqa: PLC0415
    from spire.terminal.recording import Recorder  # noqa: PLC0415
    from spire.warm import warm_up  # noqa: PLC0415

    warm_up()
    seed = seed_text(secrets.randbits(64)) if chosen.seed is None else chosen.seed
    game = Game.new(seed, chosen.ascension)
    with Recorder(chosen.record, game) if chosen.record else nullcontext() as recorder:
        if has_keys(plain=chosen.plain):
            from spire.terminal.keys import Keyboard  # noqa: PLC0415

            with Keyboard() as keyboard:
                play_by_keys(game, keyboard, console, recorder)
        else:
            play_by_lines(game, sys.stdin, console, recorder)
    return 0


def _replay(chosen: argparse.Namespace) -> int:
    console = make_console(plain=chosen.plain)
    from spire.lines import Lines  # noqa: PLC0415
    from spire.terminal.frames import traced_frames  # noqa: PLC0415
    from spire.terminal.recording import is_recording, recorded_frames  # noqa: PLC0415
    from spire.warm import warm_up  # noqa: PLC0415

    lines = Lines(chosen.file)
    warm_up()
    frames = recorded_frames(lines) if is_recording(lines) else traced_frames(lines, chosen.game)
    show_frames(frames, console, plain=chosen.plain)
    return 0


def show_frames(frames: Iterator[Frame], console: Console, *, plain: bool) -> None:
    """Step through a game by keys, or print it where there are none."""
    from spire.terminal.showing import print_through, step_through  # noqa: PLC0415

    if not has_keys(plain=plain):
        print_through(frames, console)
        return
    from spire.terminal.keys import Keyboard  # noqa: PLC0415

    with Keyboard() as keyboard:
        step_through(frames, keyboard, console)


def make_console(*, plain: bool) -> Console:
    """Return what is printed on: the terminal, or plain text.

    Raises
    ------
    SpireError
        If Rich is not there.

    """
    try:
        from rich.console import Console  # noqa: PLC0415
    except ImportError as error:
        raise SpireError("the terminal needs Rich: pip install rich") from error
    if has_keys(plain=plain):
        return Console(highlight=False)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    width = None if sys.stdout.isatty() else _WIDTH
    return Console(highlight=False, color_system=None, width=width)


def has_keys(*, plain: bool) -> bool:
    """Return whether a game is shown on a terminal and steered by keys."""
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        import termios  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True

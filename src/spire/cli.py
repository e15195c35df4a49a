"""The command line: `spire COMMAND …`.

Each command is a function that adds its own parser and says what runs it; what a command prints for
people goes to standard error where `--json` asks for plain values on standard output.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spire.errors import SpireError
from spire.terminal.commands import add_play, add_replay

OK, DIFFERENT, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""What the process ends with. Bad usage, which argparse finds, ends with 2 too."""

_SHOWN = 20
"""The most differences that are shown to people."""

Commands = Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return what the process is to end with."""
    parser = argparse.ArgumentParser(
        prog="spire", description="Slay the Spire without its pictures: the Ironclad, exactly."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands)
    chosen = parser.parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
    except SpireError as error:
        print(f"spire: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def entry() -> None:
    """Run a command as a process."""
    sys.exit(main())


def _add_verify(commands: Commands) -> None:
    parser = commands.add_parser(
        "verify",
        help="play the games of a reference engine again, and compare every step",
        description="Play the games of traces again, step by step, and compare every state, every list "
        "of legal actions and every counter. Ends with 0 if every step that counts is exact, else with 1.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="games (JSON lines)")
    parser.add_argument(
        "--acts", type=int, default=1, choices=(1,), help="the last act that counts (1)"
    )
    parser.add_argument("--json", action="store_true", help="print plain values")
    parser.set_defaults(run=_verify)


def _verify(chosen: argparse.Namespace) -> int:
    # The engine is compiled as it is imported; other commands need not wait for it.
    from spire.replay.verify import Report, verify_file  # noqa: PLC0415

    report = Report()
    for path in chosen.files:
        for one in verify_file(path, chosen.acts):
            report.add(one)
            _progress(f"{report.games} games, {report.exact_games} exact")
    _progress("")
    if chosen.json:
        print(json.dumps(report.as_json()))
    else:
        print(_table(report))
    return OK if report.is_exact else DIFFERENT


def _progress(text: str) -> None:
    """Write over the last line of progress, where somebody looks at it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _table(report: Any) -> str:
    def share(part: int, whole: int) -> str:
        return f"{part:,} of {whole:,}" + (f" ({100 * part / whole:.2f} %)" if whole else "")

    lines = [
        f"games exact    {share(report.exact_games, report.games)}",
        f"steps counted  {share(report.counted_steps, report.steps)}",
        f"steps exact    {share(report.exact_steps, report.counted_steps)}",
    ]
    if report.stopped_by:
        lines.append("games that stop counting at a rule of the reference engine:")
        lines += [f"  {count:5}  {name}" for name, count in report.stopped_by.most_common()]
    if report.mismatches:
        lines.append("differences:")
        lines += [
            f"  {one.game}, seed {one.seed}, step {one.step}, {one.field}: "
            f"expected {json.dumps(one.expected)}, got {json.dumps(one.got)}"
            for one in report.mismatches[:_SHOWN]
        ]
        more = len(report.mismatches) - _SHOWN
        if more > 0:
            lines.append(f"  and {more} more")
    return "\n".join(lines)


COMMANDS: tuple[Callable[[Commands], None], ...] = (_add_verify, add_play, add_replay)
"""What adds each command."""

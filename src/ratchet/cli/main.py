"""The command ``ratchet``: what it is made of, and how it ends.

Exit status: 0 when it is done, 2 for bad input (one sentence, nothing half-written), 130 after Ctrl-C
(with how to go on), 1 for what should not have happened.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ratchet.cli import catalogue, cloning, evidence, experiments, files, fleet, learn, watching
from ratchet.cli.output import emit, people
from ratchet.errors import InputError, RatchetError

# Typer carried Click as a dependency once and carries it inside now: its usage errors are found by name.
_UsageError: type[Exception] = next(
    each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException"
)

_INTERRUPTED = 130


def _version(wanted: bool) -> None:
    if wanted:
        from ratchet import __version__

        sys.stdout.write(f"ratchet {__version__}\n")
        raise typer.Exit


app = typer.Typer(
    name="ratchet",
    help="Fine-tune a PPO policy, and prove on fixed seeds whether it got better.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Fine-tune a PPO policy, and prove on fixed seeds whether it got better."""


app.command()(experiments.demo)
app.command()(experiments.run)
app.command()(cloning.clone)
app.command()(learn.train)
app.command()(learn.finetune)
app.command()(fleet.fleet)
app.command()(fleet.worker)
app.command()(fleet.replay)
app.command()(evidence.evaluate)
app.command()(evidence.compare)
app.command()(watching.watch)
app.command()(files.inspect)
app.command("import")(files.import_)
app.command()(files.export)
app.command()(experiments.report)
app.command()(experiments.index)
app.command()(catalogue.tasks)
app.command()(catalogue.policies)
app.command()(catalogue.scopes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = app(args=words, prog_name="ratchet", standalone_mode=False)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            people.print(error.ctx.get_help(), markup=False)  # type: ignore[attr-defined]
            return 2
        return _refuse(error.format_message(), words)  # type: ignore[attr-defined]
    except InputError as error:
        return _refuse(str(error), words)
    except RatchetError as error:
        _refuse(str(error), words)
        return 1
    except Exception as error:
        # Somebody's simulator, or a fault of ours: the whole trace, and for machines its last line too.
        if "--json" in words:
            emit({"error": f"{type(error).__name__}: {error}"})
        raise
    except (KeyboardInterrupt, typer.Abort):
        _interrupted(words)
        return _INTERRUPTED
    if status == _INTERRUPTED:  # some versions of Typer turn Ctrl-C into this status themselves
        _interrupted(words)
    return int(status or 0)


def _refuse(message: str, words: Sequence[str]) -> int:
    if "--json" in words:
        emit({"error": message})
    else:
        people.print(f"ratchet: {message}", style="red", markup=False, soft_wrap=True)
    return 2


def _interrupted(words: Sequence[str]) -> None:
    name = None
    session = sys.modules.get("ratchet.recipes.session")  # one that is not loaded began nothing
    if session and words[0] in {
        "run",
        "demo",
        "clone",
        "train",
        "finetune",
        "fleet",
        "evaluate",
        "compare",
    }:
        name = session.last_opened()
    if name is None:
        people.print("interrupted; no run was begun", style="yellow")
        return
    people.print("interrupted; what was finished is kept", style="yellow")
    again = [word for word in words if word != "--resume"]
    if not any(word == "--name" or word.startswith("--name=") for word in again):
        again += ["--name", name]
    if again[0] == "demo":
        again = ["run", experiments.recipe_of(name), "--quick", *again[1:]]
    people.print(
        f"go on with: ratchet {shlex.join([*again, '--resume'])}", markup=False, soft_wrap=True
    )


def entry() -> None:
    """Run the command and leave with its exit status."""
    sys.exit(main())

"""``ratchet run``, ``demo``, ``report`` and ``index``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratchet.cli import options
from ratchet.cli.output import emit, say, table, watching

if TYPE_CHECKING:
    from ratchet.recipes.fleet_job import FleetView


_DEMO = (
    ("sb3-finetuning", "demo"),
    ("test-time-adaptation", "demo-adaptation"),
    ("parallel-ppo", "demo-fleet"),
)
"""Each recipe of the demo, and what its run is called."""


def recipe_of(name: str) -> str:
    """Return the recipe of a run of the demo, by its name."""
    longest = sorted(_DEMO, key=lambda one: len(one[1]), reverse=True)
    return next(recipe for recipe, stem in longest if name.startswith(stem))


def run(
    recipe: Annotated[str, typer.Argument(help="A recipe that ships, or a .toml file.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="a.b=value, over the recipe's own.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A small version, to look at.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", help="Processes that share a study's work; one a core by default."
        ),
    ] = None,
    name: options.Name = None,
    resume: options.Resume = False,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Run an experiment to its report."""
    chosen = _run(
        recipe, settings, quick=quick, workers=workers, name=name, resume=resume, root=root
    )
    report(chosen, root=root, as_json=as_json)


def _run(
    recipe: str,
    settings: list[str] | None = None,
    *,
    root: Path,
    quick: bool = False,
    workers: int | None = None,
    name: str | None = None,
    resume: bool = False,
) -> str:
    """Run an experiment; return the name of its run."""
    import os

    from ratchet.cli.page import fleet_page
    from ratchet.recipes import laboratory, parallel, sb3_finetuning
    from ratchet.recipes.schema import read_claims, read_recipe
    from ratchet.recipes.session import open_session, run_name
    from ratchet.recipes.study import Study

    read = read_recipe(recipe, settings or [], quick=quick)
    if workers is not None and isinstance(read, parallel.ParallelRecipe):
        read = read_recipe(recipe, [*(settings or []), f"workers={workers}"], quick=quick)
    prepared: laboratory.PreparedStudy | parallel.PreparedLoop | sb3_finetuning.Prepared
    if isinstance(read, Study):
        processes = (os.cpu_count() or 1) if workers is None else workers
        prepared = laboratory.prepare_study(read, read_claims(read), processes)
    elif isinstance(read, parallel.ParallelRecipe):
        prepared = parallel.prepare_loop(read, read_claims(read))
    else:
        prepared = sb3_finetuning.prepare(read, root)
    chosen = run_name(root, name, read.recipe, resume=resume)
    with (
        watching() as watcher,
        open_session(
            root,
            chosen,
            kind="recipe",
            seed=read.seed,
            task=read.task,
            recipe=prepared.record(),
            resume=resume,
            progress=watcher,
        ) as session,
    ):
        if isinstance(prepared, laboratory.PreparedStudy):
            laboratory.run_study(session, prepared)
        elif isinstance(prepared, parallel.PreparedLoop):

            @contextmanager
            def show(view: Callable[[], FleetView]) -> Iterator[None]:
                with watcher.giving_way(), fleet_page(view):
                    yield

            parallel.run_loop(session, prepared, show)
        else:
            sb3_finetuning.run(session, prepared)
    return chosen


def demo(root: options.Root = options.DEFAULT_ROOT, as_json: options.Json = False) -> None:
    """Fine-tune on every mode, adapt at test time, let a fleet learn a long game, and report it; a few minutes."""
    from ratchet.recipes.session import free_name

    runs = []
    for recipe, stem in _DEMO:
        runs.append(free_name(root, stem))
        _run(recipe, quick=True, name=runs[-1], root=root)
        if not as_json:
            report(runs[-1], root=root)
    if as_json:
        more = {"adaptation": _reported(runs[1], root), "fleet": _reported(runs[2], root)}
        emit(_reported(runs[0], root) | more)


def report(
    name: Annotated[str | None, typer.Argument(help="The run; the latest if not given.")] = None,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Write a run's report again, from the ledger alone."""
    from ratchet.recipes.reporting import report_run

    if as_json:
        emit(_reported(name, root))
        return
    found, _, summary = report_run(root, name)
    _print(summary)
    say(f"report  {root / found / 'report.html'}")


def _reported(name: str | None, root: Path) -> dict[str, Any]:
    """Write a run's report; return it as ``--json`` prints it."""
    from ratchet.recipes.reporting import report_run
    from ratchet.report.publish import report_data

    found, document, _ = report_run(root, name)
    return {"run": found, "report": str(root / found / "report.html"), **report_data(document)}


def index(root: options.Root = options.DEFAULT_ROOT, as_json: options.Json = False) -> None:
    """Write the public index of all runs again, from the ledger alone."""
    import json

    from ratchet.ledger.index import update_index
    from ratchet.ledger.ledger import Ledger
    from ratchet.recipes.session import LEDGER

    with Ledger.open(root / LEDGER, create=False) as ledger:
        path = update_index(root, ledger)
    if as_json:
        emit(json.loads(path.read_text(encoding="utf-8")))
        return
    say(str(path))


def _print(summary: object) -> None:
    from ratchet.report.document import Table, cell_text

    assert isinstance(summary, Table)
    table(
        summary.caption or "",
        [column.title for column in summary.columns],
        [
            [cell_text(cell, column) for cell, column in zip(row, summary.columns, strict=True)]
            for row in summary.cells
        ],
    )

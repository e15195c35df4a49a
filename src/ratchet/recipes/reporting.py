"""Writing a run's report from the ledger, once the run has ended."""

from __future__ import annotations

from pathlib import Path

from ratchet.errors import LedgerError
from ratchet.ledger import queries
from ratchet.ledger.index import update_index
from ratchet.ledger.ledger import Ledger
from ratchet.ledger.rows import Run
from ratchet.recipes.session import LEDGER
from ratchet.report.document import Document, Table
from ratchet.report.exports import write_exports
from ratchet.report.finetuning import finetuning_document, summary_table
from ratchet.report.laboratory import STUDIES, study_document, study_summary
from ratchet.report.loop import is_loop, loop_document, loop_summary
from ratchet.report.publish import write_report

_KINDS = ("recipe", "train", "finetune", "clone", "fleet")


def report_run(root: Path, name: str | None = None) -> tuple[str, Document, Table]:
    """Write the report of a run, the latest by default; return its name, document and summary.

    Of a cloning or a fleet also every episode, as CSV files.

    Raises
    ------
    LedgerError
        If there is no such run, or it is of a kind that has no report.

    """
    with Ledger.open(root / LEDGER, create=False) as ledger:
        run = queries.run(ledger, name) if name else _latest(ledger)
        if run.kind not in _KINDS:
            raise LedgerError(
                f"run {run.name!r} is of kind {run.kind!r}, which has no report; "
                f"those of kind {', '.join(_KINDS)} have one"
            )
        document, summary = _made(ledger, run)
        write_report(document, root / run.name)
        if is_loop(run):
            write_exports(ledger, run.id, root / run.name)
        ledger.set_report(run.id, f"{run.name}/report.html")
        update_index(root, ledger)
        return run.name, document, summary


def _made(ledger: Ledger, run: Run) -> tuple[Document, Table]:
    """Return a run's document, and the table of it that a terminal shows."""
    if is_loop(run):
        return loop_document(ledger, run.id), loop_summary(ledger, run.id)
    if isinstance(run.recipe, dict) and run.recipe.get("recipe") in STUDIES:
        return study_document(ledger, run.id), study_summary(ledger, run.id)
    return finetuning_document(ledger, run.id), summary_table(ledger, run.id)


def _latest(ledger: Ledger) -> Run:
    """Return the latest run that has a report."""
    found = [run for run in queries.runs(ledger) if run.kind in _KINDS]
    if not found:
        raise LedgerError(
            f"the ledger {ledger.path} has no run with a report; "
            f"those of kind {', '.join(_KINDS)} have one"
        )
    return found[-1]

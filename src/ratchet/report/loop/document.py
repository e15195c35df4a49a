"""The report of a cloning, of a fleet, or of the experiment made of both.

Invariants: every number is a query over the ledger or an interval of its episodes, and none is typed;
what a reader would look at first comes first; a section that has nothing to say is not there; a run that
was interrupted is reported as far as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Cell, Column, Document, Table
from ratchet.report.loop.claimed import claims_section
from ratchet.report.loop.cloned import accuracy, cloning
from ratchet.report.loop.configuration import configuration
from ratchet.report.loop.curves import curves
from ratchet.report.loop.evaluated import evaluation, evaluation_summary
from ratchet.report.loop.evidence import gather_loop
from ratchet.report.loop.head import head
from ratchet.report.loop.notes import notes
from ratchet.report.loop.pairs import Pairs
from ratchet.report.loop.promotions import promotions
from ratchet.report.loop.provenance import provenance
from ratchet.report.loop.spooled import spool, time
from ratchet.report.loop.training import training_metrics, training_outcome
from ratchet.report.tables import count
from ratchet.report.wording import plural

if TYPE_CHECKING:
    from ratchet.ledger import Store
    from ratchet.report.loop.evidence import LoopEvidence
    from ratchet.report.tables import Value


def loop_document(ledger: Store, run_id: str) -> Document:
    """Return the report of a run of kind `clone` or `fleet`, or of a recipe of both.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    run_id : str
        The run, finished or not.

    Raises
    ------
    LedgerError
        If there is no such run, or it is another one.
    RecipeError
        If the run's recipe carries a claim that cannot be read.

    """
    evidence = gather_loop(ledger, run_id)
    pairs = Pairs(evidence)
    training = training_metrics(ledger, evidence)
    blocks: list[Block] = [
        *head(evidence, pairs),
        *configuration(evidence),
        *training_outcome(evidence, training),
        *evaluation(evidence, pairs),
        *cloning(evidence),
        *curves(ledger, evidence),
        *promotions(evidence),
        *spool(evidence),
        *time(evidence),
        *claims_section(evidence, pairs, training),
        *notes(evidence, pairs),
        *provenance(ledger, evidence),
    ]
    return Document(_title(evidence), _subtitle(evidence), tuple(blocks))


def loop_summary(ledger: Store, run_id: str) -> Table:
    """Return what a terminal shows: the evaluated policies, or what there is in their place.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    run_id : str
        The run, finished or not.

    Raises
    ------
    LedgerError
        If there is no such run, or it is another one.

    """
    evidence = gather_loop(ledger, run_id)
    if evidence.players:
        return evaluation_summary(evidence, Pairs(evidence))
    columns = (Column("name", ""), Column("value", "Value", align="right"))
    rows: list[tuple[Cell | Value, ...]] = []
    if evidence.cloned:
        alike = accuracy(evidence.cloned["accuracy"])
        rows.append(("agreement with the teacher", Cell(alike, format="percent")))
    if evidence.fleet is not None:
        taken = sum(look.verdict.accepted for look in evidence.looks)
        rows += [
            ("updates", Cell(len(evidence.tuned), format="count")),
            ("episodes learned from", Cell(evidence.fleet.episodes, format="count")),
            ("transitions learned from", Cell(evidence.fleet.environment_steps, format="count")),
            ("taken as best", f"{count(taken)} of {count(len(evidence.looks))}"),
        ]
    return Table("summary", columns, tuple(rows))


def _title(evidence: LoopEvidence) -> str:
    title = evidence.recipe.get("title")
    if isinstance(title, str):
        return title
    if evidence.run.kind == "clone":
        return f"Cloning {evidence.recipe.get('teacher', 'a teacher')} on {evidence.task}"
    return f"A fleet on {evidence.task}"


def _subtitle(evidence: LoopEvidence) -> str:
    parts = []
    if evidence.cloned:
        parts.append(f"{plural(evidence.cloned['episodes'], 'game')} of the teacher")
    if evidence.fleet is not None:
        parts.append(f"{plural(evidence.fleet.episodes, 'game')} learned from by the fleet")
    seeds = evidence.on("report")
    if seeds:
        parts.append(f"{count(seeds[0].episodes)} evaluation seeds")
    return "; ".join(parts)

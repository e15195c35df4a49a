"""The report of a study of the laboratory, whichever it is.

Invariants: every number is a figure of the ledger's episodes, and none is typed; what a reader would
look at first comes first; a run that was interrupted is reported as far as it came, with what is missing
said at the top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.errors import RecipeError
from ratchet.report.document import Block, Cell, Column, Document, Table
from ratchet.report.laboratory.adaptation import adaptation_blocks
from ratchet.report.laboratory.changes import change_table
from ratchet.report.laboratory.claimed import claims_blocks
from ratchet.report.laboratory.common import gaps, method, subtitle, title
from ratchet.report.laboratory.effects import StudyEffects
from ratchet.report.laboratory.evidence import gather_study
from ratchet.report.laboratory.extreme import extreme_blocks
from ratchet.report.laboratory.fewshot import few_shot_blocks
from ratchet.report.laboratory.guarded import guard_blocks
from ratchet.report.laboratory.matched import matched_blocks
from ratchet.report.laboratory.matrices import forgetting_blocks
from ratchet.report.laboratory.measured import measured
from ratchet.report.laboratory.provenance import provenance
from ratchet.report.laboratory.spent import costs, guards
from ratchet.report.tables import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchet.ledger import Store
    from ratchet.report.laboratory.evidence import StudyEvidence

_ADAPTATIONS: dict[str, Callable[[StudyEffects], list[Block]]] = {
    "test-time-adaptation": adaptation_blocks,
    "parameter-matched": matched_blocks,
    "forgetting": forgetting_blocks,
    "few-shot": few_shot_blocks,
    "extreme-modes": extreme_blocks,
}
_TRAININGS = ("astral-training", "training-ablation")

STUDIES = (*_ADAPTATIONS, *_TRAININGS, "interventions")
"""Names of recipes whose runs are studies."""


def study_document(ledger: Store, run_id: str) -> Document:
    """Return the report of a run of one of `STUDIES`.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    run_id : str
        The run, finished or not.

    Raises
    ------
    LedgerError
        If there is no such run, or its recipe is no study.
    RecipeError
        If the study is not one that there is a report for, or it carries a claim that cannot be read.

    """
    evidence = gather_study(ledger, run_id)
    effects = StudyEffects(evidence)
    blocks = [
        *gaps(evidence),
        *_sections(ledger, evidence, effects),
        *guards(evidence, effects.groups()),
        *costs(ledger, evidence),
        *method(evidence),
        *provenance(evidence),
    ]
    return Document(title(evidence), subtitle(evidence), tuple(blocks))


def study_summary(ledger: Store, run_id: str) -> Table:
    """Return the changes of a study's arms, or the returns of its bases, as a terminal shows them.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    run_id : str
        The run, finished or not.

    Raises
    ------
    LedgerError
        If there is no such run, or its recipe is no study.

    """
    evidence = gather_study(ledger, run_id)
    effects = StudyEffects(evidence)
    groups = effects.groups()
    if groups:
        return change_table(effects, groups, "summary")
    columns = (
        Column("base", "Base"),
        *(Column(f"mode_{mode}", f"Mode {mode}", "number") for mode in evidence.modes),
        Column("all", "All modes", "number"),
    )
    rows: list[tuple[Cell | Value, ...]] = [
        (
            base,
            *(effects.base(base, mode, task=evidence.task) for mode in evidence.modes),
            Cell(effects.base(base, task=evidence.task), strong=True),
        )
        for base in evidence.bases
    ]
    return Table("summary", columns, tuple(rows))


def _sections(ledger: Store, evidence: StudyEvidence, effects: StudyEffects) -> list[Block]:
    """Return what one kind of study says, with the claims on it."""
    if evidence.study in _ADAPTATIONS:
        sections = _ADAPTATIONS[evidence.study](effects)
        if evidence.study != "test-time-adaptation":  # which has it between its own sections
            sections += guard_blocks(effects)
        return sections + claims_blocks(evidence, lambda claim: measured(claim, effects))
    if evidence.study in _TRAININGS:
        # Each study loads what it needs and no more.
        from ratchet.report.laboratory.training import training_blocks  # noqa: PLC0415

        sections = training_blocks(ledger, evidence)
        return sections + claims_blocks(evidence, lambda claim: measured(claim, effects))
    if evidence.study == "interventions":
        from ratchet.report.laboratory.interventions import interventions_blocks  # noqa: PLC0415

        return interventions_blocks(ledger, evidence)
    raise RecipeError(
        f"there is no report of a study {evidence.study!r}; it must be one of {', '.join(STUDIES)}"
    )

"""The report of a fine-tuning: of one policy on one mode, or of a recipe's many arms.

Invariants: every number is a query over the ledger or an interval of its episodes, and none is typed;
what a reader would look at first comes first; a run that was interrupted is reported as far as it came,
with what is missing said at the top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.arms import gather
from ratchet.report.costs import cost, every_arm, verdicts
from ratchet.report.curves import curves
from ratchet.report.document import Block, Document, Table
from ratchet.report.effects import Effects, measure_effects, measure_rows
from ratchet.report.forgotten import control, forgetting
from ratchet.report.measured import claims_section
from ratchet.report.origin import origin
from ratchet.report.results import results, variance
from ratchet.report.safety import safety
from ratchet.report.summary import headline, headline_table, summary
from ratchet.report.tables import count
from ratchet.report.wording import base_name, doing, plural, scope_name

if TYPE_CHECKING:
    from ratchet.ledger import Store
    from ratchet.report.arms import Evidence


def finetuning_document(ledger: Store, run_id: str) -> Document:
    """Return the report of a run of kind `finetune`, or of a recipe of fine-tunings.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    run_id : str
        The run, finished or not.

    Raises
    ------
    LedgerError
        If there is no such run.
    RecipeError
        If the run's recipe carries a claim that cannot be read.

    """
    evidence = gather(ledger, run_id)
    effects = measure_effects(evidence)
    blocks: list[Block] = summary(evidence, effects)
    if evidence.groups:
        first, *others = evidence.scopes
        blocks += results(evidence, effects, first)
        blocks += curves(ledger, evidence)
        blocks += forgetting(evidence, effects)
        blocks += control(evidence, effects)
        for scope in others:
            blocks += results(evidence, effects, scope)
        blocks += variance(evidence, effects)
    blocks += safety(evidence)
    blocks += cost(ledger, evidence)
    blocks += verdicts(evidence)
    blocks += claims_section(evidence, effects)
    blocks += origin(ledger, evidence)
    blocks += every_arm(evidence)
    return Document(_title(evidence), _subtitle(evidence), tuple(blocks))


def summary_table(ledger: Store, run_id: str) -> Table:
    """Return mode, before, after, difference and verdict, as a terminal shows them.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    run_id : str
        The run, finished or not.

    Raises
    ------
    LedgerError
        If there is no such run.

    """
    evidence = gather(ledger, run_id)
    groups = headline(evidence)
    effects = Effects(rows=measure_rows(evidence.only(groups)))
    return headline_table(evidence, effects, groups)


def _title(evidence: Evidence) -> str:
    task = evidence.run.task or "a task"
    title = evidence.recipe.get("title")
    if isinstance(title, str) and evidence.base_training is not None:
        return title
    return f"{doing(evidence).capitalize()} {base_name(evidence)} on {task}"


def _subtitle(evidence: Evidence) -> str:
    if not evidence.groups:
        return "No arm can be compared yet"
    parts = []
    if evidence.run.kind == "recipe":
        tuned = {g.key.target for g in evidence.groups if g.key.kind == "finetune"}
        seeds = {seed for group in evidence.groups for seed in group.seeds}
        budgets = sorted({group.key.budget for group in evidence.groups})
        parts.append(plural(len(tuned), "mode"))
        parts.append("budgets of " + ", ".join(count(budget) for budget in budgets))
        parts.append(plural(len(seeds), "fine-tuning seed"))
    parts.append(" and ".join(scope_name(scope) for scope in evidence.scopes))
    parts.append(f"{count(evidence.episodes)} evaluation episodes a mode")
    text = "; ".join(parts)
    return text[0].upper() + text[1:]

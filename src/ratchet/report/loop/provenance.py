"""Where a loop's numbers come from: run, seeds, versions, machine, recipe, policies, and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.report.document import Block, Bullets, Heading, KeyValues
from ratchet.report.exports import EVAL_STATS, FIGHT_STATS, TRAINING_STATS
from ratchet.report.origin import recipe_and_policies, run_items, seed_sets

if TYPE_CHECKING:
    from ratchet.ledger import Store
    from ratchet.report.loop.evidence import LoopEvidence
    from ratchet.report.tables import Value


def provenance(ledger: Store, evidence: LoopEvidence) -> list[Block]:
    """Return the section."""
    run = evidence.run
    seeds: list[tuple[str, Value]] = seed_sets(evidence.evaluations)
    stopped = [
        (f"{each.name} ended", each.stop_reason) for each in evidence.trainings if each.stop_reason
    ]
    return [
        Heading("Provenance"),
        KeyValues(run_items(run, *seeds, *stopped), "provenance"),
        Heading("Commands and files", 3),
        Bullets(tuple(_commands(evidence))),
        *recipe_and_policies(ledger, run),
    ]


def _commands(evidence: LoopEvidence) -> list[str]:
    run, task = evidence.run, evidence.task
    name = run.name
    again = {
        "clone": f"ratchet clone {task} --name {name} --resume",
        "fleet": f"ratchet fleet {task} --policy POLICY --name {name} --resume",
        "recipe": f"ratchet run {evidence.recipe.get('recipe')} --name {name} --resume",
    }[run.kind]
    items = [
        f"`ratchet report {name}` writes this report and its files again, from the ledger alone.",
        f"`{again}`, with the settings of the recipe below, goes on where it was interrupted.",
    ]
    if evidence.cloning is not None or evidence.fleet is not None:
        items.append(f"`ratchet evaluate {name}@best {task}` plays the pawl's best again.")
    items.append(
        f"In the run's directory: every training episode in `{TRAINING_STATS}`, every evaluated one in "
        f"`{EVAL_STATS}`, and the parts of both, such as fights, in `{FIGHT_STATS}`."
    )
    return items

"""How the base policies of a study use their slots: collapse, entropy, and whether slots tell the mode.

Invariants: everything was measured by the study and is read here, none is estimated anew; a base
without slots has no row; a slot counts as telling the mode only above what shuffled labels give, and
only by an effect that is worth the name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ratchet.evaluation.slot_usage import COLLAPSED, TELLING, tells_the_mode
from ratchet.evaluation.statistics import Interval
from ratchet.report.document import Block, Cell, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.lists import chunks, listing
from ratchet.report.laboratory.plots import WeightMap, weight_maps
from ratchet.report.tables import Value, count, number, percent
from ratchet.report.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ratchet.report.laboratory.evidence import BaseKey, StudyEvidence

_PANELS = 8

_COLUMNS = (
    Column("base", "Base"),
    Column("training_seed", "Training seed", "count"),
    Column("largest_mean_weight", "Largest mean weight", "percent", 0),
    Column("collapsed", "Collapsed"),
    Column("entropy", "Entropy (nats)", "number", 2),
    Column("mutual_information", "Mode and slot (nats)", "number", 3),
    Column("chance", "By chance below", "number", 3),
    Column("tells_the_mode", "Tells the mode"),
)


@dataclass(frozen=True)
class Routing:
    """What was measured on the gate of one base policy."""

    slots: int
    collapsed: bool
    largest_mean_weight: float
    information: Interval
    """Mutual information between mode and slot, in nats."""
    chance: float | None
    """What 95 of 100 shufflings of the modes' labels stay below; None if it was not measured."""
    weights: Mapping[str, Sequence[float]]
    """Mean weights by mode."""
    entropy: float
    """Mean over the modes of a step's mean entropy, in nats."""
    tells_the_mode: bool
    """Whether mode and slot depend on each other by more than chance and next to nothing."""


def routings(evidence: StudyEvidence) -> dict[BaseKey, Routing]:
    """Return the measured routing of every base policy with slots, in the order of the recipe."""
    whole = {row.policy_id: row.value for row in evidence.measured("routing")}
    by_mode: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in evidence.measured("slot_usage"):
        by_mode.setdefault(row.policy_id, {})[row.mode] = row.value
    order = {base: place for place, base in enumerate(evidence.bases)}
    keys = sorted(evidence.base_policies, key=lambda key: (order[key.base], key.training_seed))
    found = {}
    for key in keys:
        identity = evidence.base_policies[key].policy_id
        if identity not in whole:
            continue
        value, used = whole[identity], by_mode.get(identity, {})
        slots, chance = int(value["slots"]), value.get("mutual_information_null_high")
        information = Interval(
            float(value["mutual_information"]),
            _or_nan(value.get("mutual_information_low")),
            _or_nan(value.get("mutual_information_high")),
        )
        said = value.get("tells_the_mode")
        if said is None:  # measured before it was said
            said = tells_the_mode(information, chance, modes=len(evidence.modes), slots=slots)
        found[key] = Routing(
            slots=slots,
            collapsed=bool(value["collapsed"]),
            largest_mean_weight=float(value["largest_mean_weight"]),
            information=information,
            chance=chance,
            weights={m: tuple(used[m]["mean_weights"]) for m in evidence.modes if m in used},
            entropy=fmean([float(u["entropy"]) for u in used.values()]) if used else math.nan,
            tells_the_mode=bool(said),
        )
    return found


def usage(evidence: StudyEvidence, found: Mapping[BaseKey, Routing]) -> list[Block]:
    """Return the section on slots, or nothing where no base has any."""
    if not found:
        return []
    slots = sorted({routing.slots for routing in found.values()})
    rows: list[tuple[Cell | Value, ...]] = [
        (
            f"`{key.base}`" + (f" ({plural(routing.slots, 'slot')})" if len(slots) > 1 else ""),
            key.training_seed,
            routing.largest_mean_weight,
            Cell(routing.collapsed, "bad" if routing.collapsed else "plain"),
            routing.entropy,
            Cell(routing.information, "good" if routing.tells_the_mode else "muted"),
            routing.chance,
            Cell(routing.tells_the_mode, "good" if routing.tells_the_mode else "muted"),
        )
        for key, routing in found.items()
    ]
    most = listing([f"{number(math.log(n), 2)} for {plural(n, 'slot')}" for n in slots])
    least = min([len(evidence.modes), *slots])
    note = (
        f"A gate is called collapsed if one slot's mean weight over all modes is above "
        f"{percent(COLLAPSED)}. Entropy is that of one step's weights: 0 if one slot is taken alone, at "
        f"most {most}. The mutual information of mode and slot is 0 if every mode uses the slots alike, "
        f"and at most {number(math.log(least), 2)} here; its interval is over episodes. Chance is what "
        "95 of 100 shufflings of the modes' labels over the episodes stay below. The slot **tells the "
        "mode** if the mutual information is above chance and its interval lies at or above "
        f"{percent(TELLING)} of the most that it can be: with many episodes even a dependence that is of "
        "no use is more than chance."
    )
    return [
        Heading("Use of the slots"),
        Text(note),
        Text(_sentence(found)),
        Table("slot-usage", _COLUMNS, tuple(rows)),
        *_maps(evidence, found),
    ]


def _sentence(found: Mapping[BaseKey, Routing]) -> str:
    collapsed = sum(routing.collapsed for routing in found.values())
    telling = sum(routing.tells_the_mode for routing in found.values())
    policies = "policy" if len(found) == 1 else "policies"
    return (
        f"Of {count(len(found))} {policies} with slots **{count(collapsed)} collapsed**, and in "
        f"**{count(telling)}** the slot tells something of the mode."
    )


def _maps(evidence: StudyEvidence, found: Mapping[BaseKey, Routing]) -> list[Block]:
    """Return the mean weights of one training seed of every base."""
    first: dict[str, tuple[BaseKey, Routing]] = {}
    for key, routing in found.items():
        if len(routing.weights) == len(evidence.modes):
            first.setdefault(key.base, (key, routing))
    blocks: list[Block] = []
    for place, chosen in enumerate(chunks(list(first.values()), _PANELS)):
        seeds = listing(sorted({str(key.training_seed) for key, _ in chosen}))
        one = len({key.training_seed for key, _ in chosen}) == 1
        peaks = "; ".join(
            f"{key.base}: {percent(routing.largest_mean_weight)} in its largest slot"
            for key, routing in chosen
        )
        blocks.append(
            Figure(
                f"slot-weights{f'-{place + 1}' if place else ''}",
                weight_maps(
                    [
                        WeightMap(key.base, [routing.weights[mode] for mode in evidence.modes])
                        for key, routing in chosen
                    ],
                    evidence.modes,
                ),
                f"Mean weight of each slot in each mode, in percent; training seed{'' if one else 's'} "
                f"{seeds}, one policy a base.",
                f"Matrices of modes and slots, one a base, with mean weights over all modes of {peaks}.",
            )
        )
    return blocks


def _or_nan(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan

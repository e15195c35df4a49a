"""The report of interventions on the slots: what each one does for the return, if anything.

Invariants: a mean over training seeds has its interval over these and evaluation seeds together; slots
are numbered within a policy, so which one matters is asked policy by policy; that slots do nothing is
said only of what the return shows, and that one matters only where an interval excludes zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ratchet.report.document import Block, Callout, Cell, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.claimed import claims_blocks
from ratchet.report.laboratory.effects import StudyEffects
from ratchet.report.laboratory.intervened import Change, claimed_of, gather_changes
from ratchet.report.laboratory.lists import chunks, listing, slugs
from ratchet.report.laboratory.plots import ChangeMap, change_maps
from ratchet.report.laboratory.usage import routings, usage
from ratchet.report.tables import Value, count, number
from ratchet.report.wording import modes_name, signed, toned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ratchet.ledger import Store
    from ratchet.report.laboratory.evidence import StudyEvidence
    from ratchet.report.laboratory.intervened import Changes, Kind

_MODES_A_TABLE = 5
_SINGLE: tuple[Kind, ...] = ("disable", "clamp")
_WHOLE: tuple[Kind, ...] = ("uniform", "random")
_SAYS: dict[Kind, str] = {
    "clamp": "Held on one slot",
    "disable": "Without one slot",
    "uniform": "Uniform weights",
    "random": "Random weights",
}
_POLICIES = (
    Column("base", "Base"),
    Column("training_seed", "Seed", "count"),
    Column("needed", "Needed most", "count"),
    Column("without", "Without it", "signed"),
    Column("best", "Best alone", "count"),
    Column("held", "Held on it", "signed"),
)


def interventions_blocks(ledger: Store, evidence: StudyEvidence) -> list[Block]:
    """Return what a study of interventions says, with the claims on it.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    evidence : StudyEvidence
        What `gather_study` read of it.

    """
    del ledger  # the evidence holds all that is needed
    effects, routing = StudyEffects(evidence), routings(evidence)
    found = {base: gather_changes(evidence, base) for base in evidence.bases}
    measured = {base: changes for base, changes in found.items() if changes.cells}
    blocks: list[Block] = [Heading("What was found")]
    blocks += [finding(changes) for changes in measured.values()]
    missing = [base for base in evidence.bases if base not in measured]
    if missing:
        names = ", ".join(f"`{base}`" for base in missing)
        blocks.append(Text(f"No intervention is measured on {names}."))
    blocks += _natural(evidence, effects)
    blocks += _seeds(measured)
    blocks += _whole(evidence, measured)
    if measured:
        blocks += [Heading("Slot by slot"), Text(_NOTE)]
    scale = _scale(measured)
    slug = slugs(evidence.bases)
    for base, changes in measured.items():
        blocks += _slots(changes, slug[base], scale)
    blocks += usage(evidence, routing)
    return blocks + claims_blocks(
        evidence, lambda claim: claimed_of(claim, effects, found, routing)
    )


_NOTE = (
    "Every number is the mean return with the intervention less the return without, paired by "
    "training seed and evaluation seed. **Held on one slot** gives that slot all the weight; **without "
    "one slot** takes its weight away and shares it among the others. These are means over training "
    "seeds, slot by slot; where the roles of the slots differ between seeds, they even out here."
)


def finding(changes: Changes) -> Callout:
    """Say which slot matters, or that none does, in one statement."""
    name = f"`{changes.base}`"
    if changes.identical:
        return Callout(
            "warning",
            f"{name}: **the slots do nothing**, as far as the return shows. With every intervention "
            "each episode returns exactly what it does without.",
        )
    if not changes.shown:
        return Callout(
            "warning",
            f"{name}: **no intervention changes anything that can be told from zero**: the slots do "
            f"nothing, as far as the return shows. Of {count(changes.tests)} mean changes of one policy on "
            "one mode none excludes zero when all are looked at together.",
        )
    return Callout("note", f"{name}: {_needed(changes)} {_alone(changes)}".strip())


def _needed(changes: Changes) -> str:
    """Say which slot the policies are worse without, seed by seed where they differ."""
    found = {seed: changes.extreme("disable", seed) for seed in changes.training_seeds}
    worst = {seed: pair for seed, pair in found.items() if pair is not None}
    if not worst:
        return ""
    losing = {seed: pair for seed, pair in worst.items() if pair[1].high < 0.0}
    if not losing:
        return "no policy is shown to need any one of its slots: without it no fall of the return can be told from zero."
    slots = {slot for slot, _ in losing.values()}
    if len(slots) == 1 and len(losing) == len(worst):
        slot = slots.pop()
        change = Change("disable", slot)
        pooled = changes.figure(change)
        seeds = f" on all {count(len(worst))} training seeds" if len(worst) > 1 else ""
        if pooled is not None:
            return (
                f"**slot {slot} matters most**{seeds}: without it the return changes by "
                f"{signed(pooled)}{_hit(changes, change)}."
            )
    each = listing(
        [
            f"slot {slot} on seed {seed} ({signed(change)})"
            for seed, (slot, change) in losing.items()
        ]
    )
    rest = len(worst) - len(losing)
    none = (
        f" No such slot is shown by {count(rest)} of {count(len(worst))} policies." if rest else ""
    )
    return f"**the slot that matters most depends on the training seed**: {each}.{none}"


def _hit(changes: Changes, change: Change) -> str:
    """Name the mode that an intervention costs most, where there are several."""
    figures = {mode: changes.figure(change, mode) for mode in changes.modes}
    known = {mode: figure for mode, figure in figures.items() if figure is not None}
    if len(known) < 2:
        return ""
    mode, worst = min(known.items(), key=lambda item: item[1].estimate)
    return f", most on {modes_name([mode])} ({signed(worst)})"


def _alone(changes: Changes) -> str:
    """Say how many policies lose by being held on their best slot."""
    found = [changes.extreme("clamp", seed) for seed in changes.training_seeds]
    best = [pair[1] for pair in found if pair is not None]
    if not best:
        return ""
    losing = sum(change.high < 0.0 for change in best)
    if len(best) == 1:
        change = best[0]
        said = "returns less than with all" if losing else "is not shown to lose anything"
        return f"Held on its best slot alone the policy {said} ({signed(change)})."
    return (
        f"Held on their best slot alone, {count(losing)} of {count(len(best))} policies return less "
        "than with all."
    )


def _seeds(measured: Mapping[str, Changes]) -> list[Block]:
    """Return each policy's most needed slot, and its best slot alone."""
    rows: list[tuple[Cell | Value, ...]] = []
    for base, changes in measured.items():
        for seed in changes.training_seeds:
            row: list[Cell | Value] = [f"`{base}`", seed]
            for kind in _SINGLE:
                found = changes.extreme(kind, seed)
                row += [None, None] if found is None else [found[0], toned(found[1])]
            rows.append(tuple(row))
    if not rows:
        return []
    note = (
        "Slots are numbered within a policy: slot 1 of one training seed is not slot 1 of another. "
        "Changes are means over all modes with intervals over the evaluation seeds of that one policy. "
        "The slots shown are the extreme ones of several, so the change of slots that do nothing "
        "leans away from zero."
    )
    return [
        Heading("Policy by policy"),
        Text(note),
        Table("policies-slots", _POLICIES, tuple(rows)),
    ]


def _natural(evidence: StudyEvidence, effects: StudyEffects) -> list[Block]:
    """Return what the policies return without any intervention."""
    lines: list[tuple[list[Cell | Value], dict[str | None, Cell | Value]]] = [
        (
            [f"`{base}`"],
            {
                mode: Cell(effects.base(base, mode, task=evidence.task), strong=mode is None)
                for mode in (*evidence.modes, None)
            },
        )
        for base in evidence.bases
    ]
    return [
        Heading("Without intervention"),
        Text("Mean returns of the policies as they were trained."),
        *_tables("natural", [Column("base", "Base")], evidence.modes, lines, signed_values=False),
    ]


def _whole(evidence: StudyEvidence, measured: Mapping[str, Changes]) -> list[Block]:
    """Return what uniform and random weights change, of every base."""
    lines = [
        ([f"`{base}`", _SAYS[kind]], _row(changes, Change(kind, None)))
        for base, changes in measured.items()
        for kind in _WHOLE
        if changes.has(kind)
    ]
    if not lines:
        return []
    lead = [Column("base", "Base"), Column("weights", "Instead of the gate")]
    return [
        Heading("Without the gate"),
        Text(
            "The slots are kept, but their weights no longer come from the gate: all alike, or drawn "
            "once at random and then kept. Changes of the mean return; near zero, the return does not "
            "depend on what the gate chooses."
        ),
        *_tables("weights", lead, evidence.modes, lines),
    ]


def _slots(changes: Changes, slug: str, scale: float) -> list[Block]:
    """Return a base's tables and picture."""
    blocks: list[Block] = [Heading(f"`{changes.base}`", 3)]
    for kind in _SINGLE:
        lines = [
            ([f"slot {slot}"], _row(changes, Change(kind, slot)))
            for slot in changes.slots
            if any((Change(kind, slot), mode) in changes.cells for mode in changes.modes)
        ]
        if lines:
            lead = [Column("slot", _SAYS[kind].split()[0])]
            blocks += _tables(f"{kind}-{slug}", lead, changes.modes, lines)
    maps = [
        ChangeMap(
            _SAYS[kind].lower(),
            [
                [changes.figure(Change(kind, s), mode) for mode in changes.modes]
                for s in changes.slots
            ],
        )
        for kind in _SINGLE
        if changes.has(kind)
    ]
    if maps:
        blocks.append(
            Figure(
                f"slots-{slug}",
                change_maps(maps, [str(s) for s in changes.slots], changes.modes, limit=scale),
                f"Change of the mean return by slot and mode, `{changes.base}`; bold where the 95% "
                "interval excludes zero. Colours are on one scale for all bases.",
                f"Matrices of slots and modes of {changes.base}: "
                + "; ".join(_extent(changes, kind) for kind in _SINGLE)
                + ".",
            )
        )
    return blocks


def _extent(changes: Changes, kind: Kind) -> str:
    """Return between which numbers the changes of a kind lie, for the words beside a picture."""
    found = [changes.figure(Change(kind, s), mode) for s in changes.slots for mode in changes.modes]
    known = [figure.estimate for figure in found if figure is not None]
    if not known:
        return f"{_SAYS[kind].lower()}, not measured"
    low, high = number(min(known), 0, signed=True), number(max(known), 0, signed=True)
    return f"{_SAYS[kind].lower()}, changes from {low} to {high}"


def _row(changes: Changes, change: Change) -> dict[str | None, Cell | Value]:
    """Return an intervention's changes by mode; None is all of them."""
    return {
        mode: toned(changes.figure(change, mode), strong=mode is None)
        for mode in (*changes.modes, None)
    }


def _tables(
    key: str,
    lead: Sequence[Column],
    modes: Sequence[str],
    lines: Sequence[tuple[Sequence[Cell | Value], Mapping[str | None, Cell | Value]]],
    *,
    signed_values: bool = True,
) -> list[Block]:
    """Return one table of modes, or several where there are many; the last holds all modes together."""
    style: Literal["signed", "number"] = "signed" if signed_values else "number"
    parts = list(chunks(modes, _MODES_A_TABLE))
    tables: list[Block] = []
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        shown: list[str | None] = [*part, None] if last else list(part)
        columns = [
            Column("all_modes", "All modes", style)
            if mode is None
            else Column(f"mode_{mode}", f"Mode {mode}", style)
            for mode in shown
        ]
        rows = tuple((*start, *(values[mode] for mode in shown)) for start, values in lines)
        tables.append(Table(key if last else f"{key}_{place + 1}", (*lead, *columns), rows))
    return tables


def _scale(measured: Mapping[str, Changes]) -> float:
    """Return the largest change of any slot on any mode, which has the full colour."""
    found = [
        changes.figure(change, mode)
        for changes in measured.values()
        for change, mode in changes.cells
        if change.slot is not None
    ]
    return max((abs(figure.estimate) for figure in found if figure is not None), default=0.0)

"""The report of astral-training: what each base reaches, how it learned, and how it uses its slots.

Invariants: every interval is over training seeds and evaluation seeds together; a base that is not
there yet is named as missing; a sentence says only what the numbers beside it show.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from ratchet.evaluation.statistics import Interval
from ratchet.report.document import Block, Bullets, Cell, Column, Figure, Heading, Table, Text
from ratchet.report.laboratory.effects import StudyEffects, interval
from ratchet.report.laboratory.lists import chunks, listing
from ratchet.report.laboratory.plots import curve_panels
from ratchet.report.laboratory.usage import routings, usage
from ratchet.report.plots import Curve
from ratchet.report.tables import Value, count, number, written
from ratchet.report.wording import plural, signed, together, toned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ratchet.ledger import Store
    from ratchet.report.laboratory.evidence import BaseKey, BasePolicy, StudyEvidence
    from ratchet.report.laboratory.usage import Routing

    Array = NDArray[np.float64]

SOLVED = 0.95
"""Share of the maximum return that counts as solved: 475 of 500, as Gymnasium says of CartPole-v1."""

_MODES_A_TABLE = 4
_PANELS = 8

FLAWS = {
    "advantage_across_episodes": "advantages across episodes",
    "single_transitions": "single transitions",
    "raw_values": "raw values",
}
"""The three suspects of the recurrent baseline, as a recipe and as prose name them."""

_COSTS = (
    Column("base", "Base"),
    Column("preset", "Preset"),
    Column("trained", "Training seeds", "count"),
    Column("parameters", "Parameters", align="right"),
    Column("steps", "Training steps", align="right"),
    Column("wall_seconds", "Wall time of one", "seconds"),
)


def training_blocks(ledger: Store, evidence: StudyEvidence) -> list[Block]:
    """Return what a study of trainings says: returns, learning, use of the slots, and the ablation.

    Parameters
    ----------
    ledger : Store
        The ledger; it is only read.
    evidence : StudyEvidence
        What `gather_study` read of it.

    """
    del ledger  # the evidence holds all that is needed
    effects = StudyEffects(evidence)
    routing = routings(evidence)
    return [
        *_findings(evidence, routing),
        *_returns(evidence, effects),
        *_curves(evidence),
        *usage(evidence, routing),
        *_ablation(evidence, effects),
        *_costs(evidence),
    ]


def _findings(evidence: StudyEvidence, routing: Mapping[BaseKey, Routing]) -> list[Block]:
    """Say which bases solve the task, and which of these use their slots for the modes."""
    threshold = _threshold(evidence)
    means = {base: seed_means(evidence, base) for base in evidence.bases}
    missing = [f"`{base}`" for base, found in means.items() if not found]
    items = []
    if threshold is not None:
        solved = {
            base: [value >= threshold for value in found.values()]
            for base, found in means.items()
            if found
        }
        every = [f"`{base}`" for base, seeds in solved.items() if all(seeds)]
        some = [
            f"`{base}` ({count(sum(seeds))} of {count(len(seeds))})"
            for base, seeds in solved.items()
            if any(seeds) and not all(seeds)
        ]
        none = [f"`{base}`" for base, seeds in solved.items() if not any(seeds)]
        bar = number(threshold, 0)
        items.append(
            f"**A mean return of {bar} or more** over all modes on every training seed: "
            f"{listing(every) or 'no base'}."
        )
        if some:
            items.append(f"On some training seeds only: {listing(some)}.")
        if none:
            items.append(f"On no training seed: {listing(none)}.")
        items += _routed(means, routing, threshold)
    if missing:
        items.append(f"Not trained or not evaluated on all modes yet: {listing(missing)}.")
    return [Heading("What was found"), Bullets(tuple(items))] if items else []


def _routed(
    means: Mapping[str, Mapping[int, float]], routing: Mapping[BaseKey, Routing], threshold: float
) -> list[str]:
    """Say which bases with slots reach the threshold by slots that tell the mode, seed by seed.

    A gate that is free of collapse and tells nothing of the mode is a mixture that never changes.
    """
    good: dict[str, list[bool]] = {}
    idle: dict[str, list[bool]] = {}
    for key, found in routing.items():
        mean = means.get(key.base, {}).get(key.training_seed)
        if mean is not None:
            solved = mean >= threshold
            telling = found.tells_the_mode and not found.collapsed
            good.setdefault(key.base, []).append(solved and telling)
            idle.setdefault(key.base, []).append(not (found.collapsed or found.tells_the_mode))
    if not good:
        return []
    bar, bases = number(threshold, 0), plural(len(good), "base")
    telling_text = (
        f"**Free of collapse, telling the mode by its slots, and at {bar} or more** on every training "
        f"seed, of the {bases} with slots: {_by_seeds(good)}."
    )
    idle_text = (
        "Free of collapse, but with a gate that tells nothing of the mode, on every training seed: "
        f"{_by_seeds(idle)}."
    )
    return [telling_text, idle_text]


def _by_seeds(found: Mapping[str, Sequence[bool]]) -> str:
    """Return the bases for which something holds on every training seed, and then on some."""
    every = [f"`{base}`" for base, seeds in found.items() if all(seeds)]
    some = [
        f"`{base}` ({count(sum(seeds))} of {count(len(seeds))})"
        for base, seeds in found.items()
        if any(seeds) and not all(seeds)
    ]
    text = listing(every) or "none"
    return f"{text}; on some: {listing(some)}" if some else text


def _returns(evidence: StudyEvidence, effects: StudyEffects) -> list[Block]:
    """Return the table of mean returns; many modes are spread over several tables."""
    note = (
        "Mean returns with 95% intervals over training seeds and evaluation seeds. The mean of one "
        "training seed is over all modes and evaluation seeds."
    )
    blocks: list[Block] = [Heading("Returns"), Text(note)]
    parts = list(chunks(evidence.modes, _MODES_A_TABLE))
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        shown: list[str | None] = [*part, None] if last else list(part)
        columns = [
            Column("all_modes", "All modes", "number")
            if mode is None
            else Column(f"mode_{mode}", f"Mode {mode}", "number")
            for mode in shown
        ]
        rows: list[tuple[Cell | Value, ...]] = [
            (
                f"`{base}`",
                *(
                    Cell(effects.base(base, mode, task=evidence.task), strong=mode is None)
                    for mode in shown
                ),
            )
            for base in evidence.bases
        ]
        key = "returns" if last else f"returns_{place + 1}"
        blocks.append(Table(key, (Column("base", "Base"), *columns), tuple(rows)))
    return [*blocks, _seeds(evidence)]


def _seeds(evidence: StudyEvidence) -> Table:
    """Return how far apart the training seeds of a base are, and how many reach the threshold."""
    threshold = _threshold(evidence)
    bar = "the threshold" if threshold is None else number(threshold, 0)
    columns = (
        Column("base", "Base"),
        Column("lowest", "Lowest seed's mean", "number"),
        Column("highest", "Highest seed's mean", "number"),
        Column("solved", f"Seeds at {bar} or more", "count"),
        Column("seeds", "Training seeds", "count"),
    )
    rows: list[tuple[Cell | Value, ...]] = []
    for base in evidence.bases:
        means = list(seed_means(evidence, base).values())
        solved = sum(value >= threshold for value in means) if means and threshold else None
        cell = Cell(solved, "good" if solved == len(means) else "plain")
        rows.append(
            (f"`{base}`", min(means, default=None), max(means, default=None), cell, len(means))
        )
    return Table("solved", columns, tuple(rows))


def seed_means(evidence: StudyEvidence, base: str) -> dict[int, float]:
    """Return the mean return over all modes and episodes by training seed, where all are evaluated."""
    return {seed: float(values.mean()) for seed, values in over_modes(evidence, base).items()}


def over_modes(evidence: StudyEvidence, base: str) -> dict[int, Array]:
    """Return a base's returns averaged over the modes, `[episodes]` by training seed."""
    by_mode = [evidence.base_returns(base, mode, evidence.task) for mode in evidence.modes]
    if not by_mode:
        return {}
    shared = [seed for seed in by_mode[0] if all(seed in found for found in by_mode)]
    return {seed: np.mean([found[seed] for found in by_mode], axis=0) for seed in shared}


def _curves(evidence: StudyEvidence) -> list[Block]:
    """Return the learning curves of all bases, a small panel each."""
    drawn = [
        curve
        for base in evidence.bases
        if (curve := mean_curve(base, _policies(evidence, base))) is not None
    ]
    if not drawn:
        return []
    note = (
        "Returns of the episodes that training itself played, with exploration and over all modes; "
        "the evaluated returns stand above. A line is the mean over the training seeds, its band "
        "their lowest and highest."
    )
    blocks: list[Block] = [Heading("Learning curves"), Text(note)]
    for place, chosen in enumerate(chunks(drawn, _PANELS)):
        ends = "; ".join(f"{c.label} ends at {number(c.returns[-1], 0)}" for c in chosen)
        line = "" if evidence.maximum is None else " The dashed line is the maximum return."
        blocks.append(
            Figure(
                f"learning{f'-{place + 1}' if place else ''}",
                curve_panels(chosen, maximum=evidence.maximum),
                f"Training return over environment steps, one panel a base, all on the same axes.{line}",
                f"Small panels, one a base: mean training return over environment steps. {ends}.",
            )
        )
    return blocks


def mean_curve(label: str, policies: Sequence[BasePolicy]) -> Curve | None:
    """Return the mean of several trainings' curves over the steps that all of them reached."""
    lines = []
    for policy in policies:
        curve = policy.record.get("curve")
        if not isinstance(curve, dict):
            continue
        steps = np.array(curve.get("steps") or [], dtype=np.float64)
        returns = np.array(curve.get("return_mean") or [], dtype=np.float64)  # null is NaN
        seen = np.isfinite(returns)
        if seen.sum() >= 2:
            lines.append((steps[seen], returns[seen]))
    if not lines:
        return None
    low, high = max(steps[0] for steps, _ in lines), min(steps[-1] for steps, _ in lines)
    grid = np.unique(np.concatenate([steps for steps, _ in lines]))
    grid = grid[(grid >= low) & (grid <= high)]
    if len(grid) < 2:
        return None
    values = np.stack([np.interp(grid, steps, returns) for steps, returns in lines])
    several = len(lines) > 1
    return Curve(
        label,
        grid.tolist(),
        values.mean(axis=0).tolist(),
        values.min(axis=0).tolist() if several else None,
        values.max(axis=0).tolist() if several else None,
    )


def _ablation(evidence: StudyEvidence, effects: StudyEffects) -> list[Block]:
    """Return what each suspect of the recurrent baseline costs, alone and with the others."""
    listed = evidence.recipe.get("ablation")
    records = (
        [r for r in listed if isinstance(r, dict)] if isinstance(listed, (list, tuple)) else []
    )
    by_flaws = {tuple(bool(r.get(flaw)) for flaw in FLAWS): str(r["base"]) for r in records}
    if not by_flaws:
        return []
    clean = by_flaws.get((False,) * len(FLAWS))
    # Fewest flaws first: none, each alone, two together, all.
    order = sorted(by_flaws, key=lambda flaws: (sum(flaws), [not flaw for flaw in flaws]))
    changes = {
        flaws: None if clean is None else _difference(evidence, clean, by_flaws[flaws])
        for flaws in order
    }
    columns = (
        Column("base", "Base"),
        *(
            Column(flaw, name[:1].upper() + name[1:], align="center")
            for flaw, name in FLAWS.items()
        ),
        Column("mean_return", "Mean return", "number"),
        Column("difference", "Less that without any", "signed"),
        Column("seeds", "Training seeds", "count"),
    )
    rows: list[tuple[Cell | Value, ...]] = [
        (
            f"`{by_flaws[flaws]}`",
            *(Cell(flaw, "plain" if flaw else "muted") for flaw in flaws),
            Cell(effects.base(by_flaws[flaws], task=evidence.task), strong=True),
            Cell("reference", "muted") if not any(flaws) else toned(changes[flaws]),
            len(over_modes(evidence, by_flaws[flaws])),
        )
        for flaws in order
    ]
    return [
        Heading("Three suspects of the recurrent baseline"),
        Text(
            "The same recurrent training with every combination of three suspected mistakes. Returns "
            "are means over all modes; a difference is paired by training seed and evaluation seed."
        ),
        Text(_suspects(changes)),
        Table("ablation", columns, tuple(rows)),
    ]


def _difference(evidence: StudyEvidence, clean: str, base: str) -> Interval | None:
    """Return the mean return of a base less that of the clean one, over the seeds that both have."""
    first, second = over_modes(evidence, clean), over_modes(evidence, base)
    return interval({(s, 0): second[s] - first[s] for s in second if s in first})


def _suspects(changes: Mapping[tuple[bool, ...], Interval | None]) -> str:
    """Say what each mistake costs alone, and what all of them cost together."""
    parts, alone = [], []
    for place, name in enumerate(FLAWS.values()):
        change = changes.get(tuple(place == other for other in range(len(FLAWS))))
        parts.append(f"**{name}** {_effect(change)}")
        alone.append(change)
    everything = changes.get((True,) * len(FLAWS))
    text = f"Alone, {'; '.join(parts)}. **All three together** {_effect(everything)}."
    known = [change.estimate for change in alone if change is not None]
    if everything is not None and len(known) == len(FLAWS):
        text += f" The three single changes add up to {number(sum(known), signed=True)}."
    return text


def _effect(change: Interval | None) -> str:
    if change is None:
        return "is not measured yet"
    if change.high < 0.0:
        lost = Interval(-change.estimate, -change.high, -change.low)
        return f"costs {written(lost)} of the return"
    if change.low > 0.0:
        return f"gains {written(change)}"
    return f"makes no difference that can be told from zero ({signed(change)})"


def _costs(evidence: StudyEvidence) -> list[Block]:
    """Return size, steps and time of one training of each base."""
    rows: list[tuple[Cell | Value, ...]] = []
    for base in evidence.bases:
        records = [policy.record for policy in _policies(evidence, base)]
        seconds = [float(r["wall_seconds"]) for r in records if r.get("wall_seconds") is not None]
        rows.append(
            (
                f"`{base}`",
                _preset(evidence, base),
                len(records),
                together([r["parameters_total"] for r in records if "parameters_total" in r]),
                together([r["steps"] for r in records if "steps" in r]),
                fmean(seconds) if seconds else None,
            )
        )
    note = "Wall time is the mean over the training seeds, on the machine that trained them."
    return [
        Heading("Size and time of one training"),
        Text(note),
        Table("bases", _COSTS, tuple(rows)),
    ]


def _preset(evidence: StudyEvidence, base: str) -> str | None:
    listed = evidence.recipe.get("bases")
    for record in listed if isinstance(listed, (list, tuple)) else ():
        if isinstance(record, dict) and record.get("name") == base:
            return str(record.get("preset") or "") or None
    return None


def _policies(evidence: StudyEvidence, base: str) -> list[BasePolicy]:
    found = [policy for key, policy in evidence.base_policies.items() if key.base == base]
    return sorted(found, key=lambda policy: policy.key.training_seed)


def _threshold(evidence: StudyEvidence) -> float | None:
    return None if evidence.maximum is None else SOLVED * evidence.maximum

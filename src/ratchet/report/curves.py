"""Learning curves: the return of training episodes over environment steps, at the largest budget.

Invariants: a point is an update in which episodes ended; a curve has at least two; several seeds are
averaged only over the steps that all of them reached, and the band is their lowest and highest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratchet.ledger import queries
from ratchet.report.document import Block, Figure, Heading, Text
from ratchet.report.plots import Curve, learning_curves
from ratchet.report.wording import scope_name, scope_slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratchet.ledger import Store, Training
    from ratchet.report.arms import Evidence

    Line = tuple[NDArray[np.float64], NDArray[np.float64]]


def curves(ledger: Store, evidence: Evidence) -> list[Block]:
    """Return the section, or nothing where no training has two points."""
    figures: list[Block] = []
    if evidence.base_training is not None:
        curve = _curve(ledger, [evidence.base_training], "")
        figures += _figure(evidence, "base-learning", [curve], "of the base policy")
    for scope in evidence.scopes:
        budgets = evidence.budgets(scope)
        drawn = [
            _curve(
                ledger,
                [arm.training for arm in group.arms],
                group.key.target if group.key.mode is None else f"mode {group.key.mode}",
            )
            for group in evidence.groups
            if group.key.scope == scope and group.key.budget == budgets[-1]
        ]
        figures += _figure(
            evidence, f"learning-{scope_slug(evidence, scope)}", drawn, f"with {scope_name(scope)}"
        )
    if not figures:
        return []
    note = (
        "Returns of the episodes that training itself played, with exploration; the evaluated numbers "
        "stand above. A band, where there is one, spans the fine-tuning seeds."
    )
    return [Heading("Learning curves"), Text(note), *figures]


def _figure(evidence: Evidence, name: str, drawn: Sequence[Curve | None], what: str) -> list[Block]:
    found = [curve for curve in drawn if curve is not None]
    if not found:
        return []
    return [
        Figure(
            name,
            learning_curves(found, maximum=evidence.maximum, quantity="training return"),
            f"Training return over environment steps, {what}.",
            f"Lines: mean return of training episodes over environment steps, {what}.",
        )
    ]


def _curve(ledger: Store, trainings: Sequence[Training], label: str) -> Curve | None:
    """Return the mean of several trainings' curves on the steps that all reached."""
    lines: list[Line] = []
    for training in trainings:
        updates = queries.updates(ledger, training.id)
        seen = np.isfinite(updates["return_mean"])
        if seen.sum() >= 2:
            lines.append((updates["environment_steps"][seen], updates["return_mean"][seen]))
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

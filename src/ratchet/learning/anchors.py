"""Anchors: what holds a policy near something good while it learns.

``kl:β`` adds β · KL(policy ‖ start) to the loss, the start frozen and evaluated on the same states.
``l2sp:β`` adds β/2 · ‖w - w₀‖² over the parameters that learn (L2-SP; Li, Grandvalet and Davoine 2018).
``ewc:β`` adds β/2 · Σ F (w - w₀)², F the diagonal of the Fisher information of the start's actions on the
task's modes, mixed (elastic weight consolidation; Kirkpatrick et al. 2017; see `fisher`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from ratchet.errors import RecipeError

Kind = Literal["none", "kl", "l2sp", "ewc"]


@dataclass(frozen=True)
class Anchor:
    """A kind of anchor and its weight."""

    kind: Kind
    beta: float = 0.0

    def __str__(self) -> str:
        """Return the text that `parse_anchor` reads."""
        return "none" if self.kind == "none" else f"{self.kind}:{self.beta:g}"


def parse_anchor(text: str) -> Anchor:
    """Return the anchor that ``none``, ``kl:0.1``, ``l2sp:0.01`` or ``ewc:1000`` names.

    Raises
    ------
    RecipeError
        If the kind is unknown or the weight is not a positive number.

    """
    kind, _, weight = text.partition(":")
    if kind == "none" and not weight:
        return Anchor("none")
    if kind not in {"kl", "l2sp", "ewc"}:
        raise RecipeError(f"anchor {text!r} is unknown; it is none, kl:β, l2sp:β or ewc:β")
    try:
        beta = float(weight)
    except ValueError:
        beta = 0.0
    if not 0.0 < beta < float("inf"):
        raise RecipeError(f"anchor {text!r} needs a positive weight, such as {kind}:0.1")
    return Anchor(cast("Kind", kind), beta)

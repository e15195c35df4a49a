"""Interventions on a gate: what a policy would do if its slots were used otherwise.

An intervened policy is a policy of its own, made by setting the gate's last layer: it has an id, can be
evaluated like any other, and its ancestor is the policy it was made of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ratchet.errors import PolicyError
from ratchet.policies.policy import Policy
from ratchet.policies.spec import RecurrentSpec

Kind = Literal["clamp", "disable", "uniform", "random"]

_SURE = 1e4
"""In units of the temperature: an offset that no gate outweighs, and whose exponential is exactly 0."""


@dataclass(frozen=True)
class Intervention:
    """`clamp` and `disable` name a slot; `random` draws constant weights, uniform on the simplex."""

    kind: Kind
    slot: int | None = None
    seed: int = 0

    def __str__(self) -> str:
        """Return it as a label, such as ``clamp:0``."""
        return self.kind if self.slot is None else f"{self.kind}:{self.slot}"


def parse_intervention(text: str) -> Intervention:
    """Return what ``clamp:0``, ``disable:1``, ``uniform`` or ``random`` names.

    Raises
    ------
    PolicyError
        If it names nothing.

    """
    kind, _, slot = text.partition(":")
    if kind in {"clamp", "disable"} and slot.isdecimal():
        return Intervention("clamp" if kind == "clamp" else "disable", int(slot))
    if text in {"uniform", "random"}:
        return Intervention("uniform" if text == "uniform" else "random")
    raise PolicyError(
        f"intervention {text!r} is none: it is clamp:SLOT, disable:SLOT, uniform or random"
    )


def every_intervention(slots: int) -> list[Intervention]:
    """Return each clamp, each disabled slot, uniform and random weights."""
    return [
        *(Intervention("clamp", slot) for slot in range(slots)),
        *(Intervention("disable", slot) for slot in range(slots) if slots > 1),
        Intervention("uniform"),
        Intervention("random"),
    ]


def bank_of(policy: Policy) -> RecurrentSpec:
    """Return the spec of a policy with slots.

    Raises
    ------
    PolicyError
        If it has none.

    """
    spec = policy.spec
    if not (isinstance(spec, RecurrentSpec) and spec.slots):
        raise PolicyError(f"a policy of kind {spec.kind!r} has no slots, and so no gate over them")
    return spec


def intervene(policy: Policy, what: Intervention) -> Policy:
    """Return the policy with its gate set.

    Raises
    ------
    PolicyError
        If the policy has no slots, or not the one named.

    """
    spec = bank_of(policy)
    if what.slot is not None and not 0 <= what.slot < spec.slots:
        raise PolicyError(f"slot {what.slot} is none of the policy's 0 … {spec.slots - 1}")
    bias = np.zeros(spec.slots, dtype=np.float32)
    sure = np.float32(_SURE * spec.temperature)
    if what.kind == "disable":
        assert what.slot is not None
        bias[what.slot] = -sure
        return biased(policy, bias, intervention=str(what))
    if what.kind == "clamp":
        assert what.slot is not None
        bias[what.slot] = sure
    elif what.kind == "random":
        drawn = np.random.default_rng(what.seed).dirichlet(np.ones(spec.slots))
        bias[:] = spec.temperature * np.log(np.maximum(drawn, 1e-30))
    tensors = dict(policy.tensors)
    tensors["gate.2.weight"] = np.zeros_like(tensors["gate.2.weight"])
    tensors["gate.2.bias"] = bias
    set_gate = policy.descend(tensors, source="intervention", intervention=str(what))
    if what.kind in {"uniform", "random"} and spec.hard:
        return replace(set_gate, spec=replace(spec, hard=False))
    return set_gate


def biased(
    policy: Policy, bias: np.ndarray[tuple[int], np.dtype[np.float32]], **record: str
) -> Policy:
    """Return the policy with one bias a slot ``(slots,)`` added to its gate's logits."""
    tensors = dict(policy.tensors)
    tensors["gate.2.bias"] = tensors["gate.2.bias"] + np.asarray(bias, dtype=np.float32)
    return policy.descend(tensors, source="bias on the gate", **record)

"""Scopes: which tensors of a policy learn. A scope is a set of tensor names, and no more.

Names are returned in the order of the forward pass; a scope never returns an empty set.
"""

from __future__ import annotations

import math
from fnmatch import fnmatchcase

from ratchet.errors import PolicyError, did_you_mean
from ratchet.policies.spec import RecurrentSpec, Spec

ADAPTER = "adapter"
"""Low-rank additions to the weight matrices (see `low_rank`): they have parameters of their own."""

_PERCEPTRON: dict[str, tuple[str, ...]] = {
    "full": ("*",),
    "policy_head": ("action_net.*", "log_std"),
    "value": ("mlp_extractor.value_net.*", "value_net.*"),
    "bias": ("*.bias",),
}
_RECURRENT: dict[str, tuple[str, ...]] = {
    "full": ("*",),
    "gating": ("gate.*",),
    "film": ("film.*",),
    "slots": ("slots",),
    "policy_head": ("mlp_extractor.policy_net.*", "action_net.*", "log_std"),
    "value": ("mlp_extractor.value_net.*", "value_net.*"),
    "bias": ("*.bias", "gru.bias_*"),
}
SCOPES: dict[str, str] = {
    "full": "every tensor",
    "gating": "the gate over the slots",
    "film": "the network from the slots' mixture to scale and shift",
    "slots": "the slots themselves",
    "policy_head": "the action head (recurrent policies: with its hidden layer)",
    "value": "what the value alone needs",
    "bias": "every bias",
    ADAPTER: "low-rank additions to the weights, or to those of adapter:PATTERN,…; merged at the end",
}
"""The named scopes, each in words; not every policy has every part."""


def scope_tensors(spec: Spec, scope: str) -> tuple[str, ...]:
    """Return the names of the tensors that learn under a scope.

    Parameters
    ----------
    spec
        The architecture whose tensors are meant.
    scope
        Names of `SCOPES` but `adapter`, or shell patterns over tensor names, joined by commas, such as
        ``gating,film`` or ``mlp_extractor.policy_net.*,action_net.*``.

    Returns
    -------
    tuple of str
        At least one name, in the order of the forward pass.

    Raises
    ------
    PolicyError
        If the policy has no such part, or the scope is neither a known name nor a pattern that matches.

    """
    named = _RECURRENT if isinstance(spec, RecurrentSpec) else _PERCEPTRON
    patterns = tuple(p for one in scope.split(",") for p in named.get(one, (one,)))
    names = tuple(spec.tensor_shapes())
    chosen = tuple(name for name in names if any(fnmatchcase(name, one) for one in patterns))
    if chosen:
        return chosen
    if scope in SCOPES:
        have = [name for name in SCOPES if name != ADAPTER and _matches(spec, name)]
        raise PolicyError(
            f"scope {scope!r} is {SCOPES[scope]}, and a policy of kind {spec.kind!r} has none; "
            f"its scopes are {', '.join([*have, ADAPTER])}"
        )
    raise PolicyError(
        f"scope {scope!r} matches no tensor: {did_you_mean(scope, SCOPES)}; "
        f"or a pattern over the tensors {', '.join(names)}"
    )


def _matches(spec: Spec, scope: str) -> bool:
    named = _RECURRENT if isinstance(spec, RecurrentSpec) else _PERCEPTRON
    return any(
        fnmatchcase(name, one) for name in spec.tensor_shapes() for one in named.get(scope, ())
    )


def scope_counts(spec: Spec) -> dict[str, int]:
    """Return how many parameters each named scope holds, by name, of those that the policy has."""
    shapes = spec.tensor_shapes()
    return {
        scope: sum(math.prod(shapes[name]) for name in scope_tensors(spec, scope))
        for scope in SCOPES
        if _matches(spec, scope)
    }

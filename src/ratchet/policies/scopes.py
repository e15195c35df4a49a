"""Scopes: which tensors of a policy learn. A scope is a set of tensor names, and no more.

Names are returned in the order of the forward pass; a scope never returns an empty set.
"""

from __future__ import annotations

import math
from fnmatch import fnmatchcase

from ratchet.errors import PolicyError, did_you_mean
from ratchet.policies.spec import PolicySpec

SCOPES: dict[str, tuple[str, ...]] = {
    "full": ("*",),
    "policy_head": ("action_net.*", "log_std"),
    "value": ("mlp_extractor.value_net.*", "value_net.*"),
    "bias": ("*.bias",),
}
"""The named scopes, each with the tensor patterns that it stands for."""


def scope_tensors(spec: PolicySpec, scope: str) -> tuple[str, ...]:
    """Return the names of the tensors that learn under a scope.

    Parameters
    ----------
    spec
        The architecture whose tensors are meant.
    scope
        A name of `SCOPES`, or a shell pattern over tensor names such as
        ``mlp_extractor.policy_net.*``.

    Returns
    -------
    tuple of str
        At least one name, in the order of the forward pass.

    Raises
    ------
    PolicyError
        If the scope is neither a known name nor a pattern that matches a tensor.

    """
    patterns = SCOPES.get(scope, (scope,))
    names = tuple(spec.tensor_shapes())
    chosen = tuple(name for name in names if any(fnmatchcase(name, one) for one in patterns))
    if chosen:
        return chosen
    raise PolicyError(
        f"scope {scope!r} matches no tensor: {did_you_mean(scope, SCOPES)}; "
        f"or a pattern over the tensors {', '.join(names)}"
    )


def scope_counts(spec: PolicySpec) -> dict[str, int]:
    """Return how many parameters each named scope holds, by name."""
    shapes = spec.tensor_shapes()
    return {
        scope: sum(math.prod(shapes[name]) for name in scope_tensors(spec, scope))
        for scope in SCOPES
    }

"""Generated inputs that tests of several rooms share: architectures, policies, and mini-batches."""

import numpy as np
from hypothesis import strategies as st

from ratchet.policies.policy import Policy
from ratchet.policies.spec import (
    ActionSpec,
    ObservationSpec,
    PolicySpec,
    StateDependentExploration,
)

ACTIVATIONS = ("tanh", "relu", "elu", "leaky_relu")
seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(1, 40), st.integers(1, 7))
"""Rows and actions of a mini-batch."""


def discrete_spec(size=4, actions=3, **options):
    """The architecture of a policy with `actions` actions."""
    return PolicySpec(
        observation=ObservationSpec(kind="box", shape=(size,)),
        action=ActionSpec(kind="discrete", n=actions),
        **options,
    )


def box_spec(size=4, actions=2, **options):
    """The architecture of a policy of continuous actions in ±2."""
    return PolicySpec(
        observation=ObservationSpec(kind="box", shape=(size,)),
        action=ActionSpec(
            kind="box", shape=(actions,), low=(-2.0,) * actions, high=(2.0,) * actions
        ),
        **{"distribution": "gaussian", **options},
    )


def random_policy(spec, seed=0):
    """A policy with weights that leave no output near zero, and deviations that differ."""
    rng = np.random.default_rng(seed)
    return Policy(
        spec=spec,
        tensors={
            name: rng.normal(0, 0.6, shape).astype(np.float32)
            for name, shape in spec.tensor_shapes().items()
        },
    )


widths = st.lists(st.integers(1, 9), max_size=3).map(tuple)


@st.composite
def specs(draw):
    """Any architecture: each distribution, activation and depth, with and without a shared trunk."""
    layers = {
        "shared": draw(widths),
        "actor": draw(widths),
        "critic": draw(widths),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
    }
    size, actions = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    kind = draw(st.sampled_from(("categorical", "gaussian", "gsde")))
    if kind == "categorical":
        return discrete_spec(size, actions, **layers)
    exploration = None
    if kind == "gsde":
        exploration = StateDependentExploration(
            full_std=draw(st.booleans()), use_expln=draw(st.booleans()), squash=draw(st.booleans())
        )
    return box_spec(size, actions, distribution=kind, exploration=exploration, **layers)

"""Generated inputs that tests of several rooms share: architectures, policies, and mini-batches."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.sequences import Sequences
from ratchet.policies.spec import (
    ActionSpec,
    ObservationSpec,
    PolicySpec,
    RecurrentSpec,
    StateDependentExploration,
)

ACTIVATIONS = ("tanh", "relu", "elu", "leaky_relu", "gelu")
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


def recurrent_spec(like=None, **options):
    """The architecture of a small recurrent policy with the spaces of `like`."""
    like = like or discrete_spec(3, 2)
    return RecurrentSpec(
        observation=like.observation,
        action=like.action,
        distribution=like.distribution,
        **{"width": 8, "return_scale": 3.0, **options},
    )


def random_sequences(spec, steps=7, n=5, seed=0, **noise):
    """Stretches of different lengths, in which some episodes begin."""
    rng = np.random.default_rng(seed)
    lengths = np.array([steps, *rng.integers(1, steps + 1, n - 1)])
    valid = np.arange(steps)[:, None] < lengths
    sequences = Sequences(
        inputs=rng.normal(0, 1, (steps, n, spec.input_size)).astype(np.float32),
        starts=rng.uniform(-1, 1, (n, spec.width)).astype(np.float32),
        begins=(rng.random((steps, n)) < 0.2) & valid,
        valid=valid,
    )
    shape = (steps, n, spec.slots)
    if noise.get("added"):
        sequences = replace(sequences, added=rng.gumbel(size=shape).astype(np.float32))
    if noise.get("kept"):
        kept = rng.random(shape) < 0.6
        np.put_along_axis(kept, rng.integers(0, spec.slots, (steps, n, 1)), values=True, axis=2)
        sequences = replace(sequences, kept=kept)
    return sequences


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

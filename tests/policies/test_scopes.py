"""Scopes name the tensors that they say, and refuse what they cannot mean."""

import pytest

from ratchet.errors import PolicyError
from ratchet.policies.scopes import SCOPES, scope_counts, scope_tensors
from ratchet.policies.spec import (
    ActionSpec,
    ObservationSpec,
    PolicySpec,
    StateDependentExploration,
)

CARTPOLE = PolicySpec(
    observation=ObservationSpec(kind="box", shape=(4,)), action=ActionSpec(kind="discrete", n=2)
)


def test_counts_of_the_default_cartpole_policy():
    assert scope_counts(CARTPOLE) == {
        "full": 9155,
        "policy_head": 130,
        "value": 4 * 64 + 64 + 64 * 64 + 64 + 64 + 1,
        "bias": 4 * 64 + 2 + 1,
    }


def test_order_is_that_of_the_forward_pass():
    assert scope_tensors(CARTPOLE, "full") == tuple(CARTPOLE.tensor_shapes())
    assert scope_tensors(CARTPOLE, "policy_head") == ("action_net.weight", "action_net.bias")


def test_the_deviation_belongs_to_the_head():
    spec = PolicySpec(
        observation=ObservationSpec(kind="box", shape=(3,)),
        action=ActionSpec(kind="box", shape=(2,), low=(-1.0, -1.0), high=(1.0, 1.0)),
        actor=(5,),
        distribution="gsde",
        exploration=StateDependentExploration(),
    )
    assert scope_tensors(spec, "policy_head") == ("action_net.weight", "action_net.bias", "log_std")
    assert scope_counts(spec)["policy_head"] == 2 * 5 + 2 + 5 * 2


def test_patterns_and_single_names():
    chosen = scope_tensors(CARTPOLE, "mlp_extractor.policy_net.*")
    assert len(chosen) == 4
    assert all(name.startswith("mlp_extractor.policy_net.") for name in chosen)
    assert scope_tensors(CARTPOLE, "value_net.bias") == ("value_net.bias",)


@pytest.mark.parametrize("scope", ["policy_hed", "gate.*", "", "FULL"])
def test_a_scope_that_matches_nothing_is_refused(scope):
    with pytest.raises(PolicyError, match=r"matches no tensor.*action_net\.weight"):
        scope_tensors(CARTPOLE, scope)


def test_the_nearest_name_is_suggested():
    with pytest.raises(PolicyError, match="did you mean 'policy_head'"):
        scope_tensors(CARTPOLE, "policy_hed")


@pytest.mark.parametrize("depth", [(), (8,), (8, 4, 2)])
def test_no_named_scope_is_ever_empty(depth):
    spec = PolicySpec(
        observation=ObservationSpec(kind="discrete", n=3),
        action=ActionSpec(kind="discrete", n=2),
        shared=(6,),
        actor=depth,
        critic=depth,
    )
    assert all(count > 0 for count in scope_counts(spec).values())
    assert set(scope_counts(spec)) == set(SCOPES)

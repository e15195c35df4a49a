"""Scopes name the tensors that they say, and refuse what they cannot mean."""

import pytest

from ratchet.errors import PolicyError
from ratchet.policies.scopes import ADAPTER, SCOPES, scope_counts, scope_tensors
from ratchet.policies.spec import (
    ActionSpec,
    ObservationSpec,
    PolicySpec,
    RecurrentSpec,
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
    assert set(scope_counts(spec)) == set(SCOPES) - {"gating", "film", "slots", ADAPTER}


RECURRENT = RecurrentSpec(observation=CARTPOLE.observation, action=CARTPOLE.action)
ASTRAL = RecurrentSpec(observation=CARTPOLE.observation, action=CARTPOLE.action, slots=3)


def test_counts_of_a_recurrent_policy():
    trunk = 7 * 64 + 64 + 2 * (3 * 64 * 64 + 3 * 64)
    head, value = 64 * 64 + 64 + 2 * 64 + 2, 64 * 64 + 64 + 64 + 1
    biases = 64 + 2 * 3 * 64 + 64 + 2 + 64 + 1
    assert scope_counts(RECURRENT) == {
        "full": trunk + head + value,
        "policy_head": head,
        "value": value,
        "bias": biases,
    }
    assert head == 4290
    gate, film = 4355, 64 * 64 + 64 + 128 * 64 + 128
    assert scope_counts(ASTRAL) == {
        "full": trunk + head + value + gate + film + 3 * 64,
        "gating": gate,
        "film": film,
        "slots": 192,
        "policy_head": head,
        "value": value,
        "bias": biases + 64 + 3 + 64 + 128,
    }


def test_parts_of_a_bank_of_slots():
    assert scope_tensors(ASTRAL, "gating") == (
        "gate.0.weight",
        "gate.0.bias",
        "gate.2.weight",
        "gate.2.bias",
    )
    assert scope_tensors(ASTRAL, "slots") == ("slots",)
    assert all(name.startswith("film.") for name in scope_tensors(ASTRAL, "film"))
    assert scope_tensors(RECURRENT, "gru.*,encoder.0.bias")[0] == "encoder.0.bias"
    assert "gru.bias_hh" in scope_tensors(RECURRENT, "bias")


@pytest.mark.parametrize("spec", [CARTPOLE, RECURRENT], ids=lambda spec: spec.kind)
@pytest.mark.parametrize("scope", ["gating", "film", "slots"])
def test_a_part_that_the_policy_has_not_is_named_and_refused(spec, scope):
    with pytest.raises(PolicyError) as refusal:
        scope_tensors(spec, scope)
    said = str(refusal.value)
    assert SCOPES[scope] in said
    assert f"a policy of kind {spec.kind!r} has none" in said
    assert said.endswith("its scopes are full, policy_head, value, bias, adapter")

"""Recurrent architectures: what they hold, how they are written down, and how they begin."""

from dataclasses import replace

import numpy as np
import pytest

from ratchet.errors import PolicyError
from ratchet.policies.checkpoint import publish, read_checkpoint
from ratchet.policies.initial import new_policy
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.policies.spec import ActionSpec, ObservationSpec, RecurrentSpec, read_spec
from strategies import box_spec, discrete_spec, random_policy, random_sequences, recurrent_spec

CARTPOLE = RecurrentSpec(
    observation=ObservationSpec(kind="box", shape=(4,)), action=ActionSpec(kind="discrete", n=2)
)
ASTRAL = replace(CARTPOLE, slots=3)


def test_kinds_and_widths():
    assert (CARTPOLE.kind, ASTRAL.kind) == ("recurrent", "astral")
    assert CARTPOLE.input_size == 4 + 2 + 1
    assert CARTPOLE.memory == 64 + 2 + 1
    assert recurrent_spec(box_spec(5, 3)).memory == 8 + 3 + 1


def test_shapes_by_hand():
    small = recurrent_spec(box_spec(4, 2), slots=3)
    assert small.tensor_shapes() == {
        "encoder.0.weight": (8, 7),
        "encoder.0.bias": (8,),
        "gru.weight_ih": (24, 8),
        "gru.bias_ih": (24,),
        "gru.weight_hh": (24, 8),
        "gru.bias_hh": (24,),
        "gate.0.weight": (8, 8),
        "gate.0.bias": (8,),
        "gate.2.weight": (3, 8),
        "gate.2.bias": (3,),
        "slots": (3, 8),
        "film.0.weight": (8, 8),
        "film.0.bias": (8,),
        "film.2.weight": (16, 8),
        "film.2.bias": (16,),
        "mlp_extractor.policy_net.0.weight": (8, 8),
        "mlp_extractor.policy_net.0.bias": (8,),
        "action_net.weight": (2, 8),
        "action_net.bias": (2,),
        "mlp_extractor.value_net.0.weight": (8, 8),
        "mlp_extractor.value_net.0.bias": (8,),
        "value_net.weight": (1, 8),
        "value_net.bias": (1,),
        "log_std": (2,),
    }
    plain = set(recurrent_spec(discrete_spec()).tensor_shapes())
    assert plain == {
        name
        for name in small.tensor_shapes()
        if not name.startswith(("gate.", "film.", "slots", "log_std"))
    }


@pytest.mark.parametrize("spec", [CARTPOLE, ASTRAL, recurrent_spec(box_spec(), slots=2, hard=True)])
def test_a_spec_is_read_as_it_is_written(spec):
    assert read_spec(spec.to_json()) == spec


@pytest.mark.parametrize("change", [{"slotz": 3}, {"observation": None}, {"actor": [64]}])
def test_what_is_no_spec_is_refused(change):
    with pytest.raises(PolicyError, match="the policy's architecture cannot be read"):
        read_spec({**ASTRAL.to_json(), **change})


@pytest.mark.parametrize("like", [discrete_spec(3, 2), box_spec(4, 2)])
@pytest.mark.parametrize("slots", [0, 3])
def test_a_checkpoint_round_trip(like, slots, tmp_path):
    policy = random_policy(recurrent_spec(like, slots=slots, temperature=0.4))
    read = read_checkpoint(publish(policy, tmp_path / "one"))
    assert read.spec == policy.spec
    assert read.id == policy.id
    for name, tensor in policy.tensors.items():
        np.testing.assert_array_equal(read.tensors[name], tensor, strict=True)


@pytest.mark.parametrize("change", [{"temperature": 0.5}, {"hard": True}, {"return_scale": 1.0}])
def test_the_id_depends_on_the_settings_as_well(change):
    first = random_policy(ASTRAL)
    other = Policy(spec=replace(ASTRAL, **change), tensors=first.tensors)
    assert other.id != first.id
    assert Policy(spec=ASTRAL, tensors=first.tensors).id == first.id


def test_tensors_that_do_not_fit_are_refused():
    policy = random_policy(ASTRAL)
    with pytest.raises(PolicyError, match="missing none, unexpected"):
        Policy(spec=CARTPOLE, tensors=policy.tensors)
    with pytest.raises(PolicyError, match=r"tensor slots has shape \(2, 64\)"):
        Policy(spec=ASTRAL, tensors={**policy.tensors, "slots": np.zeros((2, 64))})


# --- how one begins -----------------------------------------------------------------------------


def test_a_new_policy_by_its_tensors():
    policy = new_policy(ASTRAL, 0)
    for name in ("weight_ih", "weight_hh"):
        for gate in np.split(policy.tensors[f"gru.{name}"], 3):
            np.testing.assert_allclose(gate @ gate.T, np.eye(64), atol=1e-5)
    encoder = policy.tensors["encoder.0.weight"]
    np.testing.assert_allclose(encoder.T @ encoder, 2 * np.eye(7), atol=1e-5)
    head = policy.tensors["action_net.weight"]
    np.testing.assert_allclose(head @ head.T, 1e-4 * np.eye(2), atol=1e-9)
    slots = policy.tensors["slots"]
    assert 0.01 < slots.std() < 0.03
    for name, tensor in policy.tensors.items():
        if "bias" in name and name != "film.2.bias":
            assert not tensor.any()
    assert new_policy(ASTRAL, 0).id == policy.id != new_policy(ASTRAL, 1).id


def test_orthogonal_slots():
    slots = new_policy(ASTRAL, 0, orthogonal_slots=True).tensors["slots"]
    np.testing.assert_allclose(slots @ slots.T, np.eye(3), atol=1e-5)


def test_at_first_the_modulation_changes_nothing():
    """Scale 1 and shift 0 whatever the slots are: the policy acts as the one without them."""
    spec = recurrent_spec(slots=3)
    policy = new_policy(spec, 2, orthogonal_slots=True)
    without = replace(spec, slots=0)
    plain = Policy(
        spec=without, tensors={name: policy.tensors[name] for name in without.tensor_shapes()}
    )
    x = random_sequences(spec)
    for found, wanted in zip(
        RecurrentNetwork(policy).outputs(x), RecurrentNetwork(plain).outputs(x), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(
        RecurrentNetwork(policy).values(x), RecurrentNetwork(plain).values(x)
    )


def test_with_a_gain_slots_move_it_from_the_first():
    spec = recurrent_spec(slots=3)
    policy = new_policy(spec, 2, orthogonal_slots=True, film_gain=0.5)
    film = policy.tensors["film.2.weight"]
    np.testing.assert_allclose(film.T @ film, 0.25 * np.eye(8), atol=1e-5)
    x = random_sequences(spec)
    still = new_policy(spec, 2, orthogonal_slots=True)
    assert np.abs(RecurrentNetwork(policy).values(x) - RecurrentNetwork(still).values(x)).max() > 0

"""Acting with a memory: the network's function step by step, each row by itself, and the gate's noise."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from ratchet.errors import PolicyError
from ratchet.policies.actor import Actor
from ratchet.policies.recurrent.actor import NO_NOISE, GateNoise, RecurrentActor, actor_for
from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.policies.recurrent.sequences import Sequences
from strategies import box_spec, discrete_spec, random_policy, recurrent_spec, seeds

EVERYTHING = GateNoise(gumbel=True, slot_dropout=0.3, specialists=(0.0, 0.2, 0.4))
SPACES = {"categorical": discrete_spec(3, 3), "gaussian": box_spec(4, 2)}
CASES = {
    "plain": ({}, NO_NOISE),
    "slots": ({"slots": 3, "temperature": 0.6}, NO_NOISE),
    "hard": ({"slots": 3, "hard": True}, NO_NOISE),
    "noisy": ({"slots": 3}, EVERYTHING),
}


def actor_of(case, space="categorical", seed=0):
    options, noise = CASES[case]
    policy = random_policy(recurrent_spec(SPACES[space], **options), seed)
    return RecurrentActor(policy, noise), noise


def many_seeds(n, seed=0):
    return np.random.default_rng(seed).integers(0, 2**63, n, dtype=np.uint64)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("case", CASES)
def test_step_by_step_it_is_the_network_over_time(case, space):
    actor, noise = actor_of(case, space)
    spec, steps, n = actor.policy.spec, 12, 3
    rng = np.random.default_rng(1)
    seen = rng.normal(0, 1, (steps, n, spec.observation.size)).astype(np.float32)
    rewards = rng.normal(0, 1, (steps, n)).astype(np.float32)
    who, state = many_seeds(n), np.zeros((n, spec.memory), dtype=np.float32)
    inputs, states, choices, added, kept = [], [], [], [], []
    for step in range(steps):
        inputs.append(np.concatenate([seen[step], state[:, spec.width :]], axis=1))
        at = np.full(n, step)
        choices.append(actor.act(seen[step], None, who, at, deterministic=False, state=state))
        state[:, -1] = rewards[step]
        states.append(state[:, : spec.width].copy())
        one, other = noise.draw(who, at, spec.slots)
        added.append(one)
        kept.append(other)
    noisy = noise is not NO_NOISE
    x = Sequences(
        inputs=np.array(inputs),
        starts=np.zeros((n, spec.width), dtype=np.float32),
        begins=np.zeros((steps, n), dtype=np.bool_),
        valid=np.ones((steps, n), dtype=np.bool_),
        added=np.array(added) if noisy else None,
        kept=np.array(kept) if noisy else None,
    )
    network = RecurrentNetwork(actor.policy)
    np.testing.assert_allclose(network.evaluate(x)[1], np.array(states), rtol=1e-4, atol=1e-5)
    outputs = network.outputs(x)[0].astype(np.float64)
    actions = np.concatenate([choice.actions for choice in choices])
    log_probs = np.concatenate([choice.log_probs for choice in choices])
    if space == "categorical":
        found = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
        wanted = found[np.arange(len(actions)), actions]
    else:
        log_std = actor.policy.tensors["log_std"].astype(np.float64)
        z = (actions - outputs) / np.exp(log_std)
        wanted = (-0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(axis=1)
    np.testing.assert_allclose(log_probs, wanted, rtol=1e-4, atol=1e-4)


@settings(max_examples=20)
@given(st.sampled_from(list(CASES)), st.sampled_from(list(SPACES)), seeds, st.data())
def test_an_action_does_not_depend_on_who_else_is_in_the_batch(case, space, seed, data):
    actor, _ = actor_of(case, space, seed)
    spec, n = actor.policy.spec, 11
    rng = np.random.default_rng(seed)
    seen = rng.normal(0, 1, (n, spec.observation.size)).astype(np.float32)
    state = rng.normal(0, 1, (n, spec.memory)).astype(np.float32)
    who, steps = many_seeds(n, seed), rng.integers(0, 500, n)
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=13)))
    for greedy in (False, True):
        all_states, some_states = state.copy(), state[rows]
        whole = actor.act(seen, None, who, steps, deterministic=greedy, state=all_states)
        part = actor.act(
            seen[rows], None, who[rows], steps[rows], deterministic=greedy, state=some_states
        )
        np.testing.assert_array_equal(part.actions, whole.actions[rows])
        np.testing.assert_array_equal(part.executed, whole.executed[rows])
        np.testing.assert_array_equal(part.log_probs, whole.log_probs[rows])
        np.testing.assert_array_equal(some_states, all_states[rows])


def test_the_state_holds_the_action_just_done():
    actor, _ = actor_of("plain")
    state = np.full((2, actor.memory), 0.5, dtype=np.float32)
    actor.remember(state, np.array([2, 0]))
    assert state[:, 8:-1].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert (state[:, -1] == 0.5).all()
    swinging, _ = actor_of("plain", "gaussian")
    state = np.zeros((1, swinging.memory), dtype=np.float32)
    swinging.remember(state, np.array([[0.25, -3.0]]))
    assert state[0, 8:].tolist() == [0.25, -3.0, 0.0]


def test_the_reward_before_matters():
    actor, _ = actor_of("plain")
    seen, who = np.zeros((2, 3), dtype=np.float32), np.zeros(2, dtype=np.uint64)
    state = np.zeros((2, actor.memory), dtype=np.float32)
    state[1, -1] = 2.0
    choice = actor.act(
        seen, None, who, np.zeros(2, dtype=np.int64), deterministic=True, state=state
    )
    assert not np.array_equal(state[0, :8], state[1, :8])
    assert choice.log_probs[0] != choice.log_probs[1] or choice.actions[0] != choice.actions[1]


def test_the_gates_weights_can_be_looked_at():
    actor, _ = actor_of("slots")
    seen = np.random.default_rng(0).normal(0, 1, (6, 3)).astype(np.float32)
    state = np.random.default_rng(1).normal(0, 1, (6, actor.memory)).astype(np.float32)
    before = state.copy()
    weights = actor.weights(seen, state)
    np.testing.assert_array_equal(state, before)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-6)
    hard = RecurrentActor(replace(actor.policy, spec=replace(actor.policy.spec, hard=True)))
    np.testing.assert_array_equal(
        hard.weights(seen, state), np.eye(3)[weights.argmax(axis=1)].astype(np.float32)
    )


def test_only_what_is_legal_is_chosen():
    actor, _ = actor_of("slots")
    rng = np.random.default_rng(0)
    seen = rng.normal(0, 1, (40, 3)).astype(np.float32)
    masks = np.eye(3, dtype=np.bool_)[rng.integers(0, 3, 40)]
    state = np.zeros((40, actor.memory), dtype=np.float32)
    given_to = (many_seeds(40), np.arange(40))
    choice = actor.act(seen, masks, *given_to, deterministic=False, state=state)
    assert masks[np.arange(40), choice.actions].all()
    masks[7] = False
    with pytest.raises(PolicyError, match="environment 7 offers no legal action"):
        actor.act(seen, masks, *given_to, deterministic=False, state=state)


def test_there_is_an_actor_for_either_kind():
    assert isinstance(actor_for(random_policy(discrete_spec())), Actor)
    assert isinstance(actor_for(random_policy(recurrent_spec())), RecurrentActor)
    assert actor_for(random_policy(discrete_spec())).memory == 0
    assert actor_for(random_policy(recurrent_spec(slots=2))).memory == 8 + 2 + 1


# --- the gate's noise ---------------------------------------------------------------------------

MANY = 40_000


def test_noise_is_a_function_of_seed_and_step():
    who, steps = many_seeds(50), np.arange(50)
    added, kept = EVERYTHING.draw(who, steps, 3)
    backwards = EVERYTHING.draw(who[::-1].copy(), steps[::-1].copy(), 3)
    np.testing.assert_array_equal(backwards[0][::-1], added)
    np.testing.assert_array_equal(backwards[1][::-1], kept)
    assert not np.array_equal(EVERYTHING.draw(who, steps + 1, 3)[0], added)
    assert NO_NOISE.draw(who, steps, 3) == (None, None)


def test_gumbel_noise_is_standard():
    added, kept = GateNoise(gumbel=True).draw(many_seeds(MANY), np.zeros(MANY, dtype=np.int64), 2)
    assert kept is None
    assert added.dtype == np.float32
    for column in added.T:
        assert kstest(column, "gumbel_r").pvalue > 1e-4
    assert abs(np.corrcoef(added.T)[0, 1]) < 0.02


@pytest.mark.parametrize("rate", [0.3, 0.999])
def test_slots_are_left_out_at_their_rate_and_never_all(rate):
    added, kept = GateNoise(slot_dropout=rate).draw(
        many_seeds(MANY), np.zeros(MANY, dtype=np.int64), 5
    )
    assert added is None
    assert kept.any(axis=1).all()
    assert kept.mean() == pytest.approx(1 - rate + rate**5 / 5, abs=0.005)


def test_an_episode_is_dealt_to_one_slot_or_to_all():
    noise = GateNoise(specialists=(0.0, 0.1, 0.2))
    who = many_seeds(MANY)
    _, kept = noise.draw(who, np.zeros(MANY, dtype=np.int64), 3)
    _, later = noise.draw(who, np.full(MANY, 17), 3)
    np.testing.assert_array_equal(kept, later)
    assert set(kept.sum(axis=1)) == {1, 3}
    together = kept.all(axis=1)
    found = [*(kept & ~together[:, None]).sum(axis=0), together.sum()]
    assert chisquare(found).pvalue > 1e-4


def test_a_specialist_plays_alone_even_where_slots_are_left_out():
    _, alone = GateNoise(specialists=(0.0, 0.1)).draw(many_seeds(500), np.arange(500), 2)
    _, both = GateNoise(specialists=(0.0, 0.1), slot_dropout=0.9).draw(
        many_seeds(500), np.arange(500), 2
    )
    single = alone.sum(axis=1) == 1
    np.testing.assert_array_equal(both[single], alone[single])
    assert (both[~single].sum(axis=1) == 1).mean() > 0.7


@pytest.mark.parametrize("space", SPACES)
def test_specialists_slip_at_their_share(space):
    """What is executed is random; the action that is learned from, and its probability, stay."""
    shares = (0.0, 0.2, 0.5)
    policy = random_policy(recurrent_spec(SPACES[space], slots=3))
    noise, who = GateNoise(specialists=shares), many_seeds(MANY)
    steps = np.arange(MANY)
    seen = np.zeros((MANY, policy.spec.observation.size), dtype=np.float32)
    state = np.zeros((MANY, policy.spec.memory), dtype=np.float32)
    choice = RecurrentActor(policy, noise).act(
        seen, None, who, steps, deterministic=False, state=state
    )
    _, kept = noise.draw(who, steps, 3)
    low = policy.spec.action
    clipped = choice.actions if low.kind == "discrete" else np.clip(choice.actions, -2, 2)
    other = (choice.executed != clipped).reshape(MANY, -1).any(axis=1)
    together = kept.all(axis=1)
    # Of three random actions one is the chosen one by chance.
    seen_share = 2 / 3 if low.kind == "discrete" else 1.0
    for slot, share in enumerate(shares):
        alone = kept[:, slot] & ~together
        assert other[alone].mean() == pytest.approx(seen_share * share, abs=0.02)
    assert not other[together].any()
    if low.kind == "box":
        assert np.abs(choice.executed).max() <= 2.0
        for column in choice.executed[other].T:
            assert kstest(column, "uniform", args=(-2, 4)).pvalue > 1e-4
    else:
        # A slip that shows goes to one of the two others, each as likely.
        away = (choice.executed - choice.actions)[other] % 3
        assert chisquare(np.bincount(away)[1:]).pvalue > 1e-4


def test_a_slip_is_legal():
    policy = random_policy(recurrent_spec(discrete_spec(3, 4), slots=2))
    who, steps = many_seeds(MANY), np.arange(MANY)
    masks = np.tile([True, False, True, True], (MANY, 1))
    choice = RecurrentActor(policy, GateNoise(specialists=(0.9, 0.9))).act(
        np.zeros((MANY, 3), dtype=np.float32),
        masks,
        who,
        steps,
        deterministic=False,
        state=np.zeros((MANY, policy.spec.memory), dtype=np.float32),
    )
    assert masks[np.arange(MANY), choice.executed].all()
    other = choice.executed != choice.actions
    away = np.bincount(choice.actions[other] * 4 + choice.executed[other], minlength=16)
    # From each action to either of the two other legal ones.
    for pair in ((2, 3), (8, 11), (12, 14)):
        assert chisquare(away[list(pair)]).pvalue > 1e-4

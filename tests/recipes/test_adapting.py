"""Adapting within a budget of episodes: what is spent, what may move, and what the guard lets through."""

from dataclasses import replace

import numpy as np
import pytest

import environments
import journeys
from environments import Counting, counted, seeds_seen
from ratchet.errors import BudgetError, LedgerError, PolicyError, RecipeError
from ratchet.evaluation.guard import GuardSettings, split
from ratchet.evaluation.play import play
from ratchet.learning.config import PPOConfig, SafetyConfig
from ratchet.learning.trainer import Budget, TrainingPlan
from ratchet.ledger import queries
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.recipes.adaptations import train_by
from ratchet.recipes.adapting import METHODS, Adaptation, adapt, method_config
from ratchet.recipes.presets import PRESETS
from ratchet.rollout.fit import recurrent_spec_for, spec_for
from ratchet.seeding import SEED_LIMIT, TRAINING_DOMAIN
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import GymnasiumTask, callable_task
from strategies import random_policy

TASK = callable_task("environments:Counting")
MODE = "default"
SPEC = replace(recurrent_spec_for(TASK, slots=3), width=8)
PLAIN = replace(SPEC, slots=0)
BUDGETS = range(1, 41)


def levers(good, favourite, slots=3):
    """A bank of which only one slot chooses action 1, and whose gate likes another one.

    A slot's weight is a feature; the GRU is left out.
    """
    spec = replace(SPEC, slots=slots)
    eye = np.eye(8, dtype=np.float32)
    tensors = {name: np.zeros(shape, np.float32) for name, shape in spec.tensor_shapes().items()}
    tensors["slots"] = eye[:slots]
    tensors["film.0.weight"] = tensors["mlp_extractor.policy_net.0.weight"] = eye
    tensors["film.2.weight"][8:] = eye
    tensors["action_net.weight"][0, :slots] = 20.0
    tensors["action_net.weight"][:, good] = [0.0, 20.0]
    tensors["gate.2.bias"][favourite] = 4.0
    return Policy(spec=spec, tensors=tensors)


def undecided():
    """A policy that chooses either action about as often."""
    policy = random_policy(SPEC, 1)
    head = {name: 0.05 * policy.tensors[name] for name in ("action_net.weight", "action_net.bias")}
    return replace(policy, tensors={**policy.tensors, **head})


def adapted(policy, budget, task=TASK, *, seed=0, **how):
    counted.clear()
    seeds_seen.clear()
    return adapt(
        policy, task, task.modes[0].name, Adaptation(**how), budget, seed=seed, deterministic=False
    )


def mean_return(policy, task=TASK):
    played = play(task, actor_for(policy), list(range(100)), MODE, deterministic=False)
    return np.mean([episode.episode_return for episode in played])


# --- what is spent ------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", [None, GuardSettings()], ids=["open", "guarded"])
@pytest.mark.parametrize("method", METHODS)
def test_every_episode_is_recorded_and_none_is_over_the_budget(method, guard):
    start = levers(2, 0)
    for budget in BUDGETS:
        found = adapted(start, budget, seed=budget, method=method, guard=guard)
        learning, pairs = (budget, 0) if guard is None else split(budget, guard)
        assert len(found.episodes) <= budget
        assert found.evidence in {0, 2 * pairs}
        assert bool(found.evidence) == (found.candidate.id != start.id and pairs > 0)
        if method != "slot_search":
            assert len(found.episodes) - found.evidence == learning
        # what the simulator was told is what is stated
        assert len(seeds_seen) == counted["begun"] == len(found.episodes)
        assert found.environment_steps == counted["steps"]
        assert found.side_steps == 0
        # its own seeds, each once (candidates of a search share theirs, and nothing else does)
        assert all(TRAINING_DOMAIN <= each.seed < SEED_LIMIT for each in found.episodes)
        assert len({(each.worker, each.seed) for each in found.episodes}) == len(found.episodes)
        keys = {(each.attempt, each.worker, each.episode) for each in found.episodes}
        assert len(keys) == len(found.episodes)
        proof = {each.seed for each in found.episodes if each.worker in {1, 2}}
        rest = {each.seed for each in found.episodes if each.worker not in {1, 2}}
        assert len(proof) == found.evidence
        assert not proof & rest
        if method != "slot_search":
            assert len(proof | rest) == len(found.episodes)
        # who adopts, and who does not
        kept = start if guard is not None and not found.verdict.adopted else found.candidate
        assert found.policy is kept
        record = found.guard_record(guard)
        if guard is None:
            assert found.verdict is record is None
        else:
            assert record["adaptation_episodes"] + record["evidence_episodes"] == len(
                found.episodes
            )
            assert (record["confidence"], record["adopted"]) == (0.95, found.verdict.adopted)


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_too_small_to_show_anything_plays_nothing(method):
    start = levers(2, 0)
    for budget in range(1, 7):
        found = adapted(start, budget, method=method)
        assert found.policy is found.candidate is start
        assert not found.episodes
        assert counted["steps"] == 0
        assert "which takes 7 or more" in found.verdict.reason


@pytest.mark.parametrize("method", METHODS)
def test_every_episode_has_its_metrics_and_parts(method):
    task = callable_task("environments:make_stretches")
    start = levers(2, 0) if method == "slot_search" else undecided()
    found = adapted(start, 40, task, method=method, guard=GuardSettings())
    assert found.evidence > 0
    for episode in found.episodes:
        assert sum(part["steps"] for part in episode.parts) == episode.length
        assert episode.metrics == {"ones": episode.episode_return}


def test_what_an_anchor_measures_is_stated_beside_the_budget():
    safety = SafetyConfig(anchor="ewc:1.0", rollback_kl=None, warmup_fraction=0.0)
    found = adapted(levers(2, 0), 10, method="reinforce", safety=safety, guard=None)
    assert found.side_steps > 0
    assert counted["steps"] == found.environment_steps + found.side_steps
    assert len(found.episodes) == 10


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_and_another_does_not(method):
    start = random_policy(SPEC, 1)
    first = adapted(start, 20, method=method, seed=3)
    again = adapted(start, 20, method=method, seed=3)
    other = adapted(start, 20, method=method, seed=4)
    assert first.candidate.id == again.candidate.id
    assert first.episodes == again.episodes
    assert not {e.seed for e in first.episodes} & {e.seed for e in other.episodes}


# --- what may move ------------------------------------------------------------------------------

PARTS = {
    "full": None,
    "gating": ("gate.",),
    "film": ("film.",),
    "slots": ("slots",),
    "policy_head": ("mlp_extractor.policy_net.", "action_net."),
    "gate.2.*,slots": ("gate.2.", "slots"),
}


@pytest.mark.parametrize("method", ["ppo", "reinforce"])
@pytest.mark.parametrize("scope", PARTS)
def test_only_what_the_scope_names_moves(scope, method):
    start, how = random_policy(SPEC), {"scope": scope, "method": method, "guard": None}
    found = adapted(start, 12, **how).policy
    inside = {
        name for name in start.tensors if PARTS[scope] is None or name.startswith(PARTS[scope])
    }
    moved = {name for name, old in start.tensors.items() if (found.tensors[name] != old).any()}
    assert moved
    assert moved <= inside
    plan = Adaptation(**how)
    assert plan.parameter_count(start) == sum(start.tensors[name].size for name in inside)
    assert plan.frozen(start) == plan.frozen(found)
    if scope != "full":
        assert plan.frozen(start) != plan.frozen(random_policy(SPEC, 1))


def test_adapters_are_as_many_as_asked_for():
    policy = PRESETS["astral-default"].new(cartpole_modes(), 0)
    # By rank: 1226 each for the matrices of 64 rows or more and the gate's last, of rank 3 at most (67 each);
    # the action head is of rank 2 at most (66 each).
    by_hand = {1: 1226 + 66, 2: 2 * (1226 + 66), 3: 3 * 1226 + 2 * 66, 4: 4 * 1159 + 3 * 67 + 132}
    for rank, numbers in by_hand.items():
        assert Adaptation(scope="adapter", rank=rank).parameter_count(policy) == numbers
    matched = Adaptation(scope="adapter", parameters=4355)
    assert matched.rank_of(policy) == 3
    assert matched.parameter_count(policy) == 3810
    assert Adaptation(scope="adapter", parameters=1).rank_of(policy) == 1


def test_adapters_leave_the_critic_the_biases_and_the_slots():
    start = random_policy(SPEC)
    how = {"scope": "adapter", "rank": 2, "method": "reinforce", "guard": None}
    found = adapted(start, 12, **how).policy
    moved = {name for name, old in start.tensors.items() if (found.tensors[name] != old).any()}
    assert moved
    assert not any("value_net" in name or "bias" in name or name == "slots" for name in moved)
    assert all(np.linalg.matrix_rank(found.tensors[n] - start.tensors[n], 1e-5) <= 2 for n in moved)
    assert Adaptation(**how).frozen(start) == Adaptation(**how).frozen(found)


# --- slot search --------------------------------------------------------------------------------


@pytest.mark.parametrize(("good", "favourite"), [(0, 1), (1, 2), (2, 0)])
def test_the_slot_that_is_good_is_found(good, favourite):
    start = levers(good, favourite)
    natural = mean_return(start)
    for seed in range(4):
        found = adapted(start, 30, seed=seed, method="slot_search", guard=None)
        gate = actor_for(found.policy).weights(
            np.zeros((1, 2), np.float32), np.zeros((1, SPEC.memory), np.float32)
        )[0]
        assert gate.argmax() == good
        assert gate[good] > 0.99
        assert mean_return(found.policy) > natural + 3.0
        moved = {n for n, old in start.tensors.items() if (found.policy.tensors[n] != old).any()}
        assert moved == {"gate.2.bias"}
        assert found.policy.lineage == (start.id,)
        assert not found.updates
    how = Adaptation(method="slot_search", scope="gating")
    assert how.parameter_count(start) == 2
    assert how.frozen(start) == how.frozen(found.policy)
    assert how.frozen(start) != how.frozen(levers(good, favourite, slots=4))


def test_a_gate_that_is_right_already_is_kept_without_evidence():
    start = levers(1, 1)
    found = adapted(start, 30, method="slot_search")
    assert found.policy is start
    assert found.evidence == 0
    assert found.verdict.reason == "the start is kept: the search chose it itself"


def test_temperature_does_not_change_what_is_found():
    for temperature in (0.2, 5.0):
        start = levers(2, 0)
        tensors = dict(start.tensors)
        tensors["gate.2.bias"] = tensors["gate.2.bias"] * np.float32(temperature)
        warm = replace(start, spec=replace(SPEC, temperature=temperature), tensors=tensors)
        found = adapted(warm, 30, method="slot_search", guard=None).policy
        cold = adapted(start, 30, method="slot_search", guard=None).policy
        difference = found.tensors["gate.2.bias"] / temperature - cold.tensors["gate.2.bias"]
        np.testing.assert_allclose(difference - difference[0], 0.0, atol=1e-4)


# --- the guard ----------------------------------------------------------------------------------


class Turncoat(Counting):
    """Pays for the wrong action until so many episodes have begun, and for the right one from then on."""

    honest_after = 0

    def reset(self, *, seed=None, options=None):
        found = super().reset(seed=seed, options=options)
        self._sign = 1.0 if counted["begun"] > self.honest_after else -1.0
        return found

    def step(self, action):
        observation, reward, *rest = super().step(action)
        return (observation, self._sign * reward, *rest)


SEEDS = 60
ALLOWED = SEEDS * 0.05 + 3.0 * (SEEDS * 0.05 * 0.95) ** 0.5
"""Wrong adoptions that a guard of 95% may show, with three standard errors."""


def test_adaptation_that_hurts_is_let_through_hardly_ever():
    start, guard = undecided(), GuardSettings()
    harmed, hurtful = GymnasiumTask("turncoat", Turncoat), 0
    how = {"method": "reinforce", "ppo": {"learning_rate": 0.03}}
    adopted = 0
    try:
        Turncoat.honest_after, _ = split(30, guard)
        for seed in range(SEEDS):
            found = adapted(start, 30, harmed, seed=seed, guard=guard, **how)
            hurtful += found.verdict.mean_adapted < found.verdict.mean_start
            adopted += found.verdict.adopted
            if not found.verdict.adopted:
                assert found.policy.id == start.id
        assert hurtful > 0.9 * SEEDS
        assert adopted <= ALLOWED
        # without it the harm is done
        Turncoat.honest_after = 30
        left = adapted(start, 30, harmed, guard=None, **how)
        assert left.policy is left.candidate
        assert mean_return(left.policy) < mean_return(start) - 1.0
    finally:
        Turncoat.honest_after = 0


def test_a_policy_that_acts_the_same_is_taken_hardly_ever():
    """The critic alone learns: the candidate is another policy, and its returns have one distribution."""
    start, adopted = undecided(), 0
    for seed in range(SEEDS):
        found = adapted(start, 30, seed=seed, method="ppo", scope="value", ppo={"n_epochs": 1})
        assert found.candidate.id != start.id
        assert found.evidence == 12
        adopted += found.verdict.adopted
    assert adopted <= ALLOWED


def test_adaptation_that_helps_is_taken():
    start = levers(2, 0)
    found = [adapted(start, 40, seed=seed, method="slot_search") for seed in range(10)]
    assert sum(each.verdict.adopted for each in found) >= 8
    assert all(each.policy.id != start.id for each in found if each.verdict.adopted)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "how", "error", "message"),
    [
        (PLAIN, {"scope": "gating"}, PolicyError, "scope 'gating' is the gate"),
        (spec_for(TASK), {"scope": "film"}, PolicyError, "a policy of kind 'mlp' has none"),
        (spec_for(TASK), {"scope": "gatng"}, PolicyError, "did you mean 'gating'"),
        (spec_for(TASK), {"method": "slot_search"}, PolicyError, "'mlp' has no slots"),
        (PLAIN, {"method": "slot_search"}, PolicyError, "'recurrent' has no slots"),
        (
            SPEC,
            {"method": "slot_search", "safety": SafetyConfig(anchor="kl:1.0")},
            RecipeError,
            "slot search has no weights to hold: it takes no anchor",
        ),
        (SPEC, {"safety": SafetyConfig(anchor="lk:1.0")}, RecipeError, "anchor 'lk:1.0'"),
        (SPEC, {"ppo": {"gama": 0.9}}, RecipeError, "did you mean 'gamma'"),
        (SPEC, {"ppo": {"gamma": 9}}, RecipeError, "gamma is 9"),
        (SPEC, {"scope": "adapter", "rank": 0}, PolicyError, "rank is 0"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_played(spec, how, error, message):
    with pytest.raises(error, match=message):
        adapted(random_policy(spec), 10, **how)
    assert counted["begun"] == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("guard", [None, GuardSettings()], ids=["open", "guarded"])
def test_a_budget_of_nothing(method, guard):
    with pytest.raises(BudgetError, match="the budget is 0 episodes"):
        adapted(levers(2, 0), 0, method=method, guard=guard)


def test_settings_of_a_method_can_be_set():
    assert method_config("reinforce")["n_envs"] == 1
    how = Adaptation(method="reinforce", ppo={"learning_rate": 0.5})
    assert (how.config().learning_rate, how.config().vf_coef) == (0.5, 0.0)


# --- in the ledger ------------------------------------------------------------------------------


def plan(budget, seed=0):
    return TrainingPlan(
        policy=levers(2, 0), task=TASK, budget=Budget(budget, "episodes"), config=PPOConfig(),
        mode=MODE, seed=seed,
    )  # fmt: skip


def test_the_ledger_has_every_episode_and_the_verdict(tmp_path):
    how = Adaptation(method="slot_search")
    notes = []

    class Listener(journeys.Quiet):
        def note(self, text):
            notes.append(text)

    with journeys.session(tmp_path, progress=Listener()) as session:
        trained = train_by(session, plan(40), how, name="it", preflight="fine")
    (said,) = notes
    assert said.startswith("guard: the adapted policy is taken")
    with journeys.ledger_of(tmp_path) as ledger:
        (row,) = queries.trainings(ledger, "run")
        episodes = queries.training_episodes(ledger, row.id)
    guard = row.safety["guard"]
    assert guard["adopted"]
    assert guard["reason"] in said
    assert guard["adaptation_episodes"] + guard["evidence_episodes"] == row.episodes <= 40
    assert len(episodes.seeds) == row.episodes
    assert row.environment_steps == episodes.lengths.sum() == trained.environment_steps
    assert (row.scope, row.mode, row.budget, row.budget_unit) == (
        "slot_search", MODE, 40, "episodes",
    )  # fmt: skip
    assert (row.parameters_adapted, row.frozen_unchanged) == (2, True)
    assert (row.base_policy, row.result_policy) == (levers(2, 0).id, trained.policy.id)
    assert row.safety["preflight"] == "fine"
    # asked for again it is read back, and nothing is played
    counted.clear()
    with journeys.session(tmp_path, resume=True) as session:
        again = train_by(session, plan(40), how, name="it", preflight="fine")
    assert again.policy.id == trained.policy.id
    assert environments.counted["begun"] == 0
    with (
        pytest.raises(LedgerError, match="was begun with budget 40, not 50"),
        journeys.session(tmp_path, resume=True) as session,
    ):
        train_by(session, plan(50), how, name="it", preflight="fine")

"""Learning from whole episodes: it does learn, in every kind of action, safely, and the same again."""

import numpy as np
import pytest

from playing import played
from ratchet.entities import Entities, EntitySet, Single
from ratchet.errors import PolicyError, RecipeError
from ratchet.learning.config import FleetConfig
from ratchet.learning.episode_learner import EpisodeLearner
from ratchet.policies.actor import Actor
from ratchet.policies.initial import new_policy
from ratchet.policies.spec import ActionSpec, EntitySpec, ObservationSpec
from strategies import box_spec, discrete_spec, random_policy, recurrent_spec

BOLD = {
    "batch_size": 64,
    "learning_rate": 3e-3,
    "tuned": False,
    "warmup_updates": 0,
    "target_kl": None,
    "rollback_kl": None,
}


AMONG_ENTITIES = EntitySpec(
    observation=ObservationSpec(kind="box", shape=(5,)),
    action=ActionSpec(kind="discrete", n=3),
    entities=Entities(
        sets=(EntitySet(name="things", offset=1, count=2, width=2),),
        alone=(0,),
        single=(Single(name="take", sets=("things",), actions=(1, 2)),),
    ),
    width=8,
    heads=2,
    hidden=(8,),
    critic=(8,),
)


def first_action(observations, actions):
    return (actions == 0).astype(np.float32)


def below_one(observations, actions):
    return -np.abs(actions - 1.0).sum(axis=1)


@pytest.mark.parametrize(
    ("spec", "masked", "reward", "gain"),
    [
        (discrete_spec(3, 4), False, first_action, 5.0),
        (discrete_spec(3, 4), True, first_action, 5.0),
        (box_spec(3, 2), False, below_one, 12.0),
        (AMONG_ENTITIES, True, first_action, 3.0),
    ],
    ids=["discrete", "masked", "box", "entities"],
)
@pytest.mark.parametrize("lagged", ["reject", "decouple"])
def test_it_learns(spec, masked, reward, gain, lagged):
    """From the episodes of two versions at a time, the newest and the one before it."""
    policy = new_policy(spec, 1)
    config = FleetConfig(lagged=lagged, **(BOLD | {"learning_rate": 0.01}))
    learner = EpisodeLearner(policy, config, seed=0)
    older, newest, returns = policy, policy, []
    for number in range(1, 24):
        options = {"masked": masked, "reward": reward, "steps": 20}
        fresh = [played(newest, 100 * number + k, **options) for k in range(4)]
        old = [played(older, 100 * number + 50 + k, **options) for k in range(4)]
        returns.append(np.mean([one.record.episode_return for one in fresh]))
        learner.learn(number, fresh + old, [0] * 4 + [int(number > 1)] * 4)
        older, newest = newest, policy.descend(learner.tensors())
    assert np.mean(returns[-4:]) > np.mean(returns[:2]) + gain


def test_big_returns_do_not_drown_the_policy():
    """The gradient's length is of the same order whatever rewards are counted in."""
    spec, norms = discrete_spec(3, 4, shared=(8,)), []
    policy = random_policy(spec, 2)
    for unit in (1.0, 1000.0):
        episodes = [
            played(policy, k, reward=lambda _, actions, u=unit: u * actions) for k in range(6)
        ]
        learned = EpisodeLearner(policy, FleetConfig(**BOLD), seed=0).learn(1, episodes, [0] * 6)
        norms.append(learned.metrics.gradient_norm)
        assert learned.deviation == pytest.approx(unit, rel=1.5)
    assert norms[1] < 3 * norms[0]


def test_restored_it_goes_on_to_the_bit():
    spec = discrete_spec(3, 4)
    policy, config = random_policy(spec, 1), FleetConfig(lagged="decouple", batch_size=16)
    batches = [[played(policy, 10 * number + k) for k in range(4)] for number in range(4)]
    straight = EpisodeLearner(policy, config, seed=5)
    broken = EpisodeLearner(policy, config, seed=5)
    for number, episodes in enumerate(batches, start=1):
        said = repr(straight.tune(straight.learn(number, episodes, [number - 1] * 4)))
        assert said == repr(broken.tune(broken.learn(number, episodes, [number - 1] * 4)))
        state, tensors = broken.state(), broken.tensors()
        arrays = {name: array.copy() for name, array in state.arrays.items()}
        broken = EpisodeLearner(policy, config, seed=5)
        broken.restore(tensors, arrays, state.data)
        assert broken.coefficients == straight.coefficients
    for name, tensor in straight.tensors().items():
        np.testing.assert_array_equal(tensor, broken.tensors()[name])
    other = EpisodeLearner(policy, config, seed=6)
    other.learn(1, batches[0], [0] * 4)
    assert not np.array_equal(other.tensors()["value_net.bias"], tensors["value_net.bias"])


def test_at_first_the_critic_learns_alone():
    spec = discrete_spec(3, 4)
    policy = random_policy(spec, 1)
    config = FleetConfig(warmup_explained_variance=1.0, warmup_updates=2)
    learner, kinds = EpisodeLearner(policy, config, seed=0), []
    for number in range(1, 4):
        learned = learner.learn(number, [played(policy, number)], [0])
        step = learner.tune(learned)
        assert (step is None) == learned.critic_only
        kinds.append(learned.critic_only)
        moved = {
            name for name, tensor in learner.tensors().items()
            if not np.array_equal(tensor, policy.tensors[name])
        }  # fmt: skip
        assert any("value_net" in name for name in moved)
        assert any("value_net" not in name for name in moved) == (number > 2)
        if learned.critic_only:
            assert learned.moved == 0.0
            assert learner.coefficients.learning_rate == config.learning_rate
    assert kinds == [True, True, False]


@pytest.mark.parametrize("tuned", [True, False])
def test_an_update_that_goes_too_far_is_undone_and_the_next_is_slower(tuned):
    spec = discrete_spec(3, 4)
    policy = random_policy(spec, 1)
    config = FleetConfig(
        tuned=tuned, learning_rate=1e-4, rollback_kl=1e-12, warmup_updates=0, batch_size=16
    )
    learner = EpisodeLearner(policy, config, seed=0)
    learned = learner.learn(1, [played(policy, k) for k in range(3)], [0] * 3)
    step = learner.tune(learned)
    assert learned.undone
    assert learned.moved > 1e-12
    assert learner.rollbacks == 1
    for name, tensor in learner.tensors().items():
        np.testing.assert_array_equal(tensor, policy.tensors[name])
    assert learner.coefficients.learning_rate == pytest.approx(5e-5)
    assert step.finding == "over-moving"
    assert "learning_rate 0.0001 → 5e-05" in str(step.changes[0])


def test_the_guard_stops_an_update_before_it_goes_on_too_far():
    spec = discrete_spec(3, 4)
    policy = random_policy(spec, 1)
    config = FleetConfig(**(BOLD | {"target_kl": 1e-6, "batch_size": 8}))
    learned = EpisodeLearner(policy, config, seed=0).learn(
        1, [played(policy, k) for k in range(8)], [0] * 8
    )
    assert learned.metrics.stopped_by_kl
    assert learned.metrics.minibatches < 4 * 6


def test_an_update_that_was_stopped_before_its_first_step_says_why():
    policy = random_policy(discrete_spec(3, 4), 1)
    learner = EpisodeLearner(policy, FleetConfig(**(BOLD | {"target_kl": 0.03})), seed=0)
    # Played by quite another policy, which is what a lag may come to.
    other = random_policy(discrete_spec(3, 4), 2)
    learned = learner.learn(1, [played(other, k) for k in range(8)], [4] * 8)
    assert (learned.metrics.minibatches, learned.metrics.stopped_by_kl) == (0, True)
    assert learned.metrics.approx_kl > 0.03
    for name, tensor in learner.tensors().items():
        np.testing.assert_array_equal(tensor, policy.tensors[name])


def test_what_cannot_be_trained_or_tuned_is_refused():
    with pytest.raises(PolicyError, match="remember nothing, and this one is of kind 'recurrent'"):
        EpisodeLearner(random_policy(recurrent_spec()), FleetConfig(), seed=0)
    policy = random_policy(discrete_spec())
    with pytest.raises(RecipeError, match=r"learning_rate is 0\.003; where it is tuned"):
        EpisodeLearner(policy, FleetConfig(learning_rate=3e-3), seed=0)
    assert EpisodeLearner(policy, FleetConfig(), seed=0).coefficients.anchor == 0.0


def test_the_numbers_of_the_write_up_are_the_defaults():
    config = FleetConfig()
    ppo = config.ppo(ent_coef=0.25)
    assert (ppo.n_epochs, ppo.clip_range, ppo.target_kl) == (4, 0.15, 0.03)
    assert (ppo.learning_rate, ppo.ent_coef, config.ent_coef) == (3e-5, 0.25, 0.001)
    assert (config.anchor, config.lagged) == (0.10, "reject")


def test_an_actor_of_what_was_learned_says_what_the_learner_says():
    """What is published is what learns: its log-probabilities are the proximal policy's."""
    spec = discrete_spec(3, 4)
    policy = random_policy(spec, 1)
    learner = EpisodeLearner(policy, FleetConfig(**(BOLD | {"learning_rate": 1e-4})), seed=0)
    learner.learn(1, [played(policy, k) for k in range(4)], [0] * 4)
    newest = policy.descend(learner.tensors())
    assert Actor(newest).id == newest.id
    learned = learner.learn(2, [played(newest, 9)], [0])
    assert learned.metrics.approx_kl < 1e-3

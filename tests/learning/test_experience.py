"""Experience: returns by hand, episodes apart, and sequences that hold what was played."""

import numpy as np
import pytest

from playing import played
from ratchet.learning.config import PPOConfig
from ratchet.learning.experience import Estimator, experience_of, explained_variance
from ratchet.policies.network import CompiledNetwork
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import GateNoise, RecurrentActor
from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.policies.sparse import WIDE, SparseRows
from ratchet.rollout.collector import Collector
from ratchet.rollout.fit import spec_for
from ratchet.rollout.trajectory import Provenance, Trajectory
from ratchet.tasks.gymnasium import callable_task
from strategies import discrete_spec, random_policy, recurrent_spec

SPEC = discrete_spec(1, 2, actor=(), critic=())
"""A policy whose value is its observation."""


def value_is_observation():
    tensors = {
        name: np.zeros(shape, dtype=np.float32) for name, shape in SPEC.tensor_shapes().items()
    }
    tensors["value_net.weight"][:] = 1.0
    return Policy(spec=SPEC, tensors=tensors)


def three_steps(*, terminated=(), truncated=(), final=()):
    """Rewards 1, 2, 4 at values 10, 20, 30; `final` maps a row to the value of what followed it."""

    def column(values, dtype):
        return np.array(values, dtype=dtype).reshape(3, 1)

    rows = np.arange(3)
    return Trajectory(
        observations=np.array([10, 20, 30], dtype=np.float32).reshape(3, 1, 1),
        actions=column([0, 1, 0], np.int64),
        log_probs=column(np.log([0.5, 0.5, 0.5]), np.float32),
        rewards=column([1, 2, 4], np.float32),
        terminated=column(np.isin(rows, terminated), np.bool_),
        truncated=column(np.isin(rows, truncated), np.bool_),
        played=np.ones((3, 1), dtype=np.bool_),
        masks=None,
        final_index=np.array([(row, 0) for row in final], dtype=np.int64).reshape(-1, 2),
        final_observations=np.array(list(dict(final).values()), dtype=np.float32).reshape(-1, 1),
        seeds=np.zeros((3, 1), dtype=np.uint64),
        steps=np.zeros((3, 1), dtype=np.int64),
        modes=np.zeros((3, 1), dtype=np.int64),
        states=np.zeros((1, 0), dtype=np.float32),
        provenance=Provenance(policy="", version=0, task="", worker=0, attempt=0, collected_at=0.0),
    )


def estimate(trajectory, **options):
    policy = value_is_observation()
    config = PPOConfig(gamma=0.5, gae_lambda=0.5)
    batch, _ = Estimator(policy=policy, config=config, **options).experience(
        trajectory, CompiledNetwork(policy)
    )
    return batch


ENDS = {"terminated": (1,), "final": {2: 40}}
"""The first episode ends after two steps; the second is cut by the collection."""


def test_an_estimate_stops_at_the_end_of_an_episode():
    # δ = (1 + 20/2 - 10, 2 - 20, 4 + 40/2 - 30) = (1, -18, -6), and a quarter of what comes after.
    batch = estimate(three_steps(**ENDS))
    assert batch.advantages.tolist() == [1 - 18 / 4, -18, -6]
    assert batch.returns.tolist() == [6.5, 2, 24]
    assert batch.values.tolist() == [10, 20, 30]


def test_across_episodes_it_runs_on():
    # The flaw: at the end of the first episode the second one's first value counts as its future.
    # δ = (1, 2 + 30/2 - 20, -6) = (1, -3, -6).
    batch = estimate(three_steps(**ENDS), across_episodes=True)
    assert batch.advantages.tolist() == [1 - 3 / 4 - 6 / 16, -3 - 6 / 4, -6]
    # A time limit is run over in the same way, and an end in the last row remains an end.
    limit = three_steps(truncated=(1,), terminated=(2,), final={1: 100})
    assert estimate(limit, across_episodes=True).advantages[1] == -3 - 26 / 4
    assert estimate(limit).advantages.tolist() == [1 + 32 / 4, 2 + 50 - 20, -26]


def test_the_return_to_go_without_a_critic():
    batch = estimate(three_steps(**ENDS), method="reinforce")
    assert batch.advantages.tolist() == [1 + 2 / 2, 2, 4]
    assert batch.returns.tolist() == [2, 2, 4]
    assert batch.values.tolist() == [10, 20, 30]
    limit = three_steps(truncated=(2,), final={2: 1000})
    assert estimate(limit, method="reinforce").advantages.tolist() == [1 + 1 + 1, 4, 4]


def test_explained_variance():
    returns = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    assert explained_variance(returns, returns) == 1.0
    assert explained_variance(np.full(3, 2.0, dtype=np.float32), returns) == 0.0
    assert explained_variance(-returns, returns) == -3.0
    assert np.isnan(explained_variance(returns, np.ones(3, dtype=np.float32)))


# --- sequences ----------------------------------------------------------------------------------

NOISE = GateNoise(gumbel=True, slot_dropout=0.3, specialists=(0.0, 0.2, 0.5))


def collected(slots=3, noise=NOISE, name="Counting", rows=23, count=3, most=None):
    task = callable_task(f"environments:{name}")
    policy = random_policy(recurrent_spec(spec_for(task), slots=slots))
    actor = RecurrentActor(policy, noise)
    collector = Collector(task, count, run_seed=1)
    collector.collect(actor, rows=4, version=0)
    return policy, collector.collect(actor, rows=rows, version=0, max_steps=most)


@pytest.mark.parametrize("length", [1, 5, 8, 100])
@pytest.mark.parametrize("most", [None, 67])
def test_a_policys_own_probabilities_are_computed_again(length, most):
    """With all the noise of the gate: a step's ratio is 1 until something was learned, in every mini-batch."""
    policy, trajectory = collected(most=most)
    config = PPOConfig(sequence_length=length, batch_size=16)
    network = RecurrentNetwork(policy)
    estimator = Estimator(policy=policy, config=config, noise=NOISE)
    experience, _ = estimator.experience(trajectory, network)
    order = np.random.default_rng(0).permutation(experience.units)
    seen = 0
    for part in [*experience.minibatches(order, config.batch_size), experience.whole()]:
        logits = network.outputs(part.observations)[0].astype(np.float64)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        chosen = log_p[np.arange(len(part)), part.actions]
        np.testing.assert_allclose(part.log_probs, chosen, atol=2e-5)
        np.testing.assert_allclose(network.values(part.observations), part.values, atol=2e-4)
        seen += len(part)
    assert seen == 2 * trajectory.transitions


def test_without_the_noise_they_would_be_others():
    policy, trajectory = collected()
    plain = Estimator(policy=policy, config=PPOConfig())
    network = RecurrentNetwork(policy)
    whole = plain.experience(trajectory, network)[0].whole()
    logits = network.outputs(whole.observations)[0]
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    chosen = log_p[np.arange(len(whole)), whole.actions]
    assert np.abs(chosen - whole.log_probs).max() > 0.05


def test_mini_batches_are_whole_sequences():
    policy, trajectory = collected(rows=20, count=4)
    estimator = Estimator(
        policy=policy, config=PPOConfig(sequence_length=5, batch_size=11), noise=NOISE
    )
    experience, _ = estimator.experience(trajectory, RecurrentNetwork(policy))
    assert experience.units == 4 * 4
    sizes = [len(part) for part in experience.minibatches(np.arange(16), 11)]
    assert sizes == [10] * 8
    # Smaller than a sequence there is nothing.
    assert [len(part) for part in experience.minibatches(np.arange(16), 2)] == [5] * 16


def test_what_the_network_sees_is_what_the_actor_saw():
    policy, trajectory = collected(slots=0, noise=GateNoise())
    estimator = Estimator(policy=policy, config=PPOConfig())
    experience, _ = estimator.experience(trajectory, RecurrentNetwork(policy))
    x = experience.sequences
    assert x.added is x.kept is None
    for column in range(3):
        for row in range(1, 23):
            past = x.inputs[row, column, 2:]
            if trajectory.steps[row, column] == 0:
                assert x.begins[row, column]
                assert not past.any()
            else:
                assert not x.begins[row, column]
                action = int(trajectory.actions[row - 1, column])
                assert past.tolist() == [
                    float(action == 0),
                    float(action == 1),
                    trajectory.rewards[row - 1, column],
                ]
    np.testing.assert_array_equal(x.inputs[..., :2], trajectory.observations)


def test_after_a_cut_the_value_is_that_of_going_on():
    """The bootstrap is the critic's value of what followed, with the memory of the episode."""
    policy, trajectory = collected(slots=0, noise=GateNoise(), rows=12)
    network = RecurrentNetwork(policy)
    config = PPOConfig(gamma=0.9, gae_lambda=0.0)
    estimator = Estimator(policy=policy, config=config)
    whole = estimator.experience(trajectory, network)[0].whole()
    advantages = np.zeros(trajectory.played.shape, dtype=np.float32)
    values = np.zeros_like(advantages)
    advantages[trajectory.played], values[trajectory.played] = whole.advantages, whole.values
    bootstraps = 0
    for column in range(3):
        actor = RecurrentActor(policy)
        state = trajectory.states[column : column + 1].copy()
        for row in range(12):
            if trajectory.steps[row, column] == 0:
                state[:] = 0.0
            here = (slice(row, row + 1), column)
            given = (None, trajectory.seeds[here], trajectory.steps[here])
            actor.act(trajectory.observations[here], *given, deterministic=False, state=state)
            state[:, -1] = trajectory.rewards[here]
            for at, seen in zip(trajectory.final_index, trajectory.final_observations, strict=True):
                if at.tolist() == [row, column]:
                    inputs = np.concatenate([seen[None], state[:, 8:]], axis=1)
                    after = network.value_after(np.ascontiguousarray(state[:, :8]), inputs)[0]
                    wanted = trajectory.rewards[row, column] + 0.9 * after - values[row, column]
                    assert advantages[row, column] == pytest.approx(wanted, abs=1e-4)
                    bootstraps += 1
    assert bootstraps >= 3


def test_whole_episodes_of_any_length_by_hand():
    """Values are the network's, not those recorded; what was cut goes on with the value of what followed."""
    spec = discrete_spec(3, 4)
    policy, other = random_policy(spec, 1), random_policy(spec, 2)
    episodes = [
        played(other, 0, steps=3, masked=True),
        played(other, 1, steps=1, masked=True, terminated=False),
        played(other, 2, steps=4, masked=True, terminated=False),
    ]
    network, gamma, lam = CompiledNetwork(policy), 0.9, 0.8
    batch, explained = experience_of(episodes, policy, network, gamma=gamma, lam=lam)
    wanted, values = [], []
    for episode in episodes:
        seen = np.concatenate([episode.observations, episode.final_observation[None]])
        v = network.values(seen).astype(np.float64)
        if episode.terminated:
            v[-1] = 0.0
        deltas = episode.rewards + gamma * v[1:] - v[:-1]
        n = len(deltas)
        wanted += [
            sum((gamma * lam) ** (later - step) * deltas[later] for later in range(step, n))
            for step in range(n)
        ]
        values += v[:-1].tolist()
    np.testing.assert_allclose(batch.advantages, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(batch.values, values, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(batch.returns, np.add(wanted, values), rtol=1e-5, atol=1e-5)
    returns = np.add(wanted, values)
    assert explained == pytest.approx(1 - np.var(returns - values) / np.var(returns), rel=1e-4)
    for name in ("observations", "actions", "masks", "log_probs"):
        np.testing.assert_array_equal(
            getattr(batch, name), np.concatenate([getattr(one, name) for one in episodes])
        )


def test_rewards_and_observations_of_episodes_are_the_normalisers():
    spec = discrete_spec(3, 4)
    plain = random_policy(spec, 1)
    normalizer = Normalizer(
        mean=np.full(3, 0.5), variance=np.full(3, 4.0), return_variance=25.0, epsilon=0.0
    )
    policy = Policy(spec=spec, tensors=plain.tensors, normalizer=normalizer)
    episode = played(plain, 0, steps=4)
    # Without a trace or a future the return is the reward.
    batch, _ = experience_of([episode], policy, CompiledNetwork(policy), gamma=1e-9, lam=0.0)
    np.testing.assert_allclose(batch.observations, (episode.observations - 0.5) / 2, rtol=1e-5)
    np.testing.assert_allclose(batch.returns, episode.rewards / 5, rtol=1e-4, atol=1e-6)


def test_wide_episodes_that_are_mostly_zeros_are_kept_without_them():
    spec = discrete_spec(WIDE, 4, actor=(8,), critic=(8,))
    policy = random_policy(spec, 1)
    episodes = [played(policy, number, density=0.03) for number in range(2)]
    batch, _ = experience_of(episodes, policy, CompiledNetwork(policy), gamma=0.9, lam=0.9)
    assert isinstance(batch.observations, SparseRows)
    order = np.array([3, 11, 0])
    (part,) = batch.minibatches(order, 5)
    np.testing.assert_array_equal(
        part.observations.dense(), np.concatenate([one.observations for one in episodes])[order]
    )
    np.testing.assert_array_equal(part.actions, batch.actions[order])

"""The collector: exact, stamped, with a seed for every episode, and resumable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import environments
from environments import counted, seeds_seen
from ratchet.errors import PolicyError, TaskError
from ratchet.policies.actor import Actor
from ratchet.policies.initial import new_policy
from ratchet.policies.recurrent.actor import GateNoise, RecurrentActor
from ratchet.rollout.collector import Collector
from ratchet.rollout.fit import spec_for
from ratchet.seeding import TRAINING_DOMAIN
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task, gymnasium_task
from strategies import discrete_spec, random_policy, recurrent_spec


@pytest.fixture(autouse=True)
def _from_zero():
    counted.clear()
    seeds_seen.clear()


def counting():
    return callable_task("environments:Counting")


def stretches():
    return callable_task("environments:make_stretches")


def actor_for(task, seed=0):
    return Actor(random_policy(spec_for(task), seed))


def assert_same(first, second):
    for name in (
        "observations",
        "actions",
        "log_probs",
        "rewards",
        "terminated",
        "truncated",
        "played",
        "final_index",
        "final_observations",
        "episodes",
    ):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    assert (first.masks is None) == (second.masks is None)
    if first.masks is not None:
        np.testing.assert_array_equal(first.masks, second.masks)


@given(st.integers(1, 9), st.integers(1, 20), st.integers(1, 200))
def test_exactly_the_steps_that_were_asked_for(count, rows, most):
    collector = Collector(counting(), count, run_seed=1)
    counted.clear()
    trajectory = collector.collect(actor_for(collector.task), rows=rows, version=0, max_steps=most)
    wanted = min(rows * count, most)
    assert counted["steps"] == trajectory.transitions == collector.steps_executed == wanted
    # Only the last row may be partial, and a column's transitions are its first rows.
    assert trajectory.played[:-1].all()
    assert counted["ended"] == len(trajectory.episodes)


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(1, 30), st.integers(1, 12))
def test_exactly_the_episodes_that_were_asked_for(count, episodes, rows):
    collector = Collector(counting(), count, run_seed=1)
    actor = actor_for(collector.task)
    counted.clear()
    done = []
    while len(done) < episodes:
        left = episodes - len(done)
        done += collector.collect(actor, rows=rows, version=0, max_episodes=left).episodes
    assert counted["begun"] == counted["ended"] == len(done) == episodes
    assert sum(one.length for one in done) == counted["steps"]
    assert sorted(one.episode for one in done) == list(range(episodes))


def test_every_cut_stretch_has_what_came_next():
    collector = Collector(counting(), 5, run_seed=2)
    actor = actor_for(collector.task)
    first = collector.collect(actor, rows=40, version=0, max_steps=5 * 40 - 2)
    second = collector.collect(actor, rows=1, version=0)
    at = {tuple(index): row for row, index in enumerate(first.final_index.tolist())}
    assert len(at) == len(first.final_index)
    kinds = {"limit": 0, "tail": 0}
    for column in range(5):
        last = int(first.played[:, column].sum()) - 1
        for row in range(last + 1):
            place = (row, column)
            if first.truncated[place]:
                kinds["limit"] += 1
                assert place in at
                # The next row is another episode's first look, and not what the bootstrap is of.
                after = first.final_observations[at[place]]
                if row < last:
                    assert not np.array_equal(after, first.observations[row + 1, column])
            elif row == last and not first.terminated[place]:
                kinds["tail"] += 1
                np.testing.assert_array_equal(
                    first.final_observations[at[place]], second.observations[0, column]
                )
            else:
                assert place not in at
    assert min(kinds.values()) > 0
    assert first.terminated.any()
    assert not (first.terminated & first.truncated).any()


def test_it_says_where_it_comes_from():
    task = counting()
    actor = actor_for(task)
    collector = Collector(task, 3, run_seed=1, attempt=4, worker=6)
    trajectory = collector.collect(actor, rows=30, version=17)
    stamp = trajectory.provenance
    assert (stamp.policy, stamp.version, stamp.task) == (actor.id, 17, task.name)
    assert (stamp.worker, stamp.attempt) == (6, 4)
    assert stamp.collected_at > 1.7e9
    assert {(one.attempt, one.worker) for one in trajectory.episodes} == {(4, 6)}


def test_the_log_probabilities_are_the_behaviour_policys():
    task = callable_task("environments:Masked")
    policy = random_policy(spec_for(task), 3)
    trajectory = Collector(task, 4, run_seed=1).collect(Actor(policy), rows=25, version=0)
    logits = Actor(policy).outputs("actor", trajectory.observations.reshape(100, -1))
    logits = np.where(trajectory.masks.reshape(100, -1), logits.astype(np.float64), -np.inf)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    chosen = log_p[np.arange(100), trajectory.actions.ravel()]
    np.testing.assert_allclose(trajectory.log_probs.ravel(), chosen, atol=1e-5)
    assert (trajectory.masks.sum(axis=2) == 2).all()


def test_every_episode_has_a_seed_of_its_own_in_the_training_domain():
    task = counting()
    actor = actor_for(task)
    seeds = []
    for run, attempt, worker in ((0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0)):
        seeds_seen.clear()
        collector = Collector(task, 4, run_seed=run, attempt=attempt, worker=worker)
        episodes = collector.collect(actor, rows=60, version=0).episodes
        assert {one.seed for one in episodes} <= set(seeds_seen)
        assert len(seeds_seen) == collector.episodes_begun
        seeds += seeds_seen
    assert len(set(seeds)) == len(seeds) > 100
    assert min(seeds) >= TRAINING_DOMAIN


def test_episodes_have_their_own_metrics_and_parts():
    collector = Collector(stretches(), 3, run_seed=1)
    trajectory = collector.collect(actor_for(collector.task), rows=60, version=0)
    assert len(trajectory.episodes) > 10
    for episode in trajectory.episodes:
        assert sum(part["steps"] for part in episode.parts) == episode.length
        ones = sum(part["steps"] for part in episode.parts if part["action"] == 1)
        assert episode.metrics == {"ones": ones} == {"ones": episode.episode_return}


def test_modes_are_drawn_or_fixed():
    task = cartpole_modes()
    actor = Actor(new_policy(spec_for(task), 0))
    mixed = Collector(task, 8, run_seed=0).collect(actor, rows=800, version=0).episodes
    found = {name: sum(one.mode == name for one in mixed) for name in "012"}
    assert sum(found.values()) == len(mixed) > 200
    assert min(found.values()) > len(mixed) / 5
    fixed = Collector(task, 8, run_seed=0, mode="2").collect(actor, rows=100, version=0).episodes
    assert {one.mode for one in fixed} == {"2"}
    with pytest.raises(TaskError, match="has no mode '7'"):
        Collector(task, 8, run_seed=0, mode="7")


@pytest.mark.parametrize(
    "task",
    [
        cartpole_modes(),
        counting(),
        stretches(),
        callable_task("environments:Masked"),
        gymnasium_task("Pendulum-v1"),
        gymnasium_task("LunarLander-v3"),
        gymnasium_task("BipedalWalker-v3"),
    ],
    ids=lambda task: task.name,
)
@pytest.mark.parametrize("after", [1, 7, 130])
def test_restored_it_goes_on_as_if_nothing_had_happened(task, after):
    actor = actor_for(task)
    one = Collector(task, 3, run_seed=5)
    one.collect(actor, rows=after, version=0, max_steps=after * 3 - 1)
    state = one.state()
    wanted = one.collect(actor, rows=60, version=0)
    other = Collector(task, 3, run_seed=5)
    other.restore(state)
    assert_same(other.collect(actor, rows=60, version=0), wanted)
    assert other.episodes_begun == one.episodes_begun
    assert other.steps_executed == 180
    for name, array in one.state().items():
        np.testing.assert_array_equal(array, other.state()[name], err_msg=name)


def test_what_does_not_repeat_is_not_resumed():
    task = callable_task("environments:Forgetful")
    one = Collector(task, 4, run_seed=0)
    one.collect(actor_for(task), rows=3, version=0)
    with pytest.raises(TaskError, match="does not repeat an episode from its seed and actions"):
        Collector(task, 4, run_seed=0).restore(one.state())
    with pytest.raises(TaskError, match="collected with 4 environments, not 5"):
        Collector(task, 5, run_seed=0).restore(one.state())


def test_without_a_legal_action_it_stops_with_a_sentence():
    collector = Collector(callable_task("environments:Stuck"), 2, run_seed=0)
    with pytest.raises(PolicyError, match="offers no legal action"):
        collector.collect(actor_for(collector.task), rows=3, version=0)


def test_it_tells_what_it_executes():
    told = []
    collector = Collector(counting(), 4, run_seed=0)
    actor = actor_for(collector.task)
    collector.collect(actor, rows=9, version=0, max_steps=30, tick=told.append)
    assert told == [4] * 7 + [2]


def test_spaces_that_are_counted_from_elsewhere():
    task = callable_task("environments:Offset")
    spec = spec_for(task)
    assert (spec.observation.kind, spec.observation.size, spec.action.start) == ("discrete", 4, 5)
    trajectory = Collector(task, 3, run_seed=0).collect(
        Actor(new_policy(spec, 0)), rows=50, version=0
    )
    assert set(np.unique(trajectory.actions)) == {0, 1, 2}
    assert set(environments.counted) >= {"action 5", "action 6", "action 7"}
    assert (trajectory.observations.sum(axis=2) == 1).all()
    assert discrete_spec(4, 3).action.start == 0


# --- memory -------------------------------------------------------------------------------------


def remembering(task, slots=3):
    noise = GateNoise(gumbel=True, slot_dropout=0.2, specialists=(0.0, 0.3, 0.6)[:slots])
    policy = random_policy(recurrent_spec(spec_for(task), slots=slots))
    return RecurrentActor(policy, noise if slots else GateNoise())


@pytest.mark.parametrize("name", ["Counting", "Pendulum-v1"])
@pytest.mark.parametrize("slots", [0, 3])
def test_every_episode_begins_with_an_empty_memory(name, slots):
    """What was chosen is what the actor chooses alone, from nothing, with what it did and got before."""
    task = gymnasium_task(name) if name.endswith("v1") else callable_task(f"environments:{name}")
    actor = remembering(task, slots)
    collector = Collector(task, 3, run_seed=4)
    # The second stretch begins within episodes.
    collector.collect(actor, rows=5, version=0)
    trajectory = collector.collect(actor, rows=30, version=0)
    assert trajectory.states.shape == (3, actor.memory)
    for column in range(3):
        state = trajectory.states[column : column + 1].copy()
        for row in range(30):
            if trajectory.steps[row, column] == 0:
                state[:] = 0.0
            here = (slice(row, row + 1), column)
            choice = actor.act(
                trajectory.observations[here],
                None,
                trajectory.seeds[here],
                trajectory.steps[here],
                deterministic=False,
                state=state,
            )
            np.testing.assert_array_equal(choice.actions, trajectory.actions[here])
            np.testing.assert_array_equal(choice.log_probs, trajectory.log_probs[here])
            state[:, -1] = trajectory.rewards[here]
    ended = trajectory.terminated | trajectory.truncated
    assert (trajectory.steps[1:][ended[:-1]] == 0).all()
    assert (np.diff(trajectory.steps, axis=0)[~ended[:-1]] == 1).all()
    assert (np.diff(trajectory.seeds, axis=0)[~ended[:-1]] == 0).all()


@pytest.mark.parametrize("after", [1, 7, 40])
def test_restored_it_remembers(after):
    task = cartpole_modes()
    actor = remembering(task)
    one = Collector(task, 3, run_seed=5)
    one.collect(actor, rows=after, version=0, max_steps=after * 3 - 1)
    state = one.state()
    wanted = one.collect(actor, rows=30, version=0)
    other = Collector(task, 3, run_seed=5)
    other.restore(state)
    found = other.collect(actor, rows=30, version=0)
    assert_same(found, wanted)
    np.testing.assert_array_equal(found.states, wanted.states)
    assert found.states.any()
    np.testing.assert_array_equal(one.state()["memory"], other.state()["memory"])


def test_who_stands_still_remembers_nothing_new():
    task = cartpole_modes()
    actor = remembering(task)
    collector = Collector(task, 4, run_seed=0)
    collector.collect(actor, rows=2, version=0)
    before = collector.state()["memory"]
    collector.collect(actor, rows=1, version=0, max_steps=1)
    after = collector.state()["memory"]
    assert not np.array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[1:], before[1:])


def test_another_actor_begins_with_a_memory_of_its_own_size():
    task = cartpole_modes()
    collector = Collector(task, 2, run_seed=0)
    assert collector.collect(actor_for(task), rows=3, version=0).states.shape == (2, 0)
    trajectory = collector.collect(remembering(task), rows=3, version=0)
    assert trajectory.states.shape == (2, 8 + 2 + 1)
    assert not trajectory.states.any()

"""What is played: every episode from its seed, by one version, whoever is beside it."""

from dataclasses import replace

import numpy as np
import pytest

from fleets import policy_for
from ratchet.errors import TaskError
from ratchet.policies.initial import new_policy
from ratchet.policies.network import CompiledNetwork
from ratchet.policies.recurrent.actor import actor_for
from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.rollout.fit import recurrent_spec_for
from ratchet.rollout.fleet.black_box import BlackBox, read_black_box
from ratchet.rollout.fleet.player import Player, action_layout
from ratchet.rollout.fleet.versions import Version
from ratchet.rollout.kind import kind_of
from ratchet.rollout.plan import FleetPlan
from ratchet.seeding import fleet_seed

WRITER = 5


def player_of(task_name, *, box=None, **changes):
    plan = FleetPlan(run="first", task=task_name, **({"environments": 4, "seed": 2} | changes))
    task = plan.make_task()
    recorder = None
    if box is not None:
        names = [mode.name for mode in task.modes]
        recorder = BlackBox(box, plan.environments, *action_layout(task), names)
    kind = kind_of(task, run=plan.run, masked=plan.masked)
    return task, Player(task, plan, kind, WRITER, recorder)


def play(player, version_at, episodes):
    """Play so many episodes, those that begin in a step with the version of then."""
    ended, step = [], 0
    while len(ended) < episodes:
        if player.free:
            player.begin(player.free, version_at(step))
        player.choose()
        player.step()
        ended += player.ended()
        step += 1
    return ended


def alone(task, policy, seed, mode):
    """Play one episode by itself, in the plainest way."""
    env, actor = task.make(1), actor_for(policy)
    env.begin(np.array([0]), [seed], np.array([task.mode_index(mode)]))
    state = np.zeros((1, actor.memory), dtype=np.float32)
    rows = {"observations": [], "actions": [], "log_probs": [], "rewards": [], "masks": []}
    seeds = np.array([seed], dtype=np.uint64)
    while env.live[0]:
        rows["observations"].append(env.observations[0].copy())
        rows["masks"].append(None if env.masks is None else env.masks[0].copy())
        steps = np.array([len(rows["rewards"])])
        seen = np.ascontiguousarray(env.observations)
        choice = actor.act(seen, env.masks, seeds, steps, deterministic=False, state=state)
        _, rewards, terminated, _, _ = env.step(choice.executed)
        if actor.memory:
            state[:, -1] = rewards
        rows["actions"].append(choice.actions[0])
        rows["log_probs"].append(choice.log_probs[0])
        rows["rewards"].append(rewards[0])
    return rows, env.observations[0].copy(), bool(terminated[0])


def check_alone(task, episode, policy):
    rows, final, terminated = alone(task, policy, episode.record.seed, episode.record.mode)
    for name in ("observations", "actions", "log_probs", "rewards"):
        np.testing.assert_array_equal(getattr(episode, name), np.array(rows[name]), err_msg=name)
    if episode.masks is not None:
        np.testing.assert_array_equal(episode.masks, np.array(rows["masks"]))
    np.testing.assert_array_equal(episode.final_observation, final)
    assert episode.terminated == terminated


def recurrent(task, seed):
    spec = replace(recurrent_spec_for(task, slots=3), width=8)
    return new_policy(spec, seed)


@pytest.mark.parametrize(
    ("name", "make", "changes"),
    [
        ("cartpole-modes", policy_for, {}),
        ("environments:Counting", policy_for, {}),
        ("environments:Masked", policy_for, {"masked": True}),
        ("environments:Offset", policy_for, {}),
        ("environments:make_pendulum_without_arguments", policy_for, {}),
        ("environments:make_stretches", policy_for, {}),
        ("environments:Recall", recurrent, {}),
    ],
)
def test_an_episode_is_what_it_would_be_alone(name, make, changes):
    task, player = player_of(name, **changes)
    policies = [make(task, seed) for seed in range(3)]
    versions = [Version(number, policy) for number, policy in enumerate(policies)]
    played = play(player, lambda step: versions[min(step // 3, 2)], 9)
    assert len({episode.origin.version for episode in played}) > 1
    for episode in played:
        assert episode.fault() is None
        policy = policies[episode.origin.version]
        assert episode.origin.policy == policy.id
        check_alone(task, episode, policy)
    player.close()


def test_an_episode_keeps_the_version_that_it_began_with_and_the_next_takes_the_newest():
    task, player = player_of("cartpole-modes")
    versions = [Version(number, policy_for(task, number)) for number in range(2)]
    played = play(player, lambda step: versions[step >= 5], 12)
    begun = [episode.record.episode for episode in played if episode.origin.version == 0]
    # The first four were in progress when the second version came.
    assert sorted(begun) == [0, 1, 2, 3]
    assert len(played) >= 12


def test_seeds_follow_from_run_writer_and_ordinal_and_are_never_an_evaluations():
    task, player = player_of("environments:Counting")
    version = Version(0, policy_for(task, 0))
    played = play(player, lambda _: version, 20)
    for episode in played:
        record = episode.record
        assert record.seed == fleet_seed(2, WRITER, record.episode)
        assert record.seed >= 1 << 62
        assert (record.worker, record.attempt) == (WRITER, 0)
    ordinals = sorted(episode.record.episode for episode in played)
    assert ordinals == sorted(set(ordinals))
    assert len({fleet_seed(2, w, e) for w in range(20) for e in range(20)}) == 400


def test_values_and_bootstrap_are_the_critics():
    task, player = player_of("environments:Counting")
    policy = policy_for(task, 3)
    version = Version(0, policy)
    network = CompiledNetwork(policy)
    ends = set()
    for episode in play(player, lambda _: version, 30):
        np.testing.assert_allclose(
            episode.values, network.values(episode.observations), rtol=1e-4, atol=1e-5
        )
        after = network.values(episode.final_observation[None])[0]
        assert episode.bootstrap == pytest.approx(0.0 if episode.terminated else after, rel=1e-4)
        ends.add(episode.terminated)
    assert ends == {True, False}


def test_values_of_a_recurrent_policy_are_those_of_what_it_remembered():
    """Against the network's own step from one state to the next."""
    task, player = player_of("environments:Recall")
    policy = recurrent(task, 1)
    version = Version(0, policy)
    network, actor = RecurrentNetwork(policy), actor_for(policy)
    wide = policy.spec.width
    for episode in play(player, lambda _: version, 3):
        state = np.zeros((1, policy.spec.memory), dtype=np.float32)
        for t in range(len(episode)):
            seen = episode.observations[t : t + 1]
            met = np.concatenate([policy.observe(seen), state[:, wide:]], axis=1)
            value = network.value_after(np.ascontiguousarray(state[:, :wide]), met)
            assert episode.values[t] == pytest.approx(float(value[0]), rel=1e-4, abs=1e-4)
            seeds = np.array([episode.record.seed], dtype=np.uint64)
            choice = actor.act(seen, None, seeds, np.array([t]), deterministic=False, state=state)
            assert choice.actions[0] == episode.actions[t]
            state[:, -1] = episode.rewards[t]


def test_modes_are_those_of_the_plan():
    task, player = player_of("cartpole-modes", modes=("2", "0"))
    version = Version(0, policy_for(task, 0))
    modes = {episode.record.mode for episode in play(player, lambda _: version, 20)}
    assert modes == {"0", "2"}


def test_metrics_and_parts_are_told():
    task, player = player_of("environments:make_stretches")
    version = Version(0, policy_for(task, 0))
    for episode in play(player, lambda _: version, 8):
        assert episode.record.metrics["ones"] == float(episode.actions.sum())
        assert sum(part["steps"] for part in episode.record.parts) == len(episode)


def test_the_black_box_knows_what_is_in_progress(tmp_path):
    task, player = player_of("environments:Offset", box=tmp_path / "box")
    version = Version(6, policy_for(task, 0))
    play(player, lambda _: version, 3)
    player.begin(player.free, version)
    player.choose()  # and no step: that is what a crash would cut
    cut = read_black_box(tmp_path / "box")
    assert [one.copy for one in cut] == [0, 1, 2, 3]
    for one in cut:
        assert (one.version, one.policy) == (6, version.policy)
        env = task.make(1)
        env.begin(np.array([0]), [one.seed], np.array([task.mode_index(one.mode)]))
        for action in one.actions[:-1]:
            env.advance(action[None], np.ones(1, dtype=bool))
        assert env.live[0]


def test_masks_are_recorded_where_the_plan_says_so_alone():
    task, player = player_of("environments:Masked")
    with pytest.raises(TaskError, match="has action masks, and the fleet's plan is without"):
        player.begin(4, Version(0, policy_for(task, 0)))
    task, player = player_of("environments:Counting", masked=True)
    version = Version(0, policy_for(task, 0))
    for episode in play(player, lambda _: version, 3):
        assert episode.masks.all()
        assert episode.masks.shape == (len(episode), 2)


def test_rewards_that_are_no_numbers_are_an_error():
    task, player = player_of("environments:Poisonous")
    version = Version(0, policy_for(task, 0))
    with pytest.raises(TaskError, match="cannot be learned from: its rewards are not all finite"):
        play(player, lambda _: version, 3)

"""What an update has done, as text and back."""

import math

import pytest

from playing import played
from ratchet.errors import PolicyError
from ratchet.learning.fleet_update import FleetSpent, FleetUpdate, Refused
from ratchet.learning.ppo import UpdateMetrics
from ratchet.rollout.spool import Counts
from strategies import discrete_spec, random_policy

METRICS = UpdateMetrics(
    policy_loss=0.5, value_loss=1.0, entropy=1.5, normalised_entropy=math.nan, approx_kl=0.01,
    clip_fraction=0.125, anchor_loss=0.0, gradient_norm=2.0, minibatches=3, stopped_by_kl=False,
)  # fmt: skip


def update():
    policy = random_policy(discrete_spec())
    return FleetUpdate(
        number=3, policy=policy.id, episodes=tuple(played(policy, k).record for k in range(3)),
        names=("a", "b", "c"), lags=(2, 1, 0), transitions=18, metrics=METRICS, update_kl=0.02,
        explained_variance=math.nan, return_deviation=1.25, learning_rate=3e-5,
        entropy_coefficient=0.001, anchor_coefficient=0.1, finding="healthy", reason="it is",
        changes=("one", "two"), critic_only=False, rolled_back=True, stale=1, corrupt=0, foreign=2,
        waiting=5, spent=FleetSpent(updates=3, transitions=50), wait_seconds=1.5,
        read_seconds=0.25, learn_seconds=0.75,
    )  # fmt: skip


def test_it_comes_back_as_it_was():
    one = update()
    again = FleetUpdate.from_text(one.to_text())
    assert repr(again) == repr(one)
    assert again.episodes[1].parts == one.episodes[1].parts
    assert math.isnan(again.episodes[0].metrics["unknown"])
    assert (one.mean_lag, one.max_lag) == (1.0, 2)
    for text in ("{", "[]", '{"number": 3}'):
        with pytest.raises(PolicyError, match="record of the last update cannot be read"):
            FleetUpdate.from_text(text)


def test_what_is_spent_adds_up():
    spent = FleetSpent(updates=1, learning=2.0).plus(updates=1, learning=0.5, transitions=7)
    assert spent == FleetSpent(updates=2, learning=2.5, transitions=7)


def test_what_was_refused_is_counted_from_one_update_to_the_next():
    counts = Counts(
        collected=20, waiting=1, claimed=2, consumed=5, stale=6, corrupt=1, foreign=5, missing=0
    )
    refused = Refused.of(counts)
    assert refused.since(Refused(stale=4, foreign=5)) == {"stale": 2, "corrupt": 1, "foreign": 0}

"""Trajectories collected piece by piece and joined are the one collected at once."""

import numpy as np
import pytest

from ratchet.policies.recurrent.actor import GateNoise, RecurrentActor, actor_for
from ratchet.rollout.collector import Collector
from ratchet.rollout.fit import spec_for
from ratchet.rollout.trajectory import joined
from ratchet.tasks.gymnasium import callable_task
from strategies import random_policy, recurrent_spec

ARRAYS = (
    "observations",
    "actions",
    "log_probs",
    "rewards",
    "terminated",
    "truncated",
    "played",
    "final_index",
    "final_observations",
    "seeds",
    "steps",
    "modes",
    "states",
)


def actor_of(task, kind):
    spec = spec_for(task)
    if kind == "mlp":
        return actor_for(random_policy(spec))
    policy = random_policy(recurrent_spec(spec, slots=3))
    return RecurrentActor(policy, GateNoise(gumbel=True, specialists=(0.0, 0.2, 0.5)))


@pytest.mark.parametrize("kind", ["mlp", "recurrent"])
@pytest.mark.parametrize("name", ["Counting", "Masked"])
@pytest.mark.parametrize("count", [1, 3])
def test_pieces_make_the_whole(kind, name, count):
    task = callable_task(f"environments:{name}")
    actor = actor_of(task, kind)
    # The last row is partial: two copies of three move.
    last = 9 * count - (count > 1)
    whole = Collector(task, count, run_seed=3).collect(
        actor, rows=40 + 9, version=5, max_steps=40 * count + last
    )
    collector = Collector(task, count, run_seed=3)
    parts = [collector.collect(actor, rows=rows, version=5) for rows in (1, 13, 26)]
    parts.append(collector.collect(actor, rows=9, version=5, max_steps=last))
    together = joined(parts)
    for array in ARRAYS:
        found, wanted = getattr(together, array), getattr(whole, array)
        np.testing.assert_array_equal(found, wanted, err_msg=array, strict=True)
    if name == "Masked":
        np.testing.assert_array_equal(together.masks, whole.masks)
    else:
        assert together.masks is None
        assert together.truncated.any()
    assert together.episodes == whole.episodes
    assert together.transitions == 40 * count + last
    assert together.provenance == parts[0].provenance


def test_one_piece_is_itself():
    task = callable_task("environments:Counting")
    part = Collector(task, 2, run_seed=0).collect(actor_of(task, "mlp"), rows=5, version=0)
    assert joined([part]) is part

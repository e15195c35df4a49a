"""Several policies on one list of seeds: paired, in every metric, and recorded."""

import numpy as np
import pytest

import journeys
from environments import CHEST
from journeys import session
from mazes import LAZY, maze_task, preferring
from ratchet.errors import InputError
from ratchet.ledger import queries
from ratchet.policies.actor import Actor
from ratchet.recipes.comparing import (
    check_metric,
    compare_pair,
    evaluate_players,
    pairs_to_compare,
    policy_estimates,
    record_comparison,
)
from ratchet.recipes.resolve import Player, load_player
from ratchet.recipes.steps import SeedSet
from ratchet.rollout.fit import spec_for
from ratchet.seeding import report_seeds
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import callable_task
from strategies import random_policy

SEEDS = SeedSet.of("report", report_seeds(20))


def player(label, actor):
    return Player(label, actor, actor.policy)


def compared(root, task, players, **options):
    """Every pair's comparison, and the estimates by policy."""
    settings = {"deterministic": True, **options}
    metric = settings.pop("metric", "return")
    with session(root) as opened:
        results = evaluate_players(opened, players, task, [task.modes[0].name], SEEDS, **settings)
        found = []
        for first, second in pairs_to_compare(results):
            one = compare_pair(first, second, task, SEEDS, metric=metric, **settings)
            record_comparison(opened, task, first, second, one)
            found.append(one)
        return found, policy_estimates(results)


def test_three_policies_with_the_tasks_own_metrics(tmp_path):
    task = callable_task("environments:make_stretches")
    one = Actor(random_policy(spec_for(task)))
    players = [load_player("random", task, None), player("one", one), player("two", one)]
    found, estimates = compared(tmp_path, task, players, metric="ones")
    assert list(estimates) == ["return", "length", "ones"]
    assert [len(each) for each in estimates.values()] == [3, 3, 3]
    for place, (first, second) in enumerate([(0, 1), (1, 2), (0, 2)]):
        ones = found[place].metrics["ones"]
        assert ones.kind == "mean"
        assert ones.before == estimates["ones"][first].interval
        assert ones.after == estimates["ones"][second].interval
        gap = ones.after.estimate - ones.before.estimate
        assert ones.difference.estimate == pytest.approx(gap)
    assert [each.same_policy for each in found] == [False, True, False]
    assert "in ones" in found[0].sentence
    with journeys.ledger_of(tmp_path) as ledger:
        rows = queries.measurements(ledger, "run")
    assert {row.name for row in rows} == {"compared with random", f"compared with {one.id}"}
    (kept,) = (row.value for row in rows if row.name == "compared with random")
    assert (kept["before"], kept["after"], kept["modes"]) == ("random", "two", ["default"])
    assert kept["sentence"] == found[2].sentence
    assert (
        kept["metrics"]["ones"]["difference"]["mean"]
        == found[2].metrics["ones"].difference.estimate
    )


def test_a_rate_is_a_rate_for_all_policies_or_for_none(tmp_path):
    task = maze_task(CHEST)
    stuck, free = preferring(task, LAZY), preferring(task, [[1, 2, 3], [3, 2, 1]])
    _, estimates = compared(tmp_path, task, [player("stuck", stuck), player("free", free)])
    kinds = {name: [one.kind for one in each] for name, each in estimates.items()}
    assert kinds == {"return": ["rate", "rate"], "length": ["mean", "mean"]}
    shares = [one.interval for one in estimates["return"]]
    assert [share.estimate for share in shares] == [0.0, 1.0]
    # Wilson's, which has a width at 0 and 1: z²/(n + z²) with z² = 3.8415 and 20 episodes
    assert shares[0].high == pytest.approx(3.8415 / 23.8415, rel=1e-4)


def test_stalls_are_broken_alike_for_all_and_belong_to_the_evaluation(tmp_path):
    task = maze_task(CHEST)
    task.stall_after = 3
    first, same = preferring(task, LAZY), preferring(task, [[30, 20, 10], [9, 8, 7]])
    players = [player("first", first), player("same", same)]
    ((comparison,), _) = compared(tmp_path / "own", task, players)
    assert comparison.same_policy
    assert "choose the same action in every evaluated state" in comparison.sentence
    off, estimates = compared(tmp_path / "off", task, players, stall_after=0)
    assert off[0].same_policy
    assert estimates["length"][0].interval.estimate == 400
    for root, patience, broken in (("own", 3, 2), ("off", 0, 0)):
        with journeys.ledger_of(tmp_path / root) as ledger:
            evaluations = queries.evaluations(ledger, "run")
            assert [one.stall_after for one in evaluations] == [patience, patience]
            counts = [row.stalls_broken for row in queries.episodes(ledger, evaluations[0].id)]
        assert counts[0] == broken
        assert (np.array(counts) > 0).all() == bool(patience)


def test_sampled_play_has_no_stalls_to_break(tmp_path):
    task = maze_task(CHEST)
    task.stall_after = 3
    actor = preferring(task, LAZY)
    compared(tmp_path, task, [player("a", actor), player("b", actor)], deterministic=False)
    with journeys.ledger_of(tmp_path) as ledger:
        (one,) = queries.evaluations(ledger, "run")
        assert (one.deterministic, one.stall_after) == (False, 0)


def test_a_metric_that_the_task_does_not_have():
    task = callable_task("environments:make_stretches")
    for name in ("return", "length", "ones"):
        assert check_metric(task, name) == name
    with pytest.raises(InputError, match=r"'stretches' has no metric 'one': did you mean 'ones'"):
        check_metric(task, "one")
    with pytest.raises(InputError, match="'cartpole-modes' has no metric 'floor'"):
        check_metric(cartpole_modes(), "floor")

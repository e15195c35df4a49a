"""Rows: written once, continued after a crash, read back."""

from __future__ import annotations

import math
import os
import signal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.helpers import SEEDS, episode, filled, laps, spawn, start_evaluation, start_training
from ratchet.errors import LedgerError
from ratchet.ledger import Ledger, TrainingEpisodeRow, queries, seed_hash
from ratchet.ledger.values import encode


@pytest.fixture
def opened(tmp_path):
    ledger, training, evaluation = filled(tmp_path / "ledger.sqlite")
    with ledger:
        yield ledger, training, evaluation


def test_a_run_is_read_back_with_its_provenance(opened):
    ledger, *_ = opened
    ledger.finish_run("r1", wall_seconds=2.0)
    run = queries.run(ledger, "r1")
    assert (run.status, run.wall_seconds, run.recipe, run.seed) == (
        "finished",
        2.0,
        {"steps": 1000},
        7,
    )
    assert run.versions["numpy"] == np.__version__
    assert run.machine["cores"] == os.cpu_count()
    assert queries.latest_run(ledger, "first") == queries.latest_run(ledger) == run


def test_a_resumed_run_continues_and_its_time_adds_up(opened):
    ledger, *_ = opened
    ledger.finish_run("r1", status="interrupted", wall_seconds=2.0)
    ledger.start_run(
        "r1", name="first", kind="finetune", seed=7, task="cartpole-modes", recipe={"steps": 1000}
    )
    assert queries.run(ledger, "r1").finished_at is None
    ledger.finish_run("r1", wall_seconds=3.0)
    assert queries.run(ledger, "r1").wall_seconds == 5.0
    with pytest.raises(LedgerError, match="begun with seed 7, not 8"):
        ledger.start_run(
            "r1",
            name="first",
            kind="finetune",
            seed=8,
            task="cartpole-modes",
            recipe={"steps": 1000},
        )


def test_unknown_names_suggest_the_nearest(opened):
    ledger, *_ = opened
    with pytest.raises(LedgerError, match="did you mean 'first'"):
        queries.latest_run(ledger, "frist")
    with pytest.raises(LedgerError, match="known: r1"):
        queries.run(ledger, "nothing")


def test_policies_know_their_parents_and_parents_come_first(opened):
    ledger, *_ = opened
    assert queries.policy(ledger, "tuned").parents == ("base",)
    with pytest.raises(LedgerError, match="no policy 'ghost'"):
        ledger.add_policy("child", spec={}, parameter_count=1, parents=["ghost"])
    assert [policy.id for policy in queries.policies(ledger)] == ["base", "tuned"]
    assert [policy.id for policy in queries.policies(ledger, "r1")] == ["base"]


def test_foreign_keys_hold(opened):
    ledger, *_ = opened
    with pytest.raises(LedgerError, match="FOREIGN KEY"):
        ledger.add_episodes(999, [episode(1)])
    with pytest.raises(LedgerError, match="FOREIGN KEY"):
        ledger.write("INSERT INTO episode_parts VALUES (1, 999, 0, '{}')")
    with pytest.raises(LedgerError, match="no run 'r9'"):
        ledger.start_evaluation(
            "r9", "base", label="x", task="t", mode="0", seeds=[1], seed_set="s", deterministic=True
        )


def test_a_training_is_continued_not_doubled(opened):
    ledger, training, _ = opened
    assert start_training(ledger) == training
    with pytest.raises(LedgerError, match="begun with budget 1000, not 500"):
        start_training(ledger, budget=500)
    ledger.finish_training(
        training,
        environment_steps=1000,
        episodes=9,
        updates=3,
        result_policy="tuned",
        frozen_after="abc",
        safety={"rollbacks": 0},
    )
    assert start_training(ledger) == training
    row = queries.training(ledger, training)
    assert (row.status, row.frozen_unchanged, row.result_policy) == ("finished", True, "tuned")
    assert queries.steps_spent(ledger, "r1").training == 1000


def test_a_finished_training_goes_on_with_a_larger_budget(opened):
    ledger, training, _ = opened
    ledger.finish_training(training, environment_steps=1000, episodes=9, updates=3)
    assert start_training(ledger, budget=2000) == training
    row = queries.training(ledger, training)
    assert (row.status, row.budget) == ("running", 2000)


def test_frozen_weights_that_moved_are_seen(opened):
    ledger, training, _ = opened
    ledger.finish_training(training, environment_steps=1, episodes=0, updates=0, frozen_after="xyz")
    assert queries.trainings(ledger, "r1")[0].frozen_unchanged is False


def test_a_repeated_update_replaces_and_a_rewind_forgets(opened):
    ledger, training, _ = opened
    for number in (1, 2, 3):
        ledger.add_update(
            training, number, environment_steps=number * 100,
            metrics={"approx_kl": np.float32(number), "explained_variance": math.nan, "critic_only": np.bool_(1)},
        )  # fmt: skip
        ledger.add_checkpoint(
            training,
            policy_id="tuned",
            path=f"u{number}",
            update_number=number,
            environment_steps=number * 100,
        )
    assert queries.training(ledger, training).environment_steps == 300
    ledger.rewind_training(training, 1)
    ledger.add_update(training, 2, environment_steps=200, metrics={"approx_kl": 5})
    ledger.add_update(training, 2, environment_steps=200, metrics={"approx_kl": 6})
    columns = queries.updates(ledger, training)
    assert columns["approx_kl"].tolist() == [1, 6]
    assert columns["update_number"].tolist() == [1, 2]
    assert np.isnan(columns["explained_variance"]).all()
    assert columns["critic_only"][0] == 1
    assert [item.path for item in queries.checkpoints(ledger, training)] == ["u1"]
    with pytest.raises(LedgerError, match="did you mean 'approx_kl'"):
        ledger.add_update(training, 3, environment_steps=1, metrics={"aprox_kl": 1})


def test_a_checkpoint_is_not_replaced(opened):
    ledger, training, _ = opened
    for _ in range(2):
        ledger.add_checkpoint(
            training, policy_id="tuned", path="u1", update_number=1, environment_steps=9
        )
    with pytest.raises(LedgerError, match="may not replace"):
        ledger.add_checkpoint(
            training, policy_id="base", path="u1", update_number=1, environment_steps=9
        )


def test_training_episodes_are_there_once(opened):
    ledger, training, _ = opened
    rows = [
        TrainingEpisodeRow(0, worker, 0, (1 << 62) + worker, "2", 9.0, 9) for worker in range(4)
    ]
    assert ledger.add_training_episodes(training, rows) == 4
    assert ledger.add_training_episodes(training, rows) == 0
    held = queries.training_episodes(ledger, training)
    assert held.seeds.tolist() == [(1 << 62) + worker for worker in range(4)]
    assert held.modes == ("2",) * 4
    assert held.metrics == {}


def test_training_episodes_have_metrics_and_parts(opened):
    ledger, training, _ = opened
    row = TrainingEpisodeRow(0, 0, 5, 77, "2", 9.0, 9, {"floor": 4.0}, laps(9.5, 8.5))
    plain = TrainingEpisodeRow(0, 1, 5, 78, None, 1.0, 1, {"wins": math.nan})
    assert ledger.add_training_episodes(training, [row, plain]) == 2
    again = row._replace(metrics={"floor": 9.0}, parts=laps(1, 2, 3))
    assert ledger.add_training_episodes(training, [again, again]) == 0
    metrics = queries.training_episodes(ledger, training).metrics
    np.testing.assert_array_equal(metrics["floor"], [4.0, math.nan])
    np.testing.assert_array_equal(metrics["wins"], [math.nan, math.nan])
    parts = queries.training_episode_parts(ledger, training)
    assert tuple(part.values for part in parts) == laps(9.5, 8.5)
    assert {(part.attempt, part.worker, part.episode, part.seed, part.mode) for part in parts} == {
        (0, 0, 5, 77, "2")
    }
    assert [part.number for part in parts] == [0, 1]


@given(batches=st.lists(st.lists(st.sampled_from(SEEDS), max_size=8), max_size=8))
def test_every_seed_is_there_exactly_once_however_it_arrives(tmp_path_factory, batches):
    ledger, _, evaluation = filled(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")
    with ledger:
        first: dict[int, float] = {}
        for number, batch in enumerate(batches):
            rows = [episode(np.int64(seed), number, laps(*[seed] * number)) for seed in batch]
            ledger.add_episodes(evaluation, rows)
            for seed in batch:
                first.setdefault(seed, number)
        again, done = start_evaluation(ledger, seeds=list(reversed(SEEDS)))
        assert (again, done) == (evaluation, set(first))
        ledger.add_episodes(evaluation, [episode(seed, -1) for seed in SEEDS if seed not in done])
        ledger.finish_evaluation(evaluation)
        held = queries.episode_returns(ledger, "r1", "base", "2", "report-20")
        assert held.seeds.tolist() == SEEDS
        assert held.returns.tolist() == [first.get(seed, -1) for seed in SEEDS]
        # The parts are those of the episode that came first, each once.
        kept = {seed: laps(*[seed] * first.get(seed, 0)) for seed in SEEDS}
        assert {row.seed: row.parts for row in queries.episodes(ledger, evaluation)} == kept


def test_parts_of_a_run_by_policy_mode_and_seeds(opened):
    ledger, _, evaluation = opened
    ledger.add_episodes(evaluation, [episode(seed, 1.0, laps(1, 2)) for seed in SEEDS[:-1]])
    assert queries.episode_parts(ledger, "r1") == []  # a part is not handed out as a whole
    ledger.add_episodes(evaluation, [episode(SEEDS[-1], 1.0, laps(3))])
    other, _ = start_evaluation(ledger, "tuned", seeds=[5])
    ledger.add_episodes(other, [episode(5, 1.0, laps(np.float32(0.5)))])
    parts = queries.episode_parts(ledger, "r1")
    places = [(seed, number) for seed in SEEDS[:-1] for number in (0, 1)] + [(SEEDS[-1], 0)]
    assert [(part.seed, part.number) for part in parts] == [*places, (5, 0)]
    (tuned,) = queries.episode_parts(
        ledger, "r1", policy_id="tuned", mode="2", seed_set="report-20"
    )
    assert tuned == parts[-1]
    assert (tuned.evaluation_id, tuned.policy_id, tuned.label) == (other, "tuned", "before")
    assert (tuned.task, tuned.deterministic) == ("cartpole-modes", True)
    assert tuned.values == laps(0.5)[0]
    for wrong in ({"mode": "3"}, {"seed_set": "selection"}, {"policy_id": "ghost"}):
        assert queries.episode_parts(ledger, "r1", **wrong) == []


def test_a_part_is_not_handed_out_as_a_whole(opened):
    ledger, _, evaluation = opened
    ledger.add_episodes(evaluation, [episode(5)])
    with pytest.raises(LedgerError, match="holds 1 of its 20 episodes"):
        ledger.finish_evaluation(evaluation)
    with pytest.raises(LedgerError, match="1 of its 20"):
        queries.episode_returns(ledger, "r1", "base", "2", "report-20")
    part = queries.episode_returns(ledger, "r1", "base", "2", "report-20", partial=True)
    assert (part.seeds.tolist(), part.lengths.tolist()) == ([5], [10])
    assert queries.episodes(ledger, evaluation) == [episode(5)]
    with pytest.raises(LedgerError, match="no evaluation"):
        queries.find_evaluation(ledger, "r1", "tuned", "2", "report-20")


def test_a_verdict_said_twice_is_one(opened):
    ledger, training, _ = opened
    for accepted in (False, True):
        ledger.add_verdict(
            training, accepted=accepted, reason="better", target="2", bounds={"low": 3.0}
        )
    (verdict,) = queries.verdicts(ledger, "r1")
    assert (verdict.accepted, verdict.bounds) == (True, {"low": 3.0})


def test_an_exception_undoes_the_whole_transaction(opened):
    ledger, training, evaluation = opened

    def fail():
        with ledger.transaction():
            ledger.add_episodes(evaluation, [episode(1)])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with ledger.transaction():
        ledger.add_episodes(evaluation, [episode(2)])
        with pytest.raises(LedgerError):  # undone alone: half of a failed write must not stay
            ledger.add_checkpoint(
                training, policy_id="ghost", path="x", update_number=1, environment_steps=1
            )
    assert [row.seed for row in queries.episodes(ledger, evaluation)] == [2]


def test_readers_see_commits_and_never_wait(opened):
    ledger, _, evaluation = opened
    with Ledger.open(ledger.path, create=False, busy_seconds=0) as reader:
        with ledger.transaction():
            ledger.add_episodes(evaluation, [episode(1)])
            assert queries.episodes(reader, evaluation) == []
        assert len(queries.episodes(reader, evaluation)) == 1


def test_killed_in_the_middle_of_writing_it_is_consistent(tmp_path):
    path = tmp_path / "ledger.sqlite"
    ledger, _, evaluation = filled(path)
    ledger.close()
    script = """
import sys
from ledger.helpers import episode
from ratchet.ledger import Ledger
ledger = Ledger.open(sys.argv[1])
for seed in range(0, 10**9, 10):
    rows = [episode(seed + i, parts=({"lap": 0}, {"lap": 1})) for i in range(10)]
    ledger.add_episodes(int(sys.argv[2]), rows)
    print(seed, flush=True)
"""
    committed = -1
    for round_ in range(3):
        with spawn(script, path, evaluation) as process:
            for _ in range(15 + round_):
                committed = max(committed, int(process.stdout.readline()))
            process.send_signal(signal.SIGKILL)
        with Ledger.open(path) as after:
            assert after.row("PRAGMA integrity_check")[0] == "ok"
            assert not after.rows("PRAGMA foreign_key_check")
            held = queries.episodes(after, evaluation)
            seeds = [row.seed for row in held]
            assert {len(row.parts) for row in held} == {2}
            assert len(seeds) % 10 == 0  # a batch is whole or absent
            assert seeds == list(range(len(seeds)))
            assert len(seeds) >= committed + 10  # what was committed is kept


def test_values_are_canonical():
    assert encode({"b": np.float64("nan"), "a": (np.int64(1), {3})}) == '{"a":[1,[3]],"b":null}'
    assert seed_hash([3, 1, 2]) == seed_hash(np.array([1, 2, 3])) != seed_hash([1, 2])


def test_what_later_updates_learned_from_is_forgotten_with_them(opened):
    ledger, training, _ = opened
    for update in (1, 2, 3):
        row = TrainingEpisodeRow(0, 0, update, 70 + update, "2", 9.0, 9, {}, laps(update))
        ledger.add_training_episodes(training, [row], update_number=update)
    ledger.add_training_episodes(training, [TrainingEpisodeRow(0, 1, 0, 70, "2", 9.0, 9)])
    ledger.rewind_training(training, 1)
    assert sorted(queries.training_episodes(ledger, training).seeds.tolist()) == [70, 71]
    assert [one.seed for one in queries.training_episode_parts(ledger, training)] == [71]


def test_an_open_budget_may_become_any_other(opened):
    ledger, training, _ = opened
    for budget, unit in ((5, "seconds"), (900, "episodes"), (8, "seconds")):
        again = start_training(ledger, budget=budget, budget_unit=unit, open_budget=True)
        assert again == training
        found = queries.training(ledger, training)
        assert (found.budget, found.budget_unit) == (budget, unit)
    with pytest.raises(LedgerError, match="scope"):
        start_training(ledger, budget=9, scope="full", open_budget=True)
    assert queries.training(ledger, training).budget == 8

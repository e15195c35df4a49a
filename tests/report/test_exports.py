"""Episodes as CSV: every row of the ledger once, columns in one order, however many there are."""

from __future__ import annotations

import csv

import pytest

from ratchet.errors import LedgerError
from ratchet.ledger import streams
from ratchet.report.exports import (
    EVAL_COLUMNS,
    EXPORTS,
    FIGHT_COLUMNS,
    TRAINING_COLUMNS,
    write_exports,
)
from report import loops

METRICS = [
    "act",
    "boss_fights",
    "boss_wins",
    "elite_fights",
    "elite_wins",
    "floor",
    "hp",
    "victory",
]


def read(path):
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, [dict(zip(header, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return loops.loop_run(tmp_path_factory.mktemp("loop") / "l.sqlite")


@pytest.fixture(scope="module")
def files(written, tmp_path_factory):
    directory = tmp_path_factory.mktemp("out")
    paths = write_exports(written.ledger, written.run, directory)
    assert tuple(path.name for path in paths) == EXPORTS
    return {path.name: read(path) for path in paths}


def test_every_training_episode_once(written, files):
    header, rows = files["training_stats.csv"]
    assert header == [*TRAINING_COLUMNS, *METRICS]
    assert len(rows) == 48
    assert len({(row["worker"], row["episode"]) for row in rows}) == 48
    by_number = sorted(rows, key=lambda row: int(row["episode"]))
    assert [float(row["floor"]) for row in by_number] == [m["floor"] for m in written.trained]
    first = by_number[0]
    assert (first["training"], first["mode"], first["length"]) == ("fleet", "a0", "20")
    assert int(rows[0]["seed"]) == 1 << 62  # whole, not as a float


def test_every_evaluated_episode_once(written, files):
    header, rows = files["eval_stats.csv"]
    assert header == [*EVAL_COLUMNS, *METRICS]
    reported = [row for row in rows if row["seed_set"] == "eval_200" and row["policy"] == "ppo"]
    assert [float(row["return"]) for row in reported] == pytest.approx(written.returns["ppo"])
    assert [int(row["seed"]) for row in reported] == list(range(100, 120))
    assert {row["terminated"] for row in rows} == {"1"}
    assert len(rows) == 20 * 6  # three policies that report, and three on the seeds that choose


def test_every_fight_once_and_whose_it_is(files):
    header, rows = files["fight_stats.csv"]
    assert header == [*FIGHT_COLUMNS, "floor", "kind", "monsters", "won"]
    trained = [row for row in rows if row["played_in"] == "training"]
    played = [row for row in rows if row["played_in"] == "evaluation"]
    assert (len(trained), len(played)) == (2 * 48, 2 * 120)
    assert trained[0]["policy"] == ""
    assert trained[0]["training"] == "fleet"
    assert played[0]["training"] == ""
    assert played[0]["policy"] == "heuristic"
    assert rows[0]["monsters"] == "cultist louse"
    assert [row["won"] for row in trained[:2]] == ["0", "1"]


def test_pages_meet_without_a_gap(written, monkeypatch, tmp_path, files):
    monkeypatch.setattr(streams, "_PAGE", 7)
    paths = write_exports(written.ledger, written.run, tmp_path)
    assert {path.name: read(path) for path in paths} == files


def test_a_task_without_metrics_or_parts_has_the_columns_of_all_tasks(tmp_path):
    written = loops.loop_run(tmp_path / "l.sqlite", games=False)
    paths = write_exports(written.ledger, written.run, tmp_path)
    headers = [read(path)[0] for path in paths]
    assert headers == [list(TRAINING_COLUMNS), list(FIGHT_COLUMNS), list(EVAL_COLUMNS)]
    assert [len(read(path)[1]) for path in paths] == [48, 0, 120]


def test_a_metric_named_as_a_column_is_set_apart(tmp_path):
    written = loops.Loop(tmp_path / "l.sqlite", **loops.RECIPE)
    loops_game = loops.game

    def game(rng, mean=12.0):
        metrics, fights = loops_game(rng, mean)
        return {"length": 7.0, "floor": metrics["floor"]}, fights

    written.clone()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loops, "game", game)
        written.evaluate("clone", "clone")
    paths = write_exports(written.ledger, written.run, tmp_path)
    header, rows = read(paths[2])
    assert header == [*EVAL_COLUMNS, "floor", "task_length"]
    assert (rows[0]["length"], rows[0]["task_length"]) == ("30", "7.0")


def test_a_run_that_there_is_not_writes_nothing(written, tmp_path):
    with pytest.raises(LedgerError, match="has no run 'lop'"):
        write_exports(written.ledger, "lop", tmp_path)
    assert list(tmp_path.iterdir()) == []

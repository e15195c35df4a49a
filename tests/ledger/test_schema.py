"""The file: created, migrated, refused."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from ledger.helpers import SEEDS, episode, filled, laps, start_evaluation, start_training
from ratchet.errors import LedgerError
from ratchet.ledger import Ledger, queries, schema
from ratchet.ledger.values import seed_hash


def test_a_new_file_is_a_wal_ledger_of_this_version(tmp_path):
    with Ledger.open(tmp_path / "deep" / "ledger.sqlite") as ledger:
        pragma = {
            name: ledger.row(f"PRAGMA {name}")[0]
            for name in ("user_version", "application_id", "journal_mode", "foreign_keys")
        }
    assert pragma == {
        "user_version": schema.SCHEMA_VERSION,
        "application_id": schema.APPLICATION_ID,
        "journal_mode": "wal",
        "foreign_keys": 1,
    }


def test_opening_again_changes_nothing(tmp_path):
    path = tmp_path / "ledger.sqlite"
    filled(path)[0].close()
    with Ledger.open(path, create=False) as ledger:
        assert ledger.row("SELECT count(*) FROM policies")[0] == 2


def test_an_older_file_gets_the_migrations_that_it_misses(tmp_path, monkeypatch):
    path = tmp_path / "ledger.sqlite"
    filled(path)[0].close()
    original = schema._statements

    def statements(script):
        return (
            iter(["ALTER TABLE runs ADD COLUMN note TEXT"])
            if script == "next"
            else original(script)
        )

    monkeypatch.setattr(schema, "_statements", statements)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "next"))
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)
    with Ledger.open(path) as ledger:
        row = ledger.row("SELECT id, note FROM runs")
        assert (row["id"], row["note"]) == ("r1", None)
        assert ledger.row("PRAGMA user_version")[0] == schema.SCHEMA_VERSION


@pytest.fixture
def older(tmp_path, monkeypatch):
    """Make a ledger as it was at a version, with a training and an evaluation of three episodes."""

    def make(version):
        path = tmp_path / "ledger.sqlite"
        with monkeypatch.context() as patch:
            patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:version])
            patch.setattr(schema, "SCHEMA_VERSION", version)
            with Ledger.open(path) as ledger:
                ledger.start_run("r1", name="first", kind="finetune", seed=7)
                ledger.add_policy("base", spec={}, parameter_count=9155)
                training = start_training(ledger)
                ledger.write(
                    "INSERT INTO evaluations VALUES "
                    "(5, 'r1', 'base', 'before', 'cartpole-modes', '2', 'report-20', ?, 20, 1, 'running', 2.5)",
                    (seed_hash(SEEDS),),
                )
                ledger.write("INSERT INTO episodes VALUES (5, 3, 1.0, 10, 1, 0, '{\"floor\":3}')")
                if version == 2:
                    ledger.write(
                        "INSERT INTO training_episodes VALUES (?, 0, 0, 0, 9, NULL, 1.0, 4)",
                        (training,),
                    )
                else:
                    ledger.write("INSERT INTO episode_parts VALUES (5, 3, 0, '{\"lap\":1}')")
        return path, training

    return make


def test_a_ledger_of_version_2_opens(older):
    path, training = older(2)
    with Ledger.open(path) as ledger:
        assert ledger.row("PRAGMA user_version")[0] == schema.SCHEMA_VERSION
        ledger.add_episodes(5, [episode(3, parts=laps(1)), episode(4, parts=laps(1))])
        assert queries.episodes(ledger, 5) == [episode(3), episode(4, parts=laps(1))]
        held = queries.training_episodes(ledger, training)
        assert (held.lengths.tolist(), held.metrics) == ([4], {})
        assert not ledger.rows("PRAGMA foreign_key_check")


def test_an_evaluation_of_version_3_goes_on_and_broke_no_stalls(older):
    path, _ = older(3)
    with Ledger.open(path) as ledger:
        assert start_evaluation(ledger) == (5, {3})
        (found,) = queries.evaluations(ledger, "r1")
        assert (found.stall_after, found.wall_seconds, found.done) == (0, 2.5, 1)
        assert queries.episodes(ledger, 5) == [episode(3, parts=[{"lap": 1}])]
        again, done = start_evaluation(ledger, stall_after=3)
        assert (again != 5, done) == (True, set())
        ledger.add_episodes(again, [episode(3)._replace(stalls_broken=7)])
        assert queries.episodes(ledger, again)[0].stalls_broken == 7
        assert not ledger.rows("PRAGMA foreign_key_check")
        with pytest.raises(LedgerError):
            ledger.write("INSERT INTO episodes VALUES (99, 3, 1.0, 10, 1, 0, '{}', 0)")


def test_a_migration_that_fails_leaves_the_file_at_its_version(tmp_path, monkeypatch):
    path = tmp_path / "ledger.sqlite"
    filled(path)[0].close()
    monkeypatch.setattr(
        schema, "_statements", lambda _: iter(["CREATE TABLE extra (x)", "NONSENSE"])
    )
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "next"))
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)
    with pytest.raises(LedgerError):
        Ledger.open(path)
    monkeypatch.undo()
    with Ledger.open(path) as ledger:
        assert ledger.row("SELECT count(*) FROM sqlite_master WHERE name = 'extra'")[0] == 0


def test_a_newer_file_is_refused_and_untouched(tmp_path):
    path = tmp_path / "ledger.sqlite"
    filled(path)[0].close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"version 99 .* knows up to \d+; upgrade"):
        Ledger.open(path)
    assert path.read_bytes() == before


def test_files_that_are_no_ledger_are_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database at all, but long enough to look like one " * 40)
    with pytest.raises(LedgerError, match="not a Ratchet ledger"):
        Ledger.open(text)
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(LedgerError, match="another program"):
        Ledger.open(other)
    with pytest.raises(LedgerError, match="no ledger at"):
        Ledger.open(tmp_path / "missing.sqlite", create=False)
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.open(tmp_path)


def test_two_processes_may_create_the_file_at_once(tmp_path):
    failures = []

    def create():
        try:
            Ledger.open(tmp_path / "ledger.sqlite").close()
        except LedgerError as problem:
            failures.append(problem)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_locked_ledger_says_so(tmp_path):
    path = tmp_path / "ledger.sqlite"
    writer, *_ = filled(path)
    with (
        Ledger.open(path, busy_seconds=0.05) as other,
        writer.transaction(),
        pytest.raises(LedgerError, match="locked by another process"),
    ):
        other.mark("r1", "failed")
    writer.close()


def test_a_full_disk_says_so_and_leaves_the_rows_as_they_were(tmp_path):
    ledger, *_ = filled(tmp_path / "ledger.sqlite")
    with ledger:
        pages = ledger.row("PRAGMA page_count")[0]
        ledger.row(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerError, match="full"):
            ledger.add_policy("big", spec={"text": "x" * 200_000}, parameter_count=1)
        assert ledger.row("SELECT count(*) FROM policies")[0] == 2

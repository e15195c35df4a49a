"""The public registry, the files it is made of, and provenance."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import jsonschema
import pytest

from ledger.helpers import SEEDS, episode, filled
from ratchet.errors import LedgerError
from ratchet.ledger import Ledger, index_schema, provenance, update_index, write_atomically


def test_the_index_fits_its_schema_and_its_ledger(tmp_path):
    schema = index_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    ledger, training, evaluation = filled(tmp_path / "ledger.sqlite")
    with ledger:
        jsonschema.validate(json.loads(update_index(tmp_path, ledger).read_text()), schema)
        ledger.add_episodes(evaluation, [episode(seed, seed) for seed in SEEDS])
        ledger.finish_evaluation(evaluation)
        ledger.finish_training(
            training, environment_steps=1000, episodes=9, updates=3, result_policy="tuned"
        )
        ledger.add_verdict(training, accepted=True, reason="better", target="2")
        ledger.finish_run("r1", wall_seconds=1.5)
        ledger.set_report("r1", Path("first") / "report.html")
        content = json.loads(update_index(tmp_path, ledger).read_text())
    jsonschema.validate(content, schema)
    (run,) = content["runs"]
    assert (run["run_id"], run["status"], run["modes"]) == ("r1", "finished", ["2"])
    assert run["report"] == "first/report.html"
    assert run["metrics"]["environment_steps"] == 1000
    assert run["metrics"]["evaluation_steps"] == 10 * len(SEEDS)
    assert run["hyperparameters"]["trainings"][0]["accepted"] is True
    assert run["evaluation"][0]["return_mean"] == sum(SEEDS) / len(SEEDS)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema": 1, "runs": [{**run, "extra": 1}]}, schema)


def test_an_empty_ledger_has_an_index(tmp_path):
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        assert json.loads(update_index(tmp_path, ledger).read_text()) == {"schema": 1, "runs": []}


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "index.json"
    write_atomically(path, b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerError, match="is full"):
        write_atomically(path, b"new")
    assert [item.read_bytes() for item in tmp_path.iterdir()] == [b"old"]


def test_the_commit_is_that_of_the_checkout_and_of_no_other(tmp_path):
    package = tmp_path / "src" / "ratchet"
    package.mkdir(parents=True)
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert provenance.commit(package) is None  # no pyproject: an installed copy
    (tmp_path / "pyproject.toml").touch()
    assert provenance.commit(package) is None  # no commit yet
    (git / "packed-refs").write_text(f"# pack-refs\n{'a' * 40} refs/heads/main\n")
    assert provenance.commit(package) == "a" * 40
    (git / "refs" / "heads" / "main").write_text("b" * 40 + "\n")
    assert provenance.commit(package) == "b" * 40
    (git / "HEAD").write_text("c" * 40 + "\n")
    assert provenance.commit(package) == "c" * 40


def test_a_worktree_has_its_commit(tmp_path):
    package = tmp_path / "tree" / "src" / "ratchet"
    package.mkdir(parents=True)
    (tmp_path / "tree" / "pyproject.toml").touch()
    git = tmp_path / "main.git" / "worktrees" / "tree"
    git.mkdir(parents=True)
    (tmp_path / "tree" / ".git").write_text(f"gitdir: {git}\n")
    (git / "HEAD").write_text("ref: refs/heads/topic\n")
    (git / "commondir").write_text("../..\n")
    (tmp_path / "main.git" / "packed-refs").write_text(f"{'d' * 40} refs/heads/topic\n")
    assert provenance.commit(package) == "d" * 40


def test_the_machine_is_described_without_its_name():
    import platform

    described = json.dumps(provenance.machine())
    assert platform.node() not in described or len(platform.node()) < 4

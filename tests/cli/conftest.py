"""Running the command in this process: what it prints, and that what it refuses leaves nothing behind."""

import json

import pytest

from journeys import command, snapshot
from ratchet.tasks.spire import compile_game


@pytest.fixture
def ratchet(capsys, tmp_path, monkeypatch):
    """Run the command in an empty directory; return status, the object it printed, and its words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RATCHET_ROOT", raising=False)

    def run(*words):
        capsys.readouterr()
        status = command(*words)
        printed = capsys.readouterr()
        data = None
        if "--json" in words:
            lines = printed.out.splitlines()
            data = json.loads(lines[-1])
            assert lines[:-1] == []
            assert isinstance(data, dict)
        return status, data, printed.out + printed.err

    return run


@pytest.fixture
def refuses(ratchet, tmp_path):
    """Run a command that must be refused: one sentence, status 2, and nothing left behind."""

    def run(*words, where=None):
        place = where or tmp_path
        before = snapshot(place)
        status, data, _ = ratchet(*words, "--json")
        assert status == 2
        assert list(data) == ["error"]
        status, _, said = ratchet(*words)
        assert status == 2
        assert " ".join(said.split()) == "ratchet: " + " ".join(data["error"].split())
        assert "Traceback" not in said
        assert snapshot(place) == before
        return data["error"]

    return run


@pytest.fixture(autouse=True, scope="session")
def compiled():
    """Compile the engine before anything is captured: what is said of that is not what a command says."""
    compile_game()

"""Minari datasets from the command line: out, in, and cloned from."""

from pathlib import Path

import h5py
import pytest

import journeys
from journeys import command
from ratchet.learning.config import CloningConfig
from ratchet.policies.checkpoint import follow, read_checkpoint
from ratchet.recipes.cloning import CloningPlan, clone_teacher, new_clone
from ratchet.recipes.demonstrations import find_demonstrations
from ratchet.rollout.demonstrations import read_demonstrations, read_settings, recorded_seeds
from ratchet.tasks.registry import find_task

TASK = "environments:make_taught"
LEARN = ["--set", "max_epochs=2"]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A run that has cloned, and its games as a dataset; tests read them only."""
    home = tmp_path_factory.mktemp("shelf")
    root = home / "runs"
    assert command("clone", TASK, "--episodes", 12, *LEARN, "--root", root) == 0
    words = ["export", "minari", "clone", TASK, "--out", home / "games-v0", "--root", root]
    assert command(*words) == 0
    return home


@pytest.fixture(autouse=True)
def minari_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path_factory.getbasetemp() / "nothing"))


def test_out_and_in_again(shelf, tmp_path, ratchet):
    games = shelf / "runs" / "clone" / "demonstrations"
    status, said, _ = ratchet(
        "export", "minari", games, TASK, "--out", tmp_path / "mine-v1", "--json"
    )
    assert (status, said) == (0, {"files": [str(tmp_path / "mine-v1")]})
    status, said, _ = ratchet(
        "import", "minari", "mine-v1", TASK, "--out", tmp_path / "back", "--json"
    )
    assert status == 0
    assert (said["teacher"], said["episodes"], said["evaluation_seeds"]) == ("heuristic", 12, 0)
    task = find_task(TASK)
    assert read_settings(tmp_path / "back") == read_settings(games)
    assert read_demonstrations(tmp_path / "back", task).id == read_demonstrations(games, task).id
    status, _, words = ratchet("import", "minari", "mine-v1", TASK, "--out", tmp_path / "back")
    assert status == 0
    assert "12 games of heuristic" in words


@pytest.mark.parametrize("place", ["runs/clone/demonstrations", "runs/clone", "games-v0"])
def test_a_clone_of_games_is_the_clone_of_who_played_them(shelf, ratchet, place):
    status, said, _ = ratchet(
        "clone", TASK, "--demonstrations", shelf / place, *LEARN, "--root", "runs", "--json"
    )
    assert status == 0
    assert (said["teacher"], said["episodes"]) == ("heuristic", 12)
    first = read_checkpoint(follow(shelf / "runs" / "clone", "best"))
    assert said["policy_id"] == first.id
    training = journeys.only_training(Path("runs"), "clone")
    assert (training.kind, training.status, training.episodes) == ("clone", "finished", 12)


def test_cloning_from_games_goes_on_and_copies_none_twice(shelf, tmp_path):
    task = find_task(TASK)
    source = find_demonstrations(str(shelf / "games-v0"), task, None, tmp_path).first(8)
    plan = CloningPlan(
        task=task,
        teacher=source,
        episodes=8,
        policy=new_clone(task, "mlp", 0),
        config=CloningConfig(max_epochs=2),
        mode=source.settings.mode,
    )
    with (
        pytest.raises(KeyboardInterrupt),
        journeys.session(tmp_path, kind="clone", progress=journeys.Stop(4, "copying")) as session,
    ):
        clone_teacher(session, plan)
    copied = tmp_path / "run" / "demonstrations"
    before = {path.name: path.stat().st_mtime_ns for path in copied.glob("*.npz")}
    assert len(before) == 4
    with journeys.session(tmp_path, kind="clone", resume=True) as session:
        assert clone_teacher(session, plan).measured["episodes"] == 8
    after = {path.name: path.stat().st_mtime_ns for path in copied.glob("*.npz")}
    assert sorted(source.seeds) == recorded_seeds(copied)
    assert before.items() <= after.items()


def test_what_is_refused(shelf, refuses, tmp_path):
    games, out = shelf / "games-v0", ["--out", tmp_path / "x"]
    assert "name it after" in refuses("import", "minari", games, *out)
    assert "name it after" in refuses("export", "minari", games, *out)
    assert "too many" in refuses("import", "sb3", "any.zip", TASK, *out)
    assert "too many" in refuses("export", "sb3", "any.zip", TASK, *out)
    assert "has observations" in refuses("import", "minari", games, "cartpole-modes", *out)
    assert "no mode 'x'" in refuses("clone", TASK, "--demonstrations", games, "--mode", "x")
    assert "must end in a version" in refuses("export", "minari", shelf / "runs/clone", TASK, *out)
    assert "no demonstrations in" in refuses("export", "minari", games, TASK, *out)
    clone = ["clone", TASK, "--demonstrations"]
    assert "nothing is downloaded" in refuses(*clone, "D4RL/door/human-v2")
    assert "either --teacher" in refuses(*clone, games, "--teacher", "heuristic")
    assert "13 are asked for" in refuses(*clone, games, "--episodes", 13)
    assert "of task" in refuses("clone", "cartpole-modes", "--demonstrations", shelf / "runs/clone")


def test_an_illegal_action_begins_no_run(shelf, refuses, tmp_path, ratchet):
    bad = tmp_path / "bad-v0"
    status, *_ = ratchet("export", "minari", shelf / "runs/clone", TASK, "--out", bad)
    assert status == 0
    with h5py.File(bad / "data" / "main_data.hdf5", "r+") as file:
        file["episode_4/actions"][0] = 2
    message = "episode 4 of the Minari dataset bad-v0 takes action 2 at step 0, which is not legal"
    assert message in refuses("clone", TASK, "--demonstrations", bad)
    assert message in refuses("import", "minari", bad, TASK, "--out", tmp_path / "x")


def test_games_with_evaluation_seeds_are_named(shelf, tmp_path, ratchet):
    games = tmp_path / "games-v0"
    ratchet("export", "minari", shelf / "runs/clone", TASK, "--out", games)
    with h5py.File(games / "data" / "main_data.hdf5", "r+") as file:
        file["episode_4"].attrs["seed"] = 17
    _, _, words = ratchet("import", "minari", games, TASK, "--out", tmp_path / "x")
    assert "1 of them have evaluation seeds" in words
    _, _, words = ratchet("clone", TASK, "--demonstrations", games, *LEARN)
    assert "1 of these games have evaluation seeds" in words


def test_a_fleet_is_held_to_a_dataset(shelf, ratchet):
    words = ["fleet", TASK, "--policy", f"{shelf / 'runs/clone'}@best", "--workers", 1]
    words += ["--set", "environments=4", "--set", "batch_size=32", "--promote-every", 0]
    words += ["--episodes", 8, "--demonstrations", shelf / "games-v0", "--json"]
    status, said, _ = ratchet(*words)
    assert status == 0
    assert said["episodes"] == 8

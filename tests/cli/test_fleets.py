"""Cloning and fleets from the command line: the whole journey, going on with it, and what is refused."""

import csv
import json
import shutil
import signal
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

import journeys
from journeys import command, count
from ratchet.ledger import queries, streams
from ratchet.policies.checkpoint import follow, publish, read_checkpoint
from ratchet.policies.initial import new_policy
from ratchet.recipes import fleet
from ratchet.rollout.fit import spec_for
from ratchet.rollout.fleet.crash import read_crash
from ratchet.rollout.fleet.status import read_workers
from ratchet.rollout.spool import read_counts
from ratchet.seeding import selection_seeds
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.registry import find_task

TASK = "environments:make_taught"
CLONE = ["clone", TASK, "--episodes", 12, "--set", "max_epochs=2"]
FLEET = [
    "fleet", TASK, "--workers", 2, "--promote-every", 32,
    "--set", "environments=4", "--set", "batch_size=32",
]  # fmt: skip


@pytest.fixture(scope="module")
def cloned(tmp_path_factory):
    """The root of a run that has cloned; tests read it only."""
    root = tmp_path_factory.mktemp("cloned") / "runs"
    assert command(*CLONE, "--root", root) == 0
    return root


@pytest.fixture(scope="module")
def flown(cloned, tmp_path_factory):
    """The root of a fleet that has spent its budget; tests read it only."""
    root = tmp_path_factory.mktemp("flown") / "runs"
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--episodes", 70, "--root", root]
    assert command(*words) == 0
    return root


def test_a_clone_is_a_policy_with_its_games_beside_it(cloned, ratchet):
    policy = read_checkpoint(follow(cloned / "clone", "best"))
    assert policy.record["source"] == "cloning"
    assert policy.record["teacher"] == "heuristic"
    assert len(list((cloned / "clone" / "demonstrations").glob("*.npz"))) == 12
    training = journeys.only_training(cloned, "clone")
    assert (training.kind, training.status, training.episodes) == ("clone", "finished", 12)
    status, _, _ = ratchet("evaluate", f"{cloned / 'clone'}@best", TASK, "--seeds", 3, "--json")
    assert status == 0


def test_cloning_that_was_broken_off_goes_on_and_repeats_no_game(tmp_path, ratchet):
    words = [*CLONE, "--root", "runs", "--name", "one"]
    played = tmp_path / "runs" / "one" / "demonstrations"
    process = journeys.start(*words, cwd=tmp_path)
    journeys.wait_for(lambda: len(list(played.glob("*.npz"))) > 3, process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    before = {path.name: path.stat().st_mtime_ns for path in played.glob("*.npz")}
    status, said, _ = ratchet(*words, "--resume", "--json")
    assert status == 0
    assert said["episodes"] == 12
    after = {path.name: path.stat().st_mtime_ns for path in played.glob("*.npz")}
    assert len(after) == 12
    assert all(after[name] == time for name, time in before.items())


def test_a_fleet_spends_whole_batches_and_its_books_add_up(flown):
    training = journeys.only_training(flown, "fleet")
    assert (training.kind, training.status) == ("fleet", "finished")
    assert (training.updates, training.episodes) == (8, 64)
    counts = read_counts(flown / "fleet" / "spool")
    assert counts.consumed == 64
    assert counts.missing == 0
    with journeys.ledger_of(flown) as ledger:
        updates = queries.updates(ledger, training.id)
        assert updates["update_number"].tolist() == list(range(1, 9))
        assert updates["environment_steps"][-1] == training.environment_steps
        more = queries.fleet_updates(ledger, training.id)
        assert sum(each["transitions"] for each in more) == training.environment_steps
        assert len({each["policy_id"] for each in more}) == 8
        played = queries.training_episodes(ledger, training.id)
        assert len(played.seeds) == 64
        assert int(played.lengths.sum()) == training.environment_steps
        # Every episode says who played it: a version that there was, and that is a policy.
        rows = list(streams.each_training_episode(ledger, training.id))
        assert all(0 <= row.version < row.update_number for row in rows)
        lags = {each["update_number"]: each["lag_most"] for each in more}
        for number, most in lags.items():
            batch = [row for row in rows if row.update_number == number]
            assert max(number - 1 - row.version for row in batch) == most
        verdicts = queries.verdicts(ledger, "fleet")
        assert {each.target for each in verdicts} == {"update 4", "update 8"}
    with (flown / "fleet" / "training_stats.csv").open() as lines:
        written = list(csv.DictReader(lines))
    assert [int(line["version"]) for line in written] == [row.version for row in rows]
    latest = read_checkpoint(follow(flown / "fleet", "latest"))
    assert latest.id == training.result_policy
    assert latest.record["source"] == "fleet"


def test_a_fleet_whose_workers_are_always_ahead_ends_in_time_too(cloned, tmp_path, ratchet):
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", tmp_path / "runs"]
    status, said, _ = ratchet(*words, "--minutes", 0.25, "--promote-every", 0, "--json")
    assert status == 0
    assert said["stopped"] == "the budget of time is spent"
    assert said["updates"] > 0


def test_a_fleet_whose_budget_is_spent_does_nothing_more(cloned, flown, tmp_path, ratchet):
    root = tmp_path / "runs"
    shutil.copytree(flown, root)
    before = read_counts(root / "fleet" / "spool")
    training = journeys.only_training(root, "fleet")
    assert (training.budget, training.budget_unit) == (70, "episodes")
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root, "--name", "fleet"]
    status, said, _ = ratchet(*words, "--episodes", 70, "--resume", "--json")
    assert (status, said["policy_id"]) == (0, training.result_policy)
    assert read_counts(root / "fleet" / "spool") == before
    again = journeys.only_training(root, "fleet")
    assert (again.status, again.wall_seconds) == ("finished", training.wall_seconds)
    status, said, _ = ratchet(*words, "--episodes", 80, "--resume", "--json")
    assert (status, said["updates"]) == (0, 10)


def test_a_killed_fleet_still_says_what_it_spent(cloned, tmp_path, ratchet):
    root = tmp_path / "runs"
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root, "--name", "one"]
    process = journeys.start(*words, cwd=tmp_path)
    journeys.wait_for(lambda: count(root, "fleet_updates") > 3, process)
    process.kill()
    process.communicate()
    killed = journeys.only_training(root, "one")
    assert (killed.status, killed.budget_unit) == ("running", "until it is stopped")
    assert killed.episodes == 8 * killed.updates
    assert 0.0 < killed.learn_seconds < killed.wall_seconds
    status, said, _ = ratchet(*words, "--minutes", 0.001, "--resume", "--json")
    assert (status, said["stopped"]) == (0, "the budget of time is spent")
    assert said["seconds"] >= killed.wall_seconds
    assert ratchet("report", "one", "--root", root)[0] == 0


def test_what_the_pawl_takes_is_the_best_for_good(cloned, tmp_path, ratchet, monkeypatch):
    taken = []

    def judge(*arguments):
        verdict = really(*arguments)
        taken.append(len(taken))
        return replace(verdict, accepted=len(taken) == 1)

    really = fleet.judge
    monkeypatch.setattr(fleet, "judge", judge)
    root = tmp_path / "runs"
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root, "--name", "one"]
    status, said, _ = ratchet(*words, "--episodes", 64, "--json")
    assert (status, said["promotions"], len(taken)) == (0, 1, 2)
    best = read_checkpoint(follow(root / "one", "best"))
    with journeys.ledger_of(root) as ledger:
        (training,) = queries.trainings(ledger, "one")
        fourth = queries.fleet_updates(ledger, training.id)[3]
    assert best.id == said["best_id"] == fourth["policy_id"]
    # It stays, and what is judged later is judged against it.
    assert ratchet(*words, "--episodes", 96, "--resume", "--json")[0] == 0
    assert len(taken) == 3
    assert read_checkpoint(follow(root / "one", "best")).id == best.id


def test_what_the_pawl_took_becomes_the_best_after_a_kill_in_between(
    cloned, tmp_path, ratchet, monkeypatch
):
    def judge(*arguments):
        return replace(really(*arguments), accepted=True)

    def die(directory, name, *rest, **more):
        if name == "best" and (directory / "best.json").exists():
            raise KeyboardInterrupt
        move(directory, name, *rest, **more)

    really, move = fleet.judge, fleet.point
    monkeypatch.setattr(fleet, "judge", judge)
    root = tmp_path / "runs"
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root, "--name", "one"]
    words += ["--episodes", 32, "--json"]
    with monkeypatch.context() as patch:
        patch.setattr(fleet, "point", die)
        assert command(*words) == 130
    start = read_checkpoint(follow(root / "one", "best"))
    with journeys.ledger_of(root) as ledger:
        (verdict,) = queries.verdicts(ledger, "one")
        taken = queries.fleet_updates(ledger, verdict.training_id)[-1]["policy_id"]
    assert verdict.accepted
    assert start.id != taken
    status, said, _ = ratchet(*words, "--resume")
    assert (status, said["promotions"], said["best_id"]) == (0, 1, taken)
    assert read_checkpoint(follow(root / "one", "best")).id == taken


def test_a_simulator_that_freezes_before_the_pawl_ends_a_look_and_not_the_fleet(
    tmp_path, ratchet, monkeypatch
):
    task, seeds = "faulty:Holding", tmp_path / "seeds.txt"
    # No seed of training is a multiple of it; one of the validation list is.
    monkeypatch.setenv("FAULTY_RARITY", str(10**12 + 39))
    seeds.write_text("1\n2\n0\n")
    publish(new_policy(spec_for(find_task(task)), 0), tmp_path / "policy")
    words = [
        *FLEET, "--policy", tmp_path / "policy", "--root", tmp_path / "runs", "--name", "one",
        "--validation-file", seeds, "--set", "step_seconds=0.5",
    ]  # fmt: skip
    words[1] = task
    status, said, told = ratchet(*words, "--episodes", 64, "--json")
    assert (status, said["updates"], said["promotions"]) == (0, 8, 0)
    for update in (4, 8):
        assert (
            f"update {update}: the pawl could not look, its games have failed: stepping for" in told
        )
    crash = read_crash(tmp_path / "runs" / "one" / "crashes" / "00000001.json")
    assert (crash.worker, crash.cause) == ("examiner", "deadline")
    assert "in hold" in crash.output
    assert 0 in [episode.seed for episode in crash.episodes]


def test_seeds_that_have_chosen_are_named_where_they_report(flown, ratchet, tmp_path):
    best, seeds = f"{flown / 'fleet'}@best", tmp_path / "seeds.txt"
    words = ["evaluate", best, TASK, "--root", flown, "--seed-file", seeds]
    seeds.write_text("\n".join(map(str, [*selection_seeds(3), 17])))
    assert "3 of these seeds decided in run 'fleet' whether" in ratchet(*words)[2]
    seeds.write_text("17\n18\n")
    assert "decided" not in ratchet(*words)[2]


def test_a_checkpoint_that_cannot_be_gone_on_from_leaves_the_books_as_they_are(
    cloned, flown, tmp_path, ratchet
):
    root = tmp_path / "runs"
    shutil.copytree(flown, root)
    for policy in (root / "fleet" / "checkpoints" / "fleet").glob("update-*/policy.json"):
        policy.write_text("{")
    # With the first it could begin anew.
    shutil.rmtree(root / "fleet" / "checkpoints" / "fleet" / "update-00000001")
    before = journeys.only_training(root, "fleet")
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root, "--resume"]
    status, said, _ = ratchet(*words, "--name", "fleet", "--episodes", 640, "--json")
    assert status == 2
    assert "whole" in said["error"]
    after = journeys.only_training(root, "fleet")
    assert (after.updates, after.episodes) == (before.updates, before.episodes) == (8, 64)
    assert after.environment_steps == before.environment_steps


def test_the_books_can_be_read_from_another_terminal(flown, ratchet):
    status, said, _ = ratchet("fleet", "status", flown / "fleet", "--json")
    assert status == 0
    spool = said["spool"]
    parts = ("waiting", "claimed", "consumed", "stale", "corrupt", "foreign", "missing")
    assert spool["collected"] == sum(spool[part] for part in parts)
    assert {worker["name"] for worker in said["workers"]} == {"w0", "w1"}
    assert sum(worker["episodes"] for worker in said["workers"]) == spool["collected"]
    training, trainer = journeys.only_training(flown, "fleet"), said["trainer"]
    assert (trainer["state"], trainer["reason"]) == ("finished", "the budget of episodes is spent")
    assert (trainer["updates"], trainer["episodes"]) == (training.updates, training.episodes)
    assert trainer["learning_rate"] > 0
    status, _, words = ratchet("fleet", "status", flown / "fleet")
    assert status == 0
    assert "trainer finished (the budget of episodes is spent): 8 updates, 64 episodes" in words
    assert f"{spool['collected']:,} collected = {spool['waiting']:,} waiting" in words


def test_a_fleet_that_was_broken_off_goes_on_where_it_was(cloned, tmp_path, ratchet):
    root = tmp_path / "runs"
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root, "--name", "one"]
    process = journeys.start(*words, "--episodes", 100_000, cwd=tmp_path)
    journeys.wait_for(lambda: count(root, "fleet_updates") > 2, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "--resume" in said
    done = journeys.only_training(root, "one")
    assert done.status == "interrupted"
    status, out, _ = ratchet(*words, "--episodes", 200_000, "--resume", "--minutes", 0.02, "--json")
    assert status == 0
    assert out["updates"] >= done.updates
    with journeys.ledger_of(root) as ledger:
        training = journeys.only_training(root, "one")
        numbers = queries.updates(ledger, training.id)["update_number"]
        assert np.array_equal(numbers, np.arange(1, len(numbers) + 1))
        played = queries.training_episodes(ledger, training.id)
        assert len(played.seeds) == len(set(played.seeds.tolist())) == training.episodes
    counts = read_counts(root / "one" / "spool")
    assert counts.consumed == training.episodes
    assert counts.missing == 0


def test_what_a_fleet_refuses(cloned, flown, refuses, tmp_path):
    best = f"{cloned / 'clone'}@best"
    runs = ["--root", tmp_path / "runs"]
    assert "--policy" in refuses("fleet", TASK, *runs)
    assert "0 workers" in refuses("fleet", TASK, "--policy", best, "--workers", 0, *runs)
    said = refuses("fleet", TASK, "--policy", best, "--episodes", 7, *runs)
    assert "batch of 8" in said
    said = refuses("fleet", "cartpole-modes", "--policy", best, *runs)
    assert "observation" in said
    said = refuses("fleet", TASK, "--policy", best, "--metric", "floor", *runs)
    assert "'floor'" in said
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("1\n2\n1\n")
    said = refuses("fleet", TASK, "--policy", best, "--validation-file", seeds, *runs)
    assert "line 3" in said
    said = refuses("fleet", TASK, "--policy", best, "--set", "learning_rat=1e-4", *runs)
    assert "'learning_rate'" in said
    assert "finite" in refuses("fleet", TASK, "--policy", best, "--minutes", "inf", *runs)
    assert "there is no run 'nothing'" in refuses("fleet", "status", "nothing", *runs)
    assert "has ended" in refuses("worker", "--join", flown / "fleet")
    said = refuses("clone", "CartPole-v1", "--episodes", 4, *runs)
    assert "task 'CartPole-v1' has no teacher 'heuristic'; it has none" in said
    # Another task's games, and a run that there is already.
    said = refuses("fleet", TASK, "--policy", best, "--root", flown, "--name", "fleet", where=flown)
    assert "exists" in said


def test_a_spool_of_another_run_is_not_learned_from(cloned, flown, ratchet, tmp_path):
    root = tmp_path / "runs"
    shutil.copytree(flown, root)
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root]
    assert command(*words, "--episodes", 8, "--name", "two") == 0
    before = count(root, "fleet_updates")
    shutil.rmtree(root / "fleet" / "spool")
    shutil.copytree(root / "two" / "spool", root / "fleet" / "spool")
    more = [*words, "--episodes", 140, "--name", "fleet", "--resume", "--json"]
    status, said, _ = ratchet(*more)
    assert status == 2
    assert "is of another run or task: its run is 'two', not 'fleet'" in said["error"]
    status, said, _ = ratchet("fleet", "status", root / "fleet", "--json")
    assert status == 2
    assert "is of another run: its run is 'two', not 'fleet'" in said["error"]
    assert count(root, "fleet_updates") == before


def test_demonstrations_of_another_task_are_no_anchor(cloned, refuses, tmp_path):
    other = new_policy(spec_for(cartpole_modes()), 0)
    publish(other, tmp_path / "other")
    games = cloned / "clone" / "demonstrations"
    said = refuses(
        "fleet", "cartpole-modes", "--policy", tmp_path / "other", "--demonstrations", games,
        "--root", tmp_path / "runs",
    )  # fmt: skip
    assert "demonstrations" in said


def test_a_run_that_is_being_trained_is_not_trained_by_another(cloned, tmp_path, ratchet):
    root = tmp_path / "runs"
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root, "--name", "one"]
    process = journeys.start(*words, cwd=tmp_path)
    try:
        journeys.wait_for(lambda: count(root, "fleet_updates") > 0, process)
        status, said, _ = ratchet(*words, "--resume", "--json")
        assert status == 2
        assert "one" in said["error"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_a_worker_joins_from_another_terminal_and_leaves(cloned, tmp_path, ratchet):
    root = tmp_path / "runs"
    words = [*FLEET, "--policy", f"{cloned / 'clone'}@best", "--root", root, "--name", "one"]
    process = journeys.start(*words, "--set", "batch=32", cwd=tmp_path)
    try:
        journeys.wait_for(lambda: count(root, "fleet_updates") > 0, process)
        joined = journeys.start("worker", "--join", root / "one", "--json", cwd=tmp_path)
        journeys.wait_for(lambda: _episodes(root / "one", "joined0") > 5, joined)
        joined.send_signal(signal.SIGINT)
        told, said = joined.communicate(timeout=60)
        assert joined.returncode == 0, said
        assert "leaving" in said
        assert json.loads(told)["workers"][0]["name"] == "joined0"
        before = count(root, "fleet_updates")
        journeys.wait_for(lambda: count(root, "fleet_updates") > before, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert read_counts(root / "one" / "spool").missing == 0


def test_a_crash_is_played_again(tmp_path, ratchet, monkeypatch):
    monkeypatch.setenv("FAULTY_RARITY", "1")
    policy = publish(new_policy(spec_for(find_task("faulty:Raising")), 0), tmp_path / "policy")
    words = ["fleet", "faulty:Raising", "--policy", policy, "--workers", 1, "--restarts", 0]
    words += ["--set", "environments=2", "--name", "one", "--root", tmp_path / "runs"]
    status, said, _ = ratchet(*words, "--json")
    assert status == 1
    assert "all workers are down" in said["error"]
    assert (tmp_path / "runs" / "one" / "report.html").is_file()
    record = tmp_path / "runs" / "one" / "crashes" / "00000001.json"
    status, said, _ = ratchet("replay", record, "--json")
    assert status == 0
    assert {one["cause"] for one in said["episodes"]} == {"exception"}
    status, _, told = ratchet("replay", record)
    assert status == 0
    assert "fails again at step 3 of 3: exception: RuntimeError: the dragon has no name" in told
    assert ratchet("replay", tmp_path / "nothing.json")[0] == 2


def _episodes(run, name):
    return sum(one.episodes for one in read_workers(run) if one.name == name)


def test_the_recipe_makes_the_whole_journey(tmp_path, ratchet):
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        'recipe = "parallel-ppo"\ntitle = "small"\n'
        f'task = "{TASK}"\ndemonstrations = 6\nworkers = 1\nenvironments = 4\nepisodes = 32\n'
        "promote_every = 16\nvalidation = 12\nevaluation = 12\n[cloning]\nmax_epochs = 2\n"
    )
    assert ratchet("run", recipe, "--root", "runs")[0] == 0
    with journeys.ledger_of(tmp_path / "runs") as ledger:
        names = [each.name for each in queries.trainings(ledger, "parallel-ppo")]
        assert names == ["clone", "fleet"]
        labels = [each.label for each in queries.evaluations(ledger, "parallel-ppo")]
        assert {"heuristic", "clone", "PPO"} <= set(labels)
        compared = [
            each.value
            for each in queries.measurements(ledger, "parallel-ppo")
            if each.name.startswith("compared")
        ]
    assert {(each["before"], each["after"]) for each in compared} >= {
        ("heuristic", "clone"),
        ("clone", "PPO"),
        ("heuristic", "PPO"),
    }
    with sqlite3.connect(tmp_path / "runs" / "ledger.sqlite") as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

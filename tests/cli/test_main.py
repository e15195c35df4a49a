"""The command as people and machines meet it: what it prints, how it ends, and what it leaves behind."""

import errno
import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch

import environments
import journeys
import mazes
import slowly
from journeys import SMALL_WORDS, command, count, rows
from ratchet.cli.main import app
from ratchet.ledger.index import index_schema
from ratchet.policies.checkpoint import follow, publish, read_checkpoint
from ratchet.policies.initial import new_policy
from ratchet.policies.sb3.exporter import write_sb3
from ratchet.rollout.fit import spec_for
from ratchet.seeding import TRAINING_DOMAIN
from ratchet.tasks.cartpole import CartPoleTask, cartpole_modes
from ratchet.tasks.gymnasium import gymnasium_task

pytestmark = pytest.mark.filterwarnings("ignore:.*(CUDA|NVIDIA).*:UserWarning")

TASK = "cartpole-modes"
TUNE = ["--steps", 300, "--seeds", 12, *SMALL_WORDS]
COMMANDS = [
    "demo", "run", "train", "finetune", "evaluate", "compare", "inspect", "import", "export",
    "report", "index", "tasks", "policies", "scopes", "watch", "clone", "fleet", "worker", "replay",
]  # fmt: skip
INTERVAL = {"mean", "low", "high"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A policy that plays badly enough to be improved, as a checkpoint and as a zip."""
    home = tmp_path_factory.mktemp("base")
    policy = new_policy(spec_for(cartpole_modes()), 3)
    publish(policy, home / "policy")
    write_sb3(policy, home / "policy.zip")
    publish(new_policy(spec_for(gymnasium_task("MountainCar-v0")), 0), home / "car")
    return home


@pytest.fixture(scope="module")
def tuned(base, tmp_path_factory):
    """The root of a run that has finished; tests read it only."""
    root = tmp_path_factory.mktemp("tuned") / "runs"
    words = ["finetune", base / "policy", TASK, "--mode", "1", *TUNE, "--name", "one"]
    assert command(*words, "--root", root, "--json") == 0
    return root


def assert_interval(data, *extra):
    assert set(data) == INTERVAL | set(extra)
    assert data["low"] <= data["mean"] <= data["high"]


# --- for machines -------------------------------------------------------------------------------

TRAINED = {
    "policy", "environment_steps", "episodes", "scope", "parameters_adapted", "frozen_unchanged",
    "wall_seconds", "verdict", "reason", "evaluation", "forgetting", "specific_gain",
}  # fmt: skip


def check_trained(data, *, steps, scope="full", adapted=9155):
    assert set(data) == TRAINED | {"policy_id"}
    assert data["environment_steps"] == steps
    assert (data["scope"], data["parameters_adapted"]) == (scope, adapted)
    assert data["frozen_unchanged"] is True
    assert data["wall_seconds"] > 0
    assert data["verdict"] in {"accepted", "rejected"}
    assert data["reason"]
    assert read_checkpoint(Path(data["policy"])).id == data["policy_id"]
    assert set(data["evaluation"]) == {"0", "1", "2"}
    for mode in data["evaluation"].values():
        assert set(mode) == {"before", "after", "difference"}
        assert_interval(mode["before"], "episodes")
        assert_interval(mode["after"], "episodes")
        assert_interval(mode["difference"])
        assert mode["before"]["episodes"] == mode["after"]["episodes"] == 12
        change = mode["after"]["mean"] - mode["before"]["mean"]
        assert mode["difference"]["mean"] == pytest.approx(change)


def test_finetune(ratchet, base, tmp_path):
    words = ["finetune", base / "policy.zip", TASK, "--mode", "2", "--scope", "policy_head", *TUNE]
    status, data, said = ratchet(*words, "--json")
    assert status == 0
    check_trained(data, steps=300, scope="policy_head", adapted=130)
    assert data["forgetting"] is not None
    assert data["specific_gain"] is not None
    assert "pre-flight" in said
    run = tmp_path / "runs" / f"finetune-{TASK}-2"
    for name in ("report.md", "report.html", "best.json", "latest.json"):
        assert (run / name).is_file()
    index = json.loads((tmp_path / "runs" / "index.json").read_text())
    jsonschema.validate(index, index_schema())
    assert index["runs"][0]["report"] == f"{run.name}/report.html"
    # for people the same in words, and a second run gets a name of its own
    status, _, said = ratchet(*words)
    assert status == 0
    assert "130 of 9,155 parameters, 300 environment steps" in said
    assert data["reason"] in said
    assert f"report  runs/{run.name}-2/report.html" in said


def test_train(ratchet):
    status, data, _ = ratchet("train", TASK, *TUNE, "--json")
    assert status == 0
    check_trained(data, steps=300)


def test_train_by_episodes(ratchet):
    words = ["train", "environments:Counting", "--episodes", 30, "--seeds", 10, *SMALL_WORDS]
    status, data, _ = ratchet(*words, "--json")
    assert status == 0
    assert data["episodes"] == 30
    assert set(data["evaluation"]) == {"default"}


def test_a_gymnasium_environment_with_a_parameter_set(ratchet):
    words = ["train", "Pendulum-v1", "--set", "g=9.0", "--steps", 64, "--seeds", 2, *SMALL_WORDS]
    status, data, _ = ratchet(*words, "--json")
    assert status == 0
    assert list(data["evaluation"]) == ["g=9.0"]
    words = ["finetune", data["policy"], *words[1:]]
    status, data, _ = ratchet(*words, "--json")
    assert status == 0
    assert list(data["evaluation"]) == ["default", "g=9.0"]


def test_evaluate(ratchet, base):
    words = ["evaluate", base / "policy", TASK, "--seeds", 12]
    status, data, _ = ratchet(*words, "--json")
    assert status == 0
    assert set(data) == {"policy", "episodes", "metrics", "by_mode", "stalls"}
    assert data["stalls"] == {"after": 0, "broken": 0, "episodes": 0}
    assert data["policy"] == read_checkpoint(base / "policy").id
    assert data["episodes"] == 36
    assert set(data["metrics"]) == {"return", "length"}
    for values in data["metrics"].values():
        assert_interval(values)
    assert set(data["by_mode"]) == {"0", "1", "2"}
    for mode in data["by_mode"].values():
        assert set(mode) == {"episodes", "return", "length"}
        assert mode["episodes"] == 12
        assert_interval(mode["return"])
    status, one, _ = ratchet(*words, "--mode", "1", "--json")
    assert one["by_mode"] == {"1": data["by_mode"]["1"]}
    status, sampled, _ = ratchet(*words, "--sampled", "--json")
    assert sampled["metrics"] != data["metrics"]
    status, _, said = ratchet(*words)
    assert status == 0
    assert "12 seeds a mode" in said


def test_evaluate_those_that_are_built_in(ratchet):
    _, poor, _ = ratchet("evaluate", "random", TASK, "--seeds", 20, "--json")
    _, good, _ = ratchet("evaluate", "heuristic", TASK, "--seeds", 20, "--json")
    assert (poor["policy"], good["policy"]) == ("random", "heuristic")
    assert poor["metrics"]["return"]["high"] < 50 < good["metrics"]["return"]["low"]
    status, data, _ = ratchet("evaluate", "random", "Pendulum-v1", "--seeds", 2, "--json")
    assert status == 0
    assert set(data["by_mode"]) == {"default"}
    _, taught, _ = ratchet("evaluate", "heuristic", "environments:make_taught", "--json")
    assert taught["metrics"]["return"] == taught["metrics"]["length"]


@pytest.fixture(scope="module")
def lazy(tmp_path_factory):
    """A policy that opens and closes the chest of `environments.Maze` for ever."""
    task = mazes.maze_task(environments.CHEST)
    path = tmp_path_factory.mktemp("lazy") / "lazy"
    publish(mazes.preferring(task, mazes.LAZY).policy, path)
    return path


def test_stalls_are_broken_where_it_is_asked_for(ratchet, lazy):
    words = ["evaluate", lazy, "environments:Maze", "--seeds", 4]
    _, data, _ = ratchet(*words, "--json")
    assert data["stalls"] == {"after": 0, "broken": 0, "episodes": 0}
    assert data["metrics"]["length"]["mean"] == 400
    _, data, _ = ratchet(*words, "--stall-after", 3, "--json")
    assert data["stalls"] == {"after": 3, "broken": 10, "episodes": 4}
    assert data["metrics"]["return"] == {
        "mean": 1.0,
        "low": pytest.approx(0.5101, abs=1e-4),
        "high": 1.0,
    }
    _, _, said = ratchet(*words, "--stall-after", 3)
    assert "lazy came to a standstill in 4 of 4 episodes; 10 of its actions" in said
    _, _, said = ratchet("compare", "random", *words[1:], "--stall-after", 3)
    assert "lazy came to a standstill in 4 of 4 episodes; 10 of its actions" in said
    assert "random came" not in said
    _, data, _ = ratchet(*words, "--stall-after", 3, "--sampled", "--json")
    assert data["stalls"]["after"] == 0
    with sqlite3.connect("runs/ledger.sqlite") as ledger:
        found = ledger.execute(
            "SELECT DISTINCT stall_after, stalls_broken > 0, evaluations.label FROM episodes "
            "JOIN evaluations ON evaluation_id = id WHERE stall_after > 0"
        ).fetchall()
    ledger.close()
    assert set(found) == {(3, 1, "lazy"), (3, 0, "random")}


def test_usual_modes_are_played_where_none_is_named(ratchet, monkeypatch):
    monkeypatch.setattr(CartPoleTask, "usual_modes", ("1",))
    words = ["evaluate", "random", TASK, "--seeds", 2, "--json"]
    assert set(ratchet(*words)[1]["by_mode"]) == {"1"}
    assert set(ratchet(*words, "--mode", "2")[1]["by_mode"]) == {"2"}


def test_a_seed_file(ratchet, tmp_path):
    (tmp_path / "seeds.txt").write_text("# mine\n5\n\n7  # seven\n")
    words = ["evaluate", "random", TASK, "--mode", "0", "--seed-file", "seeds.txt", "--json"]
    _, data, _ = ratchet(*words)
    assert data["episodes"] == 2
    with sqlite3.connect("runs/ledger.sqlite") as ledger:
        assert ledger.execute("SELECT seed FROM episodes ORDER BY seed").fetchall() == [(5,), (7,)]
    ledger.close()
    _, data, _ = ratchet(*words, "--first", 1)
    assert data["episodes"] == 1
    with sqlite3.connect("runs/ledger.sqlite") as ledger:
        sets = ledger.execute("SELECT DISTINCT seed_set FROM evaluations ORDER BY 1").fetchall()
    ledger.close()
    assert sets == [("seeds.txt",), ("seeds.txt, first 1",)]


def test_compare(ratchet, base):
    status, data, _ = ratchet("compare", "random", "heuristic", TASK, "--seeds", 12, "--json")
    assert status == 0
    assert set(data) == {"pairs", "metrics", "same_policy"} | {"before", "after", "sentence"}
    assert (data["pairs"], data["same_policy"]) == (36, False)
    assert (data["before"], data["after"]) == ("random", "heuristic")
    for metric in data["metrics"].values():
        assert {"difference", "probability_of_improvement"} <= set(metric)
        assert_interval(metric["difference"])
    assert data["metrics"]["return"]["difference"]["low"] > 0
    assert data["metrics"]["return"]["probability_of_improvement"] == 1.0
    words = ["compare", "random", base / "policy", "heuristic", TASK, "--seeds", 12]
    _, data, _ = ratchet(*words, "--json")
    assert [(one["before"], one["after"]) for one in data["comparisons"]] == [
        ("random", "policy"),
        ("policy", "heuristic"),
        ("random", "heuristic"),
    ]
    assert {name: set(each) for name, each in data["policies"].items()} == {
        name: {"return", "length"} for name in ("random", "policy", "heuristic")
    }
    assert_interval(data["policies"]["policy"]["return"], "kind")
    status, _, said = ratchet(*words)
    assert status == 0
    assert "heuristic is better by" in said
    assert "3 policies on cartpole-modes, the same 36 episodes" in said
    assert "return, episode by episode" in said
    assert "random → heuristic" in said


def test_compare_by_a_metric_of_the_task(ratchet, lazy, tmp_path):
    (tmp_path / "seeds.txt").write_text("\n".join(map(str, range(30))))
    words = ["compare", "random", "random", "environments:make_stretches", "--metric", "ones"]
    status, _, said = ratchet(*words, "--seed-file", "seeds.txt", "--first", 25)
    assert status == 0
    assert "random → random on stretches, 25 pairs" in said
    assert "same policy" in said
    words = ["compare", "random", lazy, lazy, "environments:Maze", "--metric", "length"]
    status, _, said = ratchet(*words, "--seeds", 9, "--stall-after", 2)
    assert status == 0
    assert "length, episode by episode" in said
    assert "no difference is shown: length changes by" in said
    assert f"same policy: {lazy} and {lazy} have identical weights" in said
    assert said.count("came to a standstill in 9 of 9 episodes") == 2


def test_a_zip_and_its_import_are_the_same_policy(ratchet, base, tmp_path):
    zipped = base / "policy.zip"
    status, data, _ = ratchet("import", "sb3", zipped, "--out", "mine", "--json")
    assert status == 0
    assert set(data) == {"policy", "path", "fields"}
    assert read_checkpoint(tmp_path / "mine").id == data["policy"]
    _, found, _ = ratchet("compare", zipped, "mine", TASK, "--seeds", 12, "--json")
    assert found["same_policy"] is True
    assert found["metrics"]["return"]["difference"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    _, _, said = ratchet("compare", zipped, "mine", TASK, "--seeds", 12)
    assert "same policy" in said


def test_import_again_is_no_harm_and_another_is_refused(ratchet, refuses, base):
    for _ in range(2):
        assert ratchet("import", "sb3", base / "policy.zip", "--out", "mine")[0] == 0
    publish(new_policy(spec_for(cartpole_modes()), 9), Path("other"))
    said = refuses("import", "sb3", base / "policy.zip", "--out", "other")
    assert "never overwritten" in said


def test_export_opens_in_stable_baselines3_and_acts_the_same(ratchet, refuses, tuned, tmp_path):
    from stable_baselines3 import PPO

    status, data, _ = ratchet(
        "export", "sb3", f"{tuned}/one@latest", "--out", tmp_path / "out.zip", "--json"
    )
    assert status == 0
    assert data == {"files": [str(tmp_path / "out.zip")]}
    model = PPO.load(tmp_path / "out.zip", device="cpu")
    policy = read_checkpoint(follow(tuned / "one", "latest"))
    from policies.zips import assert_same

    assert_same(policy, model)
    said = refuses("export", "sb3", f"{tuned}/one@latest", "--out", tmp_path / "out.zip")
    assert "already exists" in said
    _, found, _ = ratchet(
        "compare", f"{tuned}/one@latest", "out.zip", TASK, "--seeds", 10, "--json"
    )
    assert found["same_policy"] is True


def test_inspect(ratchet, base):
    status, data, _ = ratchet("inspect", base / "policy.zip", "--json")
    assert status == 0
    documented = {"policy", "algorithm", "parameters", "fields", "lineage"}
    assert set(data) == documented | {"architecture", "normalizer", "record"}
    assert data["algorithm"] == "PPO"
    assert data["parameters"] == {
        "total": 9155,
        "scopes": {"full": 9155, "policy_head": 130, "value": 4545, "bias": 259},
    }
    assert data["fields"]
    assert set(data["fields"].values()) <= {"used", "ignored", "overridden"}
    assert data["lineage"] == []
    pattern = "mlp_extractor.policy_net.*"
    _, more, said = ratchet("inspect", base / "policy", "--scope", pattern, "--json")
    assert more["parameters"]["scopes"][pattern] == 64 * 4 + 64 + 64 * 64 + 64
    status, _, said = ratchet("inspect", base / "policy.zip")
    assert status == 0
    assert "9,155 parameters" in said
    assert str(base / "policy.zip") in said  # a path is not broken over lines


def test_lineage(ratchet, base, tuned):
    _, data, _ = ratchet("inspect", f"{tuned}/one@latest", "--json")
    assert data["lineage"] == [read_checkpoint(base / "policy").id]
    assert data["record"]["task"] == TASK
    assert data["record"]["mode"] == "1"


def test_what_there_is(ratchet):
    status, data, _ = ratchet("tasks", "--json")
    assert status == 0
    assert {"cartpole-modes", "cartpole-extreme"} <= set(data)
    assert data[TASK]["modes"]["2"] == {"gravity": 12.0, "length": 0.4}
    _, data, _ = ratchet("policies", "--json")
    assert {"random", "heuristic"} <= set(data["policies"])
    _, data, _ = ratchet("scopes", "--json")
    parts = {"full", "policy_head", "value", "bias", "gating", "film", "slots"}
    assert set(data["scopes"]) == parts | {"adapter"}
    assert all(data["scopes"].values())
    for name in ("tasks", "policies", "scopes"):
        status, _, said = ratchet(name)
        assert status == 0
        assert said.strip()


def test_report_and_index_come_from_the_ledger_alone(ratchet, tuned, tmp_path):
    shutil.copytree(tuned, tmp_path / "runs")
    made = {
        name: (tmp_path / "runs" / name).read_bytes()
        for name in ("index.json", "one/report.json", "one/report.md")
    }
    shutil.rmtree(tmp_path / "runs" / "one")
    (tmp_path / "runs" / "index.json").unlink()
    status, data, _ = ratchet("report", "one", "--json")
    assert status == 0
    assert data["run"] == "one"
    assert data["report"] == "runs/one/report.html"
    assert data["tables"]["summary"]
    status, data, _ = ratchet("index", "--json")
    assert status == 0
    jsonschema.validate(data, index_schema())
    for name, content in made.items():
        assert (tmp_path / "runs" / name).read_bytes() == content, name
    # without a name, the latest run that has a report
    assert ratchet("evaluate", "random", TASK, "--seeds", 2)[0] == 0
    status, _, said = ratchet("report")
    assert status == 0
    assert "runs/one/report.html" in said


def test_run(ratchet, tmp_path):
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        'recipe = "sb3-finetuning"\ntitle = "Mine"\ntask = "cartpole-modes"\nbase_steps = 256\n'
        "budgets = [64]\nrepeats = 1\nepisodes = 10\ncontrol = false\n"
        "[base_ppo]\nn_envs = 4\nn_steps = 32\nbatch_size = 32\nn_epochs = 1\n"
    )
    status, data, _ = ratchet("run", recipe, "--name", "mine", "--json")
    assert status == 0
    assert data["run"] == "mine"
    assert {"report", "tables", "figures", "title"} <= set(data)
    assert data["title"].startswith("Mine")
    assert (tmp_path / data["report"]).is_file()
    before = rows(tmp_path / "runs")
    assert ratchet("run", recipe, "--name", "mine", "--resume")[0] == 0
    assert rows(tmp_path / "runs") == before


def test_numbers_that_json_cannot_spell_are_null(ratchet):
    _, data, _ = ratchet("evaluate", "random", TASK, "--seeds", 1, "--mode", "0", "--json")
    assert data["metrics"]["return"]["low"] is None


# --- for people ---------------------------------------------------------------------------------


def test_without_arguments_it_prints_help(ratchet):
    status, _, said = ratchet()
    assert status == 2
    assert "Usage: ratchet" in said
    assert all(name in said for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(ratchet, name):
    status, _, said = ratchet(name, "--help")
    assert status == 0
    assert f"Usage: ratchet {name}" in said
    assert "--json" in said or name == "watch"  # it is for eyes


def test_every_command_is_listed_here():
    names = [one.name or one.callback.__name__ for one in app.registered_commands]
    assert sorted(names) == sorted(COMMANDS)


def test_brackets_in_a_name_are_no_markup(ratchet, base, tmp_path):
    shutil.copytree(base / "policy", tmp_path / "[red]policy[")
    status, _, said = ratchet("evaluate", "[red]policy[", TASK, "--seeds", 2)
    assert status == 0
    assert "[red]policy[ on cartpole-modes" in said
    assert "[red]policy[" in ratchet("inspect", "[red]policy[")[2]


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["finetune", "missing.zip", TASK, "--steps", 10], "missing.zip"),
        (["finetune", "missing", TASK, "--steps", 10], "there is no policy 'missing'"),
        (["finetune", "random", TASK, "--steps", 10], "has no parameters"),
        (["inspect", "missing.zip"], "missing.zip"),
        (["inspect", "BASE/policy", "--scope", "valeu"], "did you mean 'value'"),
        (["import", "sb3", "missing.zip", "--out", "x"], "missing.zip"),
        (["import", "sbx", "BASE/policy.zip", "--out", "x"], "file kind 'sbx' is unknown"),
        (["export", "onx", "BASE/policy", "--out", "x"], "file kind 'onx' is unknown"),
        (["export", "sb3", "BASE/policy", "--out", "no/such/place/x.zip"], "x.zip"),
        (["finetune", "BASE/policy", "cartpole-mods", "--steps", 10], "'cartpole-modes'"),
        (["train", "cartpole-mods", "--steps", 10], "did you mean 'cartpole-modes'"),
        (["train", "LunarLander-v33", "--steps", 10], "did you mean 'LunarLander-v3'"),
        (["train", "nowhere:make", "--steps", 10], "module 'nowhere' cannot be imported"),
        (["finetune", "BASE/policy", TASK, "--mode", "3", "--steps", 10], "no mode '3'"),
        (["evaluate", "random", TASK, "--mode", "9"], "no mode '9'"),
        (["finetune", "BASE/policy", TASK, "--scope", "policyhead", "--steps", 10], "policy_head"),
        (["finetune", "BASE/policy", TASK, "--steps", 0], "the budget is 0 steps"),
        (["finetune", "BASE/policy", TASK, "--steps", -5], "the budget is -5 steps"),
        (["train", TASK, "--episodes", 0], "the budget is 0 episodes"),
        (["train", TASK], "either --steps or --episodes"),
        (["train", TASK, "--steps", 5, "--episodes", 5], "either --steps or --episodes"),
        (["train", TASK, "--steps", 10, "--set", "learning_rat=1"], "did you mean 'learning_rate'"),
        (["train", TASK, "--steps", 10, "--set", "gamma=7"], "gamma is 7"),
        (["train", TASK, "--steps", 10, "--set", "gamma"], "'gamma' is not of the form"),
        (
            ["train", "Pendulum-v1", "--steps", 10, "--set", "learning_rat=1"],
            "did you mean PPO's 'learning_rate'",
        ),
        (["train", "Pendulum-v1", "--steps", 10, "--set", "mas=1"], "sets 'mas'"),
        (["evaluate", "random", TASK, "--set", "gamma=0.9"], "an evaluation does not learn"),
        (["finetune", "BASE/policy", TASK, "--steps", 9, "--anchor", "lk:1"], "anchor 'lk:1'"),
        (["finetune", "BASE/policy", TASK, "--steps", 9, "--anchor", "kl:x"], "positive weight"),
        (["finetune", "BASE/policy", TASK, "--steps", 9, "--device", "nonsense"], "'nonsense'"),
        (["finetune", "BASE/policy", TASK, "--steps", 9, "--device", "cuda:99"], "'cuda:99'"),
        (["evaluate", "heuristic", "Pendulum-v1"], "has no heuristic"),
        (
            ["evaluate", "random", TASK, "--first", 5],
            "--first takes the first seeds of a --seed-file",
        ),
        (["evaluate", "random", TASK, "--first", 0], "--first"),
        (["evaluate", "random", TASK, "--stall-after", 1], "stall_after is 1"),
        (["evaluate", "random", TASK, "--stall-after", -2], "--stall-after"),
        (["compare", "random", "random", TASK, "--metric", "floor"], "has no metric 'floor'"),
        (["compare", "random", TASK], "two policies or more"),
        (["run", "sb3-finetunig"], "did you mean 'sb3-finetuning'"),
        (["run", "missing.toml"], "missing.toml"),
        (["run", "sb3-finetuning", "--set", "budgts=1"], "did you mean 'budgets'"),
        (["run", "sb3-finetuning", "--set", "budgets=[0]"], "the budget is 0 steps"),
        (["run", "sb3-finetuning", "--set", "base=missing.zip"], "missing.zip"),
        (["report"], "there is no ledger"),
        (["index"], "there is no ledger"),
        (["train", TASK, "--steps", 9, "--name", "none", "--resume"], "there is no run 'none'"),
        (["train", TASK, "--steps", 9, "--resume"], "--resume needs --name"),
        (["train", TASK, "--steps", 9, "--name", "../up"], "is not usable"),
        (["trian", TASK], "Did you mean 'train'"),
        (["train", TASK, "--stpes", 9], "--stpes"),
        (["train"], "Missing argument"),
        (["train", TASK, "--steps", "many"], "--steps"),
        (["train", TASK, "--steps", 9, "--seed", -1], "--seed"),
        (["evaluate", "random", TASK, "--seeds", 0], "--seeds"),
        (["evaluate", "random"], "Missing argument"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_refusals(refuses, base, words, message):
    words = [str(word).replace("BASE", str(base)) for word in words]
    assert message in refuses(*words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_here(refuses, base):
    said = refuses("finetune", base / "policy", TASK, "--steps", 9, "--device", "cuda")
    assert "device 'cuda' cannot be used" in said


def test_spaces_that_do_not_fit_are_both_named(refuses, base):
    for words in (
        ["finetune", base / "car", TASK, "--steps", 10],
        ["evaluate", base / "car", TASK],
        ["compare", "random", base / "car", TASK],
        ["run", "sb3-finetuning", "--set", f"base={base / 'car'}"],
    ):
        said = refuses(*words)
        assert "Box(shape=(2,))" in said
        assert "Box(shape=(4,))" in said


def test_damaged_files(refuses, base, tmp_path):
    data = (base / "policy.zip").read_bytes()
    (tmp_path / "torn.zip").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.zip").write_text("not a zip")
    for name in ("torn.zip", "text.zip"):
        assert name in refuses("inspect", name)
        assert name in refuses("finetune", name, TASK, "--steps", 10)
    for name in ("a-1", "a-2"):
        shutil.copytree(base / "policy", tmp_path / name)
    tensors = tmp_path / "a-2" / "policy.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-3] + b"abc")
    said = refuses("finetune", "a-2", TASK, "--steps", 10)
    assert "policy.safetensors does not have the hash" in said
    assert f"the last good one is {tmp_path / 'a-1'}" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\ntwo\n", "line 2: 'two' is not a whole number"),
        ("1\n2.5\n", "line 2: '2.5' is not a whole number"),
        ("3\n4\n3\n", "line 3: '3' is the seed of line 1 again"),
        (f"0\n{TRAINING_DOMAIN + 1}\n", f"line 2: seed {TRAINING_DOMAIN + 1} is a training seed"),
        ("-1\n", "line 1: seed -1 is outside 0"),
        ("# nothing\n", "holds no seed"),
        (b"\xff\xfe", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_seed_files_that_are_refused(refuses, tmp_path, content, message):
    path = tmp_path / "seeds.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert message in refuses("evaluate", "random", TASK, "--seed-file", path)


@pytest.mark.parametrize("kind", ["train", "evaluate"])
def test_a_run_that_exists(ratchet, refuses, kind):
    words = {
        "train": ["train", TASK, "--steps", 64, "--seeds", 2, *SMALL_WORDS],
        "evaluate": ["evaluate", "random", TASK, "--seeds", 2],
    }[kind]
    assert ratchet(*words, "--name", "one")[0] == 0
    assert "run 'one' exists in runs" in refuses(*words, "--name", "one")
    said = refuses("evaluate", "heuristic", TASK, "--name", "one", "--resume")
    assert "was begun with" in said
    shutil.rmtree("runs/one")
    assert "run 'one' exists" in refuses(*words, "--name", "one")
    (Path("runs") / "file").write_text("not a run")
    assert "run 'file' exists" in refuses(*words, "--name", "file")
    # a name that nobody chose is a free one
    assert ratchet(*words)[0] == ratchet(*words)[0] == 0


def test_a_ledger_that_is_none(refuses, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "ledger.sqlite").write_text("no database, but long enough to be one " * 99)
    assert "is not a Ratchet ledger" in refuses("evaluate", "random", TASK, "--name", "x")
    assert "is not a Ratchet ledger" in refuses("report")


def test_a_root_that_is_a_file(refuses, tmp_path):
    (tmp_path / "runs").write_text("a file")
    assert "runs" in refuses("evaluate", "random", TASK)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_root_that_may_not_be_written(refuses, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    assert "may not be written" in refuses("evaluate", "random", TASK, "--root", "locked/runs")


def test_a_run_in_use(refuses, ratchet, tmp_path):
    words = ["evaluate", "random", "slowly:Slow", "--seeds", 400, "--name", "one"]
    process = journeys.start(*words, cwd=tmp_path, **{slowly.SECONDS: "0.01"})
    try:
        root = tmp_path / "runs"
        journeys.wait_for(lambda: count(root, "runs"), process)
        status, data, _ = ratchet(*words, "--resume", "--json")
        assert status == 2
        assert f"in use by process {process.pid}" in data["error"]
        # another run beside it is no harm
        assert ratchet("evaluate", "random", TASK, "--seeds", 2, "--name", "two")[0] == 0
    finally:
        process.kill()
        process.communicate()


# --- a full disk --------------------------------------------------------------------------------


class Full:
    """A disk that is full from the given write on."""

    def __init__(self, monkeypatch, after):
        self.left = after
        self.sync = os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, handle):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.sync(handle)


def test_a_full_disk_leaves_a_run_that_goes_on(ratchet, base, tuned, tmp_path):
    """Full at the first, second, third … write of a checkpoint or report: said so, and resumed the same."""
    words = ["finetune", base / "policy", TASK, "--mode", "1", *TUNE, "--name", "one", "--json"]
    for number, after in enumerate((0, 5, 12, 25, 40)):
        before = good_checkpoints(tmp_path / "runs")
        with pytest.MonkeyPatch.context() as patch:
            disk = Full(patch, after)
            status, data, _ = ratchet(*words, *(["--resume"] if number else []))
        if disk.left >= 0:
            break
        assert status == 2
        assert "full" in data["error"]
        assert good_checkpoints(tmp_path / "runs").items() >= before.items()
        assert not list(tmp_path.rglob(".tmp-*"))
        assert not list(tmp_path.rglob("*.tmp"))
    status, data, _ = ratchet(*words, "--resume")
    assert status == 0
    assert rows(tmp_path / "runs") == rows(tuned)
    assert data["policy_id"] == read_checkpoint(follow(tuned / "one", "latest")).id


def good_checkpoints(root):
    """Every checkpoint by name, each of which must verify."""
    return {
        path.parent.name: read_checkpoint(path.parent).id for path in root.rglob("manifest.json")
    }


def test_files_that_may_not_grow(tmp_path):
    """A limit of the operating system, and no patch: one sentence here too."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)); "
        "from ratchet.cli.main import main; "
        "sys.exit(main(['evaluate', 'random', 'environments:Counting', '--seeds', '5', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(journeys.TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert set(json.loads(done.stdout)) == {"error"}
    assert "Traceback" not in done.stderr


# --- Ctrl-C -------------------------------------------------------------------------------------


def interrupted(words, cwd, ready, **environment):
    """Press Ctrl-C when `ready`; return the command that it says goes on."""
    process = journeys.start(*words, cwd=cwd, **environment)
    journeys.wait_for(ready, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "interrupted; what was finished is kept" in said
    (line,) = [line for line in said.splitlines() if line.startswith("go on with: ")]
    program, *again = shlex.split(line.removeprefix("go on with: "))
    assert program == "ratchet"
    return again


SLOW = ["slowly:Slow", "--seeds", 12]
JOURNEYS = {
    "train": (["train", *SLOW, "--steps", 2000, *SMALL_WORDS], "updates WHERE update_number > 2"),
    "evaluate": (["evaluate", "random", *SLOW[:2], 300], "episodes"),
    "run": (
        [
            "run", "own recipe.toml", "--set", "repeats=2",
            *(f"--set=base_ppo.{word.removeprefix('--set=')}" for word in SMALL_WORDS),
        ],
        "verdicts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", JOURNEYS)
def test_ctrl_c_says_how_to_go_on_and_that_is_so(ratchet, tmp_path, name):
    words, table = JOURNEYS[name]
    (tmp_path / "own recipe.toml").write_text(
        'recipe = "sb3-finetuning"\ntitle = "Mine"\ntask = "slowly:Slow"\nbase_steps = 256\n'
        'budgets = [64, 200]\nscopes = ["full", "value"]\nepisodes = 10\ncontrol = false\n'
    )
    root = tmp_path / "runs"
    again = interrupted(words, tmp_path, lambda: count(root, table), **{slowly.SECONDS: "0.002"})
    with journeys.ledger_of(root) as ledger:
        ((status,),) = map(tuple, ledger.rows("SELECT status FROM runs"))
    assert status == "interrupted"
    assert "--resume" in again
    assert ratchet(*again)[0] == 0
    run = again[again.index("--name") + 1]
    assert ratchet(*words, "--name", run, "--root", "straight")[0] == 0
    assert rows(root) == rows(tmp_path / "straight")


def test_ctrl_c_in_the_demo(ratchet, monkeypatch):
    """It goes on as the recipe that it is; broken off again, it says the same."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ratchet.recipes.sb3_finetuning.run", interrupt)
    status, _, said = ratchet("demo", "--root", "my runs")
    assert status == 130
    (line,) = [one for one in said.splitlines() if one.startswith("go on with: ratchet ")]
    assert "'my runs'" in line
    again = shlex.split(line)[4:]
    assert again[:2] == ["run", "sb3-finetuning"]
    status, _, said = ratchet(*again)
    assert status == 130
    assert line in said


def test_ctrl_c_before_anything_was_begun(ratchet, monkeypatch):
    from ratchet.recipes import session

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "_opened", [])
    monkeypatch.setattr("ratchet.recipes.resolve.load_policy", interrupt)
    status, _, said = ratchet("inspect", "x")
    assert status == 130
    assert "no run was begun" in said
    assert "go on with" not in said


def test_a_larger_budget_goes_on(ratchet, tmp_path):
    """Asked for 256 steps and then for 512: the same as 512 at once."""
    words = ["train", TASK, "--seeds", 10, *SMALL_WORDS, "--name", "one", "--json"]
    assert ratchet(*words, "--steps", 256)[1]["environment_steps"] == 256
    _, halves, _ = ratchet(*words, "--steps", 512, "--resume")
    _, whole, _ = ratchet(*words, "--steps", 512, "--root", "whole")
    assert halves["policy_id"] == whole["policy_id"]
    assert halves["environment_steps"] == 512
    assert halves["evaluation"] == whole["evaluation"]
    status, data, _ = ratchet(*words, "--steps", 100, "--resume")
    assert status == 2
    assert "budget 512, not 100" in data["error"]


# --- the real thing -----------------------------------------------------------------------------


def test_as_a_program(tmp_path, base):
    process = journeys.start("inspect", base / "policy", "--json", cwd=tmp_path)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert json.loads(out)["parameters"]["total"] == 9155
    process = journeys.start("inspect", "nothing", cwd=tmp_path)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert said.startswith("ratchet: there is no policy 'nothing'")
    assert len(said.splitlines()) == 1


@pytest.mark.skipif(not (journeys.DATA / "sb3").is_dir(), reason="needs the files of old models")
def test_the_journey_of_the_first_write_up(ratchet):
    zipped = journeys.DATA / "sb3" / "astral_cartpole_modes" / "ppo_model.zip"
    _, data, _ = ratchet("inspect", zipped, "--json")
    assert data["parameters"]["total"] == 9155
    assert data["parameters"]["scopes"]["policy_head"] == 130
    words = ["--mode", "2", "--scope", "policy_head", "--steps", 1000, "--seeds", 20, "--json"]
    status, data, _ = ratchet("finetune", zipped, TASK, *words)
    assert status == 0
    assert data["environment_steps"] == 1000
    assert data["parameters_adapted"] == 130
    assert np.isfinite(data["evaluation"]["2"]["difference"]["mean"])

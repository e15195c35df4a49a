"""The laboratory's commands: training by name, adapting parts, the guard, interventions, studies, and files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from journeys import SMALL_WORDS, ledger_of, rows
from ratchet.ledger import queries
from ratchet.policies.checkpoint import publish, read_checkpoint
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.interventions import Intervention, intervene
from ratchet.recipes.presets import PRESETS
from ratchet.rollout.fit import recurrent_spec_for
from ratchet.tasks.cartpole import cartpole_modes
from strategies import random_policy

pytestmark = pytest.mark.filterwarnings("ignore:.*(CUDA|NVIDIA).*:UserWarning")

TASK = "cartpole-modes"
SPEC = replace(recurrent_spec_for(cartpole_modes(), slots=3), width=8)
FEW = ["--seeds", 5, "--json"]


def poles(good, favourite):
    """A bank of which one slot pushes the cart after the pole and the others push to one side."""
    eye = np.eye(8, dtype=np.float32)
    tensors = {name: np.zeros(shape, np.float32) for name, shape in SPEC.tensor_shapes().items()}
    # The encoder keeps how the pole leans and turns, from both sides; the GRU passes it on.
    tensors["encoder.0.weight"][:2, 2:4] = [[1.0, 0.5], [-1.0, -0.5]]
    tensors["gru.weight_ih"][16:] = eye
    tensors["gru.bias_ih"][8:16] = -20.0
    tensors["slots"] = eye[:3]
    tensors["film.0.weight"] = eye
    tensors["film.2.bias"][:8] = 1.0
    # Who is not the good one shifts a feature that outweighs all.
    others = [slot for slot in range(3) if slot != good]
    tensors["film.2.weight"][8 + 7, others] = 100.0
    tensors["mlp_extractor.policy_net.0.weight"] = eye
    tensors["action_net.weight"][0, 1], tensors["action_net.weight"][1, 0] = 50.0, 50.0
    tensors["action_net.weight"][0, 7] = 50.0
    tensors["gate.2.bias"][favourite] = 6.0
    return Policy(spec=SPEC, tensors=tensors)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Checkpoints: a bank whose gate errs, one like any other, the presets', and a policy without slots."""
    place = tmp_path_factory.mktemp("policies")
    publish(poles(1, 0), place / "poles")
    publish(random_policy(SPEC), place / "bank")
    publish(random_policy(replace(SPEC, slots=0)), place / "recurrent")
    publish(PRESETS["mlp"].new(cartpole_modes(), 0), place / "mlp")
    publish(PRESETS["astral-default"].new(cartpole_modes(), 0), place / "astral")
    return place


@pytest.fixture
def training(tmp_path):
    """The only training of the run of that name."""

    def read(name):
        with ledger_of(tmp_path / "runs") as ledger:
            (found,) = queries.trainings(ledger, name)
            return found, queries.run(ledger, name)

    return read


# --- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters"), [("mlp", 9155), ("recurrent", 33987), ("astral", 51014)]
)
def test_train_by_name(ratchet, name, parameters):
    words = ["train", TASK, "--policy", name, "--steps", 300, *SMALL_WORDS, *FEW]
    status, data, _ = ratchet(*words)
    assert status == 0
    assert (data["environment_steps"], data["parameters_adapted"]) == (300, parameters)
    _, found, _ = ratchet("inspect", data["policy"], "--json")
    assert found["architecture"]["kind"] == name
    assert found["parameters"]["total"] == parameters
    assert ("gating" in found["parameters"]["scopes"]) == (name == "astral")


def test_train_with_routing(ratchet, training):
    words = ["train", TASK, "--policy", "astral-default", "--steps", 300, *SMALL_WORDS, *FEW]
    _, plain, _ = ratchet(*words, "--name", "plain")
    status, data, _ = ratchet(*words, "--set", "routing.slot_dropout=0.5", "--name", "other")
    assert status == 0
    assert data["policy_id"] != plain["policy_id"]
    # a run does not go on under other settings of its bank, or another rank
    words[words.index(300)] = 400
    status, data, _ = ratchet(*words, "--name", "other", "--resume")
    assert status == 2
    assert "was begun with routing.slot_dropout 0.5, not 0.0" in data["error"]


def test_another_rank_is_another_run(ratchet, home):
    words = ["finetune", home / "bank", TASK, "--scope", "adapter", "--mode", "1", "--name", "it"]
    words += ["--episodes", 8, *FEW]
    assert ratchet(*words, "--rank", 2)[0] == 0
    status, data, _ = ratchet(*words, "--rank", 3, "--resume")
    assert status == 2
    assert "was begun with rank 2, not 3" in data["error"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--policy", "astrall"], "no policy 'astrall' to train: did you mean 'astral'"),
        (["--policy", "astral", "--set", "routing.gumble=true"], "did you mean 'gumbel'"),
        (["--policy", "astral", "--set", "routing.slot_dropout=2"], "slot_dropout is 2"),
        (["--policy", "recurrent", "--set", "routing.gumbel=true"], "this policy has none"),
        (["--set", "routing.gumbel=true"], "this policy has none"),
    ],
)
def test_what_cannot_be_trained(refuses, words, message):
    assert message in refuses("train", TASK, "--steps", 9, *words)


def test_the_presets_are_listed(ratchet):
    _, data, _ = ratchet("policies", "--json")
    assert data["presets"] == {name: preset.about for name, preset in PRESETS.items()}
    assert "POLICY#clamp:0" in data["policies"]
    status, _, said = ratchet("policies")
    assert status == 0
    assert all(name in said for name in PRESETS)
    assert "500,000" in said


# --- adapting -----------------------------------------------------------------------------------


def test_a_few_episodes_under_a_guard(ratchet, home, training):
    """The start is kept where nothing is shown, and both the words and the ledger say why."""
    words = ["finetune", home / "bank", TASK, "--method", "reinforce", "--scope", "gating"]
    words += ["--episodes", 8, "--mode", "1", "--name", "it", *FEW]
    status, data, said = ratchet(*words)
    assert status == 0
    assert (data["scope"], data["parameters_adapted"]) == ("gating", 8 * 8 + 8 + 3 * 8 + 3)
    row, run = training("it")
    guard = row.safety["guard"]
    assert guard["adaptation_episodes"] + guard["evidence_episodes"] == row.episodes == 8
    assert data["episodes"] == 8
    assert data["environment_steps"] == row.environment_steps
    assert f"guard: {guard['reason']}" in " ".join(said.split())
    assert run.recipe["method"] == "reinforce"
    assert run.recipe["guard"]["confidence"] == 0.95
    kept = data["policy_id"] == read_checkpoint(home / "bank").id
    assert kept != guard["adopted"]
    # for people, too
    status, _, said = ratchet(*words[:-4], "other", "--seeds", 5)
    assert status == 0
    assert guard["reason"] in " ".join(said.split())


def test_without_the_guard_the_result_is_what_learning_made(ratchet, home, training):
    words = ["finetune", home / "bank", TASK, "--method", "reinforce", "--scope", "gating"]
    words += ["--episodes", 8, "--mode", "1", "--no-guard", "--name", "it", *FEW]
    _, data, said = ratchet(*words)
    row, _ = training("it")
    assert row.episodes == data["episodes"] == 8
    assert "guard:" not in said
    assert row.safety.get("guard") is None
    assert data["policy_id"] != read_checkpoint(home / "bank").id


def test_slot_search(ratchet, home, training, tmp_path):
    words = ["finetune", home / "poles", TASK, "--method", "slot_search", "--episodes", 40]
    # a verdict of the pawl needs ten seeds
    words += ["--mode", "1", "--name", "it", "--json", "--seeds", 10]
    status, data, said = ratchet(*words)
    assert status == 0
    assert "guard: the adapted policy is taken" in said
    assert (data["scope"], data["parameters_adapted"]) == ("slot_search", 2)
    assert data["episodes"] <= 40
    assert data["verdict"] == "accepted"
    assert data["evaluation"]["1"]["difference"]["low"] > 0
    row, run = training("it")
    assert row.scope == row.config["method"] == "slot_search"
    assert run.recipe["scopes"] == ["slot_search"]
    # as well as the policy whose gate is clamped to the slot that is good
    _, best, _ = ratchet("evaluate", f"{home / 'poles'}#clamp:1", TASK, "--mode", "1", *FEW)
    after = data["evaluation"]["1"]["after"]["mean"]
    assert best["metrics"]["return"]["mean"] == pytest.approx(after)
    # gone on with, it is the same; with another budget it is another one
    before = rows(tmp_path / "runs")
    assert ratchet(*words, "--resume")[1]["policy_id"] == data["policy_id"]
    assert rows(tmp_path / "runs") == before
    words[words.index("--episodes") + 1] = 60
    status, refused, _ = ratchet(*words, "--resume")
    assert status == 2
    assert "was begun with budget 40, not 60" in refused["error"]


def test_adapters(ratchet, home):
    words = ["finetune", home / "bank", TASK, "--scope", "adapter", "--rank", 2, "--mode", "2"]
    status, data, _ = ratchet(*words, "--steps", 300, *SMALL_WORDS, *FEW)
    assert status == 0
    # two numbers for each row and column: encoder, GRU (twice), gate (twice), FiLM (twice), head (twice)
    sides = (8 + 7) + 2 * (24 + 8) + (8 + 8) + (3 + 8) + (8 + 8) + (16 + 8) + (8 + 8) + (2 + 8)
    assert data["parameters_adapted"] == 2 * sides
    assert data["frozen_unchanged"]
    assert data["environment_steps"] == 300


def test_a_mixture_of_modes_is_not_guarded(ratchet, home):
    words = ["finetune", home / "bank", TASK, "--episodes", 10, *SMALL_WORDS, *FEW]
    status, data, said = ratchet(*words)
    assert status == 0
    assert data["episodes"] == 10
    assert "guard:" not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bank", "--steps", 99, "--mode", "1", "--guard"], "count whole episodes: give --episodes"),
        (
            ["bank", "--steps", 99, "--mode", "1", "--method", "slot_search"],
            "count whole episodes: give --episodes",
        ),
        (["bank", "--episodes", 9, "--guard"], "name it with --mode"),
        (["bank", "--episodes", 9, "--method", "slot_search"], "name it with --mode"),
        (["bank", "--episodes", 9, "--mode", "1", "--method", "slot-search"], "'slot_search'"),
        (
            [
                "bank", "--episodes", 9, "--mode", "1", "--method", "slot_search", "--anchor", "kl:1",
            ],
            "takes no anchor",
        ),
        (
            ["mlp", "--episodes", 9, "--mode", "1", "--method", "slot_search"],
            "kind 'mlp' has no slots",
        ),
        (["recurrent", "--episodes", 9, "--mode", "1", "--scope", "gating"], "has none"),
        (["mlp", "--steps", 9, "--scope", "slots"], "kind 'mlp' has none"),
        (["bank", "--steps", 9, "--scope", "adapter", "--rank", 0], "--rank"),
        (["bank", "--steps", 9, "--set", "routing.gumbel=true"], "fine-tuning has none"),
        (["bank", "--episodes", 0, "--mode", "1"], "the budget is 0 episodes"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_adapted(refuses, home, words, message):
    policy, *rest = words
    assert message in refuses("finetune", home / policy, TASK, *rest)


# --- looking inside -----------------------------------------------------------------------------


def test_inspect_a_bank(ratchet, home):
    _, data, _ = ratchet("inspect", home / "astral", "--json")
    assert data["parameters"] == {
        "total": 51014,
        "scopes": {
            "full": 51014,
            "gating": 4355,
            "film": 12480,
            "slots": 192,
            "policy_head": 4290,
            "value": 4225,
            "bias": data["parameters"]["scopes"]["bias"],
        },
    }
    assert (data["architecture"]["kind"], data["architecture"]["slots"]) == ("astral", 3)
    status, _, said = ratchet("inspect", home / "astral")
    assert status == 0
    assert "4,355" in said
    assert "3 slots" in said
    assert "GRU of 64" in said


def test_interventions_by_name(ratchet, refuses, home):
    policy = read_checkpoint(home / "poles")
    found = {}
    for text, what in {
        "clamp:1": Intervention("clamp", 1),
        "disable:0": Intervention("disable", 0),
        "uniform": Intervention("uniform"),
        "random": Intervention("random"),
    }.items():
        words = ["evaluate", f"{home / 'poles'}#{text}", TASK, "--mode", "1", *FEW]
        status, data, _ = ratchet(*words)
        assert status == 0
        assert data["policy"] == intervene(policy, what).id
        found[text] = data["metrics"]["return"]["mean"]
    assert found["clamp:1"] > 100
    assert found["uniform"] < 20
    words = ["compare", home / "poles", f"{home / 'poles'}#clamp:1", TASK, "--mode", "1", *FEW]
    _, data, _ = ratchet(*words)
    assert (data["before"], data["after"]) == ("poles", f"{home / 'poles'}#clamp:1")
    assert data["metrics"]["return"]["difference"]["low"] > 0
    _, data, _ = ratchet("inspect", f"{home / 'poles'}#clamp:1", "--json")
    assert data["lineage"] == [policy.id]
    for name, message in {
        "bank#clamp:3": "slot 3 is none",
        "bank#clmp:0": "intervention 'clmp:0' is none",
        "recurrent#uniform": "kind 'recurrent' has no slots",
        "mlp#clamp:0": "kind 'mlp' has no slots",
        "nobody#clamp:0": "there is no policy",
    }.items():
        assert message in refuses("evaluate", home / name, TASK)


# --- studies ------------------------------------------------------------------------------------

TINY = [
    "run", "few-shot", "--quick", "--workers", 1,
    "--set", 'bases=[{name = "slot-dropout-0.3", preset = "slot-dropout-0.3", steps = 1024}]',
    "--set", "training_seeds=1", "--set", "episodes=4", "--set", "budgets=[1, 3]",
]  # fmt: skip


def test_a_study(ratchet, tmp_path):
    status, data, _ = ratchet(*TINY, "--name", "tiny", "--json")
    assert status == 0
    assert data["run"] == "tiny"
    assert data["tables"]
    for name in ("report.html", "report.md", "report.json"):
        assert (tmp_path / "runs" / "tiny" / name).stat().st_size > 500
    index = json.loads((tmp_path / "runs" / "index.json").read_text())
    assert index["runs"][0]["report"] == "tiny/report.html"
    with ledger_of(tmp_path / "runs") as ledger:
        found = queries.trainings(ledger, "tiny")
        arms = queries.run(ledger, "tiny").recipe["arms"]
    # five arms, two budgets and three modes; and the base
    assert len(found) == 1 + len(arms) * 2 * 3
    before = rows(tmp_path / "runs")
    assert ratchet(*TINY, "--name", "tiny", "--resume")[0] == 0
    assert rows(tmp_path / "runs") == before
    status, _, said = ratchet(*TINY, "--set", "seed=3", "--name", "tiny", "--resume")
    assert status == 2
    assert "was begun with" in said


def test_ctrl_c_in_a_study(ratchet, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ratchet.recipes.laboratory.run_study", interrupt)
    status, _, said = ratchet(*TINY)
    assert status == 130
    assert "go on with: ratchet run few-shot --quick" in said
    assert "--resume" in said


# --- files of others ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("bank", "astral"), ("recurrent", "recurrent")])
def test_a_recurrent_policy_is_not_written_as_a_zip(refuses, home, name, kind):
    said = refuses("export", "sb3", home / name, "--out", "out.zip")
    assert f"a policy of kind '{kind}' cannot be written as a Stable-Baselines3 zip" in said
    assert not Path("out.zip").exists()


def test_an_lstm_is_refused_and_what_differs_is_said(refuses, tmp_path):
    contrib = pytest.importorskip("sb3_contrib")
    model = contrib.RecurrentPPO(
        "MlpLstmPolicy",
        "CartPole-v1",
        n_steps=8,
        policy_kwargs={"lstm_hidden_size": 8},
        device="cpu",
    )
    model.save(tmp_path / "lstm.zip")
    for words in (
        ["import", "sb3", "lstm.zip", "--out", "mine"],
        ["inspect", "lstm.zip"],
        ["finetune", "lstm.zip", TASK, "--steps", 9],
    ):
        said = refuses(*words)
        assert "lstm.zip: it is an LSTM policy (RecurrentPPO)" in said
        assert "does not map exactly onto a recurrent policy here" in said
        assert "GRU which also sees the previous action and reward" in said

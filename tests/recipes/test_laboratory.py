"""A study in small: its rows, the same rows again however it is run, and none of them twice."""

from collections import Counter

import numpy as np
import pytest

import journeys
from journeys import Stop, ledger_of
from ratchet.ledger import queries
from ratchet.policies.checkpoint import read_checkpoint
from ratchet.policies.recurrent.interventions import every_intervention, intervene
from ratchet.recipes import laboratory
from ratchet.recipes.reporting import report_run
from ratchet.recipes.schema import read_recipe
from ratchet.recipes.session import Quiet, open_session
from ratchet.seeding import TRAINING_DOMAIN

BASES = """
[[bases]]
name = "bank"
preset = "robust-slots"
steps = 1024
"""
TINY = f"""
recipe = "extreme-modes"
title = "Tiny"
task = "cartpole-modes"
adapt_task = "cartpole-extreme"
retention = 8
training_seeds = 2
adaptation_seeds = 1
episodes = 5
budgets = [2, 8]
reference_base = "bank"
slot_usage = true
interventions = true
{BASES}
[[bases]]
name = "flawed"
preset = "recurrent"
steps = 1024
raw_values = true

[[arms]]
name = "gate"
scope = "gating"
bases = ["bank"]

[[arms]]
name = "search"
label = "slot search, guarded"
scope = "gating"
method = "slot_search"
guard = true
bases = ["bank"]

[[arms]]
name = "head"
scope = "policy_head"
method = "ppo"
guard = true
bases = ["flawed"]
"""
OTHER = f"""
recipe = "forgetting"
title = "Other"
task = "cartpole-modes"
training_seeds = 2
adaptation_seeds = 1
episodes = 4
budgets = [1]
all_modes = true
{BASES}
[[arms]]
name = "gate"
scope = "gating"
"""
ARMS = {"bank": ("gate", "search"), "flawed": ("head",)}


def run(root, text=TINY, settings=(), *, name="tiny", workers=1, resume=False, progress=None):
    root.mkdir(parents=True, exist_ok=True)
    path = root / f"{name}.toml"
    path.write_text(text)
    study = read_recipe(str(path), settings)
    prepared = laboratory.prepare_study(study, [], workers)
    with open_session(
        root,
        name,
        kind="recipe",
        seed=study.seed,
        task=study.task,
        recipe=prepared.record(),
        resume=resume,
        progress=progress or Quiet(),
    ) as session:
        laboratory.run_study(session, prepared)


def everything(root, name="tiny"):
    """All that a study leaves, but for times and for the order in which it was written."""
    left = dict(journeys.rows(root))
    # They hold a training's number, which is its place in that order.
    del left["updates"], left["training_episodes"], left["training_episode_parts"]
    with ledger_of(root) as ledger:
        for training in queries.trainings(ledger, name):
            updates = queries.updates(ledger, training.id)
            left["updates", training.name] = {
                metric: values.tolist().__repr__() for metric, values in updates.items()
            }
            left["episodes", training.name] = repr(queries.training_episodes(ledger, training.id))
            left["parts", training.name] = queries.training_episode_parts(ledger, training.id)
        left["measurements"] = [
            (each.policy_id, each.task, each.mode, each.name, timeless(each.value))
            for each in queries.measurements(ledger, name)
        ]
    return left


def timeless(value):
    return {key: item for key, item in value.items() if key != "wall_seconds"}


def measured(ledger, what, name="tiny"):
    return [each for each in queries.measurements(ledger, name) if each.name == what]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    root = tmp_path_factory.mktemp("straight")
    run(root)
    return root


@pytest.fixture
def done(monkeypatch):
    """How often each piece of work has been done."""
    found = Counter()
    work = laboratory.Workers.do

    def counting(self, function, jobs):
        for owner, result in work(self, function, jobs):
            found[function.__name__, repr(owner)] += 1
            yield owner, result

    monkeypatch.setattr(laboratory.Workers, "do", counting)
    return found


# --- what it leaves -----------------------------------------------------------------------------


def test_the_bases(straight):
    with ledger_of(straight) as ledger:
        trained = [row for row in queries.trainings(ledger, "tiny") if row.kind == "train"]
        assert sorted(row.name for row in trained) == [
            f"base.{base}.seed-{seed}" for base in ARMS for seed in (1, 2)
        ]
        for row in trained:
            base, seed = row.config["study"]["base"], row.config["study"]["training_seed"]
            assert row.name == f"base.{base}.seed-{seed}"
            assert (row.mode, row.scope, row.budget, row.environment_steps) == (
                None, "full", 1024, 1024,
            )  # fmt: skip
            assert row.status == "finished"
            assert len(queries.updates(ledger, row.id)["update_number"]) == 1
            (checkpoint,) = queries.checkpoints(ledger, row.id)
            assert read_checkpoint(straight / checkpoint.path).id == row.result_policy
            assert "update_kl" in queries.updates(ledger, row.id)
        found = {each.policy_id: each for each in measured(ledger, "base")}
        assert set(found) == {row.result_policy for row in trained}
        for row in trained:
            value = found[row.result_policy].value
            assert found[row.result_policy].mode == ""
            assert (value["base"], value["from_run"], value["steps"]) == (
                row.config["study"]["base"], "tiny", 1024,
            )  # fmt: skip
            assert value["parameters_total"] == value["scopes"]["full"] == row.parameters_total
            assert value["scopes"].get("gating") == (4355 if value["base"] == "bank" else None)
            assert len(value["curve"]["steps"]) == len(value["curve"]["return_mean"]) == 1


def test_every_adaptation(straight):
    with ledger_of(straight) as ledger:
        start = {
            (each.value["base"], each.value["training_seed"]): each.policy_id
            for each in measured(ledger, "base")
        }
        rows = [row for row in queries.trainings(ledger, "tiny") if row.kind == "finetune"]
        wanted = {
            f"{base}.seed-{seed}.{arm}.mode-{mode}.adapt-1.{budget}"
            for base, arms in ARMS.items()
            for seed in (1, 2)
            for arm in arms
            for mode in modes(ledger, "adapt_modes")
            for budget in (2, 8)
        }
        assert {row.name for row in rows} == wanted
        assert len(rows) == len(wanted)
        for row in rows:
            said = row.config["study"]
            assert row.name == (
                f"{said['base']}.seed-{said['training_seed']}.{said['arm']}.mode-{row.mode}."
                f"adapt-{said['adaptation_seed']}.{said['budget']}"
            )
            assert (row.budget, row.budget_unit) == (said["budget"], "episodes")
            assert row.base_policy == start[said["base"], said["training_seed"]]
            assert row.frozen_unchanged
            assert row.safety["side_steps"] == 0
            assert (row.scope, row.parameters_adapted) == {
                "gate": ("gating", 4355), "search": ("slot_search", 2), "head": ("policy_head", 4290),
            }[said["arm"]]  # fmt: skip
            check_episodes(ledger, row)
            guard = row.safety["guard"]
            if said["arm"] == "gate":
                assert guard is None
                assert row.episodes == row.budget
                assert row.result_policy != row.base_policy
                continue
            assert guard["confidence"] == 0.95
            assert guard["adaptation_episodes"] + guard["evidence_episodes"] == row.episodes
            assert (row.result_policy != row.base_policy) == guard["adopted"]
            if row.budget == 2:  # nothing can be shown with so few
                assert (row.episodes, guard["adopted"]) == (0, False)


def modes(ledger, key):
    return queries.run(ledger, "tiny").recipe[key]


def check_episodes(ledger, row):
    played = queries.training_episodes(ledger, row.id)
    assert len(played.seeds) == row.episodes <= row.budget
    assert played.lengths.sum() == row.environment_steps
    assert (played.seeds >= TRAINING_DOMAIN).all()
    assert set(played.modes) <= {row.mode}


def test_arms_differ_in_what_is_compared_alone(straight):
    """The gate and the search begin with episodes of one run seed; every base, mode and repeat has its own."""
    with ledger_of(straight) as ledger:
        rows = [row for row in queries.trainings(ledger, "tiny") if row.kind == "finetune"]
        first = {}
        for row in rows:
            played = queries.training_episodes(ledger, row.id)
            learned = played.seeds[played.workers == 0].tolist()
            if not learned:
                continue
            said = row.config["study"]
            first.setdefault((said["training_seed"], row.mode), set()).add(learned[0])
        assert all(len(seeds) == 1 for seeds in first.values())
        assert len({seed for seeds in first.values() for seed in seeds}) == len(first) > 2


def test_who_was_evaluated_where(straight):
    with ledger_of(straight) as ledger:
        recipe = queries.run(ledger, "tiny").recipe
        own = {("cartpole-modes", mode) for mode in recipe["modes"]}
        extreme = {("cartpole-extreme", mode) for mode in recipe["adapt_modes"]}
        assert own
        assert extreme
        found = {}
        for row in queries.evaluations(ledger, "tiny"):
            found.setdefault(row.policy_id, set()).add((row.task, row.mode))
            assert (row.done, row.episodes, row.seed_set) == (5, 5, "report")
            assert not row.deterministic
            assert queries.evaluation_returns(ledger, row.id).seeds.tolist() == [0, 1, 2, 3, 4]
        bases = {each.policy_id for each in measured(ledger, "base")}
        intervened = {each.policy_id for each in measured(ledger, "intervention")}
        for policy in bases:
            assert found[policy] == own | extreme
        for policy in intervened:
            assert found[policy] == own
        adapted = {}
        for row in queries.trainings(ledger, "tiny"):
            if row.kind == "finetune" and row.result_policy not in bases:
                places = adapted.setdefault(row.result_policy, set())
                places.add(("cartpole-extreme", row.mode))
                if row.budget == 8:  # the budget of retention
                    places |= own
        assert adapted
        for policy, places in adapted.items():
            assert found[policy] == places
        assert set(found) == bases | intervened | set(adapted)


def test_interventions_and_how_slots_are_used(straight):
    with ledger_of(straight) as ledger:
        banks = {
            each.policy_id: each.value
            for each in measured(ledger, "base")
            if each.value["base"] == "bank"
        }
        found = measured(ledger, "intervention")
        assert len(found) == len(banks) * len(every_intervention(3))
        for policy, base in banks.items():
            home = straight / "tiny" / "checkpoints" / f"base.bank.seed-{base['training_seed']}"
            wanted = {
                intervene(read_checkpoint(home), what).id: (what.kind, what.slot)
                for what in every_intervention(3)
            }
            mine = {
                each.policy_id: (each.value["kind"], each.value["slot"])
                for each in found
                if each.value["of"] == policy
            }
            assert mine == wanted
            usage = [each for each in measured(ledger, "slot_usage") if each.policy_id == policy]
            assert [each.mode for each in usage] == modes(ledger, "modes")
            for each in usage:
                assert set(each.value) >= {"mean_weights", "std_weights", "entropy", "steps"}
                assert sum(each.value["mean_weights"]) == pytest.approx(1.0, abs=1e-5)
                assert 0.0 <= each.value["entropy"] <= np.log(3) + 1e-6
        routing = measured(ledger, "routing")
        assert {each.policy_id for each in routing} == set(banks)
        for each in routing:
            value = each.value
            assert (each.mode, value["slots"]) == ("", 3)
            assert isinstance(value["collapsed"], bool)
            assert (
                value["mutual_information_low"]
                <= value["mutual_information"]
                <= value["mutual_information_high"]
            )


def test_the_recipe_that_is_kept(straight):
    with ledger_of(straight) as ledger:
        run = queries.run(ledger, "tiny")
    recipe = run.recipe
    assert (run.kind, run.status, recipe["recipe"]) == ("recipe", "finished", "extreme-modes")
    assert (recipe["task"], recipe["adapt_task"]) == ("cartpole-modes", "cartpole-extreme")
    assert recipe["training_seeds"] == [1, 2]
    assert recipe["adaptation_seeds"] == [1]
    assert [base["steps"] for base in recipe["bases"]] == [1024, 1024]
    assert "raw value errors" in recipe["bases"][1]["description"]
    assert [arm["label"] for arm in recipe["arms"]] == ["gate", "slot search, guarded", "head"]
    assert recipe["ablation"] == [
        {
            "base": "flawed",
            "advantage_across_episodes": False,
            "single_transitions": False,
            "raw_values": True,
        }
    ]
    assert {"quick", "claims"} & set(recipe) == {"claims"}


def test_it_has_a_report(straight):
    name, _, summary = report_run(straight)
    assert name == "tiny"
    assert summary.cells
    assert (straight / "tiny" / "report.html").stat().st_size > 1000


# --- the same again -----------------------------------------------------------------------------


def test_twice_is_the_same(straight, tmp_path):
    run(tmp_path)
    assert everything(tmp_path) == everything(straight)


def test_another_seed_is_another_study(straight, tmp_path):
    run(tmp_path, settings=["seed=1", "training_seeds=1", "budgets=[8]", "interventions=false"])
    with ledger_of(tmp_path) as mine, ledger_of(straight) as other:
        policies = {row.result_policy for row in queries.trainings(mine, "tiny")}
        assert not policies & {row.result_policy for row in queries.trainings(other, "tiny")}


STOPS = [
    (1, "training the bases"),
    (2, "training the bases"),
    (1, "evaluating the bases"),
    (1, "watching the gates"),
    (3, "intervening on the gates"),
    (1, "adapting"),
    (13, "adapting"),
]


def test_broken_off_again_and_again_it_does_nothing_twice(straight, tmp_path, done):
    for number, (after, stage) in enumerate(STOPS):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, resume=number > 0, progress=Stop(after, stage))
        with ledger_of(tmp_path) as ledger:
            assert queries.run(ledger, "tiny").status == "interrupted"
    run(tmp_path, resume=True)
    assert everything(tmp_path) == everything(straight)
    assert set(done.values()) == {1}
    whole = sum(done.values())
    run(tmp_path, resume=True)
    assert sum(done.values()) == whole
    assert everything(tmp_path) == everything(straight)


def test_several_processes_broken_off_give_the_same(tmp_path, done):
    """A process takes seconds to start: the smallest study."""
    run(tmp_path / "one", OTHER)
    done.clear()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "two", OTHER, workers=2, progress=Stop(2, "adapting"))
    run(tmp_path / "two", OTHER, resume=True)
    assert everything(tmp_path / "two") == everything(tmp_path / "one")
    assert set(done.values()) == {1}


# --- bases of another run -----------------------------------------------------------------------


def test_bases_that_another_run_has_trained_are_taken(tmp_path, done):
    run(tmp_path, TINY, ["interventions=false", "arms=[]"], name="first")
    assert sum(done[key] for key in done if key[0] == "train_base") == 4
    before = sum(done.values())
    run(tmp_path, OTHER, name="second")
    work = Counter(key[0] for key in done.elements())
    assert work["train_base"] == 4
    assert work["adapt_policy"] == 2 * 3
    assert sum(done.values()) == before + 2 + 2 * 3
    with ledger_of(tmp_path) as ledger:
        taken = measured(ledger, "base", "second")
        assert [each.value["from_run"] for each in taken] == ["first", "first"]
        assert not [row for row in queries.trainings(ledger, "second") if row.kind == "train"]
        theirs = {each.policy_id: each.value for each in measured(ledger, "base", "first")}
        for each in taken:
            assert each.value == theirs[each.policy_id]
        # adapted from them, and evaluated on every mode
        for row in queries.trainings(ledger, "second"):
            assert row.base_policy in theirs
            places = {
                (one.task, one.mode)
                for one in queries.evaluations(ledger, "second")
                if one.policy_id == row.result_policy
            }
            assert places == {("cartpole-modes", str(mode)) for mode in range(3)}


CHANGES = {
    "more steps": ("steps = 1024", "steps = 1100"),
    "another preset": ("robust-slots", "astral"),
    "a flaw": ("steps = 1024", "steps = 1024\nacross_episodes = true"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_bases_of_another_plan_are_not_taken(tmp_path, change):
    small = ["training_seeds=1", "arms=[]", "episodes=2"]
    run(tmp_path, OTHER, small, name="first")
    run(tmp_path, OTHER.replace(*CHANGES[change]), small, name="second")
    with ledger_of(tmp_path) as ledger:
        (own,) = queries.trainings(ledger, "second")
        assert own.kind == "train"
        assert [each.value["from_run"] for each in measured(ledger, "base", "second")] == ["second"]


def test_a_base_whose_checkpoint_is_gone_is_trained_again(tmp_path):
    import shutil

    small = ["training_seeds=1", "arms=[]", "episodes=2"]
    run(tmp_path, OTHER, small, name="first")
    shutil.rmtree(tmp_path / "first" / "checkpoints")
    run(tmp_path, OTHER, small, name="second")
    with ledger_of(tmp_path) as ledger:
        (first,), (second,) = (queries.trainings(ledger, name) for name in ("first", "second"))
        assert second.result_policy == first.result_policy
        (base,) = measured(ledger, "base", "second")
        assert base.value["from_run"] == "second"

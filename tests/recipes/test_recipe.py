"""The recipe that ships, in small: it runs, gives the same rows twice, and goes on where it was broken off."""

import json

import pytest

import journeys
from journeys import Stop, rows
from ratchet.errors import PolicyError
from ratchet.learning.trainer import Trainer
from ratchet.ledger import queries
from ratchet.policies.checkpoint import publish
from ratchet.policies.initial import new_policy
from ratchet.recipes import sb3_finetuning
from ratchet.recipes.reporting import report_run
from ratchet.recipes.schema import read_recipe
from ratchet.recipes.session import Quiet, open_session
from ratchet.rollout.fit import spec_for
from ratchet.tasks.cartpole import cartpole_modes

TINY = [
    "base_steps=512",
    "budgets=[64, 130]",
    "scopes=['full', 'policy_head']",
    "repeats=1",
    "episodes=12",
    *(f"base_ppo.{key}={value}" for key, value in journeys.SMALL.items()),
]
ARMS = 4 * 2 * 2
"""Three modes and the control, by two budgets and two scopes."""


def run(root, settings=(), *, resume=False, progress=None):
    prepared = sb3_finetuning.prepare(read_recipe("sb3-finetuning", [*TINY, *settings]), root)
    with open_session(
        root,
        "tiny",
        kind="recipe",
        seed=0,
        task=prepared.task.name,
        recipe=prepared.record(),
        resume=resume,
        progress=progress or Quiet(),
    ) as session:
        sb3_finetuning.run(session, prepared)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    root = tmp_path_factory.mktemp("straight")
    run(root)
    return root


def test_it_holds_every_arm(straight):
    with journeys.ledger_of(straight) as ledger:
        assert queries.run(ledger, "tiny").status == "finished"
        base, *arms = queries.trainings(ledger, "tiny")
        assert len(arms) == len(queries.verdicts(ledger, "tiny")) == ARMS
        assert len({arm.name for arm in arms}) == ARMS
        for arm in arms:
            assert arm.environment_steps == arm.budget
            assert arm.base_policy == base.result_policy
            assert arm.frozen_unchanged
            assert arm.parameters_adapted == {"full": 9155, "policy_head": 130}[arm.scope]
            assert (arm.kind == "control") == (arm.mode is None)
        assert base.environment_steps == 512
        # every policy on both seed lists, in every mode
        policies = {base.result_policy} | {arm.result_policy for arm in arms}
        evaluations = queries.evaluations(ledger, "tiny")
        assert len(evaluations) == len(policies) * 3 * 2
        assert {one.done for one in evaluations} == {12}
        assert len({one.seed_hash for one in evaluations}) == 2


def test_twice_is_the_same(straight, tmp_path):
    run(tmp_path)
    assert rows(tmp_path) == rows(straight)


def test_another_seed_is_another_run(straight, tmp_path):
    run(tmp_path, ["seed=1", "repeats=2", "budgets=[64]", "scopes=['full']"])
    assert not set(rows(tmp_path)["updates"]) & set(rows(straight)["updates"])


def test_broken_off_it_goes_on_without_repeating_an_arm(straight, tmp_path, monkeypatch):
    begun = []
    play = Trainer.run

    def noted(trainer, **options):
        begun.append(trainer.plan)
        return play(trainer, **options)

    monkeypatch.setattr(Trainer, "run", noted)
    stages = [
        "base",
        "mode-1.full.64.seed-1",
        "evaluating mode-2.full.130.seed-1",
        "mixed.policy_head.130.seed-1",
    ]
    for number, stage in enumerate(stages):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, resume=number > 0, progress=Stop(10, stage))
    run(tmp_path, resume=True)
    assert rows(tmp_path) == rows(straight)
    # the three that were broken off while training have begun twice, and nothing else has
    assert len(begun) == 1 + ARMS + 3
    before = len(begun)
    run(tmp_path, resume=True)
    assert len(begun) == before


def test_the_report(straight):
    name, _, summary = report_run(straight)
    assert name == "tiny"
    assert summary.cells
    directory = straight / "tiny"
    for file in ("report.md", "report.html", "report.json"):
        assert (directory / file).stat().st_size > 1000
    page = (directory / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script src" not in page
    data = json.loads((directory / "report.json").read_text())
    assert {"summary", "claims-returns", "claims-others", "arms"} <= set(data["tables"])
    index = json.loads((straight / "index.json").read_text())
    assert index["runs"][0]["report"] == "tiny/report.html"
    earlier = (directory / "report.json").read_bytes()
    report_run(straight, "tiny")
    assert (directory / "report.json").read_bytes() == earlier


def test_from_a_policy_that_exists(tmp_path):
    path = publish(new_policy(spec_for(cartpole_modes()), 5), tmp_path / "mine")
    run(tmp_path / "runs", [f"base={path}", "budgets=[64]", "scopes=['full']"])
    with journeys.ledger_of(tmp_path / "runs") as ledger:
        assert len(queries.trainings(ledger, "tiny")) == 4
        assert queries.run(ledger, "tiny").recipe["base"] == "mine"


def test_a_base_without_its_statistics_is_refused(tmp_path):
    from dataclasses import replace

    lost = replace(
        new_policy(spec_for(cartpole_modes()), 0),
        record={"source": "x.zip", "normalizer": "missing: trained with VecNormalize"},
    )
    path = publish(lost, tmp_path / "lost")
    with pytest.raises(PolicyError, match=r"vecnormalize\.pkl is missing"):
        run(tmp_path / "runs", [f"base={path}"])
    assert not (tmp_path / "runs").exists()

"""A fleet's plan is read as it was written, or refused in one sentence."""

import json

import pytest

from ratchet.errors import LedgerError, RecipeError, TaskError
from ratchet.rollout.plan import PLAN, FleetPlan, read_plan, write_plan


def plan(**changes):
    return FleetPlan(**({"run": "first", "task": "cartpole-modes"} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "modes": ("2", "0"),
            "seed": 7,
            "environments": 64,
            "batch": 3,
            "max_lag": 0,
            "masked": True,
        },
        {"task": "CartPole-v1", "parameters": {"moon": {"gravity": 1.6}}, "step_seconds": 0.5},
    ],
)
def test_what_is_read_is_what_was_written(tmp_path, changes):
    write_plan(tmp_path, plan(seed=99))
    write_plan(tmp_path, plan(**changes))
    assert read_plan(tmp_path) == plan(**changes)
    assert [path.name for path in tmp_path.iterdir()] == [PLAN]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"run": ""}, "run is ''; it must be a name"),
        ({"task": None}, "task is None; it must be a name"),
        ({"environments": 0}, "environments is 0; it must be a whole number, 1 or more"),
        ({"batch": 2.5}, "batch is 2.5; it must be a whole number"),
        ({"max_lag": -1}, "max_lag is -1; it must be a whole number, 0 or more"),
        ({"seed": True}, "seed is True; it must be a whole number"),
        ({"step_seconds": 0.0}, "step_seconds is 0.0; it must be a number of seconds above 0"),
        ({"start_seconds": float("inf")}, "start_seconds is inf"),
        ({"modes": ()}, r"modes is \(\); it must name some modes"),
        ({"modes": ("0", "0")}, "modes is .* none twice"),
        ({"masked": 1}, "masked is 1; it must be true or false"),
    ],
)
def test_what_no_fleet_can_work_with_is_refused(changes, text):
    with pytest.raises(RecipeError, match=text):
        plan(**changes)


def test_a_directory_that_is_no_fleets(tmp_path):
    with pytest.raises(LedgerError, match=r"is not the run of a fleet: it has no fleet\.json"):
        read_plan(tmp_path)
    with pytest.raises(LedgerError, match="is not the run of a fleet"):
        read_plan(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda said: said | {"format": 2}, "the format 2; this version reads 1"),
        (lambda said: [said], "the format None"),
        (lambda said: said | {"workers": 3}, "is damaged: workers missing or unknown"),
        (lambda said: {k: v for k, v in said.items() if k != "seed"}, "is damaged: seed missing"),
        (lambda said: said | {"batch": "many"}, "is damaged: batch is 'many'"),
        (lambda said: said | {"modes": 5}, "is damaged"),
    ],
)
def test_a_foreign_or_damaged_plan_is_refused(tmp_path, change, text):
    write_plan(tmp_path, plan())
    path = tmp_path / PLAN
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(LedgerError, match=text):
        read_plan(tmp_path)


def test_half_a_plan_is_refused(tmp_path):
    write_plan(tmp_path, plan())
    path = tmp_path / PLAN
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(LedgerError, match=r"fleet\.json is damaged"):
        read_plan(tmp_path)


def test_what_is_not_json_is_refused_and_the_old_plan_stays(tmp_path):
    write_plan(tmp_path, plan())
    with pytest.raises(LedgerError, match="not plain JSON"):
        write_plan(tmp_path, plan(parameters={"moon": {"gravity": object()}}))
    assert read_plan(tmp_path) == plan()


def test_the_task_and_its_modes():
    task = plan(modes=("2", "0")).make_task()
    assert plan(modes=("2", "0")).mode_indices(task) == (2, 0)
    assert plan().mode_indices(task) == (0, 1, 2)
    moon = plan(task="CartPole-v1", parameters={"moon": {"gravity": 1.6}}).make_task()
    assert [mode.name for mode in moon.modes] == ["moon"]
    with pytest.raises(TaskError, match="has no mode '9'"):
        plan(modes=("9",)).make_task()

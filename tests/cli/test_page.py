"""The live page of a fleet: what it shows of any state, and that the line for no terminal says the same."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ratchet.cli.page import curve, one_line, render
from ratchet.learning.fleet_update import FleetSpent, FleetUpdate
from ratchet.learning.ppo import UpdateMetrics
from ratchet.recipes.fleet_job import FleetBudget, FleetView
from ratchet.rollout.fleet.status import WorkerStatus
from ratchet.rollout.spool import Counts

METRICS = dict.fromkeys(UpdateMetrics.__dataclass_fields__, 0.0) | {
    "clip_fraction": 0.125, "entropy": 0.5, "normalised_entropy": 0.25,
}  # fmt: skip
UPDATE = FleetUpdate(
    number=12, policy="a", episodes=(), names=(), lags=(0, 2), transitions=800,
    metrics=UpdateMetrics(**METRICS), update_kl=0.0123, explained_variance=0.5,
    return_deviation=1.0, learning_rate=3e-5, entropy_coefficient=0.001, anchor_coefficient=0.1,
    finding="healthy", reason="healthy: KL 0.0123 in 0.005 … 0.02", changes=(), critic_only=False,
    rolled_back=True, stale=0, corrupt=0, foreign=0, waiting=3,
    spent=FleetSpent(updates=12, episodes=96, transitions=9600), wait_seconds=0.0,
    read_seconds=0.0, learn_seconds=1.0,
)  # fmt: skip
COUNTS = Counts(
    collected=107, waiting=3, claimed=8, consumed=96, stale=0, corrupt=0, foreign=0, missing=0
)
WORKERS = [
    WorkerStatus(
        name="w0", pid=1, alive=True, state="playing", version=12, lag=1, episodes=60, steps=6000,
        steps_per_second=1234.5,
    ),
    WorkerStatus(name="w1", pid=None, alive=False, state="down", reason="exit status 7", restarts=3),
]  # fmt: skip
VIEW = FleetView(
    workers=WORKERS, counts=COUNTS, update=UPDATE, spent=UPDATE.spent, promotions=1,
    returns=(1.0, 3.0, 2.0), doing="learning", seconds=90.0, budget=FleetBudget(seconds=600.0),
)  # fmt: skip


def shown(view):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(render(view))
    return console.export_text()


def test_the_page_says_how_all_stand():
    page = shown(VIEW)
    for said in (
        "w0", "playing", "1,234", "down: exit status 7", "update 12", "96 episodes",
        "9,600 transitions", "1 promoted", "KL 0.0123", "12.5%", "learning rate 3e-05",
        "rolled back", "healthy: KL 0.0123", "107 collected = 3 waiting + 8 claimed + 96 consumed",
        "1.00 → 2.00", "8.5 min left",
    ):  # fmt: skip
        assert said in page, said


@pytest.mark.parametrize(
    "view",
    [
        replace(VIEW, workers=[], counts=None, update=None, spent=FleetSpent(), returns=()),
        replace(VIEW, update=None, returns=()),
        replace(VIEW, budget=FleetBudget(episodes=1000)),
        replace(VIEW, budget=FleetBudget()),
        VIEW,
    ],
)
def test_any_state_can_be_shown_both_ways(view):
    assert "trainer" in shown(view)
    line = one_line(view)
    assert "\n" not in line
    if view.update is not None:
        assert "update 12" in line


def test_a_curve_has_the_first_and_the_last():
    assert curve([1.0]) == "▁  1.00 → 1.00"
    assert curve([0.0, 7.0]) == "▁█  0.00 → 7.00"
    assert len(curve(range(1000)).split()[0]) == 48

"""The report of astral-training against numbers computed here from what was written to the ledger."""

from __future__ import annotations

import itertools
import math
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from ratchet.evaluation.statistics import Interval, clustered_mean
from ratchet.report import Curve, Document, render_html, report_data
from ratchet.report.laboratory.evidence import BaseKey, BasePolicy, gather_study
from ratchet.report.laboratory.plots import (
    ChangeMap,
    WeightMap,
    change_maps,
    curve_panels,
    weight_maps,
)
from ratchet.report.laboratory.training import FLAWS, mean_curve, training_blocks
from report.runs import MAXIMUM, Written

MODES = ("weak", "middle", "strong")
SEEDS = (11, 12, 13)
EPISODES = 20
FLAGS = {
    f"recurrent-{''.join(str(int(flag)) for flag in flags)}": flags
    for flags in itertools.product((False, True), repeat=3)
}
COSTS = (120.0, 60.0, 0.0)
MEANS = {"astral": 490.0, "astral-hard": 485.0, "plain": 478.0}


def bases():
    return (*MEANS, *FLAGS)


def mean_of(base, seed):
    if base in FLAGS:
        return 440.0 - sum(c for c, flag in zip(COSTS, FLAGS[base], strict=True) if flag)
    # The second is solved on the first seed only.
    return MEANS[base] - (60.0 if base == "astral-hard" and seed != SEEDS[0] else 0.0)


def study(path, *, skip=(), ablation=True, modes=MODES):
    recipe = {
        "recipe": "astral-training", "title": "Training ASTRAL", "task": "cartpole-gravity",
        "adapt_task": "cartpole-gravity", "modes": list(modes), "adapt_modes": list(modes),
        "maximum_return": MAXIMUM, "seed": 1, "deterministic": True, "episodes": EPISODES,
        "bases": [
            {"name": name, "preset": name.split("-")[0], "steps": 4000, "description": "a base"}
            for name in bases()
        ],
        "training_seeds": list(SEEDS), "adaptation_seeds": [], "budgets": [], "arms": [],
        "claims": [], "retention": False, "reference_base": None,
    }  # fmt: skip
    if ablation:
        recipe["ablation"] = [
            {"base": name, **dict(zip(FLAWS, flags, strict=True))} for name, flags in FLAGS.items()
        ]
    written = Written(
        path, kind="recipe", recipe=recipe, seeds=range(100, 100 + EPISODES),
        name="astral-training", task="cartpole-gravity",
    )  # fmt: skip
    generator = np.random.default_rng(4)
    noise = generator.normal(0, 4, size=(len(modes), EPISODES))
    for base, seed in itertools.product(bases(), SEEDS):
        if (base, seed) in skip:
            continue
        policy = f"{base}.{seed}"
        written.policy(policy)
        for place, mode in enumerate(modes):
            drawn = mean_of(base, seed) + noise[place] + generator.normal(0, 2, EPISODES)
            written.evaluate(policy, mode, np.minimum(MAXIMUM, drawn))
        steps = list(range(1000, 4001, 1000))
        measure(written, policy, "", "base", {
            "base": base, "training_seed": seed, "from_run": "earlier", "parameters_total": 5000,
            "scopes": {"full": 5000}, "steps": 4000, "wall_seconds": 10.0 + seed,
            "curve": {"steps": steps, "return_mean": [None, 100.0, 200.0, 300.0 + seed]},
        })  # fmt: skip
        if base.startswith("astral"):
            collapsed = base == "astral" and seed == SEEDS[2]
            # More than chance, and less than a twentieth of log 3.
            idle = base == "astral" and seed == SEEDS[1]
            gate(written, policy, modes, collapsed, 0.0 if collapsed else 0.05 if idle else 0.4)
    return written


def measure(written, policy, mode, name, value):
    written.ledger.add_measurement(
        written.run, policy, task=written.task, mode=mode, name=name, value=value
    )


def gate(written, policy, modes, collapsed, information, **said):
    for place, mode in enumerate(modes):
        weights = [0.9, 0.05, 0.05] if collapsed else np.roll([0.6, 0.2, 0.2], place).tolist()
        value = {
            "mean_weights": weights,
            "std_weights": [0.1] * 3,
            "entropy": 0.5 + place,
            "steps": 9,
        }
        measure(written, policy, mode, "slot_usage", value)
    measure(written, policy, "", "routing", {
        "slots": 3, "collapsed": collapsed, "largest_mean_weight": 0.9 if collapsed else 1 / 3,
        "mutual_information": information, "mutual_information_low": information,
        "mutual_information_high": information + 0.1, "mutual_information_null": 0.01,
        "mutual_information_null_high": 0.02, **said,
    })  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    written = study(tmp_path_factory.mktemp("training") / "ledger.db")
    return written, *reported(written)


def reported(written):
    blocks = training_blocks(written.ledger, gather_study(written.ledger, written.run))
    document = Document("Training", "", tuple(blocks))
    return report_data(document)["tables"], render_html(document)


def over_modes(written, base, seeds=SEEDS, modes=MODES):
    return np.stack(
        [np.mean([written.returns[f"{base}.{s}", m] for m in modes], axis=0) for s in seeds]
    )


def test_returns_are_those_of_the_ledger(whole):
    written, tables, _ = whole
    rows = {row["base"].strip("`"): row for row in tables["returns"]}
    assert list(rows) == list(bases())
    for base in ("plain", "recurrent-110"):
        expected = clustered_mean(over_modes(written, base))
        assert rows[base]["all_modes"]["estimate"] == pytest.approx(expected.estimate)
        assert rows[base]["all_modes"]["low"] == pytest.approx(expected.low)
        weak = clustered_mean(np.stack([written.returns[f"{base}.{s}", "weak"] for s in SEEDS]))
        assert rows[base]["mode_weak"]["estimate"] == pytest.approx(weak.estimate)
    solved = {row["base"].strip("`"): row for row in tables["solved"]}
    assert [solved[base]["solved"] for base in (*MEANS, "recurrent-000")] == [3, 1, 3, 0]
    means = over_modes(written, "astral-hard").mean(axis=1)
    assert solved["astral-hard"]["lowest"] == pytest.approx(means.min())
    assert solved["astral-hard"]["highest"] == pytest.approx(means.max())


def test_findings_name_who_solves_it_and_who_is_free_of_collapse(whole):
    _, _, page = whole
    assert "training seed: <code>astral</code> and <code>plain</code>." in page
    assert "On some training seeds only: <code>astral-hard</code> (1 of 3)." in page
    assert (
        "of the 2 bases with slots: none; on some: <code>astral</code> (1 of 3) and "
        "<code>astral-hard</code> (1 of 3)." in page
    )
    # One gate of astral collapsed, and one is a mixture that never changes.
    assert "on every training seed: none; on some: <code>astral</code> (1 of 3)." in page


def test_slot_usage_is_measured_not_guessed(whole):
    _, tables, page = whole
    rows = tables["slot-usage"]
    assert len(rows) == 6
    broken = next(r for r in rows if (r["base"], r["training_seed"]) == ("`astral`", SEEDS[2]))
    assert broken["collapsed"] is True
    assert broken["largest_mean_weight"] == 0.9
    assert broken["entropy"] == pytest.approx(1.5)
    assert "<strong>1 collapsed</strong>, and in <strong>4</strong> the slot" in page
    assert [row["tells_the_mode"] for row in rows] == [True, False, False, True, True, True]
    assert f"{math.log(3):.2f} for 3 slots" in page


def test_what_the_study_said_of_a_gate_is_taken_before_the_figures(tmp_path):
    skip = {key for key in itertools.product(bases(), SEEDS) if key != ("plain", SEEDS[0])}
    written = study(tmp_path / "ledger.db", skip=skip, ablation=False)
    gate(written, f"plain.{SEEDS[0]}", MODES, False, 0.4, tells_the_mode=False)
    tables, page = reported(written)
    assert [row["tells_the_mode"] for row in tables["slot-usage"]] == [False]
    assert "of the 1 base with slots: none." in page
    assert "tells nothing of the mode, on every training seed: <code>plain</code>." in page


def test_the_ablation_has_its_eight_rows_and_says_what_each_flaw_costs(whole):
    written, tables, page = whole
    rows = tables["ablation"]
    assert [sum(row[flaw] for flaw in FLAWS) for row in rows] == [0, 1, 1, 1, 2, 2, 2, 3]
    both = next(
        r for r in rows
        if r["advantage_across_episodes"] and r["single_transitions"] and not r["raw_values"]
    )  # fmt: skip
    expected = over_modes(written, "recurrent-110") - over_modes(written, "recurrent-000")
    assert both["difference"]["estimate"] == pytest.approx(float(expected.mean()))
    assert both["difference"]["estimate"] == pytest.approx(-180.0, abs=2)
    assert "<strong>advantages across episodes</strong> costs 1" in page
    assert "<strong>single transitions</strong> costs" in page
    assert "<strong>raw values</strong> makes no difference that can be told from zero" in page
    assert "<strong>All three together</strong> costs 1" in page


def test_size_and_time_are_those_measured(whole):
    _, tables, _ = whole
    row = tables["bases"][0]
    assert row == {
        "base": "`astral`", "preset": "astral", "trained": 3, "parameters": "5,000",
        "steps": "4,000", "wall_seconds": 22.0,
    }  # fmt: skip


def test_every_table_is_narrow(whole):
    _, tables, _ = whole
    assert all(len(row) <= 8 for rows in tables.values() for row in rows)


def test_an_unfinished_study_names_what_is_missing(tmp_path):
    skip = {(base, seed) for base in ("plain", "recurrent-111") for seed in SEEDS}
    written = study(tmp_path / "ledger.db", skip=skip)
    tables, page = reported(written)
    assert "evaluated on all modes yet: <code>plain</code> and <code>recurrent-111</code>" in page
    assert "<strong>All three together</strong> is not measured yet" in page
    assert tables["returns"][2]["all_modes"] is None
    assert tables["solved"][2]["solved"] is None


def test_an_empty_study_is_a_report_all_the_same(tmp_path):
    skip = set(itertools.product(bases(), SEEDS))
    tables, _ = reported(study(tmp_path / "ledger.db", skip=skip, ablation=False))
    assert "ablation" not in tables
    assert "slot-usage" not in tables


def test_many_modes_are_spread_over_tables(tmp_path):
    modes = tuple("abcdef")
    skip = {key for key in itertools.product(bases(), SEEDS) if key[0] != "plain"}
    tables, _ = reported(study(tmp_path / "ledger.db", skip=skip, ablation=False, modes=modes))
    assert set(tables["returns_1"][0]) == {"base", "mode_a", "mode_b", "mode_c", "mode_d"}
    assert {"mode_e", "mode_f", "all_modes"} < set(tables["returns"][0])


NONE = Interval(math.nan, math.nan, math.nan)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: curve_panels([]),
        lambda: curve_panels([Curve("$x$ <b>", [100], [math.nan])], maximum=500),
        lambda: curve_panels([Curve(str(i), [0, 1], [i, i], [0, 0], [9, 9]) for i in range(3)]),
        lambda: weight_maps([], MODES),
        lambda: weight_maps([WeightMap("a", [[math.nan, 1.0]]), WeightMap("b", [[1.0]])], ["x"]),
        lambda: change_maps([], ["0"], ["x"]),
        lambda: change_maps([ChangeMap("a", [[None, NONE]])], ["0"], ["x", "y"], limit=0.0),
    ],
)
def test_every_plot_can_be_drawn(draw):
    assert ET.fromstring(draw()).tag.endswith("svg")


def test_curves_are_averaged_over_the_steps_that_all_reached():
    def policy(steps, returns):
        record = {"curve": {"steps": steps, "return_mean": returns}}
        return BasePolicy(BaseKey("a", 0), "id", record)

    curve = mean_curve("a", [
        policy([0, 10, 20, 30], [None, 10.0, 20.0, 30.0]), policy([0, 10, 20], [0.0, 30.0, 60.0])
    ])  # fmt: skip
    assert (curve.steps, curve.returns) == ([10.0, 20.0], [20.0, 40.0])
    assert (curve.low, curve.high) == ([10.0, 20.0], [30.0, 60.0])
    assert mean_curve("a", [policy([10], [1.0])]) is None
    assert mean_curve("a", [BasePolicy(BaseKey("a", 0), "id", {})]) is None

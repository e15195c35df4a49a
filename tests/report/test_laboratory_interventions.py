"""The report of interventions against changes that were written to the ledger here."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ratchet.evaluation.statistics import clustered_mean
from ratchet.report import Document, render_html, report_data
from ratchet.report.laboratory.evidence import gather_study
from ratchet.report.laboratory.interventions import interventions_blocks
from report.runs import MAXIMUM, Written

MODES = ("weak", "middle", "strong")
SEEDS = (11, 12, 13)
SLOTS = 3
EPISODES = 25
KINDS = [(kind, slot) for kind in ("clamp", "disable") for slot in range(SLOTS)]
WHOLE = [("uniform", None), ("random", None)]


def used(kind, slot, mode, seed):
    """Slot 1 carries the policy, on mode strong above all; slot 2 alone is as good."""
    if kind == "disable" and slot == 1:
        return -150.0 if mode == "strong" else -60.0
    if kind == "clamp":
        return {0: -200.0, 1: -40.0, 2: 0.0}[slot]
    return -20.0 if kind == "random" else 0.0


def unused(kind, slot, mode, seed):
    return 0.0


def study(
    path,
    changes,
    *,
    spread=3.0,
    modes=MODES,
    seeds=SEEDS,
    skip=(),
    kinds=(*KINDS, *WHOLE),
    claims=(),
):
    """Write a study; `changes[base](kind, slot, mode, seed)` is the mean change that is made."""
    bases = list(changes)
    recipe = {
        "recipe": "interventions", "title": "Interventions", "task": "cartpole-gravity",
        "adapt_task": "cartpole-gravity", "modes": list(modes), "adapt_modes": list(modes),
        "maximum_return": MAXIMUM, "seed": 1, "deterministic": True, "episodes": EPISODES,
        "bases": [{"name": b, "preset": b, "steps": 10, "description": ""} for b in bases],
        "training_seeds": list(seeds), "adaptation_seeds": [], "budgets": [], "arms": [],
        "claims": list(claims), "retention": False, "reference_base": None,
    }  # fmt: skip
    written = Written(
        path, kind="recipe", recipe=recipe, seeds=range(100, 100 + EPISODES),
        name="interventions", task="cartpole-gravity",
    )  # fmt: skip
    generator = np.random.default_rng(6)
    for base, seed in itertools.product(bases, seeds):
        natural = f"{base}.{seed}"
        written.policy(natural)
        measure(written, natural, "base", {"base": base, "training_seed": seed, "curve": {}})
        measure(written, natural, "routing", {
            "slots": 3, "collapsed": False, "largest_mean_weight": 0.5, "mutual_information": 0.0,
            "mutual_information_low": 0.0, "mutual_information_high": 0.0,
        })  # fmt: skip
        for mode in modes:
            used_of = {"mean_weights": [0.5, 0.3, 0.2], "std_weights": [0.0] * 3, "entropy": 1.0}
            measure(written, natural, "slot_usage", used_of, mode)
            written.evaluate(natural, mode, generator.normal(400, 30, EPISODES))
        for kind, slot in kinds:
            if (base, kind) in skip:
                continue
            policy = f"{natural}.{kind}.{slot}"
            written.policy(policy, parents=[natural])
            measure(written, policy, "intervention", {
                "base": base, "training_seed": seed, "kind": kind, "slot": slot, "of": natural,
            })  # fmt: skip
            for mode in modes:
                change = changes[base](kind, slot, mode, seed) + spread * generator.normal(
                    size=EPISODES
                )
                written.evaluate(policy, mode, written.returns[natural, mode] + change)
    return written


def measure(written, policy, name, value, mode=""):
    written.ledger.add_measurement(
        written.run, policy, task=written.task, mode=mode, name=name, value=value
    )


def reported(written):
    blocks = interventions_blocks(written.ledger, gather_study(written.ledger, written.run))
    document = Document("Interventions", "", tuple(blocks))
    return report_data(document), render_html(document)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("interventions") / "ledger.db"
    written = study(path, {"astral": used, "idle": unused}, spread=3.0)
    return written, *reported(written)


def difference(written, base, kind, slot, mode):
    return np.stack([
        written.returns[f"{base}.{s}.{kind}.{slot}", mode] - written.returns[f"{base}.{s}", mode]
        for s in SEEDS
    ])  # fmt: skip


def test_natural_returns_are_those_of_the_ledger(whole):
    written, data, _ = whole
    row = data["tables"]["natural"][0]
    returns = np.stack([written.returns[f"astral.{s}", "weak"] for s in SEEDS])
    assert row["mode_weak"]["estimate"] == pytest.approx(float(returns.mean()))
    assert set(row) == {"base", "mode_weak", "mode_middle", "mode_strong", "all_modes"}


def test_changes_are_paired_with_the_policy_they_were_made_of(whole):
    written, data, _ = whole
    row = data["tables"]["disable-astral"][1]
    strong = clustered_mean(difference(written, "astral", "disable", 1, "strong"))
    assert row["slot"] == "slot 1"
    assert row["mode_strong"]["estimate"] == pytest.approx(strong.estimate)
    assert row["mode_strong"]["low"] == pytest.approx(strong.low)
    overall = np.mean([difference(written, "astral", "disable", 1, m) for m in MODES], axis=0)
    assert row["all_modes"]["estimate"] == pytest.approx(float(overall.mean()))
    assert row["all_modes"]["estimate"] == pytest.approx(-90.0, abs=2)


def test_the_slot_that_matters_is_named(whole):
    _, data, page = whole
    assert (
        "<strong>slot 1 matters most</strong> on all 3 training seeds: without it the return changes by -"
        in page
    )
    assert ", most on mode strong (-1" in page
    assert "Held on their best slot alone, 0 of 3 policies return less than with all" in page
    assert [r["weights"] for r in data["tables"]["weights"][:2]] == [
        "Uniform weights", "Random weights",
    ]  # fmt: skip
    assert data["tables"]["weights"][1]["all_modes"]["high"] < 0


def test_slots_that_differ_between_training_seeds_are_told_apart(tmp_path):
    def turned(kind, slot, mode, seed):
        return -90.0 if kind == "disable" and slot == SEEDS.index(seed) else 0.0

    data, page = reported(study(tmp_path / "ledger.db", {"astral": turned}))
    assert (
        "the slot that matters most depends on the training seed</strong>: slot 0 on seed 11 (-"
        in page
    )
    rows = data["tables"]["policies-slots"]
    assert [row["needed"] for row in rows] == [0, 1, 2]
    assert rows[0]["without"]["estimate"] == pytest.approx(-90.0, abs=2)
    # Slot by slot the mean over the seeds is a third of it, and not surely below zero.
    assert data["tables"]["disable-astral"][0]["all_modes"]["estimate"] == pytest.approx(-30, abs=2)


def test_slots_that_do_nothing_are_said_to_do_nothing(whole):
    _, _, page = whole
    said = "<code>idle</code>: <strong>no intervention changes anything that can be told from zero"
    assert said in page
    assert "Of 72 mean changes of one policy on one mode none excludes zero" in page


def test_every_table_is_narrow_and_every_base_has_its_picture(whole):
    _, data, _ = whole
    assert all(len(row) <= 8 for rows in data["tables"].values() for row in rows)
    assert data["figures"] == ["slots-astral.svg", "slots-idle.svg", "slot-weights.svg"]


def test_returns_that_never_change_are_called_the_same(tmp_path):
    _, page = reported(study(tmp_path / "ledger.db", {"idle": unused}, spread=0.0))
    assert "<strong>the slots do nothing</strong>, as far as the return shows" in page
    assert "returns exactly what it does without" in page


def test_chance_alone_makes_no_slot_matter(tmp_path):
    bases = {f"idle-{i}": unused for i in range(4)}
    _, page = reported(study(tmp_path / "ledger.db", bases, spread=20.0, seeds=SEEDS[:1]))
    assert page.count("no intervention changes anything") >= 3  # one in twenty is expected


def test_a_base_without_interventions_is_named(tmp_path):
    changes = {"astral": used, "plain": unused}
    skip = [("plain", kind) for kind, _ in (*KINDS, *WHOLE)]
    data, page = reported(study(tmp_path / "ledger.db", changes, skip=skip))
    assert "No intervention is measured on <code>plain</code>." in page
    assert len(data["tables"]["natural"]) == 2
    assert "clamp-plain" not in data["tables"]


def test_one_kind_alone_and_many_modes(tmp_path):
    modes = tuple("abcdefg")
    kinds = [("disable", slot) for slot in range(SLOTS)]
    written = study(
        tmp_path / "ledger.db", {"a/b": used, "a b": unused}, modes=modes, kinds=kinds, seeds=(1,)
    )
    data, _ = reported(written)
    assert {"disable-base-0_1", "disable-base-0", "disable-base-1"} < set(data["tables"])
    assert "weights" not in data["tables"]
    assert set(data["tables"]["disable-base-0"][0]) == {"slot", "mode_f", "mode_g", "all_modes"}


def test_claims_are_set_beside_what_was_measured(tmp_path):
    def claim(unit, stated, **measure):
        return {
            "id": "-".join(map(str, measure.values())), "claim": "a number", "stated": stated,
            "unit": unit, "measure": {"base": "astral", "training_seed": 1, **measure},
        }  # fmt: skip

    claims = (
        claim("return", 400.0, kind="natural", mode="weak"),
        claim("return", 250.0, kind="disable", mode="strong", slot=1),
        claim("change", -150.0, kind="disable", mode="strong", slot=1),
        claim("change", -150.0, kind="clamp", mode="all", slot=7),
        claim("share", 0.3, kind="mean_weight", mode="weak", slot=1),
    )
    written = study(tmp_path / "ledger.db", {"astral": used}, claims=claims)
    data, _ = reported(written)
    natural, without = (row["measured"]["estimate"] for row in data["tables"]["claims-returns"])
    assert natural == pytest.approx(written.returns["astral.12", "weak"].mean())
    assert without == pytest.approx(written.returns["astral.12.disable.1", "strong"].mean())
    change, missing = data["tables"]["claims-changes"]
    assert change["measured"]["estimate"] == pytest.approx(
        without - written.returns["astral.12", "strong"].mean()
    )
    assert missing["agreement"] == "not comparable"
    assert data["tables"]["claims-others"][0]["measured"] == 0.3

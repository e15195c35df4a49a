"""The claims of the laboratory studies: whole, well named, and the numbers that the result files hold."""

import json
import tomllib
from importlib import resources
from pathlib import Path
from statistics import fmean

import pytest

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
RESULTS = DATA / "astral_results"
needs_data = pytest.mark.skipif(not RESULTS.exists(), reason="the shared data are absent")

STUDIES = (
    "astral_training",
    "test_time_adaptation",
    "parameter_matched",
    "forgetting",
    "few_shot",
    "extreme_modes",
    "interventions",
)
BASES = {
    "astral-default",
    "best-config-strong",
    "best-config-long",
    "slot-dropout-0.3",
    "slot-dropout-0.3-early",
    "slot-dropout-0.5",
    "diverse-strong",
    "recurrent",
    "mlp",
}
PLACE = {"kind", "base", "training_seed", "mode"}
ADAPTED = PLACE | {"arm", "budget", "target"}
KINDS = {
    "before": (PLACE, {"return"}),
    "after": (ADAPTED, {"return"}),
    "change": (ADAPTED, {"change"}),
    "forgetting": (ADAPTED, {"change"}),
    "natural": (PLACE, {"return"}),
    "clamp": (PLACE | {"slot"}, {"return", "change"}),
    "disable": (PLACE | {"slot"}, {"return", "change"}),
    "mean_weight": (PLACE | {"slot"}, {"share"}),
    "parameters": ({"kind", "base", "scope"}, {"count"}),
    "elsewhere": ({"kind"}, {"share", "change", "count"}),
}
"""What a measure of each kind may say of where, and the units that it has."""

FILES = {
    ("slot-dropout-0.3", None): "slot_dropout_0.3_gating",
    ("slot-dropout-0.5", None): "slot_dropout_0.5_gating",
    ("best-config-strong", 0): "best_config_strong_seed42_gating",
    ("best-config-strong", 1): "best_config_strong_seed123_gating",
    ("best-config-strong", 2): "best_config_strong_seed456_gating",
    ("best-config-long", None): "best_config_long_gating",
    ("diverse-strong", None): "diverse_strong_gating",
    ("astral-default", None): "collapsed_default_gating",
    ("recurrent", None): "baseline_policy_head",
}
STRONG = ("best-config-strong", None)
"""Without a training seed: the episodes of all three."""


def text(study):
    return (resources.files("ratchet.recipes") / "claims" / f"{study}.toml").read_text("utf-8")


def claims(study):
    return {claim["id"]: claim for claim in tomllib.loads(text(study))["claims"]}


def everything():
    return [claim for study in STUDIES for claim in claims(study).values()]


def own(claim):
    """Return what the write-up's own episodes give for a claim that carries them."""
    theirs = claim["theirs"]
    match claim["measure"]["kind"]:
        case "change":
            return fmean(theirs["after"]) - fmean(theirs["before"])
        case kind:
            return fmean(theirs[kind])


def result(name):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("study", STUDIES)
def test_a_file_names_its_source_and_each_claim_once(study):
    data = tomllib.loads(text(study))
    names = [claim["id"] for claim in data["claims"]]
    assert set(data) == {"source", "claims"}
    assert data["source"]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("study", STUDIES)
def test_every_list_of_episodes_is_one_line(study):
    for line in text(study).splitlines():
        assert ("[" in line) == ("]" in line)


@pytest.mark.parametrize("study", STUDIES)
def test_every_measure_is_one_that_a_study_leaves(study):
    required = {"id", "claim", "stated", "unit", "measure", "where"}
    for claim in claims(study).values():
        measure = claim["measure"]
        keys, units = KINDS[measure["kind"]]
        assert required <= set(claim) <= required | {"theirs", "reason", "note"}, claim["id"]
        assert set(measure) <= keys, claim["id"]
        assert claim["unit"] in units, claim["id"]
        assert claim["claim"], claim["id"]
        assert claim["where"], claim["id"]
        assert ("reason" in claim) == (measure["kind"] == "elsewhere"), claim["id"]
        assert measure.get("base") in BASES or measure["kind"] == "elsewhere", claim["id"]
        assert measure.get("mode", "all") in {"all", "0", "1", "2"}, claim["id"]
        assert measure.get("arm", "full") in {"gating", "policy_head", "full"}, claim["id"]
        assert measure.get("training_seed", 0) in {0, 1, 2}, claim["id"]
        assert measure.get("slot", 0) in {0, 1, 2}, claim["id"]
        if measure["kind"] in {"after", "change", "forgetting"}:
            assert {"arm", "budget", "mode"} <= set(measure), claim["id"]


def test_claims_of_one_measure_differ_in_words():
    """The same thing was measured more than once; the words say which time."""
    for study in STUDIES:
        seen = {}
        for claim in claims(study).values():
            if claim["measure"]["kind"] == "elsewhere":
                continue
            key = json.dumps([claim["measure"], claim["unit"]], sort_keys=True)
            assert claim["claim"] not in seen.setdefault(key, set()), claim["id"]
            seen[key].add(claim["claim"])


def test_what_is_stated_is_what_the_episodes_give_or_the_claim_says_that_it_is_not():
    rounding = 0.05 + 1e-9
    off = {
        claim["id"]
        for claim in everything()
        if "theirs" in claim and abs(own(claim) - claim["stated"]) > rounding
    }
    assert off == {
        "tta-best-config-strong-average",
        "training-best-config-strong-summary",
        "training-best-config-strong-each",
        "training-recurrent-paper",
    }
    assert all("note" in claim for claim in everything() if claim["id"] in off)


def test_episodes_are_returns_and_as_many_as_the_measure_needs():
    for claim in everything():
        if "theirs" not in claim:
            continue
        theirs, measure = claim["theirs"], claim["measure"]
        expected = {"before": {"before"}, "after": {"after"}, "change": {"before", "after"}}
        assert set(theirs) == expected[measure["kind"]], claim["id"]
        for returns in theirs.values():
            assert all(1 <= value <= 500 for value in returns), claim["id"]
            if measure["base"] != "mlp":
                seeds = 3 if (measure["base"], measure.get("training_seed")) == STRONG else 1
                modes = 3 if measure["mode"] == "all" else 1
                assert len(returns) == 20 * seeds * modes, claim["id"]


def test_the_headlines():
    tta = claims("test_time_adaptation")
    assert tta["tta-slot-dropout-0.3-average"]["stated"] == 11.4
    assert own(tta["tta-slot-dropout-0.3-average"]) == pytest.approx(11.4333333)
    assert tta["tta-best-config-strong-average"]["stated"] == -3.0
    assert own(tta["tta-best-config-strong-average"]) == pytest.approx(-3.2277778)
    assert own(tta["tta-best-config-strong-seed-42-average"]) == pytest.approx(-2.9666667)
    assert claims("extreme_modes")["extreme-d-gating-average"]["stated"] == 8.5
    forgetting = claims("forgetting")
    assert forgetting["forgetting-gating"]["stated"] == -12.9
    assert forgetting["forgetting-full"]["stated"] == -125.05


@needs_data
@pytest.mark.parametrize("study", ["test_time_adaptation", "astral_training"])
def test_episodes_are_those_of_the_result_files(study):
    checked = set()
    for claim in claims(study).values():
        measure = claim["measure"]
        if "theirs" not in claim or measure["base"] == "mlp":
            continue
        place = (measure["base"], measure.get("training_seed"))
        places = [(place[0], seed) for seed in (0, 1, 2)] if place == STRONG else [place]
        modes = ["0", "1", "2"] if measure["mode"] == "all" else [measure["mode"]]
        for when, returns in claim["theirs"].items():
            assert returns == [
                value
                for one in places
                for mode in modes
                for value in result(f"test_time_adaptation_{FILES[one]}")["results"][mode][
                    f"{when}_returns"
                ]
            ], claim["id"]
        checked.update(places)
    assert checked == set(FILES)


@needs_data
def test_the_baseline_of_another_library_is_its_own_evaluation():
    file = DATA / "sb3/astral_cartpole_modes/results.json"
    returns = json.loads(file.read_text("utf-8"))["eval_by_mode"]
    found = claims("astral_training")
    for mode in "012":
        assert found[f"training-mlp-mode-{mode}"]["theirs"]["before"] == returns[mode]
    assert found["training-mlp-average"]["theirs"]["before"] == [
        *returns["0"],
        *returns["1"],
        *returns["2"],
    ]


@needs_data
def test_the_fair_comparison_is_the_result_files():
    fair = result("fair_comparison")
    matched, forgetting = claims("parameter_matched"), claims("forgetting")
    few, extreme = claims("few_shot"), claims("extreme_modes")
    for found, head, part in ((matched, "matched", "A"), (extreme, "extreme-d", "D")):
        for arm, modes in fair[part].items():
            for mode, numbers in modes.items():
                name = f"{head}-{arm.replace('_', '-')}-mode-{mode}"
                assert found[f"{name}-before"]["stated"] == pytest.approx(numbers["before"])
                assert found[f"{name}-after"]["stated"] == pytest.approx(numbers["after"])
                assert found[name]["stated"] == pytest.approx(numbers["improvement"])
                assert found[name]["measure"]["arm"] == arm
    for arm, numbers in fair["B"].items():
        for mode in "012":
            change = numbers["after"][mode] - numbers["before"][mode]
            name = f"forgetting-{arm}-mode-{mode}"
            assert forgetting[f"forgetting-mode-{mode}-before"]["stated"] == numbers["before"][mode]
            assert forgetting[f"{name}-after"]["stated"] == numbers["after"][mode]
            assert forgetting[name]["stated"] == pytest.approx(change)
        mean = fmean(numbers["forgetting"].values())
        assert forgetting[f"forgetting-{arm}"]["stated"] == pytest.approx(mean, abs=0.05)
    for arm, numbers in fair["C"].items():
        assert few["few-shot-before"]["stated"] == numbers["baseline"]
        for budget, one in numbers["by_budget"].items():
            name = f"few-shot-{arm.replace('_', '-')}-{budget}"
            assert few[f"{name}-after"]["stated"] == one["score"]
            assert few[name]["stated"] == pytest.approx(one["improvement"])
            assert few[name]["measure"]["budget"] == int(budget)


@needs_data
def test_the_extreme_modes_are_the_result_files():
    found, modes = claims("extreme_modes"), result("extreme_few_shot")
    for arm in ("gating", "policy_head", "full"):
        for budget in ("1", "3", "5", "10", "20", "30", "50"):
            name = f"extreme-few-shot-{arm.replace('_', '-')}-{budget}"
            changes = []
            for mode in "012":
                numbers = modes[mode][arm]
                before = found[f"extreme-few-shot-mode-{mode}-before"]["stated"]
                after = found[f"{name}-mode-{mode}-after"]["stated"]
                assert before == numbers["baseline"]
                assert after == numbers["by_budget"][budget]["score"]
                assert found[f"{name}-mode-{mode}"]["stated"] == pytest.approx(after - before)
                changes.append(after - before)
            assert found[f"{name}-average"]["stated"] == pytest.approx(fmean(changes), abs=0.0501)


@needs_data
def test_the_interventions_are_the_result_files():
    found, numbers = claims("interventions"), result("interventions")
    for mode in (0, 1, 2):
        weights = [found[f"weight-mode-{mode}-slot-{slot}"]["stated"] for slot in (0, 1, 2)]
        assert weights == pytest.approx(numbers["natural_weights"][str(mode)]["mean"], abs=0.000051)
        assert sum(weights) == pytest.approx(1.0, abs=0.0002)
        for kind in ("clamp", "disable"):
            matrix = numbers[f"{kind}_experiment"]
            natural = found[f"{kind}-mode-{mode}-natural"]["stated"]
            assert natural == matrix["baseline_returns"][mode]
            for slot in (0, 1, 2):
                name = f"{kind}-mode-{mode}-slot-{slot}"
                assert found[name]["stated"] == matrix["results_matrix"][mode][slot]
                change = found[f"{name}-change"]["stated"]
                assert change == pytest.approx(found[name]["stated"] - natural)

"""The forgetting matrix against hand-computed changes, and its sentence against what was done."""

import json

import numpy as np
import pytest

from ratchet.errors import InputError, SeedError, TaskError
from ratchet.evaluation.forgetting import forgetting_matrix
from ratchet.evaluation.statistics import clustered_mean, mean_interval, paired_difference

MODES = ("0", "1", "2")


def base(n=100, seed=0):
    generator = np.random.default_rng(seed)
    return {mode: generator.normal(300, 50, size=n) for mode in MODES}


def tuned(before, gains, spread=5.0, runs=None, seed=1):
    generator = np.random.default_rng(seed)
    shape = (len(before["0"]),) if runs is None else (runs, len(before["0"]))
    return {
        mode: before[mode] + gain + generator.normal(0, spread, size=shape)
        for mode, gain in zip(MODES, gains, strict=True)
    }


def row(gains, **settings):
    before = base()
    return forgetting_matrix(before, {"2": tuned(before, gains, **settings)}).rows["2"]


def test_cells_by_hand():
    before = {"0": [1.0, 2.0, 3.0], "1": [10.0, 10.0, 40.0]}
    after = {"0": {"0": [2.0, 4.0, 6.0], "1": [9.0, 8.0, 37.0]}}
    matrix = forgetting_matrix(before, after)
    ours = matrix.rows["0"]
    assert matrix.modes == ("0", "1")
    assert ours.cells["0"].before == mean_interval(before["0"])
    assert ours.cells["0"].after.estimate == pytest.approx(4.0)
    assert ours.cells["0"].difference == paired_difference(before["0"], after["0"]["0"])
    assert ours.cells["1"].difference.estimate == pytest.approx(-2.0)
    assert ours.forgetting.estimate == pytest.approx(-2.0)
    assert ours.specific_gain.estimate == pytest.approx(4.0)
    assert ours.specific_gain == mean_interval([2.0, 4.0, 6.0])  # 1+1, 2+2, 3+3, seed by seed
    assert ours.overall.estimate == pytest.approx(0.0)
    assert ours.runs == 1


@pytest.mark.parametrize(
    ("gains", "start"),
    [
        ((0, 0, 20), "specific: the target gains more than the other modes: "),
        ((-20, -20, 20), "specific: the target gains more than the other modes, and it forgot"),
        ((20, 20, 20), "not specific: it helps all modes alike: more training, not adaptation"),
        ((30, 30, 10), "not specific: the other modes gain more"),
        ((-20, -20, 0), "not a gain: the target stands out only because the others fell"),
        ((0, 0, 0), "no gain is shown"),
        ((0, 0, -20), "a loss"),
    ],
)
def test_the_sentence_says_what_was_done(gains, start):
    ours = row(gains)
    assert ours.sentence.startswith(start)
    assert "specific gain" in ours.sentence
    assert ours.forgetting.estimate == pytest.approx(np.mean(gains[:2]), abs=2)
    assert ours.specific_gain.estimate == pytest.approx(gains[2] - np.mean(gains[:2]), abs=3)


def test_what_a_seed_does_to_all_modes_cancels_out():
    before = base()
    luck = np.random.default_rng(7).normal(0, 100, size=100)
    after = {mode: before[mode] + luck + (10.0 if mode == "2" else 0.0) for mode in MODES}
    ours = forgetting_matrix(before, {"2": after}).rows["2"]
    assert ours.specific_gain.low == pytest.approx(10.0)
    assert ours.specific_gain.high == pytest.approx(10.0)


def test_runs_widen_the_interval():
    before = base()
    generator = np.random.default_rng(3)
    after = tuned(before, (0, 0, 10), runs=5)
    after["2"] = after["2"] + generator.normal(0, 20, size=(5, 1))
    ours = forgetting_matrix(before, {"2": after}).rows["2"]
    assert ours.runs == 5
    assert ours.cells["2"].difference == clustered_mean(after["2"] - before["2"])
    first = {mode: values[0] for mode, values in after.items()}
    single = forgetting_matrix(before, {"2": first}).rows["2"].specific_gain
    assert ours.specific_gain.high - ours.specific_gain.low > 3 * (single.high - single.low)
    own_base = {mode: np.tile(values, (5, 1)) for mode, values in before.items()}
    again = forgetting_matrix(own_base, {"2": after}).rows["2"]
    assert again.specific_gain == ours.specific_gain


def test_control_arm_and_single_mode_have_no_specific_gain():
    before = base()
    control = forgetting_matrix(before, {"mixed": tuned(before, (9, 9, 9))}).rows["mixed"]
    assert control.forgetting is None
    assert control.specific_gain is None
    assert control.overall.estimate == pytest.approx(9, abs=2)
    assert control.sentence.startswith("mixed modes")
    single = forgetting_matrix({"only": [1.0, 2.0]}, {"only": {"only": [3.0, 3.0]}}).rows["only"]
    assert single.forgetting is None
    assert single.specific_gain is None
    assert single.sentence.startswith("one mode: it changes by +1.5")


def test_json_round_trip_even_with_one_seed():
    before = {"0": [1.0], "1": [2.0]}
    ours = forgetting_matrix(before, {"0": {"0": [3.5], "1": [2.0]}})
    text = json.dumps(ours.to_json(), allow_nan=False)
    cell = json.loads(text)["rows"]["0"]["evaluation"]["0"]
    assert cell["before"] == {"mean": 1.0, "low": None, "high": None, "episodes": 1}
    assert cell["difference"]["mean"] == 2.5
    assert "nan" not in text


def test_bad_input():
    before = base(10)
    good = tuned(before, (0, 0, 0))
    with pytest.raises(InputError, match="no mode"):
        forgetting_matrix({}, {})
    with pytest.raises(TaskError, match="was evaluated on modes"):
        forgetting_matrix(before, {"2": {"2": good["2"]}})
    with pytest.raises(SeedError, match="same seeds"):
        forgetting_matrix(before, {"2": {**good, "1": good["1"][:9]}})
    with pytest.raises(SeedError, match="same runs and seeds"):
        forgetting_matrix(before, {"2": {**good, "1": np.tile(good["1"], (2, 1))}})
    with pytest.raises(InputError, match="target '2', mode '1' holds 1 of 10"):
        forgetting_matrix(before, {"2": {**good, "1": np.append(good["1"][:9], np.nan)}})

"""Reports of adaptation studies against numbers worked out here from what was written to the ledger."""

from __future__ import annotations

import math
import re
from html import unescape

import numpy as np
import pytest

from ratchet.errors import LedgerError, RecipeError
from ratchet.evaluation.statistics import Interval, clustered_mean
from ratchet.ledger import queries
from ratchet.report import render_html, report_data
from ratchet.report.document import Callout, Document
from ratchet.report.laboratory import study_document, study_summary
from ratchet.report.laboratory.changes import tally
from ratchet.report.laboratory.claims import StudyClaim, agreement
from ratchet.report.laboratory.common import verdict
from ratchet.report.laboratory.effects import Group, StudyEffects
from ratchet.report.laboratory.evidence import AdaptationKey, gather_study
from ratchet.report.laboratory.fewshot import area, best_budget, budget_reached
from ratchet.report.wording import signed
from report.studies import ANCHORED, FULL, GATE, GUARDED, HEAD, MODES, write_study

SLOTS = Group("slots", "gate", 30)
CHANGES = {"gate": 20.0, "head": -15.0, "gate_guarded": 20.0, "full": 40.0, "full_ewc": 25.0}


def plain(arm, target, budget, task, mode):
    return CHANGES[arm]


def forgets(arm, target, budget, task, mode):
    loss = {"gate": 0.0, "full": -80.0, "full_ewc": -8.0}
    return CHANGES[arm] if target == mode else loss[arm]


def growing(arm, target, budget, task, mode):
    if task == "cartpole-modes":
        return -10.0 if arm == "full" else 0.0
    return CHANGES[arm] * math.log2(budget) + (5.0 if mode == "1" else 0.0)


def study(path, name, shift=plain, **settings):
    written = write_study(path / "ledger.sqlite", name, shift, **settings)
    return written, gather_study(written.ledger, name)


def by_hand(written, arm, budget, target, *, place=None, base="slots"):
    """Return `[training seeds, episodes]`: differences averaged over the adaptation seeds."""
    place = place or (written.adapt_task, target)
    rows = []
    for seed in written.training_seeds:
        before = written.returns[f"{base}-{seed}", *place]
        names = [
            f"p-{base}.seed-{seed}.{arm}.mode-{target}.adapt-{again}.{budget}"
            for again in written.adaptation_seeds
        ]
        rows.append(np.mean([written.returns[name, *place] - before for name in names], axis=0))
    return np.array(rows)


def rows_of(document, key):
    return report_data(document)["tables"][key]


def assert_renders(document):
    assert isinstance(document, Document)
    assert not re.search(r"\bnan\b", unescape(render_html(document)).lower())
    for figure in document.figures:
        assert len(figure.alt) > 40


def test_run_returns_are_those_of_each_whole_evaluation(tmp_path):
    written, _ = study(tmp_path, "few-shot")
    written.evaluate("slots-1", "elsewhere", "0", np.arange(12.0), keep=5)
    found = queries.run_returns(written.ledger, "few-shot", "report")
    evaluations = queries.evaluations(written.ledger, "few-shot")
    assert set(found) == {e.id for e in evaluations if e.task != "elsewhere"}
    for evaluation in evaluations[::7]:
        one = queries.evaluation_returns(written.ledger, evaluation.id)
        assert np.array_equal(found[evaluation.id], one.returns)
    assert queries.run_returns(written.ledger, "few-shot", "selection") == {}


def test_run_returns_reads_more_evaluations_than_fit_in_one_query(tmp_path, monkeypatch):
    written, _ = study(tmp_path, "few-shot")
    whole = queries.run_returns(written.ledger, "few-shot", "report")
    monkeypatch.setattr(queries, "_TOGETHER", 4)
    parts = queries.run_returns(written.ledger, "few-shot", "report")
    assert list(parts) == list(whole)
    assert all(np.array_equal(parts[key], whole[key]) for key in whole)


def test_an_adaptation_is_found_by_its_seeds(tmp_path):
    written, evidence = study(tmp_path, "test-time-adaptation")
    adaptation = evidence.adaptations[AdaptationKey("slots", 2, "head", 1, "0", 30)]
    assert adaptation.training.name == "slots.seed-2.head.mode-0.adapt-1.30"
    assert (adaptation.before, adaptation.after) == ("slots-2", f"p-{adaptation.training.name}")
    change = evidence.change(adaptation.before, adaptation.after, "cartpole-modes", "0")
    after = written.returns[adaptation.after, "cartpole-modes", "0"]
    assert np.array_equal(change, after - written.returns["slots-2", "cartpole-modes", "0"])
    assert evidence.returns("slots-2", "cartpole-modes", "9") is None
    assert evidence.base_policies["slots", 3].scopes["gating"] == 4355
    assert len(evidence.select("slots", "gate", 30, "1")) == 6


def test_a_change_is_clustered_by_training_seed_and_averaged_over_modes_first(tmp_path):
    written, evidence = study(tmp_path, "test-time-adaptation")
    effects = StudyEffects(evidence)
    matrices = [by_hand(written, "gate", 30, mode) for mode in MODES]
    assert effects.figure(SLOTS, "change", "1") == clustered_mean(matrices[1])
    whole = effects.figure(SLOTS, "change")
    assert whole == clustered_mean(np.mean(matrices, axis=0))
    assert whole is effects.figure(SLOTS, "change")  # computed once
    wins = (np.sign(by_hand_single(written)) + 1) / 2
    assert effects.figure(SLOTS, "improved", "0").estimate == pytest.approx(wins.mean())


def by_hand_single(written):
    """Return the differences of every gate adaptation to mode 0, `[adaptations, episodes]`."""
    return np.array([
        written.returns[f"p-slots.seed-{s}.gate.mode-0.adapt-{a}.30", written.task, "0"]
        - written.returns[f"slots-{s}", written.task, "0"]
        for s in written.training_seeds for a in written.adaptation_seeds
    ])  # fmt: skip


def test_one_base_policy_is_clustered_by_adaptation_seed(tmp_path):
    written, evidence = study(tmp_path, "test-time-adaptation", training_seeds=(5,))
    expected = by_hand_single(written)
    effects = StudyEffects(evidence)
    assert effects.figure(SLOTS, "change", "0") == clustered_mean(expected)
    assert effects.figure(SLOTS, "change", "0", 5) == clustered_mean(expected)
    assert effects.figure(SLOTS, "change", "0", 6) is None


def test_arms_are_compared_on_the_seeds_that_both_have(tmp_path):
    # The last adaptation of the last arm has no result: its pair is left out as well.
    written, evidence = study(tmp_path, "parameter-matched", modes=("0",), stop=12)
    effects = StudyEffects(evidence)
    found = effects.difference(SLOTS, Group("slots", "head", 30), "change")
    rows = [[] for _ in written.training_seeds]
    for (_, seed, arm, again, _, _), adaptation in evidence.adaptations.items():
        if arm == "head":
            gate = evidence.adaptations[AdaptationKey("slots", seed, "gate", again, "0", 30)]
            ours = written.returns[gate.after, written.task, "0"]
            rows[seed - 1].append(ours - written.returns[adaptation.after, written.task, "0"])
    assert [len(row) for row in rows] == [2, 2, 1]
    assert found == clustered_mean(np.array([np.mean(row, axis=0) for row in rows]))


def test_test_time_adaptation(tmp_path):
    written, _ = study(
        tmp_path, "test-time-adaptation", bases=("slots", "plain"), arms=(GATE, HEAD, GUARDED),
        adopt=lambda again: again == 0, claims=CLAIMS, deterministic=False,
    )  # fmt: skip
    document = study_document(written.ledger, written.run)
    assert_renders(document)
    assert document.title == "The study test-time-adaptation"
    changes = rows_of(document, "changes")
    assert [row["arms"] for row in changes][:3] == [
        "slots · gate", "slots · policy head", "slots · gate, guarded",
    ]  # fmt: skip
    assert [row["verdict"] for row in changes] == ["better", "worse", "better"] * 2
    matrix = np.mean([by_hand(written, "gate", 30, mode) for mode in MODES], axis=0)
    assert changes[0]["change"]["estimate"] == pytest.approx(matrix.mean())
    guard = rows_of(document, "guard")
    assert [(row["adaptations"], row["adopted"], row["evidence_episodes"]) for row in guard] == [
        (18, 9, 15)
    ] * 2
    assert guard[0]["reason"] == "no gain is shown"
    pairs = rows_of(document, "guarded")
    assert len(pairs) == 2
    # Half of the guarded adaptations keep their start, and with it half of the change is gone.
    assert pairs[0]["difference"]["estimate"] == pytest.approx(-10.0, abs=1.0)
    assert pairs[0]["worst_guarded"] == 0.0
    assert len(rows_of(document, "modes")) == 6
    cost = {row["what"]: row for row in rows_of(document, "cost")}
    assert cost["gate"]["episodes"] == 2 * 18 * 30
    assert cost["gate"]["parameters"] == "4,355"
    assert study_summary(written.ledger, written.run).rows[0][0] == "slots · gate"


CLAIMS = [
    {"id": "a", "claim": "gate", "stated": 20.0, "unit": "change", "where": "Table 1",
     "measure": {"kind": "change", "base": "slots", "arm": "gate", "mode": "all", "budget": 30},
     "theirs": {"before": [100.0, 200.0, 300.0], "after": [120.0, 220.0, 320.0]}},
    {"id": "b", "claim": "by scope", "stated": 90.0, "unit": "change",
     "measure": {"kind": "change", "base": "slots", "arm": "gating", "mode": "1", "budget": 30},
     "theirs": {"before": [100.0, 101.0], "after": [190.0, 191.0]}},
    {"id": "c", "claim": "no base", "stated": 1.0, "unit": "return",
     "measure": {"kind": "before", "base": "nobody", "mode": "0"}},
    {"id": "d", "claim": "size", "stated": 4355, "unit": "count",
     "measure": {"kind": "parameters", "base": "slots", "scope": "gating"}},
    {"id": "e", "claim": "one seed", "stated": 205.0, "unit": "return",
     "measure": {"kind": "before", "base": "slots", "mode": "0", "training_seed": 0},
     "theirs": {"before": [100.0, 300.0]}},
    {"id": "f", "claim": "a ratio", "stated": 10, "unit": "count",
     "measure": {"kind": "elsewhere"}, "reason": "a ratio"},
]  # fmt: skip


def test_claims_stand_beside_their_own_intervals_and_those_measured(tmp_path):
    written, _ = study(tmp_path, "test-time-adaptation", claims=CLAIMS)
    document = study_document(written.ledger, written.run)
    changes = rows_of(document, "claims-changes")
    # Welch by hand: both variances are 10^4, so t has four degrees of freedom (2.7764) and the
    # standard error is sqrt(2 * 10^4 / 3).
    assert changes[0]["own"]["high"] - 20.0 == pytest.approx(2.77645 * 81.6497, rel=1e-5)
    assert [row["agreement"] for row in changes] == ["agrees", "differs"]
    assert changes[1]["measured"] == pytest.approx(
        report_data(document)["tables"]["modes"][0]["mode_1"]
    )
    returns = rows_of(document, "claims-returns")
    assert [row["agreement"] for row in returns] == ["not comparable", "agrees"]
    assert "no base 'nobody'" in returns[0]["remark"]
    first = written.returns["slots-1", written.task, "0"]
    assert returns[1]["measured"]["estimate"] == pytest.approx(first.mean())
    others = rows_of(document, "claims-others")
    assert [row["agreement"] for row in others] == ["agrees", "not comparable"]
    stated = rows_of(document, "stated-changes")
    assert [(row["claim"], row["distinguishable"]) for row in stated] == [("gate", "no")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "minutes"}, "unit 'minutes'"),
        ({"measure": {"base": "slots"}}, "which kind"),
        ({"stated": "many"}, "not a number"),
    ],
)
def test_a_claim_that_cannot_be_read_is_refused(tmp_path, change, message):
    written, _ = study(tmp_path, "few-shot", claims=[CLAIMS[0] | change], modes=("0",))
    with pytest.raises(RecipeError, match=message):
        study_document(written.ledger, written.run)


def test_parameter_matched(tmp_path):
    written, _ = study(tmp_path, "parameter-matched", arms=(GATE, HEAD, FULL))
    document = study_document(written.ledger, written.run)
    assert_renders(document)
    assert [row["parameters"] for row in rows_of(document, "arms")] == ["4,355", "4,290", "51,014"]
    differences = {row["arms"]: row["difference"] for row in rows_of(document, "differences")}
    assert list(differences) == [
        "gate less policy head", "gate less whole policy", "policy head less whole policy",
    ]  # fmt: skip
    matrix = np.mean(
        [by_hand(written, "gate", 30, m) - by_hand(written, "head", 30, m) for m in MODES], axis=0
    )
    found = differences["gate less policy head"]
    assert found["estimate"] == pytest.approx(matrix.mean())
    assert found["low"] == pytest.approx(clustered_mean(matrix).low)


def test_forgetting(tmp_path):
    written, evidence = study(tmp_path, "forgetting", forgets, arms=(GATE, FULL, ANCHORED))
    document = study_document(written.ledger, written.run)
    assert_renders(document)
    table = {row["arms"]: row for row in rows_of(document, "forgetting")}
    elsewhere = np.mean(
        [
            by_hand(written, "full", 30, t, place=(written.task, m))
            for t in MODES for m in MODES if m != t
        ],
        axis=0,
    )  # fmt: skip
    full = table["whole policy"]
    assert full["forgetting"]["estimate"] == pytest.approx(elsewhere.mean())
    assert full["forgetting"]["high"] == pytest.approx(clustered_mean(elsewhere).high)
    assert full["total"] == pytest.approx(2 * elsewhere.mean())
    gain = np.mean([by_hand(written, "full", 30, t) for t in MODES])
    assert full["specific"]["estimate"] == pytest.approx(gain - elsewhere.mean())
    assert full["reading"] == "specific gain; forgets"
    assert table["gate"]["reading"].startswith("specific gain")
    cell = StudyEffects(evidence).evaluated_on(Group("slots", "full", 30), "0", "2")
    assert cell == clustered_mean(by_hand(written, "full", 30, "0", place=(written.task, "2")))
    steps = {row["what"]: row["side_steps"] for row in rows_of(document, "cost")}
    assert steps == {"gate": 0, "whole policy": 0, "whole policy, EWC": 18 * 50}
    assert len([f for f in document.figures if f.name.startswith("matrix-")]) == 3


def test_few_shot(tmp_path):
    written, evidence = study(
        tmp_path, "few-shot", growing, budgets=(1, 2, 8), adapt_task="cartpole-other", modes=("0", "1")
    )  # fmt: skip
    document = study_document(written.ledger, written.run)
    assert_renders(document)
    effects = StudyEffects(evidence)
    by_budget = [
        np.mean([by_hand(written, "gate", b, m) for m in ("0", "1")], axis=0) for b in (1, 2, 8)
    ]
    # Trapezoids of widths 1 and 6, divided by the range of 7.
    expected = (0.5 * by_budget[0] + 3.5 * by_budget[1] + 3.0 * by_budget[2]) / 7.0
    found = area(effects, "slots", "gate")
    assert found.estimate == pytest.approx(expected.mean())
    assert found.low == pytest.approx(clustered_mean(expected).low)
    assert best_budget(effects, "slots", "gate") == 8
    assert best_budget(effects, "slots", "head") == 1
    assert budget_reached(effects, "slots", "gate") == 8
    assert budget_reached(effects, "slots", "head") == 1
    assert [row["budget"] for row in rows_of(document, "budgets")] == [
        "1 episode", "2 episodes", "8 episodes",
    ]  # fmt: skip


def test_a_single_budget_has_no_curve(tmp_path):
    for name in ("few-shot", "extreme-modes"):
        (tmp_path / name).mkdir()
        written, _ = study(
            tmp_path / name, name, growing, arms=(GATE, FULL), budgets=(30,),
            adapt_task="cartpole-extreme",
        )  # fmt: skip
        document = study_document(written.ledger, written.run)
        assert_renders(document)
        page = unescape(render_html(document))
        assert "Over budgets" not in page
        assert "budget grows" not in page
        assert not [figure for figure in document.figures if figure.name.startswith("budgets")]
        tables = report_data(document)["tables"]
        assert not {"areas", "budgets"} & set(tables)
        changes = tables["changes" if name == "few-shot" else "extreme-changes"]
        found = by_hand(written, "gate", 30, "0"), by_hand(written, "gate", 30, "1")
        expected = np.mean([*found, by_hand(written, "gate", 30, "2")])
        assert changes[0]["change"]["estimate"] == pytest.approx(expected)


def test_extreme_modes_lead_with_the_guarded_arms_of_the_reference_base(tmp_path):
    written, evidence = study(
        tmp_path, "extreme-modes", growing, bases=("plain", "slots"), arms=(FULL, GATE, GUARDED),
        adapt_task="cartpole-extreme", reference_base="slots",
    )  # fmt: skip
    document = study_document(written.ledger, written.run)
    assert_renders(document)
    effects = StudyEffects(evidence)
    lead, best, guard = (block.text for block in document.blocks[:3])
    assert lead.startswith("**With 30 episodes and a guard**, from `slots`. Gate, guarded: gain **")
    guarded = Group("slots", "gate_guarded", 30)
    assert f"gain **{signed(effects.figure(guarded, 'change'))}**" in lead
    kept = effects.figure(guarded, "retention")
    assert f"trained on {3 * kept.estimate:+.1f} [" in lead
    assert "whole policy" not in lead
    # The highest of six is of an unguarded arm, and comes after, with what that is worth.
    assert best.startswith("**Of all 6 arms**, 6 gain over")
    assert "whole policy: gain **" in best
    assert "As the best of 6 arms, chosen afterwards, it is flattered" in best
    assert guard.startswith("**The guard** made the change higher in ")
    assert [row["arms"] for row in rows_of(document, "guarded")] == ["plain · gate", "slots · gate"]


@pytest.mark.parametrize("name", ["parameter-matched", "forgetting", "few-shot"])
def test_every_study_with_pairs_compares_them_with_and_without_the_guard(tmp_path, name):
    settings = {"arms": (GATE, GUARDED), "training_seeds": (1, 2), "modes": ("0", "1")}
    written, _ = study(tmp_path, name, lambda *_: 20.0, adopt=lambda again: again == 0, **settings)
    (pair,) = rows_of(study_document(written.ledger, written.run), "guarded")
    # Two adaptations to each mode, of which the guard keeps one start.
    assert pair["difference"]["estimate"] == pytest.approx(-10.0, abs=2.0)
    assert pair["worst_guarded"] == 0.0


def test_a_study_without_pairs_has_no_such_section(tmp_path):
    # The guarded arm differs in its method too.
    other = {**GUARDED, "method": "ppo"}
    written, _ = study(tmp_path, "parameter-matched", lambda *_: 5.0, arms=(GATE, other))
    assert "guarded" not in report_data(study_document(written.ledger, written.run))["tables"]


def test_unchanged_is_counted_by_itself_and_means_every_episode():
    small = Interval(-0.004, -0.012, 0.0)
    none = Interval(0.0, 0.0, 0.0)
    assert [verdict(value).value for value in (small, none)] == ["not shown", "unchanged"]
    said = tally([small, none, none, Interval(3.0, 1.0, 5.0)], "arm")
    assert "**1 is better**, **0 are worse**, 1 is not distinguishable from zero, and 2 are" in said
    assert said.endswith("unchanged in every episode")
    assert "unchanged" not in tally([small], "arm")


def test_a_change_without_episodes_of_its_own_is_too_uncertain_to_differ():
    measured = Interval(0.0, 0.0, 0.0)

    def said(unit="change", value=measured, **changes):
        record = StudyClaim("x", "x", 9.65, unit, {"kind": unit}, **changes)
        return agreement(record, value, 500.0)

    assert said() == "too uncertain"
    assert said(value=Interval(9.0, 8.0, 10.0)) == "agrees"
    # Of a return the episodes are many, and of a change that is known to be exact nothing is noise.
    assert said("return") == "differs"
    exact = {"before": (100.0, 101.0), "after": (109.6, 110.7)}
    assert said(**exact) == "differs"
    noisy = {"before": (100.0, 180.0, 60.0), "after": (190.0, 90.0, 80.0)}
    assert said(**noisy) == "within its noise"


def test_extreme_modes(tmp_path):
    written, evidence = study(
        tmp_path, "extreme-modes", growing, arms=(GATE, FULL), budgets=(2, 30),
        adapt_task="cartpole-extreme",
    )  # fmt: skip
    document = study_document(written.ledger, written.run)
    assert_renders(document)
    targets = {row["arms"]: row for row in rows_of(document, "targets")}
    kept = np.mean(
        [
            by_hand(written, "full", 30, target, place=("cartpole-modes", mode))
            for target in MODES for mode in MODES
        ],
        axis=0,
    )  # fmt: skip
    full = targets["whole policy"]
    assert full["retention"]["estimate"] == pytest.approx(kept.mean())
    assert full["retention"]["low"] == pytest.approx(clustered_mean(kept).low)
    assert full["total"] == pytest.approx(3 * kept.mean())
    means = {mode: by_hand(written, "full", 30, mode).mean() for mode in MODES}
    worst = min(means, key=means.get)
    assert full["worst"] == f"mode {worst}"
    assert full["worst_change"]["estimate"] == pytest.approx(means[worst])
    before = StudyEffects(evidence).base("slots", "2", task="cartpole-modes")
    expected = [written.returns[f"slots-{s}", "cartpole-modes", "2"] for s in (1, 2, 3)]
    assert before == clustered_mean(np.array(expected))


def test_an_interrupted_run_says_what_is_missing(tmp_path):
    written, evidence = study(tmp_path, "test-time-adaptation", stop=20)
    document = study_document(written.ledger, written.run)
    first = document.blocks[0]
    assert isinstance(first, Callout)
    assert first.kind == "warning"
    # 3 training seeds, 2 arms, 3 modes and 2 adaptation seeds; the twentieth has no result.
    assert "**19 of 36 adaptations**" in first.text
    assert "slots.seed-2.head.mode-0.adapt-1.30" in first.text
    assert_renders(document)
    assert evidence.left_out[0][1] == "it has no result yet (running)"


@pytest.mark.parametrize(
    "name",
    ["test-time-adaptation", "parameter-matched", "forgetting", "few-shot", "extreme-modes"],
)
def test_a_run_that_only_began_has_a_report(tmp_path, name):
    written, _ = study(tmp_path, name, stop=1)
    assert_renders(study_document(written.ledger, written.run))
    assert study_summary(written.ledger, written.run).rows[0][0] == "slots"


def test_a_run_that_is_no_study_is_refused(tmp_path):
    written, _ = study(tmp_path, "few-shot", modes=("0",))
    written.ledger.start_run(
        "other", name="other", kind="recipe", seed=0, task="t", recipe={"recipe": "unheard-of"}
    )
    written.ledger.start_run("plain", name="plain", kind="recipe", seed=0, task="t", recipe={})
    with pytest.raises(RecipeError, match="unheard-of"):
        study_document(written.ledger, "other")
    with pytest.raises(LedgerError, match="no study"):
        study_document(written.ledger, "plain")

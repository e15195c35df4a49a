"""A fine-tuning report: every number computed again, and sentences that turn the right way."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from ratchet.errors import LedgerError, RecipeError
from ratchet.evaluation.forgetting import forgetting_matrix
from ratchet.evaluation.statistics import (
    Interval,
    clustered_mean,
    fraction_at_maximum,
    mean_interval,
    paired_difference,
    probability_of_improvement,
)
from ratchet.report import render_html, render_markdown
from ratchet.report.arms import Key
from ratchet.report.claims import Claim, Sample, beyond_noise, judge, own_interval, read_claims
from ratchet.report.document import Bullets, Callout, Heading, Text
from ratchet.report.finetuning import finetuning_document, summary_table
from ratchet.report.publish import report_data, table_rows
from ratchet.report.spread import deviation, deviation_change, relative_gain
from ratchet.report.wording import budget_name
from report import runs

SEEDS = (1, 2, 3)


def specific(target, mode, budget, scope):
    """Each mode's own arm gains, the others lose; mixed modes gain little; the head learns half."""
    size = {1000: 10, 15_000: 50}[budget] * (1 if scope == "full" else 0.5)
    if target is None:
        return 0.2 * size
    return size if mode == target else -0.4 * size


def shared(target, mode, budget, scope):
    """Every arm gains the same everywhere."""
    return 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    written = runs.recipe_run(tmp_path_factory.mktemp("whole") / "l.sqlite", shift=specific)
    return written, finetuning_document(written.ledger, written.run)


@pytest.fixture(scope="module")
def fine(tmp_path_factory):
    written = runs.finetune_run(
        tmp_path_factory.mktemp("fine") / "l.sqlite", shift={"0": -25, "1": -20, "2": 40}.get
    )
    return written, finetuning_document(written.ledger, written.run)


def table(document, key):
    (found,) = [table for table in document.tables if table.key == key]
    return table_rows(found)


def prose(document):
    parts = []
    for block in document.blocks:
        if isinstance(block, Text | Callout | Heading):
            parts.append(block.text)
        elif isinstance(block, Bullets):
            parts += block.items
    return "\n".join(parts)


def same(cell, expected):
    assert cell["estimate"] == pytest.approx(expected.estimate, abs=1e-12)
    assert cell["low"] == pytest.approx(expected.low, abs=1e-12)
    assert cell["high"] == pytest.approx(expected.high, abs=1e-12)


def after(written, target, mode, scope, budget):
    name = target or "mixed"
    return np.stack([written.returns[f"p-{name}-{scope}-{budget}-{seed}", mode] for seed in SEEDS])


@pytest.mark.parametrize("scope", ["full", "policy_head"])
@pytest.mark.parametrize("budget", [1000, 15_000])
def test_result_tables_hold_what_the_episodes_say(whole, scope, budget):
    written, document = whole
    slug = scope.replace("_", "-")
    for row, detail in zip(
        table(document, f"results-{slug}-{budget}"),
        table(document, f"details-{slug}-{budget}"),
        strict=True,
    ):
        mode = row["mode"]
        before = written.returns["base", mode]
        tuned = after(written, mode, mode, scope, budget)
        same(row["before"], mean_interval(before))
        same(row["after"], clustered_mean(tuned))
        same(row["difference"], clustered_mean(tuned - before))
        assert row["std_before"] == pytest.approx(np.std(before))
        assert row["std_after"] == pytest.approx(np.std(tuned, axis=1).mean())
        assert detail["improved"]["estimate"] == pytest.approx(
            np.mean((tuned > before) + 0.5 * (tuned == before))
        )
        assert detail["at_maximum_after"]["estimate"] == pytest.approx(np.mean(tuned == 500))
        assert detail["at_maximum_before"]["estimate"] == pytest.approx(np.mean(before == 500))
        assert detail["environment_steps"] == budget
        assert detail["parameters_adapted"] == {"full": 9155, "policy_head": 130}[scope]


def test_forgetting_matrices(whole):
    written, document = whole
    before = {mode: written.returns["base", mode] for mode in runs.MODES}
    matrix = forgetting_matrix(
        before,
        {t: {m: after(written, t, m, "full", 15_000) for m in runs.MODES} for t in runs.MODES},
    )
    rows = table(document, "matrix-full-15000")
    assert len(rows) == 12  # three targets and mixed modes, on three modes
    for row in rows[:9]:
        cell = matrix.rows[row["target"].removeprefix("mode ")].cells[row["mode"]]
        for name in ("before", "after", "difference"):
            same(row[name], getattr(cell, name))
    mixed = after(written, None, "1", "full", 15_000)
    same(rows[10]["difference"], clustered_mean(mixed - before["1"]))
    for row in table(document, "specific-full-15000"):
        found = matrix.rows[row["target"].removeprefix("mode ")]
        same(row["forgetting"], found.forgetting)
        same(row["specific_gain"], found.specific_gain)
        assert found.sentence.startswith(row["finding"])
        assert row["finding"].endswith("and it forgot")


def test_the_control_arm_is_paired_by_fine_tuning_seed(whole):
    written, document = whole
    rows = table(document, "control")
    assert len(rows) == 12
    for row in rows:
        scope, budget = row["scope"].strip("`"), row["budget"]
        ours = after(written, row["mode"], row["mode"], scope, budget)
        mixed = after(written, None, row["mode"], scope, budget)
        same(row["difference"], clustered_mean(ours - mixed))
        same(row["tuned"], clustered_mean(ours))
        same(row["control"], clustered_mean(mixed))
    assert rows[3]["reading"] == "adaptation"


def test_costs_verdicts_and_arms(whole):
    written, document = whole
    rows = table(document, "cost")
    assert len(rows) == 16
    assert all(row["runs"] == 3 and row["environment_steps"] in {1000, 15_000} for row in rows)
    assert rows[0]["frozen"] == "none frozen"
    assert rows[-1]["frozen"] == "3 of 3"
    assert rows[0]["wall_seconds"] == 1.0
    counts = table(document, "verdicts")
    said = written.ledger.rows("SELECT accepted, count(*) AS n FROM verdicts GROUP BY accepted")
    said = {row["accepted"]: row["n"] for row in said}
    assert sum(row["accepted"] for row in counts) == said.get(1, 0)
    assert sum(row["rejected"] for row in counts) == said.get(0, 0)
    assert len(table(document, "arms")) == 48
    values = report_data(document)["values"]
    assert values["cost-totals"]["environment steps, training"] == "384,000"


def test_variance(whole):
    written, document = whole
    for row in table(document, "variance"):
        before = written.returns["base", row["mode"]]
        tuned = after(written, row["mode"], row["mode"], row["scope"].strip("`"), row["budget"])
        change = np.std(tuned, axis=1).mean() / np.std(before) - 1
        assert row["std_change"]["estimate"] == pytest.approx(change)
        assert row["std_change"]["low"] <= change <= row["std_change"]["high"]


def test_the_summary_says_specific_and_forgot(whole):
    written, document = whole
    gains = [after(written, m, m, "full", 15_000) - written.returns["base", m] for m in runs.MODES]
    average = clustered_mean(np.mean(gains, axis=0))
    text = prose(document)
    assert isinstance(document.blocks[0], Callout)
    assert document.blocks[0].kind == "good"
    assert f"Yes: with all parameters and 15,000 environment steps the mean return on the mode trained on changes by +{average.estimate:.1f} [" in text  # fmt: skip
    assert "adaptation on modes 0, 1 and 2" in text
    assert "it forgot after training on modes 0, 1 and 2" in text
    assert "can be compared, and the numbers speak of these" not in text


def test_a_gain_everywhere_is_more_training(tmp_path):
    written = runs.recipe_run(
        tmp_path / "l.sqlite", shift=shared, budgets=(1000,), scopes=("full",), updates=1
    )
    document = finetuning_document(written.ledger, written.run)
    text = prose(document)
    assert "more training, as far as this shows, on modes 0, 1 and 2" in text
    assert "none; the other modes gained as well" in text
    assert {row["reading"] for row in table(document, "control")} == {"more training"}
    assert "Learning curves" not in text  # one update is no curve


def test_one_fine_tuning(fine):
    written, document = fine
    rows = table(document, "summary")
    for row, result, detail in zip(
        rows,
        table(document, "results-policy-head-1000"),
        table(document, "details-policy-head-1000"),
        strict=True,
    ):
        mode = row["mode"].split()[0]
        before, tuned = written.returns["base", mode], written.returns["after", mode]
        same(row["before"], mean_interval(before))
        same(row["after"], mean_interval(tuned))
        same(row["difference"], paired_difference(before, tuned))
        same(result["difference"], paired_difference(before, tuned))
        same(detail["improved"], probability_of_improvement(before, tuned))
        same(detail["at_maximum_after"], fraction_at_maximum(tuned, 500))
    assert rows[2]["mode"] == "2 (trained on)"
    assert [row["verdict"] for row in rows] == ["", "", "rejected"]
    text = prose(document)
    assert written.said.reason in text
    assert "**Forgetting:** it forgot." in text
    assert "adaptation: the gain belongs to the mode trained on" in text
    assert document.blocks[0].kind == "warning"  # better there, and rejected all the same
    assert "Learning curves" in text
    assert "Claims" not in text
    assert table_rows(summary_table(written.ledger, written.run)) == rows


def test_a_task_with_one_mode(tmp_path):
    written = runs.finetune_run(
        tmp_path / "l.sqlite", shift={"only": 30}.get, modes=("only",), target="only"
    )
    document = finetuning_document(written.ledger, written.run)
    text = prose(document)
    assert "The task has one mode" in text
    assert "Yes: with scope `policy_head`" in text
    assert "**Verdict:** accepted" in text
    assert table(document, "summary")[0]["mode"] == "only"
    assert render_html(document)


def test_no_gain_is_not_called_one(tmp_path):
    written = runs.finetune_run(tmp_path / "l.sqlite", shift={"0": 0, "1": 0, "2": -30}.get)
    text = prose(finetuning_document(written.ledger, written.run))
    assert "No, it got worse" in text
    assert "a loss on the mode trained on" in text


def test_a_result_that_is_the_same_policy(tmp_path):
    written = runs.finetune_run(tmp_path / "l.sqlite", shift=lambda _: 0, same=True)
    document = finetuning_document(written.ledger, written.run)
    assert "**same policy**" in document.blocks[0].text
    assert {row["difference"]["high"] for row in table(document, "summary")} == {0.0}
    assert "No:" in document.blocks[0].text


GUARD = {
    "adopted": False, "reason": "no gain is shown", "confidence": 0.95,
    "adaptation_episodes": 2, "evidence_episodes": 1,
}  # fmt: skip
WARM = {"warmup_explained_variance": 0.2, "warmup_fraction": 0.1, "critic_only_updates": 0}


def test_a_start_that_the_guard_kept_is_said_at_the_top(tmp_path):
    def report(**settings):
        tmp = tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite"
        written = runs.finetune_run(tmp, shift=lambda _: 0, same=True, **settings)
        return finetuning_document(written.ledger, written.run)

    document = report(safety={"guard": GUARD})
    first, *others = [block for block in document.blocks if isinstance(block, Callout)]
    assert first is document.blocks[0]
    assert "No: the guard kept the start (no gain is shown), and the result is the" in first.text
    assert (
        "**Guard.** Of 3 episodes played, 2 adapted the policy and 1 is evidence" in others[0].text
    )
    assert "guard" not in prose(report())


def test_starts_that_the_guard_kept_among_others_are_counted(tmp_path):
    written = runs.recipe_run(
        tmp_path / "l.sqlite", shift=shared, budgets=(1000,), scopes=("full",), control=False
    )
    written.ledger.write(
        "UPDATE trainings SET safety_json = ? WHERE seed = 2", (json.dumps({"guard": GUARD}),)
    )
    text = prose(finetuning_document(written.ledger, written.run))
    assert "The guard kept the start in 3 of 9 arms, which changed nothing." in text
    assert "Most frequent reason: no gain is shown." in text


@pytest.mark.parametrize(
    ("scope", "safety", "said"),
    [
        ("policy_head", {}, "(it could not act: nothing of the critic is in the scope)."),
        ("adapter", {}, "(it could not act: nothing of the critic is in the scope)."),
        ("full", {}, "(it did not act: the critic explained that much, or the first rollout"),
        ("full", {"critic_only_updates": 2}, "10% of the budget is used."),
    ],
)
def test_why_the_warm_up_did_not_act_depends_on_the_scope(tmp_path, scope, safety, said):
    written = runs.finetune_run(
        tmp_path / "l.sqlite", shift=lambda _: 0, scope=scope, safety=WARM | safety
    )
    (text,) = [
        block.text
        for block in finetuning_document(written.ledger, written.run).blocks
        if isinstance(block, Text) and "Critic warm-up" in block.text
    ]
    assert said in text


def test_without_ppo_there_is_no_critic_to_warm_up(tmp_path):
    written = runs.finetune_run(tmp_path / "l.sqlite", shift=lambda _: 0, scope="full", safety=WARM)
    written.ledger.write("UPDATE trainings SET config_json = ?", ('{"method": "reinforce"}',))
    said = "(it could not act: without PPO there is no critic to train)"
    assert said in prose(finetuning_document(written.ledger, written.run))


def test_one_step_is_one_step(tmp_path):
    assert budget_name(Key("finetune", "0", "full", 1, "steps")) == "1 environment step"
    assert budget_name(Key("finetune", "0", "full", 1, "episodes")) == "1 episode"
    assert budget_name(Key("finetune", "0", "full", 2, "episodes")) == "2 episodes"
    written = runs.finetune_run(tmp_path / "l.sqlite", shift=lambda _: 0, environment_steps=1)
    assert "executed 1 environment step in" in prose(
        finetuning_document(written.ledger, written.run)
    )


@pytest.mark.parametrize("stop", [1, 2, 14])
def test_an_interrupted_run_is_reported_as_far_as_it_came(tmp_path, stop):
    written = runs.recipe_run(tmp_path / "l.sqlite", shift=specific, stop=stop)
    document = finetuning_document(written.ledger, written.run)
    text = prose(document)
    assert f"**{stop - 1} of 48 arms** can be compared" in text
    assert "it has no result yet" in text
    assert render_html(document)
    assert render_markdown(document)
    assert len(summary_table(written.ledger, written.run).rows) == (0, 1, 3)[(1, 2, 14).index(stop)]


def test_an_evaluation_that_misses_episodes_does_not_count(tmp_path):
    written = runs.recipe_run(
        tmp_path / "l.sqlite", shift=specific, budgets=(1000,), scopes=("full",), control=False
    )
    identity = written.train("late", mode="1", seed=9, result="late")
    for mode in runs.MODES:
        values = written.returns["base", mode]
        written.evaluate("late", mode, values, keep=5 if mode == "2" else None)
    document = finetuning_document(written.ledger, written.run)
    assert "`late`: its result is not evaluated on mode 2 yet" in prose(document)
    assert table(document, "arms")[-1]["reason"] == "its result is not evaluated on mode 2 yet"
    assert [row["runs"] for row in table(document, "cost")] == [3, 3, 3]
    assert identity


def test_a_budget_that_was_not_exact_is_said(tmp_path):
    written = runs.finetune_run(tmp_path / "l.sqlite", shift={"0": 0, "1": 0, "2": 30}.get)
    written.ledger.write("UPDATE trainings SET environment_steps = 1024, frozen_unchanged = 0")
    text = prose(finetuning_document(written.ledger, written.run))
    assert "executed 1,024 of 1,000 environment steps" in text
    assert "Frozen parameters moved in 1 arm" in text


def test_an_unknown_run_is_refused(fine):
    with pytest.raises(LedgerError, match="no run 'tune'"):
        finetuning_document(fine[0].ledger, "tune")


def test_every_form_renders(whole, fine):
    for _, document in (whole, fine):
        page, text = render_html(document), render_markdown(document)
        assert "<script" not in page
        assert "nan" not in text.lower().replace("finance", "").split()


# Claims


def test_the_write_ups_claims_are_measured(whole):
    written, document = whole
    assert len(read_claims(runs.claims()["claims"])) == 38
    rows = {row["claim"]: row for row in table(document, "claims-returns")}
    base = written.returns["base", "0"]
    same(rows["Mean return on mode 0 before"]["measured"], mean_interval(base))
    tuned = after(written, "0", "0", "full", 15_000)
    same(rows["Improvement on mode 0"]["measured"], clustered_mean(tuned - base))
    early = after(written, "0", "0", "full", 1000)
    same(
        rows["Improvement on mode 0 with the 1,000 timesteps of the text"]["measured"],
        clustered_mean(early - base),
    )
    for row in rows.values():
        inside = row["measured"]["low"] <= row["stated"] <= row["measured"]["high"]
        assert (row["agreement"] == "agrees") == inside
        assert row["agreement"] in {"agrees", "within its noise", "differs"}
    others = {row["claim"]: row for row in table(document, "claims-others")}
    assert others["Parameters that full fine-tuning can change"]["agreement"] == "differs"
    assert others["Parameters that full fine-tuning can change"]["measured"] == 9155
    assert others["Parameters of the policy head"]["measured"] == 130
    assert others["Parallel environments while fine-tuning"]["agreement"] == "agrees"
    assert others["Learning rate"]["agreement"] == "agrees"
    assert others["Wall time of an entire fine-tuning"]["agreement"] == "not comparable"
    assert "RTX 4090" in others["Wall time of an entire fine-tuning"]["remark"]
    gate = others["Parameters that ASTRAL's gating adapts"]
    assert gate["agreement"] == "not comparable"
    assert "measured elsewhere" in gate["remark"]
    lengths = np.concatenate([written.returns["base", mode] for mode in runs.MODES])
    episodes = others["Episodes that 1,000 timesteps are equivalent to"]["measured"]
    assert episodes["estimate"] == pytest.approx(1000 / lengths.mean())
    assert others["Timesteps that the base policy was trained for"]["measured"] == 131_072


def test_a_budget_that_was_not_run_is_not_comparable(tmp_path):
    written = runs.recipe_run(
        tmp_path / "l.sqlite", shift=specific, budgets=(1000,), scopes=("full",)
    )
    document = finetuning_document(written.ledger, written.run)
    rows = {row["claim"]: row for row in table(document, "claims-returns")}
    assert rows["Improvement on mode 0"]["agreement"] == "not comparable"
    assert "budget of 15,000" in rows["Improvement on mode 0"]["remark"]


def claim(**changes):
    settings = {"id": "c", "claim": "c", "stated": 10.0, "unit": "return", "kind": "after_mean"}
    return Claim(**(settings | changes))


@pytest.mark.parametrize(
    ("changes", "measured", "expected"),
    [
        ({}, Interval(9, 8, 10.5), "agrees"),
        ({}, Interval(9, 8, 9.5), "differs"),
        ({"tolerance": 0.6}, Interval(9, 8, 9.5), "agrees"),
        ({}, Interval(9, math.nan, math.nan), "not comparable"),
        ({}, None, "not comparable"),
        ({"reason": "another machine"}, 10.0, "not comparable"),
        ({}, 10.0, "agrees"),
        ({"tolerance": 1}, 11.5, "differs"),
        ({"relation": "at_least"}, 9.0, "differs"),
        ({"relation": "at_least"}, 12.0, "agrees"),
        ({"relation": "below"}, 9.0, "agrees"),
        ({"relation": "below"}, 10.0, "differs"),
        ({"stated": 500.0}, Interval(500, 500, 500), "agrees"),
    ],
)
def test_agreement(changes, measured, expected):
    assert judge(claim(**changes), measured) == expected


def test_the_write_ups_own_interval_is_students():
    values = np.random.default_rng(0).normal(400, 80, 20)
    other = np.random.default_rng(1).normal(450, 20, 20)
    own = own_interval(claim(stated=values.mean(), sample=Sample(20, (values.std(),))))
    known = stats.ttest_1samp(values, 0).confidence_interval()
    assert (own.low, own.high) == pytest.approx((known.low, known.high))
    gap = other.mean() - values.mean()
    own = own_interval(claim(stated=gap, sample=Sample(20, (values.std(), other.std()))))
    known = stats.ttest_ind(other, values, equal_var=False).confidence_interval()
    assert (own.low, own.high) == pytest.approx((known.low, known.high))
    own = own_interval(claim(kind="before_std", stated=values.std(), sample=Sample(20, ())))
    quantiles = stats.chi2.ppf([0.975, 0.025], 19)
    assert (own.low, own.high) == pytest.approx(
        tuple(math.sqrt(((values - values.mean()) ** 2).sum() / q) for q in quantiles)
    )
    assert own_interval(claim()) is None


def test_beyond_noise():
    assert beyond_noise(Interval(10, 0, 20), Interval(16, 15, 17)) is False
    assert beyond_noise(Interval(10, 8, 12), Interval(16, 15, 17)) is True
    assert beyond_noise(Interval(16, 15, 17), Interval(10, 8, 12)) is True
    assert beyond_noise(None, Interval(16, 15, 17)) is None
    assert beyond_noise(Interval(10, 8, 12), 16.0) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"untit": "x"}, "unknown key 'untit'"),
        ({"unit": "retrun"}, "unit 'retrun'"),
        ({"measure": {"kind": "before_men"}}, "did you mean|before_mean"),
        ({"measure": {"kind": "before_mean", "mod": "0"}}, "unknown key 'mod'"),
        ({"relation": "near"}, "relation 'near'"),
        ({"stated": "many"}, "wrong kind"),
        ({"sample": {"stds": [1]}}, "wrong kind"),
    ],
)
def test_a_claim_that_cannot_be_read_is_refused(changes, message):
    good = {"id": "a", "claim": "a", "stated": 1, "unit": "return",
            "measure": {"kind": "before_mean", "mode": "0"}}  # fmt: skip
    assert read_claims([good])
    with pytest.raises(RecipeError, match=message):
        read_claims([good | changes])
    with pytest.raises(RecipeError, match="two claims have the id 'a'"):
        read_claims([good, good])
    with pytest.raises(RecipeError, match="has no 'unit'"):
        read_claims([{key: value for key, value in good.items() if key != "unit"}])


# Spread


def test_intervals_of_a_deviation_and_a_ratio():
    rng = np.random.default_rng(2)
    before, tuned = rng.normal(400, 80, 400), rng.normal(480, 20, (3, 400))
    change = deviation_change(before, tuned)
    assert change.estimate == pytest.approx(tuned.std(axis=1).mean() / before.std() - 1)
    assert change.low < -0.75 < change.high
    assert change.high - change.low < 0.06
    assert deviation(before[None]).estimate == pytest.approx(before.std())
    gain = relative_gain([before], [tuned])
    assert gain.estimate == pytest.approx(tuned.mean() / before.mean() - 1)
    assert gain.low < gain.estimate < gain.high
    flat = np.full((2, 400), 500.0)
    assert deviation_change(before, flat) == Interval(-1.0, -1.0, -1.0)
    assert math.isnan(deviation_change(flat[0], tuned).estimate)

"""The report of cloning and fleet: every number computed again, and sentences that turn the right way."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from ratchet.errors import LedgerError, RecipeError
from ratchet.evaluation.statistics import mean_interval, paired_difference, wilson
from ratchet.ledger import Ledger
from ratchet.report import render_html, render_markdown
from ratchet.report.claims import judge, own_interval, read_claims
from ratchet.report.document import Bullets, Callout, Heading, Text
from ratchet.report.loop import curves, is_loop, loop_document, loop_summary, promotions
from ratchet.report.loop.claimed import KINDS
from ratchet.report.loop.outcomes import fights, outcomes
from ratchet.report.publish import report_data
from report import loops

_PICTURES = ("returns_picture", "pawl_picture", "queue_picture", "tuning_picture")


@pytest.fixture(autouse=True)
def undrawn(monkeypatch, document):
    """Leave the pictures of all but the shared document away: `test_loop_pictures` draws them."""
    for name in _PICTURES:
        monkeypatch.setattr(curves, name, lambda *_, **__: b"<svg/>")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return loops.loop_run(tmp_path_factory.mktemp("loop") / "l.sqlite", gain=12.0)


@pytest.fixture(scope="module")
def document(written):
    return loop_document(written.ledger, written.run)


@pytest.fixture(scope="module")
def data(document):
    return report_data(document)


def answer(document) -> str:
    return next(block for block in document.blocks if isinstance(block, Callout)).text


def prose(document) -> str:
    parts = []
    for block in document.blocks:
        if isinstance(block, (Callout, Text, Heading)):
            parts.append(block.text)
        elif isinstance(block, Bullets):
            parts += block.items
    return "\n".join(parts)


def interval(found) -> tuple:
    return found["estimate"], found["low"], found["high"]


def values(written, policy, name) -> np.ndarray:
    return np.array([metrics[name] for metrics in written.evaluated[policy]], float)


def test_the_answer_is_the_paired_difference_on_the_fixed_seeds(written, document):
    gap = paired_difference(values(written, "clone", "floor"), values(written, "ppo", "floor"))
    assert gap.low > 0
    expected = (
        f"Yes: final floor {gap.estimate:+.2f} [{gap.low:.2f}, {gap.high:.2f}] over 20 paired games"
    )
    assert expected in answer(document)
    assert "Against the teacher" in answer(document)
    first = document.blocks[0]
    assert isinstance(first, Callout)
    assert first.kind == "good"


def test_a_row_a_policy_with_the_write_ups_columns(written, data):
    rows = data["tables"]["evaluation"]
    assert [row["policy"] for row in rows] == ["Teacher (heuristic)", "Clone", "PPO checkpoint"]
    row = rows[1]
    floors = values(written, "clone", "floor")
    assert row["games"] == 20
    mean = mean_interval(floors)
    assert interval(row["floor"]) == pytest.approx((mean.estimate, mean.low, mean.high))
    reached = wilson(int((values(written, "clone", "act") >= 2).sum()), 20)
    assert interval(row["act_2"]) == pytest.approx((reached.estimate, reached.low, reached.high))
    assert row["floor_20"]["estimate"] == pytest.approx(float((floors >= 20).mean()))
    assert row["win_rate"]["estimate"] == 0.0
    assert interval(row["return"])[0] == pytest.approx(written.returns["clone"].mean())
    fought = int(values(written, "clone", "elite_fights").sum())
    won = int(values(written, "clone", "elite_wins").sum())
    assert row["elite"] == f"{won}/{fought}"


def test_paired_differences_of_rates_and_means(written, data):
    (row,) = [r for r in data["tables"]["paired-differences"] if r["policies"] == "clone → PPO"]
    before, after = (values(written, policy, "floor") for policy in ("clone", "ppo"))
    assert row["pairs"] == 20
    assert row["equal"] == int((before == after).sum())
    assert row["floor_20"]["estimate"] == pytest.approx(
        float((after >= 20).mean() - (before >= 20).mean())
    )
    wins = (np.sign(after - before) + 1) / 2
    assert row["improved"]["estimate"] == pytest.approx(float(wins.mean()))
    assert row["verdict"] == "better"


def test_one_policy_under_two_names_is_called_so(tmp_path):
    written = loops.loop_run(tmp_path / "l.sqlite", same=True)
    document = loop_document(written.ledger, written.run)
    said = answer(document)
    assert said.startswith(
        "**Is the PPO checkpoint better than its clone on the fixed seeds?** No: **same policy**"
    )
    assert "all 20 episodes are equal" in said
    rows = report_data(document)["tables"]["paired-differences"]
    (row,) = [row for row in rows if row["policies"] == "clone → PPO"]
    assert row["verdict"] == "same policy"
    assert interval(row["floor"]) == (0.0, 0.0, 0.0)


def test_equal_episodes_alone_do_not_make_one_policy(tmp_path):
    written = loops.Loop(tmp_path / "l.sqlite", **loops.RECIPE)
    written.clone()
    written.evaluate("clone", "clone")
    written.fleet()
    written.evaluate("ppo", "PPO", like="clone")
    written.compared("clone", "ppo", same=False)
    document = loop_document(written.finish().ledger, written.run)
    assert "Not shown: final floor 0.00 [0.00, 0.00]" in answer(document)
    assert "The teacher has not played these seeds." in answer(document)


def test_configuration_has_the_write_ups_rows(written, data):
    rows = {row["field"]: row["value"] for row in data["tables"]["configuration"]}
    assert rows["Rollout workers observed"] == 1  # the other one never finished an episode
    assert rows["Completed rollout games"] == 6 * 8 + 5
    assert rows["PPO update rows"] == 6
    assert rows["Rollouts consumed by the trainer"] == 48
    assert rows["Transitions learned from"] == written.transitions
    assert rows["Batch size, games a PPO update"] == 8
    assert rows["PPO epochs"] == 4
    assert rows["Initial learning rate"] == 3e-5
    assert rows["Clip range"] == 0.15
    assert rows["Target KL"] == 0.03
    assert rows["Max rollout lag, versions"] == 4
    assert rows["Stale rollouts"] == 0
    assert rows["Budget"] == "80 games"
    assert rows["Machine"]


def test_training_outcome_is_of_every_game_learned_from(written, data):
    rows = {row["metric"]: row["value"] for row in data["tables"]["training-outcome"]}
    floors = np.array([metrics["floor"] for metrics in written.trained], float)
    assert len(floors) == 48
    mean = mean_interval(floors)
    assert interval(rows["Average final floor"]) == pytest.approx(
        (mean.estimate, mean.low, mean.high)
    )
    twenty = wilson(int((floors >= 20).sum()), 48)
    assert interval(rows["Floor 20+"]) == pytest.approx((twenty.estimate, twenty.low, twenty.high))
    fought = sum(metrics["boss_fights"] for metrics in written.trained)
    won = sum(metrics["boss_wins"] for metrics in written.trained)
    assert rows["Boss fights / wins"] == f"{fought} / {won}"
    assert rows["Latest approximate KL"] == pytest.approx(0.06)
    assert rows["Latest early-stop flag"] == 0
    assert rows["Updates stopped early"] == 1
    assert rows["Updates of the critic alone"] == 1


def test_the_critic_alone_says_nothing_of_the_policy(tmp_path):
    written = loops.loop_run(tmp_path / "l.sqlite", critic_only=6, looks=())
    data = report_data(loop_document(written.ledger, written.run))
    rows = {row["metric"]: row["value"] for row in data["tables"]["training-outcome"]}
    assert rows["Latest approximate KL"] is None
    assert rows["Latest explained variance"] == pytest.approx(0.6)
    claims = {row["claim"]: row for row in data["tables"]["claims-training"]}
    assert claims["Latest approximate KL"]["agreement"] == "not comparable"


def test_the_pawls_verdicts_and_what_best_is(written, data, document):
    rows = data["tables"]["promotions"]
    assert [(row["update"], row["episodes"], row["verdict"]) for row in rows] == [
        (2, 16, "rejected"), (4, 32, "accepted"),
    ]  # fmt: skip
    assert rows[1]["difference"] == pytest.approx(2.0)
    assert "It took 1 of 2." in prose(document)
    assert "promotions.svg" in data["figures"]


def test_of_very_many_looks_the_table_has_what_matters(tmp_path, monkeypatch):
    monkeypatch.setattr(promotions, "_MANY", 1)
    monkeypatch.setattr(promotions, "_LAST", 1)
    written = loops.loop_run(tmp_path / "l.sqlite")
    document = loop_document(written.ledger, written.run)
    rows = report_data(document)["tables"]["promotions"]
    assert [(row["update"], row["verdict"]) for row in rows] == [(4, "accepted")]
    assert "It took 1 of 2." in prose(document)
    assert "the last 1; the ledger" in prose(document)


def test_the_checkpoint_that_the_pawl_took_is_named_where_it_is_evaluated(tmp_path):
    written = loops.loop_run(tmp_path / "l.sqlite")
    written.evaluate("p4", "PPO, best")
    found = report_data(loop_document(written.ledger, written.run))["tables"]
    assert [row["policy"] for row in found["evaluation"]][-1] == "PPO, best by the pawl"
    assert "clone → best" in [row["policies"] for row in found["paired-differences"]]


def test_the_spool_adds_up_or_the_report_says_so(written, document, data):
    assert "The books add up" in prose(document)
    rows = {row["state"].split(":")[0]: row for row in data["tables"]["spool"]}
    assert rows["consumed"]["episodes"] == 48
    assert sum(row["episodes"] for row in rows.values()) == 53
    (worker, _) = data["tables"]["workers"]
    assert (worker["restarts"], worker["crashes"], worker["discarded"]) == (1, "killed 1", 2)
    assert worker["waiting"] == pytest.approx(0.1)


def test_shares_of_time_sum_to_the_wall(data):
    rows = {row["part"]: row["seconds"] for row in data["tables"]["time"]}
    assert rows["waiting for episodes"] == 6.0
    assert rows["learning"] == 24.0
    assert rows["the pawl's games"] == 3.0
    assert rows["checkpoints and versions"] == 2.0
    assert sum(rows.values()) == pytest.approx(60.0)


def test_a_missing_book_is_said(tmp_path):
    written = loops.loop_run(tmp_path / "l.sqlite", books=False, stale=3)
    document = loop_document(written.ledger, written.run)
    assert "its spool was not counted" in prose(document)
    rows = {r["field"]: r["value"] for r in report_data(document)["tables"]["configuration"]}
    assert rows["Completed rollout games"] is None
    assert rows["Stale rollouts"] == 3


def test_books_that_do_not_add_up_are_said(tmp_path):
    written = loops.loop_run(tmp_path / "l.sqlite", books=False)
    written._books("clone", 47, 0)
    assert "The books do not add up" in prose(loop_document(written.ledger, written.run))


def test_accuracy_in_all_by_kind_and_by_screen(data):
    rows = {row["decisions_of"]: row for row in data["tables"]["cloning-accuracy"]}
    share = wilson(170, 200)
    assert interval(rows["all"]["accuracy"]) == pytest.approx(
        (share.estimate, share.low, share.high)
    )
    assert rows["with more than one legal action"]["agreed"] == 120
    assert rows["action: end turn"]["decisions"] == 40
    assert rows["screen: map"]["accuracy"] is None
    values = data["values"]["cloning"]
    assert values["samples (decisions)"] == "2,000"
    assert values["epochs of the policy"] == "3; number 2 was kept"


def test_every_number_of_the_write_up_is_a_claim():
    """The numbers as Experiment 002 prints them; counts of fights stand as rates, with the counts in words."""
    found = read_claims(loops.claims()["claims"], KINDS)
    stated = {claim.stated for claim in found}
    for number in (3, 160, 19, 152, 21_658, 8, 4, 3e-5, 1.875e-5, 0.15, 0.03, 0.001, 0.10, 0, 32, 250,
                   13.15, -0.47, 0.119, 0.088, 0.0364123, 0.189614, 0.177785, 1, 25, 13.08, -0.62,
                   0.12, 0.0):  # fmt: skip
        assert number in stated, number
    words = " ".join(f"{claim.claim} {claim.note}" for claim in found)
    for counts in ("193 in 160", "143 of 193", "74 in 160", "19 of 74", "25/32", "3/10"):
        assert counts in words
    by_id = {claim.id: claim for claim in found}
    assert by_id["elite-fights"].stated == 193 / 160
    assert by_id["elite-wins"].stated == pytest.approx(143 / 193, abs=5e-5)
    assert by_id["boss-fights"].stated == 74 / 160
    assert by_id["boss-wins"].stated == pytest.approx(19 / 74, abs=5e-5)


def test_claims_stand_beside_what_the_tables_have(written, data):
    tables = data["tables"]
    claims = {
        row["claim"]: row
        for key in ("claims-configuration", "claims-training", "claims-evaluation")
        for row in tables[key]
    }
    assert len(claims) == len(loops.claims()["claims"])
    assert all(row["measured"] is not None for row in claims.values())
    assert claims["PPO epochs"]["agreement"] == "agrees"
    assert claims["Rollout workers observed"]["agreement"] == "differs"
    assert claims["Completed rollout games"]["agreement"] == "not comparable"
    floor = claims["Average floor of the PPO checkpoint"]
    assert floor["measured"] == tables["evaluation"][2]["floor"]
    assert floor["stated"] == 13.08
    rate = claims["Act 2 reach of the clone (BC checkpoint)"]
    own = wilson(3, 25)
    assert interval(rate["own"]) == pytest.approx((own.estimate, own.low, own.high))
    kl = claims["Latest approximate KL"]
    low, high = np.quantile([0.02, 0.03, 0.04, 0.05, 0.06], [0.025, 0.975])
    assert interval(kl["measured"]) == pytest.approx((0.06, low, 0.06))
    assert high < 0.06
    assert kl["agreement"] == "agrees"
    assert claims["Average floor of the PPO checkpoint less the clone's"]["agreement"] == "differs"


def test_a_number_within_a_range_is_neither_too_uncertain_nor_noise():
    (claim,) = read_claims(
        [
            {
                "id": "a", "claim": "a", "stated": 2.0, "unit": "rate", "relation": "within",
                "measure": {"kind": "update", "key": "approx_kl"},
            }
        ],
        KINDS,
    )  # fmt: skip
    wide = type(wilson(1, 2))(1.0, 0.0, 9.0)
    assert judge(claim, wide) == "agrees"
    assert judge(claim, type(wide)(1.0, 0.0, 1.5)) == "differs"
    assert own_interval(claim) is None


def test_claims_of_another_write_up_are_refused(tmp_path):
    recipe = loops.RECIPE | {
        "claims": [{"id": "a", "claim": "a", "stated": 1, "unit": "count",
                    "measure": {"kind": "before_mean"}}]
    }  # fmt: skip
    written = loops.Loop(tmp_path / "l.sqlite", **recipe)
    with pytest.raises(RecipeError, match="measures 'before_mean'"):
        loop_document(written.finish().ledger, written.run)


def test_a_task_without_a_games_metrics_has_its_return_and_length(tmp_path):
    written = loops.loop_run(tmp_path / "l.sqlite", games=False)
    document = loop_document(written.ledger, written.run)
    data = report_data(document)
    assert list(data["tables"]["evaluation"][0]) == ["policy", "games", "return", "length"]
    assert "return " in answer(document)
    training = [row["metric"] for row in data["tables"]["training-outcome"]]
    assert training[:2] == ["Average reward", "Episode length"]
    claims = {row["claim"]: row for row in data["tables"]["claims-evaluation"]}
    assert claims["Win rate of the PPO checkpoint"]["agreement"] == "not comparable"


def test_outcomes_of_a_task_of_ones_own():
    metrics = {
        "return": np.array([1.0, 2.0]), "length": np.array([5.0, 5.0]),
        "landed": np.array([0.0, 1.0]), "fuel": np.array([0.5, np.nan]),
    }  # fmt: skip
    found = {outcome.name: outcome for outcome in outcomes(metrics)}
    assert list(found) == ["return", "length", "landed", "fuel"]
    assert found["landed"].rate
    assert found["landed"].interval == wilson(1, 2)
    assert found["fuel"].interval.estimate == 0.5
    assert fights(metrics) == ()


def test_many_episodes_have_the_normal_interval():
    values = np.random.default_rng(0).normal(3.0, 2.0, 5000)
    (outcome,) = outcomes({"return": values})
    half = 1.96 * values.std(ddof=1) / np.sqrt(5000)
    found = outcome.interval
    assert (found.estimate, found.high - found.estimate) == pytest.approx(
        (values.mean(), half), rel=1e-4
    )


def test_a_fleet_by_itself(tmp_path):
    recipe = {"task": "spire", "modes": ["a0"], "base": "clone", "metric": "return",
              "plan": {"batch": 8, "max_lag": 4, "environments": 16}, "pawl": {"confidence": 0.95},
              "promote_every": 16, "validation": "validation_100", "fleet": loops.FLEET}  # fmt: skip
    written = loops.Loop(tmp_path / "l.sqlite", kind="fleet", name="fleet", **recipe)
    written.fleet(looks=(2, 4, 6), accepted=(2, 6))
    document = loop_document(written.finish().ledger, "fleet")
    said = answer(document)
    assert "Has the fleet made its policy better?" in said
    assert "by return the pawl took 2 of 3 candidates, the last at update 6. By how much," in said
    assert "`ratchet compare fleet/checkpoints/start-clone fleet@best spire`" in said
    keys = {table.key for table in document.tables}
    assert {"configuration", "training-outcome", "promotions", "spool", "time"} <= keys
    assert not keys & {"evaluation", "cloning-accuracy", "claims-training"}
    assert [row.cells[0][0].value for row in [loop_summary(written.ledger, "fleet")]] == ["updates"]


def test_a_cloning_by_itself(tmp_path):
    recipe = {"task": "spire", "teacher": "heuristic", "episodes": 6}
    written = loops.Loop(tmp_path / "l.sqlite", kind="clone", name="clone", **recipe)
    document = loop_document(written.ledger, "clone")
    assert "That is open: the cloning has not ended." in answer(document)
    written.clone()
    document = loop_document(written.finish().ledger, "clone")
    assert "the teacher's action in 85.0% [" in answer(document)
    assert "200 decisions held back" in answer(document)
    assert {table.key for table in document.tables} == {"cloning-accuracy", "policies"}


def test_a_run_that_was_interrupted_is_reported_as_far_as_it_came(tmp_path):
    written = loops.Loop(tmp_path / "l.sqlite", **loops.RECIPE)
    written.clone()
    written.evaluate("clone", "clone", keep=5)
    written.fleet(status="interrupted", looks=(2,), updates=3)
    document = loop_document(written.finish("interrupted").ledger, written.run)
    assert "That is open" in answer(document)
    assert "The run is interrupted (`clone` is finished, `fleet` is interrupted)" in prose(document)
    assert "evaluation" not in {table.key for table in document.tables}


def test_a_run_that_has_just_begun_has_a_report(tmp_path):
    written = loops.Loop(tmp_path / "l.sqlite", **loops.RECIPE)
    document = loop_document(written.ledger, written.run)
    assert "That is open" in answer(document)
    assert render_html(document)


def test_seeds_that_chose_and_report_are_said(tmp_path):
    written = loops.Loop(tmp_path / "l.sqlite", **loops.RECIPE)
    written.clone()
    written.evaluate("clone", "clone")
    written.validate("clone", 10, first=115)  # the last five of the report's
    written.fleet()
    document = loop_document(written.finish().ledger, written.run)
    assert "5 seeds of this report also chose `best`" in prose(document)


def test_both_renderings_and_json_say_the_same(document, data):
    html, markdown = render_html(document), render_markdown(document)
    for table in document.tables:
        assert table.key in data["tables"]
    assert html.count("<table") == len(document.tables)
    assert "ratchet report loop" in markdown
    assert json.loads(json.dumps(data)) == data
    assert not re.search(r"\bnan\b", markdown.lower())  # what is not a number is n/a


def test_a_run_of_another_kind_is_refused(tmp_path):
    ledger = Ledger.open(tmp_path / "l.sqlite")
    ledger.start_run("a", name="a", kind="compare", seed=0, task="spire", recipe={})
    with pytest.raises(LedgerError, match="neither a cloning, nor a fleet"):
        loop_document(ledger, "a")


def test_a_killed_trainers_half_update_is_left_out(tmp_path):
    """Of an update two rows are written, one after the other; a process may die between them."""
    loop = loops.loop_run(tmp_path / "l.sqlite")
    identity = next(t for t in loop.ledger.rows("SELECT id FROM trainings WHERE kind = 'fleet'"))
    loop.ledger.add_update(identity["id"], 7, environment_steps=9_999, metrics={"critic_only": 0})
    data = report_data(loop_document(loop.ledger, loop.run))
    rows = {row["field"]: row["value"] for row in data["tables"]["configuration"]}
    assert rows["PPO update rows"] == 6


def test_is_loop_knows_its_runs(written):
    from ratchet.ledger import queries

    assert is_loop(queries.run(written.ledger, written.run))

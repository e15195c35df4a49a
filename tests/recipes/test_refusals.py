"""What is refused leaves everything as it was; what is the same policy is called so; what is broken is placed."""

import numpy as np
import pytest

from journeys import SMALL_WORDS, command, ledger_of
from ratchet.errors import PolicyError, RecipeError
from ratchet.ledger import queries
from ratchet.policies.checkpoint import follow, publish, read_checkpoint
from ratchet.policies.initial import new_policy
from ratchet.recipes.settings import pawl_settings, safety_config
from ratchet.rollout.fit import spec_for
from ratchet.tasks.cartpole import cartpole_modes

WORDS = ["cartpole-modes", "--mode", "1", "--seeds", 12, *SMALL_WORDS]


@pytest.fixture
def tuned(tmp_path):
    start = publish(new_policy(spec_for(cartpole_modes()), 3), tmp_path / "start")
    words = ["finetune", start, *WORDS, "--name", "one", "--root", tmp_path / "runs"]
    assert command(*words, "--steps", 300) == 0
    return words


def test_a_refused_resume_leaves_the_run_as_it_was(tuned, tmp_path, capsys):
    with ledger_of(tmp_path / "runs") as ledger:
        before = queries.run(ledger, "one")
    assert command(*tuned, "--steps", 200, "--resume") == 2
    assert "begun with budget 300, not 200" in capsys.readouterr().err.replace("\n", " ")
    with ledger_of(tmp_path / "runs") as ledger:
        assert queries.run(ledger, "one") == before


def test_a_refused_resume_names_the_setting_that_differs(tuned, capsys):
    assert command(*tuned, "--steps", 300, "--resume", "--set", "safety.rollback_kl=0.1") == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "begun with safety.rollback_kl 0.5, not 0.1" in said


def test_a_policy_that_acts_the_same_is_the_same_policy(tmp_path, capsys):
    """The critic alone learns: the weights differ, and nothing that it does."""
    start = publish(new_policy(spec_for(cartpole_modes()), 3), tmp_path / "start")
    words = ["finetune", start, *WORDS, "--scope", "value", "--root", tmp_path / "runs"]
    assert command(*words, "--steps", 300, "--json") == 0
    assert '"reason": "same policy' in capsys.readouterr().out


def test_a_damaged_best_names_the_newest_good_one_of_the_run(tuned, tmp_path):
    run = tmp_path / "runs" / "one"
    latest = follow(run, "latest")
    file = latest / "policy.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(PolicyError, match=r"the last good one is .*/result-\d+"):
        read_checkpoint(latest)


def test_every_published_result_is_in_the_ledger(tuned, tmp_path):
    with ledger_of(tmp_path / "runs") as ledger:
        (training,) = queries.trainings(ledger, "one")
        published = queries.checkpoints(ledger, training.id)
    assert training.result_policy in {checkpoint.policy_id for checkpoint in published}
    assert training.safety["preflight"] == "its file records no score to hold it against"


def test_settings_of_safety_and_pawl():
    assert safety_config({"rollback_kl": 0.1}).rollback_kl == 0.1
    assert pawl_settings({"confidence": 0.99}).confidence == 0.99
    with pytest.raises(RecipeError, match="did you mean 'rollback_kl'"):
        safety_config({"rollback": 0.1})
    with pytest.raises(RecipeError, match="did you mean 'margin'"):
        pawl_settings({"margins": 1})
    with pytest.raises(RecipeError, match=r"pawl\.margin is 'much'"):
        pawl_settings({"margin": "much"})


def test_a_result_is_no_better_than_the_best_there_is():
    """Intervals of returns end at the maximum."""
    from ratchet.evaluation.forgetting import forgetting_matrix

    generator = np.random.default_rng(0)
    after = np.minimum(generator.normal([[499], [400]], 5, (2, 40)), 500.0)
    before = {"a": np.full(40, 300.0)}
    free = forgetting_matrix(before, {"a": {"a": after}}).rows["a"].cells["a"].after
    held = forgetting_matrix(before, {"a": {"a": after}}, maximum=500.0).rows["a"].cells["a"].after
    assert free.high > 500.0 == held.high
    assert (held.estimate, held.low) == (free.estimate, free.low)

"""The recipes of a fleet's experiment: what ships can be run, and what cannot is refused before anything is."""

import pytest

from ratchet.errors import InputError
from ratchet.recipes.parallel import ParallelRecipe, prepare_loop
from ratchet.recipes.schema import read_claims, read_recipe

SHIPPED = ["parallel-ppo", "parallel-ppo-best"]


@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_can_be_run(name, quick):
    recipe = read_recipe(name, quick=quick)
    assert isinstance(recipe, ParallelRecipe)
    prepared = prepare_loop(recipe, read_claims(recipe))
    record = prepared.record()
    assert record["recipe"] == name
    assert record["modes"] == ["a0"]
    assert record["lists"]["report"].startswith("eval_200")
    assert record["lists"]["validation"].startswith("validation_100")
    assert len(prepared.report.seeds) == (25 if quick else 200)
    assert not set(prepared.report.seeds) & set(prepared.validation.seeds)
    assert bool(record["claims"]) == (name == "parallel-ppo")


def test_quick_changes_of_a_table_what_it_names_alone():
    whole, quick = (read_recipe("parallel-ppo", quick=quick).fleet for quick in (False, True))
    assert quick == whole | {"warmup_updates": 2}


def test_the_first_is_as_the_write_up_has_it():
    recipe = read_recipe("parallel-ppo")
    assert (recipe.workers, recipe.batch, recipe.max_lag, recipe.network) == (3, 8, 4, "mlp")
    assert recipe.fleet == {
        "learning_rate": 3e-5, "n_epochs": 4, "clip_range": 0.15, "target_kl": 0.03,
        "ent_coef": 0.001, "anchor": 0.10,
    }  # fmt: skip
    assert (recipe.demonstrations, recipe.minutes, recipe.promote_every) == (400, 45, 250)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("modes=['b0']", "b0"),
        ("teacher='nobody'", "no teacher 'nobody'; it has heuristic"),
        ("metric='beauty'", "beauty"),
        ("validation='eval'", "eval"),
        ("fleet.lerning_rate=1", "did you mean 'learning_rate'"),
        ("cloning.patience=0", "patience is 0"),
        ("validation='eval_200'", "200 seeds in common"),
        ("episodes=7", "less than one update's batch of 8"),
        ("minutes=inf", "finite"),
        ("workers=0", "workers"),
        ("fleet.learning_rate=3e-4", "learning_rate"),
        ("fleet.anchor=0.5", "anchor"),
        ("modes=['a0', 'a0']", "a0"),
        ("modes=['a0', 'a1']", "of one mode, or of all"),
        ("network='cnn'", "there is no network 'cnn'"),
    ],
)
def test_what_cannot_be_run_is_refused(setting, said):
    with pytest.raises(InputError, match=said):
        prepare_loop(read_recipe("parallel-ppo", [setting]), [])

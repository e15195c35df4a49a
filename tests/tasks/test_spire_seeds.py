"""Seeds of games in lists: as the game shows them, one text a seed, and apart from those of training."""

import pytest

from ratchet.errors import SeedError
from ratchet.recipes.seed_lists import read_seed_list, shipped_list
from ratchet.seeding import TRAINING_DOMAIN
from ratchet.tasks.registry import find_task
from ratchet.tasks.spire import SpireTask
from ratchet.tasks.task import Mode
from spire.seeds import seed_text


@pytest.fixture(scope="module")
def task():
    return find_task("spire")


@pytest.mark.parametrize("name", ["eval_200", "validation_100"])
def test_the_lists_that_ship_are_seeds_of_games(task, name):
    found = read_seed_list(shipped_list(name), task)
    assert len(found.seeds) == int(name.rpartition("_")[2])
    assert all(0 <= seed < TRAINING_DOMAIN for seed in found.seeds)
    env = task.make(2)
    env.reset(seed=list(found.seeds[:2]))
    texts = [seed_text(int(env.game(copy).record.seed)) for copy in range(2)]
    written = shipped_list(name).read_text().splitlines()
    assert texts == [line for line in written if not line.startswith("#")][:2]


def test_a_text_is_the_number_that_the_game_has(task):
    assert task.seed_of("10") == 35
    assert task.seed_of("1TL5") == ((1 * 35 + 28) * 35 + 21) * 35 + 5
    assert task.seed_of("o1o") == task.seed_of("010") == task.seed_of("10")
    # half of the game's seeds are below zero, and none of these is a training seed
    assert task.seed_of(seed_text(-1)) == -1
    assert task.seed_of(seed_text(-(2**63))) == -(2**63) == task.lowest_seed


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["1TL5", "OX", "0x"], "line 3: '0x' is the seed of line 2 again"),
        (["0", "o"], "line 2: 'o' is the seed of line 1 again"),
        (["A", "", "GOOD-LUCK"], "line 3: seed 'GOOD-LUCK' holds '-'"),
        (
            ["# fine", "TOOMANYLETTERSHERE"],
            "line 2: seed 'TOOMANYLETTERSHERE' is too long; the game",
        ),
        (["6000000000000"], "line 1: seed '6000000000000' is too long"),
        (
            [seed_text(TRAINING_DOMAIN + 7)],
            f"line 1: seed {TRAINING_DOMAIN + 7} is a training seed",
        ),
    ],
)
def test_what_is_refused(task, tmp_path, lines, says):
    path = tmp_path / "mine.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(SeedError) as refused:
        read_seed_list(path, task)
    assert says in str(refused.value)


def test_a_run_without_ascension_is_evaluated_where_no_mode_is_named(task):
    assert task.usual_modes == ("a0",)
    assert SpireTask("fights", [Mode("mine", {"encounter": "CULTIST"})]).usual_modes == ()

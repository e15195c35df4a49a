"""Lists of seeds: read as the task writes them, refused by the line; and those that ship follow their rule."""

from pathlib import Path

import pytest

from environments import Counting
from ratchet.errors import SeedError
from ratchet.recipes.seed_lists import read_seed_list, shipped_list
from ratchet.seeding import TRAINING_DOMAIN, derive, report_seeds, selection_seeds
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import GymnasiumTask
from spire.seeds import parse_seed, seed_text

ROOT = Path(__file__).parents[2]
SHIPPED = {"eval_200": 200, "validation_100": 100}


class Worded(GymnasiumTask):
    """Writes its seeds in base 36, large or small, and has some below zero."""

    lowest_seed = -50

    def seed_of(self, text):
        try:
            return int(text, 36)
        except ValueError as error:
            raise SeedError(f"{text!r} is no word") from error


@pytest.fixture
def read(tmp_path):
    def run(text, task=None, first=None):
        path = tmp_path / "list.txt"
        path.write_text(text, encoding="utf-8")
        return read_seed_list(path, task or cartpole_modes(), first)

    return run


def lines(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_list_that_ships_follows_its_rule(name):
    path = ROOT / "seeds" / f"{name}.txt"
    wanted = [derive("seeds", name, number) for number in range(SHIPPED[name])]
    assert lines(path) == [seed_text(seed) for seed in wanted]
    assert f'derive("seeds", "{name}", k)' in path.read_text()
    # the repository and the package have one and the same file
    assert shipped_list(name).read_text() == path.read_text()


def test_the_lists_that_ship_meet_neither_each_other_nor_anything_else_that_is_played():
    seeds = [parse_seed(text) for name in SHIPPED for text in lines(ROOT / "seeds" / f"{name}.txt")]
    assert len(set(seeds)) == 300
    assert 0 <= min(seeds) <= max(seeds) < TRAINING_DOMAIN
    assert not set(seeds) & {*report_seeds(10_000), *selection_seeds(10_000)}


def test_a_list_that_does_not_ship():
    with pytest.raises(SeedError, match=r"no seed list 'eval_20' ships: did you mean 'eval_200'"):
        shipped_list("eval_20")


def test_a_list_is_read_in_its_order(read):
    found = read("\ufeff# mine\n7\n\n3  # three\n 2305843009213693952 \n0")
    assert (found.name, found.seeds) == ("list.txt", (7, 3, 2**61, 0))


def test_a_slice(read):
    text = "5\n6\n# a remark\n7\n"
    assert (read(text, first=2).name, read(text, first=2).seeds) == ("list.txt, first 2", (5, 6))
    assert read(text, first=3).seeds == read(text).seeds == (5, 6, 7)
    with pytest.raises(SeedError, match=r"list\.txt holds 3 seeds, and not 4"):
        read(text, first=4)


def test_seeds_as_the_task_writes_them(read):
    task = Worded("worded", Counting)
    assert read("z\n10\n-1\n", task).seeds == (35, 36, -1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("z\n# one\n-\n", "line 3: '-' is no word"),
        ("ab\n\nc\nAB\n", "line 4: 'AB' is the seed of line 1 again"),
        ("z\n-2z\n", r"line 2: seed -107 is outside -50 … "),
        ("0\n1y2p0ij32e8e8\n", r"line 2: seed 9223372036854775808 is outside"),
        ("1y2p0ij32e8e7\n", "line 1: seed 9223372036854775807 is a training seed"),
        ("# nothing\n\n", "holds no seed; it needs one a line"),
    ],
)
def test_what_is_no_seed_is_refused_with_its_line(read, text, says):
    with pytest.raises(SeedError, match=rf"seed file \S+list\.txt.*{says}"):
        read(text, Worded("worded", Counting))


def test_a_file_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "missing.txt"):
        with pytest.raises(SeedError, match="cannot be read"):
            read_seed_list(path, cartpole_modes())

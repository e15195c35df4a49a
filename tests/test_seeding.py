"""Seeds: unique, repeatable, and in domains that cannot meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.errors import SeedError
from ratchet.seeding import (
    SEED_LIMIT,
    SELECTION_START,
    TRAINING_DOMAIN,
    check_evaluation_seeds,
    derive,
    report_seeds,
    selection_seeds,
    training_seed,
)

numbers = st.integers(0, 2**63 - 1)


@given(numbers, numbers, numbers, numbers)
def test_a_training_seed_is_never_an_evaluation_seed(run, attempt, worker, episode):
    seed = training_seed(run, attempt, worker, episode)
    assert TRAINING_DOMAIN <= seed < SEED_LIMIT == 2**63
    with pytest.raises(SeedError, match=f"{seed} is a training seed"):
        check_evaluation_seeds([seed])


def test_a_hundred_thousand_training_seeds_are_all_different():
    seeds = {
        training_seed(run, attempt, worker, episode)
        for run in range(5)
        for attempt in range(4)
        for worker in range(5)
        for episode in range(1000)
    }
    assert len(seeds) == 100_000


def test_a_seed_depends_on_every_name_and_on_their_order():
    assert derive("a", 1, 2) == derive("a", 1, 2)
    assert len({derive("a", 1, 2), derive("a", 2, 1), derive("a", 12), derive("b", 1, 2)}) == 4
    assert 0 <= derive("a") < 2**62


def test_the_list_that_chooses_never_meets_the_list_that_reports():
    assert report_seeds(3) == [0, 1, 2]
    assert selection_seeds(2) == [SELECTION_START, SELECTION_START + 1]
    assert not set(report_seeds(10_000)) & set(selection_seeds(10_000))
    assert check_evaluation_seeds(report_seeds(9)) == report_seeds(9)
    assert check_evaluation_seeds(iter(selection_seeds(9))) == selection_seeds(9)


def test_a_task_with_signed_seeds_has_those_below_zero_as_well():
    assert check_evaluation_seeds([-5, 0], lowest=-5) == [-5, 0]
    with pytest.raises(SeedError, match=r"seed -6 is outside -5 …"):
        check_evaluation_seeds([-6], lowest=-5)
    with pytest.raises(SeedError, match="is a training seed"):
        check_evaluation_seeds([TRAINING_DOMAIN], lowest=-5)


@pytest.mark.parametrize(
    ("seeds", "says"),
    [
        ([], "empty"),
        ([3, 4, 3], "holds 3 more than once"),
        ([-1], "seed -1 is outside"),
        ([SEED_LIMIT], "is outside"),
        ([0, TRAINING_DOMAIN], "is a training seed"),
    ],
)
def test_an_unusable_list_is_refused(seeds, says):
    with pytest.raises(SeedError, match=says):
        check_evaluation_seeds(seeds)

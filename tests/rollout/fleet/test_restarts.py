"""Restarts: sooner after success, later after failure, and not for ever."""

import pytest

from ratchet.errors import RecipeError
from ratchet.rollout.fleet.restarts import Account, Cause, Restarts

GIVEN = Restarts(budget=4, window_seconds=100.0, first_seconds=1.0, longest_seconds=4.0)


def test_pauses_double_up_to_the_longest_and_begin_anew_after_an_episode():
    account = Account(GIVEN)
    at = [account.crashed(Cause.KILLED, 0.0, finished_any=False) for _ in range(4)]
    assert at == [1.0, 2.0, 4.0, 4.0]
    assert account.crashed(Cause.EXIT, 10.0, finished_any=True) == 11.0
    assert account.crashed(Cause.EXIT, 10.0, finished_any=False) == 12.0


def test_the_budget_is_of_each_cause():
    account = Account(GIVEN)
    for _ in range(4):
        assert account.crashed(Cause.DEADLINE, 5.0, finished_any=True) is not None
        assert account.crashed(Cause.EXCEPTION, 5.0, finished_any=True) is not None
    assert account.crashed(Cause.DEADLINE, 5.0, finished_any=True) is None
    assert account.crashed(Cause.KILLED, 5.0, finished_any=True) is not None


def test_restarts_are_forgotten_after_the_window():
    account = Account(GIVEN)
    for now in (0.0, 30.0, 60.0, 90.0):
        assert account.crashed(Cause.KILLED, now, finished_any=True) is not None
    assert account.crashed(Cause.KILLED, 100.0, finished_any=True) is not None
    assert account.crashed(Cause.KILLED, 129.0, finished_any=True) is None


def test_no_budget_is_no_restart():
    assert Account(Restarts(budget=0)).crashed(Cause.EXIT, 0.0, finished_any=True) is None


def test_a_negative_value_is_refused():
    with pytest.raises(RecipeError, match="first_seconds is -1; it must not be negative"):
        Restarts(first_seconds=-1)

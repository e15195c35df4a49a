"""Codes: names for people, integers in kernels."""

import numpy as np
import pytest

from spire import ids
from spire.codes import Codes, table
from spire.compiled import kernel
from spire.ids import Card, Relic

KINDS = [kind for kind in vars(ids).values() if isinstance(kind, type) and issubclass(kind, Codes)]


@kernel
def chosen(number, flag):
    code = Relic.ANCHOR
    if flag:
        code = number
    if code in (Relic.ANCHOR, Relic.VAJRA):
        return code + 1
    return code


def test_members_are_integers_in_kernels():
    assert chosen(5, False) == Relic.ANCHOR + 1
    assert chosen(int(Relic.VAJRA), True) == Relic.VAJRA + 1
    assert chosen(Relic.MANGO, True) == Relic.MANGO


@pytest.mark.parametrize("kind", KINDS)
def test_codes_are_dense_and_0_is_nothing(kind):
    if kind is Codes:
        return
    assert [int(each) for each in kind] == list(range(len(kind)))
    if "INVALID" in kind.__members__ or "NONE" in kind.__members__:
        assert kind(0).name in ("INVALID", "NONE")


def test_a_table_is_filled_up_with_0():
    found = table([(Card.BASH,), (Card.ANGER, Card.CLASH, Card.FLEX)])
    assert found.dtype == np.int16
    assert found.tolist() == [[Card.BASH, 0, 0], [Card.ANGER, Card.CLASH, Card.FLEX]]

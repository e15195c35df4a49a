"""The family of errors, and the suggestion in their messages."""

import inspect

import pytest

from ratchet import errors
from ratchet.errors import InputError, RatchetError, did_you_mean


def test_every_error_is_of_the_family_and_refused_at_the_door():
    found = [
        one
        for _, one in inspect.getmembers(errors, inspect.isclass)
        if one.__module__ == errors.__name__
    ]
    assert len(found) == 12
    for one in found:
        assert issubclass(one, RatchetError)
        assert one is RatchetError or issubclass(one, InputError)
        assert one.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("policy_haed", "did you mean 'policy_head'? Known: full, policy_head"),
        ("zzz", "known: full, policy_head"),
    ],
)
def test_the_nearest_known_word_is_suggested(word, text):
    assert did_you_mean(word, ["policy_head", "full"]) == text

"""Seeds: texts, numbers, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spire import SeedError, SpireError
from spire.seeds import parse_seed, seed_text, seed_word


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        ("0", 0),
        ("10", 35),
        ("5G24A25UXKXFF", -1),
        ("2QIJMIKEYSYQ8", -(1 << 63)),
        ("J6KSGCJ8", 1234567890123),
        ("5641WXW84DSM6", -960161659727720390),
    ],
)
def test_texts_and_numbers(text, seed):
    assert parse_seed(text) == seed
    assert seed_text(seed) == text
    assert parse_seed(f" {text.lower()}\n") == seed


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_there_and_back(seed):
    assert parse_seed(seed_text(seed)) == seed


def test_the_letter_o_is_a_zero():
    assert parse_seed("1O") == parse_seed("1o") == parse_seed("10")


def test_a_long_text_wraps_around():
    assert parse_seed("5G24A25UXKXFG") == 0


@pytest.mark.parametrize("text", ["A-B", "SEED!", "Ä", "1 2", "\uff17"])
def test_other_characters_are_refused(text):
    with pytest.raises(SeedError, match="is made of digits and letters A-Z"):
        parse_seed(text)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_is_refused(text):
    with pytest.raises(SeedError, match="the seed is empty"):
        parse_seed(text)


def test_words():
    assert seed_word(-1) == seed_word((1 << 64) - 1) == np.uint64((1 << 64) - 1)
    for seed in (1 << 64, -(1 << 63) - 1):
        with pytest.raises(SpireError, match="outside the 64 bits"):
            seed_word(seed)

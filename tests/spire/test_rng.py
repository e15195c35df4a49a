"""Random numbers: beside the vectors of an independent engine, and by published values."""

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from spire import rng
from spire.seeds import parse_seed, seed_text, seed_word

VECTORS = Path(__file__).resolve().parents[2] / "../shared/data/spire/rng.jsonl.gz"

# The vectors' names of the functions that count their draws, and ours.
COUNTED = {
    "random_int": rng.random_int,
    "random_int_range": rng.random_int_between,
    "random_long_range1": rng.random_long_below,
    "random_long_range2": rng.random_long_between,
    "randomBoolean": rng.random_boolean,
    "randomBoolean_chance": rng.random_chance,
    "random_float": rng.random_float,
    "random_float_range1": rng.random_float_below,
    "random_float_range2": rng.random_float_between,
    "randomLong": rng.random_long,
}
UNCOUNTED = {
    "nextLong_nocount": rng.next_word,
    "nextInt_nocount": rng.next_int,
    "nextDouble_nocount": rng.next_double,
    "nextFloat_nocount": rng.next_float,
}


def stream_of(seed):
    """One stream from a seed: its words, its counter, its index among three."""
    words, counts = np.zeros((3, 2), dtype=np.uint64), np.zeros(3, dtype=np.int32)
    rng.seed_stream(words, counts, 1, seed_word(seed))
    return words, counts, 1


def state_of(words):
    return words[1].view(np.int64).tolist()


def draws(seed, function, *arguments, count=10):
    stream = stream_of(seed)
    return [function(*stream, *arguments) for _ in range(count)]


def signed(word):
    word = int(word)
    return word - (1 << 64) if word >= 1 << 63 else word


def same(ours, theirs):
    """Single precision is written with nine digits, double precision with all; the rest is exact."""
    if isinstance(theirs, float):
        return ours == theirs or np.float32(ours) == np.float32(theirs)
    return ours == theirs


def check_draws(case):
    words, counts, stream = stream_of(case["seed"])
    name, arguments = case["fn"], case["args"]
    for theirs in case["out"]:
        if name in COUNTED:
            ours = COUNTED[name](words, counts, stream, *arguments)
        else:
            ours = UNCOUNTED[name](words, stream)
        ours = signed(ours) if name == "nextLong_nocount" else ours
        assert same(ours, theirs), (case, ours)
    assert counts.tolist() == [0, case["counter"], 0]
    assert state_of(words) == case["state"]


def check_advanced(case):
    words, counts, stream = stream_of(case["seed"])
    rng.advance(words, counts, stream, *case["args"])
    assert (counts[1], state_of(words)) == (case["counter"], case["state"])
    rng.advance(words, counts, stream, 3)
    assert counts[1] == case["counter"]


def check_java(case):
    state = np.uint64(rng.java_seed(seed_word(case["seed"])))
    for theirs in case["out"]:
        if case["fn"] == "nextInt":
            state, ours = rng.java_int(state)
        else:
            state, ours = rng.java_below(state, *case["args"])
        state = np.uint64(state)
        assert ours == theirs, case


def check_java_shuffle(case):
    values = np.arange(case["args"][0], dtype=np.int16)
    rng.java_shuffle(values, values.size, seed_word(case["seed"]))
    assert values.tolist() == case["out"]


def check_shuffle(case):
    stream = stream_of(case["seed"])
    for theirs in case["out"]:
        values = np.arange(case["args"][0], dtype=np.int16)
        rng.shuffle(*stream, values, values.size)
        assert values.tolist() == theirs
    assert stream[1].tolist() == [0, case["counter"], 0]


def check_seed(case):
    assert seed_text(case["long"]) == case["string"]
    assert parse_seed(case["string"]) == case["back"]


CHECKS = {
    "Random": check_draws,
    "Random_ctor_counter": check_advanced,
    "Random_setCounter": check_advanced,
    "JavaRandom": check_java,
    "JavaShuffle": check_java_shuffle,
    "RandomThenShuffle": check_shuffle,
    "SeedHelper": check_seed,
}


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared data are absent")
def test_every_shared_vector():
    checked = Counter()
    with gzip.open(VECTORS, "rt") as lines:
        for line in lines:
            case = json.loads(line)
            CHECKS[case["kind"]](case)
            checked[case["kind"]] += 1
    assert set(checked) == set(CHECKS)
    assert sum(checked.values()) == 3300


@pytest.mark.parametrize(
    ("seed", "state", "words"),
    [
        (1, ["b456bcfc34c2cb2c", "7d6e4ac38b2b1be2"], ["34913d26a7e2cd2f", "62ac15b85e3ec0ca"]),
        (0, ["8f780810af31a493", "d1f9a22af8e83383"], ["28d01376a138a279", "e92a367b780e0221"]),
        (
            1234567890123,
            ["500d2923091e70c2", "3a1ede0e74b7c9c0"],
            ["35b5f6edbccb5850", "c24a9c78c3aac969"],
        ),
    ],
)
def test_words_by_published_values(seed, state, words):
    stream = stream_of(seed)
    assert [f"{word:016x}" for word in stream[0][1].tolist()] == state
    assert [f"{int(rng.random_word(*stream)):016x}" for _ in range(2)] == words


def test_draws_by_published_values():
    assert draws(1, rng.random_int, 99) == [55, 5, 88, 32, 21, 19, 63, 84, 80, 8]
    assert draws(1, rng.random_int_between, 0, 99) == [55, 5, 88, 32, 21, 19, 63, 84, 80, 8]
    assert draws(0, rng.random_int, 99) == [72, 60, 52, 92, 31, 68, 42, 24, 79, 31]
    assert draws(1, rng.random_boolean) == [*map(bool, [1, 0, 0, 1, 1, 1, 1, 0, 1, 0])]
    floats = [0.20534116, 0.385438263, 0.846419096, 0.348418415]
    assert draws(1, rng.random_float, count=4) == [np.float32(each) for each in floats]
    assert draws(1, rng.random_chance, 0.3, count=4) == [True, False, False, False]


def test_java_by_published_values():
    state = np.uint64(rng.java_seed(np.uint64(1)))
    values = []
    for bound in (100, 16, 10):
        state, value = rng.java_below(state, bound)
        state = np.uint64(state)
        values.append(value)
    assert values == [85, 1, 7]
    listed = np.arange(10)
    rng.java_shuffle(listed, 10, np.uint64(1))
    assert listed.tolist() == [6, 9, 7, 8, 4, 2, 0, 3, 1, 5]


def test_a_draw_touches_its_own_stream_only():
    words, counts, stream = stream_of(7)
    rng.random_int(words, counts, stream, 5)
    assert words[[0, 2]].tolist() == [[0, 0], [0, 0]]
    assert counts.tolist() == [0, 1, 0]


def test_a_shuffle_leaves_the_rest_of_the_list():
    values = np.arange(10)
    rng.java_shuffle(values, 4, np.uint64(5))
    assert sorted(values[:4].tolist()) == [0, 1, 2, 3]
    assert values[4:].tolist() == [4, 5, 6, 7, 8, 9]

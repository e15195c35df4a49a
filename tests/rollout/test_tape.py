"""A tape gives back what was written on it, however long the episodes are."""

import numpy as np
import pytest

from ratchet.rollout.tape import Tape


@pytest.mark.parametrize("seed", range(20))
def test_an_episode_is_what_was_written_since_it_began(seed):
    rng = np.random.default_rng(seed)
    count, tape = 4, Tape(4, rows=2)
    written = {}
    for _ in range(100):
        free = np.array([copy for copy in range(count) if copy not in written], dtype=np.int64)
        begins = free[rng.random(len(free)) < 0.5]
        tape.begin(begins)
        written |= {copy: [] for copy in begins.tolist()}
        values = rng.normal(size=(count, 2)).astype(np.float32)
        actions = rng.integers(0, 9, count)
        assert tape.write("values", values).flags.c_contiguous
        half = np.array([0, 2])
        tape.write("actions", actions[half], half)
        tape.write("actions", actions[[1, 3]], np.array([1, 3]))
        tape.advance()
        for copy, rows in written.items():
            rows.append((values[copy], actions[copy]))
        for copy in [copy for copy in written if rng.random() < 0.1]:
            rows = written.pop(copy)
            assert tape.length(copy) == len(rows)
            np.testing.assert_array_equal(tape.read("values", copy), [row[0] for row in rows])
            np.testing.assert_array_equal(tape.read("actions", copy), [row[1] for row in rows])
            tape.end(copy)


def test_what_was_read_is_not_written_over():
    tape = Tape(1, rows=2)
    tape.begin(np.array([0]))
    tape.write("values", np.array([1.0]))
    tape.advance()
    read = tape.read("values", 0)
    tape.end(0)
    for _ in range(5):
        tape.write("values", np.array([2.0]))
        tape.advance()
    assert read.tolist() == [1.0]


def test_it_grows_with_the_longest_episode_alone():
    tape = Tape(2, rows=4)
    for tick in range(1000):
        if tick % 3 == 0:
            tape.end(0)
            tape.begin(np.array([0]))
        tape.write("values", np.zeros(2))
        tape.advance()
    assert tape._rows == 4
    assert "values" in tape
    assert "masks" not in tape

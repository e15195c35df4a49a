"""Random numbers: the game's generators, to the last bit.

* The streams of a game are libGDX's ``RandomXS128`` (xorshift128+, Vigna 2014) with a counter of draws.
* Lists are shuffled by ``java.util.Random`` (a 48-bit linear congruential generator) seeded from a stream.

The streams live in two arrays, so that a game's record can hold them: `words`, uint64 ``(n, 2)``, the
state of each stream, and `counts`, int32 ``(n,)``, how many draws it has made. ``(words, counts, stream)``
begin the signature of every counted draw; what takes only ``(words, stream)`` leaves the counter alone.
Seeds are ``np.uint64`` (`spire.seeds.seed_word` makes them). A compiled function hands a word to Python
as an ``int``, which has to be made ``np.uint64`` again before it goes back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.codes import Codes
from spire.compiled import kernel

u64 = np.uint64

_LOW_32, _LOW_48 = u64(0xFFFFFFFF), u64(0xFFFFFFFFFFFF)
_TOP_BIT = u64(1 << 63)
_ZERO, _ONE = u64(0), u64(1)

# MurmurHash3's finaliser (Appleby), which spreads a seed over a state.
_MIX_1, _MIX_2, _MIX_SHIFT = u64(0xFF51AFD7ED558CCD), u64(0xC4CEB9FE1A85EC53), u64(33)

_STEP_LEFT, _STEP_RIGHT, _STEP_OTHER = u64(23), u64(17), u64(26)
_FLOAT_SHIFT, _FLOAT_UNIT = u64(40), np.float32(2.0**-24)
_DOUBLE_SHIFT, _DOUBLE_UNIT = u64(11), np.float64(2.0**-53)

_JAVA_FACTOR, _JAVA_TERM = u64(0x5DEECE66D), u64(0xB)
_JAVA_BITS = u64(48)


class Stream(Codes):
    """The streams of a game, as indices into `words` and `counts`."""

    MONSTER = 0
    EVENT = 1
    MERCHANT = 2
    CARD = 3
    TREASURE = 4
    RELIC = 5
    POTION = 6
    NEOW = 7
    MAP = 8
    MONSTER_HP = 9
    AI = 10
    SHUFFLE = 11
    CARD_RANDOM = 12
    MISC = 13


STREAMS = len(Stream)
"""How many streams a game has."""


@kernel
def _mixed(word: Any) -> Any:
    word = (word ^ (word >> _MIX_SHIFT)) * _MIX_1
    word = (word ^ (word >> _MIX_SHIFT)) * _MIX_2
    return word ^ (word >> _MIX_SHIFT)


@kernel
def seed_stream(words: Any, counts: Any, stream: Any, seed: Any) -> None:
    """Start a stream afresh from a seed."""
    word = u64(seed)
    start = _mixed(word if word != _ZERO else _TOP_BIT)
    words[stream, 0] = start
    words[stream, 1] = _mixed(start)
    counts[stream] = 0


@kernel
def next_word(words: Any, stream: Any) -> Any:
    """Return the next 64 bits (uint64), uncounted."""
    first, second = words[stream, 0], words[stream, 1]
    first = first ^ (first << _STEP_LEFT)
    first = first ^ second ^ (first >> _STEP_RIGHT) ^ (second >> _STEP_OTHER)
    words[stream, 0] = second
    words[stream, 1] = first
    return first + second


@kernel
def next_int(words: Any, stream: Any) -> Any:
    """Return the next 32 bits as a signed integer, uncounted."""
    low = np.int64(next_word(words, stream) & _LOW_32)
    return low - (1 << 32) if low >= (1 << 31) else low


@kernel
def next_below(words: Any, stream: Any, bound: Any) -> Any:
    """Return an integer in ``0 … bound - 1``, uncounted; `bound` is at least 1."""
    limit = u64(bound)
    while True:
        bits = next_word(words, stream) >> _ONE
        value = bits % limit
        if bits - value + limit - _ONE < _TOP_BIT:
            return np.int64(value)


@kernel
def next_float(words: Any, stream: Any) -> Any:
    """Return a float32 in [0, 1), uncounted."""
    return np.float32(next_word(words, stream) >> _FLOAT_SHIFT) * _FLOAT_UNIT


@kernel
def next_double(words: Any, stream: Any) -> Any:
    """Return a float64 in [0, 1), uncounted."""
    return np.float64(next_word(words, stream) >> _DOUBLE_SHIFT) * _DOUBLE_UNIT


@kernel
def advance(words: Any, counts: Any, stream: Any, target: Any) -> None:
    """Draw until the counter stands at `target`; a counter beyond it stays where it is.

    The game draws booleans here, and integers up to 999 where it restores a saved stream: each is one step.
    """
    while counts[stream] < target:
        next_word(words, stream)
        counts[stream] += 1


@kernel
def random_word(words: Any, counts: Any, stream: Any) -> Any:
    """Return 64 bits as uint64: what seeds another generator."""
    counts[stream] += 1
    return next_word(words, stream)


@kernel
def random_long(words: Any, counts: Any, stream: Any) -> Any:
    """Return 64 bits as a signed integer."""
    return np.int64(random_word(words, counts, stream))


@kernel
def random_long_below(words: Any, counts: Any, stream: Any, high: Any) -> Any:
    """Return a 64-bit integer in ``0 … high - 1``, by way of a double as the game does."""
    counts[stream] += 1
    return np.int64(next_double(words, stream) * np.float64(high))


@kernel
def random_long_between(words: Any, counts: Any, stream: Any, low: Any, high: Any) -> Any:
    """Return a 64-bit integer in ``low … high - 1``, by way of a double as the game does."""
    counts[stream] += 1
    return low + np.int64(next_double(words, stream) * np.float64(high - low))


@kernel
def random_int(words: Any, counts: Any, stream: Any, high: Any) -> Any:
    """Return an integer in ``0 … high``, both included."""
    counts[stream] += 1
    return next_below(words, stream, high + 1)


@kernel
def random_int_between(words: Any, counts: Any, stream: Any, low: Any, high: Any) -> Any:
    """Return an integer in ``low … high``, both included."""
    counts[stream] += 1
    return low + next_below(words, stream, high - low + 1)


@kernel
def random_boolean(words: Any, counts: Any, stream: Any) -> Any:
    """Return True or False, each half the time."""
    return random_word(words, counts, stream) & _ONE == _ONE


@kernel
def random_float(words: Any, counts: Any, stream: Any) -> Any:
    """Return a float32 in [0, 1)."""
    counts[stream] += 1
    return next_float(words, stream)


@kernel
def random_float_below(words: Any, counts: Any, stream: Any, high: Any) -> Any:
    """Return a float32 in [0, high)."""
    return random_float(words, counts, stream) * np.float32(high)


@kernel
def random_float_between(words: Any, counts: Any, stream: Any, low: Any, high: Any) -> Any:
    """Return a float32 in [low, high)."""
    start = np.float32(low)
    return start + random_float(words, counts, stream) * (np.float32(high) - start)


@kernel
def random_chance(words: Any, counts: Any, stream: Any, chance: Any) -> Any:
    """Return whether something of that chance happens; a chance of 0 draws too."""
    return random_float(words, counts, stream) < np.float32(chance)


@kernel
def java_seed(word: Any) -> Any:
    """Return the state (uint64) of a new ``java.util.Random`` with that seed."""
    return (u64(word) ^ _JAVA_FACTOR) & _LOW_48


@kernel
def java_step(state: Any) -> Any:
    """Return the state that follows."""
    return (state * _JAVA_FACTOR + _JAVA_TERM) & _LOW_48


@kernel
def java_bits(state: Any, bits: Any) -> Any:
    """Return the top bits of a state, as a non-negative integer."""
    return np.int64(state >> (_JAVA_BITS - u64(bits)))


@kernel
def java_int(state: Any) -> Any:
    """Return the state that follows and its signed 32 bits."""
    state = java_step(state)
    value = java_bits(state, 32)
    return state, value - (1 << 32) if value >= (1 << 31) else value


@kernel
def java_below(state: Any, bound: Any) -> Any:
    """Return the state that follows and an integer in ``0 … bound - 1``."""
    state = java_step(state)
    bits = java_bits(state, 31)
    if bound & (bound - 1) == 0:
        return state, (bits * bound) >> 31
    value = bits % bound
    while bits - value + bound - 1 >= (1 << 31):
        state = java_step(state)
        bits = java_bits(state, 31)
        value = bits % bound
    return state, value


@kernel
def java_shuffle(values: Any, count: Any, word: Any) -> None:
    """Shuffle the first `count` values in place as ``Collections.shuffle`` with ``new Random(word)``."""
    state = java_seed(word)
    for size in range(count, 1, -1):
        state, other = java_below(state, size)
        held = values[size - 1]
        values[size - 1] = values[other]
        values[other] = held


@kernel
def shuffle(words: Any, counts: Any, stream: Any, values: Any, count: Any) -> None:
    """Shuffle the first `count` values in place by a generator seeded from the stream: one draw."""
    java_shuffle(values, count, random_word(words, counts, stream))

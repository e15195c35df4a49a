"""Streams: the draws of a game, by the name of the stream."""

from __future__ import annotations

from typing import Any

from spire import rng
from spire.compiled import kernel


@kernel
def draw_int(game: Any, stream: Any, high: Any) -> Any:
    """Return an integer in ``0 … high``: one draw."""
    return rng.random_int(game.words, game.counts, stream, high)


@kernel
def draw_between(game: Any, stream: Any, low: Any, high: Any) -> Any:
    """Return an integer in ``low … high``: one draw."""
    return rng.random_int_between(game.words, game.counts, stream, low, high)


@kernel
def draw_coin(game: Any, stream: Any) -> Any:
    """Return a fair coin: one draw."""
    return rng.random_boolean(game.words, game.counts, stream)


@kernel
def draw_chance(game: Any, stream: Any, chance: Any) -> Any:
    """Return whether something of that chance (single precision) happens: one draw."""
    return rng.random_chance(game.words, game.counts, stream, chance)


@kernel
def draw_float(game: Any, stream: Any) -> Any:
    """Return a float32 in [0, 1): one draw."""
    return rng.random_float(game.words, game.counts, stream)


@kernel
def draw_float_between(game: Any, stream: Any, low: Any, high: Any) -> Any:
    """Return a float32 in [low, high): one draw."""
    return rng.random_float_between(game.words, game.counts, stream, low, high)


@kernel
def draw_shuffle(game: Any, stream: Any, values: Any, count: Any) -> None:
    """Shuffle the first `count` values in place: one draw."""
    rng.shuffle(game.words, game.counts, stream, values, count)

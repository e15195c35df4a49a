"""Floors: what every step to a new floor does."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.compiled import kernel
from spire.content.relics import USED_UP
from spire.ids import Relic, Room
from spire.owned import counter, owns, set_counter
from spire.rng import Stream, seed_stream
from spire.run.vitals import gain_gold, heal

_BANK, _HEAD, _FEATHER, _FEATHER_CARDS = 12, 50, 3, 5
_ARMED = -2
"""The counter of an Ancient Tea Set that acts in the next combat."""

_EACH_FLOOR = np.array(
    [Stream.MONSTER_HP, Stream.AI, Stream.SHUFFLE, Stream.CARD_RANDOM, Stream.MISC], dtype=np.int64
)
"""The streams that start afresh on each floor."""


@kernel
def next_floor(game: Any, symbol: Any) -> None:
    """Go up a floor, to a place which the map shows as that room."""
    game.last_room = game.room
    game.symbol = symbol
    game.floor += 1
    seed = np.uint64(game.seed) + np.uint64(game.floor)
    for stream in _EACH_FLOOR:
        seed_stream(game.words, game.counts, stream, seed)
    if owns(game, Relic.MAW_BANK) and counter(game, Relic.MAW_BANK) != USED_UP:
        gain_gold(game, _BANK)
    if symbol == Room.EVENT and owns(game, Relic.SSSERPENT_HEAD):
        gain_gold(game, _HEAD)
    if symbol == Room.REST:
        if owns(game, Relic.ETERNAL_FEATHER):
            heal(game, int(game.deck_count) // _FEATHER_CARDS * _FEATHER)
        set_counter(game, Relic.ANCIENT_TEA_SET, _ARMED)

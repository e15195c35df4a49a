"""Acts: what a new act lays out."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire import reference
from spire.arrays import copy
from spire.content.card_pools import COLORLESS_BASE
from spire.encounters import TABLES, draw_encounters
from spire.linked import linked
from spire.maps import EARLY_ROWS, generate_map, seed_map
from spire.pools import enter_act
from spire.rng import Stream

LAST_ACT = 1
"""The last act there is."""

_TABLES = np.stack([TABLES, reference.TABLES])
_EARLY_ROWS = np.array([EARLY_ROWS, reference.EARLY_ROWS], dtype=np.int64)

MONSTER, SHOP, TREASURE = np.float32(0.1), np.float32(0.03), np.float32(0.02)
"""The chances of what a question mark holds, at first and after each time it was held, and their growth."""


@linked()
def begin_act(game: Any, act: Any) -> None:
    """Lay out an act: its encounters, events and map."""
    game.act = act
    game.x = -1
    game.y = -1
    game.monster_chance = MONSTER
    game.shop_chance = SHOP
    game.treasure_chance = TREASURE
    game.potion_chance = 0
    game.monster_index = 0
    game.elite_index = 0
    copy(game.colorless, COLORLESS_BASE)
    words, counts = game.words, game.counts
    table = _TABLES[game.reference, act - 1]
    draw_encounters(game.encounters, table, words, counts, Stream.MONSTER)
    enter_act(game.event_pools, act)
    seed_map(words, counts, Stream.MAP, game.seed, act)
    rows = _EARLY_ROWS[game.reference]
    burning = not game.emerald_key
    generate_map(game.map, words, counts, Stream.MAP, int(game.ascension), burning, rows)

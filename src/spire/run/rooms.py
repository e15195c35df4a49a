"""Rooms: moving over the map, and what waits in the place that is entered."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.compiled import kernel
from spire.content.relics import USED_UP
from spire.ids import Relic, Room
from spire.linked import linked
from spire.maps import BOSS_COLUMN, COLUMNS, ROWS
from spire.owned import counter, owns, set_counter
from spire.rng import Stream
from spire.run.acts import MONSTER, SHOP, TREASURE
from spire.run.chests import enter_treasure
from spire.run.events import enter_event
from spire.run.fights import await_fight
from spire.run.floors import next_floor
from spire.run.rest import enter_rest
from spire.run.shop import enter_shop
from spire.run.vitals import heal
from spire.streams import draw_float

_TICKET = 15
_CHEST_EVERY = 4
_HUNDRED = np.float32(100)


@kernel
def has_path(game: Any, x: Any) -> Any:
    """Return whether a path leads from where the player is to column `x` of the next row."""
    y = int(game.y)
    if y == ROWS - 1:
        return x == BOSS_COLUMN
    if x < 0 or x >= COLUMNS or y >= ROWS:
        return False
    if y < 0:
        return game.map.edges[0, x] != 0
    return int(game.map.edges[y, int(game.x)]) >> x & 1 == 1


@kernel
def can_go(game: Any, x: Any) -> Any:
    """Return whether the player can go to column `x` of the next row: wing boots need no path.

    The boss stands in column `spire.maps.BOSS_COLUMN` of the row behind the last.
    """
    if has_path(game, x):
        return True
    y = int(game.y)
    if y < 0 or y >= ROWS - 1 or x < 0 or x >= COLUMNS:
        return False
    return game.map.edges[y + 1, x] != 0 and counter(game, Relic.WING_BOOTS) > 0


@linked()
def go(game: Any, x: Any) -> None:
    """Go to column `x` of the next row, and enter what is there."""
    if not has_path(game, x):
        left = counter(game, Relic.WING_BOOTS) - 1
        set_counter(game, Relic.WING_BOOTS, left if left > 0 else USED_UP)
    game.x = x
    game.y += 1
    symbol = int(Room.BOSS) if game.y >= ROWS else int(game.map.room[int(game.y), x])
    next_floor(game, symbol)
    # What a `?` holds depends on the room that was left.
    room = _resolve(game) if symbol == Room.EVENT else symbol
    game.room = room
    if room == Room.SHOP and owns(game, Relic.MEAL_TICKET):
        heal(game, _TICKET)
    encounters = game.encounters
    if room == Room.MONSTER:
        game.monster_index += 1
        await_fight(game, int(encounters.monsters[int(game.monster_index) - 1]), False, False)
    elif room == Room.ELITE:
        game.elite_index += 1
        await_fight(game, int(encounters.elites[int(game.elite_index) - 1]), True, False)
    elif room == Room.BOSS:
        await_fight(game, int(encounters.bosses[0]), False, True)
    elif room == Room.EVENT:
        enter_event(game)
    elif room == Room.SHOP:
        enter_shop(game)
    elif room == Room.REST:
        enter_rest(game)
    elif room == Room.TREASURE:
        enter_treasure(game)


@kernel
def _resolve(game: Any) -> Any:
    """Return what a question mark holds: one draw of the stream event."""
    rolled = int(draw_float(game, Stream.EVENT) * _HUNDRED)
    monster = int(game.monster_chance * _HUNDRED)
    shop = monster
    if game.last_room != Room.SHOP:
        shop += int(game.shop_chance * _HUNDRED)
    treasure = shop + int(game.treasure_chance * _HUNDRED)
    room = int(Room.EVENT)
    if rolled < monster:
        room = int(Room.MONSTER)
    elif rolled < shop:
        room = int(Room.SHOP)
    elif rolled < treasure:
        room = int(Room.TREASURE)
    if _counts_chest(game):
        room = int(Room.TREASURE)
    game.monster_chance = MONSTER if room == Room.MONSTER else game.monster_chance + MONSTER
    game.shop_chance = SHOP if room == Room.SHOP else game.shop_chance + SHOP
    game.treasure_chance = TREASURE if room == Room.TREASURE else game.treasure_chance + TREASURE
    if room == Room.MONSTER and owns(game, Relic.JUZU_BRACELET):
        room = int(Room.EVENT)
    return room


@kernel
def _counts_chest(game: Any) -> Any:
    """Let a tiny chest count this question mark, and return whether it makes a treasure room of it."""
    if not owns(game, Relic.TINY_CHEST):
        return False
    count = (counter(game, Relic.TINY_CHEST) + 1) % _CHEST_EVERY
    set_counter(game, Relic.TINY_CHEST, count)
    return count == 0

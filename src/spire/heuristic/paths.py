"""Paths: which way to go over the map, by what the rooms ahead give and cost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spire.actions import CHOOSE
from spire.compiled import allocating_kernel, kernel
from spire.ids import Room
from spire.maps import BOSS_COLUMN, COLUMNS, ROWS
from spire.run.rooms import can_go

_STEP = 4
_STEPS = 32

_LOSSES = np.array(
    # weak monsters, strong monsters, elite
    [6.0, 11.0, 24.0]
)
"""How many HP a fight costs on average."""


@kernel
def _loss(room: Any, y: Any) -> Any:
    """Return the HP that a room costs on average."""
    if room == Room.MONSTER:
        return _LOSSES[0] if y < 3 else _LOSSES[1]
    if room == Room.ELITE:
        return _LOSSES[2]
    if room == Room.EVENT:
        return 2.0
    return 0.0


@allocating_kernel
def choose_path(game: Any) -> Any:
    """Return the choice on the map."""
    worth = np.zeros((2, COLUMNS, _STEPS + 1))
    best_here = np.full(COLUMNS, -1.0e9)
    heal = 0.3 * float(game.max_hp)
    first = int(game.y) + 1
    if first >= ROWS:
        return CHOOSE
    # What HP are worth before the boss.
    for step in range(_STEPS + 1):
        hp = float(step * _STEP)
        for x in range(COLUMNS):
            worth[ROWS % 2, x, step] = 60.0 * (1.0 - math.exp(-hp / 32.0))
    for y in range(ROWS - 1, first - 1, -1):
        now, above = y % 2, (y + 1) % 2
        for x in range(COLUMNS):
            edges = int(game.map.edges[y, x])
            if edges == 0:
                continue
            room = int(game.map.room[y, x])
            loss = _loss(room, y)
            for step in range(_STEPS + 1):
                hp = float(step * _STEP)
                gain = 0.0
                if room == Room.MONSTER:
                    gain = 3.0 if y < 8 else 2.0
                elif room == Room.ELITE:
                    gain = 8.0
                elif room == Room.SHOP:
                    gain = 0.5 + min(float(game.gold) + 12.0 * (y - first), 300.0) / 40.0
                elif room == Room.EVENT:
                    gain = 2.5
                elif room == Room.TREASURE:
                    gain = 5.0
                left = hp - loss
                risk = 0.0
                if loss > 0.0:
                    risk = 1.0 / (1.0 + math.exp((left - 2.0) / (0.22 * loss + 1.0)))
                    left = max(left, 2.0)
                best = -1.0e9
                for turn in range(2 if room == Room.REST else 1):
                    after = left
                    extra = 0.0
                    if room == Room.REST:
                        if turn == 0:
                            after = left + heal
                        else:
                            extra = 3.5
                    after = min(after, float(game.max_hp))
                    place = min(after / _STEP, float(_STEPS))
                    low = min(int(place), _STEPS - 1)
                    part = place - low
                    for other in range(COLUMNS):
                        if y < ROWS - 1 and not (edges >> other & 1):
                            continue
                        if y == ROWS - 1 and other != BOSS_COLUMN:
                            continue
                        ahead = worth[above, other, low] * (1.0 - part)
                        ahead += worth[above, other, low + 1] * part
                        best = max(best, ahead + extra)
                worth[now, x, step] = (best + gain) * (1.0 - risk)
        if y == first:
            place = min(float(game.hp) / _STEP, float(_STEPS))
            low = min(int(place), _STEPS - 1)
            part = place - low
            for x in range(COLUMNS):
                if game.map.edges[y, x]:
                    best_here[x] = worth[now, x, low] * (1.0 - part) + worth[now, x, low + 1] * part
    chosen, best_value, k = 0, -1.0e9, 0
    for x in range(COLUMNS):
        if can_go(game, x):
            if best_here[x] > best_value:
                best_value = best_here[x]
                chosen = k
            k += 1
    return CHOOSE + chosen

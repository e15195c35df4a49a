"""Chests: those of treasure rooms, and the one behind an act's boss."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.compiled import kernel
from spire.content.relics import USED_UP
from spire.ids import Relic, Room
from spire.linked import linked
from spire.owned import counter, owns, set_counter
from spire.pools import Tier
from spire.rng import Stream
from spire.rounding import half_up
from spire.run.deck import draw_curse, obtain_card
from spire.run.floors import next_floor
from spire.run.relics import obtain_relic, take_relic
from spire.run.rewards import add_reward, clear_rewards, remove_reward, show_rewards
from spire.run.screens import follow, turn_to
from spire.state import Reward, Screen
from spire.streams import draw_chance, draw_float_between, draw_int

_SMALL_BELOW, _MEDIUM_BELOW = 50, 83

#        gold below, gold, common below, uncommon below
_CHESTS = np.array(
    [
        [50, 25, 75, 100],  # small
        [35, 50, 35, 85],  # medium
        [50, 75, 0, 75],  # large
    ],
    dtype=np.int16,
)
_LEAST, _MOST = np.float32(0.9), np.float32(1.1)
_DOLL_COMMON = np.float32(0.75)


@kernel
def enter_treasure(game: Any) -> None:
    """Set up a treasure room: two draws of the stream treasure."""
    size = draw_int(game, Stream.TREASURE, 99)
    game.chest_size = 2
    if size < _SMALL_BELOW:
        game.chest_size = 0
    elif size < _MEDIUM_BELOW:
        game.chest_size = 1
    chest = _CHESTS[game.chest_size]
    rolled = draw_int(game, Stream.TREASURE, 99)
    game.chest_gold = 1 if rolled < chest[0] else 0
    game.chest_tier = Tier.RARE
    if rolled < chest[2]:
        game.chest_tier = Tier.COMMON
    elif rolled < chest[3]:
        game.chest_tier = Tier.UNCOMMON
    game.screen = Screen.CHEST


@linked()
def open_chest(game: Any) -> None:
    """Open the chest of a treasure room."""
    clear_rewards(game)
    if counter(game, Relic.MATRYOSHKA) > 0:
        _spend_charge(game, Relic.MATRYOSHKA)
        common = draw_chance(game, Stream.RELIC, _DOLL_COMMON)
        tier = Tier.COMMON if common else Tier.UNCOMMON
        add_reward(game, Reward.RELIC, take_relic(game, tier))
    if owns(game, Relic.CURSED_KEY):
        obtain_card(game, draw_curse(game), 0, 0)
    if game.chest_gold:
        base = np.float32(_CHESTS[game.chest_size, 1])
        drawn = draw_float_between(game, Stream.TREASURE, base * _LEAST, base * _MOST)
        add_reward(game, Reward.GOLD, half_up(drawn))
    add_reward(game, Reward.RELIC, take_relic(game, game.chest_tier))
    if not game.sapphire_key:
        add_reward(game, Reward.SAPPHIRE_KEY, 0)
    if counter(game, Relic.NLOTHS_HUNGRY_FACE) > 0:
        _spend_charge(game, Relic.NLOTHS_HUNGRY_FACE)
        _eat_relic(game)
    show_rewards(game, Screen.MAP)


@kernel
def _spend_charge(game: Any, relic: Any) -> None:
    left = counter(game, relic) - 1
    set_counter(game, relic, left if left > 0 else USED_UP)


@kernel
def _eat_relic(game: Any) -> None:
    """Take the first relic off the list, and the key that is linked to it."""
    rewards = game.rewards
    for line in range(rewards.count):
        if rewards.kind[line] == Reward.RELIC:
            remove_reward(game, line)
            if line < rewards.count and rewards.kind[line] == Reward.SAPPHIRE_KEY:
                remove_reward(game, line)
            return


@kernel
def leave_chest(game: Any) -> None:
    """Leave a treasure room whose chest stays closed."""
    turn_to(game, Screen.MAP)


@kernel
def enter_boss_treasure(game: Any) -> None:
    """Go to the treasure room behind an act's boss."""
    next_floor(game, Room.BOSS_TREASURE)
    game.room = Room.BOSS_TREASURE
    for k in range(game.boss_relics.size):
        game.boss_relics[k] = take_relic(game, Tier.BOSS)
    game.screen = Screen.BOSS_REWARD


@kernel
def choose_boss_relic(game: Any, choice: Any) -> None:
    """Take one of the three relics, and go on once it has given what it gives."""
    obtain_relic(game, game.boss_relics[choice])
    follow(game, Screen.GAME_OVER)


@kernel
def skip_boss_relic(game: Any) -> None:
    """Take none of the three relics."""
    turn_to(game, Screen.GAME_OVER)

"""Spoils: what a won combat gives, and taking from a list of rewards."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.belt import has_room, obtain_potion, roll_potion
from spire.compiled import kernel
from spire.ids import Relic, Room
from spire.linked import linked
from spire.owned import owns
from spire.rng import Stream
from spire.rounding import half_up
from spire.run.chests import enter_boss_treasure
from spire.run.deck import obtain_card
from spire.run.events import fight_rewards
from spire.run.relics import obtain_relic, roll_tier, take_relic, take_second
from spire.run.rewards import (
    DIRECT,
    add_card_reward,
    add_idol_gold,
    add_reward,
    clear_rewards,
    remove_reward,
    show_rewards,
)
from spire.run.screens import turn_to
from spire.run.vitals import gain_gold, gain_max_hp
from spire.state import Fight, Reward, Screen
from spire.streams import draw_between, draw_int

_BASE_CHANCE, _CHANCE_STEP = 40, 10
_FULL_LIST = 4
"""With so many rewards there is no potion."""
_LAST_ACT_WITH_SPOILS = 2
_LATE_BOSS = np.float32(0.75)
_BOWL = 2


@linked()
def after_combat(game: Any) -> None:
    """Show what a combat that is over gives.

    After a smoke bomb everything is drawn, and nothing is given.
    """
    combat = game.combat
    room = int(game.room)
    if room == Room.BOSS and game.act > _LAST_ACT_WITH_SPOILS:
        turn_to(game, Screen.GAME_OVER)
        return
    clear_rewards(game)
    if combat.stolen_gold > 0:
        add_reward(game, Reward.STOLEN_GOLD, combat.stolen_gold)
    fled = _all_fled(combat)
    if room == Room.EVENT:
        fight_rewards(game)
    _add_gold(game, fled)
    if room == Room.ELITE:
        add_reward(game, Reward.RELIC, take_relic(game, roll_tier(game, True)))
        if owns(game, Relic.BLACK_STAR):
            add_reward(game, Reward.RELIC, take_second(game, roll_tier(game, True)))
        if is_burning(game) and not game.emerald_key:
            add_reward(game, Reward.EMERALD_KEY, 0)
    _roll_potion_drop(game, fled)
    then = Screen.BOSS_REWARD if room == Room.BOSS else Screen.MAP
    if combat.fight == Fight.FLED:
        clear_rewards(game)
        turn_to(game, then)
        return
    add_card_reward(game)
    if room == Room.MONSTER and owns(game, Relic.PRAYER_WHEEL):
        add_card_reward(game)
    show_rewards(game, then)


@kernel
def is_burning(game: Any) -> Any:
    """Return whether the player is where the burning elite stands."""
    return game.x == game.map.burning_x and game.y == game.map.burning_y


@kernel
def _all_fled(combat: Any) -> Any:
    for k in range(combat.monster_count):
        if combat.monsters[k].used and not combat.monsters[k].escaped:
            return False
    return True


@kernel
def _add_gold(game: Any, fled: Any) -> None:
    """Draw the gold of a combat, and let a golden idol add to it."""
    room = int(game.room)
    if room == Room.BOSS:
        gold = 100 + draw_between(game, Stream.MISC, -5, 5)
        if game.ascension >= 13:
            gold = half_up(np.float32(gold) * _LATE_BOSS)
        add_reward(game, Reward.GOLD, gold)
    elif room == Room.ELITE:
        add_reward(game, Reward.GOLD, draw_between(game, Stream.TREASURE, 25, 35))
    elif room == Room.MONSTER and not fled:
        add_reward(game, Reward.GOLD, draw_between(game, Stream.TREASURE, 10, 20))
    add_idol_gold(game)


@kernel
def _roll_potion_drop(game: Any, fled: Any) -> None:
    chance = _BASE_CHANCE + int(game.potion_chance)
    if game.room == Room.MONSTER and fled:
        chance = 0
    if owns(game, Relic.WHITE_BEAST_STATUE):
        chance = 100
    if game.rewards.count >= _FULL_LIST:
        chance = 0
    if draw_int(game, Stream.POTION, 99) < chance:
        game.potion_chance -= _CHANCE_STEP
        add_reward(game, Reward.POTION, roll_potion(game, False))
    else:
        game.potion_chance += _CHANCE_STEP


@kernel
def can_take(game: Any, line: Any) -> Any:
    """Return whether a line of the list can be taken: potions need a slot."""
    if line >= game.rewards.count:
        return False
    if game.rewards.kind[line] == Reward.POTION:
        return has_room(game) or owns(game, Relic.SOZU)
    return True


@linked()
def take_reward(game: Any, line: Any) -> None:
    """Take a line of the list; one of cards shows its cards."""
    rewards = game.rewards
    kind, value = int(rewards.kind[line]), int(rewards.value[line])
    if kind == Reward.CARD:
        rewards.open = line
        game.screen = Screen.CARD_REWARD
        return
    remove_reward(game, line)
    if kind in (Reward.GOLD, Reward.STOLEN_GOLD):
        gain_gold(game, value)
    elif kind == Reward.RELIC:
        # The key that is linked to it goes, too.
        if line < rewards.count and rewards.kind[line] == Reward.SAPPHIRE_KEY:
            remove_reward(game, line)
        obtain_relic(game, value)
    elif kind == Reward.POTION:
        obtain_potion(game, value)
    elif kind == Reward.EMERALD_KEY:
        game.emerald_key = 1
    elif kind == Reward.SAPPHIRE_KEY:
        remove_reward(game, line - 1)
        game.sapphire_key = 1


@kernel
def shown_set(game: Any) -> Any:
    """Return the index of the set of cards that is shown."""
    rewards = game.rewards
    return 0 if rewards.open == DIRECT else int(rewards.value[int(rewards.open)])


@kernel
def choose_card(game: Any, choice: Any) -> None:
    """Take one of the cards that are shown."""
    card = game.rewards.cards[shown_set(game), choice]
    obtain_card(game, card.id, card.upgrades, 0)
    _close_cards(game, True)


@kernel
def use_bowl(game: Any) -> None:
    """Take max HP from a singing bowl instead of a card."""
    gain_max_hp(game, _BOWL)
    _close_cards(game, True)


@kernel
def skip_cards(game: Any) -> None:
    """Go back to the list; the cards stay on it."""
    _close_cards(game, False)


@kernel
def _close_cards(game: Any, taken: Any) -> None:
    line = int(game.rewards.open)
    game.rewards.open = -1
    if line == DIRECT:
        turn_to(game, game.then)
        return
    if taken:
        remove_reward(game, line)
    game.screen = Screen.COMBAT_REWARD


@kernel
def proceed(game: Any) -> None:
    """Leave the list of rewards; what is left on it is lost."""
    then = int(game.then)
    clear_rewards(game)
    if then == Screen.BOSS_REWARD:
        enter_boss_treasure(game)
    else:
        turn_to(game, then)


@kernel
def shown_count(game: Any) -> Any:
    """Return how many cards are shown."""
    return int(game.rewards.card_counts[shown_set(game)])


@kernel
def has_bowl(game: Any) -> Any:
    """Return whether max HP can be had instead of a card."""
    return owns(game, Relic.SINGING_BOWL)

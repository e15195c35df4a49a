"""Rewards: the list of rewards and its sets of cards, as they are put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire import reference
from spire.arrays import fill
from spire.compiled import kernel
from spire.content.card_pools import COLORLESS_RARE, COLORLESS_UNCOMMON, COMMON, RARE, UNCOMMON
from spire.content.cards import Rarity
from spire.ids import Relic, Room
from spire.linked import linked
from spire.owned import owns
from spire.rng import Stream
from spire.rounding import half_up
from spire.run.deck import hatched, upgradable
from spire.state import Reward, Screen
from spire.streams import draw_chance, draw_int

START_OFFSET = 5
"""What a game's `rarity_offset` begins at, and goes back to with each rare card."""
_LOWEST_OFFSET = -40

DIRECT = 12
"""The value of ``rewards.open`` when cards are shown that are on no list: there is nothing to go back to."""

_RARE, _UNCOMMON = 3, 37
_ELITE_RARE, _ELITE_UNCOMMON = 10, 40
_SHOP_RARE = 9
_GIFT = 3

_UPGRADE_CHANCES = np.array([[0, 0.25, 0.5, 0.5], [0, 0.125, 0.25, 0.25]], dtype=np.float32)
"""The chance that a card offered is upgraded, below ascension 12 and from there on, by the act."""

_IDOL = np.float32(0.25)
_EGGS_SEE = np.array([True, reference.EGGS_SEE_REWARDS])
_COLORLESS_RARE = np.float32(0.3)


@kernel
def clear_rewards(game: Any) -> None:
    """Begin an empty list."""
    rewards = game.rewards
    fill(rewards.kind, Reward.NONE)
    fill(rewards.value, 0)
    fill(rewards.card_counts, 0)
    rewards.count = 0
    rewards.open = -1


@kernel
def add_reward(game: Any, kind: Any, value: Any) -> None:
    """Put a line behind the others; gold joins the gold there is."""
    rewards = game.rewards
    if kind == Reward.GOLD:
        for line in range(rewards.count):
            if rewards.kind[line] == Reward.GOLD:
                rewards.value[line] += value
                return
    line = int(rewards.count)
    rewards.kind[line] = kind
    rewards.value[line] = value
    rewards.count = line + 1


@kernel
def add_idol_gold(game: Any) -> None:
    """Let a golden idol add its share to the gold on the list."""
    if not owns(game, Relic.GOLDEN_IDOL):
        return
    rewards = game.rewards
    for line in range(rewards.count):
        if rewards.kind[line] == Reward.GOLD:
            rewards.value[line] += half_up(np.float32(rewards.value[line]) * _IDOL)


@kernel
def remove_reward(game: Any, line: Any) -> None:
    """Take a line off the list."""
    rewards = game.rewards
    last = int(rewards.count) - 1
    if rewards.kind[line] == Reward.CARD:
        rewards.card_counts[int(rewards.value[line])] = 0
    for k in range(line, last):
        rewards.kind[k] = rewards.kind[k + 1]
        rewards.value[k] = rewards.value[k + 1]
    rewards.kind[last] = Reward.NONE
    rewards.value[last] = 0
    rewards.count = last


@kernel
def show_rewards(game: Any, then: Any) -> None:
    """Show the list, and go on to screen `then` after."""
    game.rewards.open = -1
    game.screen = Screen.COMBAT_REWARD
    game.then = then


@kernel
def show_cards(game: Any, then: Any) -> None:
    """Show the first set of cards on its own, and go on to screen `then` after."""
    game.rewards.open = DIRECT
    game.screen = Screen.CARD_REWARD
    game.then = then


@linked()
def add_card_reward(game: Any) -> None:
    """Draw a set of cards, and put its line behind the others."""
    add_reward(game, Reward.CARD, draw_cards(game))


@linked()
def discard_cards(game: Any) -> None:
    """Draw the cards that a screen of rewards draws whenever it opens, where it does not offer them."""
    game.rewards.card_counts[draw_cards(game)] = 0


@kernel
def draw_cards(game: Any) -> Any:
    """Draw the cards of one reward, by the place the player is in; return the index of the set."""
    rewards = game.rewards
    chosen = _free_set(game)
    cards = rewards.cards[chosen]
    count = reward_size(game)
    for k in range(count):
        rarity = roll_rarity(game)
        drift(game, rarity)
        cards[k].id = draw_new(game, cards, k, rarity, Stream.CARD)
        cards[k].upgrades = 0
    late = 1 if game.ascension >= 12 else 0
    chance = _UPGRADE_CHANCES[late, int(game.act) - 1]
    for k in range(count):
        card = cards[k]
        upgrade = False
        if not _is_rare(card.id):
            upgrade = draw_chance(game, Stream.CARD, chance) and upgradable(game, card.id, 0)
        card.upgrades = 1 if upgrade else hatched(game, card.id, 0)
    rewards.card_counts[chosen] = count
    return chosen


@kernel
def reward_size(game: Any) -> Any:
    """Return how many cards a reward offers."""
    size = 3
    if owns(game, Relic.QUESTION_CARD):
        size += 1
    if owns(game, Relic.BUSTED_CROWN):
        size -= 2
    return size


@kernel
def _free_set(game: Any) -> Any:
    chosen = 0
    while game.rewards.card_counts[chosen] > 0:
        chosen += 1
    return chosen


@kernel
def _is_rare(card: Any) -> Any:
    found = False
    for rare in RARE:
        found = found or rare == card
    return found


@kernel
def roll_rarity(game: Any) -> Any:
    """Return the rarity of a card found where the player is: one draw of the stream card."""
    rolled = draw_int(game, Stream.CARD, 99) + int(game.rarity_offset)
    room = int(game.room)
    rare, uncommon = _RARE, _UNCOMMON
    if room == Room.BOSS:
        return Rarity.RARE
    if room == Room.ELITE:
        rare, uncommon = _ELITE_RARE, _ELITE_UNCOMMON
    elif room == Room.SHOP:
        rare = _SHOP_RARE
    if owns(game, Relic.NLOTHS_GIFT) and room not in (Room.SHOP, Room.REST):
        rare *= _GIFT
    if rolled < rare:
        return Rarity.RARE
    if rolled < rare + uncommon:
        return Rarity.UNCOMMON
    return Rarity.COMMON


@kernel
def drift(game: Any, rarity: Any) -> None:
    """Let a rarity that was offered move those to come."""
    if rarity == Rarity.RARE:
        game.rarity_offset = START_OFFSET
    elif rarity == Rarity.COMMON:
        game.rarity_offset = max(int(game.rarity_offset) - 1, _LOWEST_OFFSET)


@kernel
def draw_card(game: Any, rarity: Any, stream: Any) -> Any:
    """Return a random card of the class: one draw."""
    if rarity == Rarity.RARE:
        return RARE[draw_int(game, stream, RARE.size - 1)]
    if rarity == Rarity.UNCOMMON:
        return UNCOMMON[draw_int(game, stream, UNCOMMON.size - 1)]
    return COMMON[draw_int(game, stream, COMMON.size - 1)]


@kernel
def draw_colorless(game: Any, rarity: Any) -> Any:
    """Return a random colorless card: one draw of the stream card."""
    if rarity == Rarity.RARE:
        return COLORLESS_RARE[draw_int(game, Stream.CARD, COLORLESS_RARE.size - 1)]
    return COLORLESS_UNCOMMON[draw_int(game, Stream.CARD, COLORLESS_UNCOMMON.size - 1)]


@kernel
def draw_new(game: Any, cards: Any, count: Any, rarity: Any, stream: Any) -> Any:
    """Return a random card of the class that is none of the first `count`: a draw for each attempt."""
    drawn = draw_card(game, rarity, stream)
    while is_among(cards, count, drawn):
        drawn = draw_card(game, rarity, stream)
    return drawn


@kernel
def is_among(cards: Any, count: Any, card: Any) -> Any:
    """Return whether a card is one of the first `count`."""
    found = False
    for k in range(count):
        found = found or cards[k].id == card
    return found


@kernel
def add_colorless_reward(game: Any) -> None:
    """Draw a set of colorless cards (Sensory Stone), and put its line behind the others."""
    rewards = game.rewards
    chosen = _free_set(game)
    cards = rewards.cards[chosen]
    count = reward_size(game)
    for k in range(count):
        rarity = Rarity.UNCOMMON
        if draw_chance(game, Stream.CARD, _COLORLESS_RARE):
            rarity = Rarity.RARE
            drift(game, rarity)
        drawn = draw_colorless(game, rarity)
        while is_among(cards, k, drawn):
            drawn = draw_colorless(game, rarity)
        cards[k].id = drawn
        cards[k].upgrades = hatched(game, drawn, 0)
    rewards.card_counts[chosen] = count
    add_reward(game, Reward.CARD, chosen)


@kernel
def hatch_offers(game: Any) -> None:
    """Let an egg that has just been obtained see the cards that are offered."""
    rewards = game.rewards
    for line in range(rewards.count):
        if rewards.kind[line] == Reward.CARD and _EGGS_SEE[game.reference]:
            chosen = int(rewards.value[line])
            for k in range(rewards.card_counts[chosen]):
                card = rewards.cards[chosen, k]
                card.upgrades = hatched(game, card.id, card.upgrades)
    for k in range(game.shop.cards.size):
        card = game.shop.cards[k]
        if card.id > 0:
            card.upgrades = hatched(game, card.id, card.upgrades)

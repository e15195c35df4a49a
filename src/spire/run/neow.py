"""Neow: taking one of the four options (`spire.neow` draws them)."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire import reference
from spire.belt import draw_potion
from spire.compiled import kernel
from spire.content.cards import Rarity
from spire.ids import NeowBonus, NeowDrawback, Relic
from spire.linked import linked
from spire.pools import Tier
from spire.rng import Stream
from spire.run.deck import draw_curse, obtain_card
from spire.run.holdings import drop
from spire.run.picks import Purpose, open_pick
from spire.run.relics import obtain_relic, take_relic
from spire.run.rewards import (
    add_reward,
    clear_rewards,
    discard_cards,
    draw_card,
    draw_colorless,
    draw_new,
    is_among,
    show_cards,
    show_rewards,
)
from spire.run.screens import follow
from spire.run.vitals import gain_gold, gain_max_hp, lose_gold, lose_max_hp
from spire.state import Reward, Screen
from spire.streams import draw_chance

_UNCOMMON_CHANCE = np.float32(0.33)
_CARDS, _POTIONS = 3, 3

_HEALS = np.array([True, reference.NEOW_HEALS])
_ODD = np.array([0, reference.NEOW_ODD], dtype=np.int64)
"""Whether points of HP beyond the last ten count."""
_CURSE_FIRST = np.array([False, reference.NEOW_CURSE_FIRST])
_CURSED = np.array([NeowBonus.INVALID, reference.NEOW_CURSED], dtype=np.int16)
"""The bonus with which a curse comes whatever the drawback is."""

_GOLD = np.zeros(len(NeowBonus), dtype=np.int16)
_GOLD[NeowBonus.HUNDRED_GOLD] = 100
_GOLD[NeowBonus.TWO_FIFTY_GOLD] = 250


@linked()
def choose(game: Any, choice: Any) -> None:
    """Take one of the four options."""
    bonus, drawback = int(game.neow.bonus[choice]), int(game.neow.drawback[choice])
    max_hp, hp = int(game.max_hp), int(game.hp)
    odd = _ODD[game.reference]
    if drawback == NeowDrawback.TEN_PERCENT_HP_LOSS:
        lose_max_hp(game, max_hp // 10 + (1 if max_hp % 10 * odd else 0))
    elif drawback == NeowDrawback.NO_GOLD:
        lose_gold(game, game.gold)
    elif drawback == NeowDrawback.PERCENT_DAMAGE:
        game.hp = hp - hp // 10 * 3 - hp % 10 * odd
    elif drawback == NeowDrawback.LOSE_STARTER_RELIC:
        drop(game, game.relics[0])
    cursed = drawback == NeowDrawback.CURSE
    if cursed and _CURSE_FIRST[game.reference]:
        obtain_card(game, draw_curse(game), 0, 0)
        cursed = False
    gain_gold(game, _GOLD[bonus])
    if bonus in (NeowBonus.THREE_CARDS, NeowBonus.THREE_RARE_CARDS):
        _offer_cards(game, bonus == NeowBonus.THREE_RARE_CARDS)
    elif bonus == NeowBonus.RANDOM_COLORLESS:
        _offer_colorless(game, Rarity.UNCOMMON)
    elif bonus == NeowBonus.RANDOM_COLORLESS_2:
        _offer_colorless(game, Rarity.RARE)
    elif bonus == NeowBonus.ONE_RANDOM_RARE_CARD:
        obtain_card(game, draw_card(game, Rarity.RARE, Stream.NEOW), 0, 0)
    elif bonus == NeowBonus.REMOVE_CARD:
        open_pick(game, Purpose.REMOVE, 1, Screen.MAP)
    elif bonus == NeowBonus.REMOVE_TWO:
        open_pick(game, Purpose.REMOVE, 2, Screen.MAP)
    elif bonus == NeowBonus.UPGRADE_CARD:
        open_pick(game, Purpose.UPGRADE, 1, Screen.MAP)
    elif bonus == NeowBonus.TRANSFORM_CARD:
        open_pick(game, Purpose.TRANSFORM, 1, Screen.MAP)
    elif bonus == NeowBonus.TRANSFORM_TWO_CARDS:
        open_pick(game, Purpose.TRANSFORM, 2, Screen.MAP)
    elif bonus == NeowBonus.THREE_SMALL_POTIONS:
        clear_rewards(game)
        for _ in range(_POTIONS):
            add_reward(game, Reward.POTION, draw_potion(game, Stream.POTION))
        discard_cards(game)
        show_rewards(game, Screen.MAP)
    elif bonus == NeowBonus.RANDOM_COMMON_RELIC:
        obtain_relic(game, take_relic(game, Tier.COMMON))
    elif bonus == NeowBonus.ONE_RARE_RELIC:
        obtain_relic(game, take_relic(game, Tier.RARE))
    elif bonus == NeowBonus.BOSS_RELIC:
        obtain_relic(game, take_relic(game, Tier.BOSS))
    elif bonus == NeowBonus.THREE_ENEMY_KILL:
        obtain_relic(game, Relic.NEOWS_LAMENT)
    elif bonus == NeowBonus.TEN_PERCENT_HP_BONUS:
        _raise_max_hp(game, max_hp // 10)
    elif bonus == NeowBonus.TWENTY_PERCENT_HP_BONUS:
        more = 1 if max_hp % 10 * odd >= 5 else 0
        _raise_max_hp(game, max_hp // 10 * 2 + more)
    if cursed or bonus == _CURSED[game.reference]:
        obtain_card(game, draw_curse(game), 0, 0)
    follow(game, Screen.MAP)


@kernel
def _raise_max_hp(game: Any, amount: Any) -> None:
    if _HEALS[game.reference]:
        gain_max_hp(game, amount)
    else:
        game.max_hp = int(game.max_hp) + amount


@kernel
def _offer_cards(game: Any, rare: Any) -> None:
    """Offer three cards of the class."""
    clear_rewards(game)
    cards = game.rewards.cards[0]
    for k in range(_CARDS):
        rarity = Rarity.COMMON
        if draw_chance(game, Stream.NEOW, _UNCOMMON_CHANCE):
            rarity = Rarity.UNCOMMON
        if rare:
            rarity = Rarity.RARE
        cards[k].id = draw_new(game, cards, k, rarity, Stream.NEOW)
        cards[k].upgrades = 0
    game.rewards.card_counts[0] = _CARDS
    show_cards(game, Screen.MAP)


@kernel
def _offer_colorless(game: Any, rarity: Any) -> None:
    """Offer three colorless cards; the game rolls a rarity, and does not look at it."""
    clear_rewards(game)
    cards = game.rewards.cards[0]
    for k in range(_CARDS):
        draw_chance(game, Stream.NEOW, _UNCOMMON_CHANCE)
        drawn = draw_colorless(game, rarity)
        while is_among(cards, k, drawn):
            drawn = draw_colorless(game, rarity)
        cards[k].id = drawn
        cards[k].upgrades = 0
    game.rewards.card_counts[0] = _CARDS
    show_cards(game, Screen.MAP)

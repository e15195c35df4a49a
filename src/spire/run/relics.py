"""Relics: taking them from their pools, and what obtaining and losing one does."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire import reference
from spire.belt import draw_potion
from spire.compiled import kernel
from spire.content.card_pools import PANDORA
from spire.content.cards import FACTS as CARDS
from spire.content.cards import Kind, Rarity
from spire.content.relics import FACTS, Need
from spire.ids import Card, Relic, Room
from spire.linked import linked
from spire.owned import owns
from spire.pools import Tier
from spire.rng import Stream
from spire.run.deck import obtain_card, remove_card, upgrade_random
from spire.run.holdings import drop, hold, replace_starter
from spire.run.picks import Purpose, open_pick
from spire.run.rewards import (
    add_card_reward,
    add_idol_gold,
    add_reward,
    clear_rewards,
    discard_cards,
    hatch_offers,
    show_rewards,
)
from spire.run.vitals import gain_gold, gain_max_hp, heal
from spire.state import POTIONS, Reward
from spire.streams import draw_int

_COMMON_BELOW, _UNCOMMON_BELOW = 50, 83
_LAST_ACT = 4
_HOUSE_GOLD = 50
_CAULDRON = 5
_ORRERY = 5
_BOSS_FRONT = np.array([True, reference.BOSS_FRONT])
"""Whether relics of bosses are only ever taken from the front of their pool."""
_DISCARDED = np.array([True, reference.DISCARDED_CARDS])


@kernel
def roll_tier(game: Any, elite: Any) -> Any:
    """Return the tier of a relic found: one draw of the stream relic. `elite` says it is an elite's."""
    rolled = draw_int(game, Stream.RELIC, 99)
    if game.act == _LAST_ACT and not elite:
        return Tier.UNCOMMON
    if rolled < _COMMON_BELOW:
        return Tier.COMMON
    if rolled < _UNCOMMON_BELOW:
        return Tier.UNCOMMON
    return Tier.RARE


@kernel
def may_spawn(game: Any, relic: Any) -> Any:
    """Return whether a relic may turn up now."""
    fact = FACTS[game.reference, relic]
    need = fact.need
    if game.floor > fact.last_floor:
        return False
    if need == Need.ATTACK:
        return _has_kind(game, Kind.ATTACK)
    if need == Need.SKILL:
        return _has_kind(game, Kind.SKILL)
    if need == Need.POWER:
        return _has_kind(game, Kind.POWER)
    if need == Need.STARTER:
        return owns(game, Relic.BURNING_BLOOD)
    if need == Need.CAMPFIRE:
        owned = int(owns(game, Relic.GIRYA))
        owned += int(owns(game, Relic.PEACE_PIPE))
        owned += int(owns(game, Relic.SHOVEL))
        return owned < 2
    if need == Need.FIRST_ACT:
        return game.act <= 1
    if need == Need.NO_SHOP:
        return game.room != Room.SHOP
    return True


@kernel
def _has_kind(game: Any, kind: Any) -> Any:
    """Return whether the deck has a card of a kind that is not basic."""
    for k in range(game.deck_count):
        fact = CARDS[game.reference, game.deck[k].id]
        if fact.kind == kind and fact.rarity != Rarity.BASIC:
            return True
    return False


@kernel
def take_relic(game: Any, tier: Any) -> Any:
    """Return the next relic of a tier, which leaves its pool."""
    return _take(game, tier, True)


@kernel
def take_shop_relic(game: Any, tier: Any) -> Any:
    """Return the last relic of a tier, which leaves its pool."""
    return _take(game, tier, False)


@kernel
def take_screenless(game: Any, tier: Any) -> Any:
    """Return the next relic of a tier that asks for no choice as it is obtained."""
    relic = _take(game, tier, True)
    while relic in (
        Relic.BOTTLED_FLAME,
        Relic.BOTTLED_LIGHTNING,
        Relic.BOTTLED_TORNADO,
        Relic.WHETSTONE,
    ):
        relic = _take(game, tier, True)
    return relic


@kernel
def take_second(game: Any, tier: Any) -> Any:
    """Return the next relic of a tier that is not for rest sites: an elite's second one."""
    relic = _take(game, tier, True)
    while relic in (Relic.PEACE_PIPE, Relic.SHOVEL, Relic.GIRYA):
        relic = _take(game, tier, True)
    return relic


@kernel
def _take(game: Any, tier: Any, front: Any) -> Any:
    """Take relics of a tier until one may turn up: from the front at first, then from the back.

    A pool that is empty hands on to the next; those that may not turn up are lost.
    """
    pools = game.relic_pools
    now = int(tier)
    from_front = front
    while True:
        if pools.first[now] == pools.end[now]:
            if now == Tier.RARE:
                return int(Relic.CIRCLET)
            if now == Tier.BOSS:
                return int(Relic.RED_CIRCLET)
            now = int(Tier.UNCOMMON) if now != Tier.UNCOMMON else int(Tier.RARE)
            from_front = True
            continue
        if from_front or (now == Tier.BOSS and _BOSS_FRONT[game.reference]):
            relic = int(pools.relics[now, int(pools.first[now])])
            pools.first[now] += 1
        else:
            pools.end[now] -= 1
            relic = int(pools.relics[now, int(pools.end[now])])
        if may_spawn(game, relic):
            return relic
        from_front = False


@kernel
def lose_relic(game: Any, relic: Any) -> None:
    """Take a relic from the player, and what it gave for as long as it was owned."""
    if not owns(game, relic):
        return
    drop(game, relic)
    kind = Kind.NONE
    if relic == Relic.BOTTLED_FLAME:
        kind = Kind.ATTACK
    elif relic == Relic.BOTTLED_LIGHTNING:
        kind = Kind.SKILL
    elif relic == Relic.BOTTLED_TORNADO:
        kind = Kind.POWER
    for k in range(game.deck_count):
        card = game.deck[k]
        if card.bottled and CARDS[game.reference, card.id].kind == kind:
            card.bottled = 0
    if relic == Relic.POTION_BELT:
        slots = int(game.potion_slots) - 2
        for slot in range(slots, POTIONS):
            game.potions[slot] = 0
        game.potion_slots = slots
    elif relic == Relic.NECRONOMICON:
        for k in range(game.deck_count):
            if game.deck[k].id == Card.NECRONOMICURSE:
                remove_card(game, k)
                break


@linked()
def obtain_relic(game: Any, relic: Any) -> None:
    """Give the player a relic and what it does at once.

    What it asks for is asked on screens after which the present one is shown again.
    """
    if owns(game, relic):
        hold(game, relic)
        return
    if relic == Relic.BLACK_BLOOD:
        replace_starter(game, relic)
    else:
        hold(game, relic)
    fact = FACTS[game.reference, relic]
    if fact.max_hp > 0:
        gain_max_hp(game, fact.max_hp)
    gain_gold(game, fact.gold)
    back = int(game.screen)
    if relic == Relic.LEES_WAFFLE:
        heal(game, game.max_hp)
    elif relic == Relic.POTION_BELT:
        game.potion_slots = min(int(game.potion_slots) + 2, POTIONS)
    elif relic == Relic.WAR_PAINT:
        upgrade_random(game, Kind.SKILL, 2)
    elif relic == Relic.WHETSTONE:
        upgrade_random(game, Kind.ATTACK, 2)
    elif relic in (Relic.MOLTEN_EGG, Relic.TOXIC_EGG, Relic.FROZEN_EGG):
        hatch_offers(game)
    elif relic == Relic.BOTTLED_FLAME:
        open_pick(game, Purpose.BOTTLE_ATTACK, 1, back)
    elif relic == Relic.BOTTLED_LIGHTNING:
        open_pick(game, Purpose.BOTTLE_SKILL, 1, back)
    elif relic == Relic.BOTTLED_TORNADO:
        open_pick(game, Purpose.BOTTLE_POWER, 1, back)
    elif relic == Relic.DOLLYS_MIRROR:
        open_pick(game, Purpose.DUPLICATE, 1, back)
    elif relic == Relic.ASTROLABE:
        open_pick(game, Purpose.ASTROLABE, 3, back)
    elif relic == Relic.EMPTY_CAGE:
        open_pick(game, Purpose.REMOVE_ANY, 2, back)
    elif relic == Relic.PANDORAS_BOX:
        _open_box(game)
    elif relic == Relic.NECRONOMICON:
        obtain_card(game, Card.NECRONOMICURSE, 0, 0)
    elif relic == Relic.TINY_HOUSE:
        _enter_house(game, back)
    elif relic == Relic.CALLING_BELL:
        _ring_bell(game, back)
    elif relic == Relic.CAULDRON:
        clear_rewards(game)
        for _ in range(_CAULDRON):
            add_reward(game, Reward.POTION, draw_potion(game, Stream.POTION))
        if _DISCARDED[game.reference]:
            discard_cards(game)
        show_rewards(game, back)
    elif relic == Relic.ORRERY:
        clear_rewards(game)
        for _ in range(_ORRERY):
            add_card_reward(game)
        show_rewards(game, back)


@kernel
def _open_box(game: Any) -> None:
    """Turn every starter Strike and Defend into a random card of the class."""
    # No choice is open now: its list serves.
    drawn = game.pick.cards
    count = 0
    for index in range(int(game.deck_count) - 1, -1, -1):
        card = game.deck[index].id
        if card in (Card.STRIKE_RED, Card.DEFEND_RED):
            remove_card(game, index)
            drawn[count] = PANDORA[draw_int(game, Stream.CARD_RANDOM, PANDORA.size - 1)]
            count += 1
    # They are put before one another as they are drawn.
    for k in range(count - 1, -1, -1):
        obtain_card(game, drawn[k], 0, 0)


@kernel
def _enter_house(game: Any, back: Any) -> None:
    upgrade_random(game, Kind.NONE, 1)
    clear_rewards(game)
    add_reward(game, Reward.GOLD, _HOUSE_GOLD)
    add_idol_gold(game)
    add_reward(game, Reward.POTION, draw_potion(game, Stream.MISC))
    add_card_reward(game)
    show_rewards(game, back)


@kernel
def _ring_bell(game: Any, back: Any) -> None:
    obtain_card(game, Card.CURSE_OF_THE_BELL, 0, 0)
    clear_rewards(game)
    if _DISCARDED[game.reference]:
        discard_cards(game)
    for tier in range(Tier.COMMON, Tier.RARE + 1):
        add_reward(game, Reward.RELIC, take_screenless(game, tier))
    show_rewards(game, back)

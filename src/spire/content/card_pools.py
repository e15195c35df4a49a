"""Card pools: which cards are drawn from, in the order the draws count in.

The game keeps its cards in hash maps: the rewards stand in the order of the buckets, and other lists are
made of them by turning parts around or by sorting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from spire.codes import table
from spire.content.cards import BY_ID, NAMES, Kind, Rarity
from spire.content.text import Pool
from spire.ids import Card

C = Card

# fmt: off
CLASS_CARDS = {
    Rarity.COMMON: (
        C.ANGER, C.CLEAVE, C.WARCRY, C.FLEX, C.IRON_WAVE, C.BODY_SLAM, C.TRUE_GRIT, C.SHRUG_IT_OFF,
        C.CLASH, C.THUNDERCLAP, C.POMMEL_STRIKE, C.TWIN_STRIKE, C.CLOTHESLINE, C.ARMAMENTS, C.HAVOC,
        C.HEADBUTT, C.WILD_STRIKE, C.HEAVY_BLADE, C.PERFECTED_STRIKE, C.SWORD_BOOMERANG,
    ),
    Rarity.UNCOMMON: (
        C.SPOT_WEAKNESS, C.INFLAME, C.POWER_THROUGH, C.DUAL_WIELD, C.INFERNAL_BLADE,
        C.RECKLESS_CHARGE, C.HEMOKINESIS, C.INTIMIDATE, C.BLOOD_FOR_BLOOD, C.FLAME_BARRIER,
        C.PUMMEL, C.BURNING_PACT, C.METALLICIZE, C.SHOCKWAVE, C.RAMPAGE, C.SEVER_SOUL, C.WHIRLWIND,
        C.COMBUST, C.DARK_EMBRACE, C.SEEING_RED, C.DISARM, C.FEEL_NO_PAIN, C.RAGE, C.ENTRENCH,
        C.SENTINEL, C.BATTLE_TRANCE, C.SEARING_BLOW, C.SECOND_WIND, C.RUPTURE, C.BLOODLETTING,
        C.CARNAGE, C.DROPKICK, C.FIRE_BREATHING, C.GHOSTLY_ARMOR, C.UPPERCUT, C.EVOLVE,
    ),
    Rarity.RARE: (
        C.IMMOLATE, C.OFFERING, C.EXHUME, C.REAPER, C.BRUTALITY, C.JUGGERNAUT, C.IMPERVIOUS,
        C.BERSERK, C.FIEND_FIRE, C.BARRICADE, C.CORRUPTION, C.LIMIT_BREAK, C.FEED, C.BLUDGEON,
        C.DEMON_FORM, C.DOUBLE_TAP,
    ),
}
"""The Ironclad's cards by rarity, as rewards draw them."""

COLORLESS_CARDS = (
    C.DARK_SHACKLES, C.SADISTIC_NATURE, C.PANIC_BUTTON, C.TRIP, C.DRAMATIC_ENTRANCE, C.IMPATIENCE,
    C.THE_BOMB, C.BLIND, C.BANDAGE_UP, C.SECRET_TECHNIQUE, C.DEEP_BREATH, C.VIOLENCE, C.PANACHE,
    C.SECRET_WEAPON, C.APOTHEOSIS, C.MAYHEM, C.HAND_OF_GREED, C.FLASH_OF_STEEL, C.FORETHOUGHT,
    C.ENLIGHTENMENT, C.PURITY, C.PANACEA, C.TRANSMUTATION, C.CHRYSALIS, C.DISCOVERY, C.FINESSE,
    C.MAGNETISM, C.MASTER_OF_STRATEGY, C.GOOD_INSTINCTS, C.SWIFT_STRIKE, C.JACK_OF_ALL_TRADES,
    C.METAMORPHOSIS, C.MIND_BLAST, C.THINKING_AHEAD, C.MADNESS,
)
"""The colorless cards, as an act begins with them."""

CURSE_CARDS = (
    C.REGRET, C.INJURY, C.SHAME, C.PARASITE, C.NORMALITY, C.DOUBT, C.WRITHE, C.PAIN, C.DECAY,
    C.CLUMSY,
)
"""The curses that are drawn at random."""
# fmt: on

_BACKWARDS = tuple(each for cards in CLASS_CARDS.values() for each in reversed(cards))
_UNHEALING = tuple(each for each in _BACKWARDS if not BY_ID[each].healing)


def _array(cards: Iterable[Card]) -> NDArray[np.int16]:
    return np.array([*cards], dtype=np.int16)


def _sorted(cards: Iterable[Card]) -> tuple[Card, ...]:
    return tuple(sorted(cards, key=lambda each: NAMES[each]))


def _of_rarity(cards: Iterable[Card], rarity: Rarity) -> tuple[Card, ...]:
    return tuple(each for each in cards if BY_ID[each].rarity == rarity)


def _of_kind(cards: Iterable[Card], kind: Kind) -> tuple[Card, ...]:
    return tuple(each for each in cards if BY_ID[each].kind == kind)


def _sizes(pools: Sequence[Sequence[Card]]) -> NDArray[np.int16]:
    return np.array([len(pool) for pool in pools], dtype=np.int16)


COMMON, UNCOMMON, RARE = (_array(cards) for cards in CLASS_CARDS.values())
"""The Ironclad's cards by rarity, as rewards draw them."""

COLORLESS_UNCOMMON = _array(_sorted(_of_rarity(COLORLESS_CARDS, Rarity.UNCOMMON)))
COLORLESS_RARE = _array(_sorted(_of_rarity(COLORLESS_CARDS, Rarity.RARE)))
"""The colorless cards by rarity, as rewards and shops draw them."""

COLORLESS_BASE = _array(COLORLESS_CARDS)
"""The colorless cards as an act begins with them; some events shuffle a game's own list of them."""

CURSES = _array(CURSE_CARDS)

_SHOP = [
    _sorted(_of_kind(cards, kind))
    for kind in (Kind.ATTACK, Kind.SKILL, Kind.POWER)
    for cards in CLASS_CARDS.values()
]
SHOP = table(_SHOP)
SHOP_SIZES = _sizes(_SHOP)
"""The Ironclad's cards by type and rarity, as shops draw them. Row ``3 * (kind - Kind.ATTACK) + rarity -
Rarity.COMMON``; that of common powers is empty, and uncommon ones stand in for them."""

TRANSFORMS = _array(
    (
        *CLASS_CARDS[Rarity.COMMON],
        *reversed(CLASS_CARDS[Rarity.UNCOMMON]),
        *reversed(CLASS_CARDS[Rarity.RARE]),
    )
)
"""What a card of the Ironclad's is transformed into."""

COLORLESS_TRANSFORMS = np.stack(
    [_array(reversed(COLORLESS_CARDS)), _array(_sorted(COLORLESS_CARDS))]
)
"""What a colorless card is transformed into, by `game.reference`."""

PANDORA = _array(_BACKWARDS)
"""What Pandora's Box makes of the starting cards."""

_POOLS: dict[Pool, tuple[Card, ...]] = {
    Pool.ANY: _UNHEALING,
    Pool.ATTACK: _of_kind(_UNHEALING, Kind.ATTACK),
    Pool.SKILL: _of_kind(_UNHEALING, Kind.SKILL),
    Pool.POWER: _of_kind(_UNHEALING, Kind.POWER),
    Pool.COLORLESS: tuple(each for each in reversed(COLORLESS_CARDS) if not BY_ID[each].healing),
}
POOLS = table(_POOLS[pool] for pool in Pool)
POOL_SIZES = _sizes([_POOLS[pool] for pool in Pool])
"""What combats make cards of at random, none of which heals: ``POOLS[pool, :POOL_SIZES[pool]]``."""

IN_COMBAT = _array(_POOLS[Pool.ANY])
POWERS_IN_COMBAT = _array(_POOLS[Pool.POWER])
COLORLESS_IN_COMBAT = _array(_POOLS[Pool.COLORLESS])
"""Three of them by name."""

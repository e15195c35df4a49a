"""Pools: the relics, events and shrines a game draws from, in the order the draws count in.

The game keeps relics and cards in hash maps; the order before a shuffle is that of the buckets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.arrays import copy, fill
from spire.codes import Codes, table
from spire.compiled import kernel, record
from spire.ids import Event, Relic
from spire.rng import shuffle


class Tier(Codes):
    """The tiers of relics that have a pool, in the order in which the pools are shuffled."""

    COMMON = 0
    UNCOMMON = 1
    RARE = 2
    SHOP = 3
    BOSS = 4


R, E = Relic, Event

SHARED_RELICS = {
    Tier.COMMON: (
        R.WHETSTONE,
        R.THE_BOOT,
        R.BLOOD_VIAL,
        R.MEAL_TICKET,
        R.PEN_NIB,
        R.AKABEKO,
        R.LANTERN,
        R.REGAL_PILLOW,
        R.BAG_OF_PREPARATION,
        R.ANCIENT_TEA_SET,
        R.SMILING_MASK,
        R.POTION_BELT,
        R.PRESERVED_INSECT,
        R.OMAMORI,
        R.MAW_BANK,
        R.ART_OF_WAR,
        R.TOY_ORNITHOPTER,
        R.CERAMIC_FISH,
        R.VAJRA,
        R.CENTENNIAL_PUZZLE,
        R.STRAWBERRY,
        R.HAPPY_FLOWER,
        R.ODDLY_SMOOTH_STONE,
        R.WAR_PAINT,
        R.BRONZE_SCALES,
        R.JUZU_BRACELET,
        R.DREAM_CATCHER,
        R.NUNCHAKU,
        R.TINY_CHEST,
        R.ORICHALCUM,
        R.ANCHOR,
        R.BAG_OF_MARBLES,
    ),
    Tier.UNCOMMON: (
        R.BOTTLED_TORNADO,
        R.SUNDIAL,
        R.KUNAI,
        R.PEAR,
        R.BLUE_CANDLE,
        R.ETERNAL_FEATHER,
        R.STRIKE_DUMMY,
        R.SINGING_BOWL,
        R.MATRYOSHKA,
        R.INK_BOTTLE,
        R.THE_COURIER,
        R.FROZEN_EGG,
        R.ORNAMENTAL_FAN,
        R.BOTTLED_LIGHTNING,
        R.GREMLIN_HORN,
        R.HORN_CLEAT,
        R.TOXIC_EGG,
        R.LETTER_OPENER,
        R.QUESTION_CARD,
        R.BOTTLED_FLAME,
        R.SHURIKEN,
        R.MOLTEN_EGG,
        R.MEAT_ON_THE_BONE,
        R.DARKSTONE_PERIAPT,
        R.MUMMIFIED_HAND,
        R.PANTOGRAPH,
        R.WHITE_BEAST_STATUE,
        R.MERCURY_HOURGLASS,
    ),
    Tier.RARE: (
        R.GINGER,
        R.OLD_COIN,
        R.BIRD_FACED_URN,
        R.UNCEASING_TOP,
        R.TORII,
        R.STONE_CALENDAR,
        R.SHOVEL,
        R.WING_BOOTS,
        R.THREAD_AND_NEEDLE,
        R.TURNIP,
        R.ICE_CREAM,
        R.CALIPERS,
        R.LIZARD_TAIL,
        R.PRAYER_WHEEL,
        R.GIRYA,
        R.DEAD_BRANCH,
        R.DU_VU_DOLL,
        R.POCKETWATCH,
        R.MANGO,
        R.INCENSE_BURNER,
        R.GAMBLING_CHIP,
        R.PEACE_PIPE,
        R.CAPTAINS_WHEEL,
        R.FOSSILIZED_HELIX,
        R.TUNGSTEN_ROD,
    ),
    Tier.SHOP: (
        R.SLING_OF_COURAGE,
        R.HAND_DRILL,
        R.TOOLBOX,
        R.CHEMICAL_X,
        R.LEES_WAFFLE,
        R.ORRERY,
        R.DOLLYS_MIRROR,
        R.ORANGE_PELLETS,
        R.PRISMATIC_SHARD,
        R.CLOCKWORK_SOUVENIR,
        R.FROZEN_EYE,
        R.THE_ABACUS,
        R.MEDICAL_KIT,
        R.CAULDRON,
        R.STRANGE_SPOON,
        R.MEMBERSHIP_CARD,
    ),
    Tier.BOSS: (
        R.FUSION_HAMMER,
        R.VELVET_CHOKER,
        R.RUNIC_DOME,
        R.SLAVERS_COLLAR,
        R.SNECKO_EYE,
        R.PANDORAS_BOX,
        R.CURSED_KEY,
        R.BUSTED_CROWN,
        R.ECTOPLASM,
        R.TINY_HOUSE,
        R.SOZU,
        R.PHILOSOPHERS_STONE,
        R.ASTROLABE,
        R.BLACK_STAR,
        R.SACRED_BARK,
        R.EMPTY_CAGE,
        R.RUNIC_PYRAMID,
        R.CALLING_BELL,
        R.COFFEE_DRIPPER,
    ),
}
"""The relics of every class, before the shuffle."""

IRONCLAD_RELICS = {
    Tier.COMMON: (R.RED_SKULL,),
    Tier.UNCOMMON: (
        R.SELF_FORMING_CLAY,
        R.PAPER_PHROG,
    ),
    Tier.RARE: (
        R.MAGIC_FLOWER,
        R.CHARONS_ASHES,
        R.CHAMPION_BELT,
    ),
    Tier.SHOP: (R.BRIMSTONE,),
    Tier.BOSS: (
        R.BLACK_BLOOD,
        R.MARK_OF_PAIN,
        R.RUNIC_CUBE,
    ),
}
"""The Ironclad's own relics; they stand behind the shared ones."""

EVENTS = {
    1: (
        E.BIG_FISH,
        E.THE_CLERIC,
        E.DEAD_ADVENTURER,
        E.GOLDEN_IDOL,
        E.WING_STATUE,
        E.WORLD_OF_GOOP,
        E.THE_SSSSSERPENT,
        E.LIVING_WALL,
        E.HYPNOTIZING_COLORED_MUSHROOMS,
        E.SCRAP_OOZE,
        E.SHINING_LIGHT,
    ),
    2: (
        E.PLEADING_VAGRANT,
        E.ANCIENT_WRITING,
        E.OLD_BEGGAR,
        E.COLOSSEUM,
        E.CURSED_TOME,
        E.AUGMENTER,
        E.FORGOTTEN_ALTAR,
        E.GHOSTS,
        E.MASKED_BANDITS,
        E.THE_NEST,
        E.THE_LIBRARY,
        E.THE_MAUSOLEUM,
        E.VAMPIRES,
    ),
    3: (
        E.FALLING,
        E.MINDBLOOM,
        E.THE_MOAI_HEAD,
        E.MYSTERIOUS_SPHERE,
        E.SENSORY_STONE,
        E.TOMB_OF_LORD_RED_MASK,
        E.WINDING_HALLS,
    ),
}
"""The events of each act."""

SHRINES = {
    1: (
        E.MATCH_AND_KEEP,
        E.GOLDEN_SHRINE,
        E.TRANSMORGRIFIER,
        E.PURIFIER,
        E.UPGRADE_SHRINE,
        E.WHEEL_OF_CHANGE,
    ),
    2: (
        E.MATCH_AND_KEEP,
        E.WHEEL_OF_CHANGE,
        E.GOLDEN_SHRINE,
        E.TRANSMORGRIFIER,
        E.PURIFIER,
        E.UPGRADE_SHRINE,
    ),
    3: (
        E.MATCH_AND_KEEP,
        E.WHEEL_OF_CHANGE,
        E.GOLDEN_SHRINE,
        E.TRANSMORGRIFIER,
        E.PURIFIER,
        E.UPGRADE_SHRINE,
    ),
}
"""The shrines of each act."""

ONE_TIME_EVENTS = (
    E.OMINOUS_FORGE,
    E.BONFIRE_SPIRITS,
    E.DESIGNER_IN_SPIRE,
    E.DUPLICATOR,
    E.FACE_TRADER,
    E.THE_DIVINE_FOUNTAIN,
    E.KNOWING_SKULL,
    E.LAB,
    E.NLOTH,
    E.NOTE_FOR_YOURSELF,
    E.SECRET_PORTAL,
    E.THE_JOUST,
    E.WE_MEET_AGAIN,
    E.THE_WOMAN_IN_BLUE,
)
"""Events of the whole run: each is met at most once, in any act that suits it."""

_UNSHUFFLED = table((*SHARED_RELICS[tier], *IRONCLAD_RELICS[tier]) for tier in Tier)
_SIZES = np.array([np.count_nonzero(row) for row in _UNSHUFFLED], dtype=np.int16)
_EVENTS, _SHRINES = table(EVENTS.values()), table(SHRINES.values())
_ONE_TIME = table([ONE_TIME_EVENTS])[0]

RELIC_POOLS = record(
    [
        ("relics", np.int16, _UNSHUFFLED.shape),
        ("first", np.int16, (len(Tier),)),
        ("end", np.int16, (len(Tier),)),
    ]
)
"""The relics not yet met, by tier: ``relics[tier, first:end]``. Chests and fights take from the front, shops
from the back."""

EVENT_POOLS = record(
    [
        ("events", np.int16, (_EVENTS.shape[1],)),
        ("shrines", np.int16, (_SHRINES.shape[1],)),
        ("one_time", np.int16, (len(ONE_TIME_EVENTS),)),
    ]
)
"""The events not yet met, as codes of `Event`, filled up with 0."""


@kernel
def fill_relic_pools(pools: Any, words: Any, counts: Any, stream: Any) -> None:
    """Fill in the pools of a new game (a record of `RELIC_POOLS`) and shuffle them: five draws."""
    for tier in range(_SIZES.size):
        copy(pools.relics[tier], _UNSHUFFLED[tier])
        pools.first[tier] = 0
        pools.end[tier] = _SIZES[tier]
        shuffle(words, counts, stream, pools.relics[tier], int(_SIZES[tier]))


@kernel
def enter_act(pools: Any, act: Any) -> None:
    """Put the events and shrines of an act in place of another's (in a record of `EVENT_POOLS`)."""
    copy(pools.events, _EVENTS[act - 1])
    copy(pools.shrines, _SHRINES[act - 1])


@kernel
def fill_one_time_events(pools: Any, ascension: Any) -> None:
    """Fill in the one-time events of a new game. From ascension 15 on there is no note for yourself."""
    fill(pools.one_time, Event.INVALID)
    count = 0
    for event in _ONE_TIME:
        if ascension >= 15 and event == Event.NOTE_FOR_YOURSELF:
            continue
        pools.one_time[count] = event
        count += 1

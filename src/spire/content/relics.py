"""Relics: what each one is called, where it belongs, when it may turn up, and what it gives at once.

What relics do in combat stands in `spire.content.relic_effects`; the order of the pools in `spire.pools`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from spire import reference
from spire.codes import Codes
from spire.compiled import record
from spire.ids import Relic
from spire.pools import IRONCLAD_RELICS, SHARED_RELICS, Tier

R = Relic

USED_UP = -2
"""The counter of a relic whose charges are gone for good."""

STARTER, SPECIAL = len(Tier), len(Tier) + 1
"""The tiers without a pool: what a class begins with, and what only events and Neow give."""

PRICES = {
    Tier.COMMON: 150,
    Tier.UNCOMMON: 250,
    Tier.RARE: 300,
    Tier.SHOP: 150,
    Tier.BOSS: 999,
    STARTER: 300,
    SPECIAL: 400,
}
"""What relics of a tier cost before a shop's own factor."""

STARTERS = (R.BURNING_BLOOD,)
SPECIALS = (
    R.BLOODY_IDOL,
    R.CIRCLET,
    R.CULTIST_HEADPIECE,
    R.ENCHIRIDION,
    R.FACE_OF_CLERIC,
    R.GOLDEN_IDOL,
    R.GREMLIN_VISAGE,
    R.MARK_OF_THE_BLOOM,
    R.MUTAGENIC_STRENGTH,
    R.NECRONOMICON,
    R.NEOWS_LAMENT,
    R.NILRYS_CODEX,
    R.NLOTHS_GIFT,
    R.NLOTHS_HUNGRY_FACE,
    R.ODD_MUSHROOM,
    R.RED_CIRCLET,
    R.RED_MASK,
    R.SPIRIT_POOP,
    R.SSSERPENT_HEAD,
    R.WARPED_TONGS,
)


class Need(Codes):
    """What has to hold for a relic to turn up, besides the floor."""

    NOTHING = 0
    ATTACK = 1  # an attack in the deck that is not basic
    SKILL = 2
    POWER = 3
    STARTER = 4  # the relic the class began with
    CAMPFIRE = 5  # fewer than two of the relics for rest sites
    FIRST_ACT = 6
    NO_SHOP = 7  # it is not drawn for a shop


LAST_FLOORS: Mapping[int, Iterable[Relic]] = {
    35: (R.TINY_CHEST,),
    40: (R.WING_BOOTS, R.MATRYOSHKA),
    47: (R.GIRYA, R.PEACE_PIPE, R.SHOVEL),
    48: (
        R.ANCIENT_TEA_SET,
        R.CERAMIC_FISH,
        R.DARKSTONE_PERIAPT,
        R.DREAM_CATCHER,
        R.FROZEN_EGG,
        R.MOLTEN_EGG,
        R.TOXIC_EGG,
        R.JUZU_BRACELET,
        R.MAW_BANK,
        R.MEAL_TICKET,
        R.MEAT_ON_THE_BONE,
        R.OLD_COIN,
        R.OMAMORI,
        R.POTION_BELT,
        R.PRAYER_WHEEL,
        R.QUESTION_CARD,
        R.REGAL_PILLOW,
        R.SINGING_BOWL,
        R.SMILING_MASK,
        R.THE_COURIER,
    ),
    52: (R.PRESERVED_INSECT,),
}
"""The last floor on which a relic may turn up; others may on every floor."""

NEEDS: Mapping[Relic, Need] = {
    R.BOTTLED_FLAME: Need.ATTACK,
    R.BOTTLED_LIGHTNING: Need.SKILL,
    R.BOTTLED_TORNADO: Need.POWER,
    R.BLACK_BLOOD: Need.STARTER,
    R.GIRYA: Need.CAMPFIRE,
    R.PEACE_PIPE: Need.CAMPFIRE,
    R.SHOVEL: Need.CAMPFIRE,
    R.ECTOPLASM: Need.FIRST_ACT,
    R.MAW_BANK: Need.NO_SHOP,
    R.OLD_COIN: Need.NO_SHOP,
    R.SMILING_MASK: Need.NO_SHOP,
    R.THE_COURIER: Need.NO_SHOP,
}

CHARGES: Mapping[Relic, int] = {
    R.MATRYOSHKA: 2,
    R.NEOWS_LAMENT: 3,
    R.NLOTHS_HUNGRY_FACE: 1,
    R.OMAMORI: 2,
    R.WING_BOOTS: 3,
}
"""The counters that do not begin at 0."""

MAX_HP: Mapping[Relic, int] = {
    R.STRAWBERRY: 7,
    R.PEAR: 10,
    R.MANGO: 14,
    R.LEES_WAFFLE: 7,
    R.TINY_HOUSE: 5,
}
"""What a relic adds to the maximum of HP, at once."""

GOLD: Mapping[Relic, int] = {R.OLD_COIN: 300}

CURSE_MAX_HP: Mapping[Relic, int] = {R.DARKSTONE_PERIAPT: 6}
"""What a relic adds to the maximum of HP for each curse obtained."""

NAMES = {relic: relic.name.replace("_", " ").title().replace(" Of ", " of ") for relic in R} | {
    R.BIRD_FACED_URN: "Bird-Faced Urn",
    R.CAPTAINS_WHEEL: "Captain's Wheel",
    R.CHARONS_ASHES: "Charon's Ashes",
    R.DOLLYS_MIRROR: "Dolly's Mirror",
    R.DU_VU_DOLL: "Du-Vu Doll",
    R.GOLD_PLATED_CABLES: "Gold-Plated Cables",
    R.LEES_WAFFLE: "Lee's Waffle",
    R.MARK_OF_THE_BLOOM: "Mark of the Bloom",
    R.MEAT_ON_THE_BONE: "Meat on the Bone",
    R.NEOWS_LAMENT: "Neow's Lament",
    R.NILRYS_CODEX: "Nilry's Codex",
    R.NLOTHS_GIFT: "N'loth's Gift",
    R.NLOTHS_HUNGRY_FACE: "N'loth's Hungry Face",
    R.PANDORAS_BOX: "Pandora's Box",
    R.PAPER_KRANE: "Paper Krane",
    R.PAPER_PHROG: "Paper Phrog",
    R.PHILOSOPHERS_STONE: "Philosopher's Stone",
    R.RING_OF_THE_SERPENT: "Ring of the Serpent",
    R.RING_OF_THE_SNAKE: "Ring of the Snake",
    R.SELF_FORMING_CLAY: "Self-Forming Clay",
    R.SLAVERS_COLLAR: "Slaver's Collar",
    R.SSSERPENT_HEAD: "Ssserpent Head",
    R.THREAD_AND_NEEDLE: "Thread and Needle",
}
"""The names the game shows."""

FACT = record(
    [
        ("tier", np.int8),
        ("need", np.int8),
        ("last_floor", np.int8),
        ("charges", np.int8),
        ("price", np.int16),
        ("max_hp", np.int8),
        ("curse_max_hp", np.int8),
        ("gold", np.int16),
    ]
)
"""What kernels read of a relic."""


def _facts(overrides: Mapping[str, Mapping[Relic, int]]) -> NDArray[np.void]:
    """Return one record of `FACT` for each relic; `overrides` replaces values, by the name of the field."""
    rows = np.zeros(len(Relic), dtype=FACT)
    rows["last_floor"] = 127
    rows["tier"] = SPECIAL
    for pools in (SHARED_RELICS, IRONCLAD_RELICS):
        for tier, relics in pools.items():
            rows["tier"][list(relics)] = tier
    rows["tier"][list(STARTERS)] = STARTER
    rows["price"] = [PRICES[tier] for tier in rows["tier"].tolist()]
    for floor, early in LAST_FLOORS.items():
        rows["last_floor"][list(early)] = floor
    columns: dict[str, Mapping[Relic, int]] = {
        "need": NEEDS,
        "charges": CHARGES,
        "max_hp": MAX_HP,
        "gold": GOLD,
        "curse_max_hp": CURSE_MAX_HP,
    }
    for name, values in columns.items():
        for relic, value in {**values, **overrides.get(name, {})}.items():
            rows[name][relic] = value
    return rows


FACTS = np.stack([_facts({}), _facts(reference.RELICS)])
"""What kernels read of relics, as ``FACTS[game.reference, relic]``."""

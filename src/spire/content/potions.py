"""Potions: every potion an Ironclad can meet, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spire.codes import Codes
from spire.compiled import record
from spire.content.cards import Aim
from spire.content.text import (
    Line,
    Special,
    Task,
    brew,
    damage,
    damage_all,
    draw,
    energy,
    gain,
    heal_percent,
    inflict,
    max_hp,
    own,
    play_top,
    raw_block,
    select,
    text_table,
    upgrade_hand,
)
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.ids import Potion
from spire.reference import POTIONS as REFERENCE_POTIONS

POTION_IDS = len(Potion)


class PotionRarity(Codes):
    """The rarity of a potion."""

    NONE = 0
    COMMON = 1
    UNCOMMON = 2
    RARE = 3


COMMON, UNCOMMON, RARE = PotionRarity.COMMON, PotionRarity.UNCOMMON, PotionRarity.RARE
MONSTER = Aim.MONSTER

_ALL_CARDS = 99


@dataclass(frozen=True)
class PotionData:
    """A potion. Its lines give both amounts: without and with Sacred Bark."""

    id: Potion
    name: str
    rarity: PotionRarity
    text: tuple[Line, ...]
    aim: int = Aim.NONE
    drinkable: bool = True


def potion(
    potion_id: Potion,
    name: str,
    rarity: PotionRarity,
    *text: Line,
    fixed: bool = False,
    **rest: Any,
) -> PotionData:
    """Return a potion. Sacred Bark doubles its amounts, unless they are fixed."""
    lines = tuple(
        line if fixed else replace(line, amount=(line.amount[0], 2 * line.amount[0]))
        for line in text
    )
    return PotionData(potion_id, name, rarity, lines, **rest)


# fmt: off
POTIONS = (
    potion(Potion.BLOOD_POTION, "Blood Potion", COMMON, heal_percent(20)),
    potion(Potion.ELIXIR_POTION, "Elixir", UNCOMMON, select(Task.EXHAUST_MANY, _ALL_CARDS),
           fixed=True),
    potion(Potion.HEART_OF_IRON, "Heart of Iron", RARE, gain(P.METALLICIZE, 6)),
    potion(Potion.BLOCK_POTION, "Block Potion", COMMON, raw_block(12)),
    potion(Potion.DEXTERITY_POTION, "Dexterity Potion", COMMON, gain(P.DEXTERITY, 2)),
    potion(Potion.ENERGY_POTION, "Energy Potion", COMMON, energy(2)),
    potion(Potion.EXPLOSIVE_POTION, "Explosive Potion", COMMON, damage_all(10)),
    potion(Potion.FIRE_POTION, "Fire Potion", COMMON, damage(20), aim=MONSTER),
    potion(Potion.STRENGTH_POTION, "Strength Potion", COMMON, gain(P.STRENGTH, 2)),
    potion(Potion.SWIFT_POTION, "Swift Potion", COMMON, draw(3)),
    potion(Potion.WEAK_POTION, "Weak Potion", COMMON, inflict(M.WEAK, 3), aim=MONSTER),
    potion(Potion.FEAR_POTION, "Fear Potion", COMMON, inflict(M.VULNERABLE, 3), aim=MONSTER),
    potion(Potion.ATTACK_POTION, "Attack Potion", COMMON, select(Task.ATTACK_POTION)),
    potion(Potion.SKILL_POTION, "Skill Potion", COMMON, select(Task.SKILL_POTION)),
    potion(Potion.POWER_POTION, "Power Potion", COMMON, select(Task.POWER_POTION)),
    potion(Potion.COLORLESS_POTION, "Colorless Potion", COMMON, select(Task.COLORLESS_POTION)),
    potion(Potion.FLEX_POTION, "Flex Potion", COMMON,
           gain(P.STRENGTH, 5), gain(P.LOSE_STRENGTH, 5)),
    potion(Potion.SPEED_POTION, "Speed Potion", COMMON,
           gain(P.DEXTERITY, 5), gain(P.LOSE_DEXTERITY, 5)),
    potion(Potion.BLESSING_OF_THE_FORGE, "Blessing of the Forge", COMMON, upgrade_hand()),
    potion(Potion.REGEN_POTION, "Regen Potion", UNCOMMON, gain(P.REGEN, 5)),
    potion(Potion.ANCIENT_POTION, "Ancient Potion", UNCOMMON, gain(P.ARTIFACT, 1)),
    potion(Potion.LIQUID_BRONZE, "Liquid Bronze", UNCOMMON, gain(P.THORNS, 3)),
    potion(Potion.GAMBLERS_BREW, "Gambler's Brew", UNCOMMON, select(Task.GAMBLE)),
    potion(Potion.ESSENCE_OF_STEEL, "Essence of Steel", UNCOMMON, gain(P.PLATED_ARMOR, 4)),
    potion(Potion.DUPLICATION_POTION, "Duplication Potion", UNCOMMON, gain(P.DUPLICATION, 1)),
    potion(Potion.DISTILLED_CHAOS, "Distilled Chaos", UNCOMMON, play_top(3)),
    potion(Potion.LIQUID_MEMORIES, "Liquid Memories", UNCOMMON,
           select(Task.LIQUID_MEMORIES_POTION)),
    potion(Potion.CULTIST_POTION, "Cultist Potion", RARE, gain(P.RITUAL, 1)),
    potion(Potion.FRUIT_JUICE, "Fruit Juice", RARE, max_hp(5)),
    potion(Potion.SNECKO_OIL, "Snecko Oil", RARE, draw(5), own(Special.RANDOM_COSTS)),
    potion(Potion.FAIRY_POTION, "Fairy in a Bottle", RARE, heal_percent(30), drinkable=False),
    potion(Potion.SMOKE_BOMB, "Smoke Bomb", RARE, own(Special.SMOKE_BOMB)),
    potion(Potion.ENTROPIC_BREW, "Entropic Brew", RARE, brew()),
)
# fmt: on
"""Every potion, in the order in which they are drawn at random."""

BY_ID = {each.id: each for each in POTIONS}
NAMES = tuple(BY_ID[each].name if each in BY_ID else "" for each in Potion)
"""The names of potions, by their ids."""

POTION_POOL = np.array([each.id for each in POTIONS], dtype=np.int16)

POTION_FACT = record([("rarity", np.int8), ("aim", np.int8), ("drinkable", np.int8)])


def _facts() -> Any:
    facts = np.zeros(POTION_IDS, dtype=POTION_FACT).view(np.recarray)
    for each in POTIONS:
        facts[each.id] = (each.rarity, each.aim, each.drinkable)
    return facts


POTION_FACTS = _facts()
"""What is known of every potion."""


def _amounts(text: tuple[Line, ...], amount: tuple[int, int] | None) -> tuple[Line, ...]:
    """Return a text with other amounts, if there are any."""
    return text if amount is None else tuple(replace(line, amount=amount) for line in text)


POTION_TEXT = text_table(
    [
        [_amounts(BY_ID[each].text, other.get(each)) if each in BY_ID else () for each in Potion]
        for other in ({}, REFERENCE_POTIONS)
    ]
)
"""The lines of every potion: ``POTION_TEXT[game.reference, potion, line]``."""

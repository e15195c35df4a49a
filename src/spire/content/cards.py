"""Cards: every card an Ironclad can meet, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spire.codes import Codes
from spire.compiled import record
from spire.content.text import (
    Line,
    Number,
    Pair,
    Pool,
    Special,
    Task,
    add_to_discard,
    add_to_draw,
    add_to_hand,
    block,
    double_block,
    draw,
    energy,
    exhaust_random,
    gain,
    heal,
    hit,
    hit_all,
    hit_random,
    inflict,
    inflict_all,
    lose_hp,
    own,
    own_x,
    pair,
    plain,
    play_top,
    reshuffle,
    roll_to_draw,
    roll_to_hand,
    select,
    shackle,
    text_table,
    upgrade_all,
    upgrade_hand,
    upgraded,
)
from spire.ids import Card
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.reference import CARDS as REFERENCE_CARDS

CARD_IDS = len(Card)


class Kind(Codes):
    """The type of a card."""

    NONE = 0
    ATTACK = 1
    SKILL = 2
    POWER = 3
    STATUS = 4
    CURSE = 5


class Rarity(Codes):
    """The rarity of a card, as the game counts it."""

    NONE = 0
    BASIC = 1
    COMMON = 2
    UNCOMMON = 3
    RARE = 4
    SPECIAL = 5
    CURSE = 6


class Color(Codes):
    """Whose card it is."""

    NONE = 0
    RED = 1
    COLORLESS = 2
    CURSE = 3
    STATUS = 4


class Aim(Codes):
    """What a card is aimed at."""

    NONE = 0  # the player, nobody, a random monster
    MONSTER = 1  # one monster, to be named
    ALL = 2


C = Card

ATTACK, SKILL, POWER, STATUS = Kind.ATTACK, Kind.SKILL, Kind.POWER, Kind.STATUS
BASIC, COMMON, UNCOMMON, RARE = Rarity.BASIC, Rarity.COMMON, Rarity.UNCOMMON, Rarity.RARE
SPECIAL = Rarity.SPECIAL
RED, COLORLESS = Color.RED, Color.COLORLESS
MONSTER, ALL = Aim.MONSTER, Aim.ALL

X = -1
"""The cost of a card that spends all energy."""
UNPLAYABLE = -2
"""The cost of a status that cannot be played."""
CURSED = -3
"""The cost of a curse that cannot be played."""

NEVER = (0, 0)
ALWAYS = (1, 1)
UNLESS_UPGRADED = (1, 0)
IF_UPGRADED = (0, 1)


@dataclass(frozen=True)
class CardData:
    """A card, with pairs of values where an upgrade changes it."""

    id: Card
    name: str
    kind: Kind
    rarity: Rarity
    color: Color
    cost: Pair = NEVER
    aim: Pair = NEVER
    text: tuple[Line, ...] = ()
    exhausts: Pair = NEVER
    ethereal: Pair = NEVER
    innate: Pair = NEVER
    healing: bool = False
    upgradable: bool = True
    misc: int = 0


def card(
    card_id: Card,
    name: str,
    kind: Kind,
    rarity: Rarity,
    color: Color,
    *,
    cost: int | Pair,
    aim: int | Pair = Aim.NONE,
    text: Line | tuple[Line, ...],
    **rest: Any,
) -> CardData:
    """Return a card; a single value stands for both of its versions."""
    lines = text if isinstance(text, tuple) else (text,)
    return CardData(card_id, name, kind, rarity, color, pair(cost), pair(aim), lines, **rest)


def status(card_id: Card, name: str, cost: int = UNPLAYABLE, **rest: Any) -> CardData:
    """Return a status."""
    color = Color.STATUS
    return CardData(card_id, name, STATUS, COMMON, color, pair(cost), upgradable=False, **rest)


def curse(
    card_id: Card, name: str, cost: int = CURSED, rarity: Rarity = Rarity.CURSE, **rest: Any
) -> CardData:
    """Return a curse."""
    color = Color.CURSE
    return CardData(card_id, name, Kind.CURSE, rarity, color, pair(cost), upgradable=False, **rest)


# fmt: off
CARDS = (
    # The Ironclad's: basic.
    card(C.STRIKE_RED, "Strike", ATTACK, BASIC, RED, cost=1, aim=MONSTER, text=hit(6, 9)),
    card(C.DEFEND_RED, "Defend", SKILL, BASIC, RED, cost=1, text=block(5, 8)),
    card(C.BASH, "Bash", ATTACK, BASIC, RED, cost=2, aim=MONSTER,
         text=(hit(8, 10), inflict(M.VULNERABLE, 2, 3))),

    # The Ironclad's: common.
    card(C.ANGER, "Anger", ATTACK, COMMON, RED, cost=0, aim=MONSTER,
         text=(hit(6, 8), add_to_discard(C.ANGER, 1))),
    card(C.ARMAMENTS, "Armaments", SKILL, COMMON, RED, cost=1,
         text=(block(5), plain(select(Task.ARMAMENTS)), upgraded(upgrade_hand()))),
    card(C.BODY_SLAM, "Body Slam", ATTACK, COMMON, RED, cost=(1, 0), aim=MONSTER,
         text=hit(0, number=Number.BLOCK)),
    card(C.CLASH, "Clash", ATTACK, COMMON, RED, cost=0, aim=MONSTER, text=hit(14, 18)),
    card(C.CLEAVE, "Cleave", ATTACK, COMMON, RED, cost=1, aim=ALL, text=hit_all(8, 11)),
    card(C.CLOTHESLINE, "Clothesline", ATTACK, COMMON, RED, cost=2, aim=MONSTER,
         text=(hit(12, 14), inflict(M.WEAK, 2, 3))),
    card(C.FLEX, "Flex", SKILL, COMMON, RED, cost=0,
         text=(gain(P.STRENGTH, 2, 4), gain(P.LOSE_STRENGTH, 2, 4))),
    card(C.HAVOC, "Havoc", SKILL, COMMON, RED, cost=(1, 0), text=play_top(1, exhausts=True)),
    card(C.HEADBUTT, "Headbutt", ATTACK, COMMON, RED, cost=1, aim=MONSTER,
         text=(hit(9, 12), select(Task.HEADBUTT))),
    card(C.HEAVY_BLADE, "Heavy Blade", ATTACK, COMMON, RED, cost=2, aim=MONSTER,
         text=hit(14, number=Number.STRENGTH, by=(3, 5))),
    card(C.IRON_WAVE, "Iron Wave", ATTACK, COMMON, RED, cost=1, aim=MONSTER,
         text=(block(5, 7), hit(5, 7))),
    card(C.PERFECTED_STRIKE, "Perfected Strike", ATTACK, COMMON, RED, cost=2, aim=MONSTER,
         text=hit(6, number=Number.STRIKES, by=(2, 3))),
    card(C.POMMEL_STRIKE, "Pommel Strike", ATTACK, COMMON, RED, cost=1, aim=MONSTER,
         text=(hit(9, 10), draw(1, 2))),
    card(C.SHRUG_IT_OFF, "Shrug It Off", SKILL, COMMON, RED, cost=1, text=(block(8, 11), draw(1))),
    card(C.SWORD_BOOMERANG, "Sword Boomerang", ATTACK, COMMON, RED, cost=1,
         text=hit_random(3, times=(3, 4))),
    card(C.THUNDERCLAP, "Thunderclap", ATTACK, COMMON, RED, cost=1, aim=ALL,
         text=(hit_all(4, 7), inflict_all(M.VULNERABLE, 1))),
    card(C.TRUE_GRIT, "True Grit", SKILL, COMMON, RED, cost=1,
         text=(block(7, 9), plain(exhaust_random()), upgraded(select(Task.EXHAUST_ONE)))),
    card(C.TWIN_STRIKE, "Twin Strike", ATTACK, COMMON, RED, cost=1, aim=MONSTER,
         text=hit(5, 7, times=2)),
    card(C.WARCRY, "Warcry", SKILL, COMMON, RED, cost=0, exhausts=ALWAYS,
         text=(draw(1, 2), select(Task.WARCRY))),
    card(C.WILD_STRIKE, "Wild Strike", ATTACK, COMMON, RED, cost=1, aim=MONSTER,
         text=(hit(12, 17), add_to_draw(C.WOUND, 1))),

    # The Ironclad's: uncommon.
    card(C.BATTLE_TRANCE, "Battle Trance", SKILL, UNCOMMON, RED, cost=0,
         text=(draw(3, 4), gain(P.NO_DRAW, 1))),
    card(C.BLOOD_FOR_BLOOD, "Blood for Blood", ATTACK, UNCOMMON, RED, cost=(4, 3), aim=MONSTER,
         text=hit(18, 22)),
    card(C.BLOODLETTING, "Bloodletting", SKILL, UNCOMMON, RED, cost=0,
         text=(lose_hp(3), energy(2, 3))),
    card(C.BURNING_PACT, "Burning Pact", SKILL, UNCOMMON, RED, cost=1,
         text=(select(Task.EXHAUST_ONE), draw(2, 3))),
    card(C.CARNAGE, "Carnage", ATTACK, UNCOMMON, RED, cost=2, aim=MONSTER, ethereal=ALWAYS,
         text=hit(20, 28)),
    card(C.COMBUST, "Combust", POWER, UNCOMMON, RED, cost=1, text=own(Special.COMBUST, 5, 7)),
    card(C.DARK_EMBRACE, "Dark Embrace", POWER, UNCOMMON, RED, cost=(2, 1),
         text=gain(P.DARK_EMBRACE, 1)),
    card(C.DISARM, "Disarm", SKILL, UNCOMMON, RED, cost=1, aim=MONSTER, exhausts=ALWAYS,
         text=inflict(M.STRENGTH, -2, -3)),
    card(C.DROPKICK, "Dropkick", ATTACK, UNCOMMON, RED, cost=1, aim=MONSTER,
         text=hit(5, 8, then=Special.DROPKICK)),
    card(C.DUAL_WIELD, "Dual Wield", SKILL, UNCOMMON, RED, cost=1,
         text=select(Task.DUAL_WIELD, 1, 2)),
    card(C.ENTRENCH, "Entrench", SKILL, UNCOMMON, RED, cost=(2, 1), text=double_block()),
    card(C.EVOLVE, "Evolve", POWER, UNCOMMON, RED, cost=1, text=gain(P.EVOLVE, 1, 2)),
    card(C.FEEL_NO_PAIN, "Feel No Pain", POWER, UNCOMMON, RED, cost=1,
         text=gain(P.FEEL_NO_PAIN, 3, 4)),
    card(C.FIRE_BREATHING, "Fire Breathing", POWER, UNCOMMON, RED, cost=1,
         text=gain(P.FIRE_BREATHING, 6, 10)),
    card(C.FLAME_BARRIER, "Flame Barrier", SKILL, UNCOMMON, RED, cost=2,
         text=(block(12, 16), gain(P.FLAME_BARRIER, 4, 6))),
    card(C.GHOSTLY_ARMOR, "Ghostly Armor", SKILL, UNCOMMON, RED, cost=1, ethereal=ALWAYS,
         text=block(10, 13)),
    card(C.HEMOKINESIS, "Hemokinesis", ATTACK, UNCOMMON, RED, cost=1, aim=MONSTER,
         text=(lose_hp(2), hit(15, 20))),
    card(C.INFERNAL_BLADE, "Infernal Blade", SKILL, UNCOMMON, RED, cost=(1, 0), exhausts=ALWAYS,
         text=roll_to_hand(Pool.ATTACK, 1, free=True)),
    card(C.INFLAME, "Inflame", POWER, UNCOMMON, RED, cost=1, text=gain(P.STRENGTH, 2, 3)),
    card(C.INTIMIDATE, "Intimidate", SKILL, UNCOMMON, RED, cost=0, aim=ALL, exhausts=ALWAYS,
         text=inflict_all(M.WEAK, 1, 2)),
    card(C.METALLICIZE, "Metallicize", POWER, UNCOMMON, RED, cost=1, text=gain(P.METALLICIZE, 3, 4)),
    card(C.POWER_THROUGH, "Power Through", SKILL, UNCOMMON, RED, cost=1,
         text=(add_to_hand(C.WOUND, 2), block(15, 20))),
    card(C.PUMMEL, "Pummel", ATTACK, UNCOMMON, RED, cost=1, aim=MONSTER, exhausts=ALWAYS,
         text=hit(2, times=(4, 5))),
    card(C.RAGE, "Rage", SKILL, UNCOMMON, RED, cost=0, text=gain(P.RAGE, 3, 5)),
    card(C.RAMPAGE, "Rampage", ATTACK, UNCOMMON, RED, cost=1, aim=MONSTER,
         text=(hit(8, number=Number.REMEMBERED), own(Special.GROW, 5, 8))),
    card(C.RECKLESS_CHARGE, "Reckless Charge", ATTACK, UNCOMMON, RED, cost=0, aim=MONSTER,
         text=(hit(7, 10), add_to_draw(C.DAZED, 1))),
    card(C.RUPTURE, "Rupture", POWER, UNCOMMON, RED, cost=1, text=gain(P.RUPTURE, 1, 2)),
    card(C.SEARING_BLOW, "Searing Blow", ATTACK, UNCOMMON, RED, cost=2, aim=MONSTER,
         text=hit(12, number=Number.UPGRADES)),
    card(C.SECOND_WIND, "Second Wind", SKILL, UNCOMMON, RED, cost=1,
         text=block(5, 7, then=Special.SECOND_WIND)),
    card(C.SEEING_RED, "Seeing Red", SKILL, UNCOMMON, RED, cost=(1, 0), exhausts=ALWAYS,
         text=energy(2)),
    card(C.SENTINEL, "Sentinel", SKILL, UNCOMMON, RED, cost=1, text=block(5, 8)),
    card(C.SEVER_SOUL, "Sever Soul", ATTACK, UNCOMMON, RED, cost=2, aim=MONSTER,
         text=(own(Special.SEVER_SOUL), hit(16, 22))),
    card(C.SHOCKWAVE, "Shockwave", SKILL, UNCOMMON, RED, cost=2, aim=ALL, exhausts=ALWAYS,
         text=(inflict_all(M.WEAK, 3, 5), inflict_all(M.VULNERABLE, 3, 5))),
    card(C.SPOT_WEAKNESS, "Spot Weakness", SKILL, UNCOMMON, RED, cost=1, aim=MONSTER,
         text=own(Special.SPOT_WEAKNESS, 3, 4)),
    card(C.UPPERCUT, "Uppercut", ATTACK, UNCOMMON, RED, cost=2, aim=MONSTER,
         text=(hit(13), inflict(M.WEAK, 1, 2), inflict(M.VULNERABLE, 1, 2))),
    card(C.WHIRLWIND, "Whirlwind", ATTACK, UNCOMMON, RED, cost=X, aim=ALL,
         text=(own_x(Special.X_TIMES), hit_all(5, 8))),

    # The Ironclad's: rare.
    card(C.BARRICADE, "Barricade", POWER, RARE, RED, cost=(3, 2), text=gain(P.BARRICADE, 1)),
    card(C.BERSERK, "Berserk", POWER, RARE, RED, cost=0,
         text=(gain(P.VULNERABLE, 2, 1), gain(P.BERSERK, 1))),
    card(C.BLUDGEON, "Bludgeon", ATTACK, RARE, RED, cost=3, aim=MONSTER, text=hit(32, 42)),
    card(C.BRUTALITY, "Brutality", POWER, RARE, RED, cost=0, innate=IF_UPGRADED,
         text=gain(P.BRUTALITY, 1)),
    card(C.CORRUPTION, "Corruption", POWER, RARE, RED, cost=(3, 2), text=own(Special.CORRUPTION)),
    card(C.DEMON_FORM, "Demon Form", POWER, RARE, RED, cost=3, text=gain(P.DEMON_FORM, 2, 3)),
    card(C.DOUBLE_TAP, "Double Tap", SKILL, RARE, RED, cost=1, text=gain(P.DOUBLE_TAP, 1, 2)),
    card(C.EXHUME, "Exhume", SKILL, RARE, RED, cost=(1, 0), exhausts=ALWAYS,
         text=select(Task.EXHUME)),
    card(C.FEED, "Feed", ATTACK, RARE, RED, cost=1, aim=MONSTER, exhausts=ALWAYS, healing=True,
         text=hit(10, 12, then=Special.FEED, by=(3, 4))),
    card(C.FIEND_FIRE, "Fiend Fire", ATTACK, RARE, RED, cost=2, aim=MONSTER, exhausts=ALWAYS,
         text=hit(7, 10, then=Special.FIEND_FIRE)),
    card(C.IMMOLATE, "Immolate", ATTACK, RARE, RED, cost=2, aim=ALL,
         text=(hit_all(21, 28), add_to_discard(C.BURN, 1))),
    card(C.IMPERVIOUS, "Impervious", SKILL, RARE, RED, cost=2, exhausts=ALWAYS, text=block(30, 40)),
    card(C.JUGGERNAUT, "Juggernaut", POWER, RARE, RED, cost=2, text=gain(P.JUGGERNAUT, 5, 7)),
    card(C.LIMIT_BREAK, "Limit Break", SKILL, RARE, RED, cost=1, exhausts=UNLESS_UPGRADED,
         text=own(Special.LIMIT_BREAK)),
    card(C.OFFERING, "Offering", SKILL, RARE, RED, cost=0, exhausts=ALWAYS,
         text=(lose_hp(6), energy(2), draw(3, 5))),
    card(C.REAPER, "Reaper", ATTACK, RARE, RED, cost=2, aim=ALL, exhausts=ALWAYS, healing=True,
         text=hit_all(4, 5, then=Special.REAPER)),

    # Colorless: uncommon.
    card(C.BANDAGE_UP, "Bandage Up", SKILL, UNCOMMON, COLORLESS, cost=0, exhausts=ALWAYS,
         healing=True, text=heal(4, 6)),
    card(C.BLIND, "Blind", SKILL, UNCOMMON, COLORLESS, cost=0, aim=(MONSTER, ALL),
         text=(plain(inflict(M.WEAK, 2)), upgraded(inflict_all(M.WEAK, 2)))),
    card(C.DARK_SHACKLES, "Dark Shackles", SKILL, UNCOMMON, COLORLESS, cost=0, aim=MONSTER,
         exhausts=ALWAYS, text=(inflict(M.STRENGTH, -9, -15), shackle(M.SHACKLED, 9, 15))),
    card(C.DEEP_BREATH, "Deep Breath", SKILL, UNCOMMON, COLORLESS, cost=0,
         text=(reshuffle(), draw(1, 2))),
    card(C.DISCOVERY, "Discovery", SKILL, UNCOMMON, COLORLESS, cost=1, exhausts=UNLESS_UPGRADED,
         text=select(Task.DISCOVERY)),
    card(C.DRAMATIC_ENTRANCE, "Dramatic Entrance", ATTACK, UNCOMMON, COLORLESS, cost=0, aim=ALL,
         exhausts=ALWAYS, innate=ALWAYS, text=hit_all(8, 12)),
    card(C.ENLIGHTENMENT, "Enlightenment", SKILL, UNCOMMON, COLORLESS, cost=0,
         text=own(Special.ENLIGHTENMENT, 0, 1)),
    card(C.FINESSE, "Finesse", SKILL, UNCOMMON, COLORLESS, cost=0, text=(block(2, 4), draw(1))),
    card(C.FLASH_OF_STEEL, "Flash of Steel", ATTACK, UNCOMMON, COLORLESS, cost=0, aim=MONSTER,
         text=(hit(3, 6), draw(1))),
    card(C.FORETHOUGHT, "Forethought", SKILL, UNCOMMON, COLORLESS, cost=0,
         text=(plain(select(Task.FORETHOUGHT)), upgraded(select(Task.FORETHOUGHT_MANY)))),
    card(C.GOOD_INSTINCTS, "Good Instincts", SKILL, UNCOMMON, COLORLESS, cost=0, text=block(6, 9)),
    card(C.IMPATIENCE, "Impatience", SKILL, UNCOMMON, COLORLESS, cost=0,
         text=own(Special.IMPATIENCE, 2, 3)),
    card(C.JACK_OF_ALL_TRADES, "Jack of All Trades", SKILL, UNCOMMON, COLORLESS, cost=0,
         exhausts=ALWAYS, text=roll_to_hand(Pool.COLORLESS, 1, 2)),
    card(C.MADNESS, "Madness", SKILL, UNCOMMON, COLORLESS, cost=(1, 0), exhausts=ALWAYS,
         text=own(Special.MADNESS)),
    card(C.MIND_BLAST, "Mind Blast", ATTACK, UNCOMMON, COLORLESS, cost=(2, 1), aim=MONSTER,
         innate=ALWAYS, text=hit(0, number=Number.DRAW_PILE)),
    card(C.PANACEA, "Panacea", SKILL, UNCOMMON, COLORLESS, cost=0, exhausts=ALWAYS,
         text=gain(P.ARTIFACT, 1, 2)),
    card(C.PANIC_BUTTON, "Panic Button", SKILL, UNCOMMON, COLORLESS, cost=0, exhausts=ALWAYS,
         text=(block(30, 40), gain(P.NO_BLOCK, 2))),
    card(C.PURITY, "Purity", SKILL, UNCOMMON, COLORLESS, cost=0, exhausts=ALWAYS,
         text=select(Task.EXHAUST_MANY, 3, 5)),
    card(C.SWIFT_STRIKE, "Swift Strike", ATTACK, UNCOMMON, COLORLESS, cost=0, aim=MONSTER,
         text=hit(7, 10)),
    card(C.TRIP, "Trip", SKILL, UNCOMMON, COLORLESS, cost=0, aim=(MONSTER, ALL),
         text=(plain(inflict(M.VULNERABLE, 2)), upgraded(inflict_all(M.VULNERABLE, 2)))),

    # Colorless: rare.
    card(C.APOTHEOSIS, "Apotheosis", SKILL, RARE, COLORLESS, cost=(2, 1), exhausts=ALWAYS,
         text=upgrade_all()),
    card(C.CHRYSALIS, "Chrysalis", SKILL, RARE, COLORLESS, cost=2, exhausts=ALWAYS,
         text=roll_to_draw(Pool.SKILL, 3, 5)),
    card(C.HAND_OF_GREED, "Hand of Greed", ATTACK, RARE, COLORLESS, cost=2, aim=MONSTER,
         text=hit(20, 25, then=Special.HAND_OF_GREED, by=(20, 25))),
    card(C.MAGNETISM, "Magnetism", POWER, RARE, COLORLESS, cost=(2, 1), text=gain(P.MAGNETISM, 1)),
    card(C.MASTER_OF_STRATEGY, "Master of Strategy", SKILL, RARE, COLORLESS, cost=0,
         exhausts=ALWAYS, text=draw(3, 4)),
    card(C.MAYHEM, "Mayhem", POWER, RARE, COLORLESS, cost=(2, 1), text=gain(P.MAYHEM, 1)),
    card(C.METAMORPHOSIS, "Metamorphosis", SKILL, RARE, COLORLESS, cost=2, exhausts=ALWAYS,
         text=roll_to_draw(Pool.ATTACK, 3, 5)),
    card(C.PANACHE, "Panache", POWER, RARE, COLORLESS, cost=0, text=gain(P.PANACHE, 10, 14)),
    card(C.SADISTIC_NATURE, "Sadistic Nature", POWER, RARE, COLORLESS, cost=0,
         text=gain(P.SADISTIC, 5, 7)),
    card(C.SECRET_TECHNIQUE, "Secret Technique", SKILL, RARE, COLORLESS, cost=0,
         exhausts=UNLESS_UPGRADED, text=select(Task.SECRET_TECHNIQUE)),
    card(C.SECRET_WEAPON, "Secret Weapon", SKILL, RARE, COLORLESS, cost=0,
         exhausts=UNLESS_UPGRADED, text=select(Task.SECRET_WEAPON)),
    card(C.THE_BOMB, "The Bomb", SKILL, RARE, COLORLESS, cost=2, text=own(Special.BOMB, 40, 50)),
    card(C.THINKING_AHEAD, "Thinking Ahead", SKILL, RARE, COLORLESS, cost=0,
         exhausts=UNLESS_UPGRADED, text=(draw(2), select(Task.WARCRY))),
    card(C.TRANSMUTATION, "Transmutation", SKILL, RARE, COLORLESS, cost=X, exhausts=ALWAYS,
         text=own_x(Special.TRANSMUTATION)),
    card(C.VIOLENCE, "Violence", SKILL, RARE, COLORLESS, cost=0, exhausts=ALWAYS,
         text=own(Special.VIOLENCE, 3, 4)),

    # What events give.
    card(C.APPARITION, "Apparition", SKILL, SPECIAL, COLORLESS, cost=1, exhausts=ALWAYS,
         ethereal=UNLESS_UPGRADED, text=gain(P.INTANGIBLE, 1)),
    card(C.BITE, "Bite", ATTACK, SPECIAL, COLORLESS, cost=1, aim=MONSTER, healing=True,
         text=(hit(7, 8), heal(2, 3))),
    card(C.JAX, "J.A.X.", SKILL, SPECIAL, COLORLESS, cost=0,
         text=(lose_hp(3), gain(P.STRENGTH, 2, 3))),
    card(C.RITUAL_DAGGER, "Ritual Dagger", ATTACK, SPECIAL, COLORLESS, cost=1, aim=MONSTER,
         exhausts=ALWAYS, misc=15,
         text=hit(0, number=Number.REMEMBERED, then=Special.RITUAL_DAGGER, by=(3, 5))),

    # Statuses.
    status(C.BURN, "Burn"),
    status(C.DAZED, "Dazed", ethereal=ALWAYS),
    status(C.SLIMED, "Slimed", cost=1, exhausts=ALWAYS),
    status(C.VOID, "Void", ethereal=ALWAYS),
    status(C.WOUND, "Wound"),

    # Curses.
    curse(C.ASCENDERS_BANE, "Ascender's Bane", rarity=SPECIAL, ethereal=ALWAYS),
    curse(C.CLUMSY, "Clumsy", ethereal=ALWAYS),
    curse(C.CURSE_OF_THE_BELL, "Curse of the Bell", rarity=SPECIAL),
    curse(C.DECAY, "Decay"),
    curse(C.DOUBT, "Doubt"),
    curse(C.INJURY, "Injury"),
    curse(C.NECRONOMICURSE, "Necronomicurse", rarity=SPECIAL),
    curse(C.NORMALITY, "Normality"),
    curse(C.PAIN, "Pain"),
    curse(C.PARASITE, "Parasite"),
    curse(C.PRIDE, "Pride", cost=1, rarity=SPECIAL, exhausts=ALWAYS, innate=ALWAYS),
    curse(C.REGRET, "Regret"),
    curse(C.SHAME, "Shame"),
    curse(C.WRITHE, "Writhe", innate=ALWAYS),
)
# fmt: on
"""Every card. What a status or a curse does in the hand is said where it happens."""

BY_ID = {each.id: each for each in CARDS}
NAMES = tuple(BY_ID[each].name if each in BY_ID else "" for each in Card)
"""The names of cards, by their ids."""

_PAIRS = ("aim", "cost", "exhausts", "ethereal", "innate")

FACT = record(
    [
        ("kind", np.int8),
        ("rarity", np.int8),
        ("color", np.int8),
        *((name, np.int8, (2,)) for name in _PAIRS),
        ("unplayable", np.int8),
        ("upgradable", np.int8),
        ("strike", np.int8),
        ("healing", np.int8),
        ("misc", np.int16),
    ]
)
"""What is known of a card. Pairs are of the card as it is and upgraded; `misc` is what a new one remembers."""


def _rows() -> tuple[dict[Card, CardData], dict[Card, CardData]]:
    """Return the cards of the game, and those of the reference engine."""
    changed = {each: replace(BY_ID[each], **REFERENCE_CARDS[each]) for each in REFERENCE_CARDS}
    return BY_ID, BY_ID | changed


def _facts() -> Any:
    facts = np.zeros((2, CARD_IDS), dtype=FACT).view(np.recarray)
    for row, cards in enumerate(_rows()):
        for each in cards.values():
            facts[row, each.id] = (
                *(each.kind, each.rarity, each.color),
                *(getattr(each, name) for name in _PAIRS),
                each.cost[0] < X,
                each.upgradable,
                "Strike" in each.name,
                each.healing,
                each.misc,
            )
    return facts


FACTS = _facts()
"""What is known of every card: ``FACTS[game.reference, card]``."""

TEXT = text_table(
    [[cards[each].text if each in cards else () for each in Card] for cards in _rows()]
)
"""The lines of every card: ``TEXT[game.reference, card, line]``."""

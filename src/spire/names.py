"""Names: what the game itself calls cards, relics, potions, monsters, moves, powers, events and rooms.

The game's own ids do not depend on its language; they are what CommunicationMod sends.
"""

from __future__ import annotations

from collections.abc import Mapping

from spire.content import cards, events, potions, relics
from spire.content.text import Task
from spire.ids import (
    Card,
    Encounter,
    Event,
    Monster,
    MonsterPower,
    Move,
    NeowBonus,
    NeowDrawback,
    PlayerPower,
    Potion,
    Relic,
    Room,
)
from spire.state import Reward
from spire.state import Screen as S

C, R, P, M = Card, Relic, Potion, Monster

CARDS = {each.id: each.name for each in cards.CARDS} | {
    C.STRIKE_RED: "Strike_R",
    C.DEFEND_RED: "Defend_R",
    C.JACK_OF_ALL_TRADES: "Jack Of All Trades",
    C.PANIC_BUTTON: "PanicButton",
    C.HAND_OF_GREED: "HandOfGreed",
    C.APPARITION: "Ghostly",
    C.RITUAL_DAGGER: "RitualDagger",
    C.ASCENDERS_BANE: "AscendersBane",
    C.CURSE_OF_THE_BELL: "CurseOfTheBell",
}
"""The ids of cards."""

CARD_NAMES = {each.id: each.name for each in cards.CARDS}

RELICS = {relic: relics.NAMES[relic] for relic in R if relic} | {
    R.BIRD_FACED_URN: "Bird Faced Urn",
    R.CAPTAINS_WHEEL: "CaptainsWheel",
    R.CERAMIC_FISH: "CeramicFish",
    R.CLOAK_CLASP: "CloakClasp",
    R.CLOCKWORK_SOUVENIR: "ClockworkSouvenir",
    R.CULTIST_HEADPIECE: "CultistMask",
    R.DOLLYS_MIRROR: "DollysMirror",
    R.FACE_OF_CLERIC: "FaceOfCleric",
    R.FOSSILIZED_HELIX: "FossilizedHelix",
    R.FROZEN_EGG: "Frozen Egg 2",
    R.GREMLIN_VISAGE: "GremlinMask",
    R.HAND_DRILL: "HandDrill",
    R.HORN_CLEAT: "HornCleat",
    R.INK_BOTTLE: "InkBottle",
    R.MAW_BANK: "MawBank",
    R.MEAL_TICKET: "MealTicket",
    R.MOLTEN_EGG: "Molten Egg 2",
    R.MUTAGENIC_STRENGTH: "MutagenicStrength",
    R.NEOWS_LAMENT: "NeowsBlessing",
    R.NLOTHS_GIFT: "Nloth's Gift",
    R.NLOTHS_HUNGRY_FACE: "NlothsMask",
    R.ORANGE_PELLETS: "OrangePellets",
    R.PAPER_KRANE: "Paper Crane",
    R.PAPER_PHROG: "Paper Frog",
    R.PRESERVED_INSECT: "PreservedInsect",
    R.PRISMATIC_SHARD: "PrismaticShard",
    R.SACRED_BARK: "SacredBark",
    R.SELF_FORMING_CLAY: "Self Forming Clay",
    R.SLAVERS_COLLAR: "SlaversCollar",
    R.SLING_OF_COURAGE: "Sling",
    R.SSSERPENT_HEAD: "SsserpentHead",
    R.STONE_CALENDAR: "StoneCalendar",
    R.STRIKE_DUMMY: "StrikeDummy",
    R.THE_ABACUS: "TheAbacus",
    R.THE_BOOT: "Boot",
    R.TOXIC_EGG: "Toxic Egg 2",
    R.TUNGSTEN_ROD: "TungstenRod",
    R.WARPED_TONGS: "WarpedTongs",
    R.WING_BOOTS: "WingedGreaves",
}
"""The ids of relics."""

RELIC_NAMES = relics.NAMES

POTIONS = {each.id: each.name for each in potions.POTIONS} | {
    P.ATTACK_POTION: "AttackPotion",
    P.BLESSING_OF_THE_FORGE: "BlessingOfTheForge",
    P.BLOOD_POTION: "BloodPotion",
    P.COLORLESS_POTION: "ColorlessPotion",
    P.CULTIST_POTION: "CultistPotion",
    P.DISTILLED_CHAOS: "DistilledChaos",
    P.DUPLICATION_POTION: "DuplicationPotion",
    P.ELIXIR_POTION: "ElixirPotion",
    P.ENTROPIC_BREW: "EntropicBrew",
    P.ESSENCE_OF_STEEL: "EssenceOfSteel",
    P.FAIRY_POTION: "FairyPotion",
    P.FEAR_POTION: "FearPotion",
    P.FLEX_POTION: "SteroidPotion",
    P.GAMBLERS_BREW: "GamblersBrew",
    P.HEART_OF_IRON: "HeartOfIron",
    P.LIQUID_BRONZE: "LiquidBronze",
    P.LIQUID_MEMORIES: "LiquidMemories",
    P.POWER_POTION: "PowerPotion",
    P.SKILL_POTION: "SkillPotion",
    P.SMOKE_BOMB: "SmokeBomb",
    P.SNECKO_OIL: "SneckoOil",
    P.SPEED_POTION: "SpeedPotion",
}
"""The ids of potions."""

POTION_NAMES = {each.id: each.name for each in potions.POTIONS}

EMPTY_SLOT = "Potion Slot"
"""The id and the name of an empty slot for a potion."""

THROWN = (P.FIRE_POTION, P.EXPLOSIVE_POTION, P.FEAR_POTION, P.WEAK_POTION, P.SMOKE_BOMB)
"""Potions that are thrown; CommunicationMod says that they require a target."""

MONSTERS: Mapping[Monster, tuple[str, str]] = {
    M.CULTIST: ("Cultist", "Cultist"),
    M.JAW_WORM: ("JawWorm", "Jaw Worm"),
    M.RED_LOUSE: ("FuzzyLouseNormal", "Louse"),
    M.GREEN_LOUSE: ("FuzzyLouseDefensive", "Louse"),
    M.ACID_SLIME_S: ("AcidSlime_S", "Acid Slime (S)"),
    M.SPIKE_SLIME_S: ("SpikeSlime_S", "Spike Slime (S)"),
    M.ACID_SLIME_M: ("AcidSlime_M", "Acid Slime (M)"),
    M.SPIKE_SLIME_M: ("SpikeSlime_M", "Spike Slime (M)"),
    M.ACID_SLIME_L: ("AcidSlime_L", "Acid Slime (L)"),
    M.SPIKE_SLIME_L: ("SpikeSlime_L", "Spike Slime (L)"),
    M.BLUE_SLAVER: ("SlaverBlue", "Blue Slaver"),
    M.RED_SLAVER: ("SlaverRed", "Red Slaver"),
    M.LOOTER: ("Looter", "Looter"),
    M.FUNGI_BEAST: ("FungiBeast", "Fungi Beast"),
    M.MAD_GREMLIN: ("GremlinWarrior", "Mad Gremlin"),
    M.SNEAKY_GREMLIN: ("GremlinThief", "Sneaky Gremlin"),
    M.FAT_GREMLIN: ("GremlinFat", "Fat Gremlin"),
    M.SHIELD_GREMLIN: ("GremlinTsundere", "Shield Gremlin"),
    M.GREMLIN_WIZARD: ("GremlinWizard", "Gremlin Wizard"),
    M.GREMLIN_NOB: ("GremlinNob", "Gremlin Nob"),
    M.LAGAVULIN: ("Lagavulin", "Lagavulin"),
    M.SENTRY: ("Sentry", "Sentry"),
    M.SLIME_BOSS: ("SlimeBoss", "Slime Boss"),
    M.THE_GUARDIAN: ("TheGuardian", "The Guardian"),
    M.HEXAGHOST: ("Hexaghost", "Hexaghost"),
}
"""The id and the name of each monster of act 1."""

SPLITTING = (M.ACID_SLIME_L, M.SPIKE_SLIME_L, M.SLIME_BOSS)
"""Monsters that the game marks with the power Split."""

ATTACK, ATTACK_BUFF, ATTACK_DEBUFF = "ATTACK", "ATTACK_BUFF", "ATTACK_DEBUFF"
ATTACK_DEFEND, BUFF, DEBUFF = "ATTACK_DEFEND", "BUFF", "DEBUFF"
STRONG_DEBUFF, DEFEND, DEFEND_BUFF = "STRONG_DEBUFF", "DEFEND", "DEFEND_BUFF"
SLEEP, STUN, ESCAPE, UNKNOWN, NO_INTENT = "SLEEP", "STUN", "ESCAPE", "UNKNOWN", "NONE"

MOVES: Mapping[Move, tuple[int, str]] = {
    Move.INVALID: (4, STUN),  # Lagavulin, woken by a hit: it has no move of its own for that
    Move.CULTIST_DARK_STRIKE: (1, ATTACK),
    Move.CULTIST_INCANTATION: (3, BUFF),
    Move.JAW_WORM_CHOMP: (1, ATTACK),
    Move.JAW_WORM_BELLOW: (2, DEFEND_BUFF),
    Move.JAW_WORM_THRASH: (3, ATTACK_DEFEND),
    Move.RED_LOUSE_BITE: (3, ATTACK),
    Move.RED_LOUSE_GROW: (4, BUFF),
    Move.GREEN_LOUSE_BITE: (3, ATTACK),
    Move.GREEN_LOUSE_SPIT_WEB: (4, DEBUFF),
    Move.ACID_SLIME_S_TACKLE: (1, ATTACK),
    Move.ACID_SLIME_S_LICK: (2, DEBUFF),
    Move.SPIKE_SLIME_S_TACKLE: (1, ATTACK),
    Move.ACID_SLIME_M_CORROSIVE_SPIT: (1, ATTACK_DEBUFF),
    Move.ACID_SLIME_M_TACKLE: (2, ATTACK),
    Move.ACID_SLIME_M_LICK: (4, DEBUFF),
    Move.SPIKE_SLIME_M_FLAME_TACKLE: (1, ATTACK_DEBUFF),
    Move.SPIKE_SLIME_M_LICK: (4, DEBUFF),
    Move.ACID_SLIME_L_CORROSIVE_SPIT: (1, ATTACK_DEBUFF),
    Move.ACID_SLIME_L_TACKLE: (2, ATTACK),
    Move.ACID_SLIME_L_SPLIT: (3, UNKNOWN),
    Move.ACID_SLIME_L_LICK: (4, DEBUFF),
    Move.SPIKE_SLIME_L_FLAME_TACKLE: (1, ATTACK_DEBUFF),
    Move.SPIKE_SLIME_L_SPLIT: (3, UNKNOWN),
    Move.SPIKE_SLIME_L_LICK: (4, DEBUFF),
    Move.BLUE_SLAVER_STAB: (1, ATTACK),
    Move.BLUE_SLAVER_RAKE: (4, ATTACK_DEBUFF),
    Move.RED_SLAVER_STAB: (1, ATTACK),
    Move.RED_SLAVER_ENTANGLE: (2, STRONG_DEBUFF),
    Move.RED_SLAVER_SCRAPE: (3, ATTACK_DEBUFF),
    Move.LOOTER_MUG: (1, ATTACK),
    Move.LOOTER_SMOKE_BOMB: (2, DEFEND),
    Move.LOOTER_ESCAPE: (3, ESCAPE),
    Move.LOOTER_LUNGE: (4, ATTACK),
    Move.FUNGI_BEAST_BITE: (1, ATTACK),
    Move.FUNGI_BEAST_GROW: (2, BUFF),
    Move.MAD_GREMLIN_SCRATCH: (1, ATTACK),
    Move.SNEAKY_GREMLIN_PUNCTURE: (1, ATTACK),
    Move.FAT_GREMLIN_SMASH: (2, ATTACK_DEBUFF),
    Move.SHIELD_GREMLIN_PROTECT: (1, DEFEND),
    Move.SHIELD_GREMLIN_SHIELD_BASH: (2, ATTACK),
    Move.GREMLIN_WIZARD_ULTIMATE_BLAST: (1, ATTACK),
    Move.GREMLIN_WIZARD_CHARGING: (2, UNKNOWN),
    Move.GENERIC_ESCAPE_MOVE: (99, ESCAPE),
    Move.GREMLIN_NOB_RUSH: (1, ATTACK),
    Move.GREMLIN_NOB_SKULL_BASH: (2, ATTACK_DEBUFF),
    Move.GREMLIN_NOB_BELLOW: (3, BUFF),
    Move.LAGAVULIN_SIPHON_SOUL: (1, STRONG_DEBUFF),
    Move.LAGAVULIN_ATTACK: (3, ATTACK),
    Move.LAGAVULIN_SLEEP: (5, SLEEP),
    Move.SENTRY_BOLT: (3, DEBUFF),
    Move.SENTRY_BEAM: (4, ATTACK),
    Move.SLIME_BOSS_SLAM: (1, ATTACK),
    Move.SLIME_BOSS_PREPARING: (2, UNKNOWN),
    Move.SLIME_BOSS_SPLIT: (3, UNKNOWN),
    Move.SLIME_BOSS_GOOP_SPRAY: (4, STRONG_DEBUFF),
    Move.THE_GUARDIAN_DEFENSIVE_MODE: (1, BUFF),
    Move.THE_GUARDIAN_FIERCE_BASH: (2, ATTACK),
    Move.THE_GUARDIAN_ROLL_ATTACK: (3, ATTACK),
    Move.THE_GUARDIAN_TWIN_SLAM: (4, ATTACK_BUFF),
    Move.THE_GUARDIAN_WHIRLWIND: (5, ATTACK),
    Move.THE_GUARDIAN_CHARGING_UP: (6, DEFEND),
    Move.THE_GUARDIAN_VENT_STEAM: (7, STRONG_DEBUFF),
    Move.HEXAGHOST_DIVIDER: (1, ATTACK),
    Move.HEXAGHOST_TACKLE: (2, ATTACK),
    Move.HEXAGHOST_INFLAME: (3, DEFEND_BUFF),
    Move.HEXAGHOST_SEAR: (4, ATTACK_DEBUFF),
    Move.HEXAGHOST_ACTIVATE: (5, UNKNOWN),
    Move.HEXAGHOST_INFERNO: (6, ATTACK_DEBUFF),
}
"""The number a monster gives to each of its moves, and the intent it shows."""

A, B = PlayerPower, MonsterPower

PLAYER_POWERS = {power: power.name.replace("_", " ").title() for power in A} | {
    A.WEAK: "Weakened",
    A.REGEN: "Regeneration",
    A.CONFUSED: "Confusion",
    A.INTANGIBLE: "IntangiblePlayer",
    A.LOSE_STRENGTH: "Flex",
    A.LOSE_DEXTERITY: "DexLoss",
    A.NO_BLOCK: "NoBlockPower",
    A.DUPLICATION: "DuplicationPower",
    A.THE_BOMB: "TheBomb",
}
"""The ids of the player's powers; that of a bomb has a number behind it."""

MONSTER_POWERS = {power: power.name.replace("_", " ").title() for power in B} | {
    B.WEAK: "Weakened",
    B.REGEN: "Regenerate",
    B.ENRAGE: "Anger",
}
"""The ids of monsters' powers."""

UNSEEN_POWERS = (B.ASLEEP,)
"""What a monster remembers that the game does not show as a power."""

POWER_NAMES = {
    "Weakened": "Weak",
    "Regeneration": "Regen",
    "Regenerate": "Regen",
    "Confusion": "Confused",
    "IntangiblePlayer": "Intangible",
    "Flex": "Strength Down",
    "DexLoss": "Dexterity Down",
    "NoBlockPower": "No Block",
    "DuplicationPower": "Duplication",
    "Anger": "Enrage",
}
"""The names of powers, by their ids, where the two differ."""

STACKLESS = (A.BARRICADE, A.CONFUSED, A.CORRUPTION, A.NO_DRAW, A.SURROUNDED)
"""Powers of the player that are there or not; the amount that is sent is -1."""

JUST_APPLIED = (A.FRAIL, A.VULNERABLE, A.WEAK, A.DRAW_REDUCTION)
MONSTER_JUST_APPLIED = (B.VULNERABLE, B.WEAK, B.RITUAL)
"""Powers that remember whether they have only just come."""

EVENTS: Mapping[Event, str] = {event: script.name for event, script in events.SCRIPTS.items()} | {
    Event.BONFIRE_SPIRITS: "Bonfire Elementals",
    Event.FACE_TRADER: "FaceTrader",
    Event.HYPNOTIZING_COLORED_MUSHROOMS: "Mushrooms",
    Event.NOTE_FOR_YOURSELF: "NoteForYourself",
    Event.OMINOUS_FORGE: "Accursed Blacksmith",
    Event.THE_DIVINE_FOUNTAIN: "Fountain of Cleansing",
    Event.THE_SSSSSERPENT: "Liars Game",
    Event.TRANSMORGRIFIER: "Transmorgrifier",
    Event.WE_MEET_AGAIN: "WeMeetAgain",
}
"""The ids of events."""

EVENT_NAMES = {event: script.name for event, script in events.SCRIPTS.items()}

NEOW = "Neow Event"
"""The id of the event before the first room."""

_B, _D = NeowBonus, NeowDrawback

NEOW_BONUSES: Mapping[NeowBonus, str] = {
    _B.THREE_CARDS: "Choose a Card to obtain",
    _B.ONE_RANDOM_RARE_CARD: "Obtain a random rare Card",
    _B.REMOVE_CARD: "Remove a Card from your deck",
    _B.UPGRADE_CARD: "Upgrade a Card",
    _B.TRANSFORM_CARD: "Transform a Card",
    _B.RANDOM_COLORLESS: "Choose a colorless Card to obtain",
    _B.THREE_SMALL_POTIONS: "Obtain 3 random Potions",
    _B.RANDOM_COMMON_RELIC: "Obtain a random common Relic",
    _B.TEN_PERCENT_HP_BONUS: "Max HP +{tenth}",
    _B.THREE_ENEMY_KILL: "Enemies in your next three combats have 1 HP",
    _B.HUNDRED_GOLD: "Obtain 100 Gold",
    _B.RANDOM_COLORLESS_2: "Choose a rare colorless Card to obtain",
    _B.REMOVE_TWO: "Remove 2 Cards",
    _B.ONE_RARE_RELIC: "Obtain a random rare Relic",
    _B.THREE_RARE_CARDS: "Choose a rare Card to obtain",
    _B.TWO_FIFTY_GOLD: "Obtain 250 Gold",
    _B.TRANSFORM_TWO_CARDS: "Transform 2 Cards",
    _B.TWENTY_PERCENT_HP_BONUS: "Max HP +{fifth}",
    _B.BOSS_RELIC: "Obtain a random boss Relic",
}
"""What Neow says of her gifts."""

NEOW_DRAWBACKS: Mapping[NeowDrawback, str] = {
    _D.TEN_PERCENT_HP_LOSS: "Lose {tenth} Max HP",
    _D.NO_GOLD: "Lose all Gold",
    _D.CURSE: "Obtain a Curse",
    _D.PERCENT_DAMAGE: "Take {damage} damage",
    _D.LOSE_STARTER_RELIC: "Lose your starting Relic",
}
"""What Neow says of their price."""

BOSSES: Mapping[Encounter, str] = {
    Encounter.THE_GUARDIAN: "The Guardian",
    Encounter.HEXAGHOST: "Hexaghost",
    Encounter.SLIME_BOSS: "Slime Boss",
}
"""The bosses of act 1."""

ROOMS: Mapping[Room, str] = {
    Room.NONE: "NeowRoom",
    Room.MONSTER: "MonsterRoom",
    Room.EVENT: "EventRoom",
    Room.ELITE: "MonsterRoomElite",
    Room.REST: "RestRoom",
    Room.SHOP: "ShopRoom",
    Room.TREASURE: "TreasureRoom",
    Room.BOSS: "MonsterRoomBoss",
    Room.BOSS_TREASURE: "TreasureRoomBoss",
}
"""Rooms by the names of their classes in the game."""

SYMBOLS: Mapping[Room, str] = {
    Room.MONSTER: "M",
    Room.EVENT: "?",
    Room.ELITE: "E",
    Room.REST: "R",
    Room.SHOP: "$",
    Room.TREASURE: "T",
}
"""Rooms as the map shows them."""

SCREENS: Mapping[int, tuple[str, str]] = {
    S.NEOW: ("EVENT", "NONE"),
    S.MAP: ("MAP", "MAP"),
    S.COMBAT: ("NONE", "NONE"),
    S.HAND_SELECT: ("HAND_SELECT", "HAND_SELECT"),
    S.GRID: ("GRID", "GRID"),
    S.CARD_REWARD: ("CARD_REWARD", "CARD_REWARD"),
    S.COMBAT_REWARD: ("COMBAT_REWARD", "COMBAT_REWARD"),
    S.BOSS_REWARD: ("BOSS_REWARD", "BOSS_REWARD"),
    S.EVENT: ("EVENT", "NONE"),
    S.SHOP: ("SHOP_SCREEN", "SHOP"),
    S.REST: ("REST", "NONE"),
    S.CHEST: ("CHEST", "NONE"),
    S.GAME_OVER: ("GAME_OVER", "DEATH"),
}
"""Screens: their types, and the names the game has for them."""

REWARDS = {kind: kind.name for kind in Reward if kind}
"""Lines of the list of rewards."""

CHESTS = ("SmallChest", "MediumChest", "LargeChest")
REST_OPTIONS = ("rest", "smith", "lift", "toke", "dig", "recall")
"""What can be done at a rest site, in the order of `spire.run.rest.RestOption`."""

ACTIONS: Mapping[Task, str] = {
    Task.ARMAMENTS: "ArmamentsAction",
    Task.EXHAUST_ONE: "ExhaustAction",
    Task.EXHAUST_MANY: "ExhaustAction",
    Task.WARCRY: "PutOnDeckAction",
    Task.FORETHOUGHT: "ForethoughtAction",
    Task.FORETHOUGHT_MANY: "ForethoughtAction",
    Task.DUAL_WIELD: "DualWieldAction",
    Task.GAMBLE: "GamblingChipAction",
    Task.HEADBUTT: "DiscardPileToTopOfDeckAction",
    Task.EXHUME: "ExhumeAction",
    Task.LIQUID_MEMORIES_POTION: "BetterDiscardPileToHandAction",
    Task.SECRET_TECHNIQUE: "SkillFromDeckToHandAction",
    Task.SECRET_WEAPON: "AttackFromDeckToHandAction",
    Task.DISCOVERY: "DiscoveryAction",
    Task.ATTACK_POTION: "DiscoveryAction",
    Task.SKILL_POTION: "DiscoveryAction",
    Task.POWER_POTION: "DiscoveryAction",
    Task.COLORLESS_POTION: "DiscoveryAction",
    Task.TOOLBOX: "ChooseOneColorless",
    Task.CODEX: "CodexAction",
}
"""The class of the action in the game that has cards selected in combat."""

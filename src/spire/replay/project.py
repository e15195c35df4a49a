"""Projection: a game, as a trace writes it.

Everything a trace shows of a state is worked out from the record, but for what the reference engine
itself only remembers: `Memory` says what that is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spire.combat.damage import monster_attack_amount
from spire.content.cards import FACTS, Kind
from spire.content.monsters import BOSSES, ELITES, NORMAL
from spire.content.moves import Step, Verb, levels
from spire.content.relics import USED_UP
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
from spire.pools import Tier
from spire.rng import Stream
from spire.run.picks import Purpose
from spire.run.shop import is_removing, pay_removal
from spire.state import Fight, Mark, Reward, Screen

__all__ = ["Memory", "project"]

STREAMS = {
    "ai": Stream.AI,
    "cardRandom": Stream.CARD_RANDOM,
    "card": Stream.CARD,
    "event": Stream.EVENT,
    "merchant": Stream.MERCHANT,
    "misc": Stream.MISC,
    "monsterHp": Stream.MONSTER_HP,
    "monster": Stream.MONSTER,
    "neow": Stream.NEOW,
    "potion": Stream.POTION,
    "relic": Stream.RELIC,
    "shuffle": Stream.SHUFFLE,
    "treasure": Stream.TREASURE,
}
"""The streams, as a trace names them. A trace has one more, of no use to a game: `mathUtil`."""

POOL_DRAWS = len(Tier)
"""The draws of the relic stream that the reference engine does not count: the shuffles of the pools."""

LIVE_COUNTERS = (
    Relic.HAPPY_FLOWER,
    Relic.INCENSE_BURNER,
    Relic.INK_BOTTLE,
    Relic.NUNCHAKU,
    Relic.PEN_NIB,
    Relic.SUNDIAL,
)
"""Relics whose counters a trace shows twice in a combat: as they were before it, and as they are."""

EARLIER_COUNTERS = (*LIVE_COUNTERS, Relic.NEOWS_LAMENT)
"""Relics whose counters are shown in a combat as they were before it."""

COUNTERS = (
    *EARLIER_COUNTERS,
    Relic.GIRYA,
    Relic.MAW_BANK,
    Relic.OMAMORI,
    Relic.TINY_CHEST,
)
"""Relics whose counters a trace shows; those of others read 0."""

NIB_READY = 9
"""The count of a Pen Nib whose next attack is doubled; a trace writes -1 for it in a combat."""

SWITCHES = (
    PlayerPower.BARRICADE,
    PlayerPower.CONFUSED,
    PlayerPower.CORRUPTION,
    PlayerPower.ENTANGLED,
    PlayerPower.NO_DRAW,
    PlayerPower.PEN_NIB,
)
"""Powers of the player that are there or not; a trace writes 1 for them."""

HIDDEN_POWERS = (PlayerPower.BERSERK, PlayerPower.THE_BOMB)
"""Powers that a trace shows in another way: as energy of every turn, and as bombs by their turn."""

MONSTER_SWITCHES = (MonsterPower.ASLEEP, MonsterPower.MINION, MonsterPower.MINION_LEADER)
"""Powers of monsters that are there or not."""

BOMB_SLOTS = 3
BOSS_ROW = 15


TRACE_SCREENS = {
    Screen.NEOW: "NEOW",
    Screen.MAP: "MAP",
    Screen.GRID: "CARD_SELECT",
    Screen.COMBAT_REWARD: "REWARDS",
    Screen.CARD_REWARD: "REWARDS",
    Screen.BOSS_REWARD: "BOSS_RELIC",
    Screen.EVENT: "EVENT",
    Screen.SHOP: "SHOP",
    Screen.REST: "REST",
    Screen.CHEST: "TREASURE",
    Screen.GAME_OVER: "",
}
"""The screens outside combat, as a trace names them."""


ATTACKS: dict[Move, Step] = {
    move: step
    for kind in (*NORMAL, *ELITES, *BOSSES)
    for move, act in kind.moves.items()
    for step in act.steps
    if step.verb == Verb.HIT
}
"""The hits of the moves that have some."""

SETTLED = (
    Move.CULTIST_DARK_STRIKE,
    Move.FAT_GREMLIN_SMASH,
    Move.GREMLIN_WIZARD_CHARGING,
    Move.GREMLIN_WIZARD_ULTIMATE_BLAST,
    Move.LOOTER_ESCAPE,
    Move.MAD_GREMLIN_SCRATCH,
    Move.SHIELD_GREMLIN_PROTECT,
    Move.SHIELD_GREMLIN_SHIELD_BASH,
    Move.SNEAKY_GREMLIN_PUNCTURE,
    Move.SPIKE_SLIME_S_TACKLE,
)
"""Moves that a monster goes on with; a trace counts them once, however often they come."""


OVERWRITING = (
    Move.ACID_SLIME_L_SPLIT,
    Move.SLIME_BOSS_SPLIT,
    Move.SPIKE_SLIME_L_SPLIT,
)
"""Moves that a trace puts in the place of the intent they break into."""


@dataclass
class Memory:
    """What a trace shows of a game's past.

    The counters of some relics are shown as they were before the combat; the streams of monsters show the
    last combat's counters until the next one; and two draws are made without being counted.
    """

    counters: dict[int, int] = field(default_factory=dict)
    ai: int = 0
    monster_hp: int = 0
    uncounted: int = 0
    """Draws of the miscellaneous stream on this floor that the reference engine does not count."""
    floor: int = 0
    tiny_house: bool = False
    earlier: dict[int, int] = field(default_factory=dict)
    """The move before the one a monster goes on with, by its place."""
    emptied: bool = False
    """Whether the reference engine still shows a list of rewards on which nothing is left."""

    def observe(self, game: Any) -> None:
        """Take note of a state; to be called on every one."""
        fighting = game.combat.fight == Fight.ON
        if not fighting:
            self.counters = {
                int(relic): int(count)
                for relic, count in zip(game.relics, game.relic_counters, strict=True)
                if relic in EARLIER_COUNTERS
            }
        if fighting:
            for place, monster in enumerate(game.combat.monsters[: game.combat.monster_count]):
                repeated = monster.before_last == monster.move and monster.move in SETTLED
                if not repeated and monster.move not in OVERWRITING:
                    self.earlier[place] = int(monster.before_last)
        if game.counts[Stream.AI] or game.counts[Stream.MONSTER_HP]:
            # There has been a combat on this floor.
            self.ai = int(game.counts[Stream.AI])
            self.monster_hp = int(game.counts[Stream.MONSTER_HP])
        if game.floor != self.floor:
            self.floor, self.uncounted = int(game.floor), 0
            meets = game.room == Room.EVENT and game.event == Event.WE_MEET_AGAIN
            if meets and any(game.potions):
                self.uncounted = 1
        tiny_house = bool(game.relic_slots[Relic.TINY_HOUSE])
        if tiny_house and not self.tiny_house:
            self.uncounted += 1
        self.tiny_house = tiny_house


def project(game: Any, memory: Memory) -> dict[str, Any]:
    """Return a state as a trace writes it."""
    if game.screen == Screen.GRID and is_removing(game):
        # The reference engine is paid before the card is chosen.
        game = game.copy()
        pay_removal(game)
    combat = game.combat
    fighting = combat.fight == Fight.ON
    state: dict[str, Any] = {
        "floor": int(game.floor),
        "act": int(game.act),
        "room": room_name(game),
        "x": 0 if game.y == BOSS_ROW else int(game.x),
        "y": int(game.y),
        "hp": int(game.hp),
        "max_hp": int(game.max_hp),
        "gold": int(game.gold),
        "deck": [_deck_card(card) for card in game.deck[: game.deck_count]],
        "relics": [
            [Relic(relic).name, _counter(relic, count, memory if fighting else None)]
            for relic, count in zip(
                game.relics[: game.relic_count].tolist(),
                game.relic_counters[: game.relic_count].tolist(),
                strict=True,
            )
        ],
        "potions": [
            Potion(potion).name if potion else None
            for potion in game.potions[: game.potion_slots].tolist()
        ],
        "hid": {
            "potion_chance": int(game.potion_chance),
            "card_rarity_factor": int(game.rarity_offset),
            "q_monster": nine_digits(game.monster_chance),
            "q_shop": nine_digits(game.shop_chance),
            "q_treasure": nine_digits(game.treasure_chance),
            "removes": int(game.removals),
            "monster_idx": int(game.monster_index),
            "elite_idx": int(game.elite_index),
        },
        "rng": _streams(game, memory),
    }
    bottled = {
        Kind(FACTS[game.reference, card.id].kind).name: index
        for index, card in enumerate(game.deck[: game.deck_count])
        if card.bottled
    }
    if bottled:
        state["bottled"] = bottled
    keys = [key for key in ("RUBY", "EMERALD", "SAPPHIRE") if game[f"{key.lower()}_key"]]
    if keys:
        state["keys"] = keys
    if game.room == Room.EVENT:
        state["cur_event"] = Event(game.event).name
    if fighting:
        state["combat"] = _combat(game, memory)
        if game.screen != Screen.COMBAT:
            state["combat"]["select"] = _select(game)
    elif memory.emptied:
        state["rewards"] = {}
    elif game.screen in _SCREENS:
        key, shown = _SCREENS[game.screen]
        state[key] = shown(game)
    return state


def screen_name(game: Any, memory: Memory) -> str:
    """Return the screen of a game, as a trace names it; nothing once the game is over."""
    if memory.emptied:
        return "REWARDS"
    if game.screen == Screen.COMBAT:
        return "COMBAT"
    return "COMBAT_CARD_SELECT" if game.combat.task else TRACE_SCREENS[game.screen]


def room_name(game: Any) -> str:
    """Return the room a game is in, as a trace names it."""
    return Room(game.room).name if game.floor else "INVALID"


def nine_digits(number: Any) -> float:
    """Return a number of single precision as a trace writes it."""
    return float(f"{float(number):.9g}")


def _deck_card(card: Any) -> list[Any]:
    shown = [Card(card.id).name, int(card.upgrades)]
    return [*shown, int(card.misc)] if card.misc else shown


def _counter(relic: int, count: int, memory: Memory | None) -> int:
    if memory is not None and relic in EARLIER_COUNTERS:
        return memory.counters.get(relic, count)
    if relic == Relic.MAW_BANK:
        return int(count != USED_UP)
    return count if relic in COUNTERS else 0


def _streams(game: Any, memory: Memory) -> dict[str, int]:
    shown = {name: int(game.counts[stream]) for name, stream in STREAMS.items()}
    shown["relic"] -= POOL_DRAWS
    shown["misc"] -= memory.uncounted
    if game.combat.fight != Fight.ON:
        shown["ai"], shown["monsterHp"] = memory.ai, memory.monster_hp
    shown["mathUtil"] = 0
    return shown


# Screens outside combat.


def _neow(game: Any) -> dict[str, Any]:
    return {
        "id": "NEOW",
        "neow": [
            {"bonus": NeowBonus(bonus).name, "drawback": NeowDrawback(drawback).name}
            for bonus, drawback in zip(
                game.neow.bonus.tolist(), game.neow.drawback.tolist(), strict=True
            )
        ],
    }


_ADVENTURER, _LATE_ADVENTURER, FIND_STEP = 25, 35, 25
OOZE, OOZE_STEP = 25, 10
_LATE = 15


def _event(game: Any) -> dict[str, Any]:
    """Return an event, and what its options tell of what it has drawn."""
    event = Event(game.event)
    told: list[Any] = []
    page = int(game.event_page)
    if event == Event.WE_MEET_AGAIN:
        potion, gold, place = (int(asked) for asked in game.event_data[:3])
        if potion:
            told.append(Potion(game.potions[potion - 1]).name)
        if gold:
            told.append(gold)
        if place:
            card = game.deck[place - 1]
            told.append(Card(card.id).name + "+" * bool(card.upgrades))
    elif event == Event.DEAD_ADVENTURER:
        base = _LATE_ADVENTURER if game.ascension >= _LATE else _ADVENTURER
        told.append(base + FIND_STEP * page)
    elif event == Event.SCRAP_OOZE:
        told.append(OOZE + OOZE_STEP * page)
    return {"id": event.name, "told": told}


def reward_lines(game: Any, *kinds: Reward) -> list[int]:
    """Return the lines of the list of rewards that are of some kinds, in order."""
    kinds_shown = game.rewards.kind[: game.rewards.count].tolist()
    return [line for line, kind in enumerate(kinds_shown) if kind in kinds]


def gold_lines(game: Any) -> list[int]:
    """Return the lines of gold as the reference engine orders them: what thieves had taken comes last."""
    return [*reward_lines(game, Reward.GOLD), *reward_lines(game, Reward.STOLEN_GOLD)]


def reward_cards(game: Any, line: int) -> list[tuple[str, int]]:
    """Return the cards behind a line of the list of rewards, and their upgrades."""
    return set_of_cards(game, int(game.rewards.value[line]))


def set_of_cards(game: Any, index: int) -> list[tuple[str, int]]:
    """Return one of the sets of cards that are offered, with their upgrades."""
    return [
        (Card(card.id).name, int(card.upgrades))
        for card in game.rewards.cards[index][: game.rewards.card_counts[index]]
    ]


def reward_key(game: Any) -> str | None:
    """Return the key among the rewards."""
    if reward_lines(game, Reward.EMERALD_KEY):
        return "EMERALD"
    return "SAPPHIRE" if reward_lines(game, Reward.SAPPHIRE_KEY) else None


def _direct_cards(game: Any) -> dict[str, Any]:
    """Return the cards that are shown on their own."""
    return {"cards": [[list(card) for card in set_of_cards(game, 0)]]}


def _rewards(game: Any) -> dict[str, Any]:
    value = game.rewards.value.tolist()
    shown: dict[str, Any] = {
        "gold": [value[line] for line in gold_lines(game)],
        "cards": [
            [list(card) for card in reward_cards(game, line)]
            for line in reward_lines(game, Reward.CARD)
        ],
        "relics": [Relic(value[line]).name for line in reward_lines(game, Reward.RELIC)],
        "potions": [Potion(value[line]).name for line in reward_lines(game, Reward.POTION)],
        "key": reward_key(game),
    }
    return {name: what for name, what in shown.items() if what}


def _boss_relics(game: Any) -> list[str]:
    return [Relic(relic).name for relic in game.boss_relics.tolist() if relic]


CHEST_SIZES = ("SMALL", "MEDIUM", "LARGE")


def _chest(game: Any) -> str:
    return CHEST_SIZES[game.chest_size]


def _shop(game: Any) -> dict[str, Any]:
    shop = game.shop
    return {
        "cards": [
            [Card(card.id).name, int(card.upgrades), int(price)] if card.id else None
            for card, price in zip(shop.cards, shop.card_prices, strict=True)
        ],
        "relics": [
            [Relic(relic).name, price] if relic else None
            for relic, price in zip(shop.relics.tolist(), shop.relic_prices.tolist(), strict=True)
        ],
        "potions": [
            [Potion(potion).name, price] if potion else None
            for potion, price in zip(
                shop.potions.tolist(), shop.potion_prices.tolist(), strict=True
            )
        ],
        "remove": None if shop.removal_sold else int(shop.removal_price),
    }


def _pick(game: Any) -> dict[str, Any]:
    pick = game.pick
    left = pick.cards[: pick.count].tolist()
    return {
        "type": purpose_name(game),
        "need": int(pick.needed),
        "picked": int(pick.picked_count),
        "cards": [
            [Card(game.deck[index].id).name, int(game.deck[index].upgrades), index]
            for index in left
        ],
    }


PURPOSES = {
    "UPGRADE": Purpose.UPGRADE,
    "REMOVE": Purpose.REMOVE,
    "TRANSFORM": Purpose.TRANSFORM,
    "TRANSFORM_UPGRADE": Purpose.ASTROLABE,
    "DUPLICATE": Purpose.DUPLICATE,
    "BONFIRE_SPIRITS": Purpose.OFFER,
    "BOTTLE": Purpose.BOTTLE_ATTACK,
}
"""What a choice of cards of the deck is for, by the names of a trace."""

_PURPOSE_NAMES = {purpose: name for name, purpose in PURPOSES.items()} | {
    Purpose.REMOVE_ANY: "REMOVE",
    Purpose.BOTTLE_SKILL: "BOTTLE",
    Purpose.BOTTLE_POWER: "BOTTLE",
}


def purpose_name(game: Any) -> str:
    """Return what a choice of cards of the deck is for, as a trace names it."""
    return _PURPOSE_NAMES[Purpose(game.pick.purpose)]


_SCREENS = {
    Screen.NEOW: ("event", _neow),
    Screen.EVENT: ("event", _event),
    Screen.COMBAT_REWARD: ("rewards", _rewards),
    Screen.CARD_REWARD: ("rewards", _direct_cards),
    Screen.BOSS_REWARD: ("boss_relics", _boss_relics),
    Screen.CHEST: ("chest", _chest),
    Screen.SHOP: ("shop", _shop),
    Screen.GRID: ("card_select", _pick),
}


# Combat.


def combat_card(card: Any) -> list[Any]:
    """Return a card in combat."""
    shown = [
        Card(card.id).name,
        int(card.upgrades),
        int(card.turn_cost),
        int(card.cost),
    ]
    flags = ("f" if card["marks"] & Mark.FREE else "") + (
        "r" if card["marks"] & Mark.RETAIN else ""
    )
    if flags:
        return [*shown, int(card.misc), flags]
    return [*shown, int(card.misc)] if card.misc else shown


def _pile(combat: Any, name: str) -> list[list[Any]]:
    count = combat[f"{name}_count"]
    return [combat_card(combat.cards[index]) for index in combat[name][:count].tolist()]


def _powers(combat: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for power, amount in enumerate(combat.powers.tolist()):
        if amount and power not in HIDDEN_POWERS:
            shown[PlayerPower(power).name] = 1 if power in SWITCHES else amount
    bombs = [0] * BOMB_SLOTS
    for turns, damage in zip(combat.bomb_turns.tolist(), combat.bomb_damage.tolist(), strict=True):
        if turns:
            bombs[turns - 1] += damage
    if any(bombs):
        shown["THE_BOMB"] = bombs
    return shown


def _counters(game: Any) -> dict[str, int]:
    combat = game.combat
    shown = {
        "cards_played": int(combat.played_turn),
        "attacks_played": int(combat.attacks_turn),
        "skills_played": int(combat.skills_turn),
        "draw_per_turn": int(combat.draw_per_turn),
        "energy_per_turn": int(combat.energy_per_turn) + int(combat.powers[PlayerPower.BERSERK]),
    }
    for relic in LIVE_COUNTERS:
        slot = int(game.relic_slots[relic])
        if slot:
            count = int(game.relic_counters[slot - 1])
            ready = relic == Relic.PEN_NIB and count == NIB_READY
            shown[relic.name] = -1 if ready else count
    if combat.times_damaged:
        shown["times_damaged"] = int(combat.times_damaged)
    if combat.combust_loss:
        shown["combust_hp_loss"] = int(combat.combust_loss)
    return shown


def _attack(game: Any, place: int) -> list[int] | None:
    """Return an intent to attack: the base of a hit, what it would do, and how often."""
    monster = game.combat.monsters[place]
    step = ATTACKS.get(Move(monster.move))
    if step is None:
        return None
    ascension = int(game.ascension)
    base = levels(step.amount)[ascension] if step.own is None else int(monster.misc[step.own])
    return [
        base,
        int(monster_attack_amount(game, place, base)),
        levels(step.times)[ascension],
    ]


def _monster(game: Any, place: int, memory: Memory) -> dict[str, Any] | None:
    monster = game.combat.monsters[place]
    if not monster.used:
        return None
    shown: dict[str, Any] = {
        "i": place,
        "id": Monster(monster.id).name,
        "hp": int(monster.hp),
        "max_hp": int(monster.max_hp),
        "block": int(monster.block),
        "move": Move(monster.move).name,
        "powers": {
            MonsterPower(power).name: 1 if power in MONSTER_SWITCHES else amount
            for power, amount in enumerate(monster.powers.tolist())
            if amount
        },
    }
    earlier = memory.earlier.get(place, 0)
    if earlier:
        shown["prev"] = Move(earlier).name
    attack = None if monster.dead or monster.escaped else _attack(game, place)
    if attack:
        shown["atk"] = attack
    for flag in ("dead", "half_dead", "escaped"):
        if monster[flag]:
            shown[flag] = True
    return shown


def _combat(game: Any, memory: Memory) -> dict[str, Any]:
    combat = game.combat
    return {
        "encounter": Encounter(combat.encounter).name,
        "turn": int(combat.turn),
        "energy": int(combat.energy),
        "block": int(combat.block),
        "powers": _powers(combat),
        "ctr": _counters(game),
        **{name: _pile(combat, name) for name in ("hand", "draw", "discard", "exhaust")},
        "monsters": [_monster(game, place, memory) for place in range(combat.monster_count)],
    }


OFFERS = ("DISCOVERY", "CODEX")
"""Selections in combat that offer cards of no pile."""


_POOL_TASKS = (
    Task.ATTACK_POTION,
    Task.SKILL_POTION,
    Task.POWER_POTION,
    Task.COLORLESS_POTION,
    Task.TOOLBOX,
)
_TASK_NAMES = {task: task.name for task in Task} | dict.fromkeys(_POOL_TASKS, "DISCOVERY")


def task_name(game: Any) -> str:
    """Return what a selection in combat is for, as a trace names it."""
    return _TASK_NAMES[Task(game.combat.task)]


def _select(game: Any) -> dict[str, Any]:
    """Return the selection that is open. What else a trace shows of it is left from earlier ones."""
    task = task_name(game)
    shown: dict[str, Any] = {"task": task}
    if task in OFFERS:
        shown["cards"] = offered_cards(game)
    return shown


def offered_cards(game: Any) -> list[str]:
    """Return the cards of a selection in combat that are in no pile."""
    combat = game.combat
    return [Card(card).name for card in combat.offer[: combat.offer_count].tolist()]

"""Cards: what cards and potions do, in words made from their lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spire.combat.damage import card_block, card_damage
from spire.combat.use import base_damage
from spire.content import cards, potions
from spire.content.cards import Kind
from spire.content.text import Line, Number, Pool, Special, Task, Verb, select
from spire.ids import Card, MonsterPower, PlayerPower, Potion, Relic
from spire.owned import owns
from spire.state import HAND, Mark
from spire.terminal.words import GAINED, POWERS, spoken

C = Card

_OWN_WORDS = {
    C.ASCENDERS_BANE: "It can not be removed.",
    C.BLOOD_FOR_BLOOD: "Costs 1 less for each time you lose HP in this fight.",
    C.BURN: "At the end of the turn, take 2 damage (upgraded, 4).",
    C.CLASH: "Only if all cards of the hand are attacks.",
    C.CURSE_OF_THE_BELL: "It can not be removed.",
    C.DECAY: "At the end of the turn, take 2 damage.",
    C.DOUBT: "At the end of the turn, get 1 Weak.",
    C.NECRONOMICURSE: "It can not be got rid of.",
    C.NORMALITY: "With it in hand, only 3 cards can be played a turn.",
    C.PAIN: "With it in hand, each other card you play takes 1 HP.",
    C.PARASITE: "If it is removed or transformed, lose 3 max HP.",
    C.PRIDE: "At the end of the turn, a copy of it is put on top of the draw pile.",
    C.REGRET: "At the end of the turn, lose 1 HP for each card in hand.",
    C.SECRET_TECHNIQUE: "Only if there is a skill.",
    C.SECRET_WEAPON: "Only if there is an attack.",
    C.SHAME: "At the end of the turn, get 1 Frail.",
    C.VOID: "When it is drawn, lose 1 energy.",
}
"""What stands on cards beside their lines."""

_SENTINEL = (2, 3)

_NUMBERS = {
    Number.STRENGTH: "Deal {n} damage; Strength counts {extra} times.",
    Number.STRIKES: "Deal {n} damage: {extra} more for each Strike you have.",
    Number.UPGRADES: "Deal {n} damage. Can be upgraded again and again.",
    Number.BLOCK: "Deal as much damage as you have block.",
    Number.DRAW_PILE: "Deal 1 damage for each card of the draw pile.",
}
"""Attacks whose base is not plain."""

_THEN = {
    Special.FEED: "A kill gives {extra} max HP.",
    Special.HAND_OF_GREED: "A kill gives {extra} gold.",
    Special.RITUAL_DAGGER: "A kill raises it by {extra} for good.",
    Special.DROPKICK: "If the target is Vulnerable, gain 1 energy and draw 1.",
    Special.REAPER: "Heal by the HP it takes.",
}
"""What follows an attack."""

_INSTEAD = {
    Special.FIEND_FIRE: "Exhaust the hand: {n} damage for each card.",
    Special.SECOND_WIND: "Exhaust all cards of the hand that are no attacks: {n} block for each.",
}
"""Lines that are all their own."""

_SPECIALS = {
    Special.X_TIMES: "X times:",
    Special.TRANSMUTATION: "X random colorless cards come into the hand, free this turn.",
    Special.SEVER_SOUL: "Exhaust all cards of the hand that are no attacks.",
    Special.SPOT_WEAKNESS: "If the target means to attack, gain {n} Strength.",
    Special.LIMIT_BREAK: "Double your Strength.",
    Special.GROW: "Its damage grows by {n} for this fight.",
    Special.CORRUPTION: POWERS[PlayerPower.CORRUPTION],
    Special.COMBUST: "At the end of each turn, lose 1 HP and deal {n} damage to all enemies.",
    Special.MADNESS: "A random card of the hand costs 0 for this fight.",
    Special.IMPATIENCE: "With no attack in hand, draw {n}.",
    Special.VIOLENCE: "{n} random attacks of the draw pile come into the hand.",
    Special.BOMB: "At the end of the third turn, deal {n} damage to all enemies.",
    Special.RANDOM_COSTS: "The cards of the hand cost 0 to 3, at random.",
    Special.SMOKE_BOMB: "Flee from a fight that is not a boss's; it leaves nothing.",
}

_ENLIGHTENMENT = (
    "Cards of the hand cost at most 1 this turn.",
    "Cards of the hand cost at most 1 for this fight.",
)

_TASKS = {
    Task.ARMAMENTS: "Upgrade a card of the hand for this fight.",
    Task.EXHAUST_ONE: "Exhaust a card of the hand.",
    Task.EXHAUST_MANY: "Exhaust {many} cards of the hand.",
    Task.WARCRY: "Put a card of the hand on top of the draw pile.",
    Task.FORETHOUGHT: "Put a card of the hand under the draw pile; it is free once.",
    Task.FORETHOUGHT_MANY: "Put any cards of the hand under the draw pile; they are free once.",
    Task.DUAL_WIELD: "Copy an attack or a power of the hand ({n} more).",
    Task.GAMBLE: "Discard any cards of the hand, and draw as many.",
    Task.HEADBUTT: "Put a card of the discard pile on top of the draw pile.",
    Task.EXHUME: "Take an exhausted card back into the hand.",
    Task.LIQUID_MEMORIES_POTION: "Take {n} of the discard pile into the hand, free this turn.",
    Task.SECRET_TECHNIQUE: "Take a skill of the draw pile into the hand.",
    Task.SECRET_WEAPON: "Take an attack of the draw pile into the hand.",
    Task.DISCOVERY: "Choose one of three cards, free this turn.",
    Task.ATTACK_POTION: "Choose one of three attacks, free this turn.",
    Task.SKILL_POTION: "Choose one of three skills, free this turn.",
    Task.POWER_POTION: "Choose one of three powers, free this turn.",
    Task.COLORLESS_POTION: "Choose one of three colorless cards, free this turn.",
    Task.TOOLBOX: "Choose one of three colorless cards.",
    Task.CODEX: "Choose one of three cards to come into the draw pile.",
}
"""What selections in a fight are for."""

_POOLS = {Pool.ATTACK: "attack", Pool.SKILL: "skill", Pool.COLORLESS: "colorless card"}

_VERBS = {
    Verb.RAW_BLOCK: "Gain {n} block.",
    Verb.SHACKLE: "It comes back at the end of the turn.",
    Verb.DAMAGE: "{n} damage to an enemy.",
    Verb.DAMAGE_ALL: "{n} damage to all enemies.",
    Verb.LOSE_HP: "Lose {n} HP.",
    Verb.HEAL: "Heal {n}.",
    Verb.HEAL_PERCENT: "Heal {n}% of your max HP.",
    Verb.MAX_HP: "Gain {n} max HP.",
    Verb.ENERGY: "Gain {n} energy.",
    Verb.DRAW: "Draw {n}.",
    Verb.DOUBLE_BLOCK: "Double your block.",
    Verb.EXHAUST_RANDOM: "Exhaust a random card of the hand.",
    Verb.RESHUFFLE: "Shuffle the discard pile into the draw pile.",
    Verb.BREW: "Fill the slots with random potions.",
}
_ADDED = {
    Verb.ADD_TO_HAND: "into the hand",
    Verb.ADD_TO_DRAW: "into the draw pile",
    Verb.ADD_TO_DISCARD: "into the discard pile",
}


def _sentence(line: Line, up: int, shown: int) -> str:
    """Return what one line says, with the number that is shown for its amount."""
    verb, extra, times = line.verb, line.extra[up], line.times[up]
    if line.op in _INSTEAD:
        return _INSTEAD[Special(line.op)].format(n=shown)
    if verb in (Verb.HIT, Verb.HIT_ALL, Verb.HIT_RANDOM):
        whom = {Verb.HIT_ALL: " to all enemies", Verb.HIT_RANDOM: " to a random enemy"}
        often = f", {times} times" if times > 1 else ""
        text = f"Deal {shown} damage{whom.get(verb, '')}{often}."
        if verb == Verb.HIT and line.arg in _NUMBERS:
            text = _NUMBERS[Number(line.arg)].format(n=shown, extra=extra)
            if not line.amount[up] and shown:
                text += f" Now {shown}."
        if line.op in _THEN:
            text += " " + _THEN[Special(line.op)].format(extra=extra)
        return text
    if verb == Verb.BLOCK:
        return f"Gain {shown} block."
    if verb == Verb.GAIN:
        power = PlayerPower(line.arg)
        return (
            f"Gain {shown} {spoken(power)}." if power in GAINED else POWERS[power].format(n=shown)
        )
    if verb in (Verb.INFLICT, Verb.INFLICT_ALL):
        power_name = spoken(MonsterPower(line.arg))
        if shown < 0:
            return f"An enemy loses {-shown} {power_name}."
        whom_too = "All enemies get" if verb == Verb.INFLICT_ALL else "It gets"
        return f"{whom_too} {shown} {power_name}."
    if verb in _ADDED:
        return (
            f"{shown} {cards.NAMES[line.arg]} {'comes' if shown == 1 else 'come'} {_ADDED[verb]}."
        )
    if verb in (Verb.ROLL_TO_HAND, Verb.ROLL_TO_DRAW):
        what = f"{shown} random {_POOLS[Pool(line.arg)]}{'' if shown == 1 else 's'}"
        where = "hand" if verb == Verb.ROLL_TO_HAND else "draw pile"
        free = ", free for this fight" if verb == Verb.ROLL_TO_DRAW else ""
        free = ", free this turn" if verb == Verb.ROLL_TO_HAND and extra else free
        return f"{what} into the {where}{free}."
    if verb == Verb.PLAY_TOP:
        what = "card" if shown == 1 else f"{shown} cards"
        return f"Play the top {what} of the draw pile{', and exhaust it' if extra else ''}."
    if verb == Verb.UPGRADE_ALL:
        whose = "all your cards" if line.arg else "the cards of the hand"
        return f"Upgrade {whose} for this fight."
    if verb == Verb.SELECT:
        many = "any" if shown >= HAND else f"up to {shown}"
        return _TASKS[Task(line.arg)].format(n=shown, many=many)
    if line.op == Special.ENLIGHTENMENT:
        return _ENLIGHTENMENT[up]
    if verb in (Verb.OWN, Verb.OWN_X):
        return _SPECIALS[Special(line.op)].format(n=shown)
    return _VERBS[verb].format(n=shown)


def task_text(task: int, amount: int) -> str:
    """Return what a selection in a fight is for."""
    return _sentence(select(Task(task), amount), 0, amount)


def _printed(line: Line, up: int, upgrades: int, misc: int) -> int:
    """Return the number that stands on a card outside a fight."""
    amount = line.amount[up]
    if line.verb == Verb.HIT and line.arg == Number.REMEMBERED:
        return amount + misc
    if line.verb == Verb.HIT and line.arg == Number.UPGRADES:
        return amount + upgrades * (upgrades + 7) // 2
    return amount


def _text(card: Card, upgrades: int, number: Callable[[Line, int], int]) -> str:
    data = cards.BY_ID.get(card)
    if data is None:
        return ""
    up = 1 if upgrades else 0
    words = ["Unplayable."] if data.cost[up] < cards.X else []
    words += ["Innate."] if data.innate[up] else []
    words += ["Ethereal."] if data.ethereal[up] else []
    words += [_sentence(line, up, number(line, up)) for line in data.text if line.times[up]]
    if card == C.SENTINEL:
        words.append(f"If it is exhausted, gain {_SENTINEL[up]} energy.")
    words += [_OWN_WORDS[card]] if card in _OWN_WORDS else []
    words += ["Exhaust."] if data.exhausts[up] else []
    return " ".join(words)


def card_text(card: Card, upgrades: int = 0, misc: int = 0) -> str:
    """Return what a card does."""
    return _text(card, upgrades, lambda line, up: _printed(line, up, upgrades, misc))


def fighting_text(game: Any, c: int, target: int) -> str:
    """Return what a card in a fight does now, at a monster (-1: at none in particular)."""
    card = game.combat.cards[c]

    def number(line: Line, up: int) -> int:
        amount = line.amount[up]
        if line.verb == Verb.BLOCK:
            return int(card_block(game, amount))
        if line.verb in (Verb.HIT, Verb.HIT_ALL, Verb.HIT_RANDOM):
            base = amount
            if line.verb == Verb.HIT:
                base = int(base_damage(game, c, int(line.arg), amount, line.extra[up]))
            return int(card_damage(game, c, base, target if line.verb == Verb.HIT else -1))
        return amount

    return _text(Card(card.id), int(card.upgrades), number)


def card_name(card: int, upgrades: int = 0) -> str:
    """Return what a card is called."""
    name = cards.NAMES[card] or spoken(Card(card))
    if card == C.SEARING_BLOW and upgrades:
        return f"{name}+{upgrades}"
    return name + ("+" if upgrades else "")


def cost_text(cost: int, *, free: bool = False) -> str:
    """Return a cost as it stands on a card."""
    if cost == cards.X:
        return "X"
    if cost < cards.X:
        return "-"
    return "0" if free else str(cost)


def printed_cost(card: Card, upgrades: int) -> str:
    """Return the cost of a card outside a fight."""
    data = cards.BY_ID.get(card)
    return cost_text(data.cost[1 if upgrades else 0]) if data else ""


def fighting_cost(card: Any) -> str:
    """Return what a card in a fight costs now."""
    return cost_text(int(card.turn_cost), free=bool(card["marks"] & Mark.FREE))


def kind_of(card: Card) -> Kind:
    """Return the type of a card."""
    data = cards.BY_ID.get(card)
    return data.kind if data else Kind.NONE


def potion_text(game: Any, potion: Potion) -> str:
    """Return what a potion does."""
    data = potions.BY_ID.get(potion)
    if data is None:
        return ""
    up = 1 if owns(game, Relic.SACRED_BARK) else 0
    if potion == Potion.FAIRY_POTION:
        return f"In place of death, heal {data.text[0].amount[up]}% of your max HP."
    return " ".join(_sentence(line, up, line.amount[up]) for line in data.text)

"""Choices: what a game offers on the screen that is open, in words, and why some of it can not be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spire.actions import (
    CHOOSE,
    END_TURN,
    LEAVE,
    PLAY,
    PLAY_UNTARGETED,
    POTION,
    POTION_UNTARGETED,
    PROCEED,
    THROW,
    choice_action,
    option_action,
)
from spire.belt import has_room
from spire.combat.hits import is_target
from spire.combat.use import needs_target, potion_needs_target
from spire.content.cards import BY_ID as CARD_DATA
from spire.content.cards import Kind, X
from spire.content.events import SCRIPTS
from spire.content.missing import RELICS as MISSING_RELICS
from spire.content.potions import NAMES as POTION_NAMES
from spire.content.relics import NAMES as RELIC_NAMES
from spire.content.scripts import ANY, Check, Option
from spire.game import Game
from spire.ids import (
    Card,
    Event,
    Monster,
    NeowBonus,
    NeowDrawback,
    PlayerPower,
    Potion,
    Relic,
    Room,
)
from spire.maps import COLUMNS, ROWS
from spire.names import NEOW_BONUSES, NEOW_DRAWBACKS
from spire.owned import counter, owns
from spire.run.events import FACE, GONE, UP, can_choose
from spire.run.picks import Purpose, can_cancel
from spire.run.rest import RestOption, can_rest
from spire.run.rooms import can_go
from spire.run.shop import Ware, can_buy
from spire.run.spoils import shown_set
from spire.shown import HARD_EVENTS, at_ascension
from spire.state import MONSTERS, Mark, Reward, Screen
from spire.terminal.cards import (
    card_name,
    card_text,
    fighting_cost,
    fighting_text,
    kind_of,
    potion_text,
    printed_cost,
    task_text,
)
from spire.terminal.words import RELICS, ROOMS, monster_name, spoken

_CHOKED, _NORMAL = 6, 3
_CHESTS = ("small", "medium", "large")

KIND_STYLES = {
    Kind.ATTACK: "red",
    Kind.SKILL: "cyan",
    Kind.POWER: "magenta",
    Kind.STATUS: "dim",
    Kind.CURSE: "dim magenta",
}
"""The colors of cards, by their types."""


@dataclass(frozen=True)
class Choice:
    """One thing to do. `actions` is its action number, or one for each place of a monster if it is aimed."""

    text: str
    actions: tuple[int, ...]
    detail: str = ""
    aside: str = ""
    """What stands before it: a cost, a price."""
    style: str = ""
    why_not: str = ""
    """Why it can not be done, if it can not."""

    @property
    def is_aimed(self) -> bool:
        """Whether it needs a monster to be named."""
        return len(self.actions) > 1

    def action(self, target: int) -> int:
        """Return its action number, at a monster if it needs one."""
        return self.actions[target] if self.is_aimed else self.actions[0]


def title(game: Game) -> str:
    """Return what the screen that is open asks for."""
    record = game.record
    screen = game.screen
    if record.combat.task:
        return task_text(int(record.combat.task), int(record.combat.pick_amount))
    if screen == Screen.GRID:
        left = int(record.pick.needed) - int(record.pick.picked_count)
        return f"{_PURPOSES[Purpose(record.pick.purpose)]} ({left} to choose)"
    if screen == Screen.EVENT:
        script = SCRIPTS.get(Event(record.event))
        return script.name if script else spoken(Event(record.event))
    if screen == Screen.CHEST:
        return f"A {_CHESTS[record.chest_size]} chest"
    return _TITLES[screen]


_TITLES = {
    Screen.NONE: "",
    Screen.NEOW: "Neow",
    Screen.MAP: "Where to?",
    Screen.COMBAT: "Hand",
    Screen.CARD_REWARD: "Choose a card",
    Screen.COMBAT_REWARD: "Rewards",
    Screen.BOSS_REWARD: "Choose a relic",
    Screen.SHOP: "Shop",
    Screen.REST: "Rest site",
    Screen.GAME_OVER: "The end",
}

_PURPOSES = {
    Purpose.NONE: "Choose",
    Purpose.UPGRADE: "Upgrade a card",
    Purpose.REMOVE: "Remove a card",
    Purpose.REMOVE_ANY: "Remove a card",
    Purpose.TRANSFORM: "Transform a card",
    Purpose.ASTROLABE: "Transform a card, and upgrade it",
    Purpose.DUPLICATE: "Copy a card",
    Purpose.OFFER: "Offer a card to the bonfire",
    Purpose.BOTTLE_ATTACK: "Bottle an attack",
    Purpose.BOTTLE_SKILL: "Bottle a skill",
    Purpose.BOTTLE_POWER: "Bottle a power",
}


def choices(game: Game, target: int = -1) -> list[Choice]:
    """Return what the screen that is open offers, potions aside.

    Cards that are aimed say what they would do to the monster at place `target`.
    """
    record, allowed = game.record, game.mask()
    if game.is_over:
        return []
    if game.screen == Screen.COMBAT:
        offered = _combat(record, target)
    elif record.combat.task:
        offered = _selection(record)
    else:
        offered = _SCREENS[game.screen](record)
    return [_judged(choice, allowed) for choice in offered]


def potion_choices(game: Game) -> list[Choice]:
    """Return what can be done with the potions."""
    allowed = game.mask()
    return [_judged(choice, allowed) for choice in _potions(game.record)]


def _judged(choice: Choice, allowed: Any) -> Choice:
    """Return a choice that has a reason if it is not allowed, and none if it is."""
    if any(allowed[action] for action in choice.actions):
        return replace(choice, why_not="")
    if choice.why_not:
        return choice
    return replace(choice, why_not="That can not be done now.")


def every_choice(game: Game, target: int = -1) -> list[Choice]:
    """Return all there is to do."""
    return [*choices(game, target), *potion_choices(game)]


def said(game: Game, action: int) -> str:
    """Return an action in words."""
    for choice in every_choice(game):
        if action in choice.actions:
            if not choice.is_aimed:
                return choice.text
            target = choice.actions.index(action)
            return f"{choice.text} at {target_name(game, target)}"
    return f"action {action}"


def refusal(game: Game, action: int) -> str:
    """Return why an action is not allowed."""
    if game.is_over:
        return "The game is over."
    for choice in every_choice(game):
        if action in choice.actions:
            return choice.why_not or "There is no such enemy to aim at."
    if PLAY <= action < END_TURN and game.screen == Screen.COMBAT:
        position = action // MONSTERS if action < PLAY_UNTARGETED else action - PLAY_UNTARGETED
        if position >= game.record.combat.hand_count:
            return f"There is no card at place {position + 1} of the hand."
        return (
            "That card is aimed at one enemy."
            if action >= PLAY_UNTARGETED
            else ("That card is not aimed at one enemy.")
        )
    return f"There is no choice {action} here."


def target_name(game: Game, place: int) -> str:
    """Return the name of a monster, with a number where there are several of its kind."""
    monsters = game.record.combat.monsters[: game.record.combat.monster_count]
    kind = monsters[place].id
    alike = [k for k, monster in enumerate(monsters) if monster.used and monster.id == kind]
    name = monster_name(Monster(kind))
    return f"{name} {alike.index(place) + 1}" if len(alike) > 1 else name


def targets(game: Game) -> list[int]:
    """Return the places of the monsters that can be aimed at."""
    combat = game.record.combat
    return [m for m in range(combat.monster_count) if is_target(combat.monsters[m])]


def reachable(game: Game) -> list[int]:
    """Return the columns of the next row of the map that can be gone to."""
    return [x for x in range(COLUMNS) if can_go(game.record, x)]


# Cards, relics, potions as choices.


def _deck_choice(card: Any, actions: tuple[int, ...], price: str = "", why_not: str = "") -> Choice:
    """Return a card of the deck, or one that is offered."""
    which, upgrades = Card(card.id), int(card.upgrades)
    misc = int(card.misc) if "misc" in card.dtype.names else CARD_DATA[which].misc
    cost = f"({printed_cost(which, upgrades)})"
    return Choice(
        card_name(which, upgrades),
        actions,
        card_text(which, upgrades, misc),
        aside=f"{price} {cost}" if price else cost,
        style=KIND_STYLES.get(kind_of(which), ""),
        why_not=why_not,
    )


def _fight_choice(
    game: Any, c: int, actions: tuple[int, ...], target: int = -1, **rest: Any
) -> Choice:
    card = game.combat.cards[c]
    return Choice(
        card_name(Card(card.id), int(card.upgrades)),
        actions,
        fighting_text(game, c, target),
        aside=f"({fighting_cost(card)})",
        style=KIND_STYLES.get(kind_of(Card(card.id)), ""),
        **rest,
    )


def _relic_choice(
    relic: int, actions: tuple[int, ...], price: str = "", why_not: str = ""
) -> Choice:
    which = Relic(relic)
    return Choice(
        RELIC_NAMES[which],
        actions,
        RELICS.get(which, ""),
        aside=f"{price}    " if price else "",
        style="yellow",
        why_not=why_not,
    )


def _potions(game: Any) -> Iterator[Choice]:
    fighting = game.screen == Screen.COMBAT
    for slot in range(game.potion_slots):
        potion = Potion(game.potions[slot])
        if not potion:
            continue
        name = POTION_NAMES[potion]
        aimed = fighting and potion_needs_target(potion)
        first = POTION + MONSTERS * slot
        yield Choice(
            f"Throw {name}" if aimed else f"Drink {name}",
            tuple(range(first, first + MONSTERS)) if aimed else (POTION_UNTARGETED + slot,),
            potion_text(game, potion),
            style="green",
            why_not=f"{name} can not be used now.",
        )
        yield Choice(
            f"Throw {name} away",
            (THROW + slot,),
            style="dim green",
            why_not="Potions can not be thrown away now.",
        )


# Screens.


def _neow(game: Any) -> Iterator[Choice]:
    tenth = int(game.max_hp) // 10
    amounts = {"tenth": tenth, "fifth": 2 * tenth, "damage": int(game.hp) // 10 * 3}
    for k, (bonus, drawback) in enumerate(
        zip(game.neow.bonus.tolist(), game.neow.drawback.tolist(), strict=True)
    ):
        text, price = NEOW_BONUSES[NeowBonus(bonus)], NEOW_DRAWBACKS.get(NeowDrawback(drawback))
        both = f"{price}; {text}" if price else text
        yield Choice(both.format_map(amounts), (CHOOSE + k,))


def _map(game: Any) -> Iterator[Choice]:
    columns = [x for x in range(COLUMNS) if can_go(game, x)]
    row = int(game.y) + 1
    for k, x in enumerate(columns):
        room = Room.BOSS if row >= ROWS else Room(game.map.room[row, x])
        name = ROOMS[room][1]
        if (x, row) == (game.map.burning_x, game.map.burning_y) and not game.emerald_key:
            name = f"burning {name}"
        where = "" if len(columns) == 1 else f", column {x + 1}"
        yield Choice(f"{name.capitalize()}{where}", (CHOOSE + k,))


def _combat(game: Any, target: int) -> Iterator[Choice]:
    combat = game.combat
    for k in range(combat.hand_count):
        c = int(combat.hand[k])
        if needs_target(game, c):
            actions = tuple(range(PLAY + MONSTERS * k, PLAY + MONSTERS * (k + 1)))
        else:
            actions = (PLAY_UNTARGETED + k,)
        at = target if needs_target(game, c) else -1
        yield _fight_choice(game, c, actions, at, why_not=_unplayable(game, c))
    yield Choice("End the turn", (END_TURN,))


def _unplayable(game: Any, c: int) -> str:
    """Return why a card of the hand can not be played, if it can not."""
    combat = game.combat
    card = combat.cards[c]
    which, kind = Card(card.id), kind_of(Card(card.id))
    name = card_name(which, int(card.upgrades))
    held = [Card(combat.cards[other].id) for other in combat.hand[: combat.hand_count].tolist()]
    if card.turn_cost < X:
        return f"{name} can not be played: it is a {kind.name.lower()}."
    if card.turn_cost > combat.energy and not card["marks"] & Mark.FREE:
        return f"{name} costs {int(card.turn_cost)} energy, and there is {int(combat.energy)}."
    if kind == Kind.ATTACK and combat.powers[PlayerPower.ENTANGLED]:
        return "You are entangled: no attacks this turn."
    if owns(game, Relic.VELVET_CHOKER) and combat.played_turn >= _CHOKED:
        return f"Velvet Choker lets only {_CHOKED} cards be played a turn."
    if Card.NORMALITY in held and combat.played_turn >= _NORMAL:
        return f"Normality lets only {_NORMAL} cards be played a turn."
    if which == Card.CLASH:
        return "Clash can be played only if all cards of the hand are attacks."
    if which in (Card.SECRET_TECHNIQUE, Card.SECRET_WEAPON):
        return f"There is nothing in the draw pile for {name}."
    return ""


def _selection(game: Any) -> Iterator[Choice]:
    """Yield the cards of a selection in a fight, by their indices or (where offered) their ids."""
    combat = game.combat
    for k, one in enumerate(combat.offer[: combat.offer_count].tolist()):
        action = (int(choice_action(k)),)
        full = f"No more than {int(combat.pick_max)} can be chosen."
        if game.screen == Screen.CARD_REWARD:
            which = Card(one)
            yield Choice(
                card_name(which),
                action,
                card_text(which),
                f"({printed_cost(which, 0)})",
                KIND_STYLES.get(kind_of(which), ""),
            )
        else:
            yield _fight_choice(game, one, action, why_not=full)
    if game.screen == Screen.HAND_SELECT and combat.pick_min == 0:
        yield Choice(f"Done: {int(combat.picked_count)} chosen", (PROCEED,))
    if game.screen == Screen.CARD_REWARD and combat.pick_min == 0:
        yield Choice("None of them", (LEAVE,))


def _grid(game: Any) -> Iterator[Choice]:
    for k, index in enumerate(game.pick.cards[: game.pick.count].tolist()):
        card = game.deck[index]
        choice = _deck_choice(card, (int(choice_action(k)),))
        if game.pick.purpose == Purpose.UPGRADE:
            which, upgrades = Card(card.id), int(card.upgrades) + 1
            after = (
                f"({printed_cost(which, upgrades)}) {card_text(which, upgrades, int(card.misc))}"
            )
            choice = replace(choice, detail=f"{choice.detail}  Upgraded: {after}")
        yield choice
    if can_cancel(game):
        yield Choice("Back", (LEAVE,), "Nothing has happened yet.")


def _card_reward(game: Any) -> Iterator[Choice]:
    which = int(shown_set(game))
    count = int(game.rewards.card_counts[which])
    for k in range(count):
        yield _deck_choice(game.rewards.cards[which, k], (CHOOSE + k,))
    if owns(game, Relic.SINGING_BOWL):
        yield Choice("Singing Bowl: 2 max HP", (CHOOSE + count,))
    yield Choice("None of them", (LEAVE,))


def _rewards(game: Any) -> Iterator[Choice]:
    rewards = game.rewards
    for line in range(rewards.count):
        action, value = CHOOSE + line, int(rewards.value[line])
        kind = Reward(rewards.kind[line])
        if kind in (Reward.GOLD, Reward.STOLEN_GOLD):
            back = ", stolen from you" if kind == Reward.STOLEN_GOLD else ""
            yield Choice(f"{value} gold{back}", (action,), style="yellow")
        elif kind == Reward.RELIC:
            yield _relic_choice(value, (action,))
        elif kind == Reward.POTION:
            yield Choice(
                POTION_NAMES[value],
                (action,),
                potion_text(game, Potion(value)),
                style="green",
                why_not="All slots for potions are full; throw one away first (p).",
            )
        elif kind == Reward.CARD:
            cards = rewards.cards[value][: rewards.card_counts[value]]
            names = ", ".join(card_name(Card(card.id), int(card.upgrades)) for card in cards)
            yield Choice("A card", (action,), names)
        else:
            yield Choice(_KEYS[kind], (action,), _KEY_DETAILS[kind])
    yield Choice("Go on", (PROCEED,), "What is left is lost." if rewards.count else "")


_KEYS = {Reward.EMERALD_KEY: "Emerald Key", Reward.SAPPHIRE_KEY: "Sapphire Key"}
_KEY_DETAILS = {
    Reward.EMERALD_KEY: "One of three keys.",
    Reward.SAPPHIRE_KEY: "One of three keys, in place of the relic before it.",
}


def _boss_reward(game: Any) -> Iterator[Choice]:
    for k, relic in enumerate(game.boss_relics.tolist()):
        yield _relic_choice(relic, (CHOOSE + k,))
    yield Choice("None of them", (LEAVE,))


def event_options(game: Any) -> list[tuple[int, Option]]:
    """Return the options on the page of an event that is open, with their numbers."""
    script = SCRIPTS.get(Event(game.event))
    options = script.options if script else ()
    return [(k, one) for k, one in enumerate(options) if one.page in (ANY, game.event_page)]


def _event(game: Any) -> Iterator[Choice]:
    hard = game.ascension >= HARD_EVENTS
    for k, option in event_options(game):
        text = at_ascension(option.text, hard=hard) + _drawn(game, k)
        actions = (int(option_action(game, k)),) if can_choose(game, k) else ()
        yield Choice(text, actions, why_not=_unmet(option, hard=hard))


def _drawn(game: Any, option: int) -> str:
    """Return what an event has drawn for an option, where the game shows it."""
    data, page = game.event_data, int(game.event_page)
    hard = game.ascension >= HARD_EVENTS
    if game.event == Event.SCRAP_OOZE and option == 0 and page:
        return f" (now {(5 if hard else 3) + page} damage, {25 + 10 * page}%)"
    if game.event == Event.DEAD_ADVENTURER and option == 0 and page:
        return f" (now {(35 if hard else 25) + 25 * page}%)"
    if game.event == Event.WE_MEET_AGAIN:
        if option == 0 and data[0]:
            return f" ({POTION_NAMES[game.potions[data[0] - 1]]})"
        if option == 1 and data[1]:
            return f" ({int(data[1])} gold)"
        if option == 2 and data[2]:
            card = game.deck[data[2] - 1]
            return f" ({card_name(Card(card.id), int(card.upgrades))})"
    if game.event == Event.WORLD_OF_GOOP and option == 1:
        return f" ({int(data[0])})"
    if game.event == Event.MATCH_AND_KEEP:
        turned = int(data[option])
        if turned & GONE:
            return f" {option + 1}: taken"
        name = card_name(Card(turned & FACE)) if turned & UP else "face down"
        return f" {option + 1}: {name}"
    return ""


def _unmet(option: Option, *, hard: bool) -> str:
    amount = option.needs.amount.a15 if hard else option.needs.amount.base
    return {
        Check.GOLD: f"That takes {amount} gold.",
        Check.UPGRADABLE: "There is no card to upgrade.",
        Check.ATTACK: f"That takes an attack of at least {amount} damage in the deck.",
        Check.DRAWN: "You have none to give.",
        Check.FACE_DOWN: "That card is turned already.",
        Check.CURSE: "There is no curse to remove.",
    }.get(Check(option.needs.check), "")


def _shop(game: Any) -> Iterator[Choice]:
    shop = game.shop

    def poor(price: Any) -> str:
        return f"It costs {int(price)} gold, and you have {int(game.gold)}."

    def absent(relic: int) -> str:
        why = MISSING_RELICS.get(Relic(relic), "")
        return f"It cannot be had: {why}." if why else ""

    def ware(k: int) -> tuple[int, ...]:
        return (int(option_action(game, k)),) if can_buy(game, k) else ()

    if not shop.removal_sold:
        price = int(shop.removal_price)
        why_not = "" if game.gold >= price else poor(price)
        detail = "Once in each shop; the next removal costs 25 more."
        yield Choice("Remove a card", ware(Ware.REMOVAL), detail, f"{price}    ", why_not=why_not)
    for k, (card, price) in enumerate(zip(shop.cards, shop.card_prices.tolist(), strict=True)):
        if card.id:
            yield _deck_choice(card, ware(Ware.CARDS + k), str(price), poor(price))
    for k, (relic, price) in enumerate(
        zip(shop.relics.tolist(), shop.relic_prices.tolist(), strict=True)
    ):
        if relic:
            yield _relic_choice(
                relic, ware(Ware.RELICS + k), str(price), absent(relic) or poor(price)
            )
    for k, (potion, price) in enumerate(
        zip(shop.potions.tolist(), shop.potion_prices.tolist(), strict=True)
    ):
        if potion:
            why_not = poor(price)
            if owns(game, Relic.SOZU):
                why_not = "Sozu lets you gain no potions."
            elif not has_room(game):
                why_not = "All slots for potions are full; throw one away first (p)."
            yield Choice(
                POTION_NAMES[potion],
                ware(Ware.POTIONS + k),
                potion_text(game, Potion(potion)),
                f"{price}    ",
                "green",
                why_not,
            )
    yield Choice("Leave", (LEAVE,))


def _rest(game: Any) -> Iterator[Choice]:
    pillow = 15 if owns(game, Relic.REGAL_PILLOW) else 0
    healed = int(np.float32(game.max_hp) * np.float32(0.3)) + pillow
    lifted = int(counter(game, Relic.GIRYA))
    options = {
        RestOption.REST: ("Rest", f"Heal {healed}.", "Coffee Dripper lets you not rest."),
        RestOption.SMITH: ("Smith", "Upgrade a card.", "There is nothing you can smith."),
        RestOption.LIFT: ("Lift", f"1 Strength in every fight; {lifted} of 3 so far.", ""),
        RestOption.TOKE: ("Toke", "Remove a card.", "There is no card to remove."),
        RestOption.DIG: ("Dig", "Obtain a random relic.", ""),
        RestOption.RECALL: ("Recall", "Take the Ruby Key, one of three.", ""),
    }
    tools = {
        RestOption.LIFT: owns(game, Relic.GIRYA),
        RestOption.TOKE: owns(game, Relic.PEACE_PIPE),
        RestOption.DIG: owns(game, Relic.SHOVEL),
        RestOption.RECALL: not game.ruby_key,
    }
    for option, (name, detail, why_not) in options.items():
        if tools.get(option, True):
            actions = (int(option_action(game, option)),) if can_rest(game, option) else ()
            yield Choice(name, actions, detail, why_not=why_not)
    if not any(can_rest(game, option) for option in RestOption):
        yield Choice("Leave", (PROCEED,))


def _chest(_game: Any) -> Iterator[Choice]:
    yield Choice("Open it", (CHOOSE,))
    yield Choice("Leave it", (PROCEED,))


_SCREENS = {
    Screen.NEOW: _neow,
    Screen.MAP: _map,
    Screen.GRID: _grid,
    Screen.CARD_REWARD: _card_reward,
    Screen.COMBAT_REWARD: _rewards,
    Screen.BOSS_REWARD: _boss_reward,
    Screen.EVENT: _event,
    Screen.SHOP: _shop,
    Screen.REST: _rest,
    Screen.CHEST: _chest,
}

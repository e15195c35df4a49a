"""Reflex: a quick choice in a fight by what cards say, with which fights are played to their end in thought."""

from __future__ import annotations

from typing import Any

from spire.actions import END_TURN, LEAVE, PLAY, PLAY_UNTARGETED, PROCEED, choice_action
from spire.combat.damage import card_block, card_damage
from spire.combat.hits import is_target
from spire.combat.select import can_confirm, can_pick, can_skip
from spire.combat.use import can_play, needs_target
from spire.compiled import kernel
from spire.content.cards import FACTS, Kind
from spire.content.text import Number, Task
from spire.heuristic.battle import incoming, is_on, perform
from spire.heuristic.traits import ALL, RANDOM, TRAIT
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.linked import linked
from spire.state import MONSTERS, Mark, Screen

_DAMAGE = 0.62
"""What a point of damage to a monster is worth, in HP."""
_PLAYS = 40
"""The most plays of a turn."""


@kernel
def _base(game: Any, c: Any, up: Any) -> Any:
    """Return about the base damage of an attack."""
    combat = game.combat
    card = combat.cards[c]
    trait = TRAIT[card.id]
    amount, number, extra = int(trait.damage[up]), int(trait.number), int(trait.extra[up])
    if number == Number.STRENGTH:
        return amount + (extra - 1) * int(combat.powers[P.STRENGTH])
    if number == Number.STRIKES:
        return amount + extra * 5
    if number == Number.REMEMBERED:
        return amount + int(card.misc)
    if number == Number.UPGRADES:
        return amount + int(card.upgrades) * (int(card.upgrades) + 7) // 2
    if number == Number.BLOCK:
        return int(combat.block)
    if number == Number.DRAW_PILE:
        return int(combat.draw_count)
    return amount


@kernel
def _card_worth(game: Any, k: Any, m: Any, threat: Any, health: Any, crowd: Any) -> Any:
    """Return what playing the card at place `k` of the hand at monster `m` (-1: none) is worth, in HP."""
    combat = game.combat
    c = int(combat.hand[k])
    card = combat.cards[c]
    trait = TRAIT[card.id]
    facts = FACTS[game.reference, card.id]
    up = 1 if card.upgrades > 0 else 0
    cost = int(card.turn_cost)
    if cost < 0:
        cost = int(combat.energy)
    if card.marks & Mark.FREE:
        cost = 0
    rest = int(combat.energy) - cost
    value = float(trait.worth[up])
    # How long the fight still lasts, in turns.
    turns = min(1.0 + health / 22.0, 8.0)
    value += float(trait.power[up]) * turns
    if facts.kind == Kind.ATTACK:
        times = int(trait.times[up])
        if card.turn_cost == -1:
            times = int(combat.energy)
        base = _base(game, c, up)
        hits = int(trait.whom[up])
        for other in range(combat.monster_count):
            monster = combat.monsters[other]
            if not is_target(monster) or (hits != ALL and hits != RANDOM and other != m):
                continue
            damage = float(card_damage(game, c, base, other) * times)
            if hits == RANDOM:
                damage = damage / max(crowd, 1)
            whole = float(monster.hp) + float(monster.block)
            value += _DAMAGE * min(damage, whole)
            if damage >= whole:
                value += 3.0 + 0.8 * incoming(game, other)
            elif crowd > 1:
                # Better to finish one than to hurt all.
                value += 1.5 * damage / whole
            if monster.powers[M.ASLEEP] > 0 and health > damage:
                value -= 6.0
            if monster.powers[M.SHARP_HIDE] > 0 and other == m:
                value -= 1.0 * monster.powers[M.SHARP_HIDE]
            if monster.powers[M.THORNS] > 0:
                value -= 1.0 * monster.powers[M.THORNS] * times
        if combat.powers[P.RAGE] > 0:
            value += min(float(combat.powers[P.RAGE]), max(threat, 0.0))
    if trait.block[up] > 0:
        value += min(float(card_block(game, int(trait.block[up]))), max(threat, 0.0)) + 0.1
    if trait.vulnerable[up] > 0 or trait.weak[up] > 0:
        for other in range(combat.monster_count):
            monster = combat.monsters[other]
            if not is_target(monster) or (trait.weaken_all[up] != 2 and other != m):
                continue
            if trait.vulnerable[up] > 0 and monster.powers[M.ARTIFACT] == 0:
                before = float(monster.powers[M.VULNERABLE])
                last = min(before + trait.vulnerable[up], turns)
                value += max(last - before, 0.0) * min(4.0, 0.15 * monster.hp)
            if trait.weak[up] > 0 and monster.powers[M.ARTIFACT] == 0:
                if monster.powers[M.WEAK] == 0:
                    value += 0.25 * incoming(game, other)
                value += 1.5 * max(min(float(trait.weak[up]), turns) - 1.0, 0.0)
    if trait.draw[up] > 0 and combat.powers[P.NO_DRAW] == 0:
        each = 2.2 if rest > 0 else 0.7
        value += each * min(int(trait.draw[up]), 10 - int(combat.hand_count) + 1)
    if trait.energy[up] > 0:
        wanted = 0
        for other in range(combat.hand_count):
            if other != k:
                wanted += max(int(combat.cards[combat.hand[other]].turn_cost), 0)
        value += 3.0 * max(min(int(trait.energy[up]), wanted - rest), 0)
    value -= 1.1 * float(trait.loss[up])
    if trait.loss[up] >= game.hp:
        value -= 100.0
    if facts.kind == Kind.SKILL:
        for other in range(combat.monster_count):
            if is_target(combat.monsters[other]):
                value -= 2.0 * combat.monsters[other].powers[M.ENRAGE]
    return value / (cost + 0.4)


@kernel
def reflex(game: Any) -> Any:
    """Return a quick choice of an action in a fight."""
    combat = game.combat
    if game.screen != Screen.COMBAT:
        return quick_pick(game)
    threat, health, crowd = -float(combat.block), 0.0, 0
    for m in range(combat.monster_count):
        if is_target(combat.monsters[m]):
            threat += incoming(game, m)
            health += float(combat.monsters[m].hp)
            crowd += 1
    for k in range(combat.order_count):
        power = combat.order[k]
        if power == P.METALLICIZE or power == P.PLATED_ARMOR:
            threat -= float(combat.powers[power])
    best, chosen = 0.25, END_TURN
    for k in range(combat.hand_count):
        if not can_play(game, k):
            continue
        c = int(combat.hand[k])
        if k > 0 and combat.cards[combat.hand[k - 1]].id == combat.cards[c].id:
            before = combat.cards[combat.hand[k - 1]]
            if before.upgrades == combat.cards[c].upgrades:
                if before.turn_cost == combat.cards[c].turn_cost:
                    continue
        if needs_target(game, c):
            for m in range(combat.monster_count):
                if is_target(combat.monsters[m]):
                    value = _card_worth(game, k, m, threat, health, crowd)
                    if value > best:
                        best, chosen = value, PLAY + MONSTERS * k + m
        else:
            value = _card_worth(game, k, -1, threat, health, crowd)
            if value > best:
                best, chosen = value, PLAY_UNTARGETED + k
    return chosen


@kernel
def plain_worth(game: Any, card: Any) -> Any:
    """Return about what a card of a combat is worth in the hand, in HP."""
    trait = TRAIT[card.id]
    kind = FACTS[game.reference, card.id].kind
    up = 1 if card.upgrades > 0 else 0
    if kind == Kind.CURSE:
        return -2.0
    if kind == Kind.STATUS:
        return -1.0
    value = float(trait.worth[up]) + 3.0 * float(trait.power[up])
    times = 3.0 if card.turn_cost == -1 else float(trait.times[up])
    value += 0.62 * float(trait.damage[up]) * times + 0.8 * float(trait.block[up])
    value += 2.5 * float(trait.vulnerable[up]) + 2.0 * float(trait.weak[up])
    value += 2.0 * float(trait.draw[up]) + 3.0 * float(trait.energy[up]) - float(trait.loss[up])
    return value - 1.5 * max(float(card.turn_cost), 0.0)


@kernel
def quick_pick(game: Any) -> Any:
    """Return a quick choice of a card that is to be selected."""
    combat = game.combat
    task = int(combat.task)
    if game.screen == Screen.CARD_REWARD:
        return choice_action(0)
    worst = task in (Task.EXHAUST_ONE, Task.EXHAUST_MANY, Task.WARCRY, Task.FORETHOUGHT)
    if task == Task.GAMBLE or task == Task.EXHAUST_MANY or task == Task.FORETHOUGHT_MANY:
        return PROCEED
    best, chosen = -1000.0, -1
    for k in range(combat.offer_count):
        if not can_pick(game, k):
            continue
        value = plain_worth(game, combat.cards[combat.offer[k]])
        if worst:
            value = -value
        if value > best:
            best, chosen = value, choice_action(k)
    if chosen < 0:
        if can_confirm(game):
            return PROCEED
        if can_skip(game):
            return LEAVE
        return choice_action(0)
    return chosen


@linked()
def play_on(game: Any, turns: Any) -> None:
    """Play a fight on by quick choices for that many turns, or to its end."""
    combat = game.combat
    last = int(combat.turn) + turns
    plays = 0
    while is_on(game) and combat.turn < last:
        turn = int(combat.turn)
        # Whatever happens, a turn comes to an end.
        tired = plays >= _PLAYS and game.screen == Screen.COMBAT
        perform(game, END_TURN if tired else reflex(game))
        plays = plays + 1 if combat.turn == turn else 0

"""Relics in combat: setting off what they do."""

from __future__ import annotations

from typing import Any

from spire.combat.effects import PLAYER, Op, push, push_top
from spire.combat.health import heal, is_bloodied
from spire.compiled import kernel
from spire.content.cards import FACTS, Kind
from spire.content.relic_effects import LINES, WHENS, If, When
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.linked import linked
from spire.owned import owns
from spire.rng import Stream
from spire.state import Mark
from spire.streams import draw_int

_LINES = 2
_ARMED = -2
_MEAT, _BURNING, _BLACK = 12, 6, 12


@linked()
def trigger(game: Any, when: Any) -> None:
    """Set off what the relics do at a moment, in the order in which they were obtained."""
    for k in range(game.relic_count):
        relic = game.relics[k]
        if WHENS[relic] >> when & 1:
            for j in range(_LINES):
                line = LINES[relic, j]
                if line.when == when:
                    amount = _amount(game, k, line)
                    if amount != 0:
                        _put(game, line, amount)


@kernel
def _put(game: Any, line: Any, amount: Any) -> None:
    if line.top:
        push_top(game, line.op, line.target, amount, line.arg, line.card, PLAYER)
    elif line.op == Op.ADD_CARD:
        push(game, line.op, line.target, amount, line.arg, line.card, 0)
    else:
        push(game, line.op, line.target, amount, line.arg, line.card, PLAYER)


@kernel
def _amount(game: Any, k: Any, line: Any) -> Any:
    """Return the amount of a line of the relic at place `k`, or 0 where its condition does not hold."""
    combat = game.combat
    condition, number, amount = line.condition, int(line.number), int(line.amount)
    holds = True
    if condition == If.EVERY:
        count = (int(game.relic_counters[k]) + 1) % number
        game.relic_counters[k] = count
        holds = count == 0
    elif condition == If.EVERY_ATTACK:
        holds = combat.attacks_turn % number == 0
    elif condition == If.EVERY_SKILL:
        holds = combat.skills_turn % number == 0
    elif condition == If.TURN:
        holds = combat.turn + 1 == number
    elif condition == If.LATER_TURN:
        holds = combat.turn > 0
    elif condition == If.NO_ATTACK_LAST_TURN:
        holds = combat.turn > 0 and combat.attacks_last_turn == 0
    elif condition == If.FEW_CARDS_LAST_TURN:
        holds = combat.turn > 0 and combat.played_last_turn <= number
    elif condition == If.NO_BLOCK:
        holds = combat.block == 0
    elif condition == If.ELITE:
        holds = combat.elite != 0
    elif condition == If.BOSS:
        holds = combat.boss != 0
    elif condition == If.RESTED:
        holds = game.relic_counters[k] == _ARMED
        if holds:
            game.relic_counters[k] = -1
    elif condition == If.COUNTER:
        amount = int(game.relic_counters[k])
    elif condition == If.COUNTER_IS:
        holds = game.relic_counters[k] == number
    elif condition == If.CURSES:
        amount = 0
        for c in range(game.deck_count):
            if FACTS[game.reference, game.deck[c].id].kind == Kind.CURSE:
                amount += 1
    return amount if holds else 0


@kernel
def card_used(game: Any, c: Any, kind: Any, energy: Any, copied: Any) -> Any:
    """Set off what the relics do as a card is played; return whether Necronomicon has it played again.

    `kind` is the kind of the card, `energy` what there was for an X card, `copied` whether it is a copy.
    """
    combat = game.combat
    again = False
    played = 1 << When.CARD
    if kind == Kind.ATTACK:
        played |= 1 << When.ATTACK
    elif kind == Kind.SKILL:
        played |= 1 << When.SKILL
    elif kind == Kind.POWER:
        played |= 1 << When.POWER
    for k in range(game.relic_count):
        relic = game.relics[k]
        whens = WHENS[relic]
        if whens & played:
            for j in range(_LINES):
                line = LINES[relic, j]
                if line.when >= 0 and played >> int(line.when) & 1:
                    amount = _amount(game, k, line)
                    if amount != 0:
                        _put(game, line, amount)
        elif relic == R.BLUE_CANDLE and kind == Kind.CURSE:
            push(game, Op.LOSE_HP, PLAYER, 1, 1, 0, PLAYER)
            combat.cards[c].marks |= Mark.EXHAUSTS
        elif relic == R.MEDICAL_KIT and kind == Kind.STATUS:
            combat.cards[c].marks |= Mark.EXHAUSTS
        elif relic == R.ORANGE_PELLETS:
            _see_pellets(game, kind)
        elif relic == R.MUMMIFIED_HAND and kind == Kind.POWER:
            _free_one(game, c)
        elif relic == R.NECRONOMICON and kind == Kind.ATTACK and not copied:
            again = again or _is_costly(combat, c, energy)
        elif relic == R.PEN_NIB and kind == Kind.ATTACK:
            count = (int(game.relic_counters[k]) + 1) % 10
            game.relic_counters[k] = count
            if count == 9:
                push(game, Op.POWER, PLAYER, 1, P.PEN_NIB, 0, PLAYER)
    return again


@kernel
def _is_costly(combat: Any, c: Any, energy: Any) -> Any:
    """Return whether Necronomicon acts on an attack, and note that it has."""
    if combat.necronomicon_used:
        return False
    card = combat.cards[c]
    free = card.marks & Mark.FREE
    costly = (card.turn_cost >= 2 and not free) or (card.cost == -1 and energy >= 2)
    if costly:
        combat.necronomicon_used = 1
    return costly


@kernel
def _see_pellets(game: Any, kind: Any) -> None:
    """Let Orange Pellets note the kind of a card played this turn."""
    combat = game.combat
    if kind == Kind.ATTACK:
        combat.pellets |= 1
    elif kind == Kind.SKILL:
        combat.pellets |= 2
    elif kind == Kind.POWER:
        combat.pellets |= 4
    if combat.pellets == 7:
        combat.pellets = 0
        push(game, Op.REMOVE_DEBUFFS, PLAYER, 0, 0, 0, 0)


@kernel
def _free_one(game: Any, c: Any) -> None:
    """Let Mummified Hand make a card of the hand free this turn; one draw if any can be."""
    combat = game.combat
    count = 0
    for k in range(combat.hand_count):
        if _can_be_freed(combat, int(combat.hand[k]), c):
            count += 1
    if count == 0:
        return
    drawn = draw_int(game, Stream.CARD_RANDOM, count - 1)
    for k in range(combat.hand_count):
        other = int(combat.hand[k])
        if _can_be_freed(combat, other, c):
            if drawn == 0:
                combat.cards[other].turn_cost = 0
                return
            drawn -= 1


@kernel
def _can_be_freed(combat: Any, other: Any, played: Any) -> Any:
    card = combat.cards[other]
    return other != played and card.cost > 0 and card.turn_cost > 0 and not card.marks & Mark.FREE


@kernel
def after_victory(game: Any) -> None:
    """Heal what relics heal after a fight that was won: Meat on the Bone first, then the others."""
    if owns(game, R.MEAT_ON_THE_BONE) and is_bloodied(game) and game.hp > 0:
        heal(game, _MEAT)
    for k in range(game.relic_count):
        relic = game.relics[k]
        if relic == R.BURNING_BLOOD:
            heal(game, _BURNING)
        elif relic == R.BLACK_BLOOD:
            heal(game, _BLACK)
        elif relic == R.FACE_OF_CLERIC:
            game.max_hp += 1
            heal(game, 1)

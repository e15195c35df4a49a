"""Turns: how the player's turn ends, what monsters do then, and how the next turn begins."""

from __future__ import annotations

from typing import Any

from spire.combat.effects import ALL, NOBODY, PLAYER, Op, Pile, PlayKind, push, push_top
from spire.combat.hits import is_target
from spire.combat.monsters import take_turn
from spire.combat.piles import (
    add_to_discard,
    exhaust,
    hand_position,
    take_from_hand,
)
from spire.combat.play import ask_play
from spire.combat.powers import lose_monster_power, lose_power, remove_power
from spire.combat.relics import trigger
from spire.compiled import kernel
from spire.content.card_pools import COLORLESS_IN_COMBAT
from spire.content.cards import FACTS
from spire.content.relic_effects import When
from spire.content.text import Task
from spire.ids import Card
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.linked import linked
from spire.owned import owns
from spire.rng import Stream
from spire.state import Mark
from spire.streams import draw_int

CALIPERS = 15
_PLAYER, _MONSTERS = 0, 1


@kernel
def mark_end(game: Any) -> None:
    """The end of the turn has come up in the queue of plays: what acts before the hand is discarded."""
    combat = game.combat
    trigger(game, When.TURN_END)
    if owns(game, R.CLOAK_CLASP):
        push(game, Op.BLOCK, PLAYER, combat.hand_count, 0, 0, 0)
    if owns(game, R.NILRYS_CODEX):
        push(game, Op.SELECT, PLAYER, 0, Task.CODEX, 0, 0)
    for k in range(combat.order_count):
        power = combat.order[k]
        if power == P.METALLICIZE or power == P.PLATED_ARMOR:
            push(game, Op.BLOCK, PLAYER, combat.powers[power], 0, 0, 0)
    hand = int(combat.hand_count)
    for k in range(hand):
        c = int(combat.hand[k])
        card = combat.cards[c].id
        if card == Card.REGRET:
            combat.cards[c].misc = hand
        if (
            card == Card.BURN
            or card == Card.DECAY
            or card == Card.DOUBT
            or card == Card.SHAME
            or card == Card.REGRET
        ):
            ask_play(game, int(combat.play_count), c, -1, 0, PlayKind.END_TURN_CARD, 0)
        elif card == Card.PRIDE:
            push(game, Op.ADD_CARD, Pile.DRAW_TOP, 1, 0, Card.PRIDE, 0)
    combat.end_requested = 1


@kernel
def serve_end_card(game: Any, c: Any) -> None:
    """A card of the hand acts as the turn ends, and goes to the discard pile."""
    combat = game.combat
    position = hand_position(combat, c)
    if position < 0:
        return
    card = combat.cards[c]
    if card.id == Card.BURN:
        push_top(game, Op.DAMAGE_PLAYER, PLAYER, 4 if card.upgrades else 2, 1, 0, PLAYER)
    elif card.id == Card.DECAY:
        push_top(game, Op.DAMAGE_PLAYER, PLAYER, 2, 1, 0, PLAYER)
    elif card.id == Card.REGRET:
        push_top(game, Op.LOSE_HP, PLAYER, card.misc, 1, 0, PLAYER)
        card.misc = 0
    elif card.id == Card.DOUBT:
        push_top(game, Op.POWER, PLAYER, 1, P.WEAK, 0, NOBODY)
    elif card.id == Card.SHAME:
        push_top(game, Op.POWER, PLAYER, 1, P.FRAIL, 0, NOBODY)
    take_from_hand(game, position)
    push(game, Op.DISCARD_END_CARD, PLAYER, 0, 0, c, 0)


@linked()
def end_turn(game: Any) -> None:
    """Both queues are empty after the end was asked for: powers act, the hand is discarded."""
    combat = game.combat
    combat.end_requested = 0
    for b in range(combat.bomb_turns.size):
        if combat.bomb_turns[b] > 0:
            combat.bomb_turns[b] -= 1
            if combat.bomb_turns[b] == 0:
                push(game, Op.DAMAGE, ALL, combat.bomb_damage[b], 0, 0, PLAYER)
                combat.bomb_damage[b] = 0
    k = 0
    while k < combat.order_count:
        power = int(combat.order[k])
        amount = int(combat.powers[power])
        if power == P.CONSTRICTED:
            push(game, Op.DAMAGE_PLAYER, PLAYER, amount, 0, 0, PLAYER)
        elif power == P.COMBUST:
            push(game, Op.LOSE_HP, PLAYER, combat.combust_loss, 1, 0, PLAYER)
            push(game, Op.DAMAGE, ALL, amount, 0, 0, PLAYER)
        elif power == P.LOSE_STRENGTH:
            push(game, Op.POWER, PLAYER, -amount, P.STRENGTH, 0, PLAYER)
            push(game, Op.REMOVE_POWER, PLAYER, 0, power, 0, 0)
        elif power == P.LOSE_DEXTERITY:
            push(game, Op.POWER, PLAYER, -amount, P.DEXTERITY, 0, PLAYER)
            push(game, Op.REMOVE_POWER, PLAYER, 0, power, 0, 0)
        elif power == P.RITUAL:
            push(game, Op.POWER, PLAYER, amount, P.STRENGTH, 0, PLAYER)
        elif power == P.REGEN:
            push_top(game, Op.REDUCE_POWER, PLAYER, 1, power, 0, 0)
            push_top(game, Op.HEAL, PLAYER, amount, 0, 0, 0)
        elif power == P.ENTANGLED or power == P.NO_DRAW or power == P.DOUBLE_TAP or power == P.RAGE:
            push(game, Op.REMOVE_POWER, PLAYER, 0, power, 0, 0)
        k += 1
    push(game, Op.CLEAR_PLAYS, PLAYER, 0, 0, 0, 0)
    push(game, Op.DISCARD_HAND, PLAYER, 0, 0, 0, 0)
    _reset_costs(combat, combat.hand, int(combat.hand_count))
    _reset_costs(combat, combat.draw, int(combat.draw_count))
    _reset_costs(combat, combat.discard, int(combat.discard_count))
    push(game, Op.END_TURN, PLAYER, 0, 0, 0, 0)


@kernel
def _reset_costs(combat: Any, pile: Any, count: Any) -> None:
    """Let what the cards of a pile cost this turn be what they cost in the combat."""
    for k in range(count):
        card = combat.cards[pile[k]]
        card.turn_cost = card.cost


@kernel
def discard_hand(game: Any) -> None:
    """Put the hand away: ethereal cards exhaust first, then the rest is discarded from the right."""
    combat = game.combat
    combat.limbo_count = 0
    for k in range(combat.hand_count - 1, -1, -1):
        c = int(combat.hand[k])
        card = combat.cards[c]
        upgraded = 1 if card.upgrades > 0 else 0
        if FACTS[game.reference, card.id].ethereal[upgraded]:
            take_from_hand(game, k)
            exhaust(game, c)
    if owns(game, R.RUNIC_PYRAMID):
        return
    kept = 0
    for k in range(combat.hand_count):
        if combat.cards[combat.hand[k]].marks & Mark.RETAIN:
            combat.limbo[kept] = combat.hand[k]
            kept += 1
    for k in range(combat.hand_count - 1, -1, -1):
        c = int(combat.hand[k])
        if not combat.cards[c].marks & Mark.RETAIN:
            add_to_discard(game, c)
    for k in range(kept):
        combat.hand[k] = combat.limbo[k]
        combat.cards[combat.limbo[k]].marks &= ~Mark.RETAIN
    combat.hand_count = kept


@kernel
def monsters_begin(game: Any) -> None:
    """Every monster loses its block before any of them acts."""
    combat = game.combat
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        if is_target(monster) and monster.powers[M.BARRICADE] == 0:
            monster.block = 0


@linked()
def next_monster(game: Any) -> None:
    """The next monster takes its turn, or after the last one the round ends."""
    combat = game.combat
    while combat.monster_next < combat.monster_count:
        m = int(combat.monster_next)
        combat.monster_next += 1
        monster = combat.monsters[m]
        if monster.used and not monster.escaped and (not monster.dead or monster.half_dead):
            take_turn(game, m)
            return
    _end_round(game)
    start_turn(game)


@kernel
def _end_round(game: Any) -> None:
    combat = game.combat
    for m in range(combat.monster_count):
        if is_target(combat.monsters[m]):
            _end_monster_turn(game, m)
    for power in (P.FRAIL, P.VULNERABLE, P.WEAK):
        if combat.powers[power] > 0:
            if combat.fresh[power]:
                combat.fresh[power] = 0
            else:
                lose_power(game, power, 1)
    lose_power(game, P.INTANGIBLE, 1)
    lose_power(game, P.DUPLICATION, 1)
    lose_power(game, P.NO_BLOCK, 1)
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        if not is_target(monster):
            continue
        if monster.powers[M.RITUAL] > 0:
            if monster.fresh[M.RITUAL]:
                monster.fresh[M.RITUAL] = 0
            else:
                push(game, Op.MONSTER_POWER, m, monster.powers[M.RITUAL], M.STRENGTH, 0, m)
        for debuff in (M.WEAK, M.VULNERABLE):
            if monster.powers[debuff] > 0:
                if monster.fresh[debuff]:
                    monster.fresh[debuff] = 0
                else:
                    lose_monster_power(game, m, debuff, 1)


@kernel
def _end_monster_turn(game: Any, m: Any) -> None:
    """What the powers of a monster do at the end of the monsters' turn."""
    monster = game.combat.monsters[m]
    for power in (M.METALLICIZE, M.PLATED_ARMOR):
        if monster.powers[power] > 0:
            push(game, Op.MONSTER_BLOCK, m, monster.powers[power], 0, 0, m)
    if monster.powers[M.REGEN] > 0:
        push(game, Op.MONSTER_HEAL, m, monster.powers[M.REGEN], 0, 0, m)
    if monster.powers[M.SHACKLED] > 0:
        push(game, Op.MONSTER_POWER, m, monster.powers[M.SHACKLED], M.STRENGTH, 0, m)
        lose_monster_power(game, m, M.SHACKLED, monster.powers[M.SHACKLED])


@linked()
def start_turn(game: Any) -> None:
    """The player's next turn begins."""
    combat = game.combat
    combat.phase = _PLAYER
    combat.turn += 1
    combat.skip_monsters = 0
    combat.attacks_last_turn = combat.attacks_turn
    combat.played_last_turn = combat.played_turn
    reset_turn(combat)
    trigger(game, When.TURN_START)
    start_powers(game)
    if combat.powers[P.BARRICADE] == 0:
        kept = int(combat.block) - CALIPERS if owns(game, R.CALIPERS) else 0
        combat.block = max(kept, 0)
    push(game, Op.DRAW, PLAYER, combat.draw_per_turn, 0, 0, 0)
    if combat.powers[P.DRAW_REDUCTION] > 0:
        if combat.fresh[P.DRAW_REDUCTION]:
            combat.fresh[P.DRAW_REDUCTION] = 0
        else:
            remove_power(game, P.DRAW_REDUCTION)
    after_draw(game)
    left = int(combat.energy) if owns(game, R.ICE_CREAM) else 0
    combat.energy = left + int(combat.energy_per_turn)


@kernel
def reset_turn(combat: Any) -> None:
    """Set back what is counted by the turn."""
    combat.played_turn = 0
    combat.attacks_turn = 0
    combat.skills_turn = 0
    combat.powers_turn = 0
    combat.discarded_turn = 0
    combat.pellets = 0
    combat.necronomicon_used = 0
    combat.panache_left = 5


@kernel
def start_powers(game: Any) -> None:
    """What powers do at the start of the player's turn."""
    combat = game.combat
    for k in range(combat.order_count):
        power = int(combat.order[k])
        amount = int(combat.powers[power])
        if power == P.BERSERK:
            push(game, Op.ENERGY, PLAYER, amount, 0, 0, 0)
        elif power == P.MAGNETISM:
            for _ in range(amount):
                drawn = draw_int(game, Stream.CARD_RANDOM, COLORLESS_IN_COMBAT.size - 1)
                push(game, Op.ADD_CARD, Pile.HAND, 1, 0, COLORLESS_IN_COMBAT[drawn], 0)
        elif power == P.MAYHEM:
            for _ in range(amount):
                push(game, Op.PLAY_TOP, -2, 0, 0, 0, 0)
        elif power == P.NEXT_TURN_BLOCK:
            push(game, Op.BLOCK, PLAYER, amount, 0, 0, 0)
            push(game, Op.REMOVE_POWER, PLAYER, 0, power, 0, 0)
        elif power == P.FLAME_BARRIER:
            push(game, Op.REMOVE_POWER, PLAYER, 0, power, 0, 0)


@kernel
def after_draw(game: Any) -> None:
    """What follows the draw of a turn."""
    combat = game.combat
    trigger(game, When.TURN_AFTER_DRAW)
    for k in range(combat.order_count):
        power = int(combat.order[k])
        amount = int(combat.powers[power])
        if power == P.BRUTALITY:
            push(game, Op.DRAW, PLAYER, amount, 0, 0, 0)
            push(game, Op.LOSE_HP, PLAYER, amount, 1, 0, PLAYER)
        elif power == P.DEMON_FORM:
            push(game, Op.POWER, PLAYER, amount, P.STRENGTH, 0, PLAYER)

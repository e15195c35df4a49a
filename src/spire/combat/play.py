"""Play: what happens when a card is played, from the queue of plays to the pile where it ends."""

from __future__ import annotations

from typing import Any

from spire.combat.effects import PLAYER, Op, Pile, PlayKind, fail, push, push_top
from spire.combat.hits import is_target, living, random_monster
from spire.combat.piles import (
    add_to_discard,
    copy_card,
    exhaust,
    free_card,
    hand_position,
    request_reshuffle,
    take_from_hand,
)
from spire.combat.powers import lose_power
from spire.combat.relics import card_used
from spire.combat.use import can_use, needs_target, use_card
from spire.compiled import kernel
from spire.content.cards import FACTS, Kind
from spire.ids import Card
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.linked import linked
from spire.owned import owns
from spire.rng import Stream
from spire.state import PLAYS, Fault, Mark
from spire.streams import draw_coin


@kernel
def ask_play(
    game: Any, place: Any, c: Any, target: Any, energy: Any, kind: Any, exhausts: Any
) -> None:
    """Put a card into the queue of plays at a place; those behind it move back.

    A target of -2 stands for a random monster, drawn when the card's turn comes.
    """
    combat = game.combat
    count = int(combat.play_count)
    if count >= PLAYS:
        fail(game, Fault.PLAYS)
        return
    for k in range(count, place, -1):
        entry, before = combat.plays[k], combat.plays[k - 1]
        entry.card = before.card
        entry.target = before.target
        entry.energy = before.energy
        entry.kind = before.kind
        entry.exhausts = before.exhausts
    entry = combat.plays[place]
    entry.card = c
    entry.target = target
    entry.energy = energy
    entry.kind = kind
    entry.exhausts = exhausts
    combat.play_count += 1


@kernel
def play_hand(game: Any, position: Any, target: Any) -> None:
    """Play the card at a position of the hand at a monster (-1: at none)."""
    combat = game.combat
    c = int(combat.hand[position])
    ask_play(game, int(combat.play_count), c, target, int(combat.energy), PlayKind.PLAYER, 0)


@kernel
def play_top(game: Any, target: Any, exhausts: Any) -> None:
    """Take the top card of the draw pile and put it into the queue of plays."""
    combat = game.combat
    if combat.draw_count + combat.discard_count == 0:
        return
    if combat.draw_count == 0:
        push_top(game, Op.PLAY_TOP, target, 0, exhausts, 0, 0)
        request_reshuffle(game)
        return
    combat.draw_count -= 1
    c = int(combat.draw[combat.draw_count])
    ask_play(game, int(combat.play_count), c, target, int(combat.energy), PlayKind.AUTO, exhausts)


@linked()
def serve_play(game: Any) -> None:
    """Play the first card of the queue."""
    combat = game.combat
    entry = combat.plays[0]
    c, target, energy = int(entry.card), int(entry.target), int(entry.energy)
    kind, exhausts = int(entry.kind), int(entry.exhausts)
    combat.play_count -= 1
    for k in range(combat.play_count):
        entry, behind = combat.plays[k], combat.plays[k + 1]
        entry.card = behind.card
        entry.target = behind.target
        entry.energy = behind.energy
        entry.kind = behind.kind
        entry.exhausts = behind.exhausts
    if target == -2:
        target = random_monster(game)
    if not _is_possible(game, c, target, kind):
        if kind == PlayKind.AUTO:
            # It is put away unplayed, and nothing is set off.
            if exhausts:
                combat.exhaust[combat.exhaust_count] = c
                combat.exhaust_count += 1
            else:
                add_to_discard(game, c)
        elif kind == PlayKind.COPY:
            free_card(combat, c)
        return
    _play(game, c, target, energy, kind, exhausts)


@kernel
def _is_possible(game: Any, c: Any, target: Any, kind: Any) -> Any:
    combat = game.combat
    if needs_target(game, c):
        if target < 0 or not is_target(combat.monsters[target]):
            return False
    elif living(game) == 0:
        return False
    return can_use(game, c, kind == PlayKind.PLAYER)


@linked()
def _play(game: Any, c: Any, target: Any, energy: Any, kind: Any, exhausts: Any) -> None:
    combat = game.combat
    card = combat.cards[c]
    card_kind = int(FACTS[game.reference, card.id].kind)
    combat.played_turn += 1
    if kind == PlayKind.COPY:
        card.marks |= Mark.PURGE
    use_card(game, c, target, energy, kind)
    _set_off(game, c, target, energy, kind, card_kind)
    finishes = exhausts != 0 or card.marks & Mark.EXHAUSTS
    push(game, Op.FINISH_PLAY, PLAYER, 0, 1 if finishes else 0, c, kind)
    for k in range(combat.hand_count):
        if combat.hand[k] != c and combat.cards[combat.hand[k]].id == Card.PAIN:
            push_top(game, Op.LOSE_HP, PLAYER, 1, 1, 0, PLAYER)
    if kind == PlayKind.PLAYER:
        position = hand_position(combat, c)
        if position >= 0:
            take_from_hand(game, position)
        combat.in_play = c
        free = card.marks & Mark.FREE or (
            combat.powers[P.CORRUPTION] > 0 and card_kind == Kind.SKILL
        )
        if card.turn_cost > 0 and not free:
            combat.energy -= card.turn_cost
    elif kind == PlayKind.AUTO:
        combat.in_play = c


@kernel
def _copy(game: Any, c: Any, target: Any, energy: Any) -> None:
    """Have a card played once more, right after this one."""
    copied = copy_card(game, c)
    if copied >= 0:
        ask_play(game, 0, copied, target, energy, PlayKind.COPY, 0)


@linked()
def _set_off(game: Any, c: Any, target: Any, energy: Any, kind: Any, card_kind: Any) -> None:
    """Set off what powers and relics do as a card is played; most of it waits behind its own effects."""
    combat = game.combat
    powers = combat.powers
    copied = kind == PlayKind.COPY
    if card_kind == Kind.ATTACK:
        combat.attacks_turn += 1
    elif card_kind == Kind.SKILL:
        combat.skills_turn += 1
    elif card_kind == Kind.POWER:
        combat.powers_turn += 1
    k = 0
    while k < combat.order_count:
        power = int(combat.order[k])
        amount = int(powers[power])
        if (power == P.DOUBLE_TAP and card_kind == Kind.ATTACK and not copied) or (
            power == P.DUPLICATION and not copied
        ):
            _copy(game, c, target, energy)
            lose_power(game, power, 1)
        elif power == P.HEX and card_kind != Kind.ATTACK:
            push(game, Op.ADD_CARD, Pile.DRAW_RANDOM, amount, 0, Card.DAZED, 0)
        elif power == P.PANACHE:
            combat.panache_left -= 1
            if combat.panache_left == 0:
                combat.panache_left = 5
                push(game, Op.DAMAGE, -2, amount, 0, 0, PLAYER)
        elif power == P.RAGE and card_kind == Kind.ATTACK:
            push(game, Op.BLOCK, PLAYER, amount, 0, 0, 0)
        elif power == P.VIGOR and card_kind == Kind.ATTACK:
            push(game, Op.REMOVE_POWER, PLAYER, 0, P.VIGOR, 0, 0)
        elif power == P.PEN_NIB and card_kind == Kind.ATTACK:
            push(game, Op.REMOVE_POWER, PLAYER, 0, P.PEN_NIB, 0, 0)
        elif power == P.CORRUPTION and card_kind == Kind.SKILL:
            combat.cards[c].marks |= Mark.EXHAUSTS
        # A power that is used up leaves its place to the next.
        if k < combat.order_count and combat.order[k] == power:
            k += 1
    if card_used(game, c, card_kind, energy, copied):
        _copy(game, c, target, energy)
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        if not is_target(monster):
            continue
        if monster.powers[M.SHARP_HIDE] > 0 and card_kind == Kind.ATTACK:
            push(game, Op.DAMAGE_PLAYER, PLAYER, monster.powers[M.SHARP_HIDE], 0, 0, m)
        if monster.powers[M.ENRAGE] > 0 and card_kind == Kind.SKILL:
            push_top(game, Op.MONSTER_POWER, m, monster.powers[M.ENRAGE], M.STRENGTH, 0, m)
        if monster.powers[M.CURIOSITY] > 0 and card_kind == Kind.POWER:
            push(game, Op.MONSTER_POWER, m, monster.powers[M.CURIOSITY], M.STRENGTH, 0, m)


@kernel
def finish_play(game: Any, c: Any, exhausts: Any, kind: Any) -> None:
    """Put a card that has been played where it belongs."""
    combat = game.combat
    if combat.in_play == c:
        combat.in_play = -1
    card = combat.cards[c]
    if kind == PlayKind.COPY:
        free_card(combat, c)
        return
    facts = FACTS[game.reference, card.id]
    if facts.kind == Kind.POWER:
        free_card(combat, c)
        return
    upgraded = 1 if card.upgrades > 0 else 0
    card.marks &= ~(Mark.FREE | Mark.EXHAUSTS)
    leaves = exhausts or facts.exhausts[upgraded]
    if leaves and owns(game, R.STRANGE_SPOON) and draw_coin(game, Stream.CARD_RANDOM):
        leaves = False
    if leaves:
        exhaust(game, c)
    else:
        add_to_discard(game, c)

"""Use: whether a card may be played or a potion drunk, and what its text says as it is.

Numbers are fixed here, before any of the effects happens; the effects wait in the queue.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.belt import roll_potion
from spire.combat.damage import card_block, card_damage
from spire.combat.effects import ALL, PLAYER, Op, Pile, PlayKind, push
from spire.combat.hits import living, random_monster
from spire.combat.piles import make_card, request_reshuffle
from spire.combat.special import roll_card
from spire.compiled import kernel
from spire.content.cards import FACTS, TEXT, Aim, Kind, X
from spire.content.potions import POTION_FACTS, POTION_TEXT
from spire.content.text import LINES, Number, Special, Verb
from spire.ids import Card, Potion, Relic
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.linked import linked
from spire.owned import owns
from spire.state import MONSTERS, Mark

_CHOKED, _NORMAL = 6, 3
"""How many cards Velvet Choker and Normality let be played in a turn."""
_CHEMICAL_X, _ORNITHOPTER = 2, 5
_TARGET = -4

_PUSHED = {
    Verb.HIT: (Op.ATTACK, _TARGET),
    Verb.HIT_ALL: (Op.ATTACK_ALL, ALL),
    Verb.HIT_RANDOM: (Op.ATTACK_RANDOM, ALL),
    Verb.BLOCK: (Op.BLOCK, PLAYER),
    Verb.RAW_BLOCK: (Op.BLOCK, PLAYER),
    Verb.GAIN: (Op.POWER, PLAYER),
    Verb.INFLICT: (Op.MONSTER_POWER, _TARGET),
    Verb.INFLICT_ALL: (Op.MONSTER_POWER, ALL),
    Verb.SHACKLE: (Op.MONSTER_POWER, _TARGET),
    Verb.DAMAGE: (Op.DAMAGE, _TARGET),
    Verb.DAMAGE_ALL: (Op.DAMAGE, ALL),
    Verb.LOSE_HP: (Op.LOSE_HP, PLAYER),
    Verb.HEAL: (Op.HEAL, PLAYER),
    Verb.HEAL_PERCENT: (Op.HEAL, PLAYER),
    Verb.MAX_HP: (Op.MAX_HP, PLAYER),
    Verb.ENERGY: (Op.ENERGY, PLAYER),
    Verb.DRAW: (Op.DRAW, PLAYER),
    Verb.DOUBLE_BLOCK: (Op.DOUBLE_BLOCK, PLAYER),
    Verb.ADD_TO_HAND: (Op.ADD_CARD, Pile.HAND),
    Verb.ADD_TO_DRAW: (Op.ADD_CARD, Pile.DRAW_RANDOM),
    Verb.ADD_TO_DISCARD: (Op.ADD_CARD, Pile.DISCARD),
    Verb.ROLL_TO_HAND: (Op.ADD_CARD, Pile.HAND),
    Verb.ROLL_TO_DRAW: (Op.ADD_INSTANCE, Pile.DRAW_RANDOM),
    Verb.PLAY_TOP: (Op.PLAY_TOP, _TARGET),
    Verb.EXHAUST_RANDOM: (Op.EXHAUST_RANDOM, PLAYER),
    Verb.UPGRADE_ALL: (Op.UPGRADE_ALL, PLAYER),
    Verb.RESHUFFLE: (Special.SHUFFLE_DRAW, PLAYER),
    Verb.SELECT: (Op.SELECT, PLAYER),
    Verb.BREW: (Special.OBTAIN_POTION, PLAYER),
    Verb.OWN: (Op.NONE, _TARGET),
    Verb.OWN_X: (Op.NONE, PLAYER),
}
"""The effect that a line becomes (if it names none itself), and its target."""

_OPS = np.zeros((len(Verb), 2), dtype=np.int16)
for _verb, _effect in _PUSHED.items():
    _OPS[_verb] = _effect


@kernel
def needs_target(game: Any, c: Any) -> Any:
    """Return 1 if a monster has to be named for a card, else 0."""
    card = game.combat.cards[c]
    aim = FACTS[game.reference, card.id].aim[1 if card.upgrades > 0 else 0]
    return 1 if aim == Aim.MONSTER else 0


@kernel
def can_play(game: Any, position: Any) -> Any:
    """Return whether the player may play the card at a position of the hand."""
    combat = game.combat
    if position >= combat.hand_count or living(game) == 0:
        return False
    return can_use(game, int(combat.hand[position]), True)


@kernel
def can_use(game: Any, c: Any, pays: Any) -> Any:
    """Return whether a card may be used now; `pays` is whether its energy has to be there."""
    combat = game.combat
    card = combat.cards[c]
    facts = FACTS[game.reference, card.id]
    kind = int(facts.kind)
    if card.turn_cost < X:
        if kind == Kind.CURSE and not owns(game, Relic.BLUE_CANDLE):
            return False
        if kind == Kind.STATUS and not owns(game, Relic.MEDICAL_KIT):
            return False
    if pays and card.turn_cost > combat.energy and not card.marks & Mark.FREE:
        return False
    if kind == Kind.ATTACK and combat.powers[P.ENTANGLED] > 0:
        return False
    if combat.played_turn >= _CHOKED and owns(game, Relic.VELVET_CHOKER):
        return False
    if combat.played_turn >= _NORMAL:
        for k in range(combat.hand_count):
            if combat.cards[combat.hand[k]].id == Card.NORMALITY:
                return False
    if card.id == Card.CLASH:
        for k in range(combat.hand_count):
            if FACTS[game.reference, combat.cards[combat.hand[k]].id].kind != Kind.ATTACK:
                return False
    elif card.id == Card.SECRET_TECHNIQUE:
        return _is_to_draw(game, Kind.SKILL)
    elif card.id == Card.SECRET_WEAPON:
        return _is_to_draw(game, Kind.ATTACK)
    return True


@kernel
def _is_to_draw(game: Any, kind: Any) -> Any:
    """Return whether the draw pile holds a card of that type."""
    combat = game.combat
    for k in range(combat.draw_count):
        if FACTS[game.reference, combat.cards[combat.draw[k]].id].kind == kind:
            return True
    return False


@kernel
def potion_needs_target(potion: Any) -> Any:
    """Return 1 if a monster has to be named for a potion, else 0."""
    return 1 if POTION_FACTS[potion].aim == Aim.MONSTER else 0


@kernel
def can_drink(game: Any, slot: Any) -> Any:
    """Return whether the potion in a slot can be drunk in combat."""
    if slot >= game.potion_slots or living(game) == 0:
        return False
    potion = int(game.potions[slot])
    if potion == Potion.SMOKE_BOMB:
        return not game.combat.boss and game.combat.powers[P.SURROUNDED] == 0
    return POTION_FACTS[potion].drinkable != 0


@linked()
def use_card(game: Any, c: Any, target: Any, energy: Any, kind: Any) -> None:
    """Run the text of a card that is played at a monster (-1: at none).

    `energy` is what there was as it was put into the queue of plays, `kind` its `PlayKind`.
    """
    card = game.combat.cards[c]
    free = kind != PlayKind.PLAYER or card.marks & Mark.FREE
    spent = int(energy) if kind == PlayKind.COPY else min(int(energy), int(game.combat.energy))
    if owns(game, Relic.CHEMICAL_X):
        spent += _CHEMICAL_X
    upgraded = 1 if card.upgrades > 0 else 0
    for k in range(LINES):
        line = TEXT[game.reference, card.id, k]
        if line.verb == Verb.NONE:
            break
        _say(game, line, upgraded, c, target, spent, 1 if free else 0)


@linked()
def use_potion(game: Any, potion: Any, target: Any) -> None:
    """Run the text of a potion that is drunk, or thrown at a monster; its slot is empty already."""
    doubled = 1 if owns(game, Relic.SACRED_BARK) else 0
    for k in range(LINES):
        line = POTION_TEXT[game.reference, potion, k]
        if line.verb == Verb.NONE:
            break
        _say(game, line, doubled, -1, target, 0, 1)
    if owns(game, Relic.TOY_ORNITHOPTER):
        push(game, Op.HEAL, PLAYER, _ORNITHOPTER, 0, 0, 0)


@kernel
def _say(game: Any, line: Any, up: Any, c: Any, target: Any, spent: Any, free: Any) -> None:
    """Do what one line says; `up` picks its amounts."""
    combat = game.combat
    times = int(line.times[up])
    if times == 0:
        return
    verb, amount, extra = int(line.verb), int(line.amount[up]), int(line.extra[up])
    op = int(line.op) or int(_OPS[verb, 0])
    whom = int(_OPS[verb, 1])
    if whom == _TARGET:
        whom = int(target)
    # The other fields of the effect.
    arg, card, source = int(line.arg), int(c), PLAYER
    if verb == Verb.HIT:
        amount = card_damage(game, c, base_damage(game, c, arg, amount, extra), target)
        arg = extra
    elif verb == Verb.HIT_ALL:
        base = amount
        for m in range(MONSTERS):
            damage = card_damage(game, c, base, m) if m < combat.monster_count else 0
            if m == 0:
                whom = damage
            elif m == 1:
                amount = damage
            elif m == 2:
                arg = damage
            elif m == 3:
                card = damage
            else:
                source = damage
    elif verb == Verb.BLOCK:
        amount = card_block(game, amount)
    elif verb == Verb.SHACKLE:
        times = 0 if combat.monsters[target].powers[M.ARTIFACT] > 0 else 1
    elif verb == Verb.HEAL_PERCENT:
        amount = int(game.max_hp) * amount // 100
    elif verb in (Verb.ADD_TO_HAND, Verb.ADD_TO_DRAW, Verb.ADD_TO_DISCARD):
        card = arg
        arg = int(combat.cards[c].upgrades) if combat.cards[c].id == card else 0
    elif verb == Verb.RESHUFFLE:
        times = 1 if combat.discard_count > 0 else 0
        if times:
            request_reshuffle(game)
    elif verb == Verb.OWN_X:
        amount, arg, source = int(spent), int(free), int(up)
    elif verb in (Verb.ROLL_TO_HAND, Verb.ROLL_TO_DRAW, Verb.PLAY_TOP):
        times = amount
    elif verb == Verb.BREW:
        times = int(game.potion_slots)
    pool = arg
    for _ in range(times):
        if verb in (Verb.ROLL_TO_HAND, Verb.ROLL_TO_DRAW):
            card = roll_card(game, pool)
            amount, arg, source = 1, 0, extra
            if verb == Verb.ROLL_TO_DRAW:
                card = make_card(game, card, 0)
                if card >= 0 and combat.cards[card].cost > 0:
                    combat.cards[card].cost = 0
                    combat.cards[card].turn_cost = 0
        elif verb == Verb.PLAY_TOP:
            whom, arg = random_monster(game), extra
        elif verb == Verb.BREW:
            amount = int(roll_potion(game, True))
        push(game, op, whom, amount, arg, card, source)


@kernel
def base_damage(game: Any, c: Any, number: Any, amount: Any, extra: Any) -> Any:
    """Return the base damage of an attack as its text reckons it."""
    combat = game.combat
    if number == Number.STRENGTH:
        return amount + (extra - 1) * int(combat.powers[P.STRENGTH])
    if number == Number.STRIKES:
        return amount + extra * _strikes(game)
    if number == Number.REMEMBERED:
        return amount + int(combat.cards[c].misc)
    if number == Number.UPGRADES:
        upgrades = int(combat.cards[c].upgrades)
        return amount + upgrades * (upgrades + 7) // 2
    if number == Number.BLOCK:
        return int(combat.block)
    if number == Number.DRAW_PILE:
        return int(combat.draw_count)
    return amount


@kernel
def _strikes(game: Any) -> Any:
    """Return how many Strikes are in hand, draw pile and discard pile."""
    combat = game.combat
    count = 0
    for k in range(combat.hand_count):
        count += FACTS[game.reference, combat.cards[combat.hand[k]].id].strike
    for k in range(combat.draw_count):
        count += FACTS[game.reference, combat.cards[combat.draw[k]].id].strike
    for k in range(combat.discard_count):
        count += FACTS[game.reference, combat.cards[combat.discard[k]].id].strike
    return count

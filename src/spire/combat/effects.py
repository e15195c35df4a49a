"""Effects: what waits in the queue of a combat, and how it gets there.

An effect is a record of `spire.state.EFFECT`; what its fields mean depends on its `Op` and is said there.
Monsters are named by their place (0 to 4); `ALL` stands for every living one, `PLAYER` for the player.
Piles are named by `Pile`. "Now" is when the effect comes to the front and is resolved.
"""

from __future__ import annotations

from typing import Any

from spire.codes import Codes
from spire.compiled import kernel
from spire.state import EFFECTS, Fault, Outcome

PLAYER = -1
ALL = -2
NOBODY = -3


class Pile(Codes):
    """Where a card in combat may be."""

    HAND = 0
    DRAW_RANDOM = 1  # a random place of the draw pile, never above its top card
    DRAW_TOP = 2
    DRAW_BOTTOM = 3
    DISCARD = 4
    EXHAUST = 5


class PlayKind(Codes):
    """By whom a card that waits was put there."""

    PLAYER = 0  # the player, from the hand
    AUTO = 1  # an effect took it from the draw pile; it costs nothing
    COPY = 2  # a copy, which goes to no pile
    END_TURN_CARD = 3  # a card that acts in the hand as the turn ends (Burn, Decay, …)
    END_TURN = 4  # not a card: the end of the turn


class Op(Codes):
    """What an effect does."""

    NONE = 0

    # Damage. Amounts are fixed before, unless said otherwise.
    ATTACK = 1  # the player's attack: `amount` to monster `target`; `card` is the card that attacks
    ATTACK_ALL = (
        2  # the player's attack on all: target, amount, arg, card, source are the five amounts
    )
    ATTACK_RANDOM = 3  # a random monster is drawn now, and the amount worked out from base `amount`
    DAMAGE = 4  # not an attack: `amount` to monster `target`, or to ALL; block stops it
    DAMAGE_RANDOM = 5  # the same to a random monster drawn now
    MONSTER_ATTACK = (
        6  # `amount` to the player from monster `source`; -1: worked out from base `arg` now
    )
    DAMAGE_PLAYER = (
        7  # not an attack: `amount`, block stops it; `arg` is 1 if the player's own doing
    )
    LOSE_HP = 8  # the player, past the block; `arg` as above
    KILL = 9  # monster `target` dies; `arg` is 1 if nothing is triggered by it

    # Block, powers, energy, health.
    BLOCK = 10  # the player gains `amount`
    MONSTER_BLOCK = 11  # monster `target` gains `amount`
    DOUBLE_BLOCK = 12
    POWER = 13  # the player gets power `arg` by `amount`; `source` is the monster that does it, or PLAYER
    MONSTER_POWER = 14  # monster `target` (or ALL) gets power `arg` by `amount` from `source`
    REMOVE_POWER = 15  # the player loses power `arg` whole
    REDUCE_POWER = 16  # the player's power `arg` shrinks by `amount`
    REMOVE_DEBUFFS = 17  # the player loses every debuff
    ENERGY = 18  # the player gains `amount`
    HEAL = 19
    MONSTER_HEAL = 20  # monster `target`
    MAX_HP = 21
    GOLD = 22

    # Cards.
    DRAW = 30  # `amount` cards
    RESHUFFLE = 31  # the discard pile becomes the draw pile
    ADD_CARD = 32  # `amount` new cards of id `card` to pile `target`; `arg` is the upgrades, `source` 1: free this turn
    ADD_INSTANCE = 33  # the card (an index) `card` to pile `target`
    EXHAUST_CARD = 34  # card `card`, wherever in the hand
    EXHAUST_RANDOM = 35  # a random card of the hand
    DISCARD_HAND = 36  # as the turn ends
    FINISH_PLAY = (
        37  # card `card` goes where it belongs; `arg` is 1 if it exhausts, `source` its PlayKind
    )
    DISCARD_END_CARD = 38  # a card that acted as the turn ended goes to the discard pile
    PLAY_TOP = 39  # the top card of the draw pile is played at `target`; `arg` 1: and exhausted
    UPGRADE_RANDOM = 40  # a random card of the hand (Warped Tongs)
    UPGRADE_ALL = 41  # every card of the hand; `arg` 1: of every pile
    SELECT = 42  # a selection opens: task `arg`, `amount` what it is about

    # Turns.
    END_TURN = 50  # the player's turn is over
    MONSTERS_BEGIN = 51  # the monsters lose their block
    CLEAR_PLAYS = 52

    # Monsters (spire.combat.monsters). `target` is the monster.
    CHOOSE_MOVE = 60  # it rolls its next move; `arg` is the move it has just made (0: none)
    SET_MOVE = 61  # its next move is `arg`; `amount` 1: one roll is drawn and thrown away
    SPLIT = 62  # into kinds `arg` and `card`; `amount` rolls are drawn and thrown away
    ESCAPE = 63
    STEAL = 64  # `amount` gold
    DEFENSIVE_MODE = 65  # Guardian; and 66 back
    OFFENSIVE_MODE = 66
    GUARD = 67  # a random other monster, or it alone, gains `amount` block
    WAKE = 68
    KINDLE = 69  # every Burn in draw pile and discard pile is upgraded
    MONSTER_LOSES = 70  # it loses power `arg` whole
    # 71 to 79 are free for monsters.

    # 100 and more: cards and potions with an effect of their own (spire.combat.special).


@kernel
def push(game: Any, op: Any, target: Any, amount: Any, arg: Any, card: Any, source: Any) -> None:
    """Put an effect behind all that wait."""
    combat = game.combat
    if combat.effect_count >= EFFECTS:
        fail(game, Fault.EFFECTS)
        return
    place = (int(combat.effect_first) + int(combat.effect_count)) % EFFECTS
    combat.effect_count += 1
    _write(combat.effects[place], op, target, amount, arg, card, source)


@kernel
def push_top(
    game: Any, op: Any, target: Any, amount: Any, arg: Any, card: Any, source: Any
) -> None:
    """Put an effect before all that wait."""
    combat = game.combat
    if combat.effect_count >= EFFECTS:
        fail(game, Fault.EFFECTS)
        return
    place = (int(combat.effect_first) + EFFECTS - 1) % EFFECTS
    combat.effect_first = place
    combat.effect_count += 1
    _write(combat.effects[place], op, target, amount, arg, card, source)


@kernel
def _write(
    effect: Any, op: Any, target: Any, amount: Any, arg: Any, card: Any, source: Any
) -> None:
    effect.op = op
    effect.target = target
    effect.amount = amount
    effect.arg = arg
    effect.card = card
    effect.source = source


@kernel
def fail(game: Any, fault: Any) -> None:
    """End the game because a bound of its record was reached."""
    game.outcome = Outcome.FAULT
    game.fault = fault

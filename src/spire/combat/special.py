"""Special: the effects that belong to one card or potion, as they happen."""

from __future__ import annotations

from typing import Any

from spire.belt import obtain_potion
from spire.combat.effects import PLAYER, Op, Pile, push, push_top
from spire.combat.hits import attack_monster, is_target
from spire.combat.monsters import intent
from spire.combat.piles import (
    add_to_hand,
    exhaust,
    take_at,
    take_from_hand,
)
from spire.combat.powers import gain_power
from spire.compiled import kernel
from spire.content.card_pools import POOL_SIZES, POOLS
from spire.content.cards import FACTS, Kind
from spire.content.text import Pool, Special
from spire.ids import Card
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.linked import linked
from spire.rng import Stream
from spire.state import EFFECTS, MONSTERS, Fight
from spire.streams import draw_int, draw_shuffle

_BOMB_TURNS = 3
_HIGHEST_COST = 3


@kernel
def roll_card(game: Any, pool: Any) -> Any:
    """Return a random card of a pool of combats: one draw."""
    return int(POOLS[pool, draw_int(game, Stream.CARD_RANDOM, int(POOL_SIZES[pool]) - 1)])


@linked()
def resolve_special(
    game: Any, op: Any, target: Any, amount: Any, arg: Any, card: Any, source: Any
) -> None:
    """Let an effect happen that belongs to one card or potion."""
    combat = game.combat
    if op == Special.X_TIMES:
        _repeat_next(game, amount)
        if not arg:
            combat.energy = 0
    elif op == Special.TRANSMUTATION:
        for _ in range(amount):
            made = roll_card(game, Pool.COLORLESS)
            push(game, Op.ADD_CARD, Pile.HAND, 1, source, made, 1)
        if not arg:
            combat.energy = 0
    elif op == Special.REAPER:
        drained = 0
        for m in range(MONSTERS):
            if m > 0:
                target, amount, arg, card = amount, arg, card, source
            drained += attack_monster(game, m, target)
        if drained > 0:
            push(game, Op.HEAL, PLAYER, drained, 0, 0, 0)
    elif op in (Special.FEED, Special.HAND_OF_GREED, Special.RITUAL_DAGGER):
        if _is_killed(game, target, amount):
            _reward(game, op, arg, card)
    elif op == Special.DROPKICK:
        if combat.monsters[target].powers[M.VULNERABLE] > 0:
            push_top(game, Op.DRAW, PLAYER, 1, 0, 0, 0)
            push_top(game, Op.ENERGY, PLAYER, 1, 0, 0, 0)
        push_top(game, Op.ATTACK, target, amount, 0, card, PLAYER)
    elif op == Special.FIEND_FIRE:
        count = int(combat.hand_count)
        for _ in range(count):
            push_top(game, Op.ATTACK, target, amount, 0, card, PLAYER)
        for _ in range(count):
            push_top(game, Special.FIEND_FIRE_CARD, PLAYER, 0, 0, 0, 0)
    elif op == Special.FIEND_FIRE_CARD:
        if combat.hand_count > 0:
            drawn = draw_int(game, Stream.CARD_RANDOM, int(combat.hand_count) - 1)
            exhaust(game, take_from_hand(game, drawn))
    elif op == Special.SECOND_WIND:
        _exhaust_others(game, amount)
    elif op == Special.SEVER_SOUL:
        _exhaust_others(game, -1)
    elif op == Special.SPOT_WEAKNESS:
        base, _hits = intent(game, target)
        if base >= 0 and is_target(combat.monsters[target]):
            push(game, Op.POWER, PLAYER, amount, P.STRENGTH, 0, PLAYER)
    elif op == Special.LIMIT_BREAK:
        if combat.powers[P.STRENGTH] != 0:
            push_top(game, Op.POWER, PLAYER, combat.powers[P.STRENGTH], P.STRENGTH, 0, PLAYER)
    elif op == Special.GROW:
        _grow(game, card, amount)
    elif op == Special.CORRUPTION:
        _corrupt(game)
    elif op == Special.COMBUST:
        gain_power(game, P.COMBUST, amount, PLAYER)
        combat.combust_loss += 1
    elif op == Special.MADNESS:
        _madden(game)
    elif op == Special.ENLIGHTENMENT:
        for k in range(combat.hand_count):
            held_card = combat.cards[combat.hand[k]]
            held_card.turn_cost = min(int(held_card.turn_cost), 1)
            if amount:
                held_card.cost = min(int(held_card.cost), 1)
    elif op == Special.IMPATIENCE:
        attacks = 0
        for k in range(combat.hand_count):
            if FACTS[game.reference, combat.cards[combat.hand[k]].id].kind == Kind.ATTACK:
                attacks += 1
        if attacks == 0:
            push_top(game, Op.DRAW, PLAYER, amount, 0, 0, 0)
    elif op == Special.SHUFFLE_DRAW:
        draw_shuffle(game, Stream.SHUFFLE, combat.draw, int(combat.draw_count))
    elif op == Special.VIOLENCE:
        _take_attacks(game, amount)
    elif op == Special.BOMB:
        for k in range(combat.bomb_turns.size):
            if combat.bomb_turns[k] == 0:
                combat.bomb_turns[k] = _BOMB_TURNS
                combat.bomb_damage[k] = amount
                break
    elif op == Special.RANDOM_COSTS:
        for k in range(combat.hand_count):
            held_card = combat.cards[combat.hand[k]]
            if held_card.cost >= 0:
                cost = draw_int(game, Stream.CARD_RANDOM, _HIGHEST_COST)
                if cost != held_card.cost:
                    held_card.cost = cost
                    held_card.turn_cost = cost
    elif op == Special.OBTAIN_POTION:
        obtain_potion(game, amount)
    elif op == Special.SMOKE_BOMB:
        combat.fight = Fight.FLED
        combat.effect_count = 0
        combat.play_count = 0


@kernel
def _repeat_next(game: Any, times: Any) -> None:
    """Take the effect that comes next out of the queue and put it behind all that wait, `times` times."""
    combat = game.combat
    following = combat.effects[combat.effect_first]
    op, target, amount = int(following.op), int(following.target), int(following.amount)
    arg, card, source = int(following.arg), int(following.card), int(following.source)
    combat.effect_first = (int(combat.effect_first) + 1) % EFFECTS
    combat.effect_count -= 1
    for _ in range(times):
        push(game, op, target, amount, arg, card, source)


@kernel
def _is_killed(game: Any, m: Any, amount: Any) -> Any:
    """Attack monster `m`; return whether that kills it for good, and it is no minion."""
    monster = game.combat.monsters[m]
    if not is_target(monster):
        return False
    attack_monster(game, m, amount)
    return monster.hp <= 0 and not monster.half_dead and monster.powers[M.MINION] == 0


@kernel
def _reward(game: Any, op: Any, amount: Any, c: Any) -> None:
    """Give what a card gives for a kill."""
    if op == Special.RITUAL_DAGGER:
        _grow(game, c, amount)
        held = int(game.combat.cards[c].uid) - 1
        if held < game.deck_count and game.deck[held].id == Card.RITUAL_DAGGER:
            game.deck[held].misc += amount
    else:
        given = Op.MAX_HP if op == Special.FEED else Op.GOLD
        push_top(game, given, PLAYER, amount, 0, 0, 0)


@kernel
def _grow(game: Any, c: Any, amount: Any) -> None:
    """Let a card and its copies remember `amount` more."""
    combat = game.combat
    for k in range(combat.card_count):
        if combat.cards[k].uid == combat.cards[c].uid and combat.cards[k].id != Card.INVALID:
            combat.cards[k].misc += amount


@kernel
def _exhaust_others(game: Any, block: Any) -> None:
    """Exhaust what is no attack, the rightmost first; then gain block for each, unless that is below 0."""
    combat = game.combat
    if block >= 0:
        for k in range(combat.hand_count):
            if FACTS[game.reference, combat.cards[combat.hand[k]].id].kind != Kind.ATTACK:
                push_top(game, Op.BLOCK, PLAYER, block, 0, 0, 0)
    for k in range(combat.hand_count):
        c = int(combat.hand[k])
        if FACTS[game.reference, combat.cards[c].id].kind != Kind.ATTACK:
            push_top(game, Op.EXHAUST_CARD, PLAYER, 0, 0, c, 0)


@kernel
def _corrupt(game: Any) -> None:
    """Gain Corruption: skills cost nothing from now on."""
    combat = game.combat
    if combat.powers[P.CORRUPTION] > 0:
        return
    gain_power(game, P.CORRUPTION, 1, PLAYER)
    for c in range(combat.card_count):
        card = combat.cards[c]
        if card.cost > 0 and FACTS[game.reference, card.id].kind == Kind.SKILL:
            card.cost = 0
            card.turn_cost = 0


@kernel
def _madden(game: Any) -> None:
    """Make a random card of the hand free for the combat; rolls that hit another are wasted."""
    combat = game.combat
    costly, marked = False, False
    for k in range(combat.hand_count):
        card = combat.cards[combat.hand[k]]
        marked = marked or card.turn_cost > 0
        costly = costly or card.cost > 0
    while costly or marked:
        drawn = draw_int(game, Stream.CARD_RANDOM, int(combat.hand_count) - 1)
        card = combat.cards[combat.hand[drawn]]
        if (card.turn_cost if marked else card.cost) > 0:
            card.cost = 0
            card.turn_cost = 0
            return


@kernel
def list_at_random(game: Any, kind: Any) -> None:
    """List the cards of a type in the draw pile, in `combat.offer`, as the game does for a look at it.

    From the bottom up, each from the second on takes the place of a random one, which moves up.
    """
    combat = game.combat
    count = 0
    for k in range(combat.draw_count):
        c = int(combat.draw[k])
        if FACTS[game.reference, combat.cards[c].id].kind == kind:
            place = draw_int(game, Stream.CARD_RANDOM, count - 1) if count else 0
            for other in range(count, place, -1):
                combat.offer[other] = combat.offer[other - 1]
            combat.offer[place] = c
            count += 1
    combat.offer_count = count


@kernel
def take_from_pile(pile: Any, count: Any, c: Any) -> Any:
    """Take a card out of a pile of `count` cards; return whether it was there."""
    for k in range(count):
        if pile[k] == c:
            take_at(pile, count, k)
            return True
    return False


@kernel
def take_drawn(game: Any, c: Any) -> None:
    """Take a card out of the draw pile into the hand; on the discard pile if the hand is full."""
    combat = game.combat
    if take_from_pile(combat.draw, int(combat.draw_count), c):
        combat.draw_count -= 1
        add_to_hand(game, c)


@kernel
def _take_attacks(game: Any, amount: Any) -> None:
    """Take random attacks out of the draw pile: what is left of the list is shuffled for each."""
    combat = game.combat
    list_at_random(game, Kind.ATTACK)
    for _ in range(amount):
        if combat.offer_count == 0:
            break
        draw_shuffle(game, Stream.SHUFFLE, combat.offer, int(combat.offer_count))
        c = int(combat.offer[0])
        take_at(combat.offer, int(combat.offer_count), 0)
        combat.offer_count -= 1
        take_drawn(game, c)
    combat.offer_count = 0

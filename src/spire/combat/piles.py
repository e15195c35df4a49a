"""Piles: the cards of a combat, and their ways from pile to pile."""

from __future__ import annotations

from typing import Any

from spire.combat.effects import ALL, PLAYER, Op, Pile, fail, push, push_top
from spire.compiled import kernel
from spire.content.card_pools import IN_COMBAT
from spire.content.cards import FACTS, Kind
from spire.ids import Card
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.linked import linked
from spire.owned import counter, set_counter
from spire.rng import Stream
from spire.state import CARDS, HAND, Fault, Fight, Mark
from spire.streams import draw_int, draw_shuffle

_SUNDIAL = 3


@kernel
def make_card(game: Any, card: Any, upgrades: Any) -> Any:
    """Return a new card of the combat, in no pile yet; -1 (and a fault) if there is no room."""
    combat = game.combat
    place = int(combat.card_count)
    if place < CARDS:
        combat.card_count += 1
    else:
        place = -1
        for k in range(CARDS):
            if combat.cards[k].id == Card.INVALID:
                place = k
                break
        if place < 0:
            fail(game, Fault.CARDS)
            return -1
    made = combat.cards[place]
    made.id = card
    made.upgrades = upgrades
    made.marks = 0
    made.uid = combat.next_uid
    combat.next_uid += 1
    facts = FACTS[game.reference, card]
    made.misc = facts.misc
    made.cost = facts.cost[1] if upgrades > 0 else facts.cost[0]
    if card == Card.BLOOD_FOR_BLOOD:
        # One made in combat counts the losses so far.
        made.cost = max(int(made.cost) - int(combat.times_damaged), 0)
    made.turn_cost = made.cost
    return place


@kernel
def copy_card(game: Any, c: Any) -> Any:
    """Return a card that is the same in everything, its `uid` too; in no pile."""
    combat = game.combat
    made = make_card(game, combat.cards[c].id, combat.cards[c].upgrades)
    if made < 0:
        return made
    copied, card = combat.cards[made], combat.cards[c]
    copied.misc = card.misc
    copied.cost = card.cost
    copied.turn_cost = card.turn_cost
    copied.uid = card.uid
    copied.marks = card.marks & Mark.FREE
    return made


@kernel
def free_card(combat: Any, c: Any) -> None:
    """Give up a card that is in no pile."""
    combat.cards[c].id = Card.INVALID


@kernel
def set_turn_cost(game: Any, c: Any, cost: Any) -> None:
    """Set what a card costs this turn; X and unplayable cards stay as they are."""
    card = game.combat.cards[c]
    if card.turn_cost >= 0:
        card.turn_cost = max(int(cost), 0)


@kernel
def upgrade_card(game: Any, c: Any) -> None:
    """Upgrade a card for the combat, if it can be."""
    card = game.combat.cards[c]
    if not can_upgrade(game, c):
        return
    facts = FACTS[game.reference, card.id]
    before = facts.cost[1] if card.upgrades > 0 else facts.cost[0]
    card.upgrades += 1
    if facts.cost[1] != before:
        # The game changes the printed cost and keeps what is off it.
        gap = int(card.turn_cost) - int(card.cost)
        lowered = max(int(card.cost) + int(facts.cost[1]) - int(before), 0)
        if card.cost >= 0:
            card.cost = lowered
            if card.turn_cost > 0:
                card.turn_cost = max(int(card.cost) + gap, 0)


@kernel
def can_upgrade(game: Any, c: Any) -> Any:
    """Return whether a card of the combat can be upgraded."""
    card = game.combat.cards[c]
    facts = FACTS[game.reference, card.id]
    return facts.upgradable and (card.upgrades == 0 or card.id == Card.SEARING_BLOW)


@kernel
def take_at(pile: Any, count: Any, position: Any) -> None:
    """Close the gap that a card leaves in a pile of `count` cards."""
    for k in range(position, count - 1):
        pile[k] = pile[k + 1]


@kernel
def put_at(pile: Any, count: Any, position: Any, c: Any) -> None:
    """Put a card at a position of a pile of `count` cards."""
    for k in range(count, position, -1):
        pile[k] = pile[k - 1]
    pile[position] = c


@kernel
def hand_position(combat: Any, c: Any) -> Any:
    """Return where in the hand a card is, or -1."""
    for k in range(combat.hand_count):
        if combat.hand[k] == c:
            return k
    return -1


@kernel
def take_from_hand(game: Any, position: Any) -> Any:
    """Take the card at a position out of the hand and return it."""
    combat = game.combat
    c = int(combat.hand[position])
    take_at(combat.hand, int(combat.hand_count), position)
    combat.hand_count -= 1
    return c


@kernel
def add_to_hand(game: Any, c: Any) -> None:
    """Put a card at the right end of the hand; on the discard pile if the hand is full."""
    combat = game.combat
    if combat.hand_count >= HAND:
        add_to_discard(game, c)
        return
    combat.hand[combat.hand_count] = c
    combat.hand_count += 1
    if combat.powers[P.CORRUPTION] > 0:
        if FACTS[game.reference, combat.cards[c].id].kind == Kind.SKILL:
            set_turn_cost(game, c, 0)


@kernel
def add_to_discard(game: Any, c: Any) -> None:
    """Put a card on the discard pile."""
    combat = game.combat
    combat.discard[combat.discard_count] = c
    combat.discard_count += 1


@kernel
def add_to_draw_top(game: Any, c: Any) -> None:
    """Put a card on top of the draw pile."""
    combat = game.combat
    combat.draw[combat.draw_count] = c
    combat.draw_count += 1


@kernel
def add_to_draw_bottom(game: Any, c: Any) -> None:
    """Put a card under the draw pile."""
    combat = game.combat
    put_at(combat.draw, int(combat.draw_count), 0, c)
    combat.draw_count += 1


@kernel
def add_to_draw_random(game: Any, c: Any) -> None:
    """Put a card into the draw pile, never above its top card: one draw, none if the pile is empty."""
    combat = game.combat
    count = int(combat.draw_count)
    place = draw_int(game, Stream.CARD_RANDOM, count - 1) if count else 0
    put_at(combat.draw, count, place, c)
    combat.draw_count += 1


@kernel
def add_to(game: Any, pile: Any, c: Any) -> None:
    """Put a card that is in no pile into the pile of that code."""
    if c < 0:
        return
    if pile == Pile.HAND:
        add_to_hand(game, c)
    elif pile == Pile.DRAW_RANDOM:
        add_to_draw_random(game, c)
    elif pile == Pile.DRAW_TOP:
        add_to_draw_top(game, c)
    elif pile == Pile.DRAW_BOTTOM:
        add_to_draw_bottom(game, c)
    elif pile == Pile.DISCARD:
        add_to_discard(game, c)
    else:
        game.combat.exhaust[game.combat.exhaust_count] = c
        game.combat.exhaust_count += 1


@kernel
def discard_from_hand(game: Any, position: Any) -> None:
    """Discard the card at a position of the hand, by an effect."""
    add_to_discard(game, take_from_hand(game, position))
    game.combat.discarded_turn += 1


@kernel
def draw(game: Any, amount: Any) -> None:
    """Draw cards; what the draw pile lacks is drawn after the reshuffle."""
    combat = game.combat
    if combat.powers[P.NO_DRAW] > 0 or combat.draw_count + combat.discard_count == 0:
        return
    wanted = min(int(amount), HAND - int(combat.hand_count))
    if wanted <= 0:
        return
    there = int(combat.draw_count)
    if wanted > there:
        push_top(game, Op.DRAW, PLAYER, wanted - there, 0, 0, 0)
        request_reshuffle(game)
        wanted = there
    for _ in range(wanted):
        combat.draw_count -= 1
        _drawn(game, int(combat.draw[combat.draw_count]))


@kernel
def _drawn(game: Any, c: Any) -> None:
    """A card comes from the draw pile into the hand."""
    combat = game.combat
    card = combat.cards[c]
    kind = FACTS[game.reference, card.id].kind
    if card.id == Card.VOID:
        push(game, Op.ENERGY, PLAYER, -1, 0, 0, 0)
    if combat.hand_count >= HAND:
        add_to_discard(game, c)
    else:
        combat.hand[combat.hand_count] = c
        combat.hand_count += 1
    for k in range(combat.order_count):
        power = combat.order[k]
        if power == P.CONFUSED and card.cost >= 0:
            cost = draw_int(game, Stream.CARD_RANDOM, 3)
            if cost != card.cost:
                card.cost = cost
                card.turn_cost = cost
            card.marks &= ~Mark.FREE
        elif power == P.CORRUPTION and kind == Kind.SKILL:
            set_turn_cost(game, c, 0)
        elif power == P.EVOLVE and kind == Kind.STATUS and combat.powers[P.NO_DRAW] == 0:
            push(game, Op.DRAW, PLAYER, combat.powers[P.EVOLVE], 0, 0, 0)
        elif power == P.FIRE_BREATHING and (kind == Kind.STATUS or kind == Kind.CURSE):
            push(game, Op.DAMAGE, ALL, combat.powers[P.FIRE_BREATHING], 0, 0, PLAYER)


@kernel
def request_reshuffle(game: Any) -> None:
    """Have the discard pile shuffled in before anything else; relics see it at once."""
    push_top(game, Op.RESHUFFLE, PLAYER, 0, 0, 0, 0)
    for k in range(game.relic_count):
        relic = game.relics[k]
        if relic == R.THE_ABACUS:
            push(game, Op.BLOCK, PLAYER, 6, 0, 0, 0)
        elif relic == R.SUNDIAL:
            count = (counter(game, R.SUNDIAL) + 1) % _SUNDIAL
            set_counter(game, R.SUNDIAL, count)
            if count == 0:
                push(game, Op.ENERGY, PLAYER, 2, 0, 0, 0)


@kernel
def reshuffle(game: Any) -> None:
    """Shuffle the discard pile and put it on top of the draw pile."""
    combat = game.combat
    draw_shuffle(game, Stream.SHUFFLE, combat.discard, int(combat.discard_count))
    for k in range(combat.discard_count):
        add_to_draw_top(game, int(combat.discard[k]))
    combat.discard_count = 0


@linked()
def exhaust(game: Any, c: Any) -> None:
    """Exhaust a card that has been taken out of its pile, with all that this sets off."""
    combat = game.combat
    for k in range(game.relic_count):
        relic = game.relics[k]
        if relic == R.CHARONS_ASHES:
            push_top(game, Op.DAMAGE, ALL, 3, 0, 0, PLAYER)
        elif relic == R.DEAD_BRANCH and combat.fight == Fight.ON:
            drawn = draw_int(game, Stream.CARD_RANDOM, IN_COMBAT.size - 1)
            push(game, Op.ADD_CARD, Pile.HAND, 1, 0, IN_COMBAT[drawn], 0)
    for k in range(combat.order_count):
        power = combat.order[k]
        if power == P.DARK_EMBRACE and combat.fight == Fight.ON:
            push(game, Op.DRAW, PLAYER, combat.powers[power], 0, 0, 0)
        elif power == P.FEEL_NO_PAIN:
            push(game, Op.BLOCK, PLAYER, combat.powers[power], 0, 0, 0)
    card = combat.cards[c]
    if card.id == Card.SENTINEL:
        push_top(game, Op.ENERGY, PLAYER, 3 if card.upgrades else 2, 0, 0, 0)
    elif card.id == Card.NECRONOMICURSE:
        push(game, Op.ADD_CARD, Pile.HAND, 1, 0, Card.NECRONOMICURSE, 0)
    combat.exhaust[combat.exhaust_count] = c
    combat.exhaust_count += 1

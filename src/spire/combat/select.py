"""Select: cards selected in combat, of the hand, of a pile, or of three that are offered.

While a selection is open, `combat.offer` holds what can be chosen, and `combat.picked` what has been, in the
order of choosing: indices into the cards of the combat, or ids of cards that are offered.
"""

from __future__ import annotations

from typing import Any

from spire.codes import Codes, table
from spire.combat.effects import PLAYER, Op, push_top
from spire.combat.piles import (
    add_to_draw_bottom,
    add_to_draw_random,
    add_to_draw_top,
    add_to_hand,
    can_upgrade,
    copy_card,
    discard_from_hand,
    exhaust,
    hand_position,
    make_card,
    set_turn_cost,
    take_from_hand,
    upgrade_card,
)
from spire.combat.special import list_at_random, roll_card, take_drawn, take_from_pile
from spire.compiled import kernel
from spire.content.cards import FACTS, Kind
from spire.content.text import Pool, Task
from spire.ids import Card
from spire.linked import linked
from spire.rng import Stream
from spire.state import HAND, Fight, Mark, Screen
from spire.streams import draw_int

OFFERED = 3
"""How many cards are offered."""


class _From(Codes):
    """Where a selection takes its cards from."""

    HAND = 0
    DISCARD = 1
    EXHAUST = 2
    DRAW = 3
    POOL = 4


class _Only(Codes):
    """Which cards can be selected."""

    ANY = 0
    UPGRADABLE = 1
    ATTACK_OR_POWER = 2
    NOT_EXHUME = 3


_AMOUNT, _ALL = -1, 99

_FORMS: dict[Task, tuple[int, int, int, int]] = {
    Task.ARMAMENTS: (_From.HAND, _Only.UPGRADABLE, 1, 1),
    Task.EXHAUST_ONE: (_From.HAND, _Only.ANY, 1, 1),
    Task.EXHAUST_MANY: (_From.HAND, _Only.ANY, 0, _AMOUNT),
    Task.WARCRY: (_From.HAND, _Only.ANY, 1, 1),
    Task.FORETHOUGHT: (_From.HAND, _Only.ANY, 1, 1),
    Task.FORETHOUGHT_MANY: (_From.HAND, _Only.ANY, 0, _ALL),
    Task.DUAL_WIELD: (_From.HAND, _Only.ATTACK_OR_POWER, 1, 1),
    Task.GAMBLE: (_From.HAND, _Only.ANY, 0, _ALL),
    Task.HEADBUTT: (_From.DISCARD, _Only.ANY, 1, 1),
    Task.EXHUME: (_From.EXHAUST, _Only.NOT_EXHUME, 1, 1),
    Task.LIQUID_MEMORIES_POTION: (_From.DISCARD, _Only.ANY, _AMOUNT, _AMOUNT),
    Task.SECRET_TECHNIQUE: (_From.DRAW, Kind.SKILL, 1, 1),
    Task.SECRET_WEAPON: (_From.DRAW, Kind.ATTACK, 1, 1),
    Task.DISCOVERY: (_From.POOL, Pool.ANY, 1, 1),
    Task.ATTACK_POTION: (_From.POOL, Pool.ATTACK, 0, 1),
    Task.SKILL_POTION: (_From.POOL, Pool.SKILL, 0, 1),
    Task.POWER_POTION: (_From.POOL, Pool.POWER, 0, 1),
    Task.COLORLESS_POTION: (_From.POOL, Pool.COLORLESS, 1, 1),
    Task.TOOLBOX: (_From.POOL, Pool.COLORLESS, 1, 1),
    Task.CODEX: (_From.POOL, Pool.ANY, 0, 1),
}
"""Where the cards of a selection come from, which of them, and how many at least and at most."""

_FORM = table(_FORMS.get(task, (0, 0, 0, 0)) for task in Task)


@linked()
def open_selection(game: Any, task: Any, amount: Any) -> None:
    """Have cards selected; where there is nothing to decide, it is done at once.

    `amount` is how many cards, or how many copies, where the task does not say it.
    """
    combat = game.combat
    if combat.fight != Fight.ON:
        return
    source, only = int(_FORM[task, 0]), int(_FORM[task, 1])
    least, most = int(_FORM[task, 2]), int(_FORM[task, 3])
    combat.picked_count = 0
    combat.offer_count = 0
    combat.pick_amount = amount
    if source == _From.POOL:
        if game.reference and task != Task.CODEX:
            least = 1
        _open(game, task, least, most, Screen.CARD_REWARD)
        _offer_cards(game, only)
        return
    screen = Screen.GRID
    if source == _From.HAND:
        screen = Screen.HAND_SELECT
        _list(game, combat.hand, int(combat.hand_count), only)
    elif source == _From.DISCARD:
        _list(game, combat.discard, int(combat.discard_count), only)
    elif source == _From.EXHAUST:
        if combat.hand_count < HAND:
            _list(game, combat.exhaust, int(combat.exhaust_count), only)
    else:
        list_at_random(game, only)
    count = int(combat.offer_count)
    least = int(amount) if least == _AMOUNT else least
    most = min(int(amount) if most == _AMOUNT else most, count, HAND)
    if count == 0:
        return
    if count > least:
        _open(game, task, least, most, screen)
        return
    # All of them are taken, and nobody is asked.
    combat.task = task
    for k in range(count):
        combat.picked[k] = combat.offer[k]
    combat.picked_count = count
    if task == Task.WARCRY:
        draw_int(game, Stream.CARD_RANDOM, 0)
    _settle(game, True)


@kernel
def _open(game: Any, task: Any, least: Any, most: Any, screen: Any) -> None:
    combat = game.combat
    combat.task = task
    combat.pick_min = least
    combat.pick_max = most
    game.screen = screen


@kernel
def _list(game: Any, pile: Any, count: Any, only: Any) -> None:
    """Offer the cards of a pile, or some of them."""
    combat = game.combat
    offered = 0
    for k in range(count):
        c = int(pile[k])
        if _fits(game, only, c):
            combat.offer[offered] = c
            offered += 1
    combat.offer_count = offered


@kernel
def _fits(game: Any, only: Any, c: Any) -> Any:
    """Return whether a card can be selected."""
    card = game.combat.cards[c]
    if only == _Only.UPGRADABLE:
        return can_upgrade(game, c)
    if only == _Only.ATTACK_OR_POWER:
        kind = FACTS[game.reference, card.id].kind
        return kind in (Kind.ATTACK, Kind.POWER)
    return only != _Only.NOT_EXHUME or card.id != Card.EXHUME


@kernel
def _offer_cards(game: Any, pool: Any) -> None:
    """Offer three different cards of a pool; one that is there already is drawn again."""
    combat = game.combat
    offered = 0
    while offered < OFFERED:
        drawn = roll_card(game, pool)
        known = False
        for k in range(offered):
            known = known or combat.offer[k] == drawn
        if not known:
            combat.offer[offered] = drawn
            offered += 1
    combat.offer_count = offered


@kernel
def can_pick(game: Any, choice: Any) -> Any:
    """Return whether a choice can be taken."""
    combat = game.combat
    return choice < combat.offer_count and combat.picked_count < combat.pick_max


@kernel
def can_confirm(game: Any) -> Any:
    """Return whether what is picked can be confirmed: where any number may be."""
    return game.screen == Screen.HAND_SELECT and game.combat.pick_min == 0


@kernel
def can_skip(game: Any) -> Any:
    """Return whether an offer can be refused."""
    return game.screen == Screen.CARD_REWARD and game.combat.pick_min == 0


@linked()
def pick(game: Any, choice: Any) -> None:
    """Take a choice, which is then no more offered; a fixed number is settled with the last one."""
    combat = game.combat
    combat.picked[combat.picked_count] = combat.offer[choice]
    combat.picked_count += 1
    combat.offer_count -= 1
    for k in range(choice, combat.offer_count):
        combat.offer[k] = combat.offer[k + 1]
    if game.screen == Screen.CARD_REWARD or combat.picked_count == combat.pick_min:
        _settle(game, False)


@kernel
def confirm(game: Any) -> None:
    """Do with the cards picked what the selection is for."""
    _settle(game, False)


@kernel
def skip(game: Any) -> None:
    """Refuse an offer."""
    game.combat.picked_count = 0
    _settle(game, False)


@linked()
def _settle(game: Any, alone: Any) -> None:
    """Do with the cards picked what the selection is for; `alone` if there was no choice."""
    combat = game.combat
    task = int(combat.task)
    count = int(combat.picked_count)
    combat.task = Task.NONE
    combat.offer_count = 0
    combat.picked_count = 0
    game.screen = Screen.COMBAT
    if task == Task.GAMBLE and count > 0:
        push_top(game, Op.DRAW, PLAYER, count, 0, 0, 0)
    for k in range(count):
        c = int(combat.picked[k])
        if _FORM[task, 0] == _From.HAND:
            _take_held(game, task, c, alone)
        elif task == Task.HEADBUTT:
            if take_from_pile(combat.discard, int(combat.discard_count), c):
                combat.discard_count -= 1
                add_to_draw_top(game, c)
        elif task == Task.LIQUID_MEMORIES_POTION:
            # What finds no room stays where it is.
            room = combat.hand_count < HAND
            if room and take_from_pile(combat.discard, int(combat.discard_count), c):
                combat.discard_count -= 1
                add_to_hand(game, c)
                set_turn_cost(game, c, 0)
        elif task == Task.EXHUME:
            if take_from_pile(combat.exhaust, int(combat.exhaust_count), c):
                combat.exhaust_count -= 1
                add_to_hand(game, c)
        elif task in (Task.SECRET_TECHNIQUE, Task.SECRET_WEAPON):
            take_drawn(game, c)
        else:
            _take_offered(game, task, c)


@kernel
def _take_held(game: Any, task: Any, c: Any, alone: Any) -> None:
    """Do with a card of the hand what the selection is for."""
    combat = game.combat
    if task in (Task.ARMAMENTS, Task.DUAL_WIELD):
        if not alone:
            _reorder(game, int(_FORM[task, 1]), c, task == Task.ARMAMENTS)
        if task == Task.ARMAMENTS:
            upgrade_card(game, c)
            return
        copies = int(combat.pick_amount) + (0 if alone else 1)
        for _ in range(copies):
            made = copy_card(game, c)
            if made >= 0:
                combat.cards[made].uid = combat.next_uid
                combat.next_uid += 1
                add_to_hand(game, made)
        if not alone:
            combat.cards[c].id = Card.INVALID
        return
    position = hand_position(combat, c)
    if position < 0:
        return
    if task == Task.GAMBLE:
        discard_from_hand(game, position)
        return
    take_from_hand(game, position)
    if task == Task.WARCRY:
        add_to_draw_top(game, c)
    elif task in (Task.FORETHOUGHT, Task.FORETHOUGHT_MANY):
        if combat.cards[c].cost > 0:
            combat.cards[c].marks |= Mark.FREE
        add_to_draw_bottom(game, c)
    else:
        exhaust(game, c)


@kernel
def _reorder(game: Any, only: Any, c: Any, keep: Any) -> None:
    """Put the hand in the order in which its cards come back from a selection of some of them.

    First those that could have been chosen and were not, then the one that was (if it comes back), then the
    others.
    """
    combat = game.combat
    placed = 0
    for turn in range(2):
        for k in range(combat.hand_count):
            other = int(combat.hand[k])
            if other != c and (turn == 0) == bool(_fits(game, only, other)):
                combat.offer[placed] = other
                placed += 1
        if turn == 0 and keep:
            combat.offer[placed] = c
            placed += 1
    for k in range(placed):
        combat.hand[k] = combat.offer[k]
    combat.hand_count = placed


@kernel
def _take_offered(game: Any, task: Any, card: Any) -> None:
    """Make the card that was taken from an offer."""
    copies = 1 if task in (Task.CODEX, Task.TOOLBOX) else int(game.combat.pick_amount)
    for _ in range(copies):
        made = make_card(game, card, 0)
        if made < 0:
            return
        if task == Task.CODEX:
            add_to_draw_random(game, made)
            return
        if task != Task.TOOLBOX or game.reference:
            set_turn_cost(game, made, 0)
        add_to_hand(game, made)

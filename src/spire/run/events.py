"""Events: which event a question mark holds, and what its options do (`spire.content.events`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spire.arrays import fill
from spire.belt import draw_potion
from spire.combat.effects import fail
from spire.compiled import kernel
from spire.content.cards import FACTS as CARDS
from spire.content.cards import Kind, Rarity
from spire.content.events import DAMAGE, FIRST, MEETINGS, OPTION_COUNTS, ROWS
from spire.content.scripts import ANY, LINES, Check, Op, Unit
from spire.ids import Card, Encounter, Event, Potion, Relic
from spire.linked import linked
from spire.owned import owns
from spire.rng import Stream
from spire.rounding import half_up
from spire.run.deck import (
    can_upgrade,
    draw_curse,
    obtain_card,
    purgeable,
    remove_card,
    upgrade_random,
)
from spire.run.fights import await_fight
from spire.run.picks import Purpose, open_pick
from spire.run.relics import obtain_relic, roll_tier, take_relic, take_screenless
from spire.run.rewards import add_reward, clear_rewards, draw_card, show_rewards
from spire.run.vitals import (
    gain_gold,
    gain_max_hp,
    heal,
    lose_gold,
    lose_hp,
    lose_max_hp,
)
from spire.state import Fault, Outcome, Reward, Screen
from spire.streams import draw_between, draw_float, draw_int, draw_shuffle

GOLD, RELIC, MAX_HP = 8, 9, 10
"""The places of an event's data for what a fight is for, and for the max HP as the event was entered."""

_FACES = np.array(
    [
        Relic.CULTIST_HEADPIECE,
        Relic.FACE_OF_CLERIC,
        Relic.GREMLIN_VISAGE,
        Relic.NLOTHS_HUNGRY_FACE,
        Relic.SSSERPENT_HEAD,
    ],
    dtype=np.int16,
)
_RETURNING = np.array(
    [Encounter.THREE_SENTRIES, Encounter.GREMLIN_NOB, Encounter.LAGAVULIN_EVENT], dtype=np.int16
)
_SHRINE = np.float32(0.25)

_LEAST_GOLD, _MOST_GOLD = 50, 150
_FINDS = 3
_FIND_GOLD, _FIND_RELIC = 0, 2

FACE, SEEN, UP, GONE = 511, 512, 1024, 2048
"""A card of Match and Keep is its id, in the bits of `FACE`, and the other bits. The page counts the tries."""
_TRIES = 5


@linked()
def enter_event(game: Any) -> None:
    """Choose an event, take it off the list it is on, and begin it."""
    event = _take_event(game)
    game.event = event
    game.event_page = 0
    fill(game.event_data, 0)
    game.event_data[MAX_HP] = game.max_hp
    game.screen = Screen.EVENT
    first = _first(game)
    if first == 0:
        fail(game, Fault.CONTENT)
        return
    op, amount, arg = int(ROWS[first, 3]), int(ROWS[first, 4]), int(ROWS[first, 6])
    if op == Op.DRAW_LOSS:
        loss = draw_between(game, Stream.MISC, amount, arg)
        game.event_data[0] = min(loss, int(game.gold))
    elif op == Op.HIDE:
        for find in range(_FINDS):
            game.event_data[find] = find
        draw_shuffle(game, Stream.MISC, game.event_data, _FINDS)
        game.event_data[_FINDS] = draw_int(game, Stream.MISC, _RETURNING.size - 1)
    elif op == Op.MEET:
        _meet(game)
    elif op == Op.DEAL:
        _deal(game, amount)
    elif op == Op.POTIONS:
        _offer_potions(game, amount)
    elif op == Op.OFFER:
        open_pick(game, Purpose.OFFER, 1, Screen.MAP)


@kernel
def option_count(game: Any) -> Any:
    """Return how many options the event has, on all its pages; they are numbered from 0."""
    return int(OPTION_COUNTS[game.event])


@kernel
def can_choose(game: Any, option: Any) -> Any:
    """Return whether an option is on the page that is open, and what it needs is there."""
    row = ROWS[_first(game) + 1 + option]
    if row[0] != ANY and row[0] != game.event_page:
        return False
    return _holds(game, int(row[1]), int(row[2]))


@linked()
def choose(game: Any, option: Any) -> None:
    """Choose an option: do what its lines say, as long as the player lives."""
    game.screen = Screen.MAP
    data = game.event_data
    page = int(game.event_page)
    row, line = _first(game) + 1 + option, 0
    while line < LINES and game.outcome == Outcome.NONE:
        at = 3 + 4 * line
        line += 1
        op, arg = int(ROWS[row, at]), int(ROWS[row, at + 3])
        amount = _amount(game, int(ROWS[row, at + 1]), int(ROWS[row, at + 2]))
        # Most lines come to one of these, which are done at the end.
        gold, relic, card, purpose, encounter = 0, 0, 0, int(Purpose.NONE), 0
        found, elite = False, False
        if op == Op.NONE:
            return
        if op == Op.GOLD:
            gold = amount
        elif op == Op.PAY:
            lose_gold(game, amount)
        elif op == Op.HEAL:
            heal(game, amount)
        elif op == Op.MAX_HP:
            gain_max_hp(game, amount)
        elif op == Op.LOSE_MAX_HP:
            lose_max_hp(game, max(1, amount))
        elif op in (Op.LOSE_HP, Op.REACH):
            tries = page if op == Op.REACH else 0
            lose_hp(game, amount + arg * tries)
            if op == Op.REACH and game.outcome == Outcome.NONE:
                found = draw_int(game, Stream.MISC, 99) >= 99 - (25 + 10 * tries)
                if not found:
                    game.event_page = tries + 1
                    game.screen = Screen.EVENT
        elif op in (Op.RELIC, Op.RELIC_REWARD):
            found = True
            card = arg
        elif op == Op.GIVE_RELIC:
            relic = arg
        elif op == Op.FACE:
            relic = _draw_face(game)
        elif op == Op.POTIONS:
            _offer_potions(game, amount)
        elif op == Op.CARD:
            card = arg
        elif op == Op.REMOVE:
            purpose = int(Purpose.REMOVE)
        elif op == Op.TRANSFORM:
            purpose = int(Purpose.TRANSFORM)
        elif op == Op.UPGRADE:
            purpose = int(Purpose.UPGRADE)
        elif op == Op.UPGRADE_RANDOM:
            upgrade_random(game, Kind.NONE, amount)
        elif op == Op.REMOVE_CURSES:
            for index in range(int(game.deck_count) - 1, -1, -1):
                if _removable_curse(game, index):
                    remove_card(game, index)
        elif op == Op.GIVE_CARD:
            remove_card(game, amount - 1)
        elif op == Op.GIVE_POTION:
            game.potions[amount - 1] = 0
        elif op == Op.DRAW:
            data[0] = draw_between(game, Stream.MISC, amount, arg)
        elif op == Op.PAGE:
            game.event_page = amount
            game.screen = Screen.EVENT
        elif op == Op.ONE_OF:
            row = _first(game) + 1 + option_count(game) + draw_int(game, Stream.MISC, amount - 1)
            line = 0
        elif op == Op.PRIZE:
            data[GOLD] = amount
            data[RELIC] = arg
        elif op == Op.FIGHT:
            encounter = arg
        elif op == Op.TURN:
            card = _turn(game, amount)
        elif op == Op.SEARCH:
            if draw_int(game, Stream.MISC, 99) < amount + 25 * page:
                encounter = int(_RETURNING[data[_FINDS]])
                elite = True
                data[GOLD] = draw_between(game, Stream.MISC, 25, 35)
                for place in range(page, _FINDS):
                    if data[place] == _FIND_GOLD:
                        data[GOLD] += 30
                    elif data[place] == _FIND_RELIC:
                        data[RELIC] = take_relic(game, roll_tier(game, False))
            else:
                gold = 30 if data[page] == _FIND_GOLD else 0
                found = data[page] == _FIND_RELIC
                game.event_page = page + 1
                if page + 1 < arg:
                    game.screen = Screen.EVENT
        if found:
            relic = int(take_screenless(game, roll_tier(game, False)))
        if gold:
            gain_gold(game, gold)
        if op == Op.RELIC_REWARD:
            clear_rewards(game)
            add_reward(game, Reward.RELIC, relic)
            show_rewards(game, Screen.MAP)
        else:
            # A curse is seen before the relic it comes with and had after it: an Omamori found does not
            # stop it, but what acts on new cards does.
            for turn in range(2):
                if (turn == 0) == (relic == Relic.OMAMORI):
                    if card:
                        obtain_card(game, card, 0, 0)
                elif relic:
                    obtain_relic(game, relic)
        if purpose:
            open_pick(game, purpose, 1, Screen.MAP)
        if encounter:
            await_fight(game, encounter, elite, False)


@kernel
def fight_rewards(game: Any) -> None:
    """Add what the fight of the event was for to the rewards: gold, then a relic."""
    if game.event_data[GOLD]:
        add_reward(game, Reward.GOLD, int(game.event_data[GOLD]))
    if game.event_data[RELIC]:
        add_reward(game, Reward.RELIC, int(game.event_data[RELIC]))


@kernel
def _first(game: Any) -> Any:
    """Return the row in which the event begins, or 0 where it has no script."""
    return int(FIRST[2 * int(game.reference) + (game.ascension >= 15), game.event])


@kernel
def _take_event(game: Any) -> Any:
    """Take an event that can be met off its list, and return it.

    The draws are made on a copy of the stream, so the next question mark begins where this one did.
    """
    words, counts = game.words[Stream.EVENT], game.counts
    first_word, second_word, count = words[0], words[1], int(counts[Stream.EVENT])
    pools, candidates = game.event_pools, game.pick.cards
    shrines = pools.shrines.size
    taken = 0
    shrine = draw_float(game, Stream.EVENT) < _SHRINE
    for _ in range(2):
        size = shrines + pools.one_time.size if shrine else pools.events.size
        found = 0
        for k in range(size):
            if not shrine:
                event = int(pools.events[k])
            elif k < shrines:
                event = int(pools.shrines[k])
            else:
                event = int(pools.one_time[k - shrines])
            when = MEETINGS[game.reference, event]
            here = event != Event.INVALID and int(when[0]) >> int(game.act) & 1
            if here and _holds(game, int(when[1]), int(when[2])):
                candidates[found] = k
                found += 1
        if found == 0:
            shrine = not shrine
            continue
        k = int(candidates[draw_int(game, Stream.EVENT, found - 1)])
        if not shrine:
            taken = int(pools.events[k])
            pools.events[k] = Event.INVALID
        elif k < shrines:
            taken = int(pools.shrines[k])
            pools.shrines[k] = Event.INVALID
        else:
            taken = int(pools.one_time[k - shrines])
            pools.one_time[k - shrines] = Event.INVALID
        break
    words[0] = first_word
    words[1] = second_word
    counts[Stream.EVENT] = count
    return taken


@kernel
def _holds(game: Any, check: Any, amount: Any) -> Any:
    """Return whether something holds."""
    if check == Check.NOTHING:
        return True
    if check == Check.GOLD:
        return game.gold >= amount
    if check == Check.HP_ABOVE:
        return game.hp > amount
    if check == Check.FLOOR_ABOVE:
        return game.floor > amount
    if check == Check.ROW_ABOVE:
        return game.y > amount
    if check == Check.RELICS:
        return game.relic_count >= amount
    if check == Check.DRAWN:
        return game.event_data[amount] != 0
    if check == Check.FACE_DOWN:
        return not int(game.event_data[amount]) & (UP | GONE)
    if check == Check.IDOL_OR_HALF_HP:
        return owns(game, Relic.GOLDEN_IDOL) or 2 * int(game.hp) <= game.max_hp
    for index in range(game.deck_count):
        if check == Check.UPGRADABLE and can_upgrade(game, index):
            return True
        if check == Check.CURSE and _removable_curse(game, index):
            return True
        if check == Check.ATTACK and _damage(game, index) >= amount:
            return True
    return False


@kernel
def _removable_curse(game: Any, index: Any) -> Any:
    kind = CARDS[game.reference, game.deck[index].id].kind
    return kind == Kind.CURSE and purgeable(game, index)


@kernel
def _damage(game: Any, index: Any) -> Any:
    """Return the damage that stands on a card of the deck."""
    card = game.deck[index]
    return int(DAMAGE[card.id, min(int(card.upgrades), 1)]) + int(card.misc)


@kernel
def _amount(game: Any, amount: Any, unit: Any) -> Any:
    """Return an amount of a line in points."""
    if unit == Unit.ONES:
        return amount
    if unit == Unit.DRAWN:
        return int(game.event_data[amount])
    if unit == Unit.ACTS:
        return amount * int(game.act)
    whole = int(game.event_data[MAX_HP])
    if unit == Unit.PART:
        return max(1, whole // amount)
    share = np.float32(whole) * (np.float32(amount) / np.float32(100))
    if unit == Unit.PERCENT_DOWN:
        return int(share)
    if unit == Unit.PERCENT_NEAREST:
        return half_up(share)
    return math.ceil(share)


@kernel
def _offer_potions(game: Any, count: Any) -> None:
    """Show random potions, each as likely as another."""
    clear_rewards(game)
    for _ in range(count):
        add_reward(game, Reward.POTION, draw_potion(game, Stream.POTION))
    show_rewards(game, Screen.MAP)


@kernel
def _draw_face(game: Any) -> Any:
    """Return a random face that is not owned, or a circlet."""
    faces = game.event_data
    count = 0
    for face in _FACES:
        if not owns(game, face):
            faces[count] = face
            count += 1
    if count == 0:
        faces[0] = Relic.CIRCLET
        count = 1
    draw_shuffle(game, Stream.MISC, faces, count)
    return int(faces[0])


@kernel
def _meet(game: Any) -> None:
    """Draw what is asked for: 1 + a potion's place, gold, 1 + a card's index; 0 where there is none."""
    candidates = game.pick.cards
    for asked in range(3):
        if asked == 1:
            if game.gold >= _LEAST_GOLD:
                most = min(_MOST_GOLD, int(game.gold))
                game.event_data[1] = draw_between(game, Stream.MISC, _LEAST_GOLD, most)
            continue
        found = 0
        for k in range(game.potion_slots if asked == 0 else game.deck_count):
            fact = CARDS[game.reference, game.deck[k].id]
            if asked == 0:
                fits = game.potions[k] != Potion.INVALID
            else:
                fits = fact.rarity != Rarity.BASIC and fact.kind != Kind.CURSE
            if fits:
                candidates[found] = k
                found += 1
        if found:
            draw_shuffle(game, Stream.MISC, candidates, found)
            game.event_data[asked] = candidates[0] + 1


@kernel
def _deal(game: Any, curses: Any) -> None:
    """Lay out the cards of Match and Keep: six, each twice."""
    cards = game.event_data
    for place in range(3):
        cards[place] = draw_card(game, Rarity.RARE - place, Stream.CARD)
    if curses == 1:
        draw_shuffle(game, Stream.SHUFFLE, game.colorless, game.colorless.size)
        first = 0
        while CARDS[game.reference, game.colorless[first]].rarity != Rarity.UNCOMMON:
            first += 1
        cards[3] = game.colorless[first]
    for place in range(5 - curses, 5):
        cards[place] = draw_curse(game)
    cards[5] = Card.BASH
    for place in range(6):
        cards[6 + place] = cards[place]
    draw_shuffle(game, Stream.MISC, cards, cards.size)


@kernel
def _turn(game: Any, place: Any) -> Any:
    """Turn a card of Match and Keep; the second one of a try is turned back with the first, or both go.

    Return the card that was matched, or 0.
    """
    cards = game.event_data
    game.screen = Screen.EVENT
    first = -1
    for other in range(cards.size):
        if int(cards[other]) & UP:
            first = other
    card = int(cards[place]) & FACE
    if first == -1:
        cards[place] = card | SEEN | UP
        return 0
    matched = int(cards[first]) & FACE == card
    state = SEEN | GONE if matched else SEEN
    cards[first] = int(cards[first]) & FACE | state
    cards[place] = card | state
    game.event_page += 1
    left = 0
    for other in range(cards.size):
        if not int(cards[other]) & GONE:
            left += 1
    if left == 0 or game.event_page == _TRIES:
        game.screen = Screen.MAP
    return card if matched else 0

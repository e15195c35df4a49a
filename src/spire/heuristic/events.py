"""Events: which option to choose."""

from __future__ import annotations

from typing import Any

from spire.actions import CHOOSE, option_action
from spire.compiled import kernel
from spire.content.cards import FACTS, Kind
from spire.heuristic.picks import card_worth, keep_worth
from spire.ids import Event
from spire.linked import linked
from spire.run import events
from spire.run.events import FACE, GONE, SEEN, UP


@kernel
def _worst(game: Any) -> Any:
    worst = 1.0e9
    for k in range(game.deck_count):
        worst = min(worst, keep_worth(game, k))
    return worst


@kernel
def _turn(game: Any) -> Any:
    """Return which card of Match and Keep to turn: only those that were seen are known."""
    cards = game.event_data
    up = -1
    for k in range(12):
        if int(cards[k]) & UP:
            up = k
    unseen, best, chosen = -1, -1.0e9, -1
    for k in range(12):
        state = int(cards[k])
        if not events.can_choose(game, k):
            continue
        if not state & SEEN:
            if unseen < 0:
                unseen = k
            continue
        kind = FACTS[game.reference, state & FACE].kind
        value = -50.0 if kind == Kind.CURSE else card_worth(game, state & FACE, 0)
        if up >= 0:
            if state & FACE == int(cards[up]) & FACE and value > 30.0:
                return k
        else:
            for other in range(12):
                twin = int(cards[other])
                if other != k and twin & SEEN and not twin & GONE and twin & FACE == state & FACE:
                    if value > best and value > 30.0:
                        best, chosen = value, k
    if chosen >= 0:
        return chosen
    if unseen >= 0:
        return unseen
    # Nothing good is left: any that does not match.
    for k in range(12):
        if events.can_choose(game, k) and (up < 0 or int(cards[k]) & FACE != int(cards[up]) & FACE):
            return k
    for k in range(12):
        if events.can_choose(game, k):
            return k
    return 0


@kernel
def _wanted(game: Any, rank: Any) -> Any:
    """Return the option of an event that stands at a rank of the list of wishes; -1 where there is none."""
    event = game.event
    hp, whole = float(game.hp), float(game.max_hp)
    share = hp / whole
    if event == Event.BIG_FISH:
        if share < 0.5:
            return (0, 1, 2)[rank]
        return (1, 0, 2)[rank]
    if event == Event.THE_CLERIC:
        if share < 0.6:
            return (0, 1, 2)[rank]
        return (1, 2, 0)[rank]
    if event == Event.DEAD_ADVENTURER:
        if share > 0.75 and game.event_page == 0:
            return (0, 1, 1)[rank]
        return (1, 0, 1)[rank]
    if event == Event.GOLDEN_IDOL:
        if game.event_page == 0:
            return (0, 1, 1)[rank] if share > 0.5 else (1, 0, 0)[rank]
        if share > 0.75:
            return (3, 4, 2)[rank]
        return (4, 3, 2)[rank]
    if event == Event.WING_STATUE:
        if share > 0.6:
            return (0, 1, 2)[rank]
        return (1, 2, 0)[rank]
    if event == Event.WORLD_OF_GOOP:
        return (0, 1, 1)[rank] if share > 0.6 else (1, 0, 0)[rank]
    if event == Event.THE_SSSSSERPENT:
        return (1, 0, 0)[rank]
    if event == Event.LIVING_WALL:
        return (1, 2, 0)[rank] if _worst(game) < 10.0 else (2, 1, 0)[rank]
    if event == Event.HYPNOTIZING_COLORED_MUSHROOMS:
        return (0, 1, 1)[rank] if share > 0.4 else (1, 0, 0)[rank]
    if event == Event.SCRAP_OOZE:
        tries = int(game.event_page)
        if hp > 24.0 + 3.0 * tries and share > 0.45:
            return (0, 1, 1)[rank]
        return (1, 0, 0)[rank]
    if event == Event.SHINING_LIGHT:
        return (0, 1, 1)[rank] if share > 0.7 else (1, 0, 0)[rank]
    if event == Event.GOLDEN_SHRINE:
        return (0, 2, 1)[rank]
    if event == Event.OMINOUS_FORGE:
        return (0, 2, 1)[rank]
    if event == Event.FACE_TRADER:
        if share > 0.6:
            return (0, 2, 1)[rank]
        return (2, 0, 1)[rank]
    if event == Event.NOTE_FOR_YOURSELF:
        return (0, 1, 1)[rank]
    if event == Event.WE_MEET_AGAIN:
        return (0, 1, 3)[rank]
    if event == Event.THE_WOMAN_IN_BLUE:
        return (2, 1, 0)[rank]
    return rank


@linked()
def choose_option(game: Any) -> Any:
    """Return the option of an event."""
    if game.event == Event.MATCH_AND_KEEP:
        return option_action(game, _turn(game))
    for rank in range(3):
        option = _wanted(game, rank)
        if option < events.option_count(game) and events.can_choose(game, option):
            return option_action(game, option)
    for option in range(events.option_count(game)):
        if events.can_choose(game, option):
            return option_action(game, option)
    return CHOOSE

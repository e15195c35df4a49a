"""Combat: the search for what to do in a fight.

All orders of plays of this turn are tried on copies whose hidden parts are shuffled, as long as nothing of
chance happens in them. The best plans by a rough measure are then played out to the end of the fight many
times, each time with other luck, by quick choices (`spire.heuristic.reflex`); the best on average is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.actions import END_TURN
from spire.combat.hits import is_target
from spire.compiled import kernel, record
from spire.content.cards import FACTS, Kind
from spire.heuristic.battle import (
    fingerprint,
    forget,
    is_on,
    list_actions,
    mixed,
    perform,
    scramble,
)
from spire.heuristic.reflex import play_on, quick_pick
from spire.heuristic.tiers import POTION_WORTH
from spire.ids import MonsterPower as M
from spire.ids import PlayerPower as P
from spire.rng import STREAMS
from spire.state import Fight, Screen

u64 = np.uint64

NODES = 400
"""The most situations of a turn that are thought of."""
_PLANS = 12
"""How many plans are played out."""
_TRIES, _HARD_TRIES = 4, 8
"""How often each of them is, at first (elites and bosses: the second); those that are left then, twice as
often, and so on."""
_FINALISTS = 2
"""With so many plans left, the best on average is taken."""
_TABLE = 4096
_ACTIONS = 96
_TURNS = 30
"""How many turns a fight is played on in thought."""
_TURN = 0.2
"""What a turn costs, in HP: what is sure need not wait."""

SPACE = record(
    [
        ("seen", np.uint64, (_TABLE,)),
        ("parent", np.int32, (NODES,)),
        ("action", np.int16, (NODES,)),
        ("chance", np.int8, (NODES,)),
        ("rough", np.float64, (NODES,)),
        ("actions", np.int16, (_ACTIONS,)),
        ("best", np.int32, (_PLANS,)),
        ("total", np.float64, (_PLANS,)),
        ("plan", np.int16, (64,)),
        ("plan_words", np.uint64, (64,)),
        ("plan_count", np.int16),
        ("plan_next", np.int16),
    ]
)
"""Where a search notes what it does; the games it thinks of stand in an array of `NODES` + 1 beside it."""


@kernel
def _draws_made(game: Any) -> Any:
    """Return how many draws all streams have made."""
    total = 0
    for stream in range(STREAMS):
        total += int(game.counts[stream])
    return total


@kernel
def health_worth(game: Any) -> Any:
    """Return what the HP and the potions after a fight are worth, in points of HP."""
    hp = float(game.hp)
    value = hp - 0.45 * max(30.0 - hp, 0.0) + 1.0 * float(game.max_hp)
    for slot in range(game.potion_slots):
        value += POTION_WORTH[game.potions[slot]]
    value += 0.06 * (float(game.gold) + float(max(game.combat.stolen_gold, 0)))
    return value


@kernel
def standing_worth(game: Any) -> Any:
    """Return a rough measure of how a fight that goes on stands, in points of HP."""
    combat = game.combat
    value = health_worth(game)
    powers = combat.powers
    pace = 13.0 + 2.2 * float(powers[P.STRENGTH]) - (2.0 if powers[P.WEAK] > 0 else 0.0)
    pace += 4.0 * float(powers[P.DEMON_FORM]) + 0.6 * float(powers[P.COMBUST])
    pace = max(pace, 5.0)
    ahead = 0.0
    time = 0.0
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        if not is_target(monster):
            continue
        life = float(monster.hp) + 0.6 * float(monster.block)
        vulnerable = float(monster.powers[M.VULNERABLE])
        life -= min(vulnerable * 4.0, 0.3 * life)
        time += life / pace
        strength = float(monster.powers[M.STRENGTH])
        hit = 7.0 + 1.3 * strength + 0.7 * time * float(monster.powers[M.RITUAL])
        hit -= min(float(monster.powers[M.WEAK]), time) * 0.2 * hit / max(time, 1.0)
        if powers[P.VULNERABLE] > 0:
            hit += 1.5
        ahead += 0.55 * max(hit, 1.0) * (0.5 + time)
    guard = float(powers[P.DEXTERITY]) * 1.5 + float(powers[P.METALLICIZE])
    guard += 0.8 * float(powers[P.PLATED_ARMOR]) + 1.0 * float(powers[P.THORNS])
    guard += 0.6 * float(powers[P.FEEL_NO_PAIN]) + 2.0 * float(powers[P.BARRICADE])
    guard += 1.0 * float(powers[P.DARK_EMBRACE]) + 0.7 * float(powers[P.EVOLVE])
    guard += 2.5 * float(powers[P.BERSERK]) + float(powers[P.BRUTALITY])
    guard += 3.0 * float(powers[P.CORRUPTION]) + 0.6 * float(powers[P.JUGGERNAUT])
    ahead -= min(0.9 * ahead, guard * (0.5 + time))
    value -= ahead
    for k in range(combat.discard_count):
        if FACTS[game.reference, combat.cards[combat.discard[k]].id].kind == Kind.STATUS:
            value -= 0.8
    return value


@kernel
def outcome_worth(game: Any) -> Any:
    """Return what a fight that was played out in thought has come to."""
    combat = game.combat
    if combat.boss:
        if combat.fight == Fight.WON:
            return 100.0 + 0.15 * float(game.hp)
        left = 0.0
        for m in range(combat.monster_count):
            if is_target(combat.monsters[m]):
                left += float(combat.monsters[m].hp)
        if is_on(game):
            return 30.0 + 0.2 * float(game.hp) - 0.08 * left
        value = -0.12 * left
        for slot in range(game.potion_slots):
            if game.potions[slot]:
                value += 0.2
        return value
    if combat.fight == Fight.WON:
        return health_worth(game)
    if combat.fight == Fight.FLED:
        return health_worth(game) - 12.0
    if is_on(game):
        return standing_worth(game)
    left = 0.0
    for m in range(combat.monster_count):
        if is_target(combat.monsters[m]):
            left += float(combat.monsters[m].hp)
    return -35.0 + float(game.max_hp) - 0.1 * left


@kernel
def _insert(space: Any, word: Any) -> Any:
    """Put a word into the table of what was seen; return whether it is new."""
    place = np.int64(word % u64(_TABLE))
    while space.seen[place] != u64(0):
        if space.seen[place] == word:
            return False
        place = (place + 1) % _TABLE
    space.seen[place] = word
    return True


@kernel
def _grow(nodes: Any, space: Any) -> Any:
    """Grow the tree of plans below node 0; return how many nodes there are."""
    for place in range(_TABLE):
        space.seen[place] = u64(0)
    count = 1
    space.parent[0] = -1
    space.action[0] = -1
    space.chance[0] = 0
    _insert(space, fingerprint(nodes[0]))
    first = 0
    while first < count < NODES:
        node = nodes[first]
        if space.chance[first] == 0 and is_on(node):
            found = list_actions(node, space.actions, True)
            draws, pile = _draws_made(node), int(node.combat.draw_count)
            for a in range(found):
                if count >= NODES:
                    break
                nodes[count] = node
                child = nodes[count]
                perform(child, int(space.actions[a]))
                if not _insert(space, fingerprint(child)):
                    continue
                space.parent[count] = first
                space.action[count] = space.actions[a]
                moved = _draws_made(child) != draws or int(child.combat.draw_count) < pile
                space.chance[count] = 1 if moved else 0
                count += 1
        first += 1
    return count


@kernel
def _play_plan(nodes: Any, space: Any, k: Any, salt: Any, turns: Any) -> Any:
    """Carry plan `k` out and play on for some turns, with the luck of a salt; return what it comes to.

    A plan that ends in chance draws again, and the rest of its turn is played by quick choices.
    """
    scratch = nodes[NODES]
    chance = space.chance[k] != 0
    nodes[NODES] = nodes[int(space.parent[k])] if chance else nodes[k]
    scramble(scratch, salt)
    first = int(scratch.combat.turn)
    if chance:
        perform(scratch, int(space.action[k]))
    elif is_on(scratch) and scratch.screen == Screen.COMBAT:
        perform(scratch, END_TURN)
    if scratch.combat.turn == first:
        play_on(scratch, 1)
    play_on(scratch, turns)
    return outcome_worth(scratch) - _TURN * (int(scratch.combat.turn) - first)


@kernel
def search(game: Any, nodes: Any, space: Any) -> Any:
    """Return what to do in a fight."""
    word = fingerprint(game)
    if space.plan_next < space.plan_count and space.plan_words[space.plan_next] == word:
        space.plan_next += 1
        return int(space.plan[space.plan_next - 1])
    space.plan_count = 0
    space.plan_next = 0
    nodes[0] = game
    # Nothing of the game's luck comes along: all is drawn anew from what the player sees.
    salt = mixed(word)
    forget(nodes[0])
    scramble(nodes[0], salt)
    count = _grow(nodes, space)
    asked = game.screen != Screen.COMBAT
    for k in range(count):
        space.rough[k] = _play_plan(nodes, space, k, salt, 0)
        # A selection that is open cannot be the end of a plan, unless chance goes on with it.
        if nodes[k].screen != Screen.COMBAT and is_on(nodes[k]) and not space.chance[k]:
            space.rough[k] -= 1000.0
    if asked:
        # Something has to be selected: to do nothing is no plan.
        if count == 1:
            return quick_pick(game)
        space.rough[0] = -1.0e5
    plans = min(_PLANS, count - 1 if asked else count)
    for p in range(plans):
        best = -1
        for k in range(count):
            if best < 0 or space.rough[k] > space.rough[best]:
                best = k
        space.best[p] = best
        space.total[p] = 0.0
        space.rough[best] -= 1.0e6
    if plans > 1:
        tries = _HARD_TRIES if game.combat.elite or game.combat.boss else _TRIES
        done = 0
        while True:
            for p in range(plans):
                for t in range(tries):
                    space.total[p] += _play_plan(
                        nodes, space, int(space.best[p]), mixed(salt + u64(done + t)), _TURNS
                    )
            done += tries
            # The better half goes on, and is tried more.
            for p in range(plans):
                for q in range(p + 1, plans):
                    if space.total[q] > space.total[p]:
                        held, other = space.total[p], space.best[p]
                        space.total[p], space.best[p] = space.total[q], space.best[q]
                        space.total[q], space.best[q] = held, other
            if plans <= _FINALISTS:
                break
            plans = (plans + 1) // 2 if plans > 3 else plans - 1
            tries = tries * 2 if tries < 16 else tries
    k = int(space.best[0])
    if k == 0:
        return END_TURN
    length = 0
    at = k
    while at > 0:
        length += 1
        at = int(space.parent[at])
    at = k
    for place in range(length - 1, -1, -1):
        space.plan[place] = space.action[at]
        at = int(space.parent[at])
        space.plan_words[place] = fingerprint(nodes[at])
    space.plan_count = length
    if not space.chance[k] and nodes[k].screen == Screen.COMBAT and is_on(nodes[k]) and length < 63:
        space.plan[length] = END_TURN
        space.plan_words[length] = fingerprint(nodes[k])
        space.plan_count = length + 1
    space.plan_next = 1
    return int(space.plan[0])

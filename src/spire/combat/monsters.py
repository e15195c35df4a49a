"""Monsters: which there are, what they choose to do, what that does, and what they do when they are hurt.

Moves and choices are read from the tables of `spire.content.monsters`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.arrays import fill
from spire.combat.effects import PLAYER, Op, Pile, fail, push, push_top
from spire.combat.piles import upgrade_card
from spire.combat.powers import gain_monster_power, lose_monster_power, remove_monster_power
from spire.compiled import kernel
from spire.content.groups import GROUP_LINES, LINES, Way
from spire.content.monsters import (
    KIND_FACTS,
    KIND_LEVELS,
    MOVE_FACTS,
    OWN_NUMBERS,
    ROWS,
    STEPS,
)
from spire.content.moves import CONDITIONS, Check, Draw, Own, Roll, Verb
from spire.ids import BurningBuff, Card, Monster, Move, PlayerPower, Relic
from spire.ids import MonsterPower as M
from spire.linked import linked
from spire.owned import owns
from spire.rng import Stream
from spire.rounding import half_up
from spire.state import MONSTERS, Fault
from spire.streams import draw_between, draw_chance, draw_coin, draw_int

DEFENSIVE_BLOCK = 20
THRESHOLD_STEP = 10
"""How much more it takes each time to drive the Guardian into its defensive mode."""
SLEEPING_METALLICIZE = 8
"""What Lagavulin loses as it wakes."""

_QUARTER = np.float32(0.25)

BURNING = np.zeros((2, len(BurningBuff), 2), dtype=np.int16)
"""The buff of a burning elite, by `reference`: so much for each act, and so much more."""
BURNING[:, BurningBuff.STRENGTH] = (1, 1), (1, 0)
BURNING[:, BurningBuff.METALLICIZE] = 2, 2
BURNING[:, BurningBuff.REGENERATE] = 2, 1


@kernel
def spawn(game: Any, encounter: Any) -> None:
    """Fill the combat with the monsters of an encounter: their kinds, HP and own numbers."""
    combat = game.combat
    combat.encounter = encounter
    group = GROUP_LINES[encounter]
    m = 0
    heads = False
    for k in range(group.first_line, group.end_line):
        line = LINES[k]
        if line.way == Way.PICK:
            m -= int(line.count)
            kept = m + draw_int(game, Stream.MISC, int(line.count) - 1)
            _move_place(combat.monsters[m], combat.monsters[kept])
            m += 1
            continue
        if line.way == Way.TOSS:
            heads = draw_coin(game, Stream.MISC)
        # A bit for every monster that is out of the bag.
        taken = 0
        for drawn in range(line.count):
            kind = int(line.first)
            if line.way == Way.BAG:
                left = draw_int(game, Stream.MISC, int(line.bag_count) - 1 - drawn)
                place = 0
                while left > 0 or taken >> place & 1:
                    left -= 1 - (taken >> place & 1)
                    place += 1
                taken |= 1 << place
                kind = int(line.bag[place])
            elif line.way != Way.ONE and not heads:
                kind = int(line.other)
            _make(game, m, kind)
            m += 1
    combat.monster_count = m
    for empty in range(m, MONSTERS):
        _clear(combat.monsters[empty], Monster.INVALID)
    if m == 0:
        fail(game, Fault.CONTENT)


@kernel
def _clear(monster: Any, kind: Any) -> None:
    """Make a place a new monster of that kind, or an empty one."""
    monster.id = kind
    monster.hp = 0
    monster.max_hp = 0
    monster.block = 0
    monster.move = 0
    monster.last = 0
    monster.before_last = 0
    monster.moves = 0
    fill(monster.misc, 0)
    fill(monster.powers, 0)
    fill(monster.fresh, 0)
    monster.order_count = 0
    there = kind != Monster.INVALID
    monster.used = there
    monster.dead = not there
    monster.half_dead = 0
    monster.escaped = 0


@kernel
def _move_place(target: Any, source: Any) -> None:
    """Let a monster that has only been made stand elsewhere."""
    target.id = source.id
    target.hp = source.hp
    target.max_hp = source.max_hp
    for k in range(OWN_NUMBERS):
        target.misc[k] = source.misc[k]


@kernel
def _make(game: Any, m: Any, kind: Any) -> None:
    """Make a new monster, with all it rolls for itself."""
    monster = game.combat.monsters[m]
    _clear(monster, kind)
    level = KIND_LEVELS[game.ascension, kind]
    monster.hp = draw_between(game, Stream.MONSTER_HP, level.low, level.high)
    monster.max_hp = monster.hp
    for k in range(OWN_NUMBERS):
        monster.misc[k] = level.own[k]
    rolled = int(KIND_FACTS[kind].rolled)
    if rolled >= 0:
        monster.misc[rolled] = draw_between(
            game, Stream.MONSTER_HP, level.rolled_low, level.rolled_high
        )


@kernel
def choose_opening(game: Any) -> None:
    """Let every monster roll its first move."""
    for m in range(game.combat.monster_count):
        roll_move(game, m)


@kernel
def pre_battle(game: Any) -> None:
    """Give every monster what it begins a fight with."""
    combat = game.combat
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        facts = KIND_FACTS[monster.id]
        for k in range(facts.first_step, facts.end_step):
            step = STEPS[game.ascension, k]
            if step.fight and step.fight != combat.encounter:
                continue
            amount = int(step.amount)
            if step.verb == Verb.BLOCK:
                monster.block += amount
                continue
            if step.verb == Verb.GAIN_ROLLED:
                amount = draw_between(game, Stream.MONSTER_HP, step.amount, step.times)
            gain_monster_power(game, m, step.what, amount, m)


@kernel
def burn(game: Any, buff: Any) -> None:
    """Give every monster what a burning elite has more than others."""
    combat = game.combat
    row = BURNING[game.reference, buff]
    amount = int(row[0]) * int(game.act) + int(row[1])
    for m in range(combat.monster_count):
        monster = combat.monsters[m]
        if buff == BurningBuff.MAX_HP:
            more = half_up(np.float32(monster.max_hp) * _QUARTER)
            monster.max_hp += more
            monster.hp += more
        elif buff == BurningBuff.STRENGTH:
            gain_monster_power(game, m, M.STRENGTH, amount, m)
        elif buff == BurningBuff.METALLICIZE:
            gain_monster_power(game, m, M.METALLICIZE, amount, m)
        else:
            gain_monster_power(game, m, M.REGEN, amount, m)


@kernel
def set_move(monster: Any, move: Any) -> None:
    """Let a monster intend a move."""
    monster.before_last = monster.last
    monster.last = move
    monster.move = move
    monster.moves += 1


@kernel
def roll_move(game: Any, m: Any) -> None:
    """Let a monster roll its next move."""
    roll = draw_int(game, Stream.AI, 99)
    monster = game.combat.monsters[m]
    set_move(monster, _read_rows(game, m, KIND_FACTS[monster.id].row, roll))


@kernel
def _read_rows(game: Any, m: Any, first: Any, roll: Any) -> Any:
    """Return the move of the first row that fits, from row `first` on."""
    k = int(first)
    while True:
        row = ROWS[k]
        fits = True
        for c in range(CONDITIONS):
            condition = row.conditions[c]
            if condition.check == Check.NONE:
                break
            if _holds(game, m, condition, roll) != (condition.wanted != 0):
                fits = False
                break
        if fits:
            if row.draw == Draw.NONE:
                return int(row.first)
            if row.draw == Draw.COIN:
                return int(row.first) if draw_coin(game, Stream.AI) else int(row.other)
            drawn = draw_chance(game, Stream.AI, row.chance)
            return int(row.first) if drawn else int(row.other)
        k += 1


@kernel
def _holds(game: Any, m: Any, condition: Any, roll: Any) -> Any:
    """Return whether what a condition asks is so."""
    monster = game.combat.monsters[m]
    check = condition.check
    value = condition.value
    if check == Check.ROLL_BELOW:
        return bool(roll < value)
    if check == Check.LAST:
        return bool(monster.last == value)
    if check == Check.TWICE:
        return bool(monster.last == value and monster.before_last == value)
    if check == Check.ASCENSION:
        return bool(game.ascension >= value)
    if check == Check.FIRST:
        return bool(monster.moves == 0)
    if check == Check.OWN:
        return bool(monster.misc[condition.own] >= value)
    if check == Check.POWER:
        return bool(monster.powers[value] != 0)
    if check == Check.ODD_PLACE:
        return bool(m % 2 == 1)
    if check == Check.FIGHT:
        return bool(game.combat.encounter == value)
    return _others(game, m) == 0


@kernel
def _lives(monster: Any) -> Any:
    return bool(monster.used and not (monster.dead or monster.half_dead or monster.escaped))


@kernel
def _others(game: Any, m: Any) -> Any:
    """Return how many other monsters live."""
    count = 0
    for other in range(game.combat.monster_count):
        if other != m and _lives(game.combat.monsters[other]):
            count += 1
    return count


@kernel
def take_turn(game: Any, m: Any) -> None:
    """Queue what monster `m` does in its turn."""
    monster = game.combat.monsters[m]
    move = int(monster.move)
    act = MOVE_FACTS[move]
    for k in range(act.first_step, act.end_step):
        step = STEPS[game.ascension, k]
        verb = step.verb
        amount, what, own = int(step.amount), int(step.what), int(step.own)
        if verb == Verb.HIT:
            base = int(monster.misc[own]) if own >= 0 else amount
            for _ in range(step.times):
                push(game, Op.MONSTER_ATTACK, PLAYER, -1, base, 0, m)
        elif verb == Verb.BLOCK:
            push(game, Op.MONSTER_BLOCK, m, amount, 0, 0, m)
        elif verb == Verb.AFFLICT:
            if amount != 0:
                push(game, Op.POWER, PLAYER, amount, what, 0, m)
        elif verb == Verb.GAIN:
            push(game, Op.MONSTER_POWER, m, amount, what, 0, m)
        elif verb == Verb.ADD:
            upgrades = int(monster.misc[own]) if own >= 0 else 0
            push(game, Op.ADD_CARD, Pile.DISCARD, amount, upgrades, what, 0)
        elif verb == Verb.COUNT:
            monster.misc[own] += amount
        elif verb == Verb.SET:
            monster.misc[own] = amount
        elif verb == Verb.DIVIDE:
            monster.misc[own] = int(game.hp) // amount + 1
        elif verb == Verb.LOSE:
            push(game, Op.MONSTER_LOSES, m, 0, what, 0, m)
        elif verb == Verb.STEAL:
            push(game, Op.STEAL, m, amount, 0, 0, m)
        elif verb == Verb.ESCAPE:
            push(game, Op.ESCAPE, m, 0, 0, 0, m)
        elif verb == Verb.GUARD:
            push(game, Op.GUARD, m, amount, 0, 0, m)
        elif verb == Verb.WAKE:
            if monster.misc[Own.SLEPT] >= amount:
                push(game, Op.WAKE, m, 0, 0, 0, m)
        elif verb == Verb.OPEN:
            push(game, Op.OFFENSIVE_MODE, m, 0, 0, 0, m)
        elif verb == Verb.KINDLE:
            push(game, Op.KINDLE, m, 0, 0, 0, m)
            push(game, Op.ADD_CARD, Pile.DISCARD, amount, 1, Card.BURN, 0)
        elif verb == Verb.SPLIT:
            push(game, Op.SPLIT, m, amount, what, step.times, m)
    if act.roll == Roll.NEXT:
        set_move(monster, _read_rows(game, m, act.row, 0))
    elif act.roll != Roll.NONE:
        push(game, Op.CHOOSE_MOVE, m, 0, move, 0, m)


@linked()
def resolve_monster(
    game: Any, op: Any, target: Any, amount: Any, arg: Any, card: Any, source: Any
) -> None:
    """Let an effect of those that are monsters' (`Op` 60 to 79) happen."""
    combat = game.combat
    monster = combat.monsters[target]
    if op == Op.CHOOSE_MOVE:
        if MOVE_FACTS[arg].roll == Roll.IDLE:
            draw_int(game, Stream.AI, 99)
            set_move(monster, _read_rows(game, target, MOVE_FACTS[arg].row, 0))
        else:
            roll_move(game, target)
    elif op == Op.SET_MOVE:
        if amount == 1:
            draw_int(game, Stream.AI, 99)
        set_move(monster, arg)
    elif op == Op.SPLIT:
        _split(game, target, arg, card, amount)
    elif op == Op.ESCAPE:
        monster.escaped = 1
        combat.stolen_gold -= monster.misc[Own.STOLEN]
    elif op == Op.STEAL:
        gold = min(int(amount), int(game.gold))
        game.gold -= gold
        monster.misc[Own.STOLEN] += gold
        combat.stolen_gold += gold
    elif op == Op.GUARD:
        guarded = target
        others = _others(game, target)
        if others > 0:
            left = draw_int(game, Stream.AI, others - 1)
            for other in range(combat.monster_count):
                if other != target and _lives(combat.monsters[other]):
                    if left == 0:
                        guarded = other
                    left -= 1
        push_top(game, Op.MONSTER_BLOCK, guarded, amount, 0, 0, source)
    elif op == Op.MONSTER_LOSES:
        remove_monster_power(game, target, arg)
    elif op == Op.WAKE:
        _wake(game, target)
    elif op == Op.DEFENSIVE_MODE:
        monster.misc[Own.THRESHOLD] += THRESHOLD_STEP
        set_move(monster, Move.THE_GUARDIAN_DEFENSIVE_MODE)
        push(game, Op.MONSTER_BLOCK, target, DEFENSIVE_BLOCK, 0, 0, target)
    elif op == Op.OFFENSIVE_MODE:
        gain_monster_power(game, target, M.MODE_SHIFT, monster.misc[Own.THRESHOLD], target)
        monster.block = 0
    elif op == Op.KINDLE:
        for k in range(combat.draw_count):
            if combat.cards[combat.draw[k]].id == Card.BURN:
                upgrade_card(game, combat.draw[k])
        for k in range(combat.discard_count):
            if combat.cards[combat.discard[k]].id == Card.BURN:
                upgrade_card(game, combat.discard[k])


@kernel
def _wake(game: Any, m: Any) -> None:
    if game.combat.monsters[m].powers[M.ASLEEP]:
        remove_monster_power(game, m, M.ASLEEP)
        lose_monster_power(game, m, M.METALLICIZE, SLEEPING_METALLICIZE)


@kernel
def _split(game: Any, m: Any, left: Any, right: Any, idle_rolls: Any) -> None:
    """Put two monsters with the HP it has in the place of one."""
    combat = game.combat
    hp = int(combat.monsters[m].hp)
    # The halves of the boss leave each other room for halves of their own.
    other = m + 2 if combat.monsters[m].id == Monster.SLIME_BOSS else m + 1
    for half in range(2):
        place = m if half == 0 else other
        monster = combat.monsters[place]
        _clear(monster, left if half == 0 else right)
        monster.hp = hp
        monster.max_hp = hp
        combat.monster_count = max(int(combat.monster_count), place + 1)
        if owns(game, Relic.PHILOSOPHERS_STONE):
            gain_monster_power(game, place, M.STRENGTH, 1, place)
        roll_move(game, place)
    # Nothing says what these are for, but a large slime's split is seen to cost them.
    for _ in range(idle_rolls):
        draw_int(game, Stream.AI, 99)
    combat.monster_next = max(int(combat.monster_next), other + 1)


@kernel
def hp_lost(game: Any, m: Any, amount: Any) -> None:
    """Let a monster that has lost HP, and still lives, do what it does then."""
    monster = game.combat.monsters[m]
    if monster.powers[M.ASLEEP]:
        # It goes on with the move of its sleep for this turn: it is stunned.
        _wake(game, m)
    elif monster.powers[M.MODE_SHIFT] > 0:
        lose_monster_power(game, m, M.MODE_SHIFT, amount)
        if monster.powers[M.MODE_SHIFT] == 0:
            push(game, Op.DEFENSIVE_MODE, m, 0, 0, 0, m)
    else:
        move = _split_move(monster.id)
        if move and not monster.misc[Own.SPLITTING] and 2 * int(monster.hp) <= monster.max_hp:
            monster.misc[Own.SPLITTING] = 1
            set_move(monster, move)
            # Once more, behind the roll that may still wait.
            push(game, Op.SET_MOVE, m, 0, move, 0, m)


@kernel
def _split_move(kind: Any) -> Any:
    """Return the move by which a monster splits, or 0 if it cannot."""
    if kind == Monster.ACID_SLIME_L:
        return Move.ACID_SLIME_L_SPLIT
    if kind == Monster.SPIKE_SLIME_L:
        return Move.SPIKE_SLIME_L_SPLIT
    if kind == Monster.SLIME_BOSS:
        return Move.SLIME_BOSS_SPLIT
    return 0


@kernel
def died(game: Any, m: Any) -> None:
    """Let a monster that has died, while others live, do what it does then."""
    spores = game.combat.monsters[m].powers[M.SPORE_CLOUD]
    if spores > 0 and _others(game, m) > 0:
        push_top(game, Op.POWER, PLAYER, spores, PlayerPower.VULNERABLE, 0, m)


@kernel
def intent(game: Any, m: Any) -> Any:
    """Return the base damage and the number of hits of what monster `m` intends; (-1, 0) if no attack."""
    monster = game.combat.monsters[m]
    act = MOVE_FACTS[monster.move]
    for k in range(act.first_step, act.end_step):
        step = STEPS[game.ascension, k]
        if step.verb == Verb.HIT:
            base = int(monster.misc[step.own]) if step.own >= 0 else int(step.amount)
            return base, int(step.times)
    return -1, 0

"""Monster rules: how monsters depart from the game in the reference engine."""

from __future__ import annotations

from typing import Any

from spire.content.cards import Kind
from spire.content.monsters import BOSSES, ELITES, NORMAL
from spire.content.moves import Own, Verb, levels
from spire.ids import Monster, MonsterPower, Move, PlayerPower, Relic
from spire.replay.registry import deviation
from spire.replay.situation import Situation

P, R = PlayerPower, Relic


@deviation("LAGAVULIN_WAKES", "when it has slept enough, it keeps its Metallicize")
def _(s: Situation) -> bool:
    return any(
        before.powers[MonsterPower.ASLEEP]
        and not after.powers[MonsterPower.ASLEEP]
        and after.hp == before.hp
        for before, after in s.pairs(Monster.LAGAVULIN)
    )


@deviation("HEXAGHOST_INFERNO", "it makes no Burns")
def _(s: Situation) -> bool:
    # It counts its infernos as it begins one.
    return any(
        after.hp > 0 and after.misc[Own.INFERNOS] and before.move == Move.HEXAGHOST_INFERNO
        for before, after in s.pairs(Monster.HEXAGHOST)
        if s.ends_turn
    )


@deviation("RED_SLAVER_ENTANGLES", "it does not remember that it has entangled")
def _(s: Situation) -> bool:
    both = (Move.RED_SLAVER_STAB, Move.RED_SLAVER_SCRAPE)
    return any(
        after.misc[Own.ENTANGLED]
        and after.moves > before.moves
        and any(
            roll >= 75
            or (roll >= 55 and not (before.last == before.before_last and before.last in both))
            for roll in s.rolls()
        )
        for before, after in s.pairs(Monster.RED_SLAVER)
    )


@deviation("SLAVERS_A17", "from ascension 17 on, they may do twice what they may do once")
def _(s: Situation) -> bool:
    if s.game.ascension < 17:
        return False
    blue = any(
        before.move == Move.BLUE_SLAVER_RAKE
        and before.before_last != Move.BLUE_SLAVER_RAKE
        and after.moves > before.moves
        and after.move == Move.BLUE_SLAVER_STAB
        and any(roll < 40 for roll in s.rolls())
        for before, after in s.pairs(Monster.BLUE_SLAVER)
    )
    red = any(
        before.move == Move.RED_SLAVER_SCRAPE
        and before.before_last != Move.RED_SLAVER_SCRAPE
        and after.moves > before.moves
        and after.move == Move.RED_SLAVER_STAB
        for before, after in s.pairs(Monster.RED_SLAVER)
    )
    return blue or red


@deviation("GREMLIN_NOB_A18", "from ascension 18 on, it only rushes")
def _(s: Situation) -> bool:
    return s.game.ascension >= 18 and any(
        after.moves > before.moves and after.move == Move.GREMLIN_NOB_SKULL_BASH
        for before, after in s.pairs(Monster.GREMLIN_NOB)
    )


@deviation("ACID_SLIME_A17", "from ascension 17 on, a large one may spit any number of times")
def _(s: Situation) -> bool:
    spit = Move.ACID_SLIME_L_CORROSIVE_SPIT
    return s.game.ascension >= 17 and any(
        s.ends_turn
        and before.move == before.before_last == spit
        and after.moves > before.moves
        and any(roll < 40 for roll in s.rolls())
        for before, after in s.pairs(Monster.ACID_SLIME_L)
    )


@deviation("SPLIT_IN_OWN_MOVE", "a large slime that is halved while it attacks does not split")
def _(s: Situation) -> bool:
    return s.ends_turn and any(
        after.id == before.id
        and after.misc[Own.SPLITTING]
        and not before.misc[Own.SPLITTING]
        and not after.dead
        for kind in (Monster.ACID_SLIME_L, Monster.SPIKE_SLIME_L)
        for before, after in s.pairs(kind)
    )


@deviation("GUARDIAN_AT_TURN_END", "what its shift adds to its block is lost at once")
def _(s: Situation) -> bool:
    burned = s.power(P.COMBUST) or s.power(P.THE_BOMB) or s.owns(R.STONE_CALENDAR)
    if not s.ends_turn or not (burned or any(s.combat.bomb_turns)):
        return False
    return any(after.block for _, after in _shifting(s))


@deviation("GUARDIAN_AT_CHOICE", "it shifts its mode at once, not after the card is done")
def _(s: Situation) -> bool:
    return s.after.combat.task != 0 and any(
        after.move != Move.THE_GUARDIAN_DEFENSIVE_MODE for _, after in _shifting(s)
    )


@deviation(
    "GUARDIAN_IS_HIT", "what its shift adds to its block is there before what a card sets off"
)
def _(s: Situation) -> bool:
    if not s.goes_on or not any(_shifting(s)):
        return False
    drawn = s.shuffles or any(
        s.kind(card.id) in (Kind.STATUS, Kind.CURSE) for card in s.left_draw_pile()
    )
    shielded = bool(s.after.combat.block > s.combat.block)
    return (
        (s.power(P.JUGGERNAUT) > 0 and shielded)
        or (s.power(P.FIRE_BREATHING) > 0 and drawn)
        or s.power(P.SADISTIC) > 0
    )


def _shifting(s: Situation) -> list[tuple[Any, Any]]:
    """Return the Guardian as it was and is, if it shifts into its defensive mode."""
    return [pair for pair in s.loses(MonsterPower.MODE_SHIFT) if pair[0].id == Monster.THE_GUARDIAN]


@deviation("ALL_FLED", "when every monster has fled, there are spoils all the same")
def _(s: Situation) -> bool:
    if not s.ends_turn:
        return False
    count = int(s.combat.monster_count)
    fleeing = (Move.LOOTER_ESCAPE, Move.MUGGER_ESCAPE)
    return all(
        monster.escaped or (monster.move in fleeing and not monster.dead)
        for monster in s.combat.monsters[:count]
        if monster.used
    )


@deviation("ATTACKER_DIES", "a monster that dies while it attacks goes on hitting")
def _(s: Situation) -> bool:
    if not s.ends_turn or not s.power(P.THORNS) + s.power(P.FLAME_BARRIER):
        return False
    return any(after.dead and HITS.get(Move(before.move), 0) > 1 for before, after in s.standing())


HITS = {
    move: sum(levels(step.times)[0] for step in act.steps if step.verb == Verb.HIT)
    for kind in (*NORMAL, *ELITES, *BOSSES)
    for move, act in kind.moves.items()
}
"""How often a move hits."""

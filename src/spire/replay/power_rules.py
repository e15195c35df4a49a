"""Power rules: how powers of the player depart from the game in the reference engine, and its rules of a fight."""

from __future__ import annotations

from typing import Any

from spire.content.cards import FACTS, Kind
from spire.ids import Card, MonsterPower, PlayerPower, Relic
from spire.replay.registry import deviation
from spire.replay.situation import Situation

C, P, R = Card, PlayerPower, Relic


@deviation("RUPTURE", "it does not see the HP lost to Pain and Brutality")
def _(s: Situation) -> bool:
    if not s.power(P.RUPTURE) or not s.goes_on:
        return False
    if s.after.combat.times_damaged == s.combat.times_damaged:
        return False
    return s.pained or (s.next_turn and s.power(P.BRUTALITY) > 0)


@deviation("BUFFER", "HP that is lost, not taken as damage, passes it by")
def _(s: Situation) -> bool:
    if not s.power(P.BUFFER):
        return False
    loses = (C.OFFERING, C.BLOODLETTING, C.HEMOKINESIS, C.JAX)
    if s.plays(*loses) or s.pained:
        return True
    if s.owns(R.BLUE_CANDLE) and s.plays_kind(Kind.CURSE):
        return True
    regret = any(card.id == C.REGRET for card in s.hand)
    return s.ends_turn and (s.power(P.COMBUST) > 0 or s.power(P.BRUTALITY) > 0 or regret)


@deviation("VIGOR_AT_CHOICE", "it is gone at once, not after the card is done")
def _(s: Situation) -> bool:
    attacks = s.plays_kind(Kind.ATTACK)
    return attacks and bool(s.after.combat.task and s.after.combat.powers[P.VIGOR])


@deviation("DARK_EMBRACE", "it draws after the fight is won")
def _(s: Situation) -> bool:
    drawn = s.power(P.DARK_EMBRACE) + (HAND if s.power(P.EVOLVE) else 0)
    if not drawn or not s.over or not s.exhausts_played:
        return False
    combat = s.after.combat
    few = bool(combat.draw_count < drawn and combat.discard_count)
    return few or s.power(P.CONFUSED) > 0


HAND = 10


@deviation("ARTIFACT", "as a turn ends, Dexterity is lost before Strength, whichever came first")
def _(s: Situation) -> bool:
    if not s.ends_turn or s.power(P.ARTIFACT) != 1:
        return False
    order = s.combat.order[: s.combat.order_count].tolist()
    both = P.LOSE_STRENGTH in order and P.LOSE_DEXTERITY in order
    return both and order.index(P.LOSE_STRENGTH) < order.index(P.LOSE_DEXTERITY)


@deviation("FIRE_BREATHING", "Evolve comes before it, whichever was played first")
def _(s: Situation) -> bool:
    # The last hit of a fight may come before or after a draw that shuffles.
    return s.power(P.FIRE_BREATHING) > 0 and s.power(P.EVOLVE) > 0 and s.over and s.shuffles


# The bounds of a fight.


@deviation("BLOCK_CAP", "block goes on beyond 999")
def _(s: Situation) -> bool:
    return s.goes_on and bool(s.after.combat.block >= CAP)


CAP = 999


@deviation("DEADLOCK", "a fight is lost with no card left, and after 500 turns")
def _(s: Situation) -> bool:
    if not s.goes_on:
        return False
    combat = s.after.combat
    if combat.turn >= TURNS or not combat.hand_count + combat.draw_count + combat.discard_count:
        return True
    return s.ends_turn and not s.draw and not s.discard and all(map(_is_ethereal, s.hand))


TURNS = 500


def _is_ethereal(card: Any) -> bool:
    return bool(FACTS[1, card.id].ethereal[1 if card.upgrades else 0])


# Monsters' powers that cards set off.


@deviation("ANGRY", "it is set off by attacks that are blocked, or do nothing")
def _(s: Situation) -> bool:
    attacks = [one.card for one in s.played if s.kind(one.card) == Kind.ATTACK]
    if not attacks:
        return False
    many = len(attacks) > 1 or s.copies or any(card in SEVERAL_HITS for card in attacks)
    weak = s.power(P.STRENGTH) < 0 or any(card in NO_DAMAGE for card in attacks)
    for before, after in s.standing():
        if not before.powers[MonsterPower.ANGRY] or after.dead:
            continue
        blocked = before.block and after.block < before.block
        if blocked and (many or after.hp == before.hp):
            return True
        if weak and (many or after.hp == before.hp):
            return True
    return False


SEVERAL_HITS = (C.FIEND_FIRE, C.PUMMEL, C.SWORD_BOOMERANG, C.TWIN_STRIKE, C.WHIRLWIND)
NO_DAMAGE = (C.BODY_SLAM, C.MIND_BLAST)
"""Attacks that may do no damage at all."""

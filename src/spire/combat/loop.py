"""Loop: a combat runs until it needs the player, or is over."""

from __future__ import annotations

from typing import Any

from spire.combat.effects import PLAYER, Op, PlayKind, push
from spire.combat.play import serve_play
from spire.combat.resolve import resolve
from spire.combat.turns import end_turn, mark_end, next_monster, serve_end_card
from spire.compiled import kernel
from spire.ids import PlayerPower as P
from spire.ids import Relic as R
from spire.linked import linked
from spire.owned import owns
from spire.state import Fight, Outcome


@linked()
def run(game: Any) -> None:
    """Let everything that waits happen, in the order of service, until the player is asked or it is over."""
    combat = game.combat
    while combat.task == 0 and combat.fight != Fight.LOST and game.outcome == Outcome.NONE:
        if combat.effect_count > 0:
            resolve(game)
        elif combat.fight != Fight.ON:
            return
        elif combat.play_count > 0:
            kind = combat.plays[0].kind
            if kind == PlayKind.END_TURN:
                _drop_play(combat)
                mark_end(game)
            elif kind == PlayKind.END_TURN_CARD:
                c = int(combat.plays[0].card)
                _drop_play(combat)
                serve_end_card(game, c)
            else:
                serve_play(game)
        elif combat.phase == 1:
            next_monster(game)
        elif combat.end_requested:
            end_turn(game)
        elif (
            combat.hand_count == 0
            and combat.draw_count + combat.discard_count > 0
            and combat.powers[P.NO_DRAW] == 0
            and owns(game, R.UNCEASING_TOP)
        ):
            push(game, Op.DRAW, PLAYER, 1, 0, 0, 0)
        else:
            return


@kernel
def _drop_play(combat: Any) -> None:
    combat.play_count -= 1
    for k in range(combat.play_count):
        entry, behind = combat.plays[k], combat.plays[k + 1]
        entry.card = behind.card
        entry.target = behind.target
        entry.energy = behind.energy
        entry.kind = behind.kind
        entry.exhausts = behind.exhausts

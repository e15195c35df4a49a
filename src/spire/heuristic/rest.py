"""Rest: what to do at a rest site."""

from __future__ import annotations

from typing import Any

from spire.actions import PROCEED, option_action
from spire.linked import linked
from spire.maps import ROWS
from spire.run.rest import RestOption, can_rest


@linked()
def choose_rest(game: Any) -> Any:
    """Return what to do at a rest site."""
    share = float(game.hp) / float(game.max_hp)
    last = game.y == ROWS - 1
    tired = share < (0.7 if last else 0.5)
    order = (
        (RestOption.REST, RestOption.DIG, RestOption.SMITH, RestOption.LIFT, RestOption.TOKE)
        if tired
        else (RestOption.DIG, RestOption.LIFT, RestOption.SMITH, RestOption.TOKE, RestOption.REST)
    )
    for option in order:
        if can_rest(game, option):
            return option_action(game, option)
    if can_rest(game, RestOption.RECALL):
        return option_action(game, RestOption.RECALL)
    return PROCEED

"""Rest: what a rest site offers."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.codes import Codes
from spire.compiled import kernel
from spire.ids import Relic
from spire.linked import linked
from spire.owned import counter, owns, set_counter
from spire.run.picks import Purpose, any_pick, open_pick
from spire.run.relics import roll_tier, take_relic
from spire.run.rewards import add_reward, clear_rewards, draw_cards, show_cards, show_rewards
from spire.run.screens import turn_to
from spire.run.vitals import heal
from spire.state import Reward, Screen

_SHARE = np.float32(0.3)
_PILLOW = 15
_LIFTS = 3


class RestOption(Codes):
    """What can be done at a rest site."""

    REST = 0
    SMITH = 1
    LIFT = 2
    TOKE = 3
    DIG = 4
    RECALL = 5


@kernel
def enter_rest(game: Any) -> None:
    """Set up a rest site."""
    game.screen = Screen.REST


@kernel
def can_rest(game: Any, option: Any) -> Any:
    """Return whether something can be done at this rest site."""
    if option == RestOption.REST:
        return not owns(game, Relic.COFFEE_DRIPPER)
    if option == RestOption.SMITH:
        return not owns(game, Relic.FUSION_HAMMER) and any_pick(game, Purpose.UPGRADE)
    if option == RestOption.LIFT:
        return owns(game, Relic.GIRYA) and counter(game, Relic.GIRYA) < _LIFTS
    if option == RestOption.TOKE:
        return owns(game, Relic.PEACE_PIPE) and any_pick(game, Purpose.REMOVE)
    if option == RestOption.DIG:
        return owns(game, Relic.SHOVEL)
    return not game.ruby_key


@linked()
def rest(game: Any, option: Any) -> None:
    """Do something at a rest site, and leave it."""
    if option == RestOption.REST:
        bonus = _PILLOW if owns(game, Relic.REGAL_PILLOW) else 0
        heal(game, int(np.float32(game.max_hp) * _SHARE) + bonus)
        turn_to(game, Screen.MAP)
        if owns(game, Relic.DREAM_CATCHER):
            clear_rewards(game)
            draw_cards(game)
            show_cards(game, Screen.MAP)
    elif option == RestOption.SMITH:
        open_pick(game, Purpose.UPGRADE, 1, Screen.MAP)
    elif option == RestOption.TOKE:
        open_pick(game, Purpose.REMOVE, 1, Screen.MAP)
    elif option == RestOption.DIG:
        clear_rewards(game)
        add_reward(game, Reward.RELIC, take_relic(game, roll_tier(game, False)))
        show_rewards(game, Screen.MAP)
    else:
        if option == RestOption.LIFT:
            set_counter(game, Relic.GIRYA, counter(game, Relic.GIRYA) + 1)
        else:
            game.ruby_key = 1
        turn_to(game, Screen.MAP)


@kernel
def leave_rest(game: Any) -> None:
    """Leave a rest site where nothing can be done."""
    turn_to(game, Screen.MAP)

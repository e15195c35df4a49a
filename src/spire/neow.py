"""Neow: the four options before the first act."""

from __future__ import annotations

from typing import Any

import numpy as np

from spire.arrays import fill
from spire.compiled import kernel, record
from spire.ids import NeowBonus, NeowDrawback
from spire.rng import random_int, random_int_between

B, D = NeowBonus, NeowDrawback

FIRST = (
    B.THREE_CARDS,
    B.ONE_RANDOM_RARE_CARD,
    B.REMOVE_CARD,
    B.UPGRADE_CARD,
    B.TRANSFORM_CARD,
    B.RANDOM_COLORLESS,
)
"""The first option is one of these."""

SECOND = (
    B.THREE_SMALL_POTIONS,
    B.RANDOM_COMMON_RELIC,
    B.TEN_PERCENT_HP_BONUS,
    B.THREE_ENEMY_KILL,
    B.HUNDRED_GOLD,
)
"""The second option is one of these."""

DRAWBACKS = {
    D.TEN_PERCENT_HP_LOSS: B.TWENTY_PERCENT_HP_BONUS,
    D.NO_GOLD: B.TWO_FIFTY_GOLD,
    D.CURSE: B.REMOVE_TWO,
    D.PERCENT_DAMAGE: B.INVALID,
}
"""The third option costs one of these, and then does not give the bonus beside it."""

THIRD = (
    B.RANDOM_COLORLESS_2,
    B.REMOVE_TWO,
    B.ONE_RARE_RELIC,
    B.THREE_RARE_CARDS,
    B.TWO_FIFTY_GOLD,
    B.TRANSFORM_TWO_CARDS,
    B.TWENTY_PERCENT_HP_BONUS,
)
"""The third option is one of these, for a drawback."""

_FIRST, _SECOND, _THIRD = (np.array(list(row), dtype=np.int16) for row in (FIRST, SECOND, THIRD))
_DRAWBACKS = np.array(list(DRAWBACKS.items()), dtype=np.int16)

OPTIONS = record([("bonus", np.int16, (4,)), ("drawback", np.int16, (4,))])
"""The four options, as codes of `NeowBonus` and `NeowDrawback`."""


@kernel
def draw_options(options: Any, words: Any, counts: Any, stream: Any) -> None:
    """Fill in the options (a record of `OPTIONS`) from a stream just seeded with the seed: five draws."""
    fill(options.drawback, NeowDrawback.NONE)
    options.bonus[0] = _FIRST[random_int_between(words, counts, stream, 0, _FIRST.size - 1)]
    options.bonus[1] = _SECOND[random_int_between(words, counts, stream, 0, _SECOND.size - 1)]
    drawn = random_int_between(words, counts, stream, 0, len(_DRAWBACKS) - 1)
    options.drawback[2] = _DRAWBACKS[drawn, 0]
    withheld = _DRAWBACKS[drawn, 1]
    offered = 0
    for bonus in _THIRD:
        offered += bonus != withheld
    drawn = random_int_between(words, counts, stream, 0, offered - 1)
    for bonus in _THIRD:
        if bonus != withheld:
            if drawn == 0:
                options.bonus[2] = bonus
            drawn -= 1
    # The game draws for the last option too, from a list of one.
    random_int(words, counts, stream, 0)
    options.bonus[3] = NeowBonus.BOSS_RELIC
    options.drawback[3] = NeowDrawback.LOSE_STARTER_RELIC

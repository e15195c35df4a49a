"""Prefetch: telling the processor which game comes next, while this one is played.

A game is larger than the nearest cache, and a batch larger than the next: without a word the processor would
wait for each part of it in turn. What is asked for is what nearly every action looks at; it changes no game.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from spire.state import CARD, COMBAT, DECK_CARD, GAME, MONSTER

_CONFIG: Any = numba.config

_LINE = 64
"""Bytes of a line of the cache."""
_FOR_READING, _KEEP, _DATA = 0, 3, 1
"""What `llvm.prefetch` takes behind the address."""


def _offsets() -> list[int]:
    """Return where in a game the lines begin that most actions need."""
    game = {name: field[1] for name, field in (GAME.fields or {}).items()}
    combat = {name: game["combat"] + field[1] for name, field in (COMBAT.fields or {}).items()}
    parts = (
        (0, game["deck"]),
        (game["deck"], 12 * DECK_CARD.itemsize),
        (game["deck_count"], 24),
        (game["relic_counters"], 24),
        (game["relic_slots"], game["map"] - game["relic_slots"]),
        (game["combat"], combat["cards"] - game["combat"]),
        (combat["cards"], 30 * CARD.itemsize),
        (combat["card_count"], 64),
        (combat["discard"], 24),
        (combat["exhaust"], 24),
        (combat["limbo"], combat["monsters"] - combat["limbo"]),
        (combat["monsters"], 2 * MONSTER.itemsize),
        (combat["monster_count"], 48),
        (combat["effect_first"], 40),
        (combat["offer_count"], game["log"] - combat["offer_count"] + 64),
    )
    return sorted({at for first, size in parts for at in range(first, first + size, _LINE)})


_OFFSETS = _offsets()


def _ignore(game: Any) -> None:
    """Do nothing: plain Python does not see the cache."""


@intrinsic
def _prefetch(_typing: Any, game: Any) -> Any:
    """Ask for the lines of a game, and go on at once."""

    def write(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        byte, word = ir.IntType(8), ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch",
            (byte.as_pointer(),),
            ir.FunctionType(ir.VoidType(), [byte.as_pointer(), word, word, word]),
        )
        start = builder.bitcast(arguments[0], byte.as_pointer())
        for offset in _OFFSETS:
            address = builder.gep(start, [word(offset)])
            builder.call(function, [address, word(_FOR_READING), word(_KEEP), word(_DATA)])
        return context.get_dummy_value()

    return types.none(game), write


prefetch: Any = _ignore if _CONFIG.DISABLE_JIT else _prefetch
"""Ask for the lines of a game that most actions need."""

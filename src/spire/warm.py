"""Warming up: compiling the engine before it is needed, so that somebody can be told how far it is.

Compiled code is kept for the next process, which only loads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from spire.actions import ACTIONS, settle, take, write_mask
from spire.combat.loop import run
from spire.combat.resolve import resolve
from spire.combat.start import begin
from spire.run.events import choose
from spire.run.relics import obtain_relic
from spire.run.rooms import go
from spire.run.spoils import after_combat
from spire.run.start import new_run
from spire.state import empty

_CONFIG: Any = numba.config
_NUMBER = numba.int64


def warm_up(progress: Callable[[int, int], None] = lambda _done, _of: None) -> None:
    """Compile all that a game needs, or load it; `progress` is told how many parts of how many are done."""
    if _CONFIG.DISABLE_JIT:
        return
    game = numba.typeof(empty(1)[0])
    mask = numba.typeof(np.zeros(ACTIONS, dtype=np.bool_))
    # What is called comes before what calls it: each part is compiled once, and then shared.
    parts: tuple[tuple[Any, tuple[Any, ...]], ...] = (
        (new_run, (game, numba.uint64, _NUMBER)),
        (resolve, (game,)),
        (run, (game,)),
        (begin, (game,)),
        (obtain_relic, (game, _NUMBER)),
        (after_combat, (game,)),
        (choose, (game, _NUMBER)),
        (go, (game, _NUMBER)),
        (settle, (game,)),
        (write_mask, (game, mask)),
        (take, (game, _NUMBER)),
    )
    for done, (kernel, signature) in enumerate(parts):
        progress(done, len(parts))
        kernel.compile(signature)
    progress(len(parts), len(parts))

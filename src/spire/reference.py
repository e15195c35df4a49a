"""Reference: where the independent engine the comparisons read from departs from the game.

Only comparisons with its traces use this; the game's own values stand where these would take their place.
"""

from __future__ import annotations

from dataclasses import replace

from spire.encounters import ACTS, act_tables

TABLES = act_tables((ACTS[0], *(replace(act, excluded={}) for act in ACTS[1:])))
"""In acts 2 and 3 the first strong encounter is free (in place of `spire.encounters.TABLES`)."""

EARLY_ROWS = 1 << 7 | 1 << 13
"""The rows in which a place that no room fits is a monster at once (in place of `spire.maps.EARLY_ROWS`)."""

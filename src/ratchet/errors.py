"""The errors a caller may meet, one family tree.

    RatchetError
    └── InputError            bad input, refused at the door (exit status 2)
        ├── PolicyError       a policy file that is missing, damaged, unsupported or does not fit
        │   └── DamageError   a checkpoint that is not what was written
        ├── TaskError         a task, mode, space or environment that cannot be used
        ├── BudgetError       a budget that cannot be spent
        ├── SeedError         a seed list that is unusable or meets the training seeds
        ├── RecipeError       a recipe with an unknown key or a value out of range
        ├── LedgerError       a ledger or run directory that cannot be read or written
        └── SpoolError        a spool of episodes that cannot be used
            ├── CorruptError  an episode file that is damaged
            └── ForeignError  an episode file that is none, or not of this run

A message is one sentence (or two) that names the field, the value and what would be right.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RatchetError(Exception):
    """Base of every error that Ratchet raises on purpose."""


class InputError(RatchetError):
    """Input that is refused before anything is written."""


class PolicyError(InputError):
    """A policy that is missing, damaged, unsupported or does not fit its task."""


class DamageError(PolicyError):
    """A checkpoint that is not what was written: a file is missing, cut or changed."""


class TaskError(InputError):
    """A task, mode, space or environment that cannot be used."""


class BudgetError(InputError):
    """A budget that cannot be spent."""


class SeedError(InputError):
    """A seed list that is unusable, or that meets the training seeds."""


class RecipeError(InputError):
    """A recipe or setting with an unknown key or a value out of range."""


class LedgerError(InputError):
    """A ledger or run directory that cannot be read or written."""


class SpoolError(InputError):
    """A spool of episodes that cannot be used."""


class CorruptError(SpoolError):
    """An episode file that is damaged."""


class ForeignError(SpoolError):
    """An episode file that is none, or not of this run."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest known word, and the list of all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    listing = ", ".join(names)
    return f"did you mean {near[0]!r}? Known: {listing}" if near else f"known: {listing}"

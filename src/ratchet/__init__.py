"""Ratchet fine-tunes a PPO policy and proves whether it got better, at what cost, and what it forgot."""

from ratchet.errors import (
    BudgetError,
    CorruptError,
    DamageError,
    ForeignError,
    InputError,
    LedgerError,
    PolicyError,
    RatchetError,
    RecipeError,
    SeedError,
    SpoolError,
    TaskError,
)

__version__ = "0.1.0"

__all__ = [
    "BudgetError",
    "CorruptError",
    "DamageError",
    "ForeignError",
    "InputError",
    "LedgerError",
    "PolicyError",
    "RatchetError",
    "RecipeError",
    "SeedError",
    "SpoolError",
    "TaskError",
    "__version__",
]

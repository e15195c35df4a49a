"""Remembering it: one SQLite file, and the public index beside it."""

from ratchet.ledger.connection import Store
from ratchet.ledger.files import write_atomically
from ratchet.ledger.index import build_index, index_schema, update_index
from ratchet.ledger.ledger import Ledger
from ratchet.ledger.lock import RunLock
from ratchet.ledger.rows import (
    Checkpoint,
    EpisodePart,
    EpisodeReturns,
    EpisodeRow,
    Evaluation,
    Measurement,
    PolicyRow,
    Run,
    StepsSpent,
    Training,
    TrainingEpisodePart,
    TrainingEpisodeRow,
    TrainingEpisodes,
    Verdict,
)
from ratchet.ledger.values import seed_hash

__all__ = [
    "Checkpoint",
    "EpisodePart",
    "EpisodeReturns",
    "EpisodeRow",
    "Evaluation",
    "Ledger",
    "Measurement",
    "PolicyRow",
    "Run",
    "RunLock",
    "StepsSpent",
    "Store",
    "Training",
    "TrainingEpisodePart",
    "TrainingEpisodeRow",
    "TrainingEpisodes",
    "Verdict",
    "build_index",
    "index_schema",
    "seed_hash",
    "update_index",
    "write_atomically",
]

"""Seeds: one for every episode, in domains that cannot meet.

Training seeds fill ``[2**62, 2**63)`` and evaluation seeds lie below, in ``[0, 2**62)`` (and down to
``-2**63`` for a task whose seeds are signed words); so a training episode can never be an evaluation
episode, whatever the run seed. Seeds are derived by SHA-256 from what names the episode, and not drawn
from a generator, so that a restart needs no generator state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ratchet.errors import SeedError

TRAINING_DOMAIN = 1 << 62
"""The first training seed; evaluation seeds lie below it."""

SEED_LIMIT = 1 << 63
"""One above the largest seed (seeds are stored as signed 64-bit integers)."""

SELECTION_START = 1 << 40
"""The seeds that choose a checkpoint start here; the seeds that report it start at 0."""


def derive(*names: int | str) -> int:
    """Return a 62-bit number that depends on every name and on their order."""
    text = "/".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2


def training_seed(run_seed: int, attempt: int, worker: int, episode: int) -> int:
    """Return the seed of one training episode, in the training domain."""
    return TRAINING_DOMAIN | derive("episode", run_seed, attempt, worker, episode)


def fleet_seed(run_seed: int, writer: int, episode: int) -> int:
    """Return the seed of one episode that a worker of a fleet plays, in the training domain.

    A writer's number is one process's for good, so that no two processes of a run share an episode.
    """
    return TRAINING_DOMAIN | derive("fleet", run_seed, writer, episode)


def demonstration_seed(run_seed: int, episode: int) -> int:
    """Return the seed of one episode that a teacher plays, in the training domain."""
    return TRAINING_DOMAIN | derive("demonstration", run_seed, episode)


def episode_mode(seed: int, count: int) -> int:
    """Return the index of the mode that an episode of that seed has, where none is fixed."""
    return derive("mode", seed) % count if count > 1 else 0


def report_seeds(count: int) -> list[int]:
    """Return the first `count` seeds of the list that reports: 0, 1, 2 and so on."""
    return list(range(count))


def selection_seeds(count: int) -> list[int]:
    """Return the first `count` seeds of the list that chooses checkpoints; it never meets the other."""
    return list(range(SELECTION_START, SELECTION_START + count))


def check_evaluation_seeds(seeds: Iterable[int], lowest: int = 0) -> list[int]:
    """Return the seeds as a list, or refuse them; `lowest` is the lowest that the task has.

    Raises
    ------
    SeedError
        If the list is empty, repeats a seed, or holds one outside the evaluation domain.

    """
    listed = list(seeds)
    if not listed:
        raise SeedError("the seed list is empty; it needs at least one seed")
    if len(set(listed)) != len(listed):
        twice = next(seed for seed in listed if listed.count(seed) > 1)
        raise SeedError(f"the seed list holds {twice} more than once; every seed is played once")
    for seed in listed:
        if TRAINING_DOMAIN <= seed < SEED_LIMIT:
            raise SeedError(
                f"seed {seed} is a training seed (training uses {TRAINING_DOMAIN} and above); "
                f"evaluation seeds lie in {lowest} … {TRAINING_DOMAIN - 1}"
            )
        if not lowest <= seed < TRAINING_DOMAIN:
            raise SeedError(f"seed {seed} is outside {lowest} … {TRAINING_DOMAIN - 1}")
    return listed

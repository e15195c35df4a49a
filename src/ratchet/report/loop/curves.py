"""How a fleet learned: return, the pawl's evaluations, the trainer's coefficients, and the queue."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ratchet.ledger import streams
from ratchet.report.document import Block, Figure, Heading, Text
from ratchet.report.loop.outcomes import estimate, in_words
from ratchet.report.loop.pictures import (
    Judged,
    pawl_picture,
    queue_picture,
    returns_picture,
    tuning_picture,
)
from ratchet.report.tables import count, number, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratchet.evaluation.statistics import Interval
    from ratchet.ledger import EpisodeRow, Store
    from ratchet.report.loop.evidence import LoopEvidence

_WINDOWS, _LEAST = 20, 5
"""The mean goes over a twentieth of the updates, and over five at least."""


def curves(ledger: Store, evidence: LoopEvidence) -> list[Block]:
    """Return the section, or nothing where fewer than two updates were made."""
    updates = evidence.updates
    if evidence.fleet is None or len(evidence.tuned) < 2:
        return []
    blocks: list[Block] = [Heading("Learning curve"), Text(_note(evidence))]
    blocks.append(_returns(evidence))
    blocks += _pawl(ledger, evidence)
    blocks += [Heading("The trainer", 3), Text(_tuner(evidence)), _tuning(evidence)]
    stale = updates["stale"]
    figure = queue_picture(
        updates["update_number"],
        updates["lag_mean"],
        updates["lag_most"],
        updates["waiting"],
        stale,
        evidence.setting("max_lag"),
    )
    blocks += [
        Heading("Lag and queue", 3),
        Text(
            "Lag is counted in published versions, when the update begins, the time in the queue "
            f"included: {number(float(updates['lag_mean'].mean()), 2)} on average, at most "
            f"{count(float(updates['lag_most'].max()))}, where "
            f"{count(evidence.setting('max_lag'))} are allowed."
        ),
        Figure(
            "lag",
            figure,
            "Lag of each batch, episodes waiting behind it, and stale episodes so far.",
            "Three lines over the updates: lag, length of the queue, stale episodes.",
        ),
    ]
    return blocks


def _note(evidence: LoopEvidence) -> str:
    batch = evidence.setting("batch")
    return (
        f"An update learns from {count(batch)} episodes, played by sampled actions; their mean return "
        "is noisy, and says less than an evaluation."
    )


def _returns(evidence: LoopEvidence) -> Figure:
    updates = evidence.updates
    window = max(_LEAST, len(evidence.tuned) // _WINDOWS)
    return Figure(
        "learning-curve",
        returns_picture(updates["update_number"], updates["return_mean"], window),
        "Mean return of the episodes of each update.",
        "A line: mean return of each update's training episodes, and its running mean.",
    )


def _pawl(ledger: Store, evidence: LoopEvidence) -> list[Block]:
    """Return the evaluations on the seeds that choose, where there are some."""
    by_policy = _validated(ledger, evidence)
    fleet = evidence.fleet
    assert fleet is not None
    start = by_policy.get(fleet.base_policy or "")
    judged = [
        Judged(look.update, by_policy[look.policy_id], look.verdict.accepted)
        for look in evidence.looks
        if look.policy_id in by_policy
    ]
    if start is None or not judged:
        return []
    name = in_words(evidence.metric)
    text = (
        f"What the pawl saw on the {count(evidence.on('validation')[0].episodes)} seeds that choose, "
        f"by the likeliest actions: mean {name} with its 95% interval. The start has "
        f"{number(start.estimate, 2)}; the pawl compares seed by seed, so intervals that overlap "
        "may still differ."
    )
    return [
        Text(text),
        Figure(
            "promotions",
            pawl_picture(judged, start, f"mean {name}"),
            f"Mean {name} of each candidate on the seeds that choose; filled where the pawl took it.",
            f"Dots with intervals over the updates: mean {name} of the candidates.",
        ),
    ]


def _validated(ledger: Store, evidence: LoopEvidence) -> dict[str, Interval]:
    """Return the mean metric of each policy on the seeds that choose, over all modes."""
    episodes: dict[str, list[NDArray[np.float64]]] = {}
    for row in evidence.on("validation"):
        if row.done == row.episodes:
            values = [
                _value(each, evidence.metric) for each in streams.each_episode(ledger, row.id)
            ]
            episodes.setdefault(row.policy_id, []).append(np.array(values, np.float64))
    return {
        policy: estimate(np.concatenate(values), rate=False) for policy, values in episodes.items()
    }


def _value(row: EpisodeRow, metric: str) -> Any:
    shared = {"return": row.episode_return, "length": row.length}
    return shared.get(metric, row.metrics.get(metric))


def _tuner(evidence: LoopEvidence) -> str:
    """Say how often the tuner found what."""
    found = Counter(str(row["finding"]) for row in evidence.tuned if row["finding"])
    alone = int((~evidence.moved).sum())
    total = len(evidence.tuned)
    text = ""
    if alone:
        text = f"In {count(alone)} of {count(total)} updates only the critic learned. "
    if not found:
        return text + "Nothing was tuned."
    changes = sum(len(row["changes"]) for row in evidence.tuned)
    shares = ", ".join(
        f"{name} {percent(times / sum(found.values()))}" for name, times in found.most_common()
    )
    return text + (
        f"After each of the others the tuner made one bounded step, {count(changes)} changes in all; "
        f"it found them {shares}."
    )


def _tuning(evidence: LoopEvidence) -> Figure:
    updates, moved = evidence.updates, evidence.moved
    # Where the critic learns alone the policy's columns are 0, which is no measurement.
    lines = {
        "approximate KL": np.where(moved, updates["approx_kl"], np.nan),
        "clip fraction": np.where(moved, updates["clip_fraction"], np.nan),
        "learning rate": updates["learning_rate"],
        "cloning anchor": updates["anchor_coefficient"],
        "entropy coefficient": updates["entropy_coefficient"],
        "explained variance": updates["explained_variance"],
    }
    return Figure(
        "tuning",
        tuning_picture(
            updates["update_number"],
            lines,
            [str(row["finding"]) for row in evidence.tuned],
            target_kl=evidence.of_fleet("target_kl"),
        ),
        "What the updates did, what they were made with, and what the tuner found of them.",
        "Lines over the updates: KL, clip fraction, learning rate, anchor, entropy coefficient, "
        "explained variance; bars: the tuner's findings.",
    )

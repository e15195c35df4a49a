"""Small episodes and a spool for them."""

import numpy as np

from ratchet.rollout.episode import Episode, Origin
from ratchet.rollout.kind import EpisodeKind
from ratchet.rollout.trajectory import EpisodeRecord

KIND = EpisodeKind(
    run="first", task="maze", task_hash="0123456789abcdef", observation=40, masked=11
)


def policy_of(version, salt=0):
    return f"{salt:08x}{version:08x}"


def made(number=0, *, steps=3, version=0, policy=None, terminated=True, kind=KIND, **changes):
    """Return an episode of `KIND`, told from the others by its seed."""
    rng = np.random.default_rng(number)
    observations = rng.normal(size=(steps + 1, kind.observation)).astype(np.float32)
    observations[rng.random(observations.shape) < 0.9] = 0
    actions = rng.integers(0, kind.masked or 2, steps)
    masks = rng.random((steps, kind.masked)) < 0.5
    if kind.masked:
        masks[np.arange(steps), actions] = True
    rewards = rng.normal(size=steps).astype(np.float32)
    parts = {
        "observations": observations[:-1],
        "actions": actions,
        "masks": masks if kind.masked else None,
        "log_probs": -rng.exponential(size=steps).astype(np.float32),
        "values": rng.normal(size=steps).astype(np.float32),
        "rewards": rewards,
        "terminated": terminated,
        "final_observation": observations[-1],
        "bootstrap": 0.0 if terminated else 0.25,
        "record": EpisodeRecord(
            attempt=1,
            worker=2,
            episode=number,
            seed=(1 << 62) + number,
            mode="hard",
            episode_return=float(rewards.sum()),
            length=steps,
            metrics={"floor": 3.0, "unknown": float("nan")},
            parts=({"kind": "boss", "monsters": ["red", "blue"], "won": True},),
        ),
        "origin": Origin(
            run=kind.run,
            task=kind.task,
            task_hash=kind.task_hash,
            policy=policy_of(version) if policy is None else policy,
            version=version,
            begun_at=1_000.5,
            ended_at=1_001.25,
            versions={"numpy": np.__version__},
        ),
    }
    return Episode(**(parts | changes))


def number_of(episode):
    return episode.record.seed - (1 << 62)


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())

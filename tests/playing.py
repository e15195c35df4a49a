"""Episodes of a fleet, made up: what is seen is random, what is done and how likely it was is a policy's."""

import numpy as np

from ratchet.policies.networks import network_for
from ratchet.policies.recurrent.actor import actor_for
from ratchet.rollout.episode import Episode, Origin
from ratchet.rollout.trajectory import EpisodeRecord

NO_HASH = "0123456789abcdef"


def seen(rng, rows, width, density=1.0):
    """Observations of which this share is not zero."""
    kept = rng.random((rows, width)) < density
    return (rng.normal(0, 1, (rows, width)) * kept).astype(np.float32)


def masks_with(rng, actions, count):
    """Masks that allow about half, and always these actions."""
    masks = rng.random((len(actions), count)) < 0.5
    masks[np.arange(len(actions)), actions] = True
    return masks


def played(
    policy,
    number,
    *,
    version=0,
    steps=6,
    masked=False,
    terminated=True,
    density=1.0,
    kind=None,
    reward=None,
):
    """Return an episode that `policy` has played; `reward` makes one of observations and actions."""
    rng = np.random.default_rng(number)
    spec, actor = policy.spec, actor_for(policy)
    observations = seen(rng, steps + 1, spec.observation.size, density)
    masks = None
    if masked:
        masks = masks_with(rng, rng.integers(0, spec.action.n, steps), spec.action.n)
    seeds, at = np.full(steps, number, dtype=np.uint64), np.arange(steps)
    choice = actor.act(observations[:-1], masks, seeds, at, deterministic=False)
    values = network_for(policy).values(observations)
    rewards = rng.normal(0, 1, steps)
    if reward is not None:
        rewards = reward(observations[:-1], choice.actions)
    rewards = rewards.astype(np.float32)
    run, task, task_hash = ("first", "made up", NO_HASH)
    if kind is not None:
        run, task, task_hash = kind.run, kind.task, kind.task_hash
    return Episode(
        observations=observations[:-1],
        actions=choice.actions,
        masks=masks,
        log_probs=choice.log_probs,
        values=values[:-1].copy(),
        rewards=rewards,
        terminated=terminated,
        final_observation=observations[-1],
        bootstrap=0.0 if terminated else float(values[-1]),
        record=EpisodeRecord(
            attempt=0,
            worker=0,
            episode=number,
            seed=(1 << 62) + number,
            mode="only",
            episode_return=float(rewards.sum()),
            length=steps,
            metrics={"floor": float(number), "unknown": float("nan")},
            parts=({"kind": "boss", "won": True},),
        ),
        origin=Origin(
            run=run,
            task=task,
            task_hash=task_hash,
            policy=policy.id,
            version=version,
            begun_at=1.0,
            ended_at=2.0,
        ),
    )

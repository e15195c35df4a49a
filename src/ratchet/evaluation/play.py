"""Playing an evaluation: a list of seeds, one episode each, in one mode.

Every seed is played once and nothing resets itself. Episodes run side by side, and each is what it would
be alone: environments do not know each other, and an agent decides each copy by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import TaskError
from ratchet.evaluation.stalls import StallBreaker
from ratchet.policies.actor import Choice
from ratchet.rollout.agents import Agent, Who, agent_for, most_copies
from ratchet.tasks.ending import Parts, read_metrics, read_parts
from ratchet.tasks.task import BoolArray, EpisodeVectorEnv, FloatArray, IntArray, Task

OnEpisodes = Callable[[Sequence["Episode"]], None]
OnBegin = Callable[[IntArray, NDArray[np.int64]], None]
OnActions = Callable[[IntArray, NDArray[Any]], None]


@dataclass(frozen=True)
class Episode:
    """One finished evaluation episode; `stalls_broken` is how often the stall-breaker acted in it."""

    seed: int
    episode_return: float
    length: int
    terminated: bool
    truncated: bool
    metrics: dict[str, float] = field(default_factory=dict)
    parts: Parts = ()
    stalls_broken: int = 0


def play(
    task: Task,
    who: Who,
    seeds: Sequence[int],
    mode: str,
    *,
    deterministic: bool = True,
    stall_after: int = 0,
    on_episodes: OnEpisodes = lambda _: None,
    on_begin: OnBegin = lambda _copies, _seeds: None,
    on_actions: OnActions = lambda _copies, _actions: None,
) -> list[Episode]:
    """Play one episode a seed; return them in the order of the seeds.

    Parameters
    ----------
    task, mode
        What is played.
    who
        A policy's actor or another chooser, or one of the task's teachers.
    seeds
        Signed 64-bit numbers, none twice.
    deterministic
        Whether a policy takes its likeliest action, or samples.
    stall_after
        The how-many-eth time at one observation from which a greedy policy tries another action there
        (`ratchet.evaluation.stalls`); 0: never. Only for who heeds masks.
    on_episodes
        Is told of episodes as they end.
    on_begin
        Is told of episodes before they begin: the numbers of the copies, and their seeds.
    on_actions
        Is told of actions before they are taken: the numbers of the copies, and what each will do.

    Raises
    ------
    TaskError
        If an episode's return is not a finite number, or its parts are not as the task names them.

    """
    return _play(
        task,
        lambda env: agent_for(task, who, env),
        most_copies(task, who),
        seeds,
        mode,
        deterministic=deterministic,
        stall_after=stall_after if deterministic else 0,
        on_episodes=on_episodes,
        on_begin=on_begin,
        on_actions=on_actions,
    )


def _play(
    task: Task,
    seat: Callable[[EpisodeVectorEnv], Agent],
    most: int,
    seeds: Sequence[int],
    mode: str,
    *,
    deterministic: bool,
    stall_after: int,
    on_episodes: OnEpisodes = lambda _: None,
    on_begin: OnBegin = lambda _copies, _seeds: None,
    on_actions: OnActions = lambda _copies, _actions: None,
) -> list[Episode]:
    copies = min(len(seeds), most)
    env = task.make(copies)
    agent = seat(env)
    breaker = StallBreaker(agent, env, stall_after) if stall_after else None
    agent = breaker or agent
    index = task.mode_index(mode)
    order = np.arange(copies)
    current = np.array([int(s) for s in seeds[:copies]], dtype=np.int64)
    noise = current.view(np.uint64)
    on_begin(order, current)
    env.begin(order, [int(s) for s in current], np.full(copies, index))
    agent.begin(order)
    waiting = copies
    steps = np.zeros(copies, dtype=np.int64)
    returns = np.zeros(copies)
    done: dict[int, Episode] = {}
    executed: NDArray[Any] | None = None
    while env.live.any():
        rows = np.flatnonzero(env.live)
        choice = agent.choose(
            rows,
            np.ascontiguousarray(env.observations[rows]),
            None if env.masks is None else env.masks[rows],
            noise[rows],
            steps[rows],
            deterministic=deterministic,
        )
        if executed is None:
            executed = np.zeros((copies, *choice.executed.shape[1:]), dtype=choice.executed.dtype)
        executed[rows] = choice.executed
        on_actions(rows, choice.executed)
        _, rewards, terminated, truncated, info = env.step(executed)
        agent.told(rows, rewards[rows])
        returns += rewards
        steps[rows] += 1
        ended = np.flatnonzero(terminated | truncated)
        if len(ended) == 0:
            continue
        finished = []
        for copy in ended:
            if not np.isfinite(returns[copy]):
                raise TaskError(
                    f"task {task.name!r}, seed {current[copy]}: the return is {returns[copy]}; "
                    "rewards must be finite numbers"
                )
            episode = Episode(
                seed=int(current[copy]),
                episode_return=float(returns[copy]),
                length=int(steps[copy]),
                terminated=bool(terminated[copy]),
                truncated=bool(truncated[copy]),
                metrics=read_metrics(info, int(copy)),
                parts=read_parts(task, info, int(copy)),
                stalls_broken=int(breaker.broken[copy]) if breaker else 0,
            )
            finished.append(episode)
            done[episode.seed] = episode
        on_episodes(finished)
        again = ended[: len(seeds) - waiting]
        if len(again):
            following = [int(s) for s in seeds[waiting : waiting + len(again)]]
            waiting += len(again)
            current[again] = following
            on_begin(again, current[again])
            env.begin(again, following, np.full(len(again), index))
        steps[ended] = 0
        returns[ended] = 0.0
        agent.begin(ended)
    env.close()
    return [done[int(seed)] for seed in seeds]


class _Shadow:
    """Plays as the first agent, and counts how often the second would do the same."""

    def __init__(self, first: Agent, second: Agent) -> None:
        self._first, self._second = first, second
        self.same = self.total = 0

    def begin(self, copies: IntArray) -> None:
        self._first.begin(copies)
        self._second.begin(copies)

    def choose(
        self,
        copies: IntArray,
        observations: FloatArray,
        masks: BoolArray | None,
        seeds: NDArray[np.uint64],
        steps: IntArray,
        *,
        deterministic: bool,
    ) -> Choice:
        given = (copies, observations, masks, seeds, steps)
        choice = self._first.choose(*given, deterministic=deterministic)
        shadow = self._second.choose(*given, deterministic=deterministic)
        # The second sees what the first has done.
        self._second.follow(copies, choice.actions)
        equal = shadow.executed == choice.executed
        self.same += int(equal.reshape(len(equal), -1).all(axis=1).sum())
        self.total += len(equal)
        return choice

    def follow(self, copies: IntArray, actions: NDArray[Any]) -> None:
        self._first.follow(copies, actions)
        self._second.follow(copies, actions)

    def told(self, copies: IntArray, rewards: FloatArray) -> None:
        self._first.told(copies, rewards)
        self._second.told(copies, rewards)


def agreement(
    task: Task, first: Who, second: Who, seeds: Sequence[int], mode: str, *, stall_after: int = 0
) -> float:
    """Return the fraction of states, on the first's own way, where both greedily do the same.

    Where a stall of the first is broken, both are asked without the actions that are set aside.
    """
    shadows: list[_Shadow] = []

    def seat(env: EpisodeVectorEnv) -> Agent:
        shadows.append(_Shadow(agent_for(task, first, env), agent_for(task, second, env)))
        return shadows[0]

    most = most_copies(task, first, second)
    _play(task, seat, most, seeds, mode, deterministic=True, stall_after=stall_after)
    return shadows[0].same / shadows[0].total

"""Small environments that tests play, and that count for themselves what is done to them."""

from collections import Counter
from itertools import groupby

import gymnasium
import numpy as np
from gymnasium import Env
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete

from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import EnvVector, GymnasiumTask

counted = Counter()
"""What the environments of this module were told to do, since the last `counted.clear()`."""
seeds_seen = []
"""Every seed with which an episode of `Counting` began."""


class Counting(Env):
    """Episodes of 1 to 12 steps, by seed; reward 1 for action 1. One in three is cut by its time limit."""

    def __init__(self, goal=1):
        self.observation_space = Box(-1, 1, (2,), dtype=np.float32)
        self.action_space = Discrete(2)
        self.goal = goal
        self.bonus = 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        counted["begun"] += 1
        seeds_seen.append(seed)
        self._left = int(self.np_random.integers(1, 13))
        self._late = self._left % 3 == 0
        return self._look(), {}

    def step(self, action):
        counted["steps"] += 1
        self._left -= 1
        over = self._left == 0
        counted["ended"] += over
        reward = float(action == self.goal) + self.bonus
        return self._look(), reward, over and not self._late, over and self._late, {}

    def _look(self):
        return self.np_random.uniform(-1, 1, 2).astype(np.float32)


class StretchVector(EnvVector):
    """Tells how often an episode had action 1, and its stretches of one and the same action."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._taken = [[] for _ in range(self.num_envs)]

    def begin(self, copies, seeds, modes):
        super().begin(copies, seeds, modes)
        for copy in copies:
            self._taken[copy] = []

    def advance(self, actions, moving):
        for copy in np.flatnonzero(moving & self.live):
            self._taken[copy].append(int(actions[copy]))
        observations, rewards, terminated, truncated, info = super().advance(actions, moving)
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            info["metrics"] = {"ones": np.array([float(sum(taken)) for taken in self._taken])}
            info["parts"] = {int(copy): self._stretches(copy) for copy in ended}
        return observations, rewards, terminated, truncated, info

    def _stretches(self, copy):
        return [
            {"action": action, "steps": len(list(same))}
            for action, same in groupby(self._taken[copy])
        ]


class Stretches(GymnasiumTask):
    """`Counting`, with a metric and with parts."""

    metrics = ("ones",)
    parts = ("action", "steps")

    def make(self, count):
        return StretchVector(self._make_env, count, self.modes, self.name)


class Masked(Env):
    """Of five actions two are legal, which the observation does not show; an illegal one is an error."""

    def __init__(self):
        self.observation_space = Box(0, 1, (3,), dtype=np.float32)
        self.action_space = Discrete(5)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = 8
        return self._look()

    def step(self, action):
        assert self._mask[action], "an illegal action was played"
        counted[f"action {action}"] += 1
        self._left -= 1
        reward = float(action == np.flatnonzero(self._mask)[0])
        observation, info = self._look()
        return observation, reward, self._left == 0, False, info

    def _look(self):
        self._mask = np.zeros(5, dtype=np.int8)
        self._mask[self.np_random.choice(5, 2, replace=False)] = 1
        return self.np_random.random(3, dtype=np.float32), {"action_mask": self._mask}


class Recall(Env):
    """Shows 1 or -1 at first and nothing after; reward 1 for the action of that sign at the last step."""

    def __init__(self):
        self.observation_space = Box(-1, 1, (1,), dtype=np.float32)
        self.action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._sign = int(self.np_random.choice([-1, 1]))
        self._left = 4
        return np.array([self._sign], dtype=np.float32), {}

    def step(self, action):
        self._left -= 1
        over = self._left == 0
        reward = float(over and action == (self._sign > 0))
        return np.zeros(1, dtype=np.float32), reward, over, False, {}


CHEST = ((1, 0, None), (0, 0, 0))
"""Opening a chest (action 0) and closing it, for ever; action 2 before it leaves."""


class Maze(Env):
    """Shows the place where one is, which is the whole state; from there each action leads where the maze says.

    `maze[place][action]` is the next place, or None where that leaves, with reward 1. The seed says where an
    episode begins. After 400 steps it is broken off.
    """

    def __init__(self, maze=CHEST):
        self.observation_space = Discrete(len(maze))
        self.action_space = Discrete(len(maze[0]))
        self.maze = maze

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._place, self._left = seed % len(self.maze), 400
        return self._place, {}

    def step(self, action):
        self._left -= 1
        place = self.maze[self._place][action]
        self._place = self._place if place is None else place
        return self._place, float(place is None), place is None, self._left == 0, {}


class Taught(GymnasiumTask):
    """`Counting`, and a teacher that is always right because it looks into the environment."""

    @property
    def teachers(self):
        return {"heuristic": lambda env: lambda copies: np.array([env.goal(c) for c in copies])}

    def make(self, count):
        return TaughtVector(self._make_env, count, self.modes, self.name)


class TaughtVector(EnvVector):
    """Lets its environments be looked into."""

    def goal(self, copy):
        return int(self._envs[copy].unwrapped.goal)


class Stuck(Masked):
    """Offers no legal action."""

    def _look(self):
        observation, _ = super()._look()
        return observation, {"action_mask": np.zeros(5, dtype=np.int8)}


class Forgetful(Counting):
    """Not a function of its seed."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=None, options=options)


class Poisonous(Counting):
    """Gives rewards that are no numbers."""

    def step(self, action):
        observation, _, terminated, truncated, info = super().step(action)
        return observation, float("nan"), terminated, truncated, info


class Offset(Counting):
    """Sees one of four things and does one of three, both counted from elsewhere than 0."""

    def __init__(self):
        super().__init__()
        self.observation_space = Discrete(4, start=-1)
        self.action_space = Discrete(3, start=5)

    def step(self, action):
        assert self.action_space.contains(action)
        counted[f"action {action}"] += 1
        return super().step(action)

    def _look(self):
        return int(self.np_random.integers(-1, 3))


def _with_spaces(observation=None, action=None):
    env = Counting()
    env.observation_space = observation or env.observation_space
    env.action_space = action or env.action_space
    return env


def make_dict():
    return _with_spaces(observation=Dict({"place": Discrete(3)}))


def make_picture():
    return _with_spaces(observation=Box(0, 255, (8, 8, 3), dtype=np.uint8))


def make_several():
    return _with_spaces(action=MultiDiscrete([2, 2]))


def make_whole_numbers():
    return _with_spaces(action=Box(0, 5, (2,), dtype=np.int64))


def make_pendulum(g=10.0):
    return gymnasium.make("Pendulum-v1", g=g)


def make_pendulum_without_arguments():
    return gymnasium.make("Pendulum-v1")


def make_task():
    return cartpole_modes()


def make_stretches():
    return Stretches("stretches", Counting)


def make_taught():
    return Taught("taught", Counting)


def make_nothing():
    return 42


def make_from(level):
    return Counting(level)


not_callable = 3

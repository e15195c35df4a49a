"""The stall-breaker: where greedy play goes round in circles it finds the way out, and else it does nothing."""

import numpy as np
import pytest
from gymnasium import Env
from gymnasium.spaces import Box, Discrete
from hypothesis import given
from hypothesis import strategies as st

from environments import CHEST
from mazes import LAZY, maze_task, preferring
from ratchet.errors import InputError
from ratchet.evaluation.play import agreement, play
from ratchet.evaluation.stalls import StallBreaker, check_patience
from ratchet.policies.actor import Actor
from ratchet.policies.recurrent.actor import actor_for
from ratchet.recipes.resolve import Player, load_player
from ratchet.rollout.agents import TaskTeacher, agent_for
from ratchet.rollout.fit import spec_for
from ratchet.seeding import report_seeds
from ratchet.tasks.cartpole import cartpole_modes
from ratchet.tasks.gymnasium import GymnasiumTask, gymnasium_task
from strategies import random_policy, recurrent_spec


def walked(task, who, seed, patience):
    """One episode: its actions, and the episode."""
    actions = []
    (episode,) = play(
        task,
        who,
        [seed],
        "default",
        stall_after=patience,
        on_actions=lambda _, taken: actions.append(taken[0].tolist()),
    )
    return actions, episode


def test_by_hand():
    """Twice round until it is noticed, and then again; at the third time after that, the next-best, and the next."""
    task = maze_task(CHEST)
    actor = preferring(task, LAZY)
    actions, episode = walked(task, actor, 0, 3)
    # before the chest at steps 0, 2 (its mark: watched from here, first time), 4 (second) and 6 (third)
    assert actions == [0, 0, 0, 0, 0, 0, 1, 2]
    assert (episode.length, episode.stalls_broken) == (8, 2)
    assert (episode.terminated, episode.truncated) == (True, False)
    assert walked(task, actor, 0, 2)[0] == [0, 0, 0, 0, 1, 2]
    actions, episode = walked(task, actor, 0, 0)
    assert actions == [0, 0] * 200
    assert (episode.truncated, episode.stalls_broken) == (True, 0)


def test_where_there_is_no_way_out_every_action_has_its_turn():
    task = maze_task([[0, 0, 0, 0]])
    actions, episode = walked(task, preferring(task, [[1, 4, 2, 3]]), 0, 3)
    # best first: 1, 3, 2, 0; the mark is seen again at step 1, the third time since then at step 3
    assert actions == [1, 1, 1, *([3, 2, 0, 1] * 100)[:397]]
    assert episode.stalls_broken == sum(action != 1 for action in actions)


def reference(maze, order, start, patience):
    """The same in plain Python, from the words of the module's head."""
    place, actions, broken = start, [], 0
    mark, marked_at, watched = None, 0, False
    times, tried = {}, {}
    for step in range(400):
        if not watched:
            if step > 0 and place == mark:
                watched = True
            elif step == 0 or step - marked_at > max(32, marked_at // 4):
                mark, marked_at = place, step
        best = sorted(range(len(order[place])), key=lambda action: -order[place][action])
        if watched:
            times[place] = times.get(place, 0) + 1
            if times[place] >= patience - 1:
                aside = tried.setdefault(place, set())
                if len(aside) == len(best):
                    aside.clear()
                broken += bool(aside)
                best = [action for action in best if action not in aside]
                aside.add(best[0])
        actions.append(best[0])
        place = maze[place][best[0]]
        if place is None:
            break
    return actions, broken


@st.composite
def mazes(draw):
    places, actions = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    leads = st.one_of(st.integers(0, places - 1), st.integers(0, places - 1), st.none())
    maze = [[draw(leads) for _ in range(actions)] for _ in range(places)]
    order = [draw(st.permutations(range(1, actions + 1))) for _ in range(places)]
    return maze, order


@given(mazes(), st.integers(2, 5))
def test_it_is_what_its_words_say(made, patience):
    maze, order = made
    task = maze_task(maze)
    actor = preferring(task, order)
    for start in range(len(maze)):
        actions, broken = reference(maze, order, start, patience)
        found, episode = walked(task, actor, start, patience)
        assert (found, episode.stalls_broken) == (actions, broken)


@given(st.integers(2, 7), st.integers(0, 2**32 - 1))
def test_it_leaves_wherever_there_is_a_way_out(places, seed):
    """Every place can be come to from every other, and one action of one place leaves."""
    rng = np.random.default_rng(seed)
    maze = rng.integers(0, places, (places, 3)).tolist()
    for place in range(places):
        maze[place][rng.integers(0, 2)] = (place + 1) % places
    maze[rng.integers(places)][2] = None
    order = [rng.permutation(3).tolist() for _ in range(places)]
    task = maze_task(maze)
    for episode in play(
        task, preferring(task, order), report_seeds(places), "default", stall_after=3
    ):
        assert episode.terminated


@pytest.mark.parametrize("size", [31, 33, 40, 75])
def test_long_ways_round_are_noticed_too(size):
    """A ring that is left at one place, by the action that is liked least."""
    ring = [[(place + 1) % size, place] for place in range(size)]
    ring[3][1] = None
    task = maze_task(ring)
    (episode,) = play(task, preferring(task, [[2, 1]] * size), [5], "default", stall_after=2)
    assert episode.terminated == (size < 75)  # 400 steps are too few for that one
    assert episode.stalls_broken > 0 or size == 75


def recurrent(task):
    return actor_for(random_policy(recurrent_spec(spec_for(task), slots=3), 2))


@pytest.mark.parametrize("make", [lambda task: preferring(task, [[3, 1, 2], [1, 2, 3]]), recurrent])
def test_side_by_side_is_one_by_one(make):
    task = maze_task(CHEST)
    actor, seeds = make(task), report_seeds(11)
    task.side_by_side = 4
    together = play(task, actor, seeds, "default", stall_after=3)
    task.side_by_side = 1
    assert together == [play(task, actor, [seed], "default", stall_after=3)[0] for seed in seeds]
    assert play(task, actor, seeds, "default", stall_after=3) == together


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("name", ["cartpole", "LunarLander-v3", "Pendulum-v1"])
def test_where_nothing_comes_again_nothing_changes(name, deterministic):
    task = cartpole_modes() if name == "cartpole" else gymnasium_task(name)
    mode, seeds = task.modes[0].name, report_seeds(4)
    for policy in (random_policy(spec_for(task), 1), random_policy(recurrent_spec(spec_for(task)))):
        actor = actor_for(policy)
        plain = play(task, actor, seeds, mode, deterministic=deterministic)
        assert plain == play(task, actor, seeds, mode, deterministic=deterministic, stall_after=2)


def test_sampled_play_is_left_alone():
    task = maze_task([[0, 0]])
    actor = preferring(task, [[2, 2]])
    options = {"seeds": report_seeds(3), "mode": "default", "deterministic": False}
    assert play(task, actor, stall_after=2, **options) == play(task, actor, **options)


class Blank(Env):
    """Shows nothing, takes a number, and is over after so many steps."""

    def __init__(self):
        self.observation_space = Box(-1, 1, (2,), dtype=np.float32)
        self.action_space = Box(-2, 2, (1,), dtype=np.float32)

    def reset(self, *, seed=None, options=None):
        self._left = 12
        return np.zeros(2, dtype=np.float32), {}

    def step(self, action):
        self._left -= 1
        return np.zeros(2, dtype=np.float32), float(action[0]), self._left == 0, False, {}


def test_continuous_actions_are_sampled_with_the_noise_of_the_step():
    task = GymnasiumTask("blank", Blank)
    actor = Actor(random_policy(spec_for(task), 1))
    calm, _ = walked(task, actor, 7, 0)
    actions, episode = walked(task, actor, 7, 4)
    # watched from step 1, so caught from step 4 on
    assert actions[:4] == calm[:4]
    assert episode.stalls_broken == 8
    seed, zero = np.array([7], dtype=np.uint64), np.zeros((1, 2), dtype=np.float32)
    for step in range(4, 12):
        sampled = actor.act(zero, None, seed, np.array([step]), deterministic=False).executed
        np.testing.assert_array_equal(actions[step], sampled[0])
    seeds = report_seeds(9)
    task.side_by_side = 4
    together = play(task, actor, seeds, "default", stall_after=4)
    task.side_by_side = 1
    assert together == [play(task, actor, [s], "default", stall_after=4)[0] for s in seeds]


class Doors(Env):
    """Always looks the same; its mask says which of 70 doors are open, another one in every step of three."""

    def __init__(self):
        self.observation_space = Box(-1, 1, (3,), dtype=np.float32)
        self.action_space = Discrete(70)

    def reset(self, *, seed=None, options=None):
        self._step = 0
        return np.zeros(3, dtype=np.float32), {"action_mask": self._mask()}

    def _mask(self):
        mask = np.zeros(70, dtype=np.int8)
        mask[[0, 66 + self._step % 3]] = 1
        return mask

    def step(self, action):
        assert self._mask()[action]
        self._step += 1
        info = {"action_mask": self._mask()}
        return np.zeros(3, dtype=np.float32), float(action == 0), self._step == 12, False, info


def test_a_place_is_an_observation_with_its_mask_and_masks_are_kept():
    task = GymnasiumTask("doors", Doors)
    order = np.zeros((3, 70))
    actor = preferring(task, order)
    actions, episode = walked(task, actor, 0, 2)
    # each of three places comes again after three steps; watched from step 3, second time at 6, 7 and 8
    assert actions == [0] * 6 + [66, 67, 68] + [0, 0, 0]
    assert episode.stalls_broken == 3


def test_agreement_goes_the_way_of_the_evaluation():
    task = maze_task(CHEST)
    first, same = preferring(task, LAZY), preferring(task, [[30, 20, 10], [9, 8, 7]])
    assert first.id != same.id
    other = preferring(task, [[3, 2, 1], [3, 4, 1]])
    # without the breaker the first opens and closes; with it, 5 places before the chest and 3 at it
    assert agreement(task, first, other, [0], "default") == 0.5
    assert agreement(task, first, same, [0], "default", stall_after=3) == 1.0
    assert agreement(task, first, other, [0], "default", stall_after=3) == 5 / 8


def test_only_a_policy_has_a_next_best_action():
    task = cartpole_modes()
    assert load_player("heuristic", task, None).stall_after(3) == 0
    assert load_player("random", task, None).stall_after(3) == 0
    policy = random_policy(spec_for(task))
    assert Player("mine", Actor(policy), policy).stall_after(3) == 3
    assert isinstance(load_player("heuristic", task, None).who, TaskTeacher)


@pytest.mark.parametrize("patience", [-1, 1])
def test_a_patience_that_is_none_is_refused(patience):
    task = maze_task(CHEST)
    env = task.make(1)
    with pytest.raises(InputError, match=f"stall_after is {patience}; it is 0"):
        StallBreaker(agent_for(task, preferring(task, LAZY), env), env, patience)
    assert check_patience(0) == 0
    assert check_patience(2) == 2

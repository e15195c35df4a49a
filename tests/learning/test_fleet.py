"""The trainer of a fleet: every episode is learned from once, whatever ends it, and the run is one run."""

import os
import pathlib
import shutil
from contextlib import ExitStack

import numpy as np
import pytest

from playing import played
from ratchet.errors import LedgerError, PolicyError, SpoolError
from ratchet.learning.config import FleetConfig
from ratchet.learning.fleet import FleetTrainer
from ratchet.policies.initial import new_policy
from ratchet.rollout.fit import spec_for
from ratchet.rollout.kind import EpisodeKind, kind_of
from ratchet.rollout.plan import FleetPlan
from ratchet.rollout.publication import Publication
from ratchet.rollout.spool import SpoolWriter, create_spool, read_counts
from ratchet.tasks.gymnasium import callable_task
from strategies import box_spec, random_policy, recurrent_spec

TASK = callable_task("environments:Masked")
PLAN = FleetPlan(run="first", task="environments:Masked", seed=7, batch=3, max_lag=4, masked=True)
KIND = kind_of(TASK, run="first", masked=True)
START = new_policy(spec_for(TASK), 0)
CONFIG = FleetConfig(batch_size=8, warmup_updates=1, lagged="decouple", keep_checkpoints=3)


@pytest.fixture(autouse=True)
def _no_power_cut(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Enough(BaseException):
    """The end of a process."""


def trainer_in(run, *, config=CONFIG, policy=START, plan=PLAN, **options):
    return FleetTrainer(run, plan, TASK, policy, config, **({"wait": lambda *_: False} | options))


def put(run, numbers, *, policy=START, version=0, terminated=True, **changes):
    """Put episodes that a version has played into the spool; return their names."""
    create_spool(run / "spool", KIND)
    with SpoolWriter(run / "spool", KIND) as writer:
        return [
            writer.put(
                played(
                    policy, k, version=version, kind=KIND, masked=True, terminated=terminated
                )
            )
            for k in numbers
        ]  # fmt: skip


def counted(run):
    """The counts of a run's spool that are not 0, once they add up."""
    counts = read_counts(run / "spool")
    assert counts.missing == 0
    states = {k: v for k, v in vars(counts).items() if k != "collected" and v}
    assert counts.collected == sum(states.values())
    return states


def everything(trainer):
    """All that the next update depends on."""
    state = trainer.learner.state()
    arrays = {name: array.copy() for name, array in state.arrays.items()}
    return trainer.learner.tensors(), arrays, dict(state.data)


def assert_same(one, other):
    for mine, theirs in zip(one[:2], other[:2], strict=True):
        for name, array in mine.items():
            np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    assert one[2] == other[2]


def test_one_update_from_claim_to_version(tmp_path):
    names = put(tmp_path, range(5))
    told = []
    with trainer_in(tmp_path, observe=told.append) as trainer:
        publication = Publication(tmp_path / "versions")
        assert publication.ids() == {0: START.id}
        update = trainer.iterate()
        assert told == [update]
        assert counted(tmp_path) == {"consumed": 3, "waiting": 2}
        newest = publication.load(1)
        assert newest.id == update.policy == trainer.policy().id != START.id
        assert newest.lineage[0] == START.id
        assert newest.record["environment_steps"] == update.transitions == 18
        # Too few are left: they wait on.
        assert trainer.iterate() is None
        assert counted(tmp_path) == {"consumed": 3, "waiting": 2}
    assert (update.number, update.lags, list(update.names)) == (1, (0, 0, 0), names[:3])
    assert [one.seed - (1 << 62) for one in update.episodes] == [0, 1, 2]
    assert update.critic_only
    assert update.finding == ""
    assert (update.spent.updates, update.spent.episodes, update.spent.transitions) == (1, 3, 18)
    assert (update.stale, update.waiting, update.anchor_coefficient) == (0, 2, 0.0)


def test_the_caller_says_how_long_to_wait(tmp_path):
    put(tmp_path, range(1))
    asked = []

    def wait(have, want):
        asked.append((have, want))
        put(tmp_path, [len(asked)])
        return True

    with trainer_in(tmp_path, wait=wait) as trainer:
        update = trainer.iterate()
    assert asked == [(1, 3), (2, 3)]
    assert len(update.episodes) == 3


def test_lag_is_counted_in_versions_and_what_is_stale_is_told(tmp_path):
    plan = FleetPlan(**(vars(PLAN) | {"max_lag": 1}))
    put(tmp_path, range(8))
    told = []
    with trainer_in(tmp_path, plan=plan, observe=told.append) as trainer:
        trainer.iterate()
        trainer.iterate()
        put(tmp_path, range(20, 22), policy=trainer.policy(), version=2)
        put(tmp_path, range(30, 31), policy=Publication(tmp_path / "versions").load(1), version=1)
        trainer.iterate()
        put(tmp_path, [40], policy=START, version=2)
        put(tmp_path, range(50, 53), policy=trainer.policy(), version=3)
        trainer.iterate()
    assert [update.lags for update in told] == [(0, 0, 0), (1, 1, 1), (1, 0, 0), (0, 0, 0)]
    assert [update.stale for update in told] == [0, 0, 2, 0]
    assert told[2].mean_lag == pytest.approx(1 / 3)
    assert told[2].max_lag == 1
    # That one says that version 2 was another policy.
    assert [update.foreign for update in told] == [0, 0, 0, 1]


def straight_run(run, updates):
    """Learn from what is in a run's spool without a break; return what there is then, and what was told."""
    told = []
    with trainer_in(run, observe=told.append) as trainer:
        for _ in range(updates):
            trainer.iterate()
        return everything(trainer), [
            (one.number, one.names, one.policy, one.reason) for one in told
        ]


def test_broken_off_after_any_update_it_is_the_same_run(tmp_path):
    for run in ("straight", "broken"):
        put(tmp_path / run, range(9))
    straight, history = straight_run(tmp_path / "straight", 3)
    again = []
    for _ in range(3):
        with trainer_in(tmp_path / "broken", observe=again.append) as trainer:
            trainer.iterate()
    with trainer_in(tmp_path / "broken", observe=again.append) as trainer:
        assert_same(everything(trainer), straight)
        assert trainer.iterate() is None
    # The last update is told again whenever the run is gone on with.
    numbers = [one.number for one in again]
    assert numbers == [1, 1, 2, 2, 3, 3]
    found = {one.number: (one.number, one.names, one.policy, one.reason) for one in again}
    assert list(found.values()) == history
    assert repr(again[-1]) == repr(again[-2])
    assert counted(tmp_path / "broken") == {"consumed": 9}


class EndAt:
    """Ends the process at the n-th change of a name on the disk: just before it, or just after."""

    def __init__(self, monkeypatch, number, *, after):
        self.left = number
        self._after = after
        rename, link, unlink = pathlib.Path.rename, os.link, pathlib.Path.unlink
        monkeypatch.setattr(pathlib.Path, "rename", self._ending(rename))
        monkeypatch.setattr(pathlib.Path, "replace", self._ending(pathlib.Path.replace))
        monkeypatch.setattr(os, "link", self._ending(link))
        monkeypatch.setattr(pathlib.Path, "unlink", self._ending(unlink))

    def _ending(self, change):
        def changed(*arguments, **options):
            self.left -= 1
            if self.left == 0 and not self._after:
                raise Enough
            result = change(*arguments, **options)
            if self.left == 0:
                raise Enough
            return result

        return changed


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_ended_at_any_change_on_the_disk_every_episode_is_learned_from_once(
    tmp_path, monkeypatch, after
):
    """The run that is gone on with is the run that was never broken off, to the bit."""
    for run in ("straight", "start"):
        put(tmp_path / run, range(6))
    straight, history = straight_run(tmp_path / "straight", 2)
    number, ends = 0, 0
    while True:
        number += 1
        run = tmp_path / f"ended-{number}"
        shutil.copytree(tmp_path / "start", run)
        told, finished = {}, False

        def observe(update, told=told):
            for later in [one for one in told if one >= update.number]:
                del told[later]
            told[update.number] = (update.number, update.names, update.policy, update.reason)

        with monkeypatch.context() as patched:
            EndAt(patched, number, after=after)
            try:
                with trainer_in(run, observe=observe) as trainer:
                    trainer.iterate()
                    trainer.iterate()
                finished = True
            except Enough:
                ends += 1
        with trainer_in(run, observe=observe) as trainer:
            while trainer.iterate() is not None:
                pass
            assert_same(everything(trainer), straight)
            assert trainer.spent.episodes == 6
        assert list(told.values()) == history
        assert counted(run) == {"consumed": 6}
        assert set(Publication(run / "versions").ids()) == {0, 1, 2}
        if finished:
            break
        shutil.rmtree(run)
    assert ends == 21


def test_a_damaged_checkpoint_is_replaced_by_the_one_before_it(tmp_path):
    put(tmp_path, range(9))
    notes, told = [], []
    with trainer_in(tmp_path) as trainer:
        trainer.iterate()
        trainer.iterate()
        lost = trainer.policy()
        path = trainer.checkpoints.place(2) / "training.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with trainer_in(tmp_path, note=notes.append, observe=told.append) as trainer:
        assert [update.number for update in told] == [1]
        # Version 2 was published and stays what it was; what learning goes on from is version 3.
        ids = Publication(tmp_path / "versions").ids()
        assert ids[2] == lost.id
        assert ids[3] == trainer.policy().id == ids[1]
        assert counted(tmp_path) == {"consumed": 3, "waiting": 6}
        put(tmp_path, [20], policy=lost, version=2)
    with trainer_in(tmp_path) as trainer:
        assert set(Publication(tmp_path / "versions").ids()) == {0, 1, 2, 3}
        assert trainer.iterate().number == 4
        update = trainer.iterate()
        assert (update.number, update.lags) == (5, (4, 4, 4))
        assert (trainer.spent.updates, trainer.spent.episodes) == (3, 9)
    assert len(notes) == 1
    assert counted(tmp_path) == {"consumed": 9, "waiting": 1}


def test_two_trainers_are_one_too_many(tmp_path):
    put(tmp_path, range(3))
    with trainer_in(tmp_path) as trainer:
        with pytest.raises(LedgerError, match=r"process"):
            trainer_in(tmp_path).__enter__()
        assert trainer.iterate() is not None
    with trainer_in(tmp_path) as trainer:
        assert trainer.number == 1


def test_a_run_goes_on_with_what_it_began_with(tmp_path):
    put(tmp_path, range(3))
    with trainer_in(tmp_path) as trainer:
        trainer.iterate()
    other = new_policy(spec_for(TASK), 1)
    with pytest.raises(PolicyError, match="a fleet whose start is"), ExitStack() as stack:
        stack.enter_context(trainer_in(tmp_path, policy=other))
    plan = FleetPlan(**(vars(PLAN) | {"seed": 8}))
    with pytest.raises(PolicyError, match="a fleet whose seed is 7, not 8"), ExitStack() as stack:
        stack.enter_context(trainer_in(tmp_path, plan=plan))
    plan = FleetPlan(**(vars(PLAN) | {"run": "second"}))
    with pytest.raises((SpoolError, PolicyError), match="'first', not 'second'"):
        trainer_in(tmp_path, plan=plan).__enter__()
    # Refused, they have changed nothing and hold nothing.
    with trainer_in(tmp_path) as trainer:
        assert trainer.number == 1


def test_what_does_not_fit_is_refused_before_anything_is_there(tmp_path):
    with pytest.raises(PolicyError, match="remember nothing"):
        trainer_in(tmp_path, policy=random_policy(recurrent_spec()))
    with pytest.raises(PolicyError, match="the policy chooses from"):
        trainer_in(tmp_path, policy=random_policy(box_spec(3, 2)))
    assert list(tmp_path.iterdir()) == []


def test_an_illegal_action_is_refused_and_not_learned_from(tmp_path, monkeypatch):
    put(tmp_path, range(2))
    episode = played(START, 2, kind=KIND, masked=True)
    episode.masks[3, episode.actions[3]] = False
    with SpoolWriter(tmp_path / "spool", KIND) as writer:
        with pytest.raises(SpoolError, match="not legal"):
            writer.put(episode)
        with monkeypatch.context() as careless:
            careless.setattr(EpisodeKind, "_illegal", lambda *_: None)
            name = writer.put(episode)
    put(tmp_path, range(3, 4))
    with trainer_in(tmp_path) as trainer:
        update = trainer.iterate()
    assert name not in update.names
    assert update.foreign == 1
    (reason,) = (tmp_path / "spool").glob("foreign/*/*.reason")
    assert "not legal" in reason.read_text()


def test_old_checkpoints_and_versions_go(tmp_path):
    put(tmp_path, range(15))
    with trainer_in(tmp_path) as trainer:
        for _ in range(5):
            trainer.iterate()
        kept = sorted(path.name for path in trainer.checkpoints.home.iterdir() if path.is_dir())
    assert kept == [f"update-{number:08d}" for number in (3, 4, 5)]
    assert sorted(Publication(tmp_path / "versions").ids()) == [0, 1, 2, 3, 4, 5]

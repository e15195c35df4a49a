"""A version is one policy for good, whole or absent, and the newest is found by its name alone."""

import json
import os
import signal
import sys

import pytest

from fleets import policy_for
from ratchet.errors import PolicyError
from ratchet.rollout.publication import Publication
from ratchet.tasks.cartpole import cartpole_modes

TASK = cartpole_modes()
FIRST, SECOND, THIRD = (policy_for(TASK, seed) for seed in range(3))


@pytest.fixture
def publication(tmp_path):
    return Publication(tmp_path / "versions")


def test_what_is_published_is_what_is_loaded(publication):
    assert publication.newest() is None
    assert publication.ids() == {}
    publication.publish(0, FIRST)
    publication.publish(1, SECOND)
    publication.publish(2, SECOND)  # as after an update that was taken back
    assert publication.newest() == 2
    assert publication.ids() == {0: FIRST.id, 1: SECOND.id, 2: SECOND.id}
    assert publication.load(0).id == FIRST.id
    assert publication.load(2).id == SECOND.id


def test_again_changes_nothing_and_another_policy_is_refused(publication):
    publication.publish(3, FIRST)
    before = {path: path.stat().st_mtime_ns for path in publication.directory.rglob("*")}
    publication.publish(3, FIRST)
    with pytest.raises(PolicyError, match=f"version 3 .* is policy {FIRST.id}, not {SECOND.id}"):
        publication.publish(3, SECOND)
    assert {path: path.stat().st_mtime_ns for path in publication.directory.rglob("*")} == before


def test_a_negative_version_is_refused(publication):
    with pytest.raises(PolicyError, match="version -1 cannot be published; the first is 0"):
        publication.publish(-1, FIRST)


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_version_is_refused_and_replaced_by_itself(publication, damage):
    publication.publish(0, FIRST)
    tensors = next(publication.directory.rglob("policy.safetensors"))
    content = tensors.read_bytes()
    if damage == "gone":
        tensors.unlink()
    else:
        wrong = content[:-5] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1])
        tensors.write_bytes(wrong)
    with pytest.raises(PolicyError, match=r"policy\.safetensors"):
        publication.load(0)
    publication.publish(0, FIRST)
    assert publication.load(0).id == FIRST.id


def test_one_under_another_name_is_refused(publication):
    publication.publish(0, FIRST)
    there = next(publication.directory.iterdir())
    there.rename(there.with_name(f"00000000-{SECOND.id}"))
    with pytest.raises(PolicyError, match=f"holds policy {FIRST.id}"):
        publication.load(0)


def test_the_newest_are_kept(publication):
    for version, policy in enumerate((FIRST, SECOND, THIRD)):
        publication.publish(version, policy)
    publication.keep(2)
    assert publication.ids() == {1: SECOND.id, 2: THIRD.id}
    with pytest.raises(PolicyError, match="has no version 0"):
        publication.load(0)
    assert len(list(publication.directory.iterdir())) == 2
    with pytest.raises(PolicyError, match="0 versions cannot be kept"):
        publication.keep(0)


def test_finished_until_it_is_opened_again(publication):
    assert not publication.finished
    publication.reopen()
    publication.finish()
    publication.finish()
    assert publication.finished
    assert publication.newest() is None
    publication.reopen()
    assert not publication.finished


def test_killed_anywhere_a_version_is_whole_or_absent(publication, tmp_path):
    """Kill a child before its n-th call that changes the disk, for every n."""
    publication.publish(0, FIRST)
    survived, step = False, 0
    while not survived:
        child = os.fork()
        if child == 0:
            left = step

            def watch(event, details):
                nonlocal left
                if event in {"os.mkdir", "os.rename", "os.remove", "os.rmdir"} or (
                    event == "open" and details[1] is not None and set("wx") & set(details[1])
                ):
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    left -= 1

            sys.addaudithook(watch)
            publication.publish(1, SECOND)
            publication.keep(1)
            os._exit(0)
        survived = os.waitpid(child, 0)[1] == 0
        ids = publication.ids()
        assert ids in ({0: FIRST.id}, {0: FIRST.id, 1: SECOND.id}, {1: SECOND.id})
        for version, identity in ids.items():
            assert publication.load(version).id == identity
        step += 1
    assert step > 4
    publication.publish(1, SECOND)
    assert publication.load(publication.newest()).id == SECOND.id
    assert (
        json.loads(next(publication.directory.rglob("manifest.json")).read_bytes())["format"] == 1
    )

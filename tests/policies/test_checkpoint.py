"""A checkpoint is whole or absent, and a damaged one is refused with advice."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratchet.errors import PolicyError
from ratchet.policies import checkpoint
from ratchet.policies.checkpoint import (
    TrainingState,
    follow,
    point,
    publish,
    publish_again,
    read_checkpoint,
    read_training_state,
)
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.policies.spec import (
    ActionSpec,
    ObservationSpec,
    PolicySpec,
    StateDependentExploration,
)


def invented(seed=0, **changes):
    spec = PolicySpec(
        observation=ObservationSpec(kind="box", shape=(3,)),
        action=ActionSpec(kind="box", shape=(2,), low=(-np.inf, -0.1), high=(np.inf, 1 / 3)),
        actor=(4,),
        critic=(),
        distribution="gsde",
        exploration=StateDependentExploration(use_expln=True),
    )
    rng = np.random.default_rng(seed)
    tensors = {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in spec.tensor_shapes().items()
    }
    return Policy(spec=spec, tensors=tensors, **changes)


STATE = TrainingState(
    arrays={
        "adam.m": np.arange(6, dtype=np.float64).reshape(2, 3),
        "rng": np.array([2**64 - 1], dtype=np.uint64),
        "done": np.array([True, False]),
        "scalar": np.float32(3.5),
        "turned": np.arange(6, dtype=np.int64).reshape(2, 3).T,
        "empty": np.zeros((0, 4), dtype=np.float32),
    },
    data={"update": 3, "rates": [0.1, None], "text": "é"},
)


def entries(directory):
    return sorted(one.name for one in directory.iterdir())


def test_what_is_read_is_what_was_written(tmp_path):
    statistics = Normalizer(mean=np.arange(3.0), variance=np.ones(3) / 3, return_variance=2.5)
    policy = invented(
        normalizer=statistics, lineage=("a", "b"), record={"algorithm": "PPO", "n": [1, None]}
    )
    place = publish(policy, tmp_path / "runs" / "one", state=STATE)
    assert place == tmp_path / "runs" / "one"
    read = read_checkpoint(place)
    assert read.id == policy.id
    assert read.spec == policy.spec
    assert (read.lineage, read.record) == (policy.lineage, policy.record)
    assert read.normalizer.settings() == statistics.settings()
    state = read_training_state(place)
    assert state.data == STATE.data
    for name, array in STATE.arrays.items():
        assert state.arrays[name].dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(state.arrays[name], array, strict=True)
    assert entries(place.parent) == ["one"]


def test_the_same_checkpoint_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        publish(invented(), tmp_path / name, state=STATE)
    for file in entries(tmp_path / "one"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_it_is_never_overwritten(tmp_path):
    place = publish(invented(), tmp_path / "one")
    before = {file: (place / file).stat().st_mtime_ns for file in entries(place)}
    assert publish(invented(), place) == place
    with pytest.raises(PolicyError, match=r"already holds policy .* never overwritten"):
        publish(invented(1), place)
    with pytest.raises(PolicyError, match="without a training state"):
        publish(invented(), place, state=STATE)
    assert {file: (place / file).stat().st_mtime_ns for file in entries(place)} == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PolicyError, match="it is a file"):
        publish(invented(), tmp_path / "file")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").write_text("mine")
    with pytest.raises(PolicyError, match="is not a checkpoint"):
        publish(invented(), tmp_path / "other")
    (tmp_path / "empty").mkdir()
    publish(invented(), tmp_path / "empty")
    assert entries(tmp_path) == ["empty", "file", "one", "other"]


def test_a_policy_alone_has_no_training_state(tmp_path):
    with pytest.raises(PolicyError, match="holds a policy and no training state"):
        read_training_state(publish(invented(), tmp_path / "one"))


def test_what_is_no_number_is_refused(tmp_path):
    with pytest.raises(PolicyError, match="record is not plain JSON"):
        publish(invented(record={"score": float("nan")}), tmp_path / "one")
    with pytest.raises(PolicyError, match="training state is not plain JSON"):
        publish(invented(), tmp_path / "one", state=TrainingState(data={"x": np.float32(1)}))
    with pytest.raises(PolicyError, match="starts with a dot"):
        publish(invented(), tmp_path / ".one")
    assert entries(tmp_path) == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return publish(invented(), tmp_path_factory.mktemp("whole") / "update-2", state=STATE)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_byte_is_refused(whole, data):
    file = whole / data.draw(st.sampled_from(entries(whole)))
    content = file.read_bytes()
    damaged = bytearray(content)
    damaged[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        file.write_bytes(damaged)
        with pytest.raises(PolicyError, match=rf"refused: .*{file.name}"):
            read_checkpoint(whole)
    finally:
        file.write_bytes(content)


@pytest.mark.parametrize("cut", ["shorter", "longer", "gone"])
def test_any_other_length_is_refused(whole, cut):
    for name in entries(whole):
        file = whole / name
        content = file.read_bytes()
        try:
            if cut == "gone":
                file.unlink()
            else:
                file.write_bytes(content[:-1] if cut == "shorter" else content + b" ")
            with pytest.raises(PolicyError, match=name.replace(".", r"\.")):
                read_training_state(whole)
        finally:
            file.write_bytes(content)
    read_checkpoint(whole)


def test_a_manifest_cannot_lead_elsewhere(tmp_path):
    place = publish(invented(), tmp_path / "one")
    listed = json.loads((place / "manifest.json").read_bytes())["files"]
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    listed["../secret"] = {"size": 1, "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1"}
    (place / "manifest.json").write_bytes(checkpoint._manifest(listed))
    with pytest.raises(PolicyError, match="not in the directory"):
        read_checkpoint(place)


def test_the_last_good_one_is_named(tmp_path):
    for number in (9, 10, 11, 12):
        publish(invented(number), tmp_path / f"update-{number}")
    (tmp_path / "update-12" / "policy.json").write_text("{}")
    (tmp_path / "update-11" / "policy.safetensors").unlink()
    (tmp_path / ".tmp-0000").mkdir()
    with pytest.raises(PolicyError, match=r"policy\.json has 2 bytes.*good one is .*update-10$"):
        read_checkpoint(tmp_path / "update-12")
    with pytest.raises(PolicyError, match="there is no such directory"):
        read_checkpoint(tmp_path / "update-13")
    alone = publish(invented(), tmp_path / "alone" / "one")
    (alone / "manifest.json").unlink()
    with pytest.raises(PolicyError, match="there is no good one beside it"):
        read_checkpoint(alone)


def test_a_newer_format_is_refused_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    place = publish(invented(), tmp_path / "one")
    monkeypatch.undo()
    with pytest.raises(PolicyError, match="format 2; this version reads 1"):
        read_checkpoint(place)


@pytest.mark.parametrize("format_", ["0", "2", "-1", '"1"', "null", "1.5"])
def test_a_format_that_its_hash_does_not_know_is_damage(tmp_path, format_):
    place = publish(invented(), tmp_path / "one")
    manifest = place / "manifest.json"
    manifest.write_bytes(
        manifest.read_bytes().replace(b'"format":1', b'"format":' + format_.encode())
    )
    with pytest.raises(PolicyError, match=r"refused: manifest.json is damaged"):
        read_checkpoint(place)


def test_pointers_move_in_one_step(tmp_path):
    one = publish(invented(1), tmp_path / "checkpoints" / "one")
    two = publish(invented(2), tmp_path / "checkpoints" / "two")
    point(tmp_path, "best", one)
    assert point(tmp_path, "best", two) == tmp_path / "best.json"
    assert follow(tmp_path, "best") == two
    assert json.loads((tmp_path / "best.json").read_bytes()) == {
        "checkpoint": "checkpoints/two",
        "id": invented(2).id,
    }
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    assert read_checkpoint(follow(moved, "best")).id == invented(2).id
    moved.rename(tmp_path)
    assert entries(tmp_path) == ["best.json", "checkpoints"]
    with pytest.raises(PolicyError, match="has no 'latest'"):
        follow(tmp_path, "latest")
    with pytest.raises(PolicyError, match="not a name"):
        follow(tmp_path, "../best")
    (tmp_path / "best.json").write_text("{")
    with pytest.raises(PolicyError, match="cannot be read"):
        follow(tmp_path, "best")
    (tmp_path / "best.json").write_text(json.dumps({"checkpoint": "checkpoints/one", "id": "x"}))
    with pytest.raises(PolicyError, match="means policy x, but"):
        follow(tmp_path, "best")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(PolicyError, match="the disk is full"):
        publish(invented(), tmp_path / "one", state=STATE)
    assert entries(tmp_path) == []


def test_leftovers_are_swept_when_they_belong_to_nobody(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    mine = checkpoint.temporary_name()
    host = mine.split("-")[1]
    dead, old = f".tmp-{host}-{child.pid}-00", f".tmp-00000000-{os.getpid()}-00"
    young, foreign = f".tmp-00000000-{child.pid}-01", ".tmp-notes"
    for name in (mine, dead, old, young, foreign):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.json").write_text("{}")
    hours_ago = time.time() - 7200
    os.utime(tmp_path / old, (hours_ago, hours_ago))
    publish(invented(), tmp_path / "one")
    assert entries(tmp_path) == sorted(["one", mine, young, foreign])


PUBLISHER = """
import sys, numpy as np
from pathlib import Path
from ratchet.policies.checkpoint import TrainingState, point, publish
from ratchet.policies.policy import Policy
from ratchet.policies.spec import ActionSpec, ObservationSpec, PolicySpec
run = Path(sys.argv[1])
spec = PolicySpec(observation=ObservationSpec(kind="box", shape=(4,)),
                  action=ActionSpec(kind="discrete", n=2))
print("ready", flush=True)
for number in range(10**6):
    value = np.float32(number)
    tensors = {n: np.full(s, value, np.float32) for n, s in spec.tensor_shapes().items()}
    policy = Policy(spec=spec, tensors=tensors)
    state = TrainingState(arrays={"m": np.full(20000, number)}, data={"number": number})
    point(run, "latest", publish(policy, run / f"update-{number}", state=state))
"""


def test_killed_at_any_instant_it_is_whole_or_absent(tmp_path):
    rng = np.random.default_rng(0)
    seen = 0
    for trial in range(8):
        run = tmp_path / str(trial)
        run.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(run)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        ) as process:
            process.stdout.readline()
            time.sleep(float(rng.uniform(0.0, 0.15)))
            process.send_signal(signal.SIGKILL)
        names = [name for name in entries(run) if name.startswith("update-")]
        for name in names:
            place = run / name
            number = int(name.split("-")[1])
            assert read_checkpoint(place).tensors["value_net.bias"][0] == number
            assert read_training_state(place).data == {"number": number}
        seen += len(names)
        with contextlib.suppress(PolicyError):
            assert int(follow(run, "latest").name.split("-")[1]) >= len(names) - 2
        # the next publisher clears away what the dead one left
        publish(invented(), run / "next")
        assert not any(name.startswith(".tmp-") and (run / name).is_dir() for name in entries(run))
    assert seen > 0


def test_killed_before_every_single_step(tmp_path):
    """Every system call that changes the disk is the last one, in turn."""
    program = """
import os, signal, sys
from pathlib import Path
import numpy as np
from ratchet.policies import checkpoint
sys.path.insert(0, sys.argv[3])
from test_checkpoint import STATE, invented
left = int(sys.argv[2])
def watch(event, args):
    global left
    if event in ("os.mkdir", "os.rename") or (event == "open" and ".tmp-" in str(args[0])):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
sys.addaudithook(watch)
checkpoint.publish(invented(), Path(sys.argv[1]) / "one", state=STATE)
"""
    outcomes = []
    for step in range(12):
        run = tmp_path / str(step)
        run.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", program, str(run), str(step), os.path.dirname(__file__)],  # noqa: PTH120
            check=False,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        outcomes.append((run / "one").exists())
        if outcomes[-1]:
            assert read_checkpoint(run / "one").id == invented().id
            assert read_training_state(run / "one").data == STATE.data
        if done.returncode == 0:
            break
    assert outcomes[0] is False
    assert outcomes[-1] is True
    assert len(outcomes) >= 7


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.tuples(
            st.sampled_from(
                ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", ">f4"]
            ),
            st.lists(st.integers(0, 3), max_size=3),
        ),
        max_size=5,
    )
)
def test_arrays_are_written_as_the_library_reads_them(wanted):
    rng = np.random.default_rng(0)
    arrays = {
        name: rng.integers(0, 2, shape).astype(kind).T for name, (kind, shape) in wanted.items()
    }
    read = safetensors.numpy.load(b"".join(checkpoint._pack(arrays)))
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype.newbyteorder("=")
        assert read[name].shape == array.shape
        np.testing.assert_array_equal(read[name], array)


def test_an_array_of_an_odd_type_is_refused():
    with pytest.raises(PolicyError, match="array x is complex128, which a checkpoint cannot hold"):
        checkpoint._pack({"x": np.zeros(2, dtype=complex)})


def test_the_same_policy_again_under_another_name(tmp_path):
    policy = invented(1)
    written = publish(policy, tmp_path / "whole", state=STATE)
    for place in (written, tmp_path / "missing"):
        again = publish_again(policy, tmp_path / f"again of {place.name}", place)
        assert read_checkpoint(again).id == policy.id
        assert sorted(path.name for path in again.iterdir()) == [
            "manifest.json", "policy.json", "policy.safetensors",
        ]  # fmt: skip
    shutil.rmtree(written)
    assert read_checkpoint(tmp_path / "again of whole").record == policy.record
    assert not list(tmp_path.glob(".*"))

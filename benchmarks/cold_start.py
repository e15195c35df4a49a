"""Cold start of ``ratchet finetune``, to its first environment step.

From the start of the process until the step has been made, which is the first of the pre-flight
evaluation. Disk caches are warm, as from the second use on; the first use ever, when Numba has yet to compile
and keep the kernels, has a row of its own.

What bounds it: imports. The compiler behind the kernels is loaded even when they come from its cache, and
a Stable-Baselines3 file needs PyTorch to read its tensors without unpickling, which a checkpoint does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.contenders import trained_zip
from benchmarks.measure import ROOT, Comparison, Result, Series, alternate, fresh, repetitions

NAME = "Cold start of the command"
TARGET = "the first environment step within 3 s"
LIMIT = 3.0

_OURS = """
import sys, time
from ratchet.tasks import cartpole
def hooked(step):
    def run(self, *arguments):
        step(self, *arguments)
        print(time.time(), flush=True)
        import os
        os._exit(0)
    return run
for name in ("step", "advance"):
    setattr(cartpole.CartPoleVector, name, hooked(getattr(cartpole.CartPoleVector, name)))
from ratchet.cli.main import entry
entry()
"""

_THEIRS = """
import os, sys, time
import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
model = PPO.load(sys.argv[1], env=make_vec_env("CartPole-v1", 16), device="cpu")
observation = model.env.reset()
model.env.step(model.predict(observation)[0])
print(time.time(), flush=True)
os._exit(0)
"""


def prepare(*, zipped: str, checkpoint: str) -> None:
    from ratchet.policies.checkpoint import publish
    from ratchet.policies.sb3.importer import read_sb3

    trained_zip(Path(zipped), steps=2_000)
    publish(read_sb3(Path(zipped)), Path(checkpoint))


def start(program: str, words: list[str], environment: Mapping[str, str] | None = None) -> float:
    """Return the seconds from before the process began to the time that it prints."""
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1]) - began


def measure(*, quick: bool) -> Result:
    """Measure the claim."""
    with tempfile.TemporaryDirectory() as directory:
        zipped, checkpoint = f"{directory}/policy.zip", f"{directory}/policy"
        fresh(prepare, zipped=zipped, checkpoint=checkpoint)

        def ours(policy: str, repetition: int, kind: str) -> float:
            root, cache = (
                f"{directory}/{kind}-{repetition}",
                f"{directory}/cache-{kind}-{repetition}",
            )
            words = ["finetune", policy, "cartpole-modes", "--mode", "2", "--steps", "1000"]
            empty = {"NUMBA_CACHE_DIR": cache} if kind.startswith("first") else {}
            return start(_OURS, [*words, "--root", root], empty)

        contenders = {
            "sb3": lambda _: start(_THEIRS, [zipped]),
            "zip": lambda n: ours(zipped, n, "zip"),
            "checkpoint": lambda n: ours(checkpoint, n, "checkpoint"),
            "first": lambda n: ours(checkpoint, n, "first"),
        }
        for name in ("sb3", "zip", "checkpoint"):
            contenders[name](-1)
        found = alternate(contenders, repetitions(quick=quick))
    limit = Series("the limit", [LIMIT], "s")
    sb3 = Series("Stable-Baselines3's load and first step", found["sb3"], "s")
    zipped_series = Series("Ratchet", found["zip"], "s")
    return Result(
        [
            Comparison(what="from an SB3 zip", ours=zipped_series, peer=limit, at_least=1.0),
            Comparison(
                what="from a checkpoint",
                ours=Series("Ratchet", found["checkpoint"], "s"),
                peer=limit,
                at_least=1.0,
            ),
            Comparison(
                what="from a checkpoint, first use ever (kernels are compiled)",
                ours=Series("Ratchet", found["first"], "s"),
                peer=limit,
            ),
            Comparison(what="from an SB3 zip, against a script", ours=zipped_series, peer=sb3),
        ]
    )

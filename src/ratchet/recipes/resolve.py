"""What a POLICY on the command line means: a checkpoint, a run's pointer, an SB3 zip, or a built-in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.policies import kernels
from ratchet.policies.actor import Choice
from ratchet.policies.checkpoint import follow, is_checkpoint, read_checkpoint
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.policies.recurrent.interventions import intervene, parse_intervention
from ratchet.rollout.agents import TaskTeacher, Who
from ratchet.rollout.fit import check_fit
from ratchet.tasks.task import Task

_NO_STATE = np.empty((0, 0), dtype=np.float32)

BUILT_IN = {
    "random": "every legal action equally likely",
    "heuristic": "the task's own player, where it has one",
}


class _RandomChooser:
    """Chooses every legal action with the same probability, from the episode's own noise."""

    id = "random"
    memory = 0

    def __init__(self, task: Task) -> None:
        self._space = space = task.action_space
        if isinstance(space, Box) and not space.is_bounded():
            raise PolicyError(
                f"the built-in 'random' needs bounded actions, and task {task.name!r} takes {space}"
            )

    def act(
        self,
        observations: NDArray[np.float32],
        masks: NDArray[np.bool_] | None,
        seeds: NDArray[np.uint64],
        steps: NDArray[np.int64],
        *,
        deterministic: bool,  # noqa: ARG002 - a random policy has no greedy side
        state: NDArray[np.float32] = _NO_STATE,  # noqa: ARG002
    ) -> Choice:
        """Choose for ``(n, size)`` observations."""
        count = len(observations)
        nan = np.full(count, np.nan, dtype=np.float32)
        if isinstance(self._space, Discrete):
            legal = np.ones((count, int(self._space.n)), dtype=np.bool_) if masks is None else masks
            actions = np.zeros(count, dtype=np.int64)
            stuck = kernels.choose_uniformly(legal, seeds, steps, actions)
            if stuck >= 0:
                raise PolicyError(f"environment {stuck} offers no legal action")
            return Choice(actions, actions + int(self._space.start), nan)
        width = int(np.prod(self._space.shape or ()))
        unit = kernels.uniforms(seeds, steps, width)
        low = np.asarray(self._space.low).ravel()  # type: ignore[attr-defined]
        high = np.asarray(self._space.high).ravel()  # type: ignore[attr-defined]
        drawn = (low + unit * (high - low)).astype(np.float32)
        return Choice(drawn, drawn, nan)

    def remember(self, state: NDArray[np.float32], actions: NDArray[Any]) -> None:
        """Do nothing: it remembers nothing."""


@dataclass(frozen=True)
class Player:
    """Who plays in an evaluation: a chooser or a teacher, its label, and its policy if it has one."""

    label: str
    who: Who
    policy: Policy | None

    def stall_after(self, stated: int) -> int:
        """Return what an evaluation's `stall_after` is for this one: nothing, where no policy has a next-best action."""
        return stated if self.policy is not None else 0


def load_policy(text: str, root: Path) -> Policy:
    """Return the policy that `text` means: a directory, ``RUN@best``, or a ``.zip``.

    ``#clamp:0``, ``#disable:1``, ``#uniform`` and ``#random`` behind it intervene on its gate.

    Raises
    ------
    PolicyError
        If there is none, it is damaged, or it is of a kind that cannot be read.

    """
    whole, mark, intervention = text.rpartition("#")
    if mark and not Path(text).exists():
        return intervene(load_policy(whole, root), parse_intervention(intervention))
    run, at, pointer = text.rpartition("@")
    if at and not Path(text).exists():
        directory = Path(run) if Path(run).exists() else root / run
        if not directory.is_dir():
            raise PolicyError(
                f"policy {text!r}: there is no run directory {run}, neither here nor in {root}"
            )
        return read_checkpoint(follow(directory, pointer))
    path = Path(text)
    if not path.exists() and path.suffix != ".zip" and text and (root / text).is_dir():
        path = root / text
    if path.suffix == ".zip":
        from ratchet.policies.sb3.importer import read_sb3  # noqa: PLC0415 - loads PyTorch

        return read_sb3(path)
    if path.is_dir():
        if is_checkpoint(path):
            return read_checkpoint(path)
        for pointer in ("best", "latest"):
            if (path / f"{pointer}.json").exists():
                return read_checkpoint(follow(path, pointer))
        return read_checkpoint(path)
    if text in BUILT_IN:
        raise PolicyError(
            f"the built-in policy {text!r} has no parameters: it can be evaluated and compared only"
        )
    raise PolicyError(
        f"there is no policy {text!r}: it is a checkpoint directory, RUN@best or RUN@latest, an SB3 "
        f".zip file, or one of {', '.join(BUILT_IN)}"
    )


def check_usable(policy: Policy) -> None:
    """Refuse a policy that was trained on normalised observations and has lost the statistics.

    Raises
    ------
    PolicyError
        If it has: without them it plays like a beginner, and every number about it is wrong.

    """
    said = str(policy.record.get("normalizer") or "")
    if policy.normalizer is None and said.startswith("missing"):
        raise PolicyError(
            f"policy {policy.record.get('source')!r} was trained on normalised observations, but its "
            "vecnormalize.pkl is missing: put it beside the file, or import it with --vecnormalize"
        )


def load_player(text: str, task: Task, root: Path) -> Player:
    """Return who plays, checked against the task: a policy, ``random``, or one of the task's teachers by name.

    Raises
    ------
    PolicyError
        As `load_policy`, or if the policy does not fit the task.

    """
    if text == "random":
        return Player(text, _RandomChooser(task), None)
    if text in task.teachers:
        return Player(text, TaskTeacher(text), None)
    if text == "heuristic":
        raise PolicyError(f"task {task.name!r} has no heuristic; choose another policy")
    policy = load_policy(text, root)
    check_usable(policy)
    check_fit(policy.spec, task)
    label = Path(text).name if Path(text).exists() else text
    return Player(label, actor_for(policy), policy)

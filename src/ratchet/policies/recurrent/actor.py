"""Acting with a recurrent policy: every row by itself, its memory kept by the caller.

A row of state holds the GRU's output, the previous action (one-hot, or as it was drawn) and the previous
reward; an episode begins with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.policies import kernels
from ratchet.policies.actor import (
    Actor,
    Choice,
    FloatArray,
    choose_categorical,
    choose_gaussian,
    transposed,
)
from ratchet.policies.entities.actor import EntityActor
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent import kernels as recurrent_kernels
from ratchet.policies.spec import ActionSpec, EntitySpec, RecurrentSpec

_NO_ROWS = np.empty((0, 0), dtype=np.float32)
_ALL_SLOTS = np.empty((0, 0), dtype=np.bool_)
_GATE_STREAM = np.uint64(0x6A09E667F3BCC909)
"""Separates the gate's noise from the action's, which has the same seed and step."""


_DEAL_STREAM = np.uint64(0xBB67AE8584CAA73B)
_SLIP_STREAM = np.uint64(0x3C6EF372FE94F82B)


@dataclass(frozen=True)
class GateNoise:
    """How a policy with slots is disturbed in training; a function of the episode's seed and step.

    So what an actor met while it played can be computed again when the step is learned from, and a step's
    probability ratio is 1 until something was learned.

    `specialists` deals every training episode to one of the slots, which plays it alone, or to all of them
    under the gate, each as likely. Where slot k plays alone, the environment gets a random action instead of
    the chosen one with probability ``specialists[k]``: the slots become controllers of different robustness
    (probabilistic action robustness; Tessler, Efroni and Mannor 2019, with a random adversary).
    """

    gumbel: bool = False
    slot_dropout: float = 0.0
    specialists: tuple[float, ...] = ()

    def draw(
        self, seeds: NDArray[np.uint64], steps: NDArray[np.int64], slots: int
    ) -> tuple[FloatArray | None, NDArray[np.bool_] | None]:
        """Return what is added to the logits and which slots are kept, each ``(n, slots)`` or None."""
        if not (self.gumbel or self.slot_dropout or self.specialists):
            return None, None
        uniforms = kernels.uniforms(seeds ^ _GATE_STREAM, steps, 2 * slots)
        added = kept = None
        if self.gumbel:
            added = (-np.log(-np.log(uniforms[:, :slots]))).astype(np.float32)
        if self.slot_dropout:
            chance = uniforms[:, slots:]
            kept = chance >= self.slot_dropout
            # Never all of them: the one that was nearest to staying stays.
            kept[np.arange(len(kept)), chance.argmax(axis=1)] = True
        if self.specialists:
            player = self._players(seeds)
            alone = player[:, None] == np.arange(slots)
            everyone = np.ones_like(alone) if kept is None else kept
            kept = np.where((player < slots)[:, None], alone, everyone)
        return added, kept

    def slip(
        self,
        choice: Choice,
        action: ActionSpec,
        masks: NDArray[np.bool_] | None,
        seeds: NDArray[np.uint64],
        steps: NDArray[np.int64],
    ) -> Choice:
        """Return the choice with some of what is executed made random; what is learned from stays.

        A random action is any legal one, each as likely.
        """
        if not self.specialists:
            return choice
        share = np.array([*self.specialists, 0.0])[self._players(seeds)]
        width = 1 if action.kind == "discrete" else action.size
        uniforms = kernels.uniforms(seeds ^ _SLIP_STREAM, steps, 1 + width)
        if action.kind == "discrete":
            legal = np.ones((len(seeds), action.n), dtype=np.bool_) if masks is None else masks
            rank = legal.cumsum(axis=1)
            # The first whose rank among the legal ones is above the number drawn.
            drawn = (uniforms[:, 1] * rank[:, -1]).astype(np.int64)
            other = (rank > drawn[:, None]).argmax(axis=1) + action.start
        else:
            low, high = np.array(action.low), np.array(action.high)
            other = (low + uniforms[:, 1:] * (high - low)).astype(np.float32)
        slips = uniforms[:, 0] < share
        executed = choice.executed.copy()
        executed[slips] = other[slips]
        return replace(choice, executed=executed)

    def _players(self, seeds: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the slot that plays each episode alone, or the number of slots where all do."""
        drawn = kernels.uniforms(seeds ^ _DEAL_STREAM, np.zeros(len(seeds), dtype=np.int64), 1)
        players: NDArray[np.int64] = (drawn[:, 0] * (len(self.specialists) + 1)).astype(np.int64)
        return players


NO_NOISE = GateNoise()


class RecurrentActor:
    """A recurrent policy, with or without slots, ready to play."""

    def __init__(self, policy: Policy, noise: GateNoise = NO_NOISE) -> None:
        spec = policy.spec
        assert isinstance(spec, RecurrentSpec)
        self.id = policy.id
        self.policy = policy
        self.memory = spec.memory
        self._spec = spec
        self._noise = noise
        wide = spec.width
        relu = kernels.RELU

        def trunk(names: list[str], *sizes: int) -> tuple[Any, Any, int]:
            flat = transposed(policy, [f"{n}.{p}" for n in names for p in ("weight", "bias")])
            return np.array(sizes, dtype=np.int64), flat, relu

        self._encoder = trunk(["encoder.0"], spec.input_size, wide)
        self._from_input = (
            np.array([wide, 3 * wide], dtype=np.int64),
            transposed(policy, ["gru.weight_ih", "gru.bias_ih"]),
            relu,
        )
        self._from_hidden = (
            np.array([wide, 3 * wide], dtype=np.int64),
            transposed(policy, ["gru.weight_hh", "gru.bias_hh"]),
            relu,
        )
        if spec.slots:
            self._gate = trunk(["gate.0", "gate.2"], wide, wide, spec.slots)
            nothing = np.zeros(wide, dtype=np.float32)
            self._bank = (
                np.array([spec.slots, wide], dtype=np.int64),
                np.concatenate([policy.tensors["slots"].ravel(), nothing]).astype(np.float32),
                relu,
            )
            self._film = trunk(["film.0", "film.2"], wide, wide, 2 * wide)
        head = ["mlp_extractor.policy_net.0", "action_net"]
        self._actor = trunk(head, wide, wide, spec.action.size)

    def act(
        self,
        observations: FloatArray,
        masks: NDArray[np.bool_] | None,
        seeds: NDArray[np.uint64],
        steps: NDArray[np.int64],
        *,
        deterministic: bool,
        state: FloatArray,
    ) -> Choice:
        """Choose for ``(n, size)`` flat raw observations; move `state` ``(n, memory)`` on in place.

        Raises
        ------
        PolicyError
            If a row's mask leaves no legal action.

        """
        spec = self._spec
        features, _ = self._step(observations, seeds, steps, state)
        outputs = _run(self._actor, features)
        if spec.distribution == "categorical":
            choice = choose_categorical(
                spec.action, outputs, masks, seeds, steps, deterministic=deterministic
            )
        else:
            choice = choose_gaussian(
                spec.action,
                outputs,
                self.policy.tensors["log_std"],
                seeds,
                steps,
                deterministic=deterministic,
            )
        self.remember(state, choice.actions)
        return self._noise.slip(choice, spec.action, masks, seeds, steps)

    def weights(self, observations: FloatArray, state: FloatArray) -> FloatArray:
        """Return the gate's weights ``(n, slots)`` for observations and the state before them."""
        nobody = np.zeros(len(observations), dtype=np.uint64)
        _, weights = self._step(observations, nobody, nobody.astype(np.int64), state.copy())
        assert weights is not None
        return weights

    def remember(self, state: FloatArray, actions: NDArray[Any]) -> None:
        """Put the actions of this step into the state, as the next step's previous ones."""
        wide = self._spec.width
        if self._spec.action.kind == "discrete":
            state[:, wide:-1] = 0.0
            state[np.arange(len(state)), wide + actions] = 1.0
        else:
            state[:, wide:-1] = actions

    def _step(
        self,
        observations: FloatArray,
        seeds: NDArray[np.uint64],
        steps: NDArray[np.int64],
        state: FloatArray,
    ) -> tuple[FloatArray, FloatArray | None]:
        """Move the GRU on; return what the heads see ``(n, width)`` and the gate's weights."""
        spec, wide, count = self._spec, self._spec.width, len(observations)
        inputs = np.concatenate([self.policy.observe(observations), state[:, wide:]], axis=1)
        before = np.ascontiguousarray(state[:, :wide])
        from_input = _run(self._from_input, _run(self._encoder, inputs, activate_last=True))
        after = np.empty_like(before)
        recurrent_kernels.gru_cell(from_input, _run(self._from_hidden, before), before, after)
        state[:, :wide] = after
        if not spec.slots:
            return after, None
        logits = _run(self._gate, after)
        added, kept = self._noise.draw(seeds, steps, spec.slots)
        if added is not None:
            logits += added
        soft, weights = np.empty_like(logits), np.empty_like(logits)
        slots = _ALL_SLOTS if kept is None else kept
        temperature = np.float32(spec.temperature)
        recurrent_kernels.mix(logits, temperature, spec.hard, slots, soft, weights)
        film = _run(self._film, _run(self._bank, weights))
        seen = np.empty((count, wide), dtype=np.float32)
        recurrent_kernels.modulate(after, film, seen)
        return seen, weights


def _run(trunk: tuple[Any, Any, int], x: FloatArray, *, activate_last: bool = False) -> FloatArray:
    sizes, flat, activation = trunk
    result: FloatArray = kernels.act(x, sizes, flat, activation, activate_last, _NO_ROWS)
    return result


def actor_for(policy: Policy) -> Actor | RecurrentActor | EntityActor:
    """Return the policy, ready to play."""
    if isinstance(policy.spec, RecurrentSpec):
        return RecurrentActor(policy)
    return EntityActor(policy) if isinstance(policy.spec, EntitySpec) else Actor(policy)

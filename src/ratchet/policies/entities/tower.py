"""The actor of a policy that knows entities, forward and back; what computes its linear layers is given.

What is in no set goes through a perceptron and becomes a token; each entity becomes one by its set's layer.
Blocks of attention and perceptrons (pre-norm; Xiong et al. 2020) let the tokens of a row see each other. An
action is scored by the row's token, by the token of an entity, or by a pair of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import PolicyError
from ratchet.policies.entities import kernels
from ratchet.policies.entities.rows import Found
from ratchet.policies.policy import Policy
from ratchet.policies.sparse import Rows
from ratchet.policies.spec import EntitySpec

FloatArray = NDArray[np.float32]

_NO_ROWS = np.empty((0, 0), dtype=np.float32)

REST = "mlp_extractor.policy_net"
"""The part that sees what is in no set; each of its layers is activated."""


class Layers(NamedTuple):
    """A stretch of linear layers: the names of their tensors, weight and bias by turns, and their widths."""

    tensors: list[str]
    sizes: list[int]


def layers_of(spec: EntitySpec) -> dict[str, Layers]:
    """Return the stretches of linear layers of the actor, by name."""
    shapes = spec.tensor_shapes()
    names = ["row", *(f"entities.{one.name}" for one in spec.entities.sets)]
    for number in range(spec.blocks):
        block = f"blocks.{number}"
        names += [f"{block}.attention.in", f"{block}.attention.out", f"{block}.between"]
    if spec.entities.alone:
        names.append("action_net.alone")
    names += [f"action_net.{pair.name}" for pair in spec.entities.pairs]
    layers = {}
    for name in (REST, *names):
        numbered = [f"{name}.{2 * i}" for i in range(len(spec.hidden) if name == REST else 2)]
        stretch = numbered if f"{name}.0.weight" in shapes else [name]
        weights = [shapes[f"{one}.weight"] for one in stretch]
        layers[name] = Layers(
            [f"{one}.{part}" for one in stretch for part in ("weight", "bias")],
            [weights[0][1], *(out for out, _ in weights)],
        )
    return layers


def scores_of(spec: EntitySpec) -> list[str]:
    """Return the tensors that score single entities: weight and bias by turns, one score after the other."""
    return [
        f"action_net.{one.name}.{part}"
        for one in spec.entities.single
        for part in ("weight", "bias")
    ]


def vectors_of(spec: EntitySpec) -> list[str]:
    """Return the names of the norms and of the places."""
    return [name for name in spec.tensor_shapes() if name.endswith(("norm.weight", ".places"))]


def refuse_normalizer(policy: Policy) -> None:
    """Refuse a policy that normalises what it sees.

    Raises
    ------
    PolicyError
        If it does.

    """
    if policy.normalizer is not None and policy.normalizer.mean is not None:
        raise PolicyError(
            "a policy of kind 'entities' cannot normalise its observations: an entity is there where its "
            "numbers are not zero"
        )


class Part(Protocol):
    """A stretch of linear layers."""

    def forward(self, x: Rows) -> FloatArray:
        """Return outputs ``(n, out)``, valid until the next pass."""
        ...


class Normed(NamedTuple):
    """Tokens before and after a norm ``(N, d)``, and its scales ``(N,)``."""

    before: FloatArray
    after: FloatArray
    scales: FloatArray


class Block(NamedTuple):
    """What a block has seen and computed."""

    seen: Normed
    mixed: FloatArray
    weights: FloatArray
    attended: FloatArray
    between: Normed


class Pairing(NamedTuple):
    """What a score of pairs has seen: the left entities' tokens ``(m, d)``, and what they look for ``(m, d + 1)``."""

    left: FloatArray
    wanted: FloatArray


class Tower:
    """Computes with `parts`, by the names of `layers_of`, and with `vectors`; keeps what the way back needs.

    `vectors` are norms and places by their tensors' names and, as ``scores``, the tensors of `scores_of`
    ``(scores, d + 1)``.
    """

    def __init__(
        self, spec: EntitySpec, parts: Mapping[str, Part], vectors: Mapping[str, FloatArray]
    ) -> None:
        self._spec = spec
        self._parts, self._vectors = parts, vectors
        self.alone = np.array(spec.entities.alone, dtype=np.int64)
        self.hidden = _NO_ROWS
        self.blocks: list[Block] = []
        self.pairings: list[Pairing] = []

    def forward(self, found: Found) -> tuple[FloatArray, FloatArray]:
        """Return logits ``(n, k)`` and the rows' own features ``(n, width + hidden)``."""
        tokens = self._embed(found)
        self.blocks = []
        for number in range(self._spec.blocks):
            tokens = self._pass(f"blocks.{number}", tokens, found)
        self.last = self._norm("norm", tokens)
        return self._score(found)

    def _embed(self, found: Found) -> FloatArray:
        """Return the tokens ``(N, d)``."""
        tokens = np.empty((found.starts[-1], self._spec.width), dtype=np.float32)
        self.hidden = self._parts[REST].forward(found.rest)
        tokens[found.own] = self._parts["row"].forward(self.hidden)
        for one in self._spec.entities.sets:
            members = found.members[one.name]
            if len(members):
                embedded = self._parts[f"entities.{one.name}"].forward(members.numbers)
                if one.ordered:
                    embedded += self._vectors[f"entities.{one.name}.places"][members.places]
                tokens[members.tokens] = embedded
        return tokens

    def _pass(self, block: str, tokens: FloatArray, found: Found) -> FloatArray:
        """Return the tokens behind a block."""
        heads = self._spec.heads
        seen = self._norm(f"{block}.attention.norm", tokens)
        mixed = self._parts[f"{block}.attention.in"].forward(seen.after)
        weights = np.empty(heads * int(np.square(np.diff(found.starts)).sum()), dtype=np.float32)
        attended = np.empty_like(tokens)
        kernels.attend(mixed, found.starts, heads, weights, attended)
        middle = tokens + self._parts[f"{block}.attention.out"].forward(attended)
        between = self._norm(f"{block}.between.norm", middle)
        self.blocks.append(Block(seen, mixed, weights, attended, between))
        after: FloatArray = middle + self._parts[f"{block}.between"].forward(between.after)
        return after

    def _norm(self, name: str, tokens: FloatArray) -> Normed:
        after, scales = np.empty_like(tokens), np.empty(len(tokens), dtype=np.float32)
        kernels.norm(tokens, self._vectors[f"{name}.weight"], after, scales)
        return Normed(tokens, after, scales)

    def _score(self, found: Found) -> tuple[FloatArray, FloatArray]:
        entities, tokens = self._spec.entities, self.last.after
        logits = np.zeros((len(found), self._spec.action.n), dtype=np.float32)
        self.features = np.concatenate([tokens[found.own], self.hidden], axis=1)
        if entities.alone:
            logits[:, self.alone] = self._parts["action_net.alone"].forward(self.features)
        kernels.score_singles(tokens, found.singles, found.ends, self._vectors["scores"], logits)
        self.pairings = []
        for pair, links in zip(entities.pairs, found.pairs, strict=True):
            left = tokens[found.members[pair.left].tokens]
            wanted = self._parts[f"action_net.{pair.name}"].forward(left) if len(left) else _NO_ROWS
            kernels.score_pairs(wanted, tokens, links, logits)
            self.pairings.append(Pairing(left, wanted))
        return logits, self.features

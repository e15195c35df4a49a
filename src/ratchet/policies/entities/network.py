"""A policy that knows entities, as it learns: matrix products over all tokens of a mini-batch, and the way back.

Actor and critic share nothing but the mini-batch, so each has its own thread, and what gradients of weights one
leaves the other takes, as in `network`.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ratchet.policies import kernels
from ratchet.policies.actor import critic_tensors
from ratchet.policies.entities import kernels as entity_kernels
from ratchet.policies.entities.rows import Finder, Found
from ratchet.policies.entities.tower import (
    REST,
    Normed,
    Tower,
    layers_of,
    refuse_normalizer,
    scores_of,
    vectors_of,
)
from ratchet.policies.network import (
    Beside,
    FloatArray,
    Layout,
    Left,
    PolicyHead,
    RoutingHead,
    Trunk,
    ValueHead,
    side_by_side,
)
from ratchet.policies.policy import Policy
from ratchet.policies.sparse import Rows, compact, joined
from ratchet.policies.spec import EntitySpec

_NO_ROWS = np.empty((0, 0), dtype=np.float32)


class EntityNetwork:
    """A policy that knows entities, with flat parameters and gradient, on the CPU.

    Raises
    ------
    PolicyError
        If the policy normalises its observations: what is not there would no longer be zero.

    """

    return_scale = 1.0

    def __init__(self, policy: Policy) -> None:
        spec = policy.spec
        assert isinstance(spec, EntitySpec)
        refuse_normalizer(policy)
        self._spec = spec
        self.layout = Layout(policy)
        self.parameters = self.layout.pack(policy.tensors)
        self.gradient = np.zeros_like(self.parameters)
        self._finder = Finder(spec.entities, spec.observation.size)

        def trunk(names: list[str], sizes: list[int], *, activate_last: bool = False) -> Trunk:
            where = self.layout.span(names)
            return Trunk(
                sizes,
                self.parameters[where],
                self.gradient[where],
                kernels.ACTIVATIONS[spec.activation],
                activate_last=activate_last,
                by_input=names[0] in self.layout.by_input,
            )

        self._parts = {
            name: trunk(*layers, activate_last=name == REST)
            for name, layers in layers_of(spec).items()
        }
        critic = critic_tensors(spec.critic)
        self._critic = trunk(critic, [spec.observation.size, *spec.critic, 1])
        self._vectors = self._vectors_in(self.parameters)
        self._slopes = self._vectors_in(self.gradient)
        self._tower = Tower(spec, self._parts, self._vectors)
        self._actor_gradient = self.gradient[: self.layout.slices[critic[0]].start]
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="critic")

    def values(self, x: Rows) -> FloatArray:
        """Return values ``(n,)`` of what the network sees, ``(n, size)``."""
        return self._critic.forward(compact(x))[:, 0].copy()

    def outputs(self, x: Rows) -> tuple[FloatArray, FloatArray]:
        """Return the actor's logits ``(n, k)`` and the features ``(n, f)`` of its rows' own tokens."""
        return self._tower.forward(self._finder.find(compact(x)))

    def differentiate(
        self,
        x: Rows | Beside,
        policy_head: PolicyHead | None,
        value_head: ValueHead | None,
        routing_head: RoutingHead | None = None,  # noqa: ARG002 - it has no gate
    ) -> None:
        """Fill `gradient` for a mini-batch ``(n, size)``."""
        both = compact(x.both if isinstance(x, Beside) else x)
        acted = joined(both, compact(x.actor)) if isinstance(x, Beside) else both
        if policy_head is None or value_head is None:
            self._differentiate_critic(both, value_head)
            self._differentiate_actor(acted, policy_head)
            return
        left: Left = deque()
        side_by_side(
            self._pool,
            lambda: self._differentiate_actor(acted, policy_head, left),
            lambda: self._differentiate_critic(both, value_head, left),
            left,
        )

    def _vectors_in(self, flat: FloatArray) -> dict[str, FloatArray]:
        """Return the tower's vectors, as views."""
        layout, wide = self.layout, self._spec.width
        vectors = {name: layout.view(flat, name) for name in vectors_of(self._spec)}
        vectors["scores"] = flat[layout.span(scores_of(self._spec))].reshape(-1, wide + 1)
        return vectors

    def _differentiate_critic(
        self, x: Rows, value_head: ValueHead | None, left: Left | None = None
    ) -> None:
        if value_head is None:
            self._critic.gradient[:] = 0.0
            return
        d_values = value_head(self._critic.forward(x)[:, 0])
        self._critic.backward(x, d_values.reshape(-1, 1), _NO_ROWS, left)

    def _differentiate_actor(
        self, x: Rows, policy_head: PolicyHead | None, left: Left | None = None
    ) -> None:
        d_logits = None
        if policy_head is not None:
            found = self._finder.find(x)
            d_logits = policy_head(*self._tower.forward(found))
        if d_logits is None:
            self._actor_gradient[:] = 0.0
        else:
            self._backward(found, d_logits, left)

    def _backward(self, found: Found, d_logits: FloatArray, left: Left | None) -> None:
        """Carry the gradient of the logits back through the latest pass of the tower, of `found`."""
        d_tokens, d_hidden = self._unscore(found, d_logits, left)
        for number in reversed(range(self._spec.blocks)):
            self._unpass(number, found, d_tokens, left)
        d_row = np.empty_like(d_hidden)
        self._parts["row"].backward(self._tower.hidden, d_tokens[found.own], d_row, left)
        self._parts[REST].backward(found.rest, d_hidden + d_row, _NO_ROWS, left)
        for one in self._spec.entities.sets:
            members, part = found.members[one.name], self._parts[f"entities.{one.name}"]
            d_members = d_tokens[members.tokens]
            if len(members):
                part.backward(members.numbers, d_members, _NO_ROWS, left)
            else:
                part.gradient[:] = 0.0
            if one.ordered:
                d_places = self._slopes[f"entities.{one.name}.places"]
                entity_kernels.gather(d_members, members.places, d_places)

    def _unscore(
        self, found: Found, d_logits: FloatArray, left: Left | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the gradients of the tokens before the last norm, and of what is hidden below the row's own."""
        tower, entities, wide = self._tower, self._spec.entities, self._spec.width
        tokens = tower.last.after
        d_tokens = np.zeros_like(tokens)
        d_features = np.zeros_like(tower.features)
        if entities.alone:
            d_alone = np.ascontiguousarray(d_logits[:, tower.alone])
            self._parts["action_net.alone"].backward(tower.features, d_alone, d_features, left)
        d_tokens[found.own] = d_features[:, :wide]
        entity_kernels.unscore_singles(
            tokens,
            found.singles,
            found.ends,
            self._vectors["scores"],
            d_logits,
            self._slopes["scores"],
            d_tokens,
        )
        for pair, links, seen in zip(entities.pairs, found.pairs, tower.pairings, strict=True):
            part = self._parts[f"action_net.{pair.name}"]
            if not len(links):
                part.gradient[:] = 0.0
                continue
            d_wanted, d_left = np.empty_like(seen.wanted), np.empty_like(seen.left)
            entity_kernels.unscore_pairs(seen.wanted, tokens, links, d_logits, d_wanted, d_tokens)
            part.backward(seen.left, d_wanted, d_left, left)
            d_tokens[found.members[pair.left].tokens] += d_left
        d_before = np.zeros_like(tokens)
        self._unnorm("norm", tower.last, d_tokens, d_before)
        return d_before, d_features[:, wide:]

    def _unpass(self, number: int, found: Found, d_tokens: FloatArray, left: Left | None) -> None:
        """Turn the gradient of the tokens behind a block into that of those before it."""
        block, name = self._tower.blocks[number], f"blocks.{number}"
        d_after = np.empty_like(d_tokens)
        self._parts[f"{name}.between"].backward(block.between.after, d_tokens, d_after, left)
        self._unnorm(f"{name}.between.norm", block.between, d_after, d_tokens)
        self._parts[f"{name}.attention.out"].backward(block.attended, d_tokens, d_after, left)
        d_mixed = np.empty_like(block.mixed)
        entity_kernels.unattend(
            block.mixed, found.starts, self._spec.heads, block.weights, d_after, d_mixed
        )
        self._parts[f"{name}.attention.in"].backward(block.seen.after, d_mixed, d_after, left)
        self._unnorm(f"{name}.attention.norm", block.seen, d_after, d_tokens)

    def _unnorm(self, name: str, seen: Normed, d_after: FloatArray, d_before: FloatArray) -> None:
        """Add to `d_before` what a norm makes of `d_after`, and write its weight's gradient."""
        entity_kernels.unnorm(
            seen.before,
            self._vectors[f"{name}.weight"],
            seen.scales,
            d_after,
            self._slopes[f"{name}.weight"],
            d_before,
        )

"""Policies that know entities: what they see, what they score, and that all their passes are one function."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ratchet.entities import Entities, EntitySet, Pair, Single
from ratchet.errors import PolicyError, TaskError
from ratchet.policies.checkpoint import publish, read_checkpoint
from ratchet.policies.entities.actor import EntityActor
from ratchet.policies.entities.network import EntityNetwork
from ratchet.policies.entities.rows import Finder
from ratchet.policies.initial import new_policy
from ratchet.policies.low_rank import LowRankNetwork
from ratchet.policies.network import Beside
from ratchet.policies.normalizer import Normalizer
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.actor import actor_for
from ratchet.policies.sb3.exporter import write_sb3
from ratchet.policies.scopes import scope_counts, scope_tensors
from ratchet.policies.sparse import SparseRows
from ratchet.policies.spec import ActionSpec, EntitySpec, ObservationSpec, read_spec

# Columns: 0-1 in no set; 2-7 three cards of two numbers; 8-11 two monsters of two; 12-14 three wares of one.
CARDS = EntitySet(name="cards", offset=2, count=3, width=2)
MONSTERS = EntitySet(name="monsters", offset=8, count=2, width=2, ordered=True)
WARES = EntitySet(name="wares", offset=12, count=3, width=1)
SIZE, PLAY, AIM, BUY, END = 15, 0, 3, 9, 12
ENTITIES = Entities(
    sets=(CARDS, MONSTERS, WARES),
    alone=(END, BUY),
    single=(
        Single(name="play", sets=("cards",), actions=(0, 1, 2)),
        Single(name="buy", sets=("wares", "cards"), actions=(9, 10, 11), listed=(0, 1), when=(1,)),
    ),
    pairs=(Pair(name="aim", left="cards", right="monsters", actions=(3, 4, 5, 6, 7, 8)),),
)
SPEC = EntitySpec(
    observation=ObservationSpec(kind="box", shape=(SIZE,)),
    action=ActionSpec(kind="discrete", n=13),
    entities=ENTITIES,
    width=8,
    blocks=2,
    heads=2,
    hidden=(6,),
    critic=(5, 4),
)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def random_policy(spec=SPEC, seed=0):
    rng = np.random.default_rng(seed)
    shapes = spec.tensor_shapes()
    tensors = {n: rng.normal(0, 0.4, shape).astype(np.float32) for n, shape in shapes.items()}
    return Policy(spec=spec, tensors=tensors)


def looks(n, seed=0):
    """Observations in which about half of the entities are there."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (n, SIZE)).astype(np.float32)
    for one in ENTITIES.sets:
        part = x[:, one.offset : one.offset + one.count * one.width]
        part.reshape(n, one.count, one.width)[rng.random((n, one.count)) < 0.5] = 0.0
    x[:, 1] = rng.integers(0, 2, n)
    return x


def places(row, one):
    return row[one.offset : one.offset + one.count * one.width].reshape(one.count, one.width)


def reference(spec, tensors, row):
    """Logits of one row in PyTorch, by the definition: no batches, no kernels."""
    wide = spec.width

    def linear(name, x):
        return torch.nn.functional.linear(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def norm(name, x):
        scale = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-6)
        return x * scale * tensors[f"{name}.weight"]

    gelu = torch.nn.functional.gelu
    hidden = row[torch.from_numpy(spec.entities.rest_of(len(row)))]
    for index in range(len(spec.hidden)):
        hidden = gelu(linear(f"mlp_extractor.policy_net.{2 * index}", hidden))
    tokens, at = [linear("row", hidden)], {}
    for one in spec.entities.sets:
        for place, numbers in enumerate(places(row, one)):
            if (numbers != 0).any():
                at[one.name, place] = len(tokens)
                token = linear(f"entities.{one.name}", numbers)
                if one.ordered:
                    token = token + tensors[f"entities.{one.name}.places"][place]
                tokens.append(token)
    x = torch.stack(tokens)
    for number in range(spec.blocks):
        block = f"blocks.{number}"
        seen = linear(f"{block}.attention.in", norm(f"{block}.attention.norm", x))
        # (3, heads, tokens, width / heads)
        query, key, value = seen.reshape(len(x), 3, spec.heads, -1).permute(1, 2, 0, 3)
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + linear(f"{block}.attention.out", mixed.permute(1, 0, 2).reshape(len(x), wide))
        between = gelu(linear(f"{block}.between.0", norm(f"{block}.between.norm", x)))
        x = x + linear(f"{block}.between.2", between)
    x = norm("norm", x)
    logits = [torch.zeros(())] * spec.action.n
    own = torch.cat([x[0], hidden])
    for k, action in enumerate(spec.entities.alone):
        logits[action] = logits[action] + linear("action_net.alone", own)[k]
    for single in spec.entities.single:
        if single.when and not any(row[column] != 0 for column in single.when):
            continue
        entries = []
        for i, name in enumerate(single.sets):
            one = spec.entities.of(name)
            for place, numbers in enumerate(places(row, one)):
                if not single.listed or numbers[single.listed[i]] != 0:
                    entries.append(at.get((name, place)))
        for entry, action in zip(entries, single.actions, strict=False):
            if entry is not None:
                logits[action] = logits[action] + linear(f"action_net.{single.name}", x[entry])[0]
    for pair in spec.entities.pairs:
        left, right = spec.entities.of(pair.left), spec.entities.of(pair.right)
        for i in range(left.count):
            for j in range(right.count):
                if (pair.left, i) in at and (pair.right, j) in at:
                    wanted = linear(f"action_net.{pair.name}", x[at[pair.left, i]])
                    score = wanted[:wide] @ x[at[pair.right, j]] / wide**0.5 + wanted[wide]
                    action = pair.actions[i * right.count + j]
                    logits[action] = logits[action] + score
    return torch.stack(logits)


def expected(policy, x, slopes):
    """The reference's logits, and its gradient for the slopes, by tensor."""
    tensors = {n: torch.from_numpy(t.copy()).requires_grad_() for n, t in policy.tensors.items()}
    logits = torch.stack([reference(policy.spec, tensors, row) for row in torch.from_numpy(x)])
    (logits * torch.from_numpy(slopes)).sum().backward()
    return logits.detach().numpy(), {
        n: np.zeros(t.shape) if t.grad is None else t.grad.numpy() for n, t in tensors.items()
    }


SPECS = {
    "small": SPEC,
    "no block": replace(SPEC, blocks=0),
    "deep rest": replace(SPEC, hidden=(6, 7), blocks=1, heads=8),
    "no pairs": replace(
        SPEC,
        entities=replace(ENTITIES, pairs=(), alone=tuple(range(3, 13)), single=ENTITIES.single),
    ),
    "nothing alone": replace(
        SPEC,
        action=ActionSpec(kind="discrete", n=9),
        entities=replace(ENTITIES, alone=(), single=ENTITIES.single[:1]),
    ),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("n", [2, 7])
def test_outputs_and_gradients_are_those_of_automatic_differentiation(spec, n):
    policy, x = random_policy(spec, n), looks(n, n)
    slopes = np.random.default_rng(n).normal(0, 1, (n, spec.action.n)).astype(np.float32)
    logits, gradients = expected(policy, x, slopes)
    network = EntityNetwork(policy)
    np.testing.assert_allclose(network.outputs(x)[0], logits, **TOLERANCE)
    np.testing.assert_allclose(EntityActor(policy).logits(x), logits, **TOLERANCE)
    network.gradient[:] = np.nan
    network.differentiate(x, lambda *_: slopes.copy(), None)
    for name, gradient in gradients.items():
        ours = network.layout.view(network.gradient, name)
        np.testing.assert_allclose(ours, gradient, rtol=1e-3, atol=1e-4, err_msg=name)


def test_what_is_found_by_hand():
    row = np.zeros(SIZE, dtype=np.float32)
    row[[1, 4, 7, 10, 12, 14]] = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0
    nothing = np.zeros(SIZE, dtype=np.float32)
    found = Finder(ENTITIES, SIZE).find(np.stack([nothing, row]))
    # Row 0 has its own token alone; row 1 has it, cards 1 and 2, monster 1, wares 0 and 2.
    assert found.starts.tolist() == [0, 1, 7]
    assert found.own.tolist() == [0, 1]
    assert found.rest.tolist() == [[0, 0], [0, 1]]
    assert {n: m.places.tolist() for n, m in found.members.items()} == {
        "cards": [1, 2],
        "monsters": [1],
        "wares": [0, 2],
    }
    assert found.members["cards"].tokens.tolist() == [2, 3]
    assert found.members["cards"].numbers.tolist() == [[2, 0], [0, 3]]
    # Bought is what is listed: two wares, then the card whose second number is not zero.
    assert found.singles[found.ends[0] : found.ends[1]].tolist() == [[2, 1, 1], [3, 1, 2]]
    assert found.singles[found.ends[1] :].tolist() == [[5, 1, 9], [6, 1, 10], [3, 1, 11]]
    # Either card at monster 1, whose token is 4.
    assert found.pairs[0].tolist() == [[0, 4, 1, 6], [1, 4, 1, 8]]


def test_more_listed_than_actions_are_left_out():
    row = np.ones((1, SIZE), dtype=np.float32)
    found = Finder(ENTITIES, SIZE).find(row)
    assert found.singles[found.ends[1] :, 2].tolist() == [9, 10, 11]


def test_a_score_holds_only_where_it_is_said_to():
    x = np.ones((2, SIZE), dtype=np.float32)
    x[0, 1] = 0.0
    found = Finder(ENTITIES, SIZE).find(x)
    assert set(found.singles[found.ends[1] :, 1]) == {1}


def wide_spec():
    """An architecture whose observation is wide, and mostly zeros."""
    shifted = [replace(one, offset=one.offset + 600) for one in ENTITIES.sets]
    return replace(
        SPEC,
        observation=ObservationSpec(kind="box", shape=(600 + SIZE,)),
        entities=replace(ENTITIES, sets=tuple(shifted)),
    )


def test_rows_without_their_zeros_are_the_same_rows():
    policy, n = random_policy(wide_spec(), 3), 6
    x = np.zeros((n, 600 + SIZE), dtype=np.float32)
    x[:, 600:], x[:, 5], x[:, 1] = looks(n, 3), 1.0, 1.0
    # Sparse rows are at most an eighth other than zero; the same rows with noise in all columns are not.
    dense = x + np.float32(0.0)
    dense[:, :600] += np.float32(1e-20)
    slopes = np.random.default_rng(3).normal(0, 1, (n, SPEC.action.n)).astype(np.float32)
    whole = SparseRows.of(np.concatenate([x[::-1], x]))
    gradients = []
    network = EntityNetwork(policy)
    for rows in (x, dense, whole[n:]):
        np.testing.assert_allclose(network.outputs(rows)[0], network.outputs(x)[0], **TOLERANCE)
        network.differentiate(rows, lambda *_: slopes.copy(), lambda values: values.copy())
        gradients.append(network.gradient.copy())
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(gradients[2], gradients[0])
    np.testing.assert_allclose(EntityActor(policy).logits(x), network.outputs(x)[0], **TOLERANCE)


def test_entities_in_another_order_are_scored_the_same_in_that_order():
    actor, x = EntityActor(random_policy(seed=5)), looks(9, 5)
    x[:, 1] = 0.0
    order = [2, 0, 1]
    turned = x.copy()
    turned[:, 2:8] = x[:, 2:8].reshape(-1, 3, 2)[:, order].reshape(-1, 6)
    before, after = actor.logits(x), actor.logits(turned)
    np.testing.assert_allclose(after[:, :3], before[:, order], **TOLERANCE)
    np.testing.assert_allclose(
        after[:, 3:9].reshape(-1, 3, 2), before[:, 3:9].reshape(-1, 3, 2)[:, order], **TOLERANCE
    )
    np.testing.assert_allclose(after[:, 9:], before[:, 9:], **TOLERANCE)
    # The places of the monsters matter: exchanged they are not scored the same.
    x[:, 8:12] = 1.0
    x[:, 9] = 2.0
    turned = x.copy()
    turned[:, 8:10], turned[:, 10:12] = x[:, 10:12], x[:, 8:10]
    assert not np.allclose(
        actor.logits(turned)[:, [3, 5, 7]], actor.logits(x)[:, [4, 6, 8]], **TOLERANCE
    )


def test_what_is_not_there_has_no_part_in_anything():
    policy, x = random_policy(seed=6), looks(5, 6)
    x[:, 8:12] = 0.0
    x[:, 2:4] = 0.0
    changed = {
        name: tensor + np.float32("monsters" in name or "aim" in name)
        for name, tensor in policy.tensors.items()
    }
    other = Policy(spec=SPEC, tensors=changed)
    logits = EntityActor(policy).logits(x)
    np.testing.assert_array_equal(EntityActor(other).logits(x), logits)
    # No monster to aim at, and no first card to play.
    assert not logits[:, AIM:BUY].any()
    assert not logits[:, PLAY].any()
    network = EntityNetwork(policy)
    network.differentiate(x, lambda logits, _: np.ones_like(logits), None)
    for name in policy.tensors:
        if "monsters" in name or "aim" in name:
            assert not network.layout.view(network.gradient, name).any(), name


def test_alone_and_beside_others_it_acts_the_same_to_the_bit():
    actor, x = EntityActor(random_policy(replace(SPEC, width=24, heads=3), 7)), looks(33, 7)
    together = actor.logits(x)
    alone = np.concatenate([actor.logits(row[None]) for row in x])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(actor.logits(x[::-1])[::-1], together)


def test_actions_are_legal_and_named_by_seed_and_step():
    policy, n = random_policy(seed=8), 40
    actor, x, rng = actor_for(policy), looks(n, 8), np.random.default_rng(8)
    assert isinstance(actor, EntityActor)
    masks = rng.random((n, 13)) < 0.3
    masks[:, END] = True
    names = (rng.integers(0, 2**63, n, dtype=np.uint64), rng.integers(0, 9, n))
    drawn = actor.act(x, masks, *names, deterministic=False)
    again = actor.act(x[5:], masks[5:], names[0][5:], names[1][5:], deterministic=False)
    assert masks[np.arange(n), drawn.actions].all()
    np.testing.assert_array_equal(again.actions, drawn.actions[5:])
    greedy = actor.act(x, masks, *names, deterministic=True)
    likeliest = np.where(masks, actor.logits(x), -np.inf).argmax(axis=1)
    np.testing.assert_array_equal(greedy.actions, likeliest)


def test_the_critic_is_a_perceptron_of_the_whole_observation():
    policy, x = random_policy(seed=9), looks(6, 9)
    network, t = EntityNetwork(policy), {n: torch.from_numpy(v) for n, v in policy.tensors.items()}
    hidden = torch.from_numpy(x)
    for index in (0, 2):
        name = f"mlp_extractor.value_net.{index}"
        hidden = hidden @ t[f"{name}.weight"].T + t[f"{name}.bias"]
        hidden = torch.nn.functional.gelu(hidden)
    values = (hidden @ t["value_net.weight"].T + t["value_net.bias"])[:, 0]
    np.testing.assert_allclose(network.values(x), values.numpy(), **TOLERANCE)
    # Neither's gradient depends on whether the other is asked for.
    slopes, errors = np.ones((6, 13), dtype=np.float32), np.ones(6, dtype=np.float32)
    asked = [
        (lambda *_: slopes, None),
        (None, lambda _: errors),
        (lambda *_: slopes, lambda _: errors),
    ]
    gradients = []
    for heads in asked:
        network.differentiate(x, *heads)
        gradients.append(network.gradient.copy())
    np.testing.assert_array_equal(gradients[0] + gradients[1], gradients[2])
    network.differentiate(x, lambda *_: None, lambda _: errors)
    np.testing.assert_array_equal(network.gradient, gradients[1])


def test_observations_beside_others_pass_the_actor_alone():
    network, x = EntityNetwork(random_policy(seed=10)), looks(8, 10)
    shapes = []

    def head(logits, _):
        shapes.append(logits.shape)
        return np.ones_like(logits)

    def value_head(values):
        shapes.append(values.shape)
        return np.ones_like(values)

    network.differentiate(Beside(x[:5], x[5:]), head, value_head)
    assert sorted(shapes) == [(5,), (8, 13)]
    gradient = network.gradient.copy()
    network.differentiate(x, head, None)
    actor = network.layout.slices["mlp_extractor.value_net.0.weight"].start
    np.testing.assert_array_equal(network.gradient[:actor], gradient[:actor])


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_work_that_two_threads_share_comes_to_the_same(monkeypatch, spec):
    policy, rng, x = random_policy(spec, 11), np.random.default_rng(12), looks(30, 12)
    slopes = rng.normal(0, 1, (30, spec.action.n)).astype(np.float32)
    errors = rng.normal(0, 1, 18).astype(np.float32)

    def gradient(network):
        network.differentiate(Beside(x[:18], x[18:]), lambda *_: slopes, lambda _: errors)
        return network.gradient.copy()

    alone = gradient(EntityNetwork(policy))
    monkeypatch.setattr("ratchet.policies.network._MUCH", 0)
    network = EntityNetwork(policy)
    for _ in range(20):
        np.testing.assert_array_equal(gradient(network), alone)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_is_read_as_it_is_written(spec, tmp_path):
    assert read_spec(spec.to_json()) == spec
    policy = random_policy(spec, 2)
    read = read_checkpoint(publish(policy, tmp_path / "one"))
    assert read.spec == spec
    assert read.id == policy.id
    x = looks(3)
    np.testing.assert_array_equal(EntityActor(read).logits(x), EntityActor(policy).logits(x))


def test_scopes_by_hand():
    rest = 2 * 6 + 6 + 6 * 8 + 8
    sets = 2 * (2 * 8 + 8) + (8 + 8) + 2 * 8
    block = 8 + (3 * 64 + 24) + (64 + 8) + 8 + (16 * 8 + 16) + (8 * 16 + 8)
    head = 2 * (8 + 6) + 2 + 2 * (8 + 1) + 9 * 8 + 9
    critic = 15 * 5 + 5 + 5 * 4 + 4 + 4 + 1
    biases = 6 + 8 + 3 * 8 + 2 * (24 + 8 + 16 + 8) + 2 + 2 + 9 + 5 + 4 + 1
    assert scope_counts(SPEC) == {
        "full": rest + sets + 2 * block + 8 + head + critic,
        "policy_head": head,
        "value": critic,
        "bias": biases,
    }
    assert scope_tensors(SPEC, "entities.monsters.*") == (
        "entities.monsters.weight",
        "entities.monsters.bias",
        "entities.monsters.places",
    )
    # Cloning and the critic's warm-up take a part's tensors for neighbours.
    names = list(SPEC.tensor_shapes())
    assert names[-6:] == list(scope_tensors(SPEC, "value"))


def test_a_new_policy_is_all_but_uniform_and_the_same_for_a_seed():
    policy, x = new_policy(SPEC, 3), looks(50)
    assert np.abs(EntityActor(policy).logits(x)).max() < 0.2
    assert policy.id == new_policy(SPEC, 3).id != new_policy(SPEC, 4).id
    t = policy.tensors
    assert (t["norm.weight"] == 1.0).all()
    assert not t["entities.monsters.places"].any()
    query = t["blocks.0.attention.in.weight"][:8]
    np.testing.assert_allclose(query @ query.T, np.eye(8), atol=1e-5)
    between = t["blocks.0.between.0.weight"]
    np.testing.assert_allclose(between.T @ between, 2.0 * np.eye(8), atol=1e-5)


def test_adapters_learn_on_it_too():
    inner = EntityNetwork(random_policy(seed=11))
    start, x = inner.parameters.copy(), looks(6, 11)
    slopes = np.random.default_rng(11).normal(0, 1, (6, 13)).astype(np.float32)
    names = ("blocks.1.attention.in.weight", "action_net.aim.weight")
    network = LowRankNetwork(inner, names, 2, seed=0)
    np.testing.assert_array_equal(
        network.outputs(x)[0], EntityNetwork(random_policy(seed=11)).outputs(x)[0]
    )
    np.testing.assert_array_equal(inner.parameters, start)
    network.differentiate(x, lambda *_: slopes.copy(), None)
    network.parameters -= 0.01 * network.gradient
    after = (network.outputs(x)[0] * slopes).sum()
    network.parameters += 0.01 * network.gradient
    assert after < (network.outputs(x)[0] * slopes).sum()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sets": (CARDS, CARDS)}, "no two of one name"),
        ({"sets": ()}, "must be a set"),
        ({"sets": (CARDS, MONSTERS, replace(WARES, offset=11))}, "'wares' is empty or overlaps"),
        ({"sets": (replace(CARDS, name="my cards"),)}, "'my cards' is not a name"),
        (
            {"pairs": (replace(ENTITIES.pairs[0], right="foes"),)},
            "about set 'foes', and there is none",
        ),
        ({"pairs": (replace(ENTITIES.pairs[0], name="play"),)}, "names of their own"),
        ({"pairs": (replace(ENTITIES.pairs[0], actions=(3,)),)}, "1 actions for 3 times 2 places"),
        ({"single": (replace(ENTITIES.single[0], actions=(0,)),)}, "1 actions for 3 places"),
        ({"single": (replace(ENTITIES.single[1], listed=(0,)),)}, "of each of its sets"),
        ({"single": (replace(ENTITIES.single[1], listed=(1, 1)),)}, "'wares' has no number 1"),
    ],
)
def test_a_structure_that_does_not_hold_together_is_refused(change, said):
    with pytest.raises(TaskError, match=said):
        replace(ENTITIES, **change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"heads": 3}, "3 heads cannot share a width of 8"),
        ({"hidden": ()}, "no hidden layer"),
        ({"action": ActionSpec(kind="discrete", n=14)}, r"actions \[13\] are scored by nothing"),
        ({"action": ActionSpec(kind="discrete", n=12)}, r"actions \[12\] are scored by nothing"),
        (
            {"observation": ObservationSpec(kind="box", shape=(14,))},
            "need 15 numbers, and there are 14",
        ),
        (
            {"action": ActionSpec(kind="box", shape=(1,), low=(-1.0,), high=(1.0,))},
            "chooses among discrete actions",
        ),
        (
            {
                "entities": replace(
                    ENTITIES,
                    sets=(replace(CARDS, offset=0, count=15, width=1),),
                    single=(Single(name="all", sets=("cards",), actions=tuple(range(15))),),
                    pairs=(),
                ),
                "action": ActionSpec(kind="discrete", n=15),
            },
            "every number is in a set",
        ),
    ],
)
def test_an_architecture_that_cannot_be_built_is_refused(change, said):
    with pytest.raises(PolicyError, match=said):
        replace(SPEC, **change)


@pytest.mark.parametrize(
    "change",
    [{"depth": 2}, {"entities": {}}, {"entities": {"sets": [{"name": 3}]}}, {"hidden": None}],
)
def test_what_is_no_spec_is_refused(change):
    with pytest.raises(PolicyError, match="the policy's architecture cannot be read"):
        read_spec({**SPEC.to_json(), **change})


def test_a_normaliser_and_an_sb3_zip_are_refused(tmp_path):
    policy = random_policy()
    normalised = replace(policy, normalizer=Normalizer(mean=np.zeros(SIZE), variance=np.ones(SIZE)))
    for kind in (EntityActor, EntityNetwork):
        with pytest.raises(PolicyError, match="cannot normalise its observations"):
            kind(normalised)
    with pytest.raises(
        PolicyError, match="'entities' cannot be written as a Stable-Baselines3 zip"
    ):
        write_sb3(policy, tmp_path / "one.zip")

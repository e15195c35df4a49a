"""The critic first, and no update that moves too far."""

import numpy as np
import pytest

from ratchet.learning.adam import Adam
from ratchet.learning.safety import CriticWarmup, attempt
from ratchet.policies.network import CompiledNetwork
from strategies import discrete_spec, random_policy


def network_and_optimizer():
    network = CompiledNetwork(random_policy(discrete_spec()))
    return network, Adam(np.ones(network.parameters.size, dtype=np.bool_), epsilon=1e-5)


def test_the_critic_learns_alone_until_it_explains_enough():
    _, optimizer = network_and_optimizer()
    optimizer.first[:] = 1.0
    warmup = CriticWarmup(0.2, wanted=True)
    assert warmup.takes(float("nan"), optimizer, over=False)
    assert warmup.takes(0.1, optimizer, over=False)
    assert optimizer.first.all()
    assert not warmup.takes(0.2, optimizer, over=False)
    assert not optimizer.first.any()
    # Over is over.
    assert not warmup.takes(0.0, optimizer, over=False)
    assert warmup.updates == 2


def test_the_critic_has_its_time_and_no_more():
    _, optimizer = network_and_optimizer()
    warmup = CriticWarmup(0.2, wanted=True)
    assert warmup.takes(-1.0, optimizer, over=False)
    assert not warmup.takes(-1.0, optimizer, over=True)
    assert not CriticWarmup(0.2, wanted=False).takes(-1.0, optimizer, over=False)


@pytest.mark.parametrize(
    ("kl", "limit", "broken", "undone"),
    [
        (0.1, 0.5, False, False),
        (0.6, 0.5, False, True),
        (float("nan"), 0.5, False, True),
        (9.0, None, False, False),
        (0.1, 0.5, True, True),
    ],
)
def test_an_update_that_went_too_far_leaves_no_trace(kl, limit, broken, undone):
    network, optimizer = network_and_optimizer()
    optimizer.step(network.parameters, network.parameters.copy(), rate=0.1, max_norm=1.0)
    before = [network.parameters.copy(), optimizer.first.copy(), optimizer.second.copy()]

    def update():
        optimizer.step(network.parameters, network.parameters.copy(), rate=0.1, max_norm=1.0)
        if broken:
            network.parameters[3] = np.inf
        return "metrics"

    outcome = attempt(update, lambda: kl, network, optimizer, limit=limit)
    assert outcome.metrics == "metrics"
    assert outcome.undone == undone
    after = [network.parameters, optimizer.first, optimizer.second]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)) == undone
    assert optimizer.steps == (1 if undone else 2)

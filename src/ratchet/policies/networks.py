"""The network that a policy learns with, whatever its kind."""

from __future__ import annotations

from ratchet.errors import PolicyError
from ratchet.policies.entities.network import EntityNetwork
from ratchet.policies.network import CompiledNetwork, Network
from ratchet.policies.policy import Policy
from ratchet.policies.recurrent.network import RecurrentNetwork
from ratchet.policies.spec import EntitySpec, RecurrentSpec


def network_for(policy: Policy, device: str = "cpu") -> Network:
    """Return the policy, ready to learn on `device`: ``cpu``, or what PyTorch knows an accelerator by.

    Raises
    ------
    PolicyError
        If the device cannot be used, or not for this kind of policy.

    """
    spec = policy.spec
    if isinstance(spec, EntitySpec):
        if device != "cpu":
            raise PolicyError(
                f"a policy of kind 'entities' learns on the CPU only, and the device is {device!r}; "
                "leave it out"
            )
        return EntityNetwork(policy)
    recurrent = isinstance(spec, RecurrentSpec)
    if device == "cpu":
        return RecurrentNetwork(policy) if recurrent else CompiledNetwork(policy)
    # PyTorch loads for a second.
    if recurrent:
        from ratchet.policies.recurrent.torch_network import TorchRecurrentNetwork  # noqa: PLC0415

        return TorchRecurrentNetwork(policy, device)
    from ratchet.policies.mlp import TorchNetwork  # noqa: PLC0415

    return TorchNetwork(policy, device)

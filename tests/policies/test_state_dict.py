"""A state dictionary read without PyTorch is the one that PyTorch reads; anything else is left to it."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from ratchet.policies.state_dict import OtherLayoutError, read_state_dict


def saved(state, **options):
    buffer = io.BytesIO()
    torch.save(state, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_same_as_pytorch(dtype):
    module = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 1)).to(dtype)
    state = module.state_dict()
    read = read_state_dict(saved(state))
    assert list(read) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(read[name], tensor.float().numpy())
        assert read[name].dtype == np.float32


def test_a_plain_dictionary():
    read = read_state_dict(saved({"plain": torch.ones(2)}))
    np.testing.assert_array_equal(read["plain"], [1, 1])


def test_tensors_that_share_a_storage():
    whole = torch.arange(12.0)
    from collections import OrderedDict

    read = read_state_dict(saved(OrderedDict(a=whole[:4].view(2, 2), b=whole[4:])))
    np.testing.assert_array_equal(read["a"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(read["b"], np.arange(4, 12))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK not a zip",
        saved([torch.ones(2)]),
        saved(torch.nn.Linear(2, 2).state_dict(), _use_new_zipfile_serialization=False),
        saved({"transposed": torch.ones(2, 3).T}),
        saved({"whole": torch.ones(2, dtype=torch.int64)}),
    ],
    ids=["empty", "damaged", "list", "legacy", "transposed", "integers"],
)
def test_another_layout_is_left_to_pytorch(content):
    with pytest.raises(OtherLayoutError):
        read_state_dict(content)


def test_nothing_runs(tmp_path):
    marker = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb(), protocol=2))
    with pytest.raises(OtherLayoutError):
        read_state_dict(buffer.getvalue())
    assert not marker.exists()

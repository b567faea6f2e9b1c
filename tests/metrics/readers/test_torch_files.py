"""State dicts of both formats; code in a pickle never runs."""

import pickle

import numpy as np
import pytest
import torch

from feature_collapse.metrics import read_embeddings
from metrics.readers.written import X, refused


@pytest.mark.parametrize("zipped", [True, False])
def test_pytorch_state_dicts_also_nested_and_of_the_old_format(tmp_path, zipped):
    state = {"epoch": 3, "model": torch.nn.Embedding(7, 4).state_dict()}
    torch.save(state, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    found = read_embeddings(tmp_path / "m.pt", "model.weight")
    np.testing.assert_array_equal(found.vectors, state["model"]["weight"].numpy())
    torch.save(torch.tensor(X), tmp_path / "t.pt", _use_new_zipfile_serialization=zipped)
    np.testing.assert_array_equal(read_embeddings(tmp_path / "t.pt").vectors, X)


def test_a_pickle_that_would_execute_code_is_refused_and_not_executed(tmp_path, tripwire):
    torch.save({"w": torch.ones(2, 2), "evil": tripwire}, tmp_path / "zip.pt")
    torch.save(
        {"w": torch.ones(2, 2), "evil": tripwire}, tmp_path / "old.pt", _use_new_zipfile_serialization=False
    )
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"w": tripwire}))
    for name in ("zip.pt", "old.pt", "plain.pkl"):
        refused(tmp_path / name, "refused, nothing was executed")
    np.save(tmp_path / "o.npy", np.array([tripwire], dtype=object), allow_pickle=True)
    refused(tmp_path / "o.npy", "refused, nothing was executed")
    np.savez(tmp_path / "o.npz", a=np.array([tripwire], dtype=object))
    refused(tmp_path / "o.npz", "refused|holds no matrix", tensor="a")
    refused(tmp_path / "o.npz", "refused|holds no matrix")


def test_a_whole_module_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "m.pt")
    refused(tmp_path / "m.pt", "state_dict")

"""safetensors of every float type, chosen by name."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from feature_collapse.metrics import read_embeddings
from metrics.readers.written import X, refused


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_safetensors_of_every_float_type(tmp_path, dtype):
    tensor = torch.tensor(X).to(dtype)
    save_torch(
        {"model.embed.weight": tensor, "norm": tensor[0].clone()},
        tmp_path / "m.safetensors",
        {"format": "pt"},
    )
    found = read_embeddings(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(np.asarray(found.vectors, dtype=np.float64), tensor.double().numpy())
    assert dtype == torch.bfloat16 or isinstance(found.vectors, np.memmap)


def test_a_missing_tensor_lists_the_names_and_the_nearest(tmp_path):
    save_file({"wte.weight": X, "wpe.weight": X}, tmp_path / "m.safetensors")
    message = refused(tmp_path / "m.safetensors", "did you mean 'wte.weight'", tensor="wte.weigth")
    assert "wpe.weight (7, 4)" in message
    refused(tmp_path / "m.safetensors", "say which one")

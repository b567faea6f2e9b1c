"""PyTorch's tensors and state dicts, by `torch.load(weights_only=True)`: code in a pickle never runs."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_collapse.errors import InputError
from feature_collapse.metrics import arrays
from feature_collapse.metrics.readers.embeddings import Embeddings, damaged, pick


def read_torch(path: Path, tensor: str | None) -> Embeddings:
    """Return one tensor; nested dictionaries are named with dots ('model.embed.weight').

    Raises:
        InputError: if the file is damaged, holds anything but tensors, or the name is missing (names are
            listed).
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "truncated" in str(error) or "Ran out of input" in str(error):
            raise damaged(path, "a PyTorch file", "it is truncated") from error
        raise InputError(
            f"{path} is a pickle with more than tensors in it: refused, nothing was executed; "
            "save model.state_dict() instead"
        ) from error
    except (
        Exception
    ) as error:  # torch raises many kinds for damaged archives; none may reach the user as a traceback
        raise damaged(path, "a PyTorch file", "it is truncated or damaged") from error
    found: dict[str, Any] = {}
    _collect("", loaded, found)
    name = pick(path, {n: tuple(t.shape) for n, t in found.items()}, tensor)
    value = found[name]
    if value.layout is not torch.strided or value.is_quantized:
        raise InputError(f"tensor {name} of {path} is sparse or quantised, but must be dense")
    return Embeddings(
        arrays.to_array(name or "tensor", value), None, f"{path} (PyTorch, {name or 'the tensor'})"
    )


def _collect(prefix: str, value: Any, found: dict[str, Any], depth: int = 0) -> None:
    if hasattr(value, "detach"):
        found[prefix] = value
    elif isinstance(value, Mapping) and depth < 8:
        for key, inner in value.items():
            _collect(f"{prefix}.{key}" if prefix else str(key), inner, found, depth + 1)

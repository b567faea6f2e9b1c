"""A safetensors file of a run's state, replaced atomically and read only by the run of the same key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from feature_collapse.files import write_atomically


def write_keyed(path: Path, key: str, tensors: Mapping[str, Tensor]) -> None:
    """Write the tensors; a crash at any moment leaves the earlier file or this one, whole."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(contiguous, metadata={"key": key}))


def read_keyed(path: Path, key: str) -> dict[str, Tensor] | None:
    """Return the tensors by name, or None where there is no file of this key that can be read."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError:
        return None

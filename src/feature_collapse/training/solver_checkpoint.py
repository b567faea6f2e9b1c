"""The certified solver's checkpoint: one safetensors file, replaced atomically."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from feature_collapse.files import write_atomically


@dataclass(frozen=True)
class SolverCheckpoint:
    """The state between two iterations: the key of the run, V (n_w, r), U (K L, r), and the counters."""

    key: str
    V: Tensor
    U: Tensor
    parts_done: int
    iteration: int
    seconds: float
    lower_bound: float
    history: np.ndarray


def write(path: Path, state: SolverCheckpoint) -> None:
    """Write a checkpoint; a crash at any moment leaves the earlier one or this one, whole."""
    numbers = torch.tensor([state.parts_done, state.iteration, state.seconds, state.lower_bound], dtype=torch.float64)
    tensors = {
        "V": state.V.contiguous(),
        "U": state.U.contiguous(),
        "numbers": numbers,
        "history": torch.from_numpy(state.history),
    }
    write_atomically(path, save(tensors, metadata={"key": state.key}))


def read(path: Path, key: str) -> SolverCheckpoint | None:
    """The checkpoint in a file, or None where there is none of this key that can be read."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            V, U, numbers, history = (file.get_tensor(name) for name in ("V", "U", "numbers", "history"))
    except SafetensorError:
        return None
    parts_done, iteration, seconds, lower_bound = numbers.tolist()
    return SolverCheckpoint(key, V, U, int(parts_done), int(iteration), seconds, lower_bound, history.numpy())

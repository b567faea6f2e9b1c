"""The certified solver's checkpoint: one safetensors file, replaced atomically."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from feature_collapse.keyed_tensors import read_keyed, write_keyed


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
    numbers = torch.tensor(
        [state.parts_done, state.iteration, state.seconds, state.lower_bound], dtype=torch.float64
    )
    tensors = {"V": state.V, "U": state.U, "numbers": numbers, "history": torch.from_numpy(state.history)}
    write_keyed(path, state.key, tensors)


def read(path: Path, key: str) -> SolverCheckpoint | None:
    """The checkpoint in a file, or None where there is none of this key that can be read."""
    found = read_keyed(path, key, ("V", "U", "numbers", "history"))
    if found is None:
        return None
    V, U, numbers, history = found
    parts_done, iteration, seconds, lower_bound = numbers.tolist()
    return SolverCheckpoint(key, V, U, int(parts_done), int(iteration), seconds, lower_bound, history.numpy())

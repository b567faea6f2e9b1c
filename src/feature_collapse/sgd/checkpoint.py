"""Checkpoints of a training run: one safetensors file, replaced atomically, enough to continue bit by bit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from feature_collapse.keyed_tensors import read_keyed, write_keyed

COLUMNS = ("epoch", "train_loss", "train_accuracy", "test_accuracy", "seconds")


@dataclass(frozen=True)
class Checkpointing:
    """Where the state of an unfinished run goes.

    Attributes:
        path: of the file.
        seconds: between two writes.
        key: names the run; a checkpoint with another key is not continued.
    """

    path: Path
    seconds: float = 60.0
    key: str = ""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run between two steps.

    Attributes:
        key: names the run; only a run with the same key continues it.
        W, U: the weights, (n_w, d) and (K, L, d).
        epoch, step: the epoch under way (from 1) and its steps done.
        loss, correct: sums over those steps.
        history: (epochs done, 5), columns `COLUMNS`.
        seconds: training time so far.
    """

    key: str
    W: Tensor
    U: Tensor
    epoch: int
    step: int
    loss: float
    correct: int
    history: np.ndarray
    seconds: float


def write_checkpoint(path: Path, state: Checkpoint) -> None:
    """Write a checkpoint; a crash at any moment leaves the earlier one or this one, whole."""
    numbers = torch.tensor(
        [state.epoch, state.step, state.loss, state.correct, state.seconds], dtype=torch.float64
    )
    tensors = {"W": state.W, "U": state.U, "numbers": numbers, "history": torch.from_numpy(state.history)}
    write_keyed(path, state.key, tensors)


def read_checkpoint(path: Path, key: str) -> Checkpoint | None:
    """Return the checkpoint in a file, or None where there is none of this key that can be read."""
    found = read_keyed(path, key)
    if found is None or not {"W", "U", "numbers", "history"} <= found.keys():
        return None
    W, U, numbers, history = (found[name] for name in ("W", "U", "numbers", "history"))
    epoch, step, loss, correct, seconds = numbers.tolist()
    return Checkpoint(key, W, U, int(epoch), int(step), loss, int(correct), history.numpy(), seconds)

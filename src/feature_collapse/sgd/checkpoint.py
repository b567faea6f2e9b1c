"""Checkpoints of a training run, enough to continue bit by bit: one safetensors file, or held in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from feature_collapse.keyed_tensors import read_keyed, reject, write_keyed
from feature_collapse.model.residuals import RESIDUALS

_COUNTS = 2**53  # float64, in which they are kept, has all the integers below
_FIRST = ("epoch", "train_loss", "train_accuracy", "test_accuracy", "seconds")  # all, before version 0.2
COLUMNS = (*_FIRST, *RESIDUALS)


class Held:
    """A checkpoint in memory, for a run that another goes on from in the same process: nothing on disk."""

    def __init__(self) -> None:
        """Hold none."""
        self.state: Checkpoint | None = None


@dataclass(frozen=True)
class Checkpointing:
    """Where the state of an unfinished run goes.

    Attributes:
        path: of the file, or what holds it in memory.
        seconds: between two writes.
        key: names the run; a checkpoint with another key is not continued.
    """

    path: Path | Held
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
        history: (epochs done, 8), columns `COLUMNS`.
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


def write_checkpoint(path: Path | Held, state: Checkpoint) -> None:
    """Write a checkpoint; a crash at any moment leaves the earlier one or this one, whole."""
    if isinstance(path, Held):
        path.state = replace(state, W=state.W.clone(), U=state.U.clone())  # the run changes them in place
        return
    numbers = torch.tensor(
        [state.epoch, state.step, state.loss, state.correct, state.seconds], dtype=torch.float64
    )
    tensors = {"W": state.W, "U": state.U, "numbers": numbers, "history": torch.from_numpy(state.history)}
    write_keyed(path, state.key, tensors)


def read_checkpoint(path: Path | Held, key: str) -> Checkpoint | None:
    """Return the checkpoint at a path, or None where there is none of this key that can be read."""
    if isinstance(path, Held):
        return path.state if path.state is not None and path.state.key == key else None
    found = read_keyed(path, key)
    if found is None:
        return None
    try:
        W, U, numbers, history = (found[name] for name in ("W", "U", "numbers", "history"))
        epoch, step, loss, correct, seconds = numbers.tolist()
        table = history.double().numpy()
        if table.ndim == 2 and table.shape[1] == len(_FIRST):  # of an earlier version, which goes on
            table = np.hstack([table, np.full((len(table), len(RESIDUALS)), np.nan)])
        table = table.reshape(-1, len(COLUMNS))
        state = Checkpoint(key, W, U, int(epoch), int(step), loss, int(correct), table, seconds)
    except (KeyError, ValueError, OverflowError, TypeError, RuntimeError):
        reject(path, "it has not the parts of a run's state")
        return None
    fault = _fault(state)
    if fault is not None:
        reject(path, fault)
        return None
    return state


def _fault(state: Checkpoint) -> str | None:
    """Return why no run goes on from a state, or None."""
    if not (state.W.ndim == 2 and state.U.ndim == 3 and state.W.shape[1] == state.U.shape[2]):
        return "its weights have no sizes of a network"
    if not all(x.is_floating_point() and bool(torch.isfinite(x).all()) for x in (state.W, state.U)):
        return "its weights are not finite"
    counts = (state.epoch - 1, state.step, state.correct)
    if not (all(0 <= count < _COUNTS for count in counts) and len(state.history) == state.epoch - 1):
        return "its counters are out of range"
    if not (0.0 <= state.loss < math.inf and 0.0 <= state.seconds < math.inf):
        return "its sums are out of range"
    return None

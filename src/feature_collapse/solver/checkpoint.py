"""The certified solver's checkpoint: the whole state in one safetensors file, replaced atomically.

Nothing proved is in it: a resumed run proves its own bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from feature_collapse.keyed_tensors import read_keyed, reject, write_keyed
from feature_collapse.model.residuals import RESIDUALS
from feature_collapse.solver.lbfgs import Curvature, Evaluation, Iterate
from feature_collapse.solver.objective import Units
from feature_collapse.solver.state import Descent, Patience, State, Tilt

HISTORY_WIDTH = 6 + len(RESIDUALS)  # columns


@dataclass(frozen=True, eq=False)
class Saved:
    """What a checkpoint holds: the state, the gap asked for, seconds so far, and the history's rows."""

    state: State
    gap: float
    seconds: float
    history: np.ndarray


def write(path: Path, key: str, saved: Saved) -> None:
    """Write a checkpoint; a crash at any moment leaves the earlier one or this one, whole."""
    s = saved.state
    numbers = [
        *(saved.gap, saved.seconds, s.target, s.phase, s.parts_done, s.single, s.round, s.ended, s.expected),
        *(
            s.stalled,
            s.last_risk,
            s.added,
            s.patience.least,
            s.patience.lowest,
            s.patience.waited,
            s.iteration,
        ),
    ]
    tensors = {
        "V": s.V.cpu(),
        "U": s.U.cpu(),
        "numbers": torch.tensor([float(x) for x in numbers], dtype=torch.float64),
        "history": torch.from_numpy(saved.history),
    }
    if s.shift is not None:
        tensors["shift"] = s.shift.cpu()
    if s.descent is not None:
        tensors |= _of_descent(s.descent)
    write_keyed(path, key, tensors)


def read(path: Path, key: str, device: str) -> Saved | None:
    """Return what a file holds, on a device, or None where there is nothing of this key that can be read."""
    found = read_keyed(path, key)
    if found is None:
        return None
    try:
        return _saved(found, device)
    except (KeyError, ValueError, OverflowError, TypeError, RuntimeError):
        reject(path, "it has not the parts of a run's state")
        return None


def _saved(found: dict[str, Tensor], device: str) -> Saved:
    history = found.pop("history").double().numpy().reshape(-1, HISTORY_WIDTH)
    numbers = found.pop("numbers").tolist()
    gap, seconds, target, phase, parts_done, single, round_, ended, expected = numbers[:9]
    stalled, last_risk, added, least, lowest, waited, iteration = numbers[9:]
    on_device = {name: tensor.to(device) for name, tensor in found.items()}
    state = State(
        V=on_device["V"],
        U=on_device["U"],
        target=target,
        phase=int(phase),
        parts_done=int(parts_done),
        single=bool(single),
        round=int(round_),
        ended=bool(ended),
        expected=expected,
        stalled=bool(stalled),
        last_risk=last_risk,
        added=bool(added),
        patience=Patience(least, lowest, int(waited)),
        iteration=int(iteration),
        descent=_to_descent(on_device) if "unit" in on_device else None,
        shift=on_device.get("shift"),
    )
    if not (math.isfinite(gap) and 0.0 <= seconds < math.inf):
        raise ValueError
    return Saved(state, gap, seconds, history)


def _of_descent(descent: Descent) -> dict[str, Tensor]:
    units, curvature, at = descent.units, descent.curvature, descent.at
    numbers: list[float] = [units.n_w, units.K, units.r, curvature.first, curvature.stored, descent.count]
    tensors = {"unit": units.unit, "axes": units.axes, "along": units.along}
    tensors |= {"S": curvature.S, "Y": curvature.Y, "inverse": curvature.inverse}
    if descent.tilt is not None:
        tensors |= {"tilt": descent.tilt.gradient, "level": _pair(descent.tilt.level, descent.tilt.expected)}
    if at is not None:
        numbers += [at.value, at.stalled]
        tensors |= {"x": at.x, "gradient": at.gradient}
        if at.evaluation.radial is not None:
            tensors["radial"] = at.evaluation.radial
    tensors["descent"] = torch.tensor([float(x) for x in numbers], dtype=torch.float64)
    return {name: tensor.cpu() for name, tensor in tensors.items()}


def _to_descent(tensors: Mapping[str, Tensor]) -> Descent:
    n_w, K, r, first, stored, count, *point = tensors["descent"].tolist()
    units = Units(tensors["unit"], tensors["axes"], tensors["along"], int(n_w), int(K), int(r))
    curvature = Curvature(tensors["S"], tensors["Y"], tensors["inverse"].cpu(), int(first), int(stored))
    at = None
    if point:
        evaluation = Evaluation(point[0], tensors["gradient"], tensors.get("radial"))
        at = Iterate(tensors["x"], evaluation, curvature, bool(point[1]))
    tilt = Tilt(tensors["tilt"], *tensors["level"].tolist()) if "tilt" in tensors else None
    return Descent(units, curvature, at, int(count), tilt)


def _pair(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)

"""What a sweep keeps of a run: the numbers of its summary, ranks, the distance to collapse of each type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from feature_collapse.experiments.run import Outcome
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.sweeps.messages import Number, Quantities
from feature_collapse.task import Task
from feature_collapse.theory.types import fit_type

RANK_TOLERANCE = 0.01  # smaller singular values, relative to the largest, are what a gap of 0.1 % leaves


def quantities_of(
    settings: Settings, task: Task, outcome: Outcome, quantities: tuple[str, ...] = ()
) -> Quantities:
    """Return names and numbers (or lists of numbers) of a run; JSON-able, NaN and infinities as None.

    Beside the summary: `rank_W`, `rank_U` (of the features φ(w) and of the u_{k,ℓ}), and `type_I`, `type_II`,
    `type_III`, the residuals of definitions 1-3: 0 for a configuration of the type, at most 1. O((n_w + K L)
    d²).

    Args:
        settings: of the run.
        task: of the run.
        outcome: its weights and summary.
        quantities: names to keep; none for all.
    """
    found = {name: value for name, value in outcome.summary.items() if _numeric(value)}
    normaliser = make_normaliser(settings.normaliser, settings.eps)
    d = outcome.W.shape[1]
    features = normaliser.forward(torch.from_numpy(np.asarray(outcome.W, dtype=np.float64))).numpy()
    found |= {"d_used": d, "rank_W": rank(features), "rank_U": rank(outcome.U.reshape(-1, d))}
    latents, radius = np.asarray(task.latents), normaliser.radius(d)
    kinds = ("I", "III") if radius is None else ("I", "II", "III")
    for kind in kinds:
        if quantities and f"type_{kind}" not in quantities:
            continue
        fit = fit_type(
            kind,
            features,
            outcome.U,
            latents,
            settings.n_c,
            radius if kind == "II" else None,
            mean_zero=settings.normaliser == "layernorm",
        )
        found[f"type_{kind}"] = fit.residual
    if quantities:
        found = {name: found.get(name) for name in quantities}
    return {name: _plain(value) for name, value in found.items()}


def rank(rows: np.ndarray) -> int:
    """Return the number of singular values above 1 % of the largest; 0 for zero weights (all below 1e-6)."""
    x = np.asarray(rows, dtype=np.float64)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(x.T @ x), 0.0))
    return int((values > max(RANK_TOLERANCE * values.max(), 1e-6)).sum())


def _numeric(value: Any) -> bool:
    if isinstance(value, list):
        return all(_numeric(x) for x in value)
    return isinstance(value, (bool, int, float, np.number)) or value is None


def _plain(value: Any) -> Number | list[Number]:
    return [_number(x) for x in value] if isinstance(value, list) else _number(value)


def _number(value: Any) -> Number:
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else int(value)
    number: int | float = value.item() if isinstance(value, np.number) else value
    return number if math.isfinite(number) else None

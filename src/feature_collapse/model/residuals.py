"""How far words are from collapse, in three numbers: the residuals of definitions 1-3 (paper §3).

Over the words (α, β), v = φ(w) and u = v/‖v‖, with means v̄_α and ū_α over the words of a concept:

    spread            √(Σ ‖v - v̄_α‖² / Σ ‖v‖²)      0 for types I and II: one vector for each concept
    direction_spread  √(Σ ‖u - ū_α‖² / n_w)         0 for type III too: one direction for each concept
    frame_residual    root mean square over pairs α ≠ α' of cos(ū_α, ū_α') + 1/(n_c - 1)
                                                    0 for an equiangular frame: equation (4)

The first two are at most 1, and near √(1 - 1/s_c) for words that know nothing of their concepts.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

RESIDUALS = ("spread", "direction_spread", "frame_residual")
UNKNOWN = (math.nan,) * len(RESIDUALS)


@torch.no_grad()
def collapse_residuals(features: Float[Tensor, "n_w d"], n_c: int) -> tuple[float, ...]:
    """Return the residuals `RESIDUALS` of word features, those of a concept in consecutive rows.

    NaN where there is no such number: features that are all zero, a mean direction of zero. Time
    O(n_w d + n_c² d).

    >>> from feature_collapse.model.geometry import equiangular
    >>> frame = torch.from_numpy(equiangular(3, 2)).repeat_interleave(4, dim=0)
    >>> [round(x, 9) for x in collapse_residuals(frame, 3)]
    [0.0, 0.0, 0.0]
    """
    v = features.double().view(n_c, -1, features.shape[1])
    scale = float(v.abs().max())
    if not 0.0 < scale < math.inf:
        return UNKNOWN
    v = v / scale
    u = v / v.norm(dim=2, keepdim=True).clamp_min(1e-300)
    means = u.mean(1)
    spread = math.sqrt(float((v - v.mean(1, keepdim=True)).square().sum() / v.square().sum()))
    directions = math.sqrt(float((u - means.unsqueeze(1)).square().sum(2).mean()))
    sizes = means.norm(dim=1, keepdim=True)
    if float(sizes.min()) < 1e-12:
        return spread, directions, math.nan
    off = (means / sizes) @ (means / sizes).T + 1.0 / (n_c - 1)
    off.fill_diagonal_(0.0)
    return spread, directions, math.sqrt(float(off.square().sum()) / (n_c * (n_c - 1)))

"""The normalisers that the report applies: LayerNorm (the paper's φ), RMSNorm, and the unit sphere.

φ(v) = (v − mean(v))/√(var(v) + ε) with var over the d coordinates; RMSNorm(v) = v/√(mean(v²) + ε);
sphere(v) = v/‖v‖. No learnable gain. With ε = 0, RMSNorm is √d times the sphere, so every value that does
not depend on a common scale is the same for both. A vector without a direction (zero; constant, for
LayerNorm) stays the zero vector.
"""

from __future__ import annotations

import numpy as np

from feature_collapse.errors import check_choice
from feature_collapse.metrics.arrays import Floats

NORMALISERS = ("none", "layernorm", "rmsnorm", "sphere")


def normalise(x: Floats, name: str, eps: float = 0.0) -> Floats:
    """Return the rows of x (N, d) after the normaliser `name`; `eps` matters for layernorm and rmsnorm only.

    Raises:
        InputError: for an unknown name.
    """
    check_choice("normaliser", name, NORMALISERS)
    if name == "none":
        return x
    if name == "layernorm":
        centred = x - x.mean(axis=1, keepdims=True)
        # rounding leaves about 1e-16 of the mean behind: a constant row must not be blown up to length √d
        centred[np.abs(centred).max(axis=1) <= 8 * np.finfo(float).eps * np.abs(x).max(axis=1)] = 0.0
        return _divide(centred, np.sqrt(np.mean(centred**2, axis=1) + eps))
    if name == "rmsnorm":
        return _divide(x, np.sqrt(np.mean(x**2, axis=1) + eps))
    return _divide(x, np.linalg.norm(x, axis=1))


def _divide(x: Floats, by: Floats) -> Floats:
    return x / np.where(by > 0, by, 1.0)[:, None]

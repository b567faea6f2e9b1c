"""A view of the features: after which normaliser; from which stored rows it comes, and at which scale.

With ε = 0 RMSNorm is √d times the unit sphere, and LayerNorm's directions are its rows divided by √d: such
views keep no sums of their own. A `Lens` knows where its numbers come from, so that nothing else has to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_collapse.metrics.arrays import Floats
from feature_collapse.metrics.normalisers import normalise

VIEWS = ("none", "layernorm", "rmsnorm", "sphere")
"""The views that every report has; the model's own normaliser joins them where it is another."""


@dataclass(frozen=True)
class Rows:
    """Rows of which sums are kept: features after a normaliser, brought to length one where `unit`."""

    normaliser: str
    eps: float = 0.0
    unit: bool = False

    def of(self, x: Floats) -> Floats:
        """Return these rows of features x (N, d)."""
        rows = normalise(x, self.normaliser, self.eps)
        return normalise(rows, "sphere") if self.unit else rows

    def length(self, d: int) -> float | None:
        """Return the length that all rows (but zero ones) share, or None where it is free."""
        if self.unit or self.normaliser == "sphere":
            return 1.0
        return float(np.sqrt(d)) if self.eps == 0 and self.normaliser in ("layernorm", "rmsnorm") else None


@dataclass(frozen=True)
class Lens:
    """One view: its features are `scale` times `rows`; `directions` are rows of one common length."""

    name: str
    rows: Rows
    scale: float
    directions: Rows

    @staticmethod
    def of(name: str, eps: float, d: int) -> Lens:
        """Return the lens of a normaliser with its ε in d dimensions."""
        used = eps if name in ("layernorm", "rmsnorm") else 0.0
        rows, scale = Rows(name, used), 1.0
        if name == "rmsnorm" and used == 0:
            rows, scale = Rows("sphere"), float(np.sqrt(d))
        return Lens(name, rows, scale, Rows("layernorm" if name == "layernorm" else "sphere"))

    def apply(self, x: Floats) -> Floats:
        """Return features x (N, d) as this view shows them."""
        return self.scale * self.rows.of(x)

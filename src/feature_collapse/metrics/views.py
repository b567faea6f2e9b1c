"""A view of the features: after which normaliser; from which stored rows it comes, and at which scale.

With ε = 0 RMSNorm is √d times the unit sphere, and LayerNorm's directions are its rows divided by √d: such
views keep no sums of their own. A `Lens` knows where its numbers come from, so that nothing else has to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from feature_collapse.metrics.arrays import Floats
from feature_collapse.model.normalisers import Normaliser, make_normaliser

VIEWS = ("none", "layernorm", "rmsnorm", "sphere")
"""The views that every report has; the model's own normaliser joins them where it is another."""


def normalise(x: Floats, name: str, eps: float = 0.0) -> Floats:
    """Return the rows of x (N, d) after the normaliser `name`; ε matters for all but `none` and `sphere`.

    Raises:
        InputError: for an unknown name.
    """
    return np.asarray(_normaliser(name, 0.0 if name in ("none", "sphere") else eps).forward(x))


@lru_cache
def _normaliser(name: str, eps: float) -> Normaliser:
    """Return the normaliser; looking through the installed packages once is enough."""
    return make_normaliser(name, eps)


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
        if self.unit:
            return 1.0
        return _normaliser(self.normaliser, 0.0).radius(d) if self.eps == 0 else None


@dataclass(frozen=True)
class Lens:
    """One view: its features are `scale` times `rows`; `directions` are rows of one common length."""

    name: str
    rows: Rows
    scale: float
    directions: Rows

    @staticmethod
    def of(name: str, eps: float, d: int) -> Lens:
        """Return the lens of a normaliser with its ε in d dimensions.

        Raises:
            InputError: for an unknown normaliser.
        """
        _normaliser(name, eps)
        sphere = Rows("sphere")
        if name == "rmsnorm":
            return (
                Lens(name, Rows(name, eps), 1.0, sphere)
                if eps
                else Lens(name, sphere, float(np.sqrt(d)), sphere)
            )
        if name in ("none", "sphere"):
            return Lens(name, Rows(name), 1.0, sphere)
        directions = Rows("layernorm") if name == "layernorm" else Rows(name, eps, unit=True)
        return Lens(name, Rows(name, eps), 1.0, directions)

    def apply(self, x: Floats) -> Floats:
        """Return features x (N, d) as this view shows them."""
        return self.scale * self.rows.of(x)

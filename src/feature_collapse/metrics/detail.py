"""What only the entities themselves can tell: who is confused with whom, who stands apart, the curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from feature_collapse.metrics.curve import Curve, frequency_curve
from feature_collapse.metrics.data import Data
from feature_collapse.metrics.second_pass import OwnConcept

MOST = 10


@dataclass(frozen=True)
class Confusion:
    """So many entities of `concept` (a share of its own) are nearest to the centre of `taken_for`."""

    concept: str
    taken_for: str
    entities: int
    share: float


@dataclass(frozen=True)
class Outlier:
    """Row `row` points away from its concept: squared distance from the mean direction over the usual one."""

    row: int
    concept: str
    distance: float


@dataclass(frozen=True)
class Detail:
    """The largest confusions, the entities farthest from their concept's direction, the frequency curve."""

    confusions: tuple[Confusion, ...]
    outliers: tuple[Outlier, ...]
    curve: Curve | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values."""
        return {
            "confusions": [asdict(c) for c in self.confusions],
            "outliers": [asdict(o) for o in self.outliers],
            "curve": None if self.curve is None else self.curve.to_dict(),
        }


def detail(
    data: Data, own: OwnConcept, wrong: Mapping[tuple[int, int], int], generator: np.random.Generator
) -> Detail:
    """Return the detail of the model's own view, from what the second pass found of each entity.

    `wrong` counts entities by (own, nearest) among the kept concepts. O(N) time and memory.
    """
    names = [n for n, k in zip(data.names, data.kept, strict=True) if k]
    count = data.count[data.kept]
    largest = sorted(wrong.items(), key=lambda item: (-item[1] / count[item[0][0]], item[0]))[:MOST]
    confusions = tuple(Confusion(names[a], names[b], n, n / int(count[a])) for (a, b), n in largest)
    off = np.where(data.kept[data.codes], own.off, 0.0)
    usual = np.bincount(data.codes, weights=off, minlength=len(data.names)) / np.maximum(data.count, 1)
    ratio = own.off / np.where(usual[data.codes] > 1e-20, usual[data.codes], np.nan)
    known = np.flatnonzero(np.isfinite(ratio))
    far = known[np.argsort(-ratio[known], kind="stable")[:MOST]]
    outliers = tuple(Outlier(int(i), data.names[data.codes[i]], float(ratio[i])) for i in far)
    return Detail(confusions, outliers, frequency_curve(data.frequencies, own, generator))

"""Figure 8's map as the page draws it, and where a choice lies on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from feature_collapse.explorer.choice import Choice
from feature_collapse.figures.phase import GRID, field
from feature_collapse.sweeps.presets import preset
from feature_collapse.sweeps.results import Results
from feature_collapse.sweeps.tables import read_csv


@dataclass(frozen=True, eq=False)
class PhaseMap:
    """Test accuracy of the certified minimiser over n_spl × Zipf exponent, mean over seeds.

    Attributes:
        n_spl: (a,) values along x, at positions 0, 1, ….
        exponents: (b,) values along y, likewise.
        accuracy: (b, a).
    """

    n_spl: tuple[int, ...]
    exponents: tuple[float, ...]
    accuracy: Float[np.ndarray, "b a"]

    def position(self, choice: Choice) -> tuple[float, float]:
        """Return where a choice lies, in positions; what is beyond the map is put on its edge."""
        x = np.interp(np.log(choice.n_spl), np.log(self.n_spl), np.arange(len(self.n_spl)))
        y = np.interp(choice.exponent, self.exponents, np.arange(len(self.exponents)))
        return float(x), float(y)

    def at(self, choice: Choice) -> float:
        """Return the accuracy of the field in which a choice lies."""
        x, y = self.position(choice)
        return float(self.accuracy[round(y), round(x)])


@cache
def _results() -> Results:
    return read_csv(preset("figure8").data)


@cache
def phase_map(network: str) -> PhaseMap:
    """Return the map of the network `h` or `h*`, from the package's own results of figure 8.

    >>> phase_map("h").n_spl
    (2, 3, 5, 8, 12, 20, 35, 60, 100)
    """
    found = field(_results(), "n_spl", "exponent", "test_accuracy", group=GRID, network=network)
    xs, ys = (tuple(sorted({key[i] for key in found})) for i in (0, 1))
    return PhaseMap(xs, ys, np.array([[found[x, y].mean for x in xs] for y in ys]))


def map_of(choice: Choice) -> PhaseMap:
    """Return the map that a choice belongs on: that of h* under any normaliser."""
    return phase_map("h" if choice.normaliser == "none" else "h*")

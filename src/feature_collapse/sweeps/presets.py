"""The sweeps behind figures 8-13 and their committed results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from feature_collapse.errors import InputError, nearest
from feature_collapse.sweeps.spec import Sweep, read_sweep

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Preset:
    """A figure and the sweep that it is drawn from.

    Attributes:
        figure: its name.
        sweep: name of the sweep; several figures may share one.
        caption: what it shows.
    """

    figure: str
    sweep: str
    caption: str

    @property
    def store(self) -> str:
        """The name of its sweep file: that of all figures that share it."""
        return "-".join(figure for figure, other in PRESETS.items() if other.sweep == self.sweep)

    def read(self, *, quick: bool = False) -> Sweep:
        """Return the sweep, or its quick size."""
        return read_sweep(_HERE / "presets" / f"{self.sweep}.toml", quick=quick)

    @property
    def data(self) -> Path:
        """The file of the committed results."""
        return _HERE / "data" / f"{self.sweep}.csv"


PRESETS = {
    preset.figure: preset
    for preset in (
        Preset("figure8", "plane", "test accuracy over n_spl × Zipf exponent, for h and h*"),
        Preset("figure9", "plane", "distance to collapse of types I, II and III over the same plane"),
        Preset("figure10", "training", "how far above the certified minimum SGD is, over training time"),
        Preset("figure11", "rank", "rank of the certified optimum over λ × n_spl"),
        Preset(
            "figure12", "cure", "test accuracy with decay in proportion to (word frequency)^q, over q × n_spl"
        ),
        Preset("figure13", "symmetry", "how far theorems 1 and 3 are from the exact minimum, over K × L"),
    )
}


def preset(name: str) -> Preset:
    """Return the preset of a figure.

    Raises:
        InputError: an unknown name; the nearest is named.
    """
    if name not in PRESETS:
        raise InputError(f"preset {name!r} is not one of {', '.join(PRESETS)}{nearest(name, PRESETS)}")
    return PRESETS[name]

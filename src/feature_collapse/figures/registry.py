"""Which function draws which figure of a sweep."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from feature_collapse.figures import gap_over_training, phase_collapse_types, phase_rank, phase_test_accuracy
from feature_collapse.sweeps.results import Results

SWEEP_FIGURES: dict[str, Callable[[Results], Figure]] = {
    "figure8": phase_test_accuracy.draw,
    "figure9": phase_collapse_types.draw,
    "figure10": gap_over_training.draw,
    "figure11": phase_rank.draw,
}

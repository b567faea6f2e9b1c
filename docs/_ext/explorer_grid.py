"""The grid behind the site's explorer: runs over Zipf exponent × sentences per class × cure.

    python docs/_ext/explorer_grid.py

computes it again (some five minutes on one core) and writes `explorer_grid.npz` beside this file. Training,
proved gaps and verdicts are the package's own; coordinates are kept to one part in 32,767 of the picture.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("explorer_grid.npz")
EXPONENTS = (0.0, 0.5, 1.0, 1.5, 2.0)
N_SPL = (2, 5, 12, 35)
CURES = ("none", "LayerNorm", "fair decay")
STEPS = (0, 200, 600, 1500, 3000, 6000)  # at which a state is kept
NUMBERS = ("train_accuracy", "test_accuracy", "risk", "lower_bound", "residual")
TYPES = ("none", "I", "II", "III")
FULL = 32_767  # of a coordinate at the edge of its run's picture


@dataclass(frozen=True, eq=False)
class Grid:
    """The states, over (exponent, n_spl, cure, step).

    Attributes:
        points: (5, 4, 3, 6, n_w, 2) coordinates in the theory's plane, over `scale`, as int16.
        scale: (5, 4, 3) half the side of each run's picture.
        lengths: (5, 4, 3, 6, n_w) of the features, as float16.
        numbers: (5, 4, 3, 6, 5) columns `NUMBERS`.
        types: (5, 4, 3, 6) into `TYPES`.
        theory: (5, 4, 3, s_c) predicted lengths; NaN where no theorem speaks.
    """

    points: np.ndarray
    scale: np.ndarray
    lengths: np.ndarray
    numbers: np.ndarray
    types: np.ndarray
    theory: np.ndarray

    @classmethod
    def read(cls, path: Path = PATH) -> Grid:
        """Return the grid of a file."""
        with np.load(path, allow_pickle=False) as held:
            return cls(**{name: held[name] for name in cls.__dataclass_fields__})


def compute() -> Grid:
    """Return the grid, computed."""
    from feature_collapse.explorer.choice import Choice

    n_w, n_c = Choice().n_w, Choice().n_c
    cells, states = (len(EXPONENTS), len(N_SPL), len(CURES)), len(STEPS)
    grid = Grid(
        np.zeros((*cells, states, n_w, 2), dtype=np.int16),
        np.zeros(cells),
        np.zeros((*cells, states, n_w), dtype=np.float16),
        np.zeros((*cells, states, len(NUMBERS))),
        np.zeros((*cells, states), dtype=np.int8),
        np.full((*cells, n_w // n_c), np.nan),
    )
    for at in np.ndindex(cells):
        fill(grid, at)
        print(EXPONENTS[at[0]], N_SPL[at[1]], CURES[at[2]], grid.numbers[at][-1].round(4), flush=True)
    return grid


def fill(grid: Grid, at: tuple[int, ...]) -> None:
    """Put one run into a grid."""
    from feature_collapse.explorer.beside import outlines
    from feature_collapse.explorer.live import Training
    from feature_collapse.explorer.measurement import measure_state

    training = Training.of(choice_of(EXPONENTS[at[0]], N_SPL[at[1]], CURES[at[2]]))
    state, found, done = training.start(), [], 0
    for step in STEPS:
        state, done = training.advance(state, step - done), step
        found.append(measure_state(training, state))
    theory = outlines(training)
    if theory.r is not None:
        grid.theory[at] = theory.r
    drawn = [np.abs(m.picture.points.words).max() for m in found]
    grid.scale[at] = 1.12 * max(*drawn, 0.0 if theory.r is None else theory.r.max())
    for index, m in enumerate(found):
        here = (*at, index)
        grid.points[here] = np.round(m.picture.points.words / grid.scale[at] * FULL)
        grid.lengths[here] = m.picture.lengths
        accuracies = m.train_accuracy, m.test_accuracy
        grid.numbers[here] = (*accuracies, m.bound.risk, m.bound.lower_bound, m.picture.residual)
        grid.types[here] = TYPES.index(m.picture.verdict.type)


def choice_of(exponent: float, n_spl: int, cure: str):  # noqa: ANN201
    """Return the choice of a cell: the presets' settings, with a smaller rate where there is more data."""
    from feature_collapse.explorer.presets import PRESETS

    start = PRESETS[{"none": "4b", "LayerNorm": "4c", "fair decay": "third"}[cure]].choice
    rate = 0.5 if n_spl > 5 and cure != "LayerNorm" else start.learning_rate
    return start.replace(exponent=exponent, n_spl=n_spl, learning_rate=rate)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
    import torch

    torch.set_num_threads(1)
    grid = compute()
    np.savez_compressed(PATH, **{name: getattr(grid, name) for name in Grid.__dataclass_fields__})
    print(f"{PATH}: {PATH.stat().st_size / 1e6:.2f} MB")

"""The site's explorer without a server: small, whole, and the numbers of the grid under its sliders."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bokeh", reason="needs the extra explore")
pytest.importorskip("sphinx", reason="needs the extra docs")
sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))

import explorer_grid
import static_explorer

from feature_collapse.explorer.live import Training
from feature_collapse.explorer.measurement import measure_state


@pytest.fixture(scope="module")
def grid():
    return explorer_grid.Grid.read()


def at(exponent, n_spl, cure):
    sizes = explorer_grid.EXPONENTS, explorer_grid.N_SPL, explorer_grid.CURES
    return tuple(values.index(v) for values, v in zip(sizes, (exponent, n_spl, cure), strict=True))


def test_the_page_is_one_file_of_at_most_five_megabytes_that_names_no_other(grid):
    text = static_explorer.page(grid)
    assert len(text.encode()) < 5e6
    assert "src=" not in text.split("<body>")[0].split("<script")[0]
    assert "cdn.bokeh.org" not in text.split("<body>")[1]


def test_both_cures_repair_what_the_long_tail_breaks(grid):
    last = {cure: grid.numbers[at(1.0, 5, cure)][-1][1] for cure in explorer_grid.CURES}
    assert last["none"] < 0.8 < 0.99 < min(last["LayerNorm"], last["fair decay"])


def test_every_proved_bound_is_below_its_risk(grid):
    risk, bound = grid.numbers[..., 2], grid.numbers[..., 3]
    assert (bound <= risk).all() and (risk > 0).all()


def test_a_state_of_the_grid_is_what_the_package_computes(grid):
    cell = at(1.0, 5, "LayerNorm")
    training = Training.of(explorer_grid.choice_of(1.0, 5, "LayerNorm"))
    step = explorer_grid.STEPS[1]
    found = measure_state(training, training.advance(training.start(), step))
    kept = grid.numbers[cell][1]
    ours = (found.train_accuracy, found.test_accuracy, found.bound.risk, found.bound.lower_bound)
    assert np.allclose(kept[:4], ours, rtol=1e-2, atol=1e-2)  # single precision differs between machines
    points = grid.points[cell][1] / explorer_grid.FULL * grid.scale[cell]
    assert np.abs(points - found.picture.points.words).max() < 0.05 * grid.scale[cell]

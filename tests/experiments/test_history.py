"""The history carries the residuals of collapse, in SGD and certified runs; older records are read."""

import numpy as np
import pytest
import torch

from feature_collapse.experiments.record import read_record
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.residuals import RESIDUALS, collapse_residuals
from feature_collapse.sgd.checkpoint import COLUMNS, Checkpoint, read_checkpoint, write_checkpoint

SMALL = Settings(n_w=12, K=6, L=3, d=6, epochs=3, batch_size=10)
RUNS = [
    {"method": "sgd", "init_scale": 0.1},
    {"method": "sgd", "normaliser": "layernorm"},
    {"method": "certified", "lambda_": 0.01},
    {"method": "certified", "lambda_": 0.01, "word_law": "zipf", "decay_exponent": 1.0},
    {"method": "certified", "normaliser": "layernorm"},
]


@pytest.mark.parametrize("changes", RUNS, ids=str)
def test_the_last_row_has_the_residuals_of_the_weights_that_are_kept(tmp_path, changes):
    settings = SMALL.replace(**changes)
    record = run(settings, tmp_path / "r", device="cpu")
    features = torch.from_numpy(record.weights.features())
    last = [record.history[name][-1] for name in RESIDUALS]
    assert last == pytest.approx(collapse_residuals(features, 3), rel=1e-4)  # SGD's are of single precision
    assert last[0] != pytest.approx(last[2])  # control: different numbers, but where all lengths are one
    assert (last[0] == pytest.approx(last[1])) == (settings.normaliser != "none")


def test_more_data_leave_less_spread_at_the_minimum(tmp_path):
    settings = SMALL.replace(method="certified", design="all", L=2, lambda_=0.03, d=4)
    few, many = (
        run(settings.replace(n_spl=n), tmp_path / str(n), device="cpu").history["spread"] for n in (2, 200)
    )
    assert many[-1] < 0.5 * few[-1]


def test_a_record_without_these_columns_is_read(tmp_path):
    path = run(SMALL, tmp_path / "r", device="cpu").path / "history.csv"
    lines = [",".join(line.split(",")[:-3]) for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    record = read_record(tmp_path / "r")
    assert sorted(record.history) == sorted(COLUMNS[:-3])
    assert run(SMALL, tmp_path / "r", device="cpu").summary == record.summary


def test_a_checkpoint_from_before_these_columns_goes_on(tmp_path):
    rows = np.arange(10.0).reshape(2, 5)
    state = Checkpoint("key", torch.ones(3, 2), torch.ones(4, 2, 2), 3, 0, 0.0, 0, rows, 1.0)
    write_checkpoint(tmp_path / "c", state)
    found = read_checkpoint(tmp_path / "c", "key")
    np.testing.assert_array_equal(found.history[:, :5], rows)
    assert np.isnan(found.history[:, 5:]).all()
    assert found.history.shape == (2, len(COLUMNS))

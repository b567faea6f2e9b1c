"""The obvious mistakes with the face are one sentence, and leave nothing behind."""

import numpy as np
import pytest
import torch

import feature_collapse as fc
from feature_collapse.errors import InputError

TASK = fc.make_task(n_w=12, L=3, K=6, seed=0)
PROBLEM = fc.Problem.of(TASK, n_spl=4, lambda_=0.01)
WEIGHTS = fc.Weights(np.ones((12, 2)), np.ones((6, 3, 2)))
ARRAY = np.ones((12, 2))


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: fc.certificate(WEIGHTS, TASK, 0.1), lambda: fc.certificate(ARRAY, TASK.train_set(2), 0.1),
        lambda: fc.solve(TASK), lambda: fc.register(fc.LayerNorm()), lambda: fc.solve(PROBLEM, start=ARRAY),
        lambda: fc.Problem.of(None),
        lambda: fc.Problem.of(TASK, normaliser=3), lambda: fc.lambda_path(PROBLEM, 0.1),
        lambda: fc.lambda_path(PROBLEM, ["x"]), lambda: fc.lambda_path(TASK, [0.1]),
        lambda: fc.classify(ARRAY, TASK), lambda: fc.classify(WEIGHTS, TASK.train_set(2)),
        lambda: fc.compare(ARRAY, TASK, 0.1),
        lambda: fc.sample_risk(ARRAY, TASK, rng=np.random.default_rng(0)),
        lambda: fc.Settings.from_mapping(None), lambda: fc.Settings().replace(foo=1),
        lambda: fc.run("x", "y"),
        lambda: fc.run(fc.Settings(), None), lambda: fc.read_record(3), lambda: fc.read_record("a" * 5000),
        lambda: fc.measure(ARRAY, ["a", "b"] * 6, foo=1),
        lambda: fc.register(type("X", (fc.LayerNorm,), {"name": 3})),

        lambda: fc.register(type("X", (), {"name": "q", "centred": "a", "forward": 1, "vjp": 1,
        "radius": 1})),
        lambda: fc.Weights(ARRAY * 1j, np.ones((6, 3, 2))),
        lambda: fc.Weights(ARRAY.astype("M8[s]"), WEIGHTS.U),
        lambda: fc.Weights(np.ma.masked_equal(ARRAY, 1.0), WEIGHTS.U),
        lambda: fc.Weights(torch.empty(12, 2, device="meta"), WEIGHTS.U),
        lambda: fc.Weights(torch.eye(12).to_sparse(), WEIGHTS.U),
    ],
)  # fmt: skip
def test_a_wrong_type_is_one_sentence(mistake):
    with pytest.raises(InputError) as caught:
        mistake()
    assert "\n" not in str(caught.value)


def test_the_right_types_are_taken():
    assert fc.certificate(WEIGHTS, TASK.train_set(2), 0.1).lower_bound > 0
    assert fc.Settings().replace(K=5).K == 5


def test_a_rate_beyond_single_precision_is_refused_before_anything_is_written(command_line, tmp_path):
    code, _, err = command_line(
        "train", "--n-w", 12, "--K", 6, "--L", 3, "--learning-rate", "1e300", "--out", "r"
    )
    assert (code, "learning_rate = 1e+300, but must be a number > 0 and ≤ 1e+30" in err) == (2, True)
    assert not (tmp_path / "r").exists()

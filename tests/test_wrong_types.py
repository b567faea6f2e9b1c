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
        lambda: fc.Weights(ARRAY, WEIGHTS.U, "layernorm"), lambda: fc.solve(PROBLEM, checkpoint=3),
        lambda: fc.solve(PROBLEM, options={}), lambda: fc.sample_risk(WEIGHTS, TASK, rng=0),
        lambda: fc.predict("x"), lambda: fc.predict(TASK, lambda_=10**5000),
        lambda: fc.Problem.of(TASK, device=None), lambda: fc.run(fc.Settings(), "x", device=None),
        lambda: fc.certificate(WEIGHTS, PROBLEM, "x"), lambda: fc.Settings.from_mapping({3: 1}),
        lambda: fc.compare(WEIGHTS, TASK, 0.1, measured={"norm_W_mean": "x"}),
        lambda: fc.Settings(vocabulary=3), lambda: WEIGHTS.penalty(1.0, -np.ones(12)),
        lambda: fc.Task(TASK.vocabulary, np.ones(7), TASK.latents),
        lambda: fc.make_task(vocabulary="food", frequencies_given=[1, 2]),
        lambda: fc.make_task(n_w=12, latents_given=TASK.latents, design="golay"),
        lambda: fc.make_task(n_w=np.ones((2, 2))), lambda: fc.make_task(K="a\nb\u2028c"),
        lambda: fc.read_record("no\nfolder"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_one_sentence(mistake):
    with pytest.raises(InputError) as caught:
        mistake()
    assert len(str(caught.value).splitlines()) == 1


def test_sentences_of_a_foreign_byte_order_are_taken():
    train = TASK.train_set(2)
    foreign = fc.Sentences(train.words.astype(">i4"), train.labels.astype(">i4"))
    ours, theirs = (fc.certificate(WEIGHTS, one, 0.1) for one in (train, foreign))
    assert ours == theirs


def test_weights_do_not_change_with_what_they_were_made_from():
    layer = torch.ones(12, 2)
    snapshot = fc.Weights(layer, WEIGHTS.U)
    layer.mul_(7)
    assert snapshot.W.max() == 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "certified", "gap": 1e-12},
        {"method": "certified", "lambda_": 1e-10},
        {"learning_rate": 1.0, "lambda_": 0.9, "decay": "lazy"},
        {"learning_rate": 1.0, "lambda_": 0.9, "decay_exponent": 1.0, "word_law": "zipf"},
    ],
)
def test_what_the_method_would_refuse_is_refused_before_anything_is_written(tmp_path, changes):
    settings = fc.Settings(n_w=12, L=3, K=6, d=4, epochs=1).replace(**changes)
    with pytest.raises(InputError):
        fc.run(settings, tmp_path / "r", device="cpu")
    assert not (tmp_path / "r").exists()


def test_the_right_types_are_taken():
    assert fc.certificate(WEIGHTS, TASK.train_set(2), 0.1).lower_bound > 0
    assert fc.Settings().replace(K=5).K == 5


def test_a_rate_beyond_single_precision_is_refused_before_anything_is_written(command_line, tmp_path):
    code, _, err = command_line(
        "train", "--n-w", 12, "--K", 6, "--L", 3, "--learning-rate", "1e300", "--out", "r"
    )
    assert (code, "learning_rate = 1e+300, but must be a number > 0 and ≤ 1e+30" in err) == (2, True)
    assert not (tmp_path / "r").exists()

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from feature_collapse.cli.app import app
from feature_collapse.errors import InputError
from feature_collapse.experiments.experiment import Data
from feature_collapse.experiments.folder import write_config, write_data, write_outcome
from feature_collapse.experiments.record import Outcome
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.normalisers import LayerNorm, RMSNorm, make_normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, codes, frequencies, latents, make_task
from feature_collapse.theory import theorem1, theorem2, theorem3
from feature_collapse.theory.compare import compare
from feature_collapse.theory.predict import reference
from feature_collapse.theory.types import type_one, type_three, type_two

Z = latents.every(3, 3)


def setting(kind):
    rng, s_c = np.random.default_rng(0), 4
    if kind == "theorem 1":
        found = theorem1.constants(3, 12, 3, 27, 0.001)
        weights = type_one(equiangular(3, 5, rng), s_c, Z, found.c, found.c_prime)
        return weights, Task.of(Z, frequencies.uniform(s_c), 3)
    task = Task.of(Z, frequencies.zipf(s_c), 3)
    if kind == "theorem 2":
        found = theorem2.constants(3, 3, task.mu, 0.001)
        return type_three(equiangular(3, 5, rng), found.r, Z, found.c), task
    found = theorem3.constants(3, 3, 27, 5, 0.001)
    return type_two(equiangular(3, 5, rng, mean_zero=True), s_c, Z, found.c), task


@pytest.mark.parametrize(("kind", "type_"), [("theorem 1", "I"), ("theorem 2", "III"), ("theorem 3", "II")])
def test_the_minimiser_agrees_with_its_theorem(kind, type_):
    weights, task = setting(kind)
    risk = enumerate_risk(weights, task, 0.001)
    measured = {"risk": risk.risk, "train_ce": risk.cross_entropy, "penalty": risk.penalty}
    found = compare(weights, task, 0.001, measured=measured)
    assert found.prediction.theorem == kind
    assert found.exact
    assert found.verdict.type == type_
    assert found.assumption_b.holds
    assert found.symmetry.lemma_b
    errors = {row.quantity: row.relative_error for row in found.rows}
    assert {"risk", "train_ce", "norm_W_mean", "singular_values_W", "singular_values_U"} <= set(errors)
    assert max(e for e in errors.values() if np.isfinite(e)) < 1e-10


def test_other_weights_do_not_agree():
    weights, task = setting("theorem 2")
    found = compare(Weights(1.2 * weights.W, weights.U), task, 0.001)
    errors = {row.quantity: row.relative_error for row in found.rows}
    assert abs(errors["norm_W_mean"] - 0.2) < 1e-9
    assert abs(errors["r"] - 0.2) < 1e-9


@pytest.mark.parametrize(
    ("z", "mu", "normaliser", "d", "lambda_", "theorem"),
    [
        (Z[:20], frequencies.zipf(4), None, 5, 0.001, "R5 (mean field)"),
        (Z[:20], frequencies.uniform(4), None, 5, 0.001, "theorem 1"),
        (Z, frequencies.zipf(4), RMSNorm(), 5, 0.001, "theorem 3"),
        (Z, frequencies.zipf(4), None, 1, 0.001, "none"),
        (Z, frequencies.zipf(4), LayerNorm(), 2, 0.001, "none"),
        (Z, frequencies.zipf(4), None, 5, 0.0, "none"),
        (np.vstack([Z, Z]), frequencies.zipf(4), None, 5, 0.001, "none"),
    ],
)
def test_the_reference_fits_the_setting(z, mu, normaliser, d, lambda_, theorem):
    found = reference(Task.of(z, mu, 3), lambda_, d, normaliser)
    assert found.theorem == found.summary()["theorem"] == theorem
    assert not found.exact
    assert bool(found.values()) == (theorem != "none")


def test_codes_are_recognised_in_the_latents():
    z = codes.codewords(codes.generator("tetracode", 3, 4), 3)
    weights = Weights(np.ones((6, 3)), np.ones((9, 4, 3)))
    found = compare(weights, Task.of(z, frequencies.uniform(2), 3), 0.001)
    assert found.exact
    assert abs(found.prediction.risk - 0.0287472124) < 1e-10


def test_a_prediction_is_exact_only_without_eps():
    weights, task = setting("theorem 3")
    found = compare(Weights(weights.W, weights.U, LayerNorm(0.5)), task, 0.001)
    assert found.prediction.exact
    assert found.to_dict()["exact"] is False
    assert "ε = 0" in found.note


@pytest.mark.parametrize("name", ["layernorm", "rmsnorm", "sphere"])
def test_a_normaliser_fixes_the_norm_that_is_measured(name):
    rng = np.random.default_rng(0)
    W, U = rng.standard_normal((12, 5)), rng.standard_normal((27, 3, 5))
    expected = 1.0 if name == "sphere" else np.sqrt(5)
    for scale, eps, exact in ((1.0, 0.0, True), (1e-3, 1e-5, False)):
        weights = Weights(scale * W, U, make_normaliser(name, eps))
        rows = {row.quantity: row for row in compare(weights, setting("theorem 3")[1], 0.001).rows}
        assert abs(rows["norm_W_mean"].predicted - expected) < 1e-12
        assert (rows["norm_W_mean"].relative_error < 1e-12) == exact


@pytest.fixture
def record(tmp_path):
    mu_settings = Settings(n_c=3, n_w=12, L=3, K=27, d=5, design="all", word_law="zipf", n_spl=2, epochs=1)
    task = make_task(3, 12, 3, 27, word_law="zipf", design="all")
    weights, _ = setting("theorem 2")
    write_config(tmp_path, {"format": 1, "key": "x", "settings": mu_settings.to_mapping()})
    write_data(tmp_path, Data(task, task.train_set(2), task.test_set(2)))
    summary = {
        "risk": 0.1359,
        "train_ce": 0.0208,
        "train_accuracy": 1.0,
        "test_accuracy": 1.0,
        "seconds": 1.0,
    }
    single = Weights(weights.W.astype(np.float32), weights.U.astype(np.float32))
    write_outcome(tmp_path, Outcome(single, ("epoch",), np.ones((1, 1)), summary))
    return tmp_path


def test_check_reads_a_record(record):
    result = CliRunner().invoke(app, ["check", str(record), "--json"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert found["theorem"] == "theorem 2"
    assert found["type"] == "III"
    assert found["assumption_b"]
    errors = {row["quantity"]: row["relative_error"] for row in found["rows"]}
    assert errors["r"] < 1e-6  # float32 weights
    assert errors["risk"] < 1e-3


def test_check_prints_for_people(record):
    result = CliRunner().invoke(app, ["check", str(record), str(record)], catch_exceptions=False)
    assert result.stdout.count("collapse: type III") == 2
    assert "assumption B holds" in result.stdout


@pytest.mark.parametrize(
    "options", [["nowhere"], ["{record}", "--tolerance", "2"], ["{record}", "--tolerance", "nan"]]
)
def test_check_refuses_wrong_input(record, options):
    result = CliRunner().invoke(app, ["check", *(o.format(record=record) for o in options)])
    assert isinstance(result.exception, InputError)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"tolerance": -1.0}, "tolerance"),
        ({"lambda_": -1.0}, "lambda"),
        ({"weights": Weights(np.ones((15, 4)), np.ones((27, 3, 4)))}, "n_w"),
        ({"measured": [1.0]}, "mapping"),
    ],
)
def test_wrong_input_is_refused(change, match):
    weights, task = setting("theorem 2")
    with pytest.raises(InputError, match=match):
        compare(**{"weights": weights, "task": task, "lambda_": 0.001, **change})


def test_many_concepts_leave_assumption_b_open_and_nothing_else():
    task = Task.of(np.random.default_rng(0).integers(50, size=(4, 3)), [1.0], 50)
    weights = Weights(np.zeros((50, 60)), np.zeros((4, 3, 60)))
    found = compare(weights, task, 0.1)
    assert found.assumption_b is None and found.symmetry is not None
    assert "assumption B not decided" in found.symmetry_text()


class Squashed:
    """φ(v) = tanh v: no fixed norm, and not the plain network."""

    name, centred = "squashed", False

    def forward(self, v):
        return np.tanh(v)

    def vjp(self, v, g):
        return g / np.cosh(v) ** 2

    def radius(self, d):
        return None


def test_a_normaliser_without_a_radius_is_not_taken_for_none():
    task = Task.of([[0, 1], [1, 2], [2, 0]], [0.5, 0.5], 3)
    found = compare(Weights(np.ones((6, 4)), np.ones((3, 2, 4)), Squashed()), task, 1e-3)
    assert (found.prediction.theorem, found.exact) == ("none", False)
    assert "nothing is known of the normaliser 'squashed'" in found.prediction.reason

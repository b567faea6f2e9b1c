import json

import numpy as np
import pytest
from typer.testing import CliRunner

from feature_collapse.cli.app import app
from feature_collapse.errors import InputError
from feature_collapse.experiments.record import write_config, write_result, write_task
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.geometry import equiangular
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import codes, frequencies, latents, make_task
from feature_collapse.theory import theorem1, theorem2, theorem3
from feature_collapse.theory.compare import compare, refer, word_features
from feature_collapse.theory.types import type_one, type_three, type_two

Z = latents.every(3, 3)


def setting(kind):
    rng, s_c = np.random.default_rng(0), 4
    if kind == "theorem 1":
        found = theorem1.solve(3, 12, 3, 27, 0.001)
        return (
            type_one(equiangular(3, 5, rng), s_c, Z, found.c, found.c_prime),
            frequencies.uniform(s_c),
            "none",
        )
    if kind == "theorem 2":
        mu = frequencies.zipf(s_c)
        found = theorem2.solve(3, 3, mu, 0.001)
        return type_three(equiangular(3, 5, rng), found.r, Z, found.c), mu, "none"
    found = theorem3.solve(3, 3, 27, 5, 0.001)
    return (
        type_two(equiangular(3, 5, rng, mean_zero=True), s_c, Z, found.c),
        frequencies.zipf(s_c),
        "layernorm",
    )


@pytest.mark.parametrize(("kind", "type_"), [("theorem 1", "I"), ("theorem 2", "III"), ("theorem 3", "II")])
def test_the_minimiser_agrees_with_its_theorem(kind, type_):
    weights, mu, normaliser = setting(kind)
    risk = enumerate_risk(weights.W, weights.U, Z, 3, mu, 0.001, penalise_V=normaliser == "none")
    measured = {"risk": risk.risk, "train_ce": risk.cross_entropy, "penalty": risk.penalty}
    found = compare(weights.W, weights.U, Z, mu, 3, 0.001, normaliser=normaliser, measured=measured)
    assert found.reference.theorem == kind
    assert found.reference.exact
    assert found.verdict.type == type_
    assert found.assumption_b.holds
    assert found.symmetry.lemma_b
    errors = {row.quantity: row.relative_error for row in found.rows}
    assert {"risk", "train_ce", "norm_W_mean", "singular_values_W", "singular_values_U"} <= set(errors)
    assert max(e for e in errors.values() if np.isfinite(e)) < 1e-10


def test_other_weights_do_not_agree():
    weights, mu, _ = setting("theorem 2")
    found = compare(1.2 * weights.W, weights.U, Z, mu, 3, 0.001)
    errors = {row.quantity: row.relative_error for row in found.rows}
    assert abs(errors["norm_W_mean"] - 0.2) < 1e-9
    assert abs(errors["r"] - 0.2) < 1e-9


@pytest.mark.parametrize(
    ("z", "mu", "normaliser", "d", "lambda_", "theorem", "exact"),
    [
        (Z[:20], frequencies.zipf(4), "none", 5, 0.001, "R5 (mean field)", False),
        (Z[:20], frequencies.uniform(4), "none", 5, 0.001, "theorem 1", False),
        (Z, frequencies.zipf(4), "rmsnorm", 5, 0.001, "theorem 3", False),
        (Z, frequencies.zipf(4), "none", 1, 0.001, "none", False),
        (Z, frequencies.zipf(4), "layernorm", 2, 0.001, "none", False),
        (Z, frequencies.zipf(4), "none", 5, 0.0, "none", False),
        (np.vstack([Z, Z]), frequencies.zipf(4), "none", 5, 0.001, "none", False),
    ],
)
def test_the_reference_fits_the_setting(z, mu, normaliser, d, lambda_, theorem, exact):
    found = refer(z, 3, mu, lambda_, d, normaliser)
    assert found.theorem == theorem
    assert found.exact == exact


def test_codes_are_recognised_in_the_latents():
    z = codes.codewords(codes.generator("tetracode", 3, 4), 3)
    found = compare(np.ones((6, 3)), np.ones((9, 4, 3)), z, frequencies.uniform(2), 3, 0.001)
    assert found.reference.exact
    assert abs(found.reference.values["risk"] - 0.0287472124) < 1e-10


@pytest.mark.parametrize("name", ["layernorm", "rmsnorm", "sphere"])
def test_features_have_their_fixed_norm(name):
    W = np.random.default_rng(0).standard_normal((6, 5))
    expected = 1.0 if name == "sphere" else np.sqrt(5)
    assert np.abs(np.linalg.norm(word_features(W, name), axis=1) - expected).max() < 1e-12
    assert np.linalg.norm(word_features(1e-3 * W, name, eps=1e-5), axis=1).max() < 0.99 * expected


@pytest.fixture
def record(tmp_path):
    mu_settings = Settings(n_c=3, n_w=12, L=3, K=27, d=5, design="all", word_law="zipf", n_spl=2, epochs=1)
    task = make_task(3, 12, 3, 27, word_law="zipf", design="all")
    weights, _, _ = setting("theorem 2")
    train, test = task.train_set(2), task.test_set(2)
    write_config(tmp_path, {"format": 1, "key": "x", "settings": mu_settings.to_mapping()})
    write_task(tmp_path, task, train, test)
    write_result(
        tmp_path,
        weights.W.astype(np.float32),
        weights.U.astype(np.float32),
        ["epoch"],
        np.ones((1, 1)),
        {"risk": 0.1359, "train_ce": 0.0208, "train_accuracy": 1.0, "test_accuracy": 1.0, "seconds": 1.0},
    )
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
        ({"normaliser": "batchnorm"}, "normaliser"),
        ({"eps": -1.0, "normaliser": "layernorm"}, "eps"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"mu": np.ones(3)}, "frequencies"),
        ({"lambda_": -1.0}, "lambda"),
        ({"n_c": 5}, "multiple"),
        ({"W": np.ones((12, 4))}, "dimension"),
    ],
)
def test_wrong_input_is_refused(change, match):
    weights, mu, _ = setting("theorem 2")
    arguments = {"W": weights.W, "U": weights.U, "latents": Z, "mu": mu, "n_c": 3, "lambda_": 0.001, **change}
    with pytest.raises(InputError, match=match):
        compare(**arguments)

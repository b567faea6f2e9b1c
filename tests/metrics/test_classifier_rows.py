"""Linear weights on the command line, NC3 in both forms, NC5, and where NC1 to NC3 are centred."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from feature_collapse.cli.app import app
from feature_collapse.errors import InputError
from feature_collapse.metrics import measure
from metrics.planted import clusters, frame

POINTS = dict(resamples=0, shuffles=0, views=("none",))
QUICK = ["--resamples", "0", "--shuffles", "0", "--json"]


def uneven(c=4, d=6, seed=0):
    generator = np.random.default_rng(seed)
    y = np.repeat(np.arange(c), 5 * 2 ** np.arange(c))
    return generator.normal(size=(c, d))[y] + 0.3 * generator.normal(size=(len(y), d)), y


def test_both_forms_of_nc3_are_as_published():
    x, y = uneven()
    a = np.random.default_rng(1).normal(size=(4, 6))
    report = measure(x, y, classifier=a, **POINTS)
    m = np.array([x[y == k].mean(axis=0) for k in range(4)]) - x.mean(axis=0)
    papyan = np.sum((a / np.linalg.norm(a) - m / np.linalg.norm(m)) ** 2)
    product = a @ m.T
    etf = (np.eye(4) - 1 / 4) / np.sqrt(3)
    zhu = np.linalg.norm(product / np.linalg.norm(product) - etf)
    assert report["nc3"].value == pytest.approx(papyan, abs=1e-10)
    assert report["nc3_duality"].value == pytest.approx(zhu, abs=1e-10)


def test_self_duality_is_zero_in_both_forms_and_of_random_rows_in_neither():
    f = frame(5, 8, np.random.default_rng(0))
    x, y = np.repeat(f, 6, axis=0), np.repeat(np.arange(5), 6)
    own = measure(x, y, classifier=2 * f, **POINTS)
    other = measure(x, y, classifier=np.random.default_rng(1).normal(size=f.shape), **POINTS)
    for key in ("nc3", "nc3_duality"):
        assert own[key].value == pytest.approx(0, abs=1e-7) and other[key].value > 0.3


def test_the_centre_is_that_of_entities_or_of_concepts():
    x, y = uneven()
    means = np.array([x[y == k].mean(axis=0) for k in range(4)])
    within = sum((x[y == k] - means[k]).T @ (x[y == k] - means[k]) for k in range(4)) / len(x)
    for centre, at in (("entities", x.mean(axis=0)), ("concepts", means.mean(axis=0))):
        off = means - at
        report = measure(x, y, centre=centre, **POINTS)
        assert report["nc1"].value == pytest.approx(
            np.trace(within @ np.linalg.pinv(off.T @ off / 4, rcond=1e-10)) / 4, rel=1e-8
        )
        norms = np.linalg.norm(off, axis=1)
        assert report["nc2_norms"].value == pytest.approx(norms.std() / norms.mean(), abs=1e-10)
        assert centre in report.policy.get("centre", centre)
    with pytest.raises(InputError, match="centre = 'classes'"):
        measure(x, y, centre="classes")


def test_nc5_is_the_cosine_with_what_is_outside():
    x, y = clusters(3, 20, 5, 0.1, 0)
    x = np.hstack([x, np.zeros((60, 1))])
    away = np.zeros((7, 6))
    away[:, 5] = 1.0
    assert measure(x, y, outside=away, **POINTS)["nc5"].value == pytest.approx(0, abs=1e-12)
    m = np.array([x[y == k].mean(axis=0) for k in range(3)])
    o = x[:9].mean(axis=0)
    expected = np.mean(np.abs(m @ o) / np.linalg.norm(m, axis=1) / np.linalg.norm(o))
    assert measure(x, y, outside=x[:9], **POINTS)["nc5"].value == pytest.approx(expected, abs=1e-10)
    with pytest.raises(InputError, match="outside has 4 columns"):
        measure(x, y, outside=np.ones((3, 4)))


@pytest.fixture
def files(tmp_path):
    x, y = clusters(3, 10, 5, 0.2, 0)
    w = np.array([x[y == k].mean(axis=0) for k in range(3)])
    np.savez(tmp_path / "m.npz", features=x, head=w, per_entity=w[y], odd=np.ones((7, 5)))
    np.save(tmp_path / "w.npy", w)
    for name, concept in (("digits", "{}"), ("words", "word{}")):
        lines = [f"{i},{concept.format(c)}" for i, c in enumerate(y) if i % 10 != 9]
        (tmp_path / f"{name}.csv").write_text("\n".join(["entity,concept", *lines]))
    return tmp_path


def found(folder, classifier, groups="digits.csv"):
    command = ["measure", folder / "m.npz", "-g", folder / groups, "--tensor", "features"]
    result = CliRunner().invoke(app, [*map(str, command), "--classifier", str(classifier), *QUICK])
    assert result.exit_code == 0, result.exception
    return json.loads(result.output)


def test_rows_come_from_a_tensor_or_a_file_by_concept_or_by_entity(files):
    values = [
        found(files, which)["views"]["none"]["values"] for which in ("head", files / "w.npy", "per_entity")
    ]
    for value in values:
        assert value["nc3"]["value"] == pytest.approx(values[0]["nc3"]["value"], abs=1e-12)
        assert value["nc4"] == values[0]["nc4"] and value["nc5"]["value"] is not None


def test_rows_in_sorted_order_are_said_to_be(files):
    notes = " ".join(found(files, "head", "words.csv")["notes"])
    assert "concepts in sorted order: word0, word1, word2" in notes
    assert "NC5 counts the 3 rows in no group" in notes


def test_rows_that_fit_nothing_are_refused(files):
    with pytest.raises(InputError, match="has 7 rows, but must have one for each of 30 entities or 3"):
        command = ["measure", files / "m.npz", "-g", files / "words.csv", "--tensor", "features"]
        CliRunner().invoke(app, [*map(str, command), "--classifier", "odd"], catch_exceptions=False)


def test_no_concept_is_the_worst_where_all_are_equal():
    x, y = clusters(4, 10, 6, 0.5, 0)
    report = measure(x, y, resamples=0, shuffles=0)
    assert "length_spread" in report.views["none"].worst
    assert "length_spread" not in report.views["sphere"].worst

"""The JSON of a report: it is what its schema says, and the same bytes for the same input."""

import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from typer.testing import CliRunner

from feature_collapse.cli.app import app
from feature_collapse.metrics import measure
from feature_collapse.metrics.outcome import OUTCOMES
from feature_collapse.metrics.report import SCHEMA_VERSION, VERDICTS
from metrics.planted import clusters

QUICK = ["--resamples", "20", "--shuffles", "20", "--json"]


@pytest.fixture(scope="module")
def schema():
    found = json.loads((files("feature_collapse.metrics") / "report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.fixture
def tables(tmp_path):
    x, y = clusters(4, 20, 6, 0.5, 0)
    np.save(tmp_path / "a.npy", x)
    np.save(tmp_path / "b.npy", x + 0.1 * np.random.default_rng(1).normal(size=x.shape))
    lines = [f"{i},c{c},{1 + i % 7}" for i, c in enumerate(y)]
    (tmp_path / "g.csv").write_text("\n".join(["entity,concept,frequency", *lines]))
    return tmp_path


def printed(folder, *arguments):
    groups = ["--groups", str(folder / "g.csv")]
    result = CliRunner().invoke(app, ["measure", *map(str, arguments), *groups, *QUICK])
    assert result.exit_code == 0, result.output
    return result.output


def test_what_the_command_prints_is_what_the_schema_says(schema, tables):
    plain = json.loads(printed(tables, tables / "a.npy"))
    compared = json.loads(printed(tables, tables / "b.npy", "--baseline", tables / "a.npy"))
    for found in (plain, compared):
        jsonschema.validate(found, schema)
    assert "comparison" in compared and plain["detail"]["curve"] is not None


def test_odd_data_are_within_the_schema_too(schema):
    cases = {
        "point": (np.ones((6, 3)), [0, 0, 1, 1, 2, 2]),
        "zero": (np.zeros((6, 3)), [0, 0, 1, 1, 2, 2]),
        "alone": (np.eye(4), [0, 1, 2, 3]),
        "one concept": (np.random.default_rng(0).normal(size=(30, 3)), [0] * 30),
    }
    for x, y in cases.values():
        report = measure(x, y, np.arange(len(x)) + 1.0, resamples=20, shuffles=5)
        jsonschema.validate(json.loads(json.dumps(report.to_dict(), allow_nan=False)), schema)


def test_the_schema_refuses_what_is_no_report(schema, tables):
    found = json.loads(printed(tables, tables / "a.npy"))
    for change in ({"schema_version": 1}, {"outcome": "fine"}, {"extra": 1}, {"views": {}}, {"detail": 4}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**found, **change}, schema)


def test_the_schema_knows_the_version_and_every_outcome_and_verdict(schema):
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert set(schema["$defs"]["outcome"]["enum"]) == set(OUTCOMES)
    assert set(schema["$defs"]["verdict"]["enum"]) == set(VERDICTS)


def test_the_same_input_gives_the_same_bytes_and_another_seed_does_not(tables):
    first = printed(tables, tables / "a.npy")
    assert printed(tables, tables / "a.npy") == first
    assert printed(tables, tables / "a.npy", "--seed", "1") != first

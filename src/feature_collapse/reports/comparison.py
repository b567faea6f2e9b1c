"""Our numbers beside the notebooks' and the theory's."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict

import numpy as np

from feature_collapse.experiments.prediction import prediction_of
from feature_collapse.experiments.presets import Experiment
from feature_collapse.experiments.record import Record, read_record

Value = float | list[float] | None


class Row(TypedDict):
    """One quantity of one record."""

    record: str
    quantity: str
    ours: Value
    notebooks: Value
    theory: Value


QUANTITIES = {
    "risk": "risk",
    "lower_bound": "lower bound on the risk",
    "relative_gap": "relative gap",
    "rank": "rank",
    "train_ce_last_epoch": "train cross-entropy, last epoch's mean",
    "train_ce": "train cross-entropy",
    "train_accuracy": "train accuracy",
    "test_accuracy": "test accuracy",
    "singular_values_W": "singular values of W (of φ(W))",
    "singular_values_U": "singular values of the u",
    "norm_W_mean": "mean norm of w (of φ(w))",
    "norm_W_std": "its standard deviation",
    "norm_U_mean": "mean norm of u",
    "norm_U_std": "its standard deviation ",
    "seconds": "seconds",
}
_SHOWN = 3  # singular values


@cache
def notebooks() -> dict[str, Any]:
    """What the authors' notebooks printed, by figure."""
    text = files("feature_collapse.experiments").joinpath("notebooks.json").read_text(encoding="utf-8")
    figures: dict[str, Any] = json.loads(text)["figures"]
    return figures


def comparison(records: Sequence[tuple[Experiment, Record]]) -> list[Row]:
    """Every quantity of every record, with what the notebooks printed (at full size only) and the theory says.

    Where the run of the other method lies beside a record, how far SGD stayed above the optimum is told too.
    """
    rows: list[Row] = []
    for experiment, record in records:
        at_full_size = experiment.drawn and not experiment.name.endswith("-quick")
        theirs = notebooks()[experiment.figure] if at_full_size else {}
        theory = prediction_of(record)
        rows += [
            Row(
                record=experiment.name,
                quantity=text,
                ours=_value(record.summary.get(key)),
                notebooks=_value(theirs.get(key)),
                theory=_value(theory.get(key)),
            )
            for key, text in QUANTITIES.items()
            if record.summary.get(key) is not None
        ]
        rows += [
            Row(record=experiment.name, quantity=text, ours=value, notebooks=None, theory=None)
            for text, value in _sgd_above_optimum(record).items()
        ]
    return rows


def _sgd_above_optimum(record: Record) -> dict[str, float]:
    """SGD's risk and how far it is above the proved lower bound, from the two records of the same data, if both exist.

    The bound holds for the normaliser's ε too: a larger ε only shortens the word vectors.
    """
    name = record.path.name
    other = {"sgd": "certified", "certified": "sgd"}
    for method, sibling in other.items():
        if f"-{method}" in name:
            path = record.path.with_name(name.replace(f"-{method}", f"-{sibling}"))
            if not (path / "summary.json").is_file():
                return {}
            pair = {method: record, sibling: read_record(path)}
            sgd, bound = pair["sgd"].summary["risk"], pair["certified"].summary.get("lower_bound")
            same = np.array_equal(pair["sgd"].train.words, pair["certified"].train.words)
            if (
                bound is None
                or not same
                or pair["sgd"].settings.lambda_ != pair["certified"].settings.lambda_
            ):
                return {}
            return {
                "risk of SGD on the same data": sgd,
                "SGD above the lower bound, at most": (sgd - bound) / sgd,
            }
    return {}


def _value(value: Any) -> Value:
    return value[:_SHOWN] if isinstance(value, list) else value


def cells(row: Row) -> list[str]:
    """A row as text."""
    percent = row["quantity"].endswith("accuracy")
    return [
        row["record"],
        row["quantity"],
        *(_text(v, percent) for v in (row["ours"], row["notebooks"], row["theory"])),
    ]


def _text(value: Value, percent: bool = False) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list):
        return ", ".join(_text(v) for v in value)
    return f"{100 * value:.2f}%" if percent else f"{value:.4g}"


def summary_rows(record: Record) -> list[list[str]]:
    """The summary of one record as rows of text: quantity, measured, theory."""
    theory = prediction_of(record)
    return [
        [text, *(_text(_value(v), text.endswith("accuracy")) for v in (record.summary[key], theory.get(key)))]
        for key, text in QUANTITIES.items()
        if record.summary.get(key) is not None
    ]

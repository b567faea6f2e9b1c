"""Our numbers beside the notebooks' and the theory's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import numpy as np

from feature_collapse.experiments.presets import PaperRun
from feature_collapse.experiments.record import Record, read_record

Number: TypeAlias = float | list[float] | None

QUANTITIES = {
    "risk": "risk",
    "lower_bound": "lower bound on the risk",
    "relative_gap": "relative gap",
    "rank": "rank",
    "train_ce_last_epoch": "cross-entropy, last epoch",
    "train_ce": "cross-entropy",
    "train_accuracy": "train accuracy",
    "test_accuracy": "test accuracy",
    "singular_values_W": "singular values of φ(W)",
    "singular_values_U": "singular values of the u",
    "norm_W_mean": "mean norm of φ(w)",
    "norm_W_std": "standard deviation of ‖φ(w)‖",
    "norm_U_mean": "mean norm of u",
    "norm_U_std": "standard deviation of ‖u‖",
    "seconds": "seconds",
}
WHY_BELOW_THEORY = (
    "The theory's risk is the least one on infinitely many sentences. The minimum on a finite training set "
    "may lie below it, since the weights also fit what is particular to those sentences."
)
_SHOWN = 3  # singular values


@dataclass(frozen=True)
class QuantityRow:
    """One quantity of one record: ours, what the notebooks printed, and what the theory says."""

    record: str
    quantity: str
    ours: Number
    notebooks: Number = None
    theory: Number = None

    def to_dict(self) -> dict[str, str | Number]:
        """Return the row for JSON."""
        return asdict(self)

    def cells(self) -> list[str]:
        """Return quantity, ours, notebooks and theory as text."""
        percent = self.quantity.endswith("accuracy")
        numbers = (self.ours, self.notebooks, self.theory)
        return [self.quantity, *(number_text(number, percent) for number in numbers)]


@cache
def notebooks() -> dict[str, dict[str, Number]]:
    """Return what the authors' notebooks printed, by figure."""
    text = files("feature_collapse.reports").joinpath("notebooks.json").read_text(encoding="utf-8")
    figures: dict[str, dict[str, Number]] = json.loads(text)["figures"]
    return figures


def quantity_rows(experiment: PaperRun, record: Record) -> list[QuantityRow]:
    """Return every quantity of a record, with what the notebooks printed (at full size) and the theory says.

    Where the run of the other method lies beside the record, how far SGD stayed above the optimum comes last.
    """
    at_full_size = experiment.drawn and not experiment.name.endswith("-quick")
    theirs = notebooks()[experiment.figure] if at_full_size else {}
    theory = record.prediction()
    rows = [
        QuantityRow(
            experiment.name,
            text,
            _first(record.summary.get(key)),
            _first(theirs.get(key)),
            _first(theory.get(key)),
        )
        for key, text in QUANTITIES.items()
        if record.summary.get(key) is not None
    ]
    return rows + [QuantityRow(experiment.name, text, x) for text, x in _sgd_above_optimum(record).items()]


def _sgd_above_optimum(record: Record) -> Mapping[str, float]:
    """Return SGD's risk and its distance to the proved bound, from two records of the same data, if there.

    The bound holds for the normaliser's ε too: a larger ε only shortens the word vectors.
    """
    name = record.path.name
    other = {"sgd": "certified", "certified": "sgd"}
    for method, sibling in other.items():
        if f"-{method}" not in name:
            continue
        path = record.path.with_name(name.replace(f"-{method}", f"-{sibling}"))
        if not (path / "summary.json").is_file():
            return {}
        pair = {method: record, sibling: read_record(path)}
        sgd, bound = pair["sgd"].summary["risk"], pair["certified"].summary.get("lower_bound")
        same = np.array_equal(pair["sgd"].train.words, pair["certified"].train.words)
        if bound is None or not same or pair["sgd"].settings.lambda_ != pair["certified"].settings.lambda_:
            return {}
        return {
            "risk of SGD on the same data": sgd,
            "SGD above the lower bound, at most": (sgd - bound) / sgd,
        }
    return {}


def _first(number: Number) -> Number:
    return number[:_SHOWN] if isinstance(number, list) else number


def number_text(number: Number, percent: bool = False) -> str:
    """Return a number, or the first of several, with four digits; nothing where there is none."""
    if number is None or (isinstance(number, float) and math.isnan(number)):
        return ""
    if isinstance(number, list):
        return ", ".join(number_text(x) for x in number)
    return f"{100 * number:.2f}%" if percent else f"{number:.4g}"


def summary_rows(record: Record) -> Sequence[list[str]]:
    """Return the summary of one record as rows of text: quantity, measured, theory."""
    theory = record.prediction()
    rows = [
        (text, _first(record.summary[key]), _first(theory.get(key)))
        for key, text in QUANTITIES.items()
        if record.summary.get(key) is not None
    ]
    return [
        [text, *(number_text(number, text.endswith("accuracy")) for number in numbers)]
        for text, *numbers in rows
    ]

"""Why `measure` and `check` may name another type for one record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feature_collapse.metrics.report import Report

WHY_OTHERWISE = (
    "`check` fits W and U together, with lengths r_β that all concepts share (definitions 1-3 to the word); "
    "`measure` gives each entity its own length, calls lengths equal up to a variation of 0.2, and asks that "
    "shuffled labels do worse"
)


def beside_check(folder: Path, report: Report) -> Report:
    """Return the report of a record, with a sentence why where `check` names another type."""
    from feature_collapse.experiments.record import FILES, read_record
    from feature_collapse.theory.classify import classify

    if not all((folder / name).is_file() for name in FILES):
        return report  # no record that `check` reads
    record = read_record(folder)
    said = classify(record.weights, record.task).type
    if said == report.verdict:
        return report
    note = f"`check` answers {said}, this verdict is {report.verdict}: {WHY_OTHERWISE}"
    return replace(report, notes=(*report.notes, note))

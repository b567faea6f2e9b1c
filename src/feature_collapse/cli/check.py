"""`feature-collapse check RECORD`: a trained record against what the theory predicts for it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feature_collapse.cli.options import Json, paragraph, print_json, table

if TYPE_CHECKING:
    from feature_collapse.theory.compare import Comparison


def command(
    record: Annotated[list[Path], typer.Argument(help="Folders of finished records.")],
    tolerance: Annotated[float, typer.Option(help="Largest residual that counts as collapse, 0 to 1.")] = 0.2,
    as_json: Json = False,
) -> None:
    """Compare trained weights with the theory: predicted, measured, relative error, collapse type, symmetry.

    Where the latents are not symmetric, the minimum of the true risk for them stands beside the theorem's.
    """
    from feature_collapse.errors import check_real
    from feature_collapse.experiments.experiment import word_decay
    from feature_collapse.experiments.limit import beside
    from feature_collapse.experiments.record import read_record
    from feature_collapse.theory.compare import compare

    check_real("tolerance", tolerance, 0.0, 1.0)
    records = [read_record(path) for path in record]
    answers = []
    for found in records:
        task, s = found.task, found.settings
        decay = word_decay(s, task)
        result = compare(
            found.weights, task, s.lambda_, measured=found.summary, tolerance=tolerance, decay=decay
        )
        limit = None if result.prediction.exact else beside(task, s)
        answer = {"record": str(found.path), **result.to_dict()}
        answers.append({**answer, "limit": None if limit is None else limit.to_dict()})
        if not as_json:
            _show(str(found.path), result)
            if limit is not None:
                paragraph(f"for these latents: {limit}")
    if as_json:
        print_json(answers[0] if len(answers) == 1 else answers)


def _show(name: str, result: Comparison) -> None:
    rows = [
        (row.quantity, _text(row.predicted), _text(row.measured), _percent(row.relative_error))
        for row in result.rows
    ]
    paragraph(f"\n{name}: {result.prediction.theorem} ({result.note})")
    if rows:
        table("", ("quantity", "predicted", "measured", "error"), rows)
    paragraph(str(result.verdict))
    paragraph(result.symmetry_text())


def _text(value: float | list[float]) -> str:
    if isinstance(value, list):
        return ", ".join(f"{x:.5g}" for x in value[:3]) + (", …" if len(value) > 3 else "")
    return f"{value:.6g}"


def _percent(error: float) -> str:
    return f"{100 * error:.2f}%" if math.isfinite(error) else ""

"""`feature-collapse check RECORD`: a trained record against what the theory predicts for it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_collapse.cli.options import Json, print_json, table

if TYPE_CHECKING:
    from feature_collapse.theory.compare import Comparison


def command(
    record: Annotated[list[Path], typer.Argument(help="Folders of finished records.")],
    tolerance: Annotated[float, typer.Option(help="Largest residual that counts as collapse, 0 to 1.")] = 0.2,
    as_json: Json = False,
) -> None:
    """Compare trained weights with the theory: predicted, measured, relative error, collapse type, symmetry."""
    from feature_collapse.errors import check_real
    from feature_collapse.experiments.record import read_record
    from feature_collapse.theory.compare import compare

    check_real("tolerance", tolerance, 0.0, 1.0)
    records = [read_record(path) for path in record]
    answers = []
    for found in records:
        s = found.settings
        result = compare(
            found.W,
            found.U,
            found.latents,
            found.mu,
            s.n_c,
            s.lambda_,
            normaliser=s.normaliser,
            eps=s.eps,
            measured=found.summary,
            tolerance=tolerance,
        )
        answers.append({"record": str(found.path), **_as_dict(result)})
        if not as_json:
            _show(str(found.path), result)
    if as_json:
        print_json(answers[0] if len(answers) == 1 else answers)


def _as_dict(result: Comparison) -> dict[str, Any]:
    symmetry, verdict = result.symmetry, result.verdict
    return {
        "theorem": result.reference.theorem,
        "exact": result.reference.exact,
        "note": result.reference.note,
        "rows": [
            {
                "quantity": row.quantity,
                "predicted": row.predicted,
                "measured": row.measured,
                "relative_error": row.relative_error if math.isfinite(row.relative_error) else None,
            }
            for row in result.rows
        ],
        "type": verdict.type,
        "tolerance": verdict.tolerance,
        "fits": {
            name: {
                "residual": fit.residual,
                "residual_W": fit.residual_W,
                "residual_U": fit.residual_U,
                "c": fit.c,
            }
            for name, fit in verdict.fits.items()
        },
        "symmetry": None
        if symmetry is None
        else {
            "distinct": symmetry.distinct,
            "assumption_a": symmetry.residual_a,
            "lemma_b_i": symmetry.residual_i,
            "lemma_b_ii": symmetry.residual_ii,
            "lemma_b_iii": symmetry.residual_iii,
        },
        "assumption_b": None if result.assumption_b is None else result.assumption_b.holds,
    }


def _show(name: str, result: Comparison) -> None:
    reference, verdict = result.reference, result.verdict
    rows = [
        (row.quantity, _text(row.predicted), _text(row.measured), _percent(row.relative_error))
        for row in result.rows
    ]
    typer.echo(f"\n{name}: {reference.theorem} ({reference.note})")
    table("", ("quantity", "predicted", "measured", "error"), rows)
    fits = "; ".join(
        f"type {kind}: {fit.residual:.4f} (W {fit.residual_W:.4f}, U {fit.residual_U:.4f})"
        for kind, fit in verdict.fits.items()
    )
    typer.echo(f"collapse: {_verdict(verdict.type)} (residuals: {fits}; tolerance {verdict.tolerance:g})")
    symmetry = result.symmetry
    if symmetry is None or result.assumption_b is None:
        typer.echo("symmetry of the latents: not measured, too many classes")
        return
    typer.echo(
        f"symmetry of the latents: assumption A off by {symmetry.residual_a:.4f}; lemma B (i) "
        f"{symmetry.residual_i:.4f}, (ii) {symmetry.residual_ii:.4f}, (iii) {symmetry.residual_iii:.4f}; "
        f"assumption B {'holds' if result.assumption_b.holds else 'fails'}"
    )


def _verdict(kind: str) -> str:
    return "none" if kind == "none" else f"type {kind}"


def _text(value: float | list[float]) -> str:
    if isinstance(value, list):
        return ", ".join(f"{x:.5g}" for x in value[:3]) + (", …" if len(value) > 3 else "")
    return f"{value:.6g}"


def _percent(error: float) -> str:
    return f"{100 * error:.2f}%" if math.isfinite(error) else ""

"""`feature-collapse path`: the global minimiser as λ varies (figure 7)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_collapse.cli.options import (
    SGD_ONLY,
    Device,
    Json,
    SettingsFile,
    echo,
    print_json,
    settings_of,
    table,
    with_settings,
)

if TYPE_CHECKING:
    from feature_collapse.solver.lambda_path import LambdaPath


@with_settings("method", "time_limit", "n_test", *SGD_ONLY)
def command(
    given: dict[str, Any],
    count: Annotated[int, typer.Option(help="Number of values of λ, equally spaced in logarithm.")] = 16,
    out: Annotated[Path, typer.Option(help="Folder of path.csv and figure7.")] = Path("results/path"),
    settings: SettingsFile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Follow the proved minimiser from λ_max, where it is zero, down to --lambda: rank, risk, spectrum.

    Each λ has the relative gap that is proved there and a status; the rank counts the directions that this
    gap can tell from zero.
    """
    import sys

    from feature_collapse.errors import check_int
    from feature_collapse.experiments.experiment import Experiment
    from feature_collapse.experiments.run import check_device
    from feature_collapse.figures.lambda_path import draw_lambda_path
    from feature_collapse.figures.style import save
    from feature_collapse.files import make_folder, write_atomically
    from feature_collapse.solver.lambda_path import grid, lambda_path

    check_int("count", count, 2, 10_000)
    chosen = settings_of(settings, given, method="certified")
    problem = Experiment.of(chosen).problem(device=str(check_device(device)))
    lambdas = grid(problem, count, chosen.lambda_)
    make_folder(out)
    path = lambda_path(
        problem,
        lambdas,
        gap=chosen.gap,
        callback=lambda i, value: print(f"λ = {value:.4g} ({i + 1} of {count})", file=sys.stderr, flush=True),
    )
    columns, rows = _columns(path)
    write_atomically(out / "path.csv", _csv(columns, rows, path.status))
    top = float(lambdas[0] / 1.02) if problem.radius is None else None
    drawn = draw_lambda_path(path, n_c=chosen.n_c, lambda_max=top)
    picture, _ = save(drawn, out, "figure7")
    if json:
        print_json({"lambda_max": top, "columns": columns, "rows": rows, "status": list(path.status)})
        return
    if top is not None:
        echo(f"λ_max = {top:.6g}: at or above it the minimiser is zero")
    _print(path, chosen.gap)
    echo(str(picture))


def _columns(path: LambdaPath) -> tuple[list[str], list[list[float]]]:
    """Return the names and rows of the numbers; a new column comes last."""
    shown = path.singular_values.shape[1]
    names = ["lambda", "risk", "lower_bound", "train_ce", "rank", *(f"s{i + 1}" for i in range(shown))]
    columns = (path.lambdas, path.risk, path.lower_bound, path.data_term, path.rank.astype(float))
    rows = [
        [*(float(column[i]) for column in columns), *path.singular_values[i].tolist(), gap]
        for i, gap in enumerate(path.relative_gap.tolist())
    ]
    return [*names, "relative_gap"], rows


def _csv(columns: list[str], rows: list[list[float]], status: tuple[str, ...]) -> str:
    lines = [",".join([*(f"{x:.10g}" for x in row), word]) for row, word in zip(rows, status, strict=True)]
    return "\n".join([",".join([*columns, "status"]), *lines]) + "\n"


def _print(path: LambdaPath, gap: float) -> None:
    proved = int((path.relative_gap <= gap).sum())
    title = f"Minimisers of the empirical risk, gap ≤ {gap:g} proved"
    if proved < len(path.lambdas):
        title = f"Weights found; a gap ≤ {gap:g} is proved for {proved} of {len(path.lambdas)} values of λ"
    rows = [
        [
            f"{path.lambdas[i]:.4g}",
            f"{path.risk[i]:.5g}",
            f"{path.data_term[i]:.4g}",
            f"{path.rank[i]}",
            ", ".join(f"{x:.4g}" for x in path.singular_values[i, :2]),
            f"{path.relative_gap[i]:.1e}",
            path.status[i],
        ]
        for i in range(len(path.lambdas))
    ]
    names = ["λ", "risk", "cross-entropy", "rank", "singular values", "gap", "status"]
    table(title, names, rows)

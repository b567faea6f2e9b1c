"""`feature-collapse path`: the global minimiser as λ varies (figure 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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


@with_settings("method", "time_limit", "n_test", *SGD_ONLY)
def command(
    given: dict[str, Any],
    count: Annotated[int, typer.Option(help="Number of values of λ, equally spaced in logarithm.")] = 16,
    out: Annotated[Path, typer.Option(help="Folder of path.csv and figure7.")] = Path("results/path"),
    settings: SettingsFile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Follow the proved minimiser from λ_max, where it is zero, down to --lambda: rank, risk, singular values."""
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
    columns = [
        "lambda",
        "risk",
        "lower_bound",
        "train_ce",
        "rank",
        *(f"s{i + 1}" for i in range(path.singular_values.shape[1])),
    ]
    rows = [
        [
            float(x)
            for x in (path.lambdas[i], path.risk[i], path.lower_bound[i], path.data_term[i], path.rank[i])
        ]
        + path.singular_values[i].tolist()
        for i in range(len(path.lambdas))
    ]
    text = "\n".join([",".join(columns), *(",".join(f"{x:.10g}" for x in row) for row in rows)]) + "\n"
    write_atomically(out / "path.csv", text)
    top = float(lambdas[0] / 1.02) if problem.radius is None else None
    drawn = draw_lambda_path(path, n_c=chosen.n_c, lambda_max=top)
    picture, _ = save(drawn, out, "figure7")
    if json:
        print_json({"lambda_max": top, "columns": columns, "rows": rows})
        return
    if top is not None:
        echo(f"λ_max = {top:.6g}: at or above it the minimiser is zero")
    table(
        f"Minimisers of the empirical risk, gap ≤ {chosen.gap:g}",
        ["λ", "risk", "lower bound", "train cross-entropy", "rank", "singular values"],
        [
            [
                f"{r[0]:.4g}",
                f"{r[1]:.5g}",
                f"{r[2]:.5g}",
                f"{r[3]:.4g}",
                f"{int(r[4])}",
                ", ".join(f"{x:.4g}" for x in r[5:8]),
            ]
            for r in rows
        ],
    )
    echo(str(picture))

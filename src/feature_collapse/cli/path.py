"""`feature-collapse path`: the global minimiser as λ varies (figure 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feature_collapse.cli.options import Device, Json, SettingsFile, print_json, table, with_settings

COLUMNS = ("lambda", "risk", "lower_bound", "cross_entropy", "rank")


@with_settings(
    "method", "epochs", "batch_size", "learning_rate", "init_scale", "fresh", "test_every", "n_test", "time_limit"
)
def command(
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="Folder for path.csv and figure7.")] = Path("results/path"),
    count: Annotated[int, typer.Option(help="Values of λ, from λ_max down to --lambda.")] = 20,
    settings: SettingsFile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Follow the certified minimiser from λ_max, where it is zero, down to --lambda: rank, singular values, risk.

    Each minimiser starts the next. A normalised network has no λ_max; its path begins at 100 times --lambda.
    """
    import numpy as np

    from feature_collapse.cli.progress import training_progress
    from feature_collapse.experiments.run import check_device
    from feature_collapse.experiments.settings import Settings, read_toml
    from feature_collapse.figures.figure7 import figure7
    from feature_collapse.figures.style import save
    from feature_collapse.files import make_folder, write_atomically
    from feature_collapse.normalisers import make_normaliser
    from feature_collapse.training.lambda_path import grid, lambda_path
    from feature_collapse.training.problem import Problem
    from feature_collapse.training.spectral import lambda_max

    source = str(settings) if settings else "the command line"
    s = Settings.from_mapping({**(read_toml(settings) if settings else {}), **given, "method": "certified"}, source)
    place = check_device(device)
    make_folder(out)
    train = s.task().train_set(s.n_spl)
    normaliser = make_normaliser(s.normaliser, s.eps)
    problem = Problem(train.words, train.labels, s.n_w, s.K, s.lambda_, normaliser, s.d, device=str(place))
    lambdas = grid(problem, count, s.lambda_)
    with training_progress("path") as report:
        path = lambda_path(problem, lambdas, gap=s.gap, report=report)
    values = np.column_stack((path.lambdas, path.risk, path.lower_bound, path.data_term, path.rank))
    many = path.singular_values.shape[1]
    header = [*COLUMNS, *(f"singular_value_{i + 1}" for i in range(many))]
    lines = [",".join(f"{x:.10g}" for x in row) for row in np.hstack((values, path.singular_values))]
    write_atomically(out / "path.csv", "\n".join([",".join(header), *lines]) + "\n")
    top = lambda_max(problem) if problem.radius is None else None
    figure = figure7(
        path.lambdas, path.rank, path.singular_values, path.risk, path.lower_bound, n_c=s.n_c, lambda_max=top
    )
    files = save(figure, out, "figure7")
    if json:
        print_json([dict(zip(COLUMNS, (float(x) for x in row), strict=True)) for row in values])
        return
    table("The minimiser as λ falls", COLUMNS, [[f"{x:.6g}" for x in row] for row in values])
    for file in files:
        typer.echo(file)

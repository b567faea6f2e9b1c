"""`feature-collapse sweep`: run, status, resume, export and plot many experiments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feature_collapse.boundary import printable
from feature_collapse.cli.options import Json, echo, print_json, table
from feature_collapse.cli.sweep_options import with_driver
from feature_collapse.cli.sweep_progress import sweep_progress

if TYPE_CHECKING:
    from feature_collapse.sweeps.options import SweepOptions
    from feature_collapse.sweeps.results import Results
    from feature_collapse.sweeps.spec import Sweep

app = typer.Typer(
    help="Many experiments: phase diagrams over any settings, on all cores or a cluster; none lost.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(context: typer.Context) -> None:
    """Many experiments: phase diagrams over any settings, on all cores or a cluster; none lost."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


StoreFile = Annotated[Path, typer.Argument(help="Sweep file (.sweep) that `sweep run` made.")]
_QUICK = "-quick"  # ends the names of what is made at the quick size


@app.command("run")
@with_driver
def run_command(
    what: Annotated[
        str, typer.Argument(metavar="FILE", help="TOML file of the sweep, or figure8 … figure13.")
    ],
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Sweep file of the results. Default: results/sweeps/NAME.sweep."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The file's quick size.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Go on with more than 10,000 runs.")] = False,
    json: Json = False,
    *,
    options: SweepOptions,
) -> None:
    """Run a sweep, or what is left of it; a preset then also exports its data and draws its figure.

    Each finished run is kept at once: after a kill, a full disk or Ctrl-C the same command goes on from
    there.
    """
    from feature_collapse.files import make_folder
    from feature_collapse.sweeps.export import check_export
    from feature_collapse.sweeps.presets import PRESETS, preset
    from feature_collapse.sweeps.spec import check_size, read_sweep
    from feature_collapse.sweeps.tables import write_csv

    known = what in PRESETS or not (Path(what).exists() or "." in what or "/" in what)
    sweep = preset(what).read(quick=quick) if known else read_sweep(what, quick=quick)
    check_size(sweep, yes)
    path = store or _default_store(preset(what).store if known else sweep.name, sweep.name, quick)
    make_folder(path.parent)
    table = path.with_name(_sized(path.stem, quick) + ".csv")
    if known:
        check_export(table)
    _drive(sweep, path, options, yes, json)
    if known:
        results = _read(path)
        write_csv(results, table)
        for written in (table, *_draw(what, results, path.parent, _sized(what, quick))):
            typer.echo(printable(str(written)), err=json)


@app.command()
@with_driver
def resume(
    store: StoreFile,
    json: Json = False,
    *,
    options: SweepOptions,
) -> None:
    """Go on with the sweep in a sweep file."""
    _drive(None, store, options, True, json)


@app.command()
def status(store: StoreFile, json: Json = False) -> None:
    """Show how far a sweep is, what failed and why, and who drives it."""
    from feature_collapse.experiments.cost import duration
    from feature_collapse.sweeps.counts import STATES
    from feature_collapse.sweeps.status import read_status
    from feature_collapse.sweeps.store import open_store

    with open_store(store) as opened:
        found = read_status(opened)
    if json:
        print_json(found.to_dict())
        return
    total, counts = found.counts.total, {state: getattr(found.counts, state) for state in STATES}
    rows = [[state, f"{count:,}", f"{100 * count / max(total, 1):.1f}%"] for state, count in counts.items()]
    table(f"{found.name}: {total:,} runs", ["state", "runs", "share"], rows)
    tries = "1 try" if found.most_attempts == 1 else f"{found.most_attempts} tries"
    echo(f"compute time {duration(found.seconds)}, at most {tries} for a run")
    if found.outside_the_grid:
        echo(f"{found.outside_the_grid:,} more runs in the file are outside the present grid")
    for entry in found.errors:
        echo(f"{entry.runs:,} failed: {entry.error} (first: {entry.first})")
    echo(found.driven_by or "no driver is running")


@app.command()
def export(
    store: StoreFile,
    csv: Annotated[Path | None, typer.Option("--csv", help="CSV file to write.")] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="Parquet file to write (needs polars).")
    ] = None,
) -> None:
    """Write the results as a table: one row per finished or failed run, in the order of the grid."""
    from feature_collapse.errors import InputError
    from feature_collapse.sweeps.export import check_targets
    from feature_collapse.sweeps.results import read_results
    from feature_collapse.sweeps.store import open_store
    from feature_collapse.sweeps.tables import write_csv, write_parquet

    if csv is None and parquet is None:
        raise InputError("give --csv FILE, --parquet FILE or both")
    check_targets(store, *(path for path in (csv, parquet) if path is not None))
    with open_store(store) as opened:
        results = read_results(opened, as_text=parquet is None)
    if csv is not None:
        write_csv(results, csv)
    if parquet is not None:
        write_parquet(results, parquet)
    written = " and ".join(str(path) for path in (csv, parquet) if path is not None)
    echo(f"{len(results):,} {'run' if len(results) == 1 else 'runs'} written to {written}")


@app.command()
def plot(
    what: Annotated[
        str, typer.Argument(help="figure8 … figure13 (from the committed results), or a sweep file.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("results/sweeps"),
    data: Annotated[
        Path | None, typer.Option(help="Draw a preset from this sweep file or exported CSV instead.")
    ] = None,
    x: Annotated[str | None, typer.Option(help="Axis to the right. Default: the first.")] = None,
    y: Annotated[
        str | None, typer.Option(help="Axis upwards. Default: the second, if any; 'none' for curves.")
    ] = None,
    value: Annotated[str | None, typer.Option(help="Quantity shown.", show_default="test_accuracy")] = None,
    split: Annotated[
        str | None, typer.Option(help="Axis of at most 12 values, a panel (a curve) for each.")
    ] = None,
) -> None:
    """Draw a preset's figure, or a map of a quantity over two axes of a sweep, averaged over the seeds."""
    from feature_collapse.errors import InputError
    from feature_collapse.figures.registry import SWEEP_FIGURES
    from feature_collapse.figures.style import save
    from feature_collapse.files import make_folder
    from feature_collapse.sweeps.export import check_targets
    from feature_collapse.sweeps.presets import PRESETS, preset

    if what in PRESETS or not (Path(what).exists() or "." in what or "/" in what):
        if any(option is not None for option in (x, y, value, split)):
            raise InputError(
                "--x, --y, --value and --split are for a sweep file; a preset's figure has its own"
            )
        source = data or preset(what).data
        stem = _sized(what, source.stem.endswith(_QUICK))
        drawn = SWEEP_FIGURES[what](_read(source))  # before the folder is made
        check_targets(source, *(make_folder(out) / f"{stem}.{kind}" for kind in ("png", "pdf")))
        for path in save(drawn, out, stem):
            echo(str(path))
        return
    from feature_collapse.figures.sweep_map import draw_map
    from feature_collapse.sweeps.results import grid_axes, read_results
    from feature_collapse.sweeps.store import open_store

    if data is not None:
        raise InputError(f"--data is for a preset's figure; {what!r} names the sweep file itself")
    value = value or "test_accuracy"
    with open_store(what) as store:
        sweep, results = store.sweep, read_results(store, (value,))
        if value not in results.columns:  # then all are read, to name the nearest
            results = read_results(store)
    figure = draw_map(results, grid_axes(sweep), value, x=x, y=y, split=split)
    for path in save(figure, make_folder(out), f"{Path(what).stem}-{value}"):
        echo(str(path))


def _default_store(name: str, before: str, quick: bool) -> Path:
    """Return the sweep file of a name; or that of an earlier version, which had another, if it is there."""
    folder = Path("results/sweeps")
    path, older = (folder / f"{_sized(stem, quick)}.sweep" for stem in (name, before))
    return older if older.exists() and not path.exists() else path


def _sized(stem: str, quick: bool) -> str:
    return stem + _QUICK if quick and not stem.endswith(_QUICK) else stem


def _draw(figure: str, results: Results, out: Path, stem: str) -> list[Path]:
    from feature_collapse.figures.registry import SWEEP_FIGURES
    from feature_collapse.figures.style import save

    return save(SWEEP_FIGURES[figure](results), out, stem)


def _read(source: Path) -> Results:
    from feature_collapse.sweeps.results import read_results
    from feature_collapse.sweeps.store import open_store
    from feature_collapse.sweeps.tables import read_csv

    if source.suffix == ".csv":
        return read_csv(source)
    with open_store(source) as store:
        return read_results(store)


def _drive(sweep: Sweep | None, path: Path, options: SweepOptions, confirmed: bool, json: bool) -> None:
    from feature_collapse.experiments.cost import duration
    from feature_collapse.sweeps.engine import run_sweep

    with sweep_progress(path.stem) as show:
        end = run_sweep(
            sweep,
            path,
            options,
            confirmed=confirmed,
            callback=show,
            log=lambda text: typer.echo(printable(text), err=True),
        )
    if json:
        print_json(
            {
                "store": str(path),
                "runs": end.total,
                "done": end.done,
                "failed": end.failed,
                "fresh": end.fresh,
                "seconds": end.seconds,
                "runs_per_minute": 60 * end.fresh / end.seconds if end.fresh else 0.0,
            }
        )
        return
    echo(
        f"{path}: {end.done:,} of {end.total:,} runs done, {end.failed:,} failed; {end.fresh:,} now, "
        f"in {duration(end.seconds)}"
    )

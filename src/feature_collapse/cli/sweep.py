"""`feature-collapse sweep`: run, status, resume, export and plot many experiments."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feature_collapse.cli.options import Json, print_json, table

if TYPE_CHECKING:
    from feature_collapse.sweeps.driver import SweepProgress
    from feature_collapse.sweeps.options import SweepOptions, TLSFiles
    from feature_collapse.sweeps.results import Results
    from feature_collapse.sweeps.spec import Sweep

app = typer.Typer(
    help="Many experiments: phase diagrams over any settings, on all cores or a cluster; none lost.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StoreFile = Annotated[Path, typer.Argument(help="Sweep file (.sweep) that `sweep run` made.")]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Address of an existing Dask scheduler, tcp://HOST:PORT. Default: a local cluster."),
]
Workers = Annotated[
    int | None, typer.Option(help="Local worker processes, one thread each. Default: one per core.")
]
Memory = Annotated[
    str | None,
    typer.Option("--memory-per-worker", help="Limit of a local worker, such as 2GiB. Default: equal shares."),
]
CA = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca",
        help="Certificates (PEM) of the authority behind a scheduler at tls://.",
        show_default=False,
    ),
]
Certificate = Annotated[
    Path | None, typer.Option("--tls-cert", help="Your certificate (PEM) for it.", show_default=False)
]
Key = Annotated[
    Path | None,
    typer.Option("--tls-key", help="The certificate's key (PEM), without a password.", show_default=False),
]
Dashboard = Annotated[
    bool,
    typer.Option("--dashboard", help="Serve Dask's pages of the local cluster, to anybody on this machine."),
]
Retries = Annotated[int, typer.Option(help="Further tries of a run that fails.")]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Try runs again that were recorded as failed.")
]
_EVERY = 30.0  # seconds between two lines without a terminal


@app.command()
def run(
    what: Annotated[
        str, typer.Argument(metavar="FILE", help="TOML file of the sweep, or figure8 … figure11.")
    ],
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Sweep file of the results. Default: results/sweeps/NAME.sweep."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The file's quick size.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Go on with more than 10,000 runs.")] = False,
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = None,
    retries: Retries = 2,
    retry_failed: RetryFailed = False,
    tls_ca: CA = None,
    tls_cert: Certificate = None,
    tls_key: Key = None,
    dashboard: Dashboard = False,
    json: Json = False,
) -> None:
    """Run a sweep, or what is left of it; a preset then also exports its data and draws its figure.

    Each finished run is kept at once: after a kill, a full disk or Ctrl-C the same command goes on from
    there.
    """
    from feature_collapse.files import make_folder
    from feature_collapse.sweeps.options import SweepOptions
    from feature_collapse.sweeps.presets import PRESETS, preset
    from feature_collapse.sweeps.spec import check_size, read_sweep

    tls = _tls(tls_ca, tls_cert, tls_key)
    options = SweepOptions(scheduler, workers, memory, retries, retry_failed, tls, dashboard)
    known = what in PRESETS or not (Path(what).exists() or "." in what or "/" in what)
    sweep = preset(what).read(quick=quick) if known else read_sweep(what, quick=quick)
    check_size(sweep, yes)
    path = store or Path("results/sweeps") / f"{sweep.name}{'-quick' if quick else ''}.sweep"
    make_folder(path.parent)
    _drive(sweep, path, options, yes, json)
    if known:
        for written in _draw_preset(what, path, path.parent):
            typer.echo(written, err=json)


@app.command()
def resume(
    store: StoreFile,
    scheduler: Scheduler = None,
    workers: Workers = None,
    memory: Memory = None,
    retries: Retries = 2,
    retry_failed: RetryFailed = False,
    tls_ca: CA = None,
    tls_cert: Certificate = None,
    tls_key: Key = None,
    dashboard: Dashboard = False,
    json: Json = False,
) -> None:
    """Go on with the sweep in a sweep file."""
    from feature_collapse.sweeps.options import SweepOptions

    tls = _tls(tls_ca, tls_cert, tls_key)
    options = SweepOptions(scheduler, workers, memory, retries, retry_failed, tls, dashboard)
    _drive(None, store, options, True, json)


@app.command()
def status(store: StoreFile, json: Json = False) -> None:
    """How far a sweep is, what failed and why, and who drives it."""
    from feature_collapse.sweeps.status import read_status
    from feature_collapse.sweeps.store import STATES, open_store

    with open_store(store) as opened:
        found = read_status(opened)
    if json:
        print_json(found.to_dict())
        return
    total, counts = found.counts.total, {state: getattr(found.counts, state) for state in STATES}
    rows = [[state, f"{count:,}", f"{100 * count / max(total, 1):.1f}%"] for state, count in counts.items()]
    table(f"{found.name}: {total:,} runs", ["state", "runs", "share"], rows)
    typer.echo(f"compute time {_duration(found.seconds)}, at most {found.most_attempts} tries for a run")
    if found.outside_the_grid:
        typer.echo(f"{found.outside_the_grid:,} more runs in the file are outside the present grid")
    for entry in found.errors:
        typer.echo(f"{entry.runs:,} failed: {entry.error} (first: {entry.first})")
    typer.echo(found.driven_by or "no driver is running")


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
    typer.echo(
        f"{len(results):,} runs written to {' and '.join(str(p) for p in (csv, parquet) if p is not None)}"
    )


@app.command()
def plot(
    what: Annotated[
        str, typer.Argument(help="figure8 … figure11 (from the committed results), or a sweep file.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("results/sweeps"),
    data: Annotated[
        Path | None, typer.Option(help="Draw a preset from this sweep file or exported CSV instead.")
    ] = None,
    x: Annotated[str | None, typer.Option(help="Axis to the right. Default: the first.")] = None,
    y: Annotated[
        str | None, typer.Option(help="Axis upwards. Default: the second, if any; 'none' for curves.")
    ] = None,
    value: Annotated[str, typer.Option(help="Quantity shown.")] = "test_accuracy",
    split: Annotated[
        str | None, typer.Option(help="Axis of at most 12 values, a panel (a curve) for each.")
    ] = None,
) -> None:
    """Draw a preset's figure, or a map of a quantity over two axes of a sweep, averaged over the seeds."""
    from feature_collapse.figures.style import save
    from feature_collapse.files import make_folder
    from feature_collapse.sweeps.presets import PRESETS, preset

    if what in PRESETS or not (Path(what).exists() or "." in what or "/" in what):
        chosen = preset(what)
        for path in _draw_preset(what, data or chosen.data, make_folder(out)):
            typer.echo(path)
        return
    from feature_collapse.figures.sweep_map import draw_map
    from feature_collapse.sweeps.results import grid_axes, read_results
    from feature_collapse.sweeps.store import open_store

    with open_store(what) as store:
        sweep, results = store.sweep, read_results(store, (value,))
        if value not in results.columns:  # then all are read, to name the nearest
            results = read_results(store)
    figure = draw_map(results, grid_axes(sweep), value, x=x, y=y, split=split)
    for path in save(figure, make_folder(out), f"{sweep.name}-{value}"):
        typer.echo(path)


def _tls(ca: Path | None, certificate: Path | None, key: Path | None) -> TLSFiles | None:
    from feature_collapse.errors import InputError
    from feature_collapse.sweeps.options import TLSFiles

    if ca is None and certificate is None and key is None:
        return None
    if ca is None or certificate is None or key is None:
        raise InputError("give --tls-ca, --tls-cert and --tls-key together, or none of them")
    return TLSFiles(ca, certificate, key)


def _draw_preset(name: str, source: Path, out: Path) -> list[Path]:
    from feature_collapse.figures.registry import SWEEP_FIGURES
    from feature_collapse.figures.style import save
    from feature_collapse.sweeps.tables import write_csv

    written = []
    results = _read(source)
    if source.suffix == ".sweep":
        written.append(source.with_suffix(".csv"))
        write_csv(results, written[0])
    return [*written, *save(SWEEP_FIGURES[name](results), out, name)]


def _read(source: Path) -> Results:
    from feature_collapse.sweeps.results import read_results
    from feature_collapse.sweeps.store import open_store
    from feature_collapse.sweeps.tables import read_csv

    if source.suffix == ".csv":
        return read_csv(source)
    with open_store(source) as store:
        return read_results(store)


def _drive(sweep: Sweep | None, path: Path, options: SweepOptions, confirmed: bool, json: bool) -> None:
    from feature_collapse.sweeps.engine import run_sweep

    with _progress(path.stem) as show:
        end = run_sweep(
            sweep,
            path,
            options,
            confirmed=confirmed,
            callback=show,
            log=lambda text: typer.echo(text, err=True),
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
    typer.echo(
        f"{path}: {end.done:,} of {end.total:,} runs done, {end.failed:,} failed; {end.fresh:,} now, "
        f"in {_duration(end.seconds)}"
    )


@contextmanager
def _progress(name: str) -> Iterator[Callable[[SweepProgress], None]]:
    """Progress with rate and time left on stderr: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        shown = time.monotonic()

        def line(at: SweepProgress) -> None:
            nonlocal shown
            if time.monotonic() - shown > _EVERY:
                shown = time.monotonic()
                print(
                    f"{name}: {at.done + at.failed:,} of {at.total:,} runs, {_rate(at)}",
                    file=sys.stderr,
                    flush=True,
                )

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(name, total=None, text="starting workers")

        def show(at: SweepProgress) -> None:
            ended = at.done + at.failed
            text = f"{ended:,}/{at.total:,}, {at.failed:,} failed, {at.workers} workers, {_rate(at)}"
            progress.update(bar, total=at.total, completed=ended, text=text)

        yield show


def _rate(at: SweepProgress) -> str:
    if not at.fresh:
        return "no run finished yet"
    rate = at.fresh / at.seconds
    left = (at.total - at.done - at.failed) / rate
    return f"{60 * rate:,.0f} runs/min, {_duration(left)} left"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

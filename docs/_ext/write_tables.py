"""Write the tables of docs/data from records and benchmarks, so that no number on the site is typed.

    python docs/_ext/write_tables.py --certified results --sgd results [--seeds results results-seed1 …]
        [--scaling FILE] [--times FOLDER] [--maps]

`--certified` and `--sgd` name folders of `feature-collapse reproduce all`, by each method; `--seeds` the
folders of `reproduce figure3 figure4b figure4c --seed S --out …`. What is not named is left as it is.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from feature_collapse.experiments.presets import PaperRun, record_name, select
from feature_collapse.experiments.record import Record, read_record
from feature_collapse.reports.comparison import QUANTITIES, quantity_rows
from feature_collapse.sweeps.presets import PRESETS, preset
from feature_collapse.sweeps.tables import read_csv

DATA = Path(__file__).parents[1] / "data"
TITLES = {
    "figure3": "figure 3",
    "figure3-layernorm": "figure 3, LayerNorm",
    "figure4a": "figure 4a",
    "figure4a-layernorm": "figure 4a, LayerNorm",
    "figure4b": "figure 4b",
    "figure4c": "figure 4c",
}
LEVELS = (1e-1, 1e-2, 1e-3, 1e-4)
SHOWN = ("train_ce_last_epoch", "test_accuracy", "singular_values_W", "singular_values_U", "norm_W_mean")
Rows = Iterable[Sequence[str]]


def write(name: str, head: Sequence[str], rows: Rows) -> None:
    """Write one table of docs/data and say so."""
    rows = list(rows)  # before the file is opened: they may be read from it
    DATA.mkdir(exist_ok=True)
    with (DATA / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
    print(DATA / f"{name}.csv")


def records(folder: Path, method: str, seed: int = 0) -> dict[str, tuple[PaperRun, Record]]:
    """Return the records of a folder, by the name of their preset; those of other figures are left out."""
    runs = {name: record_name(name, method, seed) for name in TITLES}
    chosen = {run.name: run for run in select(["all"], method=method, seed=seed)}
    return {
        name: (chosen[run], read_record(folder / run))
        for name, run in runs.items()
        if (folder / run / "summary.json").is_file()
    }


def sgd_rows(folder: Path) -> Rows:
    """Yield what SGD reached, what the notebooks printed, and what the theory says."""
    shown = [QUANTITIES[key] for key in SHOWN]
    for name, (run, record) in records(folder, "sgd").items():
        rows = {row.quantity: row.cells() for row in quantity_rows(run, record)}
        title = f"{TITLES[name]} ({record.settings.epochs} epochs)"
        for quantity in shown:
            if quantity in rows:
                yield [title, *rows[quantity]]
                title = ""


def gap_rows(certified: Path, sgd: Path | None) -> Rows:
    """Yield the minimum that is proved and how far above it SGD stopped: by its records, else as it was."""
    theirs = _risks_before()
    if sgd:
        theirs |= {TITLES[name]: record.summary["risk"] for name, (_, record) in records(sgd, "sgd").items()}
    for name, (_, record) in records(certified, "certified").items():
        found = record.summary
        above, risk = "", ""
        if TITLES[name] in theirs:
            risk = f"{theirs[TITLES[name]]:.6g}"
            above = f"{100 * (theirs[TITLES[name]] / found['lower_bound'] - 1):.2g}%"
        yield [
            TITLES[name],
            f"{found['risk']:.6g}",
            f"{found['relative_gap']:.1e}",
            risk,
            above,
            str(found["rank"]),
            f"{100 * found['test_accuracy']:.4g}%",
        ]


def _risks_before() -> dict[str, float]:
    """Return the risks of SGD in the table as it stands, by data."""
    file = DATA / "reproduction-gaps.csv"
    if not file.is_file():
        return {}
    rows = csv.DictReader(file.open(encoding="utf-8"))
    return {row["data"]: float(row["risk of SGD"]) for row in rows if row["risk of SGD"]}


def seed_rows(folders: Sequence[Path]) -> Rows:
    """Yield mean ± standard deviation over the seeds of what the certified minimisers are."""
    found: dict[str, list[Record]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*-certified*/summary.json")):
            name = re.sub(r"-certified(-seed\d+)?$", "", path.parent.name)
            found.setdefault(name, []).append(read_record(path.parent))
    for name, title in TITLES.items():
        own = found.get(name, [])
        if len(own) == len(folders):
            values = [r.summary for r in own]
            accuracy = spread([100 * v["test_accuracy"] for v in values], "%")
            top = ", ".join(spread([v["singular_values_W"][i] for v in values]) for i in (0, 1))
            lengths = spread([v["norm_W_mean"] for v in values])
            yield [title, spread([v["risk"] for v in values]), accuracy, top, lengths]


def spread(values: Sequence[float], unit: str = "") -> str:
    """Return mean ± standard deviation, to the digits that the deviation allows."""
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    digits = 4 if deviation < 1e-9 else min(6, max(0, 1 - math.floor(math.log10(deviation))))
    return f"{mean:.{digits}f}{unit} ± {deviation:.{digits}f}" if deviation >= 1e-9 else f"{mean:.6g}{unit}"


def scaling_rows(file: Path) -> Rows:
    """Yield the rows of bench_scaling.py with times in milliseconds or seconds and the three peaks."""
    for row in csv.DictReader(file.open(encoding="utf-8")):
        solution = "" if row["axis"] == "r" else f"{float(row['solution_cpu_s']):.2f} ({row['rank']})"
        peaks = [row[f"{what}_MB"] for what in ("evaluation", "certificate", "solution")]
        yield [
            row["axis"] if row["axis"] != "n_spl" else "N",
            *(row[key] for key in ("K", "n_w", "N", "r")),
            f"{1000 * float(row['evaluation_cpu_s']):.1f}",
            f"{float(row['products_cpu_s']) / float(row['evaluation_cpu_s']):.2f}",
            f"{float(row['certificate_cpu_s']):.2f}",
            solution,
            ", ".join(f"{float(peak):.0f}" for peak in (peaks if solution else peaks[:2])),
        ]


def map_rows() -> Rows:
    """Yield the sweeps that come with the package: figures, command, runs, and computing time in all."""
    figures: dict[Path, list[str]] = {}
    for name in PRESETS:
        figures.setdefault(preset(name).data, []).append(name)
    for data, names in figures.items():
        seconds = read_csv(data).numbers("run_seconds")
        numbers = ", ".join(name.removeprefix("figure") for name in names)
        command = f"feature-collapse sweep run {names[0]}"
        yield [numbers, command, str(len(seconds)), f"{seconds.sum() / 60:.0f} min"]


def time_rows(folder: Path) -> Rows:
    """Yield when each method of bench_gap_against_time.py reached a relative gap."""
    for figure in ("3", "4b", "4c"):
        curves: dict[str, list[tuple[float, float]]] = {}
        for row in csv.DictReader((folder / f"gap-against-time-{figure}.csv").open(encoding="utf-8")):
            point = float(row["seconds"]), float(row["relative_gap"])
            curves.setdefault(row["method"], []).append(point)
        for method, curve in curves.items():
            reached = (next((t for t, gap in curve if gap <= level), None) for level in LEVELS)
            cells = ["–" if t is None else f"{t:.1f}" for t in reached]
            yield [figure, method, *cells, f"{min(gap for _, gap in curve):.1e}"]


def main() -> None:
    """Write the tables whose sources are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--certified", type=Path)
    parser.add_argument("--sgd", type=Path)
    parser.add_argument("--seeds", type=Path, nargs="+")
    parser.add_argument("--scaling", type=Path, help="scaling.csv of bench_scaling.py")
    parser.add_argument("--times", type=Path, help="folder of bench_gap_against_time.py's files")
    parser.add_argument("--maps", action="store_true", help="sum what the package's own sweeps took")
    given = parser.parse_args()
    if given.maps:
        write("maps", ("figure", "command", "runs", "computing time"), map_rows())
    if given.sgd:
        head = ("data", "quantity", "ours", "notebooks", "theory (large sample)")
        write("reproduction-sgd", head, sgd_rows(given.sgd))
    if given.certified:
        head = (
            "data",
            "least risk found",
            "proved gap, relative",
            "risk of SGD",
            "SGD above the bound, at most",
            "rank",
            "test accuracy of the minimiser",
        )
        write("reproduction-gaps", head, gap_rows(given.certified, given.sgd))
    if given.seeds:
        head = ("data", "risk", "test accuracy", "top two singular values of W (of φ(W))", "mean norm of w")
        write("reproduction-seeds", head, seed_rows(given.seeds))
    if given.scaling:
        head = ("varied", "K", "n_w", "N", "r", "evaluation, ms", "of it the products")
        head = (*head, "certificate, s", "solution, s (rank)", "peak memory of the three, MB")
        write("scaling", head, scaling_rows(given.scaling))
    if given.times:
        head = ("figure", "method", "1e-1", "1e-2", "1e-3", "1e-4", "smallest in the time")
        write("gap-against-time", head, time_rows(given.times))


if __name__ == "__main__":
    main()

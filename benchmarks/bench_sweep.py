"""Sweeps: throughput against a plain serial loop, what scheduling costs, and 100,000 rows in the store.

    python benchmarks/bench_sweep.py throughput [--runs 400] [--workers 2 | --scheduler tcp://127.0.0.1:8786]
    python benchmarks/bench_sweep.py rows [--rows 100000]

`throughput` runs the same sweep serially in this process (nothing shared, no batches, one thread) and on a
local or a given cluster, and compares the results. Overhead is the share of the workers' time in which they
did not compute, from the first batch to the last result.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

SWEEP = {
    "name": "bench",
    "base": {"n_w": 120, "K": 60, "L": 8, "d": 10, "epochs": 60, "batch_size": 20, "word_law": "zipf"},
    "record": {"quantities": ["risk", "test_accuracy", "type_I", "type_III"]},
}


def throughput(runs: int, workers: int, scheduler: str | None) -> None:
    """Print both rates, their ratio and the overhead."""
    import torch

    from feature_collapse.sweeps.engine import run_sweep, serial
    from feature_collapse.sweeps.options import SweepOptions
    from feature_collapse.sweeps.results import read_results
    from feature_collapse.sweeps.spec import Sweep
    from feature_collapse.sweeps.store import open_store

    torch.set_num_threads(1)
    sweep = Sweep.from_mapping(
        {**SWEEP, "axes": {"lambda": [1e-3, 3e-3], "n_spl": [2, 5], "seeds": max(1, runs // 4)}}
    )
    next(serial(sweep))  # imports
    started = time.perf_counter()
    alone = dict(serial(sweep))
    slow = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.sweep"
        started = time.perf_counter()
        end = run_sweep(sweep, path, SweepOptions(scheduler, None if scheduler else workers))
        workers = end.workers
        whole = time.perf_counter() - started
        with open_store(path) as store:
            results = read_results(store)
    risks = dict(zip(results.column("key"), results.numbers("risk"), strict=True))
    worst = max(abs(risks[key] - one.result["risk"]) for key, one in alone.items())
    print(
        json.dumps(
            {
                "runs": len(alone),
                "workers": workers,
                "serial_runs_per_minute": round(60 * len(alone) / slow),
                "sweep_runs_per_minute": round(60 * end.fresh / end.seconds),
                "ratio": round(slow / end.seconds, 3),
                "ratio_with_start_of_workers": round(slow / whole, 3),
                "overhead": round(1 - end.busy / (end.seconds * workers), 4),
                "largest_difference_of_risks": worst,
            },
            indent=1,
        )
    )


def rows(count: int) -> None:
    """Print the seconds that status, export and plot take on a store of many rows."""
    from feature_collapse.figures.style import save
    from feature_collapse.figures.sweep_map import draw_map
    from feature_collapse.sweeps.messages import Finished
    from feature_collapse.sweeps.results import read_results
    from feature_collapse.sweeps.spec import Sweep
    from feature_collapse.sweeps.status import read_status
    from feature_collapse.sweeps.store import open_store
    from feature_collapse.sweeps.tables import write_csv, write_parquet

    sweep = Sweep.from_mapping(
        {
            **SWEEP,
            "axes": {
                "n_spl": list(range(1, 101)),
                "exponent": [i / 10 for i in range(20)],
                "seeds": max(1, count // 2000),
            },
        }
    )
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.sweep"
        with open_store(path, create=True) as store:
            store.set_sweep(sweep, sweep.runs())
            result = {f"quantity_{i}": i / 7 for i in range(20)} | {
                "singular_values_W": [i / 3 for i in range(10)]
            }
            pending = [run.key for run in store.pending()]
            store.finish((Finished(key, None, 0.1, result, 1) for key in pending), {}, "here")

        def timed(name: str, work: object) -> None:
            wall, processor = time.perf_counter(), time.process_time()
            work()  # type: ignore[operator]
            seconds[name] = [round(time.perf_counter() - wall, 2), round(time.process_time() - processor, 2)]

        def status() -> None:
            with open_store(path) as store:
                read_status(store)

        def export(kind: str) -> None:
            with open_store(path) as store:
                results = read_results(store, as_text=kind == "csv")
            (write_csv if kind == "csv" else write_parquet)(results, path.with_suffix("." + kind))

        def plot() -> None:
            with open_store(path) as store:
                results = read_results(store, ("quantity_3",))
            save(draw_map(results, ["n_spl", "exponent"], "quantity_3"), Path(folder), "map")

        timed("status", status)
        timed("export --csv", lambda: export("csv"))
        timed("export --parquet", lambda: export("parquet"))
        timed("plot", plot)
        size = path.stat().st_size
    print(
        json.dumps(
            {"rows": len(pending), "megabytes": round(size / 1e6), "seconds [wall, processor]": seconds},
            indent=1,
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("throughput", "rows"))
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--scheduler", help="address of a Dask scheduler with workers; default: a local cluster"
    )
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    throughput(given.runs, given.workers, given.scheduler) if given.what == "throughput" else rows(given.rows)

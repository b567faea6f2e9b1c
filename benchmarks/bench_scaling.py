"""Time and peak memory of an evaluation, a certificate and a solution against K, N, n_w and r.

Each over a factor of 16.

    python benchmarks/bench_scaling.py [--out FOLDER] [--threads T]

Every row runs in a process of its own, so that the peak memory is its own. The solution is that at λ =
λ_max/3 to a gap of 1e-2; its rank is its own affair, so it is not measured against r. Beside an evaluation
stands the time of its three matrix products alone. Writes scaling.csv, scaling.png and prints the table, and
the exponents at the large end beside those of the operations counted in the docstrings.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from feature_collapse.risk.empirical import EmpiricalRisk

BASE = {"K": 500, "n_w": 600, "n_spl": 8, "r": 4, "L": 15}
AXES = {
    "K": (125, 250, 500, 1000, 2000),
    "n_w": (150, 300, 600, 1200, 2400),
    "n_spl": (2, 4, 8, 16, 32),
    "r": (1, 2, 4, 8, 16),
}


def measure(K: int, n_w: int, n_spl: int, r: int, L: int, threads: int) -> dict[str, float]:
    """CPU seconds of an evaluation, a certificate and a solution; peak memory above the start, in MB."""
    import torch

    from feature_collapse.certificates.certify import certificate
    from feature_collapse.model.weights import Weights
    from feature_collapse.risk.empirical import EmpiricalRisk
    from feature_collapse.risk.problem import Problem
    from feature_collapse.solver.solve import solve
    from feature_collapse.solver.spectral import lambda_max
    from feature_collapse.task.task import make_task

    torch.set_num_threads(threads)
    task = make_task(3, n_w, L, K, word_law="zipf", seed=0)
    problem = Problem.of(task, n_spl=n_spl, lambda_=1.0)
    torch.manual_seed(0)
    V, U = 0.3 * torch.randn(n_w, r), 0.3 * torch.randn(K, L * r)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    risk = EmpiricalRisk(problem)
    risk.value_and_gradient(V, U)
    times = []
    for _ in range(5):
        start = time.process_time()
        risk.value_and_gradient(V, U)
        times.append(time.process_time() - start)
    products = min(products_alone(risk, U) for _ in range(5))
    evaluated = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    start = time.process_time()
    certificate(Weights(V, U.view(K, L, r)), problem.sentences, 1e-3)
    certified = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    problem = replace(problem, lambda_=lambda_max(problem) / 3)
    start = time.process_time()
    found = solve(problem, gap=1e-2)
    return {
        "evaluation_cpu_s": min(times),
        "products_cpu_s": products,
        "certificate_cpu_s": certified,
        "solution_cpu_s": time.process_time() - start,
        "evaluation_MB": evaluated - before,
        "certificate_MB": peak - before,
        "solution_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 - before,
        "relative_gap": found.relative_gap,
        "rank": found.rank,
    }


def products_alone(risk: EmpiricalRisk, U: Tensor) -> float:
    """CPU seconds of an evaluation's three matrix products, in chunks of the same sizes."""
    import torch

    from feature_collapse.risk.empirical import padded

    rows, width = risk.rows, padded(U.shape[1] + 1, U.dtype)
    x, g, scores = torch.rand(rows, width), torch.empty(rows, width), torch.empty(rows, risk.K)
    U1, gU = torch.rand(risk.K, width), torch.zeros(risk.K, width)
    start = time.process_time()
    for _ in range(0, risk.N, rows):
        torch.mm(x, U1.T, out=scores)
        torch.mm(scores, U1, out=g)
        gU.addmm_(scores.T, x)
    return time.process_time() - start


def operations(what: str, row: dict[str, float]) -> float:
    """Operations of an evaluation or a certificate, an exponential taken for twenty."""
    N, K, n_w, r, L = (row[name] for name in ("N", "K", "n_w", "r", "L"))
    if what == "evaluation":
        return N * K * (6 * L * r + 20)
    return N * K * (2 * L * r + 20 + L) + K * L * n_w**2 + 10 * n_w**3


def main() -> None:
    """Measure every row, write the table and the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(**json.loads(chosen.one), threads=chosen.threads)))
        return
    rows = []
    for axis, values in AXES.items():
        for value in values:
            sizes = {**BASE, axis: value}
            done = subprocess.run(
                [sys.executable, __file__, "--one", json.dumps(sizes), "--threads", str(chosen.threads)],
                capture_output=True,
                text=True,
                check=True,
            )
            row = {
                "axis": axis,
                **sizes,
                "N": sizes["K"] * sizes["n_spl"],
                **json.loads(done.stdout.splitlines()[-1]),
            }
            rows.append(row)
            print(
                "  ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()),
                flush=True,
            )
    chosen.out.mkdir(parents=True, exist_ok=True)
    with (chosen.out / "scaling.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, chosen.out)


def draw(rows: list[dict[str, float]], out: Path) -> None:
    """Log-log plots of time and memory, one panel per axis, and the slopes of the last factor of four."""
    import numpy as np
    from matplotlib.ticker import NullFormatter

    from feature_collapse.figures.style import COLOURS, MARKERS, panels

    figure, axes = panels(2, 4, (10.5, 5.0), sharey="row")
    for column, axis in enumerate(AXES):
        own = [row for row in rows if row["axis"] == axis]
        x = np.array([row[axis] for row in own], dtype=float)
        for line, unit in enumerate(("cpu_s", "MB")):
            one = axes[4 * line + column]
            for index, what in enumerate(("evaluation", "certificate", "solution")):
                if what == "solution" and axis == "r":
                    continue
                y = np.array([row[f"{what}_{unit}"] for row in own], dtype=float)
                one.loglog(x, y, color=COLOURS[index], marker=MARKERS[index], markersize=4, label=what)
                if unit == "cpu_s":
                    slope = np.log(y[-1] / y[-3]) / np.log(x[-1] / x[-3])
                    said = f"{what} against {axis}: time grows like {axis}^{slope:.2f} at the large end"
                    if what != "solution":
                        count = operations(what, own[-1]) / operations(what, own[-3])
                        said += f", its operations like {axis}^{np.log(count) / np.log(x[-1] / x[-3]):.2f}"
                    print(said)
            one.set_xticks(x, [f"{value:g}" for value in x])
            one.xaxis.set_minor_formatter(NullFormatter())
            one.tick_params(axis="x", which="minor", length=0)
            one.set_xlabel(axis if axis != "n_spl" else "n_spl (N = K n_spl)")
        share = [row["products_cpu_s"] / row["evaluation_cpu_s"] for row in own]
        print(f"products alone, share of an evaluation against {axis}: {share[0]:.2f} to {share[-1]:.2f}")
        axes[4 + column].set_yticks([10, 30, 100, 300], ["10", "30", "100", "300"])
        axes[4 + column].yaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel("CPU seconds")
    axes[4].set_ylabel("peak memory, MB")
    axes[7].legend(*axes[0].get_legend_handles_labels(), loc="upper left", frameon=False)
    figure.savefig(out / "scaling.png", dpi=150)


if __name__ == "__main__":
    main()

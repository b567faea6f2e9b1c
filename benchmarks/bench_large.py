"""A large problem under a memory limit: K = 20,000 classes, n_w = 12,000 words, n_spl = 5, to a gap of 1e-2.

    python benchmarks/bench_large.py [--K 20000] [--n-w 12000] [--gap 0.01] [--memory 8] [--threads T]

Begins where `feature-collapse solve` does, at R5's lengths. Prints the progress, then time, peak memory, the
certificate and the speed of a float32 product, of which a Gram matrix of many words is made, as one line of
JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time

import torch

from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.solver.trace import Progress
from feature_collapse.task.task import make_task
from feature_collapse.theory.start import mean_field_start


def product_speed() -> float:
    """1e9 flops a second of one thread, in products as the Gram matrix has them."""
    torch.set_num_threads(1)
    G, began, count = torch.rand(4000, 1000), time.process_time(), 0
    while time.process_time() - began < 2.0:
        torch.mm(G[:500], G[500 * (count % 8) :][:500].T)
        count += 1
    return count * 2.0 * 500 * 500 * 1000 / (time.process_time() - began) / 1e9


def main() -> None:
    """Solve it and say what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--K", type=int, default=20_000)
    parser.add_argument("--n-w", type=int, default=12_000)
    parser.add_argument("--n-spl", type=int, default=5)
    parser.add_argument(
        "--lambda", dest="lambda_", type=float, default=7.07e-5, help="figure 3's, scaled like λ_max"
    )
    parser.add_argument("--word-law", default="uniform")
    parser.add_argument("--normaliser", default="none")
    parser.add_argument("--gap", type=float, default=0.01)
    parser.add_argument("--memory", type=float, default=8.0, help="GB, for the certificate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    task = make_task(3, chosen.n_w, 15, chosen.K, word_law=chosen.word_law, seed=0)
    where = {"normaliser": chosen.normaliser, "device": chosen.device}
    problem = Problem.of(task, n_spl=chosen.n_spl, lambda_=chosen.lambda_, **where)
    shown = 0.0

    def callback(p: Progress) -> None:
        nonlocal shown
        if p.phase == "certificate" or p.seconds - shown > 20.0:
            shown = p.seconds
            state = f"{p.seconds:8.1f} s  {p.phase}, iteration {p.iteration}, rank {p.rank}"
            gaps = f"gap {p.relative_gap:.2e} (expected {p.expected_gap:.2e})"
            print(f"{state}, risk {p.risk:.6g}, {gaps}", file=sys.stderr, flush=True)

    began, cpu = time.monotonic(), time.process_time()
    start = mean_field_start(task, chosen.lambda_) if chosen.normaliser == "none" else None
    options = SolverOptions(memory_limit=chosen.memory * 1e9)
    found = solve(problem, gap=chosen.gap, options=options, start=start, callback=callback)
    print(
        json.dumps(
            {
                "K": chosen.K,
                "n_w": chosen.n_w,
                "N": len(problem.labels),
                "lambda": chosen.lambda_,
                "word_law": chosen.word_law,
                "status": found.status,
                "risk": found.risk,
                "lower_bound": found.lower_bound,
                "rank": found.rank,
                "relative_gap": found.relative_gap,
                "seconds": time.monotonic() - began,
                "cpu_seconds": time.process_time() - cpu,
                "product_GF_per_s": product_speed(),
                "peak_GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
            }
        )
    )


if __name__ == "__main__":
    main()

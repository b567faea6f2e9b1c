"""How much faster several ranks solve one problem on this machine, with one thread each.

    python benchmarks/bench_ranks.py [--K 4000] [--n-w 1200] [--gap 1e-2] [--ranks 2] [--rounds 3]

Each round solves the same problem with one rank and with `--ranks` of them, in turn, in new processes that
meet at the loopback address; λ is a third of λ_max unless given. Prints, as a JSON line, the seconds of each
run (of `solve` alone), the CPU seconds of the rank that took most, risk and bound, by how much these differ
from what one rank finds at the same weights, relative to the risk, and the machine's load before. Then the
ratios of the times, and of the CPU seconds: beside other work ranks wait for the one that waits for a core,
and the second says more.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import replace

SIZES = {"K": 4000, "n_w": 1200, "L": 15, "n_spl": 5}


def solved(chosen: argparse.Namespace) -> dict[str, float]:
    """What rank 0 of the processes that the environment names finds; CPU seconds alone on another."""
    import torch

    from feature_collapse.certificates.certify import certificate
    from feature_collapse.ranks import join
    from feature_collapse.risk.problem import Problem
    from feature_collapse.solver.lend import lend
    from feature_collapse.solver.options import SolverOptions
    from feature_collapse.solver.solve import solve
    from feature_collapse.solver.spectral import lambda_max
    from feature_collapse.task.task import make_task

    torch.set_num_threads(1)
    ranks = join()
    try:
        if ranks.rank:
            began = time.process_time()
            lend(ranks)
            return {"cpu_seconds": time.process_time() - began}
        task = make_task(3, chosen.n_w, chosen.L, chosen.K, word_law=chosen.word_law, seed=0)
        problem = Problem.of(task, n_spl=chosen.n_spl, lambda_=1.0)
        problem = replace(problem, lambda_=chosen.lambda_ or lambda_max(problem) / 3)
        began, cpu = time.perf_counter(), time.process_time()
        found = solve(problem, gap=chosen.gap, options=SolverOptions(ranks=ranks))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        alone = certificate(found.weights, problem)
        return {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "risk_apart": abs(found.risk - alone.risk) / found.risk,
            "bound_apart": abs(found.lower_bound - alone.lower_bound) / found.risk,
            "risk": found.risk,
            "lower_bound": found.lower_bound,
            "relative_gap": found.relative_gap,
            "rank": found.rank,
            "iterations": float(found.history[-1, 0]),
            "lambda": problem.lambda_,
        }
    finally:
        ranks.end()


def run(ranks: int, arguments: list[str]) -> dict[str, float]:
    """Solve once with a number of ranks."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--one", *arguments],
            env={
                **os.environ,
                **common,
                "WORLD_SIZE": str(ranks),
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit(f"a rank failed: {[process.returncode for process in processes]}")
    answers = [json.loads(output.splitlines()[-1]) for output in outputs]
    return answers[0] | {"cpu_seconds": max(answer["cpu_seconds"] for answer in answers)}


def main() -> None:
    """Run the rounds and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in SIZES.items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    parser.add_argument("--word-law", default="zipf")
    parser.add_argument("--lambda", dest="lambda_", type=float)
    parser.add_argument("--gap", type=float, default=1e-2)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = sys.argv[1:]
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(solved(chosen)))
        return
    ratios: dict[str, list[float]] = {"seconds": [], "cpu_seconds": []}
    for _ in range(chosen.rounds):
        pair = []
        for ranks in (1, chosen.ranks):
            load = os.getloadavg()[0]
            pair.append(run(ranks, arguments))
            print(json.dumps({"ranks": ranks, "load_before": round(load, 2), **pair[-1]}), flush=True)
        for name, values in ratios.items():
            values.append(pair[1][name] / pair[0][name])
    for name, values in ratios.items():
        print(
            f"{name} with {chosen.ranks} ranks over those with one: median {statistics.median(values):.3f}, "
            f"from {min(values):.3f} to {max(values):.3f}"
        )


if __name__ == "__main__":
    main()

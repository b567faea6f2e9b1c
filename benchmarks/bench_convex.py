"""Time of the certified solver beside general convex solvers on the same problems, in one run.

    pip install cvxpy        # with SCS and Clarabel; not needed for anything else
    python benchmarks/bench_convex.py [--limit 150] [--sizes 12x8x3 24x20x4]

Plain network: min over M of f(M) + λ‖M‖_*, as written in cvxpy. Unit sphere: the semidefinite form, with
[[Q, M], [Mᵀ, X]] ⪰ 0, X_jj = 1 and (λ/2) tr Q. The solvers have their default tolerances; `solve` is asked
for a gap of 1e-3. Each answer is turned into weights, and its gap is that of `certificate`, proved. A solver
runs in a process of its own, ended after the limit; `solve` runs before and after the others. Seconds are of
the processor, so that other work on the machine does not count; nor does the time in which cvxpy writes the
problem for the solver. One thread.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import signal
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

from feature_collapse.certificates.certify import certificate
from feature_collapse.model.normalisers import NoNormaliser, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.solve import solve
from feature_collapse.task.task import make_task

try:
    import cvxpy
except ImportError:
    cvxpy = None

SIZES = ("12x8x3", "24x20x4", "36x30x4")
LAMBDA, SENTENCES, GAP = 1e-3, 5, 1e-3
Answer = tuple[float, float]  # seconds, proved relative gap


def make(size: str, kind: str) -> Problem:
    """The problem of a size, n_w x K x L, with three words a concept."""
    n_w, K, L = map(int, size.split("x"))
    task = make_task(n_w=n_w, n_c=n_w // 3, L=L, K=K, word_law="zipf", seed=0)
    normaliser = UnitSphere() if kind == "sphere" else NoNormaliser()
    return Problem.of(task, n_spl=SENTENCES, lambda_=LAMBDA, normaliser=normaliser, d=n_w)


def convex_form(problem: Problem) -> tuple[Any, Any, Any]:
    """The problem in cvxpy, its M (K L, n_w), and X or None."""
    n_w, K, L, N = problem.n_w, problem.K, problem.L, len(problem.labels)
    M = cvxpy.Variable((K * L, n_w))
    places = np.zeros((N, L, n_w))
    places[np.arange(N)[:, None], np.arange(L), problem.words] = 1.0
    scores = places.reshape(N, -1) @ cvxpy.reshape(M, (K, L * n_w), order="C").T
    own = cvxpy.sum(cvxpy.multiply(scores, np.eye(K)[problem.labels]))
    data = (cvxpy.sum(cvxpy.log_sum_exp(scores, axis=1)) - own) / N
    if problem.radius is None:
        return cvxpy.Problem(cvxpy.Minimize(data + LAMBDA * cvxpy.normNuc(M))), M, None
    both, top = cvxpy.Variable((K * L + n_w, K * L + n_w), PSD=True), K * L
    rules = [both[:top, top:] == M, cvxpy.diag(both[top:, top:]) == problem.radius**2]
    goal = cvxpy.Minimize(data + LAMBDA / 2 * cvxpy.trace(both[:top, :top]))
    return cvxpy.Problem(goal, rules), M, both[top:, top:]


def weights_of(problem: Problem, M: np.ndarray, X: np.ndarray | None) -> Weights:
    """Weights of the scores M: balanced factors, or words with the Gram matrix X and the best U for them."""
    if X is None:
        left, s, right = np.linalg.svd(M, full_matrices=False)
        W, U = right.T * np.sqrt(s), left * np.sqrt(s)
    else:
        values, vectors = np.linalg.eigh((X + X.T) / 2)
        W = vectors * np.sqrt(np.maximum(values, 1e-9))
        W = W / np.linalg.norm(W, axis=1, keepdims=True)
        U = np.linalg.lstsq(W, M.T, rcond=1e-4)[0].T
    return Weights(W, U.reshape(problem.K, problem.L, -1), problem.normaliser)


def general(limit: float, size: str, kind: str, solver: str, out: Connection) -> None:
    """Solve by a general solver, and send its seconds and its answer's proved gap."""
    torch.set_num_threads(1)
    problem = make(size, kind)
    form, M, X = convex_form(problem)
    form.get_problem_data(solver)  # which `solve` does not write again
    began = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(began + limit) + 1,) * 2)
    form.solve(solver=solver)
    took = time.process_time() - began
    if M.value is None:
        out.send((took, float("nan")))
        return
    weights = weights_of(problem, M.value, None if X is None else X.value)
    out.send((took, certificate(weights, problem).relative_gap))


def within(limit: float, size: str, kind: str, solver: str) -> Answer | None:
    """The answer of a process of its own, or None where the limit came first."""
    here, there = multiprocessing.Pipe(duplex=False)
    arguments = (limit, size, kind, solver, there)
    process = multiprocessing.get_context("spawn").Process(target=general, args=arguments)
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        process.join()
        late = process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL)
        return None if late else (float("nan"), float("nan"))
    finally:
        process.kill()
        process.join()


def ours(problem: Problem) -> Answer:
    """Seconds and gap of the certified solver."""
    began = time.process_time()
    found = solve(problem, gap=GAP)
    return time.process_time() - began, found.relative_gap


def main() -> int:
    """Print a row for each problem."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=float, default=150.0, help="seconds of each general solver")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="n_w x K x L")
    chosen = parser.parse_args()
    if cvxpy is None:
        print("skipped: cvxpy is not installed (pip install cvxpy), and only this benchmark needs it")
        return 0
    torch.set_num_threads(1)
    ours(make("12x8x3", "plain"))  # what is loaded late is loaded now
    print(f"{'network':8s}{'n_w x K x L':>12s}{'solve':>8s}{'gap':>9s}", end="")
    print("".join(f"{name:>10s}{'gap':>9s}{'ratio':>8s}" for name in ("SCS", "Clarabel")))
    for size in chosen.sizes:
        for kind in ("plain", "sphere"):
            problem = make(size, kind)
            before, gap = ours(problem)
            answers = [within(chosen.limit, size, kind, solver) for solver in ("SCS", "CLARABEL")]
            seconds = (before + ours(problem)[0]) / 2
            row = f"{kind:8s}{size:>12s}{seconds:7.2f}s{gap:9.0e}"
            for answer in answers:
                if answer is None:
                    row += f"{f'>{chosen.limit:.0f}s':>10s}{'':9s}{f'>{chosen.limit / seconds:.0f}':>8s}"
                else:
                    row += f"{answer[0]:9.2f}s{answer[1]:9.0e}{answer[0] / seconds:8.0f}"
            print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Certificates and the solver under attack: odd small problems, their minimum bracketed without the package.

    python benchmarks/attack_certificates.py [--problems 5000] [--seed 0] [--solve 5] [--jobs 1]

Each problem is odd in some ways, which the table counts. The truth is the minimum that the certificates speak
of: over all dimensions, at the radius given. Its ends come from `independent_bounds`, an interior-point
method on the convex form, and local descents on the risk itself. Every certificate, at random weights of
scores to 1e8, at zero, at the descents' ends and at the convex minimiser, must lie below every risk that is
reached, and so must the lower bound of `solve`, run on every fifth problem; where it says `solved`, its risk
must be within the gap of the truth. At weights of long margins a certificate is also asked for at λ down to
1e-320, where gradients and their Gram matrix are below the normal numbers. Exits with 1 where a bound lies
above a reachable risk by more than the rounding of the risk itself, 1e-12, or a `solved` does not hold.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from independent_bounds import Bracket, Case, Pair, interior_point
from scipy.optimize import minimize

from feature_collapse.certificates.certify import certificate
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, RMSNorm, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.range import SMALLEST_LAMBDA
from feature_collapse.solver.solve import solve
from feature_collapse.task.sentences import Sentences

ROUNDING, KNOWN, GAP = 1e-12, 1e-3, 1e-3
NORMALISERS = {"none": NoNormaliser(), "layernorm": LayerNorm(), "rmsnorm": RMSNorm(), "sphere": UnitSphere()}


@dataclass(frozen=True)
class Found:
    """Of one problem: what the table adds up.

    Attributes:
        excess: (largest bound - least risk reached)/(that risk).
        tight: (truth's upper end - best bound)/(upper end).
        width: of the truth's bracket, relative.
        certificates, seconds: how many, and in them.
        status: of `solve`, "" where it did not run.
        false: whether a status does not hold.
    """

    excess: float
    tight: float
    width: float
    certificates: int
    seconds: float
    status: str
    false: bool


def draw(rng: np.random.Generator) -> tuple[str, Case]:
    """A normaliser's name, and an odd problem."""
    odd = set()
    n_w, K, L, N = (int(rng.integers(1, top)) for top in (8, 6, 4, 14))
    lambda_ = float(10.0 ** rng.uniform(-9, 3))
    words, labels = rng.integers(0, n_w, (N, L)), rng.integers(0, K, N)
    if rng.random() < 0.2:
        labels = np.sort(labels)
        odd.add("blocks of one class")
    if rng.random() < 0.1:
        labels[:] = labels[0]
        odd.add("one class alone occurs")
    omega = np.full(N, 1.0 / N)
    if rng.random() < 0.3:
        omega = np.exp(rng.uniform(-690.0 if rng.random() < 0.6 else -3.0, 0.0, N))
        omega[rng.integers(N)] = 1.0
        omega[rng.random(N) < 0.1] = 0.0
        omega = omega / omega.sum() if omega.sum() > 0 else np.full(N, 1.0 / N)
        odd.add("ω from 1e-300" if 0 < np.min(omega[omega > 0]) < 1e-30 else "ω uneven")
    if rng.random() < 0.2:
        n_w += 2
    if len(np.unique(words)) < n_w:
        odd.add("words that never occur")
    name, d = (
        str(rng.choice(["none", "none", "none", "layernorm", "rmsnorm", "sphere"])),
        int(rng.integers(2, 9)),
    )
    radius, decay = NORMALISERS[name].radius(d), None
    if radius is None and rng.random() < 0.3:
        decay = 10.0 ** rng.uniform(-3, 3, n_w)
        decay[np.setdiff1d(np.arange(n_w), words)] = 0.0
        odd.add("decay of the words")
    odd |= {f"{what} = 1" for what, size in (("N", N), ("K", K), ("L", L), ("n_w", n_w)) if size == 1}
    odd.add("λ < 1e-6" if lambda_ < 1e-6 else "λ > 1" if lambda_ > 1 else "λ in 1e-6..1")
    if rng.random() < 0.3:
        words = words.astype(rng.choice([np.int16, np.dtype(">i4"), np.dtype(">i2")]))
        odd.add("foreign words")
    case = Case(words, labels, omega, n_w, K, lambda_, d, radius, name == "layernorm", decay, frozenset(odd))
    return name, case


def random_weights(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, set[str]]:
    """Weights with scores of 1e-6 to 1e8, in float32, float64, foreign byte and memory orders."""
    W, U = rng.standard_normal((case.n_w, case.d)), rng.standard_normal((case.K, case.L, case.d))
    size, share = 10.0 ** rng.uniform(-6, 8), rng.uniform(-3, 3)
    W, U = W * size**0.5 * 10.0**share, U * size**0.5 * 10.0**-share
    odd = {"scores from 1e4 to 1e8"} if size > 1e4 else set()
    kind = str(rng.choice(["<f8", "<f4", ">f8", ">f4"]))
    W, U = W.astype(kind), U.astype(kind)
    odd |= {"float32"} if "4" in kind else set()
    order = rng.integers(4)
    if order == 1:
        W, U = np.asfortranarray(W), np.asfortranarray(U)
    elif order == 2:
        W, U = np.repeat(W, 2, axis=0)[::-2], U[::-1]
    return W, U, odd | ({"foreign orders"} if order or ">" in kind else set())


def descents(case: Case, rng: np.random.Generator, starts: int, steps: int = 150) -> list[Pair]:
    """Local minima of the risk in the network's own dimension, by scipy."""
    cut, found = case.n_w * case.d, []
    for _ in range(starts):
        start = rng.standard_normal(cut + case.K * case.L * case.d) * 10.0 ** rng.uniform(-1, 1)
        with np.errstate(all="ignore"):
            z = minimize(
                case.value_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": steps}
            )
        if np.isfinite(z.x).all():
            found.append((z.x[:cut].reshape(case.n_w, case.d), z.x[cut:].reshape(case.K, case.L, case.d)))
    return found


def attack(name: str, case: Case, rng: np.random.Generator, run_solver: bool) -> tuple[Found, set[str]]:
    """What came of a problem, and in which ways its weights were odd."""
    phi, odd = NORMALISERS[name], set()
    data = Sentences(case.words, case.labels)
    same = {"omega": case.omega, "normaliser": phi, "n_w": case.n_w, "K": case.K, "decay": case.decay}
    problem = Problem.of(data, lambda_=case.lambda_, d=case.d, **same)
    tried: list[Pair] = []
    for _ in range(3):
        W, U, how = random_weights(case, rng)
        odd |= how
        tried.append((W, U))
    tried.append((tried[0][0] if case.radius else np.zeros((case.n_w, case.d)), np.zeros(tried[0][1].shape)))
    tried += descents(case, rng, starts=4)
    truth = interior_point(case)
    tried.append(_full(case, truth))
    began = time.perf_counter()
    bounds = []
    for number, (W, U) in enumerate(tried):
        at = problem
        if number == len(tried) - 1 and case.radius is not None:  # in more dimensions, at the same radius
            at = Problem.of(
                data, lambda_=case.lambda_, d=W.shape[1], **{**same, "normaliser": _Ball(case.radius)}
            )
        bounds.append(certificate(Weights(W, U, at.normaliser), at).lower_bound)
    seconds = time.perf_counter() - began
    faint = at_faint_gradients(case, problem, *tried[4], rng)
    risks = [case.risk(case.features(W), U) for W, U in tried[:-1]] + [truth.upper]
    least = float(np.nanmin(risks))
    truth = Bracket(truth.lower, least, None)
    status, false = "", False
    if run_solver and case.lambda_ >= SMALLEST_LAMBDA:
        found = solve(problem, gap=GAP, options=SolverOptions(time_limit=20.0))
        status, rounding = found.status, ROUNDING * found.risk + found.bound.rounding
        bounds.append(found.lower_bound)
        if status in ("solved", "zero"):
            false = found.relative_gap > GAP or found.risk < truth.lower * (1 - 1e-9) - rounding
            false |= found.risk * (1 - GAP) > least + rounding
    top = max(bounds)
    excess = max(faint, (top - least) / least if least > 0 else (0.0 if top <= 0 else np.inf))
    tight = (least - top) / least if least > 0 else 0.0
    return Found(excess, tight, truth.width, len(tried), seconds, status, false), odd


def at_faint_gradients(
    case: Case, problem: Problem, W: np.ndarray, U: np.ndarray, rng: np.random.Generator
) -> float:
    """(bound - risk)/risk at lengthened margins and λ down to 1e-320; ≤ 0 if all is well."""
    U, lambda_ = U * 10.0 ** rng.uniform(0, 2.5), float(10.0 ** rng.uniform(-320, -9))
    bound = certificate(Weights(W, U, problem.normaliser), replace(problem, lambda_=lambda_)).lower_bound
    risk = replace(case, lambda_=lambda_).risk(case.features(W), U)
    return (bound - risk) / risk if bound > risk else 0.0 - (risk > bound)


@dataclass(frozen=True)
class _Ball:
    """Words of a given length in any number of dimensions."""

    rho: float
    name = "of_the_attack"
    centred = False

    def forward(self, v: np.ndarray) -> np.ndarray:
        return self.rho * UnitSphere().forward(v)

    def vjp(self, v: np.ndarray, g: np.ndarray) -> np.ndarray:
        return self.rho * UnitSphere().vjp(v, g)

    def radius(self, d: int) -> float:
        return self.rho


def _full(case: Case, truth: Bracket) -> Pair:
    """The convex minimiser's weights with the words that it left out."""
    assert truth.weights is not None
    V, U = truth.weights
    used = np.unique(case.words[case.omega > 0].astype(int))
    W = np.zeros((case.n_w, V.shape[1]))
    W[:, 0] = case.radius or 0.0
    W[used] = V
    return W, U


def table(rows: dict[str, list[Found]]) -> None:
    """Print a row for each name."""
    print(f"{'':24s}{'problems':>9s}{'certificates':>13s}{'known to 1e-3':>14s}"
          f"{'too high':>9s}{'largest':>10s}")  # fmt: skip
    for name, found in rows.items():
        known, above = (np.mean([f.width <= KNOWN for f in found]), sum(f.excess > ROUNDING for f in found))
        certificates, largest = sum(f.certificates for f in found), max(f.excess for f in found)
        print(f"{name:24s}{len(found):9d}{certificates:13d}{known:14.1%}{above:9d}{largest:10.1e}")


def one(work: tuple[int, int, bool]) -> tuple[str, int, Found, frozenset[str]]:
    """The problem of a seed and a number."""
    seed, number, run_solver = work
    torch.set_num_threads(1)
    rng = np.random.default_rng([seed, number])
    name, case = draw(rng)
    found, odd = attack(name, case, rng, run_solver)
    return name, number, found, case.odd | odd


def main() -> None:
    """Attack, and print the tables; Ctrl-C ends it with those of the problems done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first problem")
    parser.add_argument("--solve", type=int, default=5, help="run the solver on every so many-th; 0: on none")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    chosen = parser.parse_args()
    by_name: dict[str, list[Found]] = {}
    by_oddity: dict[str, list[Found]] = {}
    everything: list[Found] = []
    began = time.perf_counter()
    numbers = range(chosen.first, chosen.first + chosen.problems)
    work = [(chosen.seed, n, bool(chosen.solve) and n % chosen.solve == 0) for n in numbers]
    with multiprocessing.get_context("spawn").Pool(chosen.jobs) as pool, suppress(KeyboardInterrupt):
        for name, number, found, odd in pool.imap_unordered(one, work, chunksize=10):
            everything.append(found)
            by_name.setdefault(name, []).append(found)
            for oddity in odd:
                by_oddity.setdefault(oddity, []).append(found)
            if found.excess > ROUNDING or found.false:
                print(f"problem {number} ({name}): {found}", flush=True)
            if len(everything) % 500 == 0:
                print(f"{len(everything)} problems, {time.perf_counter() - began:.0f} s", file=sys.stderr)
    table(dict(sorted(by_name.items())))
    table(dict(sorted(by_oddity.items())))
    table({"all": everything})
    tight = np.array([f.tight for f in everything])
    print(
        f"(truth - best bound)/truth: median {np.median(tight):.1e}, 95% below {np.quantile(tight, 0.95):.1e}"
    )
    statuses = [f.status for f in everything if f.status]
    counts = ", ".join(f"{s} {statuses.count(s)}" for s in sorted(set(statuses)))
    false = sum(f.false for f in everything)
    print(f"solve on {len(statuses)} problems: {counts}; statuses that do not hold: {false}")
    certificates, seconds = (
        sum(getattr(f, part) for f in everything) for part in ("certificates", "seconds")
    )
    print(f"{1e3 * seconds / certificates:.2f} ms a certificate; {time.perf_counter() - began:.0f} s in all")
    sys.exit(any(f.excess > ROUNDING or f.false for f in everything))


if __name__ == "__main__":
    main()

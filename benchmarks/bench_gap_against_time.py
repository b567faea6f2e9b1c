"""Relative gap to a proved lower bound against time: the certified solver, L-BFGS at d = 100, Adam and SGD.

    python benchmarks/bench_gap_against_time.py [--figure 3|4b|4c] [--seconds S] [--out FOLDER] [--threads T]

All methods see the same sentences and start the clock at their first step. The gap of every method is
measured against the best lower bound that the certified solver proves, to 1e-6, so that no method is judged
by its own estimate. Writes gap-against-time-FIGURE.csv and .png, and prints when each method reached 1e-1,
1e-2, 1e-3 and 1e-4.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from feature_collapse.model.network import Network
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.sgd.step import Step
from feature_collapse.solver.solve import solve
from feature_collapse.task.task import generator, make_task

LAMBDA, D = 1e-3, 100
FIGURES = {"3": ("uniform", "none"), "4b": ("zipf", "none"), "4c": ("zipf", "layernorm")}
LEVELS = (1e-1, 1e-2, 1e-3, 1e-4)
Curve = list[tuple[float, float]]  # seconds, risk


def start(problem: Problem, scale: float = 1e-3) -> Network:
    """The notebooks' starting point at d = 100."""
    network = Network(problem.n_w, problem.L, problem.K, D, problem.normaliser)
    return network.start(generator(0, 3), scale)


class Torch:
    """The full risk at d = 100 for PyTorch's optimisers, through our data term (faster than autograd)."""

    def __init__(self, problem: Problem) -> None:
        """Weights that start at 0.3 times PyTorch's defaults."""
        self.problem = problem
        self.risk = EmpiricalRisk(problem)
        network = start(problem, 0.3)  # weights of 1e-3 are a saddle for full gradients
        self.W, self.U = network.W, network.U
        self.free = problem.radius is None

    def __call__(self) -> float:
        """Value; the gradients are put where optimisers look for them."""
        with torch.no_grad():
            V = self.problem.normaliser.forward(self.W)
            value, gV, gU = self.risk.value_and_gradient(V, self.U.flatten(1))
            value += 0.5 * LAMBDA * float(self.U.square().sum())
            self.U.grad = gU.view_as(self.U) + LAMBDA * self.U
            self.W.grad = self.problem.normaliser.vjp(self.W, gV)
            if self.free:
                value += 0.5 * LAMBDA * float(self.W.square().sum())
                self.W.grad += LAMBDA * self.W
        return value


def adam(problem: Problem, seconds: float) -> Curve:
    """Full-batch Adam, rate 0.01."""
    model, curve, began = Torch(problem), [], time.monotonic()
    optimiser = torch.optim.Adam([model.W, model.U], lr=0.01)
    while time.monotonic() - began < seconds:
        value = model()
        curve.append((time.monotonic() - began, value))
        optimiser.step()
    return curve


def lbfgs(problem: Problem, seconds: float) -> Curve:
    """PyTorch's L-BFGS with its strong Wolfe search."""
    model, curve, began = Torch(problem), [], time.monotonic()
    optimiser = torch.optim.LBFGS(
        [model.W, model.U], max_iter=1, history_size=12, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        return torch.tensor(model())

    while time.monotonic() - began < seconds:
        value = float(optimiser.step(closure))
        curve.append((time.monotonic() - began, value))
    return curve


def sgd(problem: Problem, seconds: float) -> Curve:
    """The paper's SGD (batch 100, rate 0.1); the clock stops while the risk is measured."""
    network = start(problem)
    step, curve, spent = Step(network, 0.1, LAMBDA), [], 0.0
    words, labels = torch.from_numpy(problem.words).long(), torch.from_numpy(problem.labels).long()
    next_measure = 1.0
    for order in _orders(len(words)):
        began = time.monotonic()
        for rows in order.split(100):
            step(words[rows], labels[rows])
        spent += time.monotonic() - began
        if spent >= next_measure:
            curve.append((spent, _risk(network, problem)))
            next_measure = spent * 1.1
        if spent > seconds:
            return curve
    raise AssertionError("unreachable")


def _orders(N: int) -> Iterator[torch.Tensor]:
    rng = np.random.default_rng(0)
    while True:
        yield torch.from_numpy(rng.permutation(N))


def _risk(network: Network, problem: Problem) -> float:
    penalty = float(network.U.detach().double().square().sum())
    if problem.radius is None:
        penalty += float(network.W.detach().double().square().sum())
    return network.cross_entropy(problem.words, problem.labels) + 0.5 * LAMBDA * penalty


def main() -> None:
    """Run every method, print the table, write the curves and the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--figure", choices=FIGURES, default="4b")
    parser.add_argument("--seconds", type=float, default=120.0, help="for each of the other methods")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    law, normaliser = FIGURES[chosen.figure]
    task = make_task(word_law=law, seed=0)
    problem = Problem.of(task, n_spl=5, lambda_=LAMBDA, normaliser=normaliser, d=D)
    found = solve(problem, gap=1e-4)
    bound = max(found.lower_bound, solve(problem, gap=1e-6).lower_bound)
    curves: dict[str, Curve] = {"certified": [(float(row[1]), float(row[2])) for row in found.history]}
    for name, method in (("L-BFGS, d = 100", lbfgs), ("Adam, d = 100", adam), ("SGD, d = 100", sgd)):
        curves[name] = method(problem, chosen.seconds)
    print(
        f"figure {chosen.figure}: lower bound {bound:.8g}; a gap of 1e-4 was proved at {found.seconds:.1f} s"
    )
    print(f"{'method':18s}" + "".join(f"{f'{level:.0e}':>12s}" for level in LEVELS) + f"{'smallest':>12s}")
    rows = []
    for name, curve in curves.items():
        gaps = [(t, (risk - bound) / risk) for t, risk in curve]
        rows += [(name, t, gap) for t, gap in gaps]
        cells = []
        for level in LEVELS:
            when = next((t for t, gap in gaps if gap <= level), None)
            cells.append("—" if when is None else f"{when:.1f} s")
        print(f"{name:18s}" + "".join(f"{cell:>12s}" for cell in cells) + f"{min(g for _, g in gaps):12.1e}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    stem = chosen.out / f"gap-against-time-{chosen.figure}"
    with stem.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("method", "seconds", "relative_gap"))
        writer.writerows(rows)
    draw(curves, bound, chosen.figure, stem.with_suffix(".png"))


def draw(curves: dict[str, Curve], bound: float, name: str, path: Path) -> None:
    """Gap against time, log-log."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for (label, curve), style in zip(curves.items(), ("-", "--", "-.", ":"), strict=True):
        t, risk = np.array(curve).T
        axes.loglog(np.maximum(t, 1e-2), np.maximum((risk - bound) / risk, 1e-7), style, label=label)
    axes.set_xlabel("seconds")
    axes.set_ylabel("(risk - proved lower bound)/risk")
    axes.set_title(f"figure {name}")
    axes.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()

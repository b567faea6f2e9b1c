"""What two devices of the solver save: evaluations with and without them (docs/decisions/0012).

    python benchmarks/bench_descent.py [--part-only]

First the minimum of the true risk to a gap of 1e-6, by the solver as it is and without the unit along each
class's own sentences. Then figure 4a from R5's weights, with its part of the data tilted and not: risks of
all data at R5's weights, at the first point on all data and at the end, and the passes over all data, the
tilt's own included and certificates not. Then what tilted parts promise of the gap on all data, and what it
is there. Then λ over λ_max, which decides where R5's weights are a start. Some minutes.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import replace

import numpy as np

from feature_collapse.certificates.certify import certificate
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.limit import limit
from feature_collapse.experiments.presets import select
from feature_collapse.experiments.settings import Settings
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.one_each import OneEach
from feature_collapse.solver import one_each
from feature_collapse.solver.options import FROM_THEORY, Part, SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.solver.spectral import lambda_max
from feature_collapse.solver.trace import Trace
from feature_collapse.theory.start import mean_field_start

LAYERNORM = {"normaliser": "layernorm", "word_law": "zipf"}
LIMITS = {
    "figure 3": {},
    "figure 4c": LAYERNORM,
    "figure 3, lambda = 1e-4": {"lambda_": 1e-4},
    "five concepts, LayerNorm": {"n_c": 5, "n_w": 1000, "L": 7, "normaliser": "layernorm", "seed": 3},
}
PROMISES = [
    *({"seed": seed} for seed in range(5)),
    {"n_spl": 300, "seed": 1},
    {"n_spl": 200},
    {"lambda_": 5e-4},
    {"lambda_": 2e-3},
    {"K": 300},
    {"K": 300, "L": 8},
    {"K": 300, "word_law": "uniform"},
]


class Counted:
    """Evaluations of data terms while it is in force, by number of sentences."""

    def __enter__(self) -> Counted:
        """Begin to count."""
        self.counts: dict[int, int] = {}
        self._true = [(kind, kind.value_and_gradient) for kind in (EmpiricalRisk, OneEach)]
        for kind, true in self._true:
            kind.value_and_gradient = self._counted(true)
        return self

    def _counted(self, true):
        def counted(risk: EmpiricalRisk | OneEach, *weights):
            self.counts[len(risk.words)] = self.counts.get(len(risk.words), 0) + 1
            return true(risk, *weights)

        return counted

    def __exit__(self, *_: object) -> None:
        """Count no more."""
        for kind, true in self._true:
            kind.value_and_gradient = true


def units() -> None:
    """Print the evaluations that minima of the true risk take."""
    own = one_each.UNSURE
    print("| minimum of the true risk | evaluations | without |\n|---|---|---|")
    for name, settings in LIMITS.items():
        s = Settings(**settings)
        task, found = Experiment.of(s).task, []
        for unit in (own, 0.0):
            one_each.UNSURE = unit
            with Counted() as counted:
                limit(task, s)
            found.append(sum(counted.counts.values()))
        one_each.UNSURE = own
        print(f"| {name} | {found[0]} | {found[1]} |", flush=True)


def tilt() -> None:
    """Print what figure 4a takes from R5's weights."""
    settings = next(e.settings for e in select(["figure4a"], method="certified"))
    run = Experiment.of(settings)
    problem = run.problem(run.data.train, "cpu")
    start = mean_field_start(run.task, settings.lambda_)
    assert start is not None
    print(f"\nrisk of figure 4a's data at R5's weights: {certificate(start, problem).risk:.4f}\n")
    print("| part | sentences a class | first on all | at the end | passes over all | over the part |")
    print("|---|---|---|---|---|---|")
    for tilted, part in ((True, FROM_THEORY.parts[0]), (False, Part(100, 1.5e-3))):
        schedule = replace(FROM_THEORY, tilted=tilted)  # not tilted, a start that is given skips the part
        with Counted() as counted:
            begin = start
            if not tilted:
                begin = solve(problem.first_of_each_class(part.sentences), gap=part.gap, start=start).weights
            found = solve(problem, gap=settings.gap, start=begin, options=SolverOptions(schedule=schedule))
        rows = found.history[
            found.history[:, 5] == 0
        ]  # the first is a certificate where the part promised it
        small = sum(n for N, n in counted.counts.items() if N < len(problem.labels))
        name, passes = "tilted" if tilted else "as it is", counted.counts[len(problem.labels)]
        risks = f"{rows[0, 2]:.4f} | {found.risk:.4f}"
        print(f"| {name} | {part.sentences} | {risks} | {passes} | {small} |", flush=True)


class _Seen(Exception):
    """All data were evaluated."""


def promises() -> None:
    """Print the gap that is expected on all data after a tilted part, and that found by an evaluation."""
    base = next(e.settings for e in select(["figure4a"], method="certified"))
    promised, noted, seen = Part.gap_on_all, Trace.iterated, {}

    def kept(part: Part, *numbers) -> float:
        seen["promised"] = promised(part, *numbers)
        return np.inf

    def stopped(trace: Trace, state, risk: float) -> None:
        noted(trace, state, risk)
        if not state.phase:
            seen["found"] = state.expected
            raise _Seen

    Part.gap_on_all, Trace.iterated = kept, stopped
    print("\n| figure 4a with | gap promised | found |\n|---|---|---|")
    for change in PROMISES:
        s = base.replace(**change)
        run = Experiment.of(s)
        start, options = mean_field_start(run.task, s.lambda_), SolverOptions(schedule=FROM_THEORY)
        seen["promised"] = np.inf
        with suppress(_Seen):
            solve(run.problem(run.data.train, "cpu"), gap=s.gap, start=start, options=options)
        name = ", ".join(f"{key} = {value}" for key, value in change.items())
        print(f"| {name} | {seen['promised']:.1e} | {seen['found']:.1e} |", flush=True)
    Part.gap_on_all, Trace.iterated = promised, noted


def shares() -> None:
    """Print λ/λ_max of the plain figures of few sentences."""
    print()
    for name in ("figure3", "figure4b"):
        settings = next(e.settings for e in select([name], method="certified"))
        run = Experiment.of(settings)
        problem = run.problem(run.data.train, "cpu")
        print(f"lambda / lambda_max of {name}: {problem.lambda_ / lambda_max(problem):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part-only", action="store_true")
    if not parser.parse_args().part_only:
        units()
    tilt()
    promises()
    shares()

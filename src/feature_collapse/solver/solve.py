"""The certified solver: the global minimiser of an empirical risk, with a proof.

Full-batch L-BFGS at a small rank, from the spectral start. At a point that is nearly critical the certificate
(R2, R3) is computed; the solver stops when it proves the gap asked for. Otherwise it adds the directions of
claim I where there are any, and goes on. Large data sets are first solved on some sentences of each class.
Single precision to begin with, double where that is used up. Nothing here depends on luck: a wrong turn shows
as a gap that does not close.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from feature_collapse.certificates.bound import Bound, bound_from
from feature_collapse.certificates.dual_point import DualPoint, dual_point
from feature_collapse.errors import InputError, check_int, check_real
from feature_collapse.risk.problem import Problem
from feature_collapse.solver import escape
from feature_collapse.solver.lbfgs import History, minimise
from feature_collapse.solver.objective import Model, make_model
from feature_collapse.solver.solution import Progress, Solution, lift
from feature_collapse.solver.spectral import gradient_at_zero, lambda_max, leading, stretch_at_zero
from feature_collapse.solver.start import spectral_start
from feature_collapse.solver.trace import Journal

_FIRST_RANK, _ADDED = 16, 8
# sentences per class that are solved first, and to which expected gap, where there are at least four times as
# many
_PARTS = ((20, 2e-2), (100, 4e-3))
_PART_ROUNDS = (10, 15, 15, 15, 15)
_SMALL = 2e6  # scores; below, double precision from the beginning
_ROUNDS = (15, 15, 15, 15, 15, 30, 60)  # iterations between two changes of scaling; the last repeats
_TARGET = {
    False: 0.9,
    True: 0.6,
}  # expected gap, over the one asked for, at which to certify; True: normalised
_ROUNDING = 1e-13  # a gap below this is none: there is one class, or nothing to tell apart
_PRUNE = {False: 1e-4, True: 1e-2}  # singular values relative to the largest; True: on a part of the data
_PRUNE_ADDED = 1e-8  # once directions were added: those may have to stay small, and would be found again


def solve(
    problem: Problem,
    *,
    gap: float = 1e-3,
    time_limit: float | None = None,
    seed: int = 0,
    start: tuple[np.ndarray, np.ndarray] | None = None,
    checkpoint: Path | None = None,
    report: Callable[[Progress], None] | None = None,
    memory_limit: float = 4e9,
) -> Solution:
    """Minimise the risk until (risk - lower bound)/risk ≤ gap, proved.

    Time: 6 N K L r flops and N K exponentials per evaluation, some 50-150 of them; a few certificates of N K
    L
    additions and K L n_w² flops. Memory: `memory_limit` and 48 N L bytes.

    Args:
        problem: data, λ, normaliser.
        gap: relative, 1e-10 to 1.
        time_limit: seconds; a last certificate comes on top.
        seed: of the spectral start's subspace iteration.
        start: (W, U) of shapes (n_w, r) and (K, L, r) to begin from instead; for a normalised network W is
            scaled to the radius, without centring.
        checkpoint: file to continue from and to write to; None for neither.
        report: called with the progress about ten times a second.
        memory_limit: bytes, for the certificate.

    Raises:
        InputError: a value out of its range, or a limit too small for the certificate.
        KeyboardInterrupt: after Ctrl-C, once the checkpoint is written.
    """
    check_real("gap", gap, 1e-10, 1.0)
    if time_limit is not None:
        check_real("time_limit", time_limit, 0.0, above=True)
    check_real("memory_limit", memory_limit, 1e6)
    check_int("seed", seed, 0)
    run = _Run(problem, gap, time_limit, seed, checkpoint, report, memory_limit)
    try:
        return run.solve(start)
    except KeyboardInterrupt:
        if run.at is not None:
            run.journal.save(run.at.V, run.at.U)
        raise


@dataclass
class _Point:
    """Where the run is."""

    V: Tensor
    U: Tensor  # (K L, r)


class _Run:
    def __init__(
        self,
        problem: Problem,
        gap: float,
        time_limit: float | None,
        seed: int,
        checkpoint: Path | None,
        report: Callable[[Progress], None] | None,
        memory_limit: float,
    ) -> None:
        self.problem, self.gap, self.time_limit, self.seed = problem, gap, time_limit, seed
        self.memory_limit = memory_limit
        self.journal = Journal(problem, seed, checkpoint, report)
        self.kept: tuple[int, Tensor, History] | None = None
        self.at: _Point | None = None
        self.added = False

    def solve(self, start: tuple[np.ndarray, np.ndarray] | None) -> Solution:
        """The whole run."""
        problem = self.problem
        resumed = self.journal.resume()
        parts = [part for part in _PARTS if len(problem.words) >= 4 * part[0] * problem.K]
        begin = problem.first_of_each_class(parts[0][0]) if parts else problem
        if problem.radius is None and (resumed is None or not bool(resumed.V.any())):
            zero = self._zero_solution(begin)
            if zero is not None:
                return zero
        if resumed is not None and bool(resumed.V.any()):
            self.at = _Point(resumed.V.to(problem.device), resumed.U.to(problem.device))
            parts = parts[resumed.parts_done :]
        elif start is not None:
            self.at, parts = self._given(*start), []
        else:
            first = min(_FIRST_RANK, problem.largest_rank)
            self.at = _Point(*spectral_start(begin, first, self.seed, few=bool(parts)))
        for size, target in parts:
            self._solve_part(problem.first_of_each_class(size), target)
        return self._solve_all()

    def _solve_part(self, part: Problem, target: float) -> None:
        self.journal.on_part = True
        model = make_model(part, single=True)
        for limit in _PART_ROUNDS:
            expected, _ = self._round(model, limit, target)
            if expected <= target or self._late():
                break
            self.kept = None
        self.journal.on_part = False
        self.journal.begin_anew()
        self.journal.parts_done += 1

    def _solve_all(self) -> Solution:
        problem, radius = self.problem, self.problem.radius
        single = len(problem.words) * problem.K > _SMALL
        model = make_model(problem, single)
        target = first_target = _TARGET[radius is not None] * self.gap
        last = math.inf
        for number in range(10_000):
            expected, stalled = self._round(model, _ROUNDS[min(number, len(_ROUNDS) - 1)], target)
            if not (expected <= target or stalled or self._late()):
                continue
            point, bound = self._certify()
            if bound.risk - self.journal.lower <= max(self.gap * bound.risk, _ROUNDING):
                return self._finish(bound, "solved", f"the gap asked for, {self.gap:.3g}, is proved")
            if self._late():
                return self._finish(
                    bound, "time_limit", f"the time limit of {self.time_limit:g} s came first"
                )
            assert self.at is not None
            room = problem.largest_rank - self.at.V.shape[1]
            new = escape.directions(
                point, self.at.V, problem.lambda_, radius, 0.1 * self.gap, min(_ADDED, room)
            )
            found = False
            if new.shape[1]:
                V, U, found = escape.add(model, self.at.V, self.at.U, new, problem.lambda_, radius)
                self.at, self.added = _Point(V, U), self.added or found
            elif stalled and single:
                single, found = False, True
                model = make_model(problem, single)
            if found:
                self.journal.begin_anew()
                target = first_target
            elif stalled and bound.risk >= last * (1.0 - 1e-12):
                return self._finish(
                    bound,
                    "stalled",
                    "neither a step nor a new direction lowers the risk further"
                    + ("" if room else f", and the rank is at its limit {problem.largest_rank}"),
                )
            else:
                target = expected * min(
                    0.8, max(0.1, 0.8 * self.gap * bound.risk / (bound.risk - self.journal.lower))
                )
            last = bound.risk
        raise AssertionError("unreachable")

    def _round(self, model: Model, limit: int, target: float) -> tuple[float, bool]:
        """At most `limit` iterations; (expected, whether the precision is used up)."""
        assert self.at is not None
        V, U = self.at.V, self.at.U
        if V.shape[1] == 0:
            return 0.0, True
        kept, self.kept = self.kept, None
        if kept is not None and (kept[0] != V.shape[1] or kept[2].S.dtype != model.risk.dtype):
            kept = None
        if kept is not None:  # the same variables, more data: what was learnt of the curvature still holds
            x, history = model.continued(V, U, kept[1]), kept[2]
        else:
            x, V, U = model.begin(V, U)
            history = History(x)
        at, expected, stalled = None, math.inf, False
        single = model.risk.dtype == torch.float32
        values: list[float] = []
        for at in minimise(model.objective, x, history):
            self.at = _Point(*model.split(at.x))
            expected = model.expected_gap(at.x, at.gradient, at.value)
            values.append(at.value)
            stalled = (
                self.journal.iterated(self.at.V, self.at.U, at.value, expected, single=single) or at.stalled
            )
            # a first point is never believed: the expected gap is one of first order
            if stalled or (expected <= target and len(values) > 1) or len(values) > limit or self._late():
                break
        assert self.at is not None
        rank = V.shape[1]
        threshold = _PRUNE_ADDED if self.added else _PRUNE[self.journal.on_part]
        self.at = _Point(*model.prune(self.at.V, self.at.U, threshold))
        if self.journal.on_part and self.at.V.shape[1] == rank:
            self.kept = (rank, model.unit, history)
        return expected, stalled

    def _certify(self) -> tuple[DualPoint, Bound]:
        assert self.at is not None
        problem, V, U = self.problem, self.at.V, self.at.U
        self.journal.certifies(V.shape[1])
        point = dual_point(
            V,
            U.reshape(problem.K, -1),
            problem.words,
            problem.labels,
            weights=problem.omega,
            memory_limit=self.memory_limit,
        )
        squares = float(U.square().sum()) + (float(V.square().sum()) if problem.radius is None else 0.0)
        bound = bound_from(
            point,
            point.data_term + 0.5 * problem.lambda_ * squares,
            problem.lambda_,
            problem.radius,
            V,
            0.1 * self.gap,
            self.gap,
        )
        self.journal.certified(V, U, bound.risk, bound.lower_bound)
        return point, bound

    def _finish(self, bound: Bound, status: str, reason: str) -> Solution:
        assert self.at is not None
        problem, (V, U) = self.problem, (self.at.V.cpu().numpy(), self.at.U.cpu().numpy())
        rank = V.shape[1] if status != "zero" else 0
        U = U.reshape(problem.K, problem.L, -1)
        if problem.radius is not None:
            V, U = lift(V, U, problem.d, mean_zero=problem.normaliser.centred)
        lower = self.journal.lower
        gap = bound.risk - lower
        relative = gap / bound.risk if bound.risk > 0 else 0.0
        message = f"{reason}; risk {bound.risk:.8g}, lower bound {lower:.8g}, relative gap {relative:.2e}, rank {rank}"
        return Solution(
            V,
            U,
            bound.risk,
            lower,
            gap,
            relative,
            rank,
            status,
            message,
            self.journal.history(),
            self.journal.seconds(),
            bound.operator_norm,
            bound.data_term,
        )

    def _zero_solution(self, part: Problem) -> Solution | None:
        problem = self.problem
        if part is not problem:
            v = leading(gradient_at_zero(part), 1, self.seed).right[:, 0]
            if stretch_at_zero(problem, v) * (1.0 - 1e-5) > problem.lambda_:
                return None
        if lambda_max(problem) * (1.0 - 1e-5) > problem.lambda_:
            return None
        device = torch.device(problem.device)
        V = torch.zeros(problem.n_w, 1, dtype=torch.float64, device=device)
        self.at = _Point(V, torch.zeros(problem.K * problem.L, 1, dtype=torch.float64, device=device))
        _, bound = self._certify()
        if bound.operator_norm > problem.lambda_ * (1.0 + 1e-6) and bound.relative_gap > self.gap:
            self.journal.lower, self.journal.rows = -math.inf, []
            return None
        at_least = bound.operator_norm <= problem.lambda_ * (1.0 + 1e-6)
        return self._finish(
            bound,
            "zero",
            f"lambda = {problem.lambda_:g} is "
            + (
                f"at or above lambda_max = {bound.operator_norm:.6g}, where zero weights are the minimum"
                if at_least
                else f"just below lambda_max = {bound.operator_norm:.9g}, and zero weights are within the gap asked for"
            ),
        )

    def _given(self, W: np.ndarray, U: np.ndarray) -> _Point:
        problem = self.problem
        if W.ndim != 2 or len(W) != problem.n_w or U.shape != (problem.K, problem.L, W.shape[1]):
            raise InputError(
                f"start has shapes {W.shape} and {U.shape}, but must have ({problem.n_w}, r) and "
                f"({problem.K}, {problem.L}, r)"
            )
        if not (
            np.isfinite(W).all() and np.isfinite(U).all() and max(np.abs(W).max(), np.abs(U).max()) < 1e100
        ):
            raise InputError("start has entries that are not finite or above 1e100")
        if W.shape[1] > problem.largest_rank:
            raise InputError(
                f"start has {W.shape[1]} coordinates, but must have at most {problem.largest_rank}"
            )
        if problem.radius is not None and not np.all(np.linalg.norm(W, axis=1) > 0):
            raise InputError("start has a word vector of length 0, which cannot be scaled to the radius")
        V = torch.as_tensor(W, dtype=torch.float64, device=problem.device)
        if problem.radius is not None:
            V = V * (problem.radius / V.norm(dim=1, keepdim=True))
        return _Point(
            V, torch.as_tensor(U, dtype=torch.float64, device=problem.device).reshape(-1, W.shape[1])
        )

    def _late(self) -> bool:
        return self.time_limit is not None and self.journal.seconds() > self.time_limit

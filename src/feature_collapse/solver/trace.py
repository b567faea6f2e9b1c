"""What a run of the certified solver has seen: history, progress, time, checkpoint, and whether it still gets on."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from feature_collapse.risk.problem import Problem
from feature_collapse.solver.checkpoint import SolverCheckpoint, read, write
from feature_collapse.solver.solution import COLUMNS, Progress

_SHOW, _SAVE = 0.1, 30.0  # seconds between two reports, between two checkpoints
# iterations without progress (of the risk, a billionth), after which the precision is used up: single, double
_PATIENCE, _NOTICED = {True: 30, False: 200}, 1e-9
_FORMAT = b"certified run 2"  # changes with what a checkpoint means


class Journal:
    """The history of a run and where it goes.

    Attributes:
        rows: of the history, columns `COLUMNS`.
        iteration: so far.
        lower: the best lower bound so far.
        on_part: whether a part of the data is being solved.
        parts_done: parts that are behind.
    """

    def __init__(
        self, problem: Problem, seed: int, checkpoint: Path | None, report: Callable[[Progress], None] | None
    ) -> None:
        """An empty journal; `checkpoint` and `report` as in `solve`."""
        self.checkpoint, self.report = checkpoint, report
        self.key = _key(problem, seed) if checkpoint is not None else ""
        self.rows: list[tuple[float, ...]] = []
        self.iteration, self.lower = 0, -math.inf
        self.on_part, self.parts_done = False, 0
        self._began = self._shown = self._saved = time.monotonic()
        self._before = 0.0
        self._least, self._lowest, self._waited = math.inf, math.inf, 0

    def seconds(self) -> float:
        """Elapsed, earlier parts of a resumed run included."""
        return self._before + time.monotonic() - self._began

    def iterated(self, V: Tensor, U: Tensor, risk: float, expected: float, *, single: bool) -> bool:
        """Note an iteration in single or double precision; whether the run has stopped getting on."""
        sign = -1.0 if self.on_part else 1.0
        self.rows.append((sign * self.iteration, self.seconds(), risk, math.nan, float(V.shape[1])))
        now = time.monotonic()
        if now - self._shown > _SHOW:
            self.tell("part of the data" if self.on_part else "all data", risk, V.shape[1], expected)
        if now - self._saved > _SAVE:
            self.save(V, U)
        self.iteration += 1
        noticed = risk < self._lowest * (1.0 - _NOTICED)
        self._waited = 0 if noticed or expected < self._least else self._waited + 1
        self._least = min(self._least, expected)
        self._lowest = risk if noticed else self._lowest
        return self._waited > _PATIENCE[single]

    def begin_anew(self) -> None:
        """A new rank, precision or data: what was reached before says nothing of getting on."""
        self._least, self._lowest, self._waited = math.inf, math.inf, 0

    def certifies(self, rank: int) -> None:
        """Say that a certificate is being computed."""
        self.tell("certificate", self.rows[-1][2] if self.rows else math.nan, rank)

    def certified(self, V: Tensor, U: Tensor, risk: float, lower_bound: float) -> None:
        """Note a certificate."""
        self.lower = max(self.lower, lower_bound)
        self.rows.append((float(self.iteration), self.seconds(), risk, self.lower, float(V.shape[1])))
        self.tell("certificate", risk, V.shape[1])
        self.save(V, U)

    def tell(self, phase: str, risk: float, rank: int, expected: float = math.nan) -> None:
        """Report the progress now."""
        self._shown = time.monotonic()
        if self.report is not None:
            relative = (risk - self.lower) / risk if self.lower > -math.inf and risk > 0 else math.inf
            self.report(
                Progress(phase, self.iteration, risk, self.lower, relative, rank, self.seconds(), expected)
            )

    def history(self) -> np.ndarray:
        """(·, 5) columns `COLUMNS`."""
        return np.array(self.rows, dtype=np.float64).reshape(-1, len(COLUMNS))

    def save(self, V: Tensor, U: Tensor) -> None:
        """Write the checkpoint, if one is wanted."""
        self._saved = time.monotonic()
        if self.checkpoint is not None:
            state = SolverCheckpoint(
                self.key,
                V.cpu(),
                U.cpu(),
                self.parts_done,
                self.iteration,
                self.seconds(),
                self.lower,
                self.history(),
            )
            write(self.checkpoint, state)

    def resume(self) -> SolverCheckpoint | None:
        """The state in the checkpoint, from which this journal goes on; None where there is none of this run."""
        state = read(self.checkpoint, self.key) if self.checkpoint is not None else None
        if state is not None:
            self.parts_done, self.iteration = state.parts_done, state.iteration
            self._before, self.lower = state.seconds, state.lower_bound
            self.rows = [tuple(row) for row in state.history]
        return state


def _key(problem: Problem, seed: int) -> str:
    """Names a run: the data and everything that changes the solution."""
    digest = hashlib.sha256(_FORMAT)
    for array in (problem.words, problem.labels, problem.omega):
        if array is not None:
            digest.update(repr((array.dtype.str, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(b"|")
    digest.update(
        repr((problem.n_w, problem.K, problem.lambda_, problem.normaliser, problem.d, seed)).encode()
    )
    return digest.hexdigest()

"""What a certified run leaves behind: its history, its progress, its checkpoint, its time."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from feature_collapse.certificates.bound import Bound
from feature_collapse.keyed_tensors import reject
from feature_collapse.model.residuals import RESIDUALS, UNKNOWN, collapse_residuals
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.checkpoint import Saved, read, write
from feature_collapse.solver.options import Schedule, SolverOptions
from feature_collapse.solver.resumed import fault_of
from feature_collapse.solver.state import State

COLUMNS = ("iteration", "seconds", "risk", "lower_bound", "rank", "phase", *RESIDUALS)
_SHOW = 0.1  # seconds between two calls of the callback
_SHARE = 20.0  # the run takes at least this many times as long as its checkpoints
_FORMAT = b"certified run 6"  # changes with what a checkpoint means


@dataclass(frozen=True)
class Progress:
    """How far a certified run is.

    Attributes:
        phase: "part of the data", "all data" or "certificate".
        iteration: so far.
        risk: at the present weights.
        lower_bound: the best so far, -inf before the first certificate.
        relative_gap: between the two, inf before the first certificate.
        rank: directions in use.
        seconds: elapsed.
        expected_gap: an estimate of the relative gap; NaN during a certificate.
    """

    phase: str
    iteration: int
    risk: float
    lower_bound: float
    relative_gap: float
    rank: int
    seconds: float
    expected_gap: float = math.nan


class Trace:
    """The history of a run and where it goes.

    Attributes:
        lower: the best lower bound that this process has proved.
        state: the last one noted.
    """

    def __init__(
        self,
        problem: Problem,
        gap: float,
        options: SolverOptions,
        checkpoint: Path | None,
        callback: Callable[[Progress], None] | None,
    ) -> None:
        """An empty trace; the arguments are those of `solve`."""
        self.gap, self.checkpoint, self.callback = gap, checkpoint, callback
        self._n_c, self._word_units = options.n_c, problem.word_units()
        self.time_limit, self._every = options.time_limit, options.checkpoint_seconds
        self.problem, self.device = problem, problem.device
        self.key = _key(problem, options.seed) if checkpoint is not None else ""
        self.lower = -math.inf
        self.state: State | None = None
        self._rows: list[tuple[float, ...]] = []
        self._began = self._shown = self._saved = time.monotonic()
        self._before, self._interval = 0.0, self._every

    def seconds(self) -> float:
        """Return the seconds elapsed, earlier parts of a resumed run included."""
        return self._before + time.monotonic() - self._began

    def is_late(self) -> bool:
        """Return whether the time limit is over."""
        return self.time_limit is not None and self.seconds() > self.time_limit

    def iterated(self, state: State, risk: float) -> None:
        """Note an iteration."""
        self.state = state
        self._note(state, risk, math.nan)
        now = time.monotonic()
        if now - self._shown > _SHOW:
            self._show("part of the data" if state.phase else "all data", state, risk, state.expected)
        if now - self._saved > self._interval:
            self.save()

    def certifies(self, state: State) -> None:
        """Note that a certificate is being computed."""
        self._show("certificate", state, self._rows[-1][2] if self._rows else math.nan)

    def certified(self, state: State, bound: Bound) -> None:
        """Note a certificate."""
        self.state = state
        self.lower = max(self.lower, bound.lower_bound)
        self._note(state, bound.risk, self.lower)
        self._show("certificate", state, bound.risk)
        self.save()

    def begin_anew(self) -> None:
        """Forget what was noted."""
        self.lower, self._rows = -math.inf, []

    def history(self) -> np.ndarray:
        """Return the history, columns `COLUMNS`."""
        return np.array(self._rows, dtype=np.float64).reshape(-1, len(COLUMNS))

    def save(self) -> None:
        """Write the checkpoint, if one is wanted and there is something to keep."""
        self._saved = time.monotonic()
        if self.checkpoint is not None and self.state is not None:
            write(self.checkpoint, self.key, Saved(self.state, self.gap, self.seconds(), self.history()))
            self._interval = max(self._every, _SHARE * (time.monotonic() - self._saved))

    def resume(self, schedule: Schedule) -> Saved | None:
        """Return what the checkpoint holds of this run, from which the trace goes on, or None.

        Weights of zero are none, and a state that `fault_of` finds fault with is none: that is logged.
        """
        saved = read(self.checkpoint, self.key, self.device) if self.checkpoint is not None else None
        if saved is None or self.checkpoint is None or not bool(saved.state.V.any()):
            return None
        fault = fault_of(saved.state, self.problem, schedule)
        if fault is not None:
            reject(self.checkpoint, fault)
            return None
        self._before = saved.seconds
        bounds = COLUMNS.index("lower_bound")
        rows = saved.history.tolist()
        if rows and not math.isnan(rows[-1][bounds]):
            rows.pop()  # the certificate at this state, which this run computes itself
        self._rows = [  # nothing proved is read from a file: this run's bounds are its own
            (*row[:bounds], math.nan, *row[bounds + 1 :]) for row in rows
        ]
        return saved

    def _note(self, state: State, risk: float, lower: float) -> None:
        number = float(state.iteration - math.isnan(lower))
        row = (number, self.seconds(), risk, lower, float(state.rank), float(state.phase))
        self._rows.append((*row, *self._residuals(state)))

    def _residuals(self, state: State) -> tuple[float, ...]:
        """Return the residuals of collapse of the words, of which V has the inner products."""
        if self._n_c is None:
            return UNKNOWN
        V, units = state.V, self._word_units
        words = V if units is None else V * torch.from_numpy(units).to(V).unsqueeze(1)
        return collapse_residuals(words, self._n_c)

    def _show(self, phase: str, state: State, risk: float, expected: float = math.nan) -> None:
        self._shown = time.monotonic()
        if self.callback is not None:
            relative = (risk - self.lower) / risk if self.lower > -math.inf and risk > 0 else math.inf
            number = state.iteration - (phase != "certificate")
            self.callback(
                Progress(phase, number, risk, self.lower, relative, state.rank, self.seconds(), expected)
            )


def _key(problem: Problem, seed: int) -> str:
    """Return a name of a run: its problem and seed. A start and a schedule are not part of it."""
    digest = hashlib.sha256(_FORMAT)
    for array in (problem.words, problem.labels, problem.omega, problem.decay):
        if array is not None:
            digest.update(repr((array.dtype.str, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(b"|")
    rest = (problem.n_w, problem.K, problem.lambda_, problem.normaliser, problem.d, seed)
    digest.update(repr(rest).encode())
    return digest.hexdigest()

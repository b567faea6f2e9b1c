"""Limited-memory BFGS on torch tensors, on any device, an iteration at a time.

The two-loop recursion over a ring of the last steps [1, algorithm 7.4] and a line search for the weak Wolfe
conditions by bisection [2]. The variables are expected in units in which curvatures are about one, so that a
unit step is a fair first guess, cut to a tenth of the point's length; afterwards it is nearly always taken,
and an iteration costs one evaluation.

[1] J. Nocedal, S. Wright, Numerical Optimization, 2nd ed., 2006.
[2] A. Lewis, M. Overton, Nonsmooth optimization via quasi-Newton methods, Math. Programming 141, 2013.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

_ARMIJO, _CURVATURE, _TRIALS, _MEMORY = 1e-4, 0.9, 25, 12
_NOISE = {torch.float32: 4.0, torch.float64: 16.0}  # rounding of a value, in its last places


@dataclass(frozen=True, eq=False)
class Evaluation:
    """An objective at a point.

    Attributes:
        value: of the objective.
        gradient: the same length as the point.
        radial: (n_w,) ⟨∂f/∂v_j, v_j⟩ where the words lie on a sphere and `gradient` has lost it; else None.
    """

    value: float
    gradient: Float[Tensor, " n"]
    radial: Float[Tensor, " n_w"] | None = None


Objective = Callable[[Tensor], Evaluation]


@dataclass(frozen=True, eq=False)
class Curvature:
    """The last steps and changes of the gradient, as rows of a ring that is shared by all that grew from it.

    The ring has a row more than is used, so that the one before the newest stays whole while the next row is
    written. 2·(memory + 1)·n numbers.

    Attributes:
        S, Y: (memory + 1, n) steps and changes.
        inverse: (memory + 1,) 1/⟨s, y⟩.
        first, stored: rows first..stored, modulo the ring's length, are in use, at most `memory` of them.
    """

    S: Float[Tensor, "m n"]
    Y: Float[Tensor, "m n"]
    inverse: Float[Tensor, " m"]
    first: int = 0
    stored: int = 0

    @classmethod
    def empty(cls, like: Float[Tensor, " n"], memory: int = _MEMORY) -> Curvature:
        """Return a ring without rows for vectors like the one given."""
        S = torch.zeros(memory + 1, len(like), dtype=like.dtype, device=like.device)
        return cls(S, torch.zeros_like(S), torch.zeros(memory + 1, dtype=torch.float64))

    @property
    def rows(self) -> range:
        """Numbers of the steps in use, oldest first; their rows are these modulo the ring's length."""
        return range(max(self.first, self.stored - len(self.S) + 1), self.stored)

    def forgotten(self) -> Curvature:
        """Return the ring with none of its rows in use."""
        return replace(self, first=self.stored)

    def grown(self, old: Iterate, x: Tensor, gradient: Tensor) -> Curvature:
        """Return the ring with one more step, if the curvature along it is positive."""
        row = self.stored % len(self.S)
        torch.sub(x, old.x, out=self.S[row])
        torch.sub(gradient, old.gradient, out=self.Y[row])
        curvature = _dot(self.S[row], self.Y[row])
        if not curvature > 1e-12 * float(self.Y[row].norm() * self.S[row].norm()):
            return self
        self.inverse[row] = 1.0 / curvature
        return replace(self, stored=self.stored + 1)

    def direction(self, gradient: Tensor) -> Tensor:
        """Return -H g, H being the inverse Hessian of the steps in use (two-loop recursion). O(memory n)."""
        q = -gradient
        used = [number % len(self.S) for number in self.rows]
        inverse, alphas = self.inverse.tolist(), {}
        for i in reversed(used):
            alphas[i] = inverse[i] * _dot(self.S[i], q)
            q.sub_(self.Y[i], alpha=alphas[i])
        if used:
            last = used[-1]
            q.mul_(1.0 / (inverse[last] * _dot(self.Y[last], self.Y[last])))
        for i in used:
            q.add_(self.S[i], alpha=alphas[i] - inverse[i] * _dot(self.Y[i], q))
        return q


@dataclass(frozen=True, eq=False)
class Iterate:
    """A point that was accepted, the objective there, and what is known of the curvature.

    `stalled` says that no step along the direction lowers the value: the precision is used up.
    """

    x: Float[Tensor, " n"]
    evaluation: Evaluation
    curvature: Curvature
    stalled: bool = False

    @property
    def value(self) -> float:
        """Of the objective."""
        return self.evaluation.value

    @property
    def gradient(self) -> Float[Tensor, " n"]:
        """Of the objective."""
        return self.evaluation.gradient


def next_iterate(objective: Objective, at: Iterate) -> Iterate:
    """Return the iterate after one step; the same one, `stalled`, where not even the gradient leads down."""
    while True:
        direction, curvature = at.curvature.direction(at.gradient), at.curvature
        slope = _dot(at.gradient, direction)
        if slope >= 0:
            curvature, direction = curvature.forgotten(), -at.gradient
            slope = -_dot(at.gradient, at.gradient)
        found = _search(objective, at, direction, slope, first=_first_step(at, curvature))
        if found is not None:
            x, evaluation = found
            return Iterate(x, evaluation, curvature.grown(at, x, evaluation.gradient))
        if not curvature.rows:
            return replace(at, curvature=curvature, stalled=True)
        at = replace(at, curvature=curvature.forgotten(), stalled=False)  # once more, along the gradient


def _first_step(at: Iterate, curvature: Curvature) -> float:
    if curvature.rows:
        return 1.0
    return min(1.0, 0.1 * max(float(at.x.norm()), 1e-3) / max(float(at.gradient.norm()), 1e-30))


def _search(
    objective: Objective, at: Iterate, direction: Tensor, slope: float, first: float
) -> tuple[Tensor, Evaluation] | None:
    """Return a point for the weak Wolfe conditions, or None where no step lowers the value."""
    noise = _NOISE[at.x.dtype] * torch.finfo(at.x.dtype).eps * abs(at.value)
    low, high, step = 0.0, float("inf"), first
    best: tuple[Tensor, Evaluation] | None = None
    for _ in range(_TRIALS):
        trial = at.x + step * direction
        new = objective(trial)
        if not new.value <= at.value + _ARMIJO * step * slope + noise:
            high = step
        else:
            best = (trial, new)
            if _dot(new.gradient, direction) >= _CURVATURE * slope:
                break
            low = step
        step = 0.5 * (low + high) if high < float("inf") else 2.0 * low
    return best


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a, b))

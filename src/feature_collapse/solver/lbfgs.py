"""Limited-memory BFGS on numpy arrays or torch tensors, on any device, an iteration at a time.

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
from typing import Any, Generic, TypeVar

from jaxtyping import Float

from feature_collapse.array_kinds import add_scaled, module_of

Array = TypeVar("Array", bound=Any)  # numpy's or torch's, one of the two throughout a descent

UNSURE = 0.2  # p(1 - p) of a sentence's own class, about, for the units: its order is what matters
_ARMIJO, _CURVATURE, _TRIALS, _MEMORY = 1e-4, 0.9, 25, 12
_NOISE = {4: 4.0, 8: 16.0}  # rounding of a value, in its last places, by the bytes of a number


@dataclass(frozen=True, eq=False)
class Evaluation(Generic[Array]):
    """An objective at a point.

    Attributes:
        value: of the objective.
        gradient: the same length as the point.
        radial: (n_w,) ⟨∂f/∂v_j, v_j⟩ where the words lie on a sphere and `gradient` has lost it; else None.
    """

    value: float
    gradient: Float[Array, " n"]
    radial: Float[Array, " n_w"] | None = None


Objective = Callable[[Any], Evaluation[Any]]


@dataclass(frozen=True, eq=False)
class Curvature(Generic[Array]):
    """The last steps and changes of the gradient, as rows of a ring that is shared by all that grew from it.

    The ring has a row more than is used, so that the one before the newest stays whole while the next row is
    written. 2·(memory + 1)·n numbers.

    Attributes:
        S, Y: (memory + 1, n) steps and changes.
        inverse: (memory + 1,) 1/⟨s, y⟩.
        first, stored: rows first..stored, modulo the ring's length, are in use, at most `memory` of them.
    """

    S: Float[Array, "m n"]
    Y: Float[Array, "m n"]
    inverse: Float[Array, " m"]
    first: int = 0
    stored: int = 0

    @classmethod
    def empty(cls, like: Float[Array, " n"], memory: int = _MEMORY) -> Curvature[Array]:
        """Return a ring without rows for vectors like the one given."""
        xp = module_of(like)
        S = xp.stack([xp.zeros_like(like)] * (memory + 1))
        return cls(S, xp.zeros_like(S), xp.zeros(memory + 1, dtype=xp.float64))

    @property
    def rows(self) -> range:
        """Numbers of the steps in use, oldest first; their rows are these modulo the ring's length."""
        return range(max(self.first, self.stored - len(self.S) + 1), self.stored)

    def forgotten(self) -> Curvature[Array]:
        """Return the ring with none of its rows in use."""
        return replace(self, first=self.stored)

    def grown(self, old: Iterate[Array], x: Array, gradient: Array) -> Curvature[Array]:
        """Return the ring with one more step, if the curvature along it is positive."""
        row, xp = self.stored % len(self.S), module_of(x)
        xp.subtract(x, old.x, out=self.S[row])
        xp.subtract(gradient, old.gradient, out=self.Y[row])
        curvature = _dot(self.S[row], self.Y[row])
        if not curvature > 1e-12 * _norm(self.Y[row]) * _norm(self.S[row]):
            return self
        self.inverse[row] = 1.0 / curvature
        return replace(self, stored=self.stored + 1)

    def direction(self, gradient: Array) -> Array:
        """Return -H g, H being the inverse Hessian of the steps in use (two-loop recursion). O(memory n)."""
        q: Array = -gradient
        used = [number % len(self.S) for number in self.rows]
        inverse, alphas = self.inverse.tolist(), {}
        for i in reversed(used):
            alphas[i] = inverse[i] * _dot(self.S[i], q)
            add_scaled(q, self.Y[i], -alphas[i])
        if used:
            last = used[-1]
            q *= 1.0 / (inverse[last] * _dot(self.Y[last], self.Y[last]))
        for i in used:
            add_scaled(q, self.S[i], alphas[i] - inverse[i] * _dot(self.Y[i], q))
        return q


@dataclass(frozen=True, eq=False)
class Iterate(Generic[Array]):
    """A point that was accepted, the objective there, and what is known of the curvature.

    `stalled` says that no step along the direction lowers the value: the precision is used up.
    """

    x: Float[Array, " n"]
    evaluation: Evaluation[Array]
    curvature: Curvature[Array]
    stalled: bool = False

    @property
    def value(self) -> float:
        """Of the objective."""
        return self.evaluation.value

    @property
    def gradient(self) -> Float[Array, " n"]:
        """Of the objective."""
        return self.evaluation.gradient


def next_iterate(objective: Objective, at: Iterate[Array]) -> Iterate[Array]:
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


def _first_step(at: Iterate[Array], curvature: Curvature[Array]) -> float:
    if curvature.rows:
        return 1.0
    return min(1.0, 0.1 * max(_norm(at.x), 1e-3) / max(_norm(at.gradient), 1e-30))


def _search(
    objective: Objective, at: Iterate[Array], direction: Array, slope: float, first: float
) -> tuple[Array, Evaluation[Array]] | None:
    """Return a point for the weak Wolfe conditions, or None where no step lowers the value."""
    dtype = at.x.dtype
    noise = _NOISE[dtype.itemsize] * float(module_of(at.x).finfo(dtype).eps) * abs(at.value)
    low, high, step = 0.0, float("inf"), first
    best: tuple[Array, Evaluation[Array]] | None = None
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


def _dot(a: Any, b: Any) -> float:
    return float(a @ b)


def _norm(x: Array) -> float:
    return float(module_of(x).linalg.norm(x))

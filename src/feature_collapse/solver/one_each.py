"""The minimum of a problem of few words with one sentence for each class, from a start near it, numpy alone.

Such are the reduced problems of R6-R8. `solve` finds the same minimum from anywhere, but it needs torch,
which takes longer to load than this to end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.blas import one_blas_thread
from feature_collapse.certificates.bound import Bound, bound_from
from feature_collapse.certificates.one_each import dual_point_of
from feature_collapse.model.weights import Weights
from feature_collapse.risk.one_each import OneEach, has_one_each
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.lbfgs import UNSURE, Curvature, Evaluation, Iterate, next_iterate
from feature_collapse.solver.lift import lift

_FEW, _LARGEST = 16, 4000  # words and classes: beyond, the K² scores in one piece are slower than `solve`
_ROUNDS = (40, 60, 100)  # iterations between two changes of units


@one_blas_thread()
def minimum_near(problem: Problem, start: Weights, gap: float) -> tuple[Weights, Bound] | None:
    """Return weights whose relative gap is proved to be at most `gap`; None where that is not reached.

    None also for problems of other kinds. 6 K² L r flops and K² exponentials for each of some 20 evaluations,
    16 K² bytes.

    >>> from feature_collapse.task import make_task
    >>> from feature_collapse.theory.reduction import reduce
    >>> problem = reduce(make_task(n_w=12, L=3, K=8, seed=0)).problem
    >>> rng = np.random.default_rng(0)
    >>> found = minimum_near(problem, Weights(rng.normal(size=(3, 3)), rng.normal(size=(8, 3, 3))), 1e-6)
    >>> found is not None and found[1].relative_gap <= 1e-6
    True

    Args:
        problem: one sentence for each class in order; no decay of its own.
        start: of a few coordinates.
        gap: relative.
    """
    if not has_one_each(problem) or problem.decay is not None:
        return None
    if problem.n_w > _FEW or problem.K > _LARGEST or problem.device != "cpu":
        return None
    V, U = start.W.astype(np.float64), start.U.reshape(problem.K, -1).astype(np.float64)
    if problem.radius is not None:
        V = V * (problem.radius / np.linalg.norm(V, axis=1, keepdims=True))
    target = (5.0 if problem.radius is None else 100.0) * gap  # under a norm the gap is of second order
    risk = OneEach(problem)
    for iterations in _ROUNDS:
        descent = _Descent.of(problem, risk, V, U)
        x = descent.variables(V, U)
        at = Iterate(x, descent(x), Curvature.empty(x))
        for _ in range(iterations):
            slack = float(np.linalg.norm(at.gradient) * np.linalg.norm(at.x)) / max(at.value, 1e-300)
            if slack <= target or at.stalled:
                V, U = descent.weights(at.x)
                bound = _bound(problem, risk, V, U)
                if bound is None:
                    return None
                if bound.relative_gap <= gap:
                    return _lifted(problem, V, U), bound
                if at.stalled:
                    break
                target = 0.5 * slack * min(1.0, gap / bound.relative_gap)
            at = next_iterate(descent, at)
        V, U = descent.weights(at.x)
    return None


@dataclass(frozen=True, eq=False)
class _Descent:
    """The objective in variables in whose units curvatures are about one (docs/decisions/0012).

    Attributes:
        problem: of few words.
        risk: its data term.
        unit_V, unit_U: (n_w, r) and (L r,) units of the weights.
        axes, along: (K, L r) the direction of each class's own sentence in these units, and (K,) its unit.
    """

    problem: Problem
    risk: OneEach
    unit_V: Float[np.ndarray, "n_w r"]
    unit_U: Float[np.ndarray, " L*r"]
    axes: Float[np.ndarray, "K L*r"]
    along: Float[np.ndarray, "K 1"]

    @classmethod
    def of(cls, problem: Problem, risk: OneEach, V: np.ndarray, U: np.ndarray) -> _Descent:
        """Return the objective, in the units of some weights."""
        radius, K, L = problem.radius, problem.K, problem.L
        squares = np.square(U).reshape(K, L, -1).mean((0, 1))
        counts = problem.word_counts()[:, None]
        if radius is None:
            of_V = problem.lambda_ + counts * squares
        else:
            of_V = np.maximum(counts * radius**2 * squares.mean(), 1e-12) * np.ones_like(V)
        of_U = problem.lambda_ + (counts * np.square(V)).sum(0) / (L * K)
        unit_U = np.tile(of_U**-0.5, L)
        y = V[risk.words].reshape(K, -1) * risk.omega[:, None] * unit_U
        lengths = np.linalg.norm(y, axis=1, keepdims=True)
        along = (1.0 + UNSURE * np.square(lengths) / np.maximum(risk.omega[:, None], 1e-300)) ** -0.5
        return cls(problem, risk, of_V**-0.5, unit_U, y / np.maximum(lengths, 1e-300), along)

    def variables(self, V: np.ndarray, U: np.ndarray) -> Float[np.ndarray, " n"]:
        """Return the variables of some weights."""
        v = V / (self.problem.radius or 1.0) / self.unit_V
        return np.concatenate((v.ravel(), self._scaled(U / self.unit_U, 1.0 / self.along).ravel()))

    def weights(
        self, x: Float[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n_w r"], Float[np.ndarray, "K L*r"]]:
        """Return V and U."""
        w, U = self._cut(x)
        return w if self.problem.radius is None else w * self._inverse(w), U

    def __call__(self, x: Float[np.ndarray, " n"]) -> Evaluation[np.ndarray]:
        """Return value and gradient at variables x."""
        lambda_, radius = self.problem.lambda_, self.problem.radius
        w, U = self._cut(x)
        inverse = None if radius is None else self._inverse(w)
        V = w if inverse is None else w * inverse
        value, gV, gU = self.risk.value_and_gradient(V, U)
        value += 0.5 * lambda_ * float(np.square(U).sum())
        gU += lambda_ * U
        if radius is None or inverse is None:
            value += 0.5 * lambda_ * float(np.square(V).sum())
            gV += lambda_ * V
        else:
            gV = (gV - V * ((gV * V).sum(1, keepdims=True) / radius**2)) * inverse
        gz = self._scaled(gU * self.unit_U, self.along)
        return Evaluation(value, np.concatenate(((gV * self.unit_V).ravel(), gz.ravel())))

    def _cut(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cut = self.unit_V.size
        z = x[cut:].reshape(self.axes.shape)
        return x[:cut].reshape(self.unit_V.shape) * self.unit_V, self._scaled(z, self.along) * self.unit_U

    def _scaled(self, z: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Return z with the part of each class along its axis times `along`."""
        return np.asarray(z + self.axes * ((self.axes * z).sum(1, keepdims=True) * (along - 1.0)))

    def _inverse(self, w: np.ndarray) -> np.ndarray:
        return np.asarray((self.problem.radius or 1.0) / np.linalg.norm(w, axis=1, keepdims=True))


def _bound(problem: Problem, risk: OneEach, V: np.ndarray, U: np.ndarray) -> Bound | None:
    point = dual_point_of(risk, V, U)
    if point is None:
        return None
    squares = float(np.square(U).sum()) + (float(np.square(V).sum()) if problem.radius is None else 0.0)
    return bound_from(point, 0.5 * problem.lambda_ * squares, problem.lambda_, problem.radius, V)


def _lifted(problem: Problem, V: np.ndarray, U: np.ndarray) -> Weights:
    """Return the weights, those of a normalised network in R^d."""
    U = U.reshape(problem.K, problem.L, -1)
    if problem.radius is not None:
        V, U = lift(V, U, problem.d, mean_zero=problem.normaliser.centred)
    return Weights(V, U, problem.normaliser)

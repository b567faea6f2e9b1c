"""Limited-memory BFGS on torch tensors, on any device, one iteration per call of an iterator.

The two-loop recursion with a preallocated history [1, algorithm 7.4] and a line search for the weak Wolfe
conditions by bisection [2]. The variables are expected in units in which curvatures are about one, so that a
unit step is a fair first guess, cut to a tenth of the point's length; afterwards it is nearly always taken,
and an iteration costs one evaluation.

[1] J. Nocedal, S. Wright, Numerical Optimization, 2nd ed., 2006.
[2] A. Lewis, M. Overton, Nonsmooth optimization via quasi-Newton methods, Math. Programming 141, 2013.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Objective = Callable[[Tensor], tuple[float, Tensor]]
_ARMIJO, _CURVATURE, _TRIALS = 1e-4, 0.9, 25


@dataclass(frozen=True)
class Iterate:
    """A point, its value and gradient, and the number of evaluations so far.

    `stalled` says that no step along the direction lowers the value: the precision is used up.
    """

    x: Float[Tensor, " n"]
    value: float
    gradient: Float[Tensor, " n"]
    evaluations: int
    stalled: bool = False


class History:
    """The last steps S and changes of the gradient Y, as rows; memory 2·memory·n numbers."""

    def __init__(self, like: Float[Tensor, " n"], memory: int = 12) -> None:
        """An empty history for vectors like the one given."""
        self.S = torch.zeros(memory, len(like), dtype=like.dtype, device=like.device)
        self.Y = torch.zeros_like(self.S)
        self.inverse = [0.0] * memory
        self.memory, self.stored = memory, 0


def minimise(
    objective: Objective, x: Float[Tensor, " n"], history: History | None = None
) -> Iterator[Iterate]:
    """The iterates from x, without end; the caller stops.

    `history` may be that of a similar objective in the same variables; it is continued in place.
    """
    h = history or History(x)
    noise = 4 * torch.finfo(x.dtype).eps
    value, gradient = objective(x)
    evaluations = 1
    yield Iterate(x, value, gradient, evaluations)
    while True:
        direction = _two_loop(gradient, h)
        slope = _dot(gradient, direction)
        if slope >= 0:
            h.stored, direction = 0, -gradient
            slope = -_dot(gradient, gradient)
        step = (
            1.0
            if h.stored
            else min(1.0, 0.1 * max(float(x.norm()), 1e-3) / max(float(gradient.norm()), 1e-30))
        )
        low, high = 0.0, float("inf")
        best: tuple[float, Tensor, float, Tensor] | None = None
        for _ in range(_TRIALS):
            trial = x + step * direction
            new_value, new_gradient = objective(trial)
            evaluations += 1
            if not new_value <= value + _ARMIJO * step * slope + noise * abs(value):
                high = step
            else:
                best = (step, trial, new_value, new_gradient)
                if _dot(new_gradient, direction) >= _CURVATURE * slope:
                    break
                low = step
            step = 0.5 * (low + high) if high < float("inf") else 2.0 * low
        if best is None:
            if h.stored:  # once more, along the gradient
                h.stored = 0
                continue
            yield Iterate(x, value, gradient, evaluations, stalled=True)
            continue
        _, trial, new_value, new_gradient = best
        at = h.stored % h.memory
        torch.sub(trial, x, out=h.S[at])
        torch.sub(new_gradient, gradient, out=h.Y[at])
        curvature = _dot(h.S[at], h.Y[at])
        if curvature > 1e-12 * float(h.Y[at].norm() * h.S[at].norm()):
            h.inverse[at] = 1.0 / curvature
            h.stored += 1
        x, value, gradient = trial, new_value, new_gradient
        yield Iterate(x, value, gradient, evaluations)


def _two_loop(gradient: Tensor, h: History) -> Tensor:
    """-H g, with H the inverse Hessian of the history."""
    q = -gradient
    used = [i % h.memory for i in range(max(0, h.stored - h.memory), h.stored)]
    alphas = {}
    for i in reversed(used):
        alphas[i] = h.inverse[i] * _dot(h.S[i], q)
        q.sub_(h.Y[i], alpha=alphas[i])
    if used:
        last = used[-1]
        q.mul_(1.0 / (h.inverse[last] * _dot(h.Y[last], h.Y[last])))
    for i in used:
        q.add_(h.S[i], alpha=alphas[i] - h.inverse[i] * _dot(h.Y[i], q))
    return q


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a, b))

"""Limited-memory BFGS on torch tensors, on any device, one iteration per call of an iterator.

The two-loop recursion with a preallocated history [1, algorithm 7.4] and a line search for the weak Wolfe conditions
by bisection [2]. The first step is scaled by the gradient; then the unit step is nearly always taken, so that an
iteration costs one evaluation.

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


def minimise(objective: Objective, x: Float[Tensor, " n"], memory: int = 12) -> Iterator[Iterate]:
    """The iterates from x, without end; the caller stops. Memory (2·memory + 6) n numbers."""
    n, noise = len(x), 4 * torch.finfo(x.dtype).eps
    S = torch.zeros(memory, n, dtype=x.dtype, device=x.device)
    Y = torch.zeros_like(S)
    inverse = [0.0] * memory
    stored = 0
    value, gradient = objective(x)
    evaluations = 1
    yield Iterate(x, value, gradient, evaluations)
    while True:
        direction = _two_loop(gradient, S, Y, inverse, stored, memory)
        slope = _dot(gradient, direction)
        if slope >= 0:
            stored, direction = 0, -gradient
            slope = -_dot(gradient, gradient)
        step = 1.0 if stored else min(1.0, 1.0 / max(float(gradient.abs().sum()), 1e-30))
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
            if stored:  # once more, along the gradient
                stored = 0
                continue
            yield Iterate(x, value, gradient, evaluations, stalled=True)
            continue
        _, trial, new_value, new_gradient = best
        at = stored % memory
        torch.sub(trial, x, out=S[at])
        torch.sub(new_gradient, gradient, out=Y[at])
        curvature = _dot(S[at], Y[at])
        if curvature > 1e-12 * float(Y[at].norm() * S[at].norm()):
            inverse[at] = 1.0 / curvature
            stored += 1
        x, value, gradient = trial, new_value, new_gradient
        yield Iterate(x, value, gradient, evaluations)


def _two_loop(gradient: Tensor, S: Tensor, Y: Tensor, inverse: list[float], stored: int, memory: int) -> Tensor:
    """-H g, with H the inverse Hessian of the history."""
    q = -gradient
    used = [i % memory for i in range(max(0, stored - memory), stored)]
    alphas = {}
    for i in reversed(used):
        alphas[i] = inverse[i] * _dot(S[i], q)
        q.sub_(Y[i], alpha=alphas[i])
    if used:
        last = used[-1]
        q.mul_(1.0 / (inverse[last] * _dot(Y[last], Y[last])))
    for i in used:
        q.add_(S[i], alpha=alphas[i] - inverse[i] * _dot(Y[i], q))
    return q


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a, b))

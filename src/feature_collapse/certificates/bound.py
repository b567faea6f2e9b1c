"""How far from the global minimum are given weights at most? The certificates R2 and R3 (theory, section 5).

    lower bound ≤ min of the empirical risk over all weights ≤ risk at the given weights.

For the plain network the minimum is over every dimension d; for a normalised one over all word vectors in the
ball of the normaliser's radius, in any number of directions. The weights may come from anywhere: SGD, the
solver, another program. The risk is the empirical one on the sentences given: nothing is said of the true
risk (5), (10).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.certificates.dual_point import UNIT, DualPoint
from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.certificates.plain import operator_norm_bound, plain_bound
from feature_collapse.certificates.sphere import Search, sphere_bound
from feature_collapse.errors import InputError, check_lambda, check_real, check_type
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem, check_covered
from feature_collapse.task.sentences import Sentences
from feature_collapse.threads import one_torch_thread


@dataclass(frozen=True)
class Bound:
    """A risk and a proved lower bound on the least possible one.

    Attributes:
        risk: the empirical risk (2) or (3) at the weights.
        lower_bound: at most the global minimum.
        data_term: mean cross-entropy, the risk without its penalty.
        operator_norm: a proved upper bound on ‖∇f(M)‖_op, of ∇f Diag(a)^{-1/2} where the words have a
            decay a; at a critical point of the plain network, ≤ λ means global (claim H).
        rounding: a bound on the rounding error of `risk`, in the main |score|·2⁻⁵³ for each sentence's part.
        nu: (n_w,) R3's ν at these weights, with which anybody can prove their bound without looking for it;
            None for R2, and where nothing is proved.

    >>> bound = Bound(risk=0.5, lower_bound=0.4, data_term=0.3, operator_norm=0.01)
    >>> round(bound.gap, 3), round(bound.relative_gap, 3)
    (0.1, 0.2)
    """

    risk: float
    lower_bound: float
    data_term: float
    operator_norm: float
    rounding: float = 0.0
    nu: Float[np.ndarray, " n_w"] | None = field(default=None, repr=False, compare=False)

    @property
    def gap(self) -> float:
        """The risk less the lower bound: how far above the minimum the weights are at most."""
        return self.risk - self.lower_bound

    @property
    def relative_gap(self) -> float:
        """The gap over the risk (0 for a risk of 0)."""
        return self.gap / self.risk if self.risk != 0 else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return all numbers, the gaps included and ν left out, for JSON."""
        own: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "nu"}
        return {**own, "gap": self.gap, "relative_gap": self.relative_gap}

    def __str__(self) -> str:
        """Return the two ends and the gap in one line."""
        return (
            f"lower bound {self.lower_bound:.8g} ≤ global minimum ≤ risk {self.risk:.8g}: "
            f"proved to be within {self.relative_gap:.1e} of the risk"
        )


@one_torch_thread()
def certificate(
    weights: Weights,
    data: Sentences | Problem,
    lambda_: float | None = None,
    *,
    device: torch.device | str = "cpu",
    memory_limit: float = 4e9,
) -> Bound:
    """Return the risk at any weights and a lower bound on the global minimum, in float64.

    Rigorous up to what is stated: the operator norm and ν are proved by a Cholesky factorisation with Rump's
    bound; the error of the Gram matrix and of the entropies is bounded term by term and subtracted from the
    lower bound. `risk` is a float64 sum. Time 2 N K L d + K L n_w² flops (more for a normaliser: some 20
    factorisations of size n_w).

    >>> from feature_collapse.task import make_task
    >>> import numpy as np
    >>> task = make_task(n_w=6, L=2, K=4, seed=0)
    >>> print(certificate(Weights(np.zeros((6, 2)), np.zeros((4, 2, 2))), task.train_set(3), 1.0))
    lower bound 1.3862944 ≤ global minimum ≤ risk 1.3862944: proved to be within ... of the risk

    Args:
        weights: from anywhere.
        data: the sentences, or a problem, whose λ, sentence weights and device are taken.
        lambda_: λ > 0, where sentences are given.
        device: of the computation, where sentences are given.
        memory_limit: bytes.

    Raises:
        InputError: sizes that do not fit, λ ≤ 0, a memory limit too small, scores of 1e17 and more, or a
            normaliser of which nothing is proved.
    """
    problem = _problem(weights, data, lambda_, device)
    check_real("memory_limit", memory_limit, 1e6)
    check_covered(weights.normaliser, weights.d)
    weights.check_sentences(problem.sentences)
    V = torch.from_numpy(weights.features()).to(problem.device)
    U = torch.from_numpy(weights.U.astype("float64")).to(problem.device).flatten(1)
    point = dual_point(V, U, problem, memory_limit=memory_limit)
    penalty = weights.penalty(problem.lambda_, problem.decay)
    return bound_from(point, penalty, problem.lambda_, weights.radius, V)


def _problem(
    weights: Weights, data: Sentences | Problem, lambda_: float | None, device: torch.device | str
) -> Problem:
    """Return the problem given, or one that holds the sentences given; φ is the weights' own in both."""
    check_type("weights", weights, Weights, "Weights")
    check_type("data", data, (Sentences, Problem), "sentences (a task's train_set) or a Problem")
    if not isinstance(data, Problem):
        if lambda_ is None:
            raise InputError("lambda must be given with sentences: a number > 0")
        check_lambda(lambda_, positive=True)
        return Problem(data, weights.n_w, weights.K, lambda_, device=str(device))
    if lambda_ is not None:
        raise InputError(
            f"lambda = {lambda_!r} is given beside a problem, which has its own: {data.lambda_:g}"
        )
    ours, theirs = (weights.n_w, weights.K, weights.L), (data.n_w, data.K, data.L)
    if ours != theirs:
        raise InputError(f"the weights have (n_w, K, L) = {ours}, but the problem has {theirs}")
    if weights.normaliser.name != data.normaliser.name or weights.radius != data.radius:
        raise InputError(
            f"the weights have the normaliser {weights.normaliser.name} and d = {weights.d}, but the problem "
            f"has {data.normaliser.name} and d = {data.d}"
        )
    return data


def bound_from(
    point: DualPoint,
    penalty: float,
    lambda_: float,
    radius: float | None,
    V: Tensor,
    search: Search | None = None,
) -> Bound:
    """Return the bound from a dual point: R2 where `radius` is None, else R3 with V as a guide to ν."""
    norm, risk, nu = operator_norm_bound(point), point.data_term + penalty, None
    if radius is None:
        lower = plain_bound(point, lambda_, norm)
    else:
        search = search or Search()
        guess = (point.gram @ V * V).sum(1) / radius**2
        search = replace(search, enough=risk * (1.0 - search.gap))
        lower, nu = sphere_bound(point, lambda_, radius, guess, search)
    rounding = point.data_rounding + (64.0 + len(V)) * UNIT * penalty  # sums in pairs, and over the words
    return Bound(risk, lower, point.data_term, norm, rounding, None if nu is None else nu.cpu().numpy())

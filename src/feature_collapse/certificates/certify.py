"""How far from the global minimum are given weights at most? The certificates R2 and R3 (theory, section 5).

    lower bound ≤ min of the empirical risk over all weights ≤ risk at the given weights.

For the plain network the minimum is over every dimension d; for a normalised one over all word vectors in the
ball of the normaliser's radius, in any number of directions. The weights may come from anywhere: SGD, the
solver, another program. The risk is the empirical one on the sentences given: nothing is said of the true
risk (5), (10).
"""

from __future__ import annotations

import torch

from feature_collapse.certificates.bound import Bound, bound_from
from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.errors import InputError, check_lambda, check_real, check_type
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem, check_covered
from feature_collapse.task.sentences import Sentences
from feature_collapse.threads import one_torch_thread


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

"""R6-R8: the minimum of the true risk for any latents, from a problem with one word for each concept.

    R6  plain network, uniform words:                    n_c words, K sentences (the latents), λ' = λ√s_c
    R7  LayerNorm, RMSNorm or unit sphere, any words:    n_c words, K sentences, the same λ and norm ρ
    R8  plain network, any words, decay a_β ∝ μ_β:       as R6, λ' = λ√A, A = Σ_β a_β  (s_c for a_β = s_c μ_β)

Replacing every word by its concept's mean, w̄_α = Σ_β μ_β w_(α,β), lowers the data term (Jensen: scores
are linear in the embeddings and the words of a sentence independent, given its class), and under these
penalties does not raise the rest. So no assumption on the latents is needed, and the certificates R2 and R3
of the small problem are about the minimum of the true risk (5) or (10). Proofs: docs/beyond-the-paper.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from feature_collapse.errors import InputError
from feature_collapse.model.normalisers import NoNormaliser, Normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.task.frequencies import is_uniform
from feature_collapse.task.sentences import Sentences
from feature_collapse.task.task import Task
from feature_collapse.theory.answers import proportion
from feature_collapse.theory.lower_bound import concept_means
from feature_collapse.theory.theorem2 import Norms, check_decay


@dataclass(frozen=True, eq=False)
class Reduction:
    """The problem with one word for each concept; `reduce` makes one.

    Attributes:
        result: `R6`, `R7` or `R8`.
        task: whose true risk is meant.
        problem: n_c words, the K latents as its sentences. Its minimum is that of the true risk.
        scale: A^{1/4}; a word of the task is that of the problem over it, and U is that times it.
    """

    result: str
    task: Task
    problem: Problem
    scale: float

    def lift(self, weights: Weights) -> Weights:
        """Return weights of the task whose true risk is the problem's risk at `weights`. O((n_w + K L) d).

        Raises:
            InputError: weights of another number of words or classes.
        """
        n_c, s_c = self.task.n_c, self.task.s_c
        if (weights.n_w, weights.K, weights.L) != (n_c, self.task.K, self.task.L):
            raise InputError(f"{weights}, but the reduced problem has {self.problem}")
        W = np.repeat(weights.W.astype(np.float64), s_c, axis=0) / self.scale
        return Weights(W, self.scale * weights.U.astype(np.float64), weights.normaliser)


def which_result(task: Task, normaliser: Normaliser | None = None, decay: Norms | None = None) -> str:
    """Return the result that reduces a task, `R6`, `R7` or `R8`, or an empty string where none does.

    >>> from feature_collapse.task import make_task
    >>> task = make_task(n_w=12, L=3, K=8, word_law="zipf")
    >>> which_result(task), which_result(task, decay=task.mu)
    ('', 'R8')

    Args:
        task: its word law decides.
        normaliser: none for the plain network.
        decay: (s_c,) a_β > 0 of the words of a concept; None for 1 each.

    Raises:
        InputError: decays that are not s_c positive numbers.
    """
    decay = check_decay(decay, task.s_c)
    if normaliser is not None and normaliser.radius(2) is not None:
        return "R7"
    if decay is None:
        return "R6" if is_uniform(task.mu) else ""
    if proportion(decay, task.mu) is None:
        return ""
    return "R6" if is_uniform(task.mu) else "R8"


def reduce(
    task: Task,
    lambda_: float = 1e-3,
    d: int = 100,
    normaliser: Normaliser | None = None,
    decay: Norms | None = None,
) -> Reduction:
    """Return the problem with one word for each concept whose minimum is that of the true risk. O(K L).

    Under a normaliser ε is taken as 0, which leaves the infimum as it is. Its minimum is reached by words of
    norm ρ for d ≥ n_c + 1 (n_c + 2 where the normaliser centres); below that the bound still holds.

    >>> from feature_collapse.task import make_task
    >>> print(reduce(make_task(n_w=12, L=3, K=8)).problem)
    risk of 8 sentences of length 3 in 8 classes, 3 words, λ = 0.002, normaliser none

    Args:
        task: any latents; uniform words, unless a normaliser or the decay makes them alike.
        lambda_: λ > 0.
        d: embedding dimension.
        normaliser: none for the plain network.
        decay: (s_c,) a_β > 0 of the words of a concept; None for 1 each.

    Raises:
        InputError: λ ≤ 0, or a task that no result reduces.
    """
    result = which_result(task, normaliser, decay)
    if not result:
        raise InputError(
            "words that are not uniform have no reduction without a normaliser (R7) or a decay in "
            "proportion to their frequency (R8)"
        )
    scale = 1.0
    if result != "R7":
        total = float(task.s_c) if decay is None else float(np.sum(decay))
        scale, lambda_ = total**0.25, lambda_ * total**0.5
    phi: Any = NoNormaliser() if normaliser is None else normaliser
    phi = replace(phi, eps=0.0) if getattr(phi, "eps", 0.0) > 0.0 else phi
    sentences = Sentences(task.latents, np.arange(task.K))
    return Reduction(result, task, Problem(sentences, task.n_c, task.K, lambda_, phi, d), scale)


def concept_averaged(weights: Weights, task: Task) -> Weights:
    """Return the weights with every word replaced by its concept's mean, w̄_α = Σ_β μ_β w_(α,β).

    The data term of the true risk does not rise, for any weights, latents and word law; nor does the true
    risk where a result R6-R8 applies. Under a normaliser the mean features, which are too short, are brought
    back to norm ρ along a direction that U does not see (U loses what acts on no mean). O((n_w + K L) d).

    Raises:
        InputError: sizes that do not fit; under a normaliser ε > 0, or a d that leaves no such direction.
    """
    means = concept_means(weights, task)
    radius, phi = weights.radius, weights.normaliser
    if radius is None:
        return Weights(np.repeat(means, task.s_c, axis=0), weights.U.astype(np.float64))
    if getattr(phi, "eps", 0.0) > 0.0:
        raise InputError("eps must be 0 to average features of a fixed norm")
    _, values, axes = np.linalg.svd(means)
    rank = int((values > 1e-12 * max(values[0], 1e-300)).sum())
    free = axes[rank:]  # a basis of what is orthogonal to every mean
    if phi.centred:
        free = free - free.mean(1, keepdims=True)
    if len(free) <= phi.centred:
        raise InputError(f"d = {weights.d}, but must be ≥ {rank + 1 + phi.centred} to restore the norms")
    direction = np.linalg.svd(free)[2][0]
    missing = np.sqrt(np.maximum(radius**2 - (means**2).sum(1), 0.0))
    used = axes[:rank]
    U = weights.U.astype(np.float64) @ used.T @ used
    return Weights(np.repeat(means + missing[:, None] * direction, task.s_c, axis=0), U, phi)

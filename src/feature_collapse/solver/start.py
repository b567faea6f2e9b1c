"""Weights to start from: leading singular vectors of the gradient at zero, at the best of a few scales."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from feature_collapse.errors import InputError
from feature_collapse.model.weights import Weights
from feature_collapse.ranks import ALONE, Ranks
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.factors import on_sphere
from feature_collapse.solver.models import make_model
from feature_collapse.solver.options import LARGE
from feature_collapse.solver.spectral import Spectrum, gradient_at_zero, leading


def spectral_start(
    problem: Problem, rank: int, seed: int = 0, *, few: bool = False, ranks: Ranks = ALONE
) -> tuple[Tensor, Tensor]:
    """Return V (n_w, r) and U (K L, r), float64; r = rank, or fewer for a large problem or if `few`.

    Plain: both factors along the singular vectors, in proportion to the singular values. Normalised: the
    columns of the gradient are first divided by the square roots of the words' counts, so that rare words
    have a direction too; then V is scaled to the sphere and U is the negative gradient there. The overall
    scale is the best of a few.
    """
    large = len(problem.words) * problem.K >= LARGE
    if problem.radius is None:
        top = _shortened(leading(gradient_at_zero(problem), rank, seed), few or large)
        share = top.values / max(top.values[0], 1e-300)
        V, U = _tensor(top.right * share, problem), _tensor(-top.left * share, problem)
        scales = np.geomspace(0.3, 100.0, 10)
    else:
        counts = problem.word_counts()
        root = np.where(counts > 0, 1.0 / np.sqrt(np.where(counts > 0, counts, 1.0)), 0.0)
        top = _shortened(leading(gradient_at_zero(problem, root), rank, seed), few or large)
        share = top.values / max(top.values[0], 1e-300)
        V = on_sphere(_tensor(top.right * share, problem), problem.radius)
        G = gradient_at_zero(problem)
        U = _tensor(-G.matmat(V.cpu().numpy()), problem)
        U /= U.norm().clamp_min(1e-300)
        scales = np.geomspace(0.3, 100.0, 10)
    model = make_model(problem.sample(1000), single=True, ranks=ranks)  # the scale does not need more
    best, chosen = np.inf, float(scales[0])
    for scale in scales:
        value = model.value(V * (scale if problem.radius is None else 1.0), U * scale)
        if value < best:
            best, chosen = value, float(scale)
    return (V * chosen if problem.radius is None else V), U * chosen


def given_start(problem: Problem, start: Weights) -> tuple[Tensor, Tensor]:
    """Return V and U of given weights; on the sphere V is scaled to the radius, without centring.

    Of a normalised network the features count, in as few coordinates as they span.

    Raises:
        InputError: weights of other sizes, of too many coordinates, or with a word vector of length 0 that
            cannot be scaled.
    """
    ours, theirs = (problem.n_w, problem.K, problem.L), (start.n_w, start.K, start.L)
    if ours != theirs:
        raise InputError(f"start has (n_w, K, L) = {theirs}, but must have {ours}")
    start = start if start.radius is None else start.compressed()
    if start.d > problem.largest_rank:
        raise InputError(f"start has {start.d} coordinates, but must have at most {problem.largest_rank}")
    V = _tensor(start.W, problem)
    if problem.radius is not None:
        if not bool(V.any(dim=1).all()):
            raise InputError("start has a word vector of length 0, which cannot be scaled to the radius")
        V = V * (problem.radius / V.norm(dim=1, keepdim=True))
    elif problem.decay is not None:
        V = V * _tensor(np.sqrt(problem.decay), problem).unsqueeze(1)
    return V, _tensor(start.U, problem).reshape(-1, start.d)


def _shortened(top: Spectrum, few: bool) -> Spectrum:
    """Return, where few are wanted, the triplets before the largest drop of the singular values."""
    if not few or len(top.values) < 3:
        return top
    r = 1 + int(np.argmax(top.values[:-1] / np.maximum(top.values[1:], 1e-300)))
    return Spectrum(top.left[:, :r], top.values[:r], top.right[:, :r])


def _tensor(array: np.ndarray, problem: Problem) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(problem.device, torch.float64)

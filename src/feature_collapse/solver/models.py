"""The model of a problem: plain or on the sphere, in single or double precision."""

from __future__ import annotations

import torch

from feature_collapse.ranks import ALONE, Ranks
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.precise import PreciseRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.risk.shared import SharedRisk
from feature_collapse.solver.objective import Model
from feature_collapse.solver.plain_model import PlainModel
from feature_collapse.solver.sphere_model import SphereModel

PRECISE_BELOW = 1e-6  # λ: the data term is of its order, and the ordinary sums are good to about 1e-15


def make_model(problem: Problem, single: bool, ranks: Ranks = ALONE) -> Model:
    """Return the model of a problem, its data term in single or double precision; precise below λ = 1e-6.

    Ranks share its classes, but not the precise sums.
    """
    precise = problem.lambda_ < PRECISE_BELOW
    dtype = torch.float32 if single and not precise else torch.float64
    if ranks.size > 1 and not precise:
        risk: EmpiricalRisk = SharedRisk(problem, ranks, dtype=dtype)
    else:
        risk = (PreciseRisk if precise else EmpiricalRisk)(problem, dtype=dtype)
    counts = torch.from_numpy(problem.word_counts())
    if problem.radius is None:
        word_units = problem.word_units()
        scale = None if word_units is None else torch.from_numpy(word_units)
        return PlainModel(risk, counts, problem.lambda_, scale)
    return SphereModel(risk, counts, problem.lambda_, problem.radius)

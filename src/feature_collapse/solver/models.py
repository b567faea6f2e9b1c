"""The model of a problem: plain or on the sphere, in single or double precision."""

from __future__ import annotations

import torch

from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.objective import Model
from feature_collapse.solver.plain_model import PlainModel
from feature_collapse.solver.sphere_model import SphereModel


def make_model(problem: Problem, single: bool) -> Model:
    """Return the model of a problem, its data term in single or double precision."""
    risk = EmpiricalRisk(
        problem.words,
        problem.labels,
        problem.n_w,
        problem.K,
        weights=problem.omega,
        dtype=torch.float32 if single else torch.float64,
        device=problem.device,
    )
    counts = torch.from_numpy(problem.word_counts())
    if problem.radius is None:
        word_units = problem.word_units()
        scale = None if word_units is None else torch.from_numpy(word_units)
        return PlainModel(risk, counts, problem.lambda_, scale)
    return SphereModel(risk, counts, problem.lambda_, problem.radius)

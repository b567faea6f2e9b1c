"""Ranks that share the classes of one problem find what one finds: evaluations, certificates, solutions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from feature_collapse.ranks import Ranks
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.risk.shared import SharedRisk
from feature_collapse.task import make_task
from ranks_started import ended, started

# Every rank runs this; rank 0 compares what the ranks find with what it finds alone.
COMPARE = """
import json, numpy as np, torch
from feature_collapse.certificates.certify import certificate
from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.model.weights import Weights
from feature_collapse.ranks import join
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.risk.shared import SharedRisk, packed
from feature_collapse.solver.lend import lend
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.task import make_task

ranks = join()
torch.set_num_threads(1 + ranks.rank)  # which changes nothing
if ranks.rank:
    lend(ranks)
    ranks.end()
    raise SystemExit
found = {}
task = make_task(n_w=24, L=4, K=15, word_law="zipf", seed=0)
many = make_task(n_w=24, L=4, K=160, word_law="zipf", seed=0)
for name, gap, problem in (
    ("plain", 1e-9, Problem.of(task, n_spl=5, lambda_=1e-3)),
    ("layernorm", 1e-8, Problem.of(task, n_spl=5, lambda_=1e-3, normaliser="layernorm", d=12)),
    ("decay", 1e-9, Problem.of(task, n_spl=5, lambda_=1e-3, decay=1.0)),
    ("parts, in single precision", 1e-4, Problem.of(many, n_spl=80, lambda_=2e-2)),
    ("tiny lambda", 1e-6, Problem.of(task, n_spl=5, lambda_=1e-7)),
    ("zero", 1e-9, Problem.of(task, n_spl=5, lambda_=1.0)),
):
    one = solve(problem, gap=gap)
    several = solve(problem, gap=gap, options=SolverOptions(ranks=ranks))
    there = certificate(several.weights, problem)
    found[name] = {
        "statuses": [one.status, several.status],
        "gaps": [gap, one.relative_gap, several.relative_gap],
        "apart": [one.risk - several.risk, one.lower_bound - several.lower_bound],
        "apart at the same weights": [there.risk - several.risk, there.lower_bound - several.lower_bound],
    }

rng = np.random.default_rng(0)
problem = Problem.of(many, n_spl=9, omega=rng.dirichlet(np.ones(160 * 9)))
shared, alone = (make(problem) for make in (
    lambda p: SharedRisk(p, ranks, dtype=torch.float64), lambda p: EmpiricalRisk(p, dtype=torch.float64)))
apart = 0.0
for scale in (1.0, 1.1, 300.0, 1.0):  # that of the third is far from the shift of the second
    V, U, Q = (torch.from_numpy(scale * rng.standard_normal(s)) for s in ((24, 3), (160, 12), (24, 2)))
    pairs = zip(shared.value_and_gradient(V, U), alone.value_and_gradient(V, U))
    pairs = [*((torch.as_tensor(a), torch.as_tensor(b)) for a, b in pairs),
             (shared.apply_gradient(V, U, Q), alone.apply_gradient(V, U, Q))]
    apart = max(apart, *(float((a - b).abs().max() / b.abs().max()) for a, b in pairs))
found["evaluations"] = apart
V, U = (torch.from_numpy(rng.standard_normal(s)) for s in ((24, 3), (160, 12)))
over, _, _ = shared.value_and_gradient(V * 1e200, U * 1e200)
found["overflow"] = [over, alone.value_and_gradient(V * 1e200, U * 1e200)[0]]
apart = 0.0
for scale, limit in ((1.0, 4e9), (100.0, 4e9), (1.0, 1.1e6)):
    with ranks.asking("certify", V * scale, U, torch.tensor([limit], dtype=torch.float64), *packed(problem)):
        a = dual_point(V * scale, U, problem, memory_limit=limit, ranks=ranks)
    b = dual_point(V * scale, U, problem, memory_limit=limit)
    terms = abs(a.data_term / b.data_term - 1), abs(a.entropy() - b.entropy()) / max(b.entropy(), 1e-9)
    apart = max(apart, *terms, float((a.gram - b.gram).abs().max() / b.gram.abs().max()))
    errors = [a.gram_error, b.gram_error]
found["dual points"] = apart
found["gram errors"] = errors
ranks.end()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `COMPARE` prints with two ranks."""
    first, second = ended(started(2, tmp_path_factory.mktemp("ranks"), "-c", COMPARE))
    assert first[0] == 0, first[2]
    assert second == (0, "", "")
    return json.loads(first[1])


@pytest.mark.parametrize("name", ["plain", "layernorm", "decay"])
def test_two_ranks_find_the_risk_and_the_bound_of_one(found, name):
    case = found[name]
    assert case["statuses"] == ["solved", "solved"]
    np.testing.assert_allclose(case["apart"], 0.0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["parts, in single precision", "tiny lambda", "zero"])
def test_so_they_do_to_the_gap_on_parts_and_at_small_and_large_lambda(found, name):
    case = found[name]
    gap, *reached = case["gaps"]
    assert case["statuses"] == ["zero" if name == "zero" else "solved"] * 2
    assert max(reached) <= gap


@pytest.mark.parametrize("name", ["plain", "layernorm", "decay", "parts, in single precision", "zero"])
def test_at_the_same_weights_the_bounds_agree_to_rounding(found, name):
    # the bounds of the normalised network come from two searches for ν that end at 0.1 of the gap, 1e-8
    atol = 2e-9 if name == "layernorm" else 1e-12
    np.testing.assert_allclose(found[name]["apart at the same weights"], 0.0, rtol=0, atol=atol)


def test_evaluations_agree_to_rounding_also_where_the_shift_fails(found):
    assert found["evaluations"] < 1e-12
    assert found["overflow"] == [float("inf"), float("inf")]


def test_dual_points_agree_to_rounding_also_out_of_range_and_in_many_blocks(found):
    assert found["dual points"] < 1e-12
    assert found["gram errors"][0] == pytest.approx(found["gram errors"][1], rel=0.2)


class Silent(Ranks):
    """One of two ranks that never hears of the other."""

    def __init__(self) -> None:
        super().__init__(0, 2)

    def _send(self, order, tensors) -> None: ...
    def add(self, *tensors) -> None: ...
    def add_up(self, *tensors) -> None: ...
    def maximum(self, tensor) -> None: ...


def test_a_block_that_is_left_out_changes_the_risk():
    problem = Problem.of(make_task(n_w=24, L=4, K=16, seed=0), n_spl=5)
    rng = np.random.default_rng(0)
    V, U = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((24, 3), (16, 12)))
    whole = EmpiricalRisk(problem, dtype=torch.float64).value_and_gradient(V, U)
    half = SharedRisk(problem, Silent(), dtype=torch.float64).value_and_gradient(V, U)
    assert abs(half[0] - whole[0]) > 0.1 * whole[0]
    assert not half[2][8:].any()  # of the other rank's classes nothing is known
    one = SharedRisk(problem, Ranks(), dtype=torch.float64).value_and_gradient(V, U)
    assert one[0] == pytest.approx(whole[0], rel=1e-14)  # control

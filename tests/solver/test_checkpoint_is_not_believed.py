"""Nothing in a checkpoint is believed: a state is judged like any start; none of a run's own is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_collapse.keyed_tensors import read_keyed, write_keyed
from feature_collapse.model.decay import Decay
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver import trace
from feature_collapse.solver.options import FROM_THEORY, PLAIN, SPHERE, Part, SolverOptions
from feature_collapse.solver.resumed import fault_of
from feature_collapse.solver.solve import solve
from feature_collapse.task.task import make_task
from feature_collapse.theory.start import mean_field_start
from solver.interrupted import GAP, cut_off, small


def changed(file, **tensors) -> None:
    """Rewrite a checkpoint with other tensors, under its own key and a right checksum."""
    key = trace._key(small(), 0)
    found = read_keyed(file, key)
    assert found is not None
    write_keyed(file, key, {**found, **tensors})


def test_no_bound_is_read_from_a_file(tmp_path) -> None:
    file = tmp_path / "c"
    cut_off(small(), file, 30, gap=GAP)
    found = read_keyed(file, trace._key(small(), 0))
    history = found["history"].clone()
    history[:, 3] = 0.9  # of lower bounds
    numbers = found["numbers"].clone()
    numbers[10] = 0.9  # the last certificate's risk
    changed(file, history=history, numbers=numbers)
    resumed, whole = solve(small(), gap=GAP, checkpoint=file), solve(small(), gap=GAP)
    assert resumed.lower_bound <= whole.risk
    assert not np.nanmax(resumed.history[:, 3]) > whole.risk


NAN = float("nan")


@pytest.mark.parametrize(
    "change",
    [
        {"V": torch.full((12, 4), NAN, dtype=torch.float64)},
        {"V": torch.full((12, 4), 1e200, dtype=torch.float64)},
        {"V": torch.ones(11, 4, dtype=torch.float64)},
        {"U": torch.ones(24, 5, dtype=torch.float64)},
        {"U": torch.full((24, 4), 50.0, dtype=torch.float64)},
        {"numbers": torch.full((16,), NAN, dtype=torch.float64)},
        {"numbers": torch.full((16,), -3.0, dtype=torch.float64)},
        {"numbers": torch.full((16,), 1e300, dtype=torch.float64)},
        {"numbers": torch.zeros(2, dtype=torch.float64)},
        {"numbers": torch.zeros(16, dtype=torch.complex64)},
        {"history": torch.zeros(7, 5)},
        {"descent": torch.full((8,), NAN, dtype=torch.float64)},
        {"S": torch.full((13, 4), NAN, dtype=torch.float64)},
        {"unit": torch.zeros(3, dtype=torch.float64)},
        {"axes": torch.zeros(3, dtype=torch.float64)},
        {"along": torch.full((6,), NAN, dtype=torch.float64)},
        {"tilt": torch.zeros(144, dtype=torch.float64)},
        {"tilt": torch.zeros(144, dtype=torch.float64), "level": torch.zeros((), dtype=torch.float64)},
        {"x": torch.zeros(3, dtype=torch.float64)},
        {"shift": torch.zeros(3, dtype=torch.float64)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_hostile_state_is_not_used_and_that_is_said(tmp_path, caplog, change) -> None:
    file = tmp_path / "c"
    cut_off(small(), file, 30, gap=GAP)
    changed(file, **change)
    found = solve(small(), gap=GAP, checkpoint=file)
    np.testing.assert_array_equal(found.W, solve(small(), gap=GAP).W)
    assert "is not used, and the run begins anew" in caplog.text


def _entry(name: str, index: int, value: float):
    """Return a change of one number of a tensor."""

    def change(found):
        tensor = found[name].clone()
        tensor.view(-1)[index] = value
        return {name: tensor}

    return change


def _scaled(name: str, factor: float):
    return lambda found: {name: found[name] * factor}


def _both(index: int, factor: float):
    """Return a change of a unit that leaves the weights."""

    def change(found):
        unit, x = found["unit"].clone(), found["x"].clone()
        unit[index] *= factor
        x[index] /= factor
        return {"unit": unit, "x": x}

    return change


def _numbers(**entries: float):
    return lambda found: {"numbers": _put(found["numbers"], entries)}


def _put(tensor, entries):
    tensor = tensor.clone()
    for key, value in entries.items():
        tensor[int(key[1:])] = value
    return tensor


@pytest.mark.parametrize("normaliser", [NoNormaliser(), LayerNorm()], ids=lambda n: n.name)
@pytest.mark.parametrize(
    "change",
    [
        _entry("unit", -1, 1e15),
        _both(-1, 1e15),
        _both(-1, 1e-15),
        _both(0, 1e15),
        _both(0, 1e-15),
        _entry("x", 0, 1e9),
        _scaled("x", -1.0),
        _entry("gradient", 7, 1.5),
        _scaled("gradient", -1.0),
        lambda found: {"gradient": found["gradient"].bfloat16()},
        _scaled("axes", 2.0),
        _scaled("along", 0.5),
        _scaled("along", -1.0),
        _scaled("inverse", -1.0),
        _scaled("inverse", 0.0),
        _scaled("S", 10.0),
        _scaled("Y", 0.0),
        lambda found: {"S": found["S"].float(), "Y": found["Y"].float()},
        lambda found: {"S": found["S"][0, 0]},
        lambda found: {"V": found["V"].reshape(-1)},
        lambda found: {"descent": _put(found["descent"], {"_1": 5.0})},
        lambda found: {"descent": _put(found["descent"], {"_1": -1.0})},
        _numbers(_5=1.0),
        _numbers(_9=1.0, _10=0.0),
        lambda found: {"radial": found.get("radial", found["x"])[:5].clone()},
        lambda found: {"shift": found["shift"].to(torch.float8_e4m3fn)},
    ],
)
def test_a_descent_that_is_not_one_of_these_weights_is_not_used(tmp_path, caplog, change, normaliser) -> None:
    file, problem = tmp_path / "c", small(normaliser)
    cut_off(problem, file, 30, gap=GAP)
    key = trace._key(problem, 0)
    found = read_keyed(file, key)
    write_keyed(file, key, {**found, **change(found)})
    resumed = solve(problem, gap=GAP, checkpoint=file)
    np.testing.assert_array_equal(resumed.W, solve(problem, gap=GAP).W)
    assert "is not used, and the run begins anew" in caplog.text


def _faults(monkeypatch, problem: Problem, schedule, start=None) -> list[str | None]:
    """Return what is found fault with at every iteration of a run."""
    faults: list[str | None] = []
    noted = trace.Trace.iterated

    def judged(self, state, risk) -> None:
        if self.problem is problem:  # and not that at a larger λ from which a tiny one is reached
            faults.append(fault_of(state, problem, schedule))
        noted(self, state, risk)

    monkeypatch.setattr(trace.Trace, "iterated", judged)
    solve(problem, gap=1e-5, options=SolverOptions(schedule=schedule), start=start)
    return faults


@pytest.mark.parametrize("lambda_", [1e-8, 1e-6, 1e-4, 1e-2])
@pytest.mark.parametrize(
    "settings",
    [{}, {"normaliser": "layernorm"}, {"decay": Decay(1.0)}, {"decay": Decay(2.0)}],
    ids=["plain", "layernorm", "decay 1", "decay 2"],
)
def test_no_state_of_a_run_is_found_fault_with(monkeypatch, lambda_: float, settings) -> None:
    problem = Problem.of(make_task(n_w=30, K=12, L=4, word_law="zipf", seed=1), n_spl=80, lambda_=lambda_,
                         **settings)  # fmt: skip
    base = PLAIN if problem.radius is None else SPHERE
    schedule = replace(base, parts=(Part(5, 1e-2), Part(20, 1e-3)), small=0.0)
    faults = _faults(monkeypatch, problem, schedule)
    assert len(faults) > 20
    assert set(faults) == {None}


@pytest.mark.parametrize("lambda_", [1e-3, 1e-2])
def test_nor_of_one_on_a_tilted_part(monkeypatch, lambda_: float) -> None:
    task = make_task(n_w=30, K=12, L=4, word_law="zipf", seed=1)
    problem = Problem.of(task, n_spl=250, lambda_=lambda_)
    assert len(FROM_THEORY.parts_of(problem)) == 1
    faults = _faults(monkeypatch, problem, FROM_THEORY, mean_field_start(task, lambda_))
    assert len(faults) > 5
    assert set(faults) == {None}


@pytest.mark.parametrize("normaliser", [NoNormaliser(), LayerNorm(), UnitSphere()], ids=lambda n: n.name)
@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-3])
def test_nor_of_one_that_begins_near_zero(monkeypatch, normaliser, size: float) -> None:
    problem = small(normaliser)
    rng = np.random.default_rng(0)
    V, U = rng.standard_normal((12, 9)), size * rng.standard_normal((6, 4, 9))
    schedule = PLAIN if problem.radius is None else SPHERE
    faults = _faults(monkeypatch, problem, schedule, Weights(V, U, normaliser))
    assert len(faults) > 10
    assert set(faults) == {None}


def test_every_flipped_bit_is_noticed(tmp_path, caplog) -> None:
    file = tmp_path / "c"
    cut_off(small(), file, 10, gap=GAP)
    data, key = file.read_bytes(), trace._key(small(), 0)
    assert read_keyed(file, key) is not None
    header = 8 + int.from_bytes(data[:8], "little")
    rng = np.random.default_rng(0)
    bits = [*range(0, 8 * header, 7), *rng.integers(8 * header, 8 * len(data), 600).tolist()]
    for bit in bits:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        assert read_keyed(file, key) is None, bit
    file.write_bytes(data[:-1])
    assert read_keyed(file, key) is None

"""One φ: numpy and torch agree, no scale is too large or small, zero and constant vectors have φ = 0."""

import sys
import types
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import numpy as np
import pytest
import torch

from feature_collapse.errors import InputError
from feature_collapse.model import normalisers
from feature_collapse.model.normalisers import Normaliser, make_normaliser, normaliser_names, register

NAMES = ("layernorm", "rmsnorm", "sphere")
ROWS = np.random.default_rng(0).standard_normal((5, 7))


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(normalisers, "_REGISTRY", dict(normalisers._REGISTRY))


@pytest.mark.parametrize("name", normaliser_names())
@pytest.mark.parametrize("eps", [0.0, 1e-5])
def test_numpy_and_torch_give_the_same(name, eps):
    phi, g = make_normaliser(name, eps), np.flip(ROWS, 0).copy()
    assert isinstance(phi, Normaliser)
    for ours, theirs in (
        (phi.forward(ROWS), phi.forward(torch.from_numpy(ROWS))),
        (phi.vjp(ROWS, g), phi.vjp(torch.from_numpy(ROWS), torch.from_numpy(g))),
    ):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1e-307, 2.7e-162, 1e-9, 1e9, 1e155, 1e307])
def test_the_scale_of_a_vector_does_not_matter_where_squares_leave_the_range_of_floats(name, scale):
    phi = make_normaliser(name)
    np.testing.assert_allclose(phi.forward(ROWS * scale), phi.forward(ROWS), rtol=1e-12)
    np.testing.assert_allclose(phi.forward(torch.from_numpy(ROWS * scale)), phi.forward(ROWS), rtol=1e-12)


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e12])
def test_a_large_mean_costs_layernorm_no_digits(offset):
    v = offset + np.random.default_rng(0).standard_normal((50, 37))
    exact = v - offset  # without rounding
    expected = make_normaliser("layernorm").forward(exact)
    found = make_normaliser("layernorm").forward(v)
    assert abs(found - expected).max() < 1e-14
    assert abs(make_normaliser("layernorm").forward(torch.from_numpy(v)).numpy() - expected).max() < 1e-14


def test_written_naively_it_would():
    with np.errstate(all="ignore"):
        naive = ROWS * 1e155 / np.sqrt(np.mean((ROWS * 1e155) ** 2, axis=1, keepdims=True))
    assert not np.allclose(naive, make_normaliser("rmsnorm").forward(ROWS))


@pytest.mark.parametrize("name", NAMES)
def test_epsilon_counts_for_small_vectors_and_not_for_large_ones(name):
    exact, soft = make_normaliser(name), make_normaliser(name, 1e-5)
    assert np.linalg.norm(soft.forward(1e-3 * ROWS)) < 0.9 * np.linalg.norm(exact.forward(ROWS))
    np.testing.assert_allclose(soft.forward(ROWS * 1e200), exact.forward(ROWS), rtol=1e-12)
    np.testing.assert_allclose(
        soft.forward(ROWS * 1e-200), ROWS * 1e-200 / np.sqrt(1e-5), rtol=0.7, atol=1e-190
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_a_zero_vector_has_no_direction_and_its_neighbours_are_untouched(name, kind):
    rows = ROWS.copy()
    rows[2] = 0.0
    phi = make_normaliser(name)
    found = np.asarray(phi.forward(kind(rows)))
    assert not found[2].any()
    np.testing.assert_allclose(np.delete(found, 2, 0), phi.forward(np.delete(ROWS, 2, 0)), rtol=1e-14)
    assert np.isfinite(np.asarray(phi.vjp(kind(rows), kind(ROWS)))).all()
    assert not np.asarray(phi.vjp(kind(rows), kind(ROWS)))[2].any()


@pytest.mark.parametrize("value", [0.1, -3.3, 1e200])
def test_a_constant_vector_has_no_direction_under_layernorm_and_has_one_under_rmsnorm(value):
    constant = np.full((1, 7), value)
    assert constant.mean() != value or value == 1e200  # rounding leaves something behind
    assert not make_normaliser("layernorm").forward(constant).any()
    assert np.abs(make_normaliser("rmsnorm").forward(constant)).min() == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_is_that_of_finite_differences(name):
    phi, g, h = make_normaliser(name), np.flip(ROWS, 1).copy(), 1e-6
    slopes = np.zeros_like(ROWS)
    for i in range(ROWS.shape[1]):
        step = np.zeros(ROWS.shape[1])
        step[i] = h
        slopes[:, i] = ((phi.forward(ROWS + step) - phi.forward(ROWS - step)) * g).sum(1) / (2 * h)
    np.testing.assert_allclose(phi.vjp(ROWS, g), slopes, atol=1e-8)


def test_an_unknown_name_is_refused_with_the_nearest_known_one():
    with pytest.raises(InputError, match="did you mean 'layernorm'"):
        make_normaliser("layer-norm")


@dataclass(frozen=True)
class Half:
    """φ(v) = v/2."""

    name: ClassVar[str] = "half"
    centred: ClassVar[bool] = False

    def forward(self, v):
        return v / 2

    def vjp(self, v, g):
        return g / 2

    def radius(self, d):
        return None


def test_a_registered_normaliser_is_known_by_its_name(registry):
    register(Half)
    assert "half" in normaliser_names()
    np.testing.assert_array_equal(make_normaliser("half").forward(ROWS), ROWS / 2)


def test_a_class_that_is_no_normaliser_or_takes_a_known_name_is_refused(registry):
    with pytest.raises(InputError, match="lacks name, centred, forward, vjp, radius"):
        register(int)
    with pytest.raises(InputError, match="'none' is known already"):
        register(type("Other", (Half,), {"name": "none"}))


def test_a_normaliser_of_another_package_is_found_by_its_entry_point(registry, monkeypatch):
    module = types.ModuleType("elsewhere")
    module.Half, module.broken = Half, 3
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    points = [
        EntryPoint(name, f"elsewhere:{target}", normalisers.ENTRY_POINTS)
        for name, target in (("half", "Half"), ("lost", "missing"), ("odd", "broken"))
    ]
    monkeypatch.setattr(normalisers, "entry_points", lambda group: points)
    assert "half" in normaliser_names()
    assert isinstance(make_normaliser("half"), Half)
    with pytest.raises(InputError, match="'lost' of 'elsewhere:missing' does not load"):
        make_normaliser("lost")
    with pytest.raises(InputError, match="must be a class with name = 'odd'"):
        make_normaliser("odd")

"""Normalisers φ of the word embeddings: one class for numpy and torch, one registry (paper §2, A.1).

    none:       φ(v) = v
    layernorm:  φ(v) = (v - mean v)/√(var v + ε)      norm √d, mean zero: the network h*
    rmsnorm:    φ(v) = v/√(mean v² + ε)               norm √d
    sphere:     φ(v) = v/√(‖v‖² + ε)                  norm 1

No learnable parameter. ε is 0 in the theory and 1e-5 in PyTorch's LayerNorm. A vector without a direction
(zero; for LayerNorm: constant up to rounding) has φ(v) = 0 and derivative 0, everywhere. With ε = 0 the scale
of v does not matter, however large or small: squares do not over- or underflow.

To add one: a frozen dataclass with `name`, `centred`, `forward`, `vjp` and `radius`, given to `register`, or
named by another package's entry point in the group `feature_collapse.normalisers`. Networks, settings,
theory, solver, metrics and the command line all read this registry.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from feature_collapse.errors import InputError, check_choice, check_real, check_type

Array = TypeVar("Array", bound=Any)
"""A numpy array or a torch tensor; what comes in decides what comes out."""


@runtime_checkable
class Normaliser(Protocol):
    """What the networks, the theory and the solver need to know of a normaliser.

    Attributes:
        name: under which settings, records and the command line know it.
        centred: whether φ(v) has mean zero.
    """

    name: ClassVar[str]
    centred: ClassVar[bool]

    def forward(self, v: Array) -> Array:
        """Return φ(v) for each vector along the last axis."""

    def vjp(self, v: Array, g: Array) -> Array:
        """Return J(v)ᵀ g, J the derivative of φ at v: the gradient at v, given that at φ(v)."""

    def radius(self, d: int) -> float | None:
        """Return ‖φ(v)‖ for ε = 0, or None where the norm is free. A fixed norm means W is not penalised."""


@dataclass(frozen=True)
class NoNormaliser:
    """φ(v) = v: the plain network h."""

    name: ClassVar[str] = "none"
    centred: ClassVar[bool] = False

    def forward(self, v: Array) -> Array:
        """Return v itself."""
        return v

    def vjp(self, v: Array, g: Array) -> Array:
        """Return g itself."""
        return g

    def radius(self, d: int) -> None:
        """Return None: the norm is free."""
        return None


@dataclass(frozen=True)
class _Scaled:
    """φ(v) = c/ρ with c = v, centred or not, and ρ² = m(c²) + ε, m the mean or the sum over the d entries."""

    eps: float = 0.0
    name: ClassVar[str]
    centred: ClassVar[bool]
    averaged: ClassVar[bool]

    def __post_init__(self) -> None:
        check_real("eps", self.eps, 0.0)

    def forward(self, v: Array) -> Array:
        """Return c/ρ."""
        return self.with_pullback(v)[0]

    def vjp(self, v: Array, g: Array) -> Array:
        """Return (g - y·m(g y))/ρ with y = φ(v), centred where φ is."""
        return self.with_pullback(v)[1](g + 0.0)

    def with_pullback(self, v: Array) -> tuple[Array, Callable[[Array], Array]]:
        """Return φ(v), and g ↦ J(v)ᵀ g, which uses what φ(v) has found and overwrites g."""
        c, inverse = self._parts(v)
        y: Array = c * inverse

        def pullback(g: Array) -> Array:
            g -= y * self._m(g * y)
            g *= inverse
            if self.centred:
                g -= g.mean(-1, keepdims=True)
            return g

        return y, pullback

    def radius(self, d: int) -> float:
        """Return √d where the mean square is fixed, 1 on the unit sphere."""
        return math.sqrt(d) if self.averaged else 1.0

    def _m(self, x: Array) -> Array:
        out: Array = x.mean(-1, keepdims=True) if self.averaged else x.sum(-1, keepdims=True)
        return out

    def _parts(self, v: Array) -> tuple[Array, Array]:
        """Return c and 1/ρ; 1/ρ = 0 where c = 0."""
        if not len(v):
            return v, v
        c = v - v.mean(-1, keepdims=True) if self.centred else v
        if self.centred and "64" in str(v.dtype):  # the mean's own rounding, which counts beside small parts
            c = c - c.mean(-1, keepdims=True)
        with np.errstate(over="ignore", under="ignore"):
            square = self._m(c * c) + self.eps
        if self._ordinary(v, square):
            return c, _rsqrt(square)
        return self._careful(v, c)

    def _ordinary(self, v: Array, square: Array) -> bool:
        """Return whether squares are far from under- and overflow, and no row is constant up to rounding."""
        least, largest = _range(v.dtype)
        if not isinstance(square, np.ndarray):
            v, square = v.detach(), square.detach()
        smallest = float(square.min())
        if not (smallest > least and float(square.max()) < largest):
            return False
        return (
            not self.centred
            or self.eps > 0.0
            or smallest > (_ROUNDING * _unit(v.dtype)) ** 2 * float((v * v).max())
        )

    def _careful(self, v: Array, c: Array) -> tuple[Array, Array]:
        """Return the same where squares leave the range of floats or c is rounding alone."""
        size = _peak(c)
        nothing = size < (2.0**-1021 if "64" in str(v.dtype) else 2.0**-125)  # 1 / size would overflow
        if self.centred:
            nothing = nothing | (size <= _ROUNDING * _unit(v.dtype) * _peak(v))
        size = size + nothing * 1.0  # no division by zero
        if self.eps > 0.0:  # small rows stay small
            size = size.clip(1.0, None)
        scaled = c / size * ~nothing
        square = self._m(scaled * scaled) + self.eps / size / size + nothing * 1.0
        return scaled * size, _rsqrt(square) / size * ~nothing


_ROUNDING = 8.0  # units in the last place that centring a constant vector leaves behind


def _unit(dtype: Any) -> float:
    return 2.0**-52 if "64" in str(dtype) else 2.0**-23


def _range(dtype: Any) -> tuple[float, float]:
    """Return the squares that are far from under- and overflow."""
    return (1e-280, 1e280) if "64" in str(dtype) else (1e-30, 1e35)


def _rsqrt(x: Array) -> Array:
    out: Any = 1.0 / np.sqrt(x) if isinstance(x, np.ndarray) else x.rsqrt()
    return out  # type: ignore[no-any-return]


def _peak(x: Array) -> Array:
    """Return the largest size in each row, (..., 1)."""
    out: Array = abs(x).max(-1, keepdims=True) if isinstance(x, np.ndarray) else abs(x).amax(-1, keepdim=True)
    return out


class LayerNorm(_Scaled):
    """φ(v) = (v - mean v)/√(var v + ε): the network h*. Mean zero and norm √d for ε = 0.

    >>> LayerNorm().forward(np.array([1.0, 3.0]))
    array([-1.,  1.])
    """

    name: ClassVar[str] = "layernorm"
    centred: ClassVar[bool] = True
    averaged: ClassVar[bool] = True


class RMSNorm(_Scaled):
    """φ(v) = v/√(mean v² + ε): norm √d, not centred.

    >>> RMSNorm().forward(np.array([3.0, -3.0]))
    array([ 1., -1.])
    """

    name: ClassVar[str] = "rmsnorm"
    centred: ClassVar[bool] = False
    averaged: ClassVar[bool] = True


class UnitSphere(_Scaled):
    """φ(v) = v/√(‖v‖² + ε): norm 1.

    >>> UnitSphere().forward(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """

    name: ClassVar[str] = "sphere"
    centred: ClassVar[bool] = False
    averaged: ClassVar[bool] = False


def with_pullback(normaliser: Normaliser, v: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return φ(v), and the map g ↦ J(v)ᵀ g of gradients, which may overwrite g."""
    if isinstance(normaliser, _Scaled):
        return normaliser.with_pullback(v)
    return normaliser.forward(v), lambda g: normaliser.vjp(v, g)


_REGISTRY: dict[str, type[Any]] = {kind.name: kind for kind in (NoNormaliser, LayerNorm, RMSNorm, UnitSphere)}
_METHODS = ("forward", "vjp", "radius")
ENTRY_POINTS = "feature_collapse.normalisers"


def register(kind: Any) -> Any:
    """Enter a normaliser in the registry, under its `name`; usable as a decorator. Returns it.

    >>> register(LayerNorm) is LayerNorm  # known already: nothing happens
    True

    Raises:
        InputError: no `name`, `centred`, `forward`, `vjp` and `radius`, or a name that another one has.
    """
    check_type("normaliser", kind, type, "a class, not an instance of one")
    missing = [part for part in ("name", "centred", "forward", "vjp", "radius") if not hasattr(kind, part)]
    if missing:
        raise InputError(f"normaliser {getattr(kind, '__name__', kind)!r} lacks {', '.join(missing)}")
    check_type("the name of a normaliser", kind.name, str, "text")
    check_type(f"normaliser {kind.name!r}: centred", kind.centred, bool, "True or False")
    if not kind.name.isidentifier() or not all(callable(getattr(kind, part)) for part in _METHODS):
        raise InputError(
            f"normaliser {kind.name!r} must have a name of letters, digits and underscores, and "
            f"{', '.join(_METHODS)} must be functions"
        )
    known = _REGISTRY.get(kind.name)
    if known is not None and (known.__module__, known.__qualname__) != (kind.__module__, kind.__qualname__):
        raise InputError(f"normaliser {kind.name!r} is known already: give yours another name")
    _REGISTRY[kind.name] = kind
    return kind


def normaliser_names() -> tuple[str, ...]:
    """Return the names of all normalisers, those of other installed packages included."""
    installed = (point.name for point in entry_points(group=ENTRY_POINTS))
    return tuple(dict.fromkeys((*_REGISTRY, *installed)))


def check_normaliser(name: Any) -> str:
    """Return `name` if it is a normaliser's; installed packages are searched only for one that is not ours.

    Raises:
        InputError: naming the value, the choices and the nearest one.
    """
    if isinstance(name, str) and name in _REGISTRY:
        return name
    return check_choice("normaliser", name, normaliser_names())


def make_normaliser(name: str, eps: float = 0.0) -> Normaliser:
    """Return the normaliser of a name; ε goes to those that have one.

    >>> make_normaliser("layernorm").forward(np.array([[1.0, 2.0, 3.0]])).round(4)
    array([[-1.2247,  0.    ,  1.2247]])

    Raises:
        InputError: an unknown name, ε < 0, or an entry point that does not load or gives no normaliser.
    """
    check_normaliser(name)
    if name not in _REGISTRY:
        register(_load(name))
    kind, eps = _REGISTRY[name], check_real("eps", eps, 0.0)
    found: Normaliser = kind(eps) if "eps" in inspect.signature(kind).parameters else kind()
    return found


def _load(name: str) -> type[Any]:
    point = next(p for p in entry_points(group=ENTRY_POINTS) if p.name == name)
    try:
        kind = point.load()
    except Exception as error:  # another package's code: whatever it throws
        raise InputError(f"normaliser {name!r} of {point.value!r} does not load ({error})") from None
    if not isinstance(kind, type) or getattr(kind, "name", None) != name:
        raise InputError(f"normaliser {name!r} of {point.value!r} must be a class with name = {name!r}")
    return kind

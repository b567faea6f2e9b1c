"""A risk and the lower bound that the certificates R2 and R3 give for it, from a dual point."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from feature_collapse.array_kinds import Array, to_numpy
from feature_collapse.certificates.dual_point import UNIT, DualPoint
from feature_collapse.certificates.plain import operator_norm_bound, plain_bound
from feature_collapse.certificates.sphere import Search, sphere_bound


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


def bound_from(
    point: DualPoint,
    penalty: float,
    lambda_: float,
    radius: float | None,
    V: Array,
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
    return Bound(risk, lower, point.data_term, norm, rounding, None if nu is None else to_numpy(nu))

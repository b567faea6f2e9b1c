"""
A new normaliser
================

A normaliser is a frozen class with a name, the map and its derivative. Once registered, networks, solver,
certificates, settings and ``measure`` know it. Here one that keeps the vectors on the sphere of radius 2.
"""

from dataclasses import dataclass
from typing import ClassVar

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc


@fc.register
@dataclass(frozen=True)
class Radius2(fc.UnitSphere):
    """φ(v) = 2v/√(‖v‖² + ε)."""

    name: ClassVar[str] = "radius2"

    def forward(self, v):
        return 2 * super().forward(v)

    def vjp(self, v, g):
        return 2 * super().vjp(v, g)

    def radius(self, d):
        return 2.0


task, lam = fc.make_task(n_c=3, n_w=60, L=6, K=40, word_law="zipf", seed=0), np.geomspace(1e-3, 0.05, 5)
for name in ("sphere", "radius2"):
    risks = [fc.solve(fc.Problem.of(task, lambda_=x, normaliser=name, d=8), gap=0.02).risk for x in lam]
    plt.loglog(lam, risks, "o-", label=name)
plt.xlabel("λ"), plt.ylabel("least risk, within 2%"), plt.legend()
plt.show()

"""R5: a prediction for any word law and K random latents, where theorems 1 and 2 do not apply (ours, an approximation).

On type-III weights, with x_β = κ c r_β, κ = n_c/(n_c - 1) and the sum over the other classes replaced by its
mean over random latents,

    R ≈ E_{β_1..β_L ~ μ} Φ(Σ_ℓ s(x_{β_ℓ})) + (λ/2)(n_c Σ_β r_β² + K L c²)
    Φ(S) = log(1 + (K/n_c^L)(e^S - 1)),   s(x) = log(1 + (n_c - 1) e^{-x}).

For given x the best c is explicit, (K L) c² = n_c Σ_β r_β², and leaves F(x) = E Φ + λ √(n_c K L) ‖x‖/κ. For K
≤ n_c^L Φ is convex and increasing and s convex, so F is convex: what is found is the minimum, certified by
its gradient. For uniform words F is theorem 1's H, for K = n_c^L the risk of theorem 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from feature_collapse.errors import InputError, RunStopped, check_int, check_real
from feature_collapse.task.frequencies import Law, given
from feature_collapse.theory import theorem1
from feature_collapse.theory.distance_law import check_sizes, log_share
from feature_collapse.theory.roots import exp
from feature_collapse.theory.sum_law import SumLaw
from feature_collapse.theory.theorem2 import TypeThree, exponents

_MOST_WORDS = 100_000  # per concept


@dataclass(frozen=True)
class MeanField:
    """The mean-field objective for one setting.

    Attributes:
        n_c, L, K: concepts, sentence length, classes.
        mu: (s_c,) word law.
        lambda_: λ > 0.
    """

    n_c: int
    L: int
    K: int
    mu: Law
    lambda_: float

    def __post_init__(self) -> None:
        """Check the setting.

        Raises:
            InputError: sizes out of range, K > n_c^L, frequencies that are not positive, λ ≤ 0 or below
                1e-250.
        """
        check_sizes(self.n_c, self.L, self.K)
        if log_share(self.n_c, self.L, self.K) > 0:
            raise InputError(
                f"K = {self.K}, but the mean-field prediction needs K ≤ n_c^L = {self.n_c}^{self.L}"
            )
        check_real("lambda", self.lambda_, 0.0, above=True)
        object.__setattr__(self, "mu", given(self.mu))
        check_int("s_c, the number of words per concept,", len(self.mu), 1, _MOST_WORDS)
        if self.weight < 1e-250:
            raise InputError(f"lambda = {self.lambda_:g}, but the mean field needs λ √(n_c K L)/κ ≥ 1e-250")
        if self.L > 2**17:
            raise InputError(f"L = {self.L}, but the mean-field prediction needs L ≤ {2**17}")

    @property
    def kappa(self) -> float:
        """n_c/(n_c - 1)."""
        return self.n_c / (self.n_c - 1)

    @property
    def weight(self) -> float:
        """λ √(n_c K L)/κ: the penalty of x is this times ‖x‖."""
        return self.lambda_ * exp((math.log(self.n_c) + math.log(self.K) + math.log(self.L)) / 2) / self.kappa

    @property
    def log_lambda_max(self) -> float:
        """The logarithm of the λ from which zero weights minimise F: ‖∇ E Φ‖ at 0 equals λ √(n_c K L)/κ there."""
        log_rate = math.log(self.K) - self.cross_entropy_at_zero  # log Φ'(L log n_c)
        log_norm = math.log(float(self.mu @ self.mu)) / 2
        return log_rate + log_norm + (math.log(self.L) - math.log(self.n_c) - math.log(self.K)) / 2

    @property
    def cross_entropy_at_zero(self) -> float:
        """log(1 + K - K/n_c^L): Φ for zero weights."""
        log_K = math.log(self.K)
        return log_K + math.log1p(-math.expm1(log_share(self.n_c, self.L, self.K)) * math.exp(-log_K))

    def sum_law(self) -> SumLaw:
        """The grid on which the law of Σ_ℓ s(x_{β_ℓ}) is computed."""
        return SumLaw(self.L, math.log(self.n_c), log_share(self.n_c, self.L, self.K))

    def solve(self) -> TypeThree:
        """The minimiser (c, r) and its risk. About 50 evaluations of O(s_c + L·256·log L); memory O(s_c + L·256).

        Raises:
            RunStopped: the minimisation did not reach its tolerance (1e-9 of the gradient).
        """
        log_max = self.log_lambda_max
        if math.log(self.lambda_) >= log_max:
            ce = self.cross_entropy_at_zero
            return TypeThree(0.0, np.zeros_like(self.mu), ce, ce, 0.0, math.exp(log_max), 0.0)
        law = self.sum_law()
        x = self._minimise(law, self._start(law))
        ce, _ = self.cross_entropy(law, x)
        norm = float(np.linalg.norm(x))
        # (K L) c² = n_c Σ r² with r = x/(κ c)
        log_c = (math.log(self.n_c) - math.log(self.K) - math.log(self.L)) / 4 + (
            math.log(norm / self.kappa)
        ) / 2
        c = math.exp(log_c)
        r = x / (self.kappa * c)
        penalty = self.weight * norm
        return TypeThree(
            c, r, ce + penalty, ce, penalty, math.exp(log_max), math.sqrt(self.kappa * float(r @ r))
        )

    def cross_entropy(
        self, law: SumLaw, x: Float[np.ndarray, " s_c"]
    ) -> tuple[float, Float[np.ndarray, " s_c"]]:
        """E Φ and its gradient with respect to x."""
        value, slope = law.expectation(_log_factor(x, self.n_c), self.mu)
        return value, -self.L * self.mu * slope * _odds(x, self.n_c)

    def objective(self, law: SumLaw, x: Float[np.ndarray, " s_c"]) -> tuple[float, Float[np.ndarray, " s_c"]]:
        """F(x) and its gradient."""
        value, gradient = self.cross_entropy(law, x)
        norm = float(np.linalg.norm(x))
        return value + self.weight * norm, gradient + self.weight * x / norm

    def _start(self, law: SumLaw) -> Float[np.ndarray, " s_c"]:
        """Equal exponents as in theorem 1 with 1/Σμ² words per concept, bent towards frequent words as (7) does."""
        mu = self.mu
        top = theorem1.solve(self.n_c, self.n_c * len(mu), self.L, self.K, self.lambda_)
        scale = max(top.tau * top.eta, 1e-3)
        return np.asarray(scale * np.log1p(mu / mu.mean() * np.e) / np.log1p(np.e))

    def _minimise(self, law: SumLaw, x: Float[np.ndarray, " s_c"]) -> Float[np.ndarray, " s_c"]:
        """L-BFGS on F/weight until the gradient, of which each part has norm 1, is below 1e-9."""

        def scaled(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = self.objective(law, x)
            return value / self.weight, gradient / self.weight

        bounds = [(1e-12, 700.0)] * len(x)
        left = math.inf
        for _ in range(4):
            found = minimize(
                scaled,
                x,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": 2000, "maxfun": 4000, "ftol": 0.0, "gtol": 1e-11, "maxcor": 30},
            )
            x, left = self._polish(law, np.asarray(found.x))
            if left < 1e-9:
                break
        if left > 1e-6:
            raise RunStopped(
                f"the mean-field minimisation stopped with a relative gradient of {left:.1e}, above 1e-6"
            )
        return x

    def _polish(self, law: SumLaw, x: Float[np.ndarray, " s_c"]) -> tuple[Float[np.ndarray, " s_c"], float]:
        """Fixed-point steps on the stationarity equation while they shrink the gradient; x and its relative gradient.

        x_β (n_c - 1 + e^x_β) = (n_c - 1) L μ_β E Φ'(…) ‖x‖/weight, the form of (7). It needs no differences
        of values of F, which rounding hides where the risk is tiny.
        """
        best, best_left = x, math.inf
        for _ in range(100):
            _, slope = law.expectation(_log_factor(x, self.n_c), self.mu)
            norm = float(np.linalg.norm(x))
            pull = self.L * self.mu * slope * _odds(x, self.n_c)
            left = float(np.linalg.norm(pull / self.weight - x / norm))
            if not left < best_left:
                break
            best, best_left = x, left
            if left < 1e-14 or not (slope > 0).all():
                break
            log_y = (
                np.log(self.mu)
                + np.log(slope)
                + math.log(self.L * (self.n_c - 1) * norm)
                - math.log(self.weight)
            )
            x = exponents(log_y, self.n_c)
        return best, best_left


def solve(n_c: int, L: int, K: int, mu: Law, lambda_: float) -> TypeThree:
    """The mean-field prediction (c, r) and its risk for K random latents.

    Raises:
        InputError: sizes out of range, K > n_c^L, L > 2^17, frequencies that are not positive, λ ≤ 0.
    """
    return MeanField(n_c, L, K, mu, lambda_).solve()


def _log_factor(x: np.ndarray, n_c: int) -> np.ndarray:
    """s(x) = log(1 + (n_c - 1) e^{-x})."""
    return np.asarray(np.log1p((n_c - 1) * np.exp(-x)))


def _odds(x: np.ndarray, n_c: int) -> np.ndarray:
    """-s'(x) = (n_c - 1)/(e^x + n_c - 1)."""
    small = (n_c - 1) * np.exp(-x)
    return np.asarray(small / (1 + small))

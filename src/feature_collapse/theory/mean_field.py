"""R5: a prediction for any word law and K random latents, where theorems 1 and 2 do not apply.

Ours, and an approximation. On type-III weights, with x_β = κ c r_β, κ = n_c/(n_c - 1) and the sum over the
other classes replaced by its mean over random latents,

    R ≈ E_{β_1..β_L ~ μ} Φ(Σ_ℓ s(x_{β_ℓ})) + (λ/2)(n_c Σ_β a_β r_β² + K L c²)
    Φ(S) = log(1 + share·(e^S - 1)),   s(x) = log(1 + (n_c - 1) e^{-x}),   a_β = 1 in the paper
    share = K/n_c^L for latents drawn with replacement, (K - 1)/(n_c^L - 1) for distinct ones

The second share makes the mean over the other classes exact. For given x the best c is explicit,
(K L) c² = n_c Σ_β a_β r_β², and leaves F(x) = E Φ + λ √(n_c K L) ‖√a x‖/κ. For K ≤ n_c^L Φ is convex and
increasing and s convex, so F is convex: what is found is the minimum, certified by its gradient. For uniform
words F is theorem 1's H, for K = n_c^L the risk of theorem 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from feature_collapse.errors import InputError, RunStopped, check_int, check_lambda
from feature_collapse.task.frequencies import Law, given
from feature_collapse.theory import theorem1
from feature_collapse.theory.distance_law import check_sizes, log_share
from feature_collapse.theory.roots import exp
from feature_collapse.theory.sum_law import SumLaw
from feature_collapse.theory.theorem2 import Norms, TypeThree, check_decay, exponents

_MOST_WORDS = 100_000  # per concept


@dataclass(frozen=True, eq=False)
class MeanField:
    """The mean-field objective for one setting.

    Attributes:
        n_c, L, K: concepts, sentence length, classes.
        mu: (s_c,) word law.
        lambda_: λ > 0.
        decay: (s_c,) a_β > 0; None for 1 each.
        distinct: whether the latents are random but distinct, rather than drawn with replacement.

    Raises:
        InputError: sizes out of range, K > n_c^L, frequencies or decays that are not positive, λ ≤ 0 or below
            1e-250.
    """

    n_c: int
    L: int
    K: int
    mu: Law
    lambda_: float
    decay: Norms | None = None
    distinct: bool = False

    def __post_init__(self) -> None:
        """Check the setting."""
        check_sizes(self.n_c, self.L, self.K)
        if log_share(self.n_c, self.L, self.K) > 0:
            raise InputError(
                f"K = {self.K}, but the mean-field prediction needs K ≤ n_c^L = {self.n_c}^{self.L}"
            )
        check_lambda(self.lambda_, positive=True)
        object.__setattr__(self, "mu", given(self.mu))
        check_int("s_c, the number of words per concept,", len(self.mu), 1, _MOST_WORDS)
        object.__setattr__(self, "decay", check_decay(self.decay, len(self.mu)))
        if self.weight < 1e-250:
            raise InputError(f"lambda = {self.lambda_:g}, but the mean field needs λ √(n_c K L)/κ ≥ 1e-250")
        if self.L > 2**17:
            raise InputError(f"L = {self.L}, but the mean-field prediction needs L ≤ {2**17}")

    @property
    def a(self) -> Norms:
        """(s_c,) a_β."""
        return np.ones_like(self.mu) if self.decay is None else self.decay

    @property
    def kappa(self) -> float:
        """n_c/(n_c - 1)."""
        return self.n_c / (self.n_c - 1)

    @property
    def weight(self) -> float:
        """λ √(n_c K L)/κ: the penalty of x is this times ‖√a x‖."""
        return self.lambda_ * exp((math.log(self.n_c) + math.log(self.K) + math.log(self.L)) / 2) / self.kappa

    @property
    def log_share(self) -> float:
        """The logarithm of the factor of e^S - 1 in Φ."""
        share = log_share(self.n_c, self.L, self.K)
        if not self.distinct or share == 0.0:
            return share
        return share + math.log1p(-1 / self.K) - math.log1p(-math.exp(-self.L * math.log(self.n_c)))

    @property
    def log_lambda_max(self) -> float:
        """The logarithm of the λ from which zero weights minimise F: ‖a^{-1/2} ∇E Φ‖ = λ √(n_c K L)/κ."""
        log_top = self.log_share + self.L * math.log(self.n_c)  # log share·e^S for zero weights
        log_rest = math.log1p(-math.exp(self.log_share)) if self.log_share < 0 else -math.inf
        log_rate = log_top - float(np.logaddexp(log_rest, log_top))  # log Φ' there
        log_norm = math.log(float(self.mu @ (self.mu / self.a))) / 2
        sizes = math.log(self.L) - math.log(self.n_c) - math.log(self.K)
        return log_rate + log_norm + sizes / 2

    def sum_law(self) -> SumLaw:
        """Return the grid on which the law of Σ_ℓ s(x_{β_ℓ}) is computed."""
        return SumLaw(self.L, math.log(self.n_c), self.log_share)

    def solve(self) -> TypeThree:
        """Return the minimiser (c, r) and its risk; log K for zero weights, whatever the latents.

        About 50 evaluations of O(s_c + L·256·log L); memory O(s_c + L·256).

        Raises:
            RunStopped: the minimisation did not reach its tolerance (1e-9 of the gradient).
        """
        log_max = self.log_lambda_max
        if math.log(self.lambda_) >= log_max:
            ce = math.log(self.K)
            return TypeThree(0.0, np.zeros_like(self.mu), ce, ce, 0.0, math.exp(log_max), 0.0, 0.0)
        law = self.sum_law()
        x = self._minimise(law, self._start())
        ce, _ = self.cross_entropy(law, x)
        norm = float(np.linalg.norm(np.sqrt(self.a) * x))
        # (K L) c² = n_c Σ a r² with r = x/(κ c)
        log_c = (math.log(self.n_c) - math.log(self.K) - math.log(self.L)) / 4 + (
            math.log(norm / self.kappa)
        ) / 2
        c = math.exp(log_c)
        r = x / (self.kappa * c)
        penalty = self.weight * norm
        values = (math.sqrt(self.kappa * float((a * r) @ r)) for a in (np.ones_like(r), self.a))
        return TypeThree(c, r, ce + penalty, ce, penalty, math.exp(log_max), *values)

    def cross_entropy(self, law: SumLaw, x: Norms) -> tuple[float, Norms]:
        """Return E Φ and its gradient with respect to x."""
        value, slope = law.expectation(_log_factor(x, self.n_c), self.mu)
        return value, -self.L * self.mu * slope * _odds(x, self.n_c)

    def objective(self, law: SumLaw, x: Norms) -> tuple[float, Norms]:
        """Return F(x) and its gradient."""
        value, gradient = self.cross_entropy(law, x)
        norm = float(np.linalg.norm(np.sqrt(self.a) * x))
        return value + self.weight * norm, gradient + self.weight * self.a * x / norm

    def _start(self) -> Norms:
        """Return theorem 1's exponents, bent towards frequent words of small decay as (7') does."""
        rate = self.mu / self.a
        top = theorem1.constants(self.n_c, self.n_c * len(rate), self.L, self.K, self.lambda_)
        scale = max(top.tau * top.eta, 1e-3)
        return np.asarray(scale * np.log1p(rate / rate.mean() * np.e) / np.log1p(np.e))

    def _minimise(self, law: SumLaw, x: Norms) -> Norms:
        """Run L-BFGS on F/weight until the gradient, of which each part has norm 1, is below 1e-9."""
        from scipy.optimize import minimize  # takes a third of a second to load

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

    def _polish(self, law: SumLaw, x: Norms) -> tuple[Norms, float]:
        """Take fixed-point steps on the stationarity equation while they shrink the gradient.

        a_β x_β (n_c - 1 + e^x_β) = (n_c - 1) L μ_β E Φ'(…) ‖√a x‖/weight, the form of (7'). It needs no
        differences of values of F, which rounding hides where the risk is tiny. Returns x and its relative
        gradient.
        """
        a, root = self.a, np.sqrt(self.a)
        best, best_left = x, math.inf
        for _ in range(100):
            _, slope = law.expectation(_log_factor(x, self.n_c), self.mu)
            norm = float(np.linalg.norm(root * x))
            pull = self.L * self.mu * slope * _odds(x, self.n_c)
            left = float(np.linalg.norm(pull / root / self.weight - root * x / norm))
            if not left < best_left:
                break
            best, best_left = x, left
            if left < 1e-14 or not (slope > 0).all():
                break
            log_y = (
                np.log(self.mu / a)
                + np.log(slope)
                + math.log(self.L * (self.n_c - 1) * norm)
                - math.log(self.weight)
            )
            x = exponents(log_y, self.n_c)
        return best, best_left


def constants(n_c: int, L: int, K: int, mu: Law, lambda_: float, decay: Norms | None = None) -> TypeThree:
    """Return the mean-field prediction (c, r) and its risk for K random latents drawn with replacement.

    The expectation is accurate to 1e-10 relative, also where it is tiny. `MeanField` has more options.

    >>> found = constants(n_c=3, L=15, K=1000, mu=[1 / j for j in range(1, 401)], lambda_=1e-3)
    >>> round(found.cross_entropy, 3), round(found.singular_value_W, 1)
    (0.387, 24.3)

    Raises:
        InputError: sizes out of range, K > n_c^L, L > 2^17, frequencies or decays that are not positive,
            λ ≤ 0.
    """
    return MeanField(n_c, L, K, mu, lambda_, decay).solve()


def _log_factor(x: np.ndarray, n_c: int) -> np.ndarray:
    """Return s(x) = log(1 + (n_c - 1) e^{-x})."""
    return np.asarray(np.log1p((n_c - 1) * np.exp(-x)))


def _odds(x: np.ndarray, n_c: int) -> np.ndarray:
    """Return -s'(x) = (n_c - 1)/(e^x + n_c - 1)."""
    small = (n_c - 1) * np.exp(-x)
    return np.asarray(small / (1 + small))

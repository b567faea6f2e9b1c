"""The minimum of a small risk from above and below, without any code of the package: numpy, scipy and theory.

A `Case` is a problem as arrays. `interior_point` solves its convex form: with Z = U Vᵀ, (K L, n_w), and
X = V Vᵀ

    plain, decay a:      min over Z, X ≻ 0              of f(Z) + (λ/2) tr(Z X⁻¹ Zᵀ) + (λ/2) Σ_j a_j X_jj,
    words of length ρ:   min over Z, X ≻ 0, X_jj = ρ²   of f(Z) + (λ/2) tr(Z X⁻¹ Zᵀ),

of which the first is f(Z) + λ‖Z Diag(a)^{1/2}‖_*, the nuclear norm in its variational form, and the second
the semidefinite relaxation, both exact over all dimensions. A barrier -μ log det X and Newton's method, all
dense; where its gradient is zero the softmax outputs are a dual point whose gap is n_w μ. Each of its points
gives weights, whose risk is taken in long double, and outputs, whose dual value is taken with dense
eigenvalues.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize_scalar

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Case:
    """A small problem: (N, L) words, (N,) labels, (N,) ω, sizes, λ, (n_w,) decay a, and the words' length.

    `radius` None is the plain network; `centred` is LayerNorm, else a normalised word is ρ w/‖w‖.
    """

    words: np.ndarray
    labels: np.ndarray
    omega: np.ndarray
    n_w: int
    K: int
    lambda_: float
    d: int
    radius: float | None
    centred: bool = False
    decay: np.ndarray | None = None
    odd: frozenset[str] = field(default_factory=frozenset)

    @property
    def L(self) -> int:
        """Length of the sentences."""
        return self.words.shape[1]

    @property
    def a(self) -> np.ndarray:
        """(n_w,) decay."""
        return np.ones(self.n_w) if self.decay is None else self.decay

    def features(self, W: np.ndarray) -> np.ndarray:
        """Words as the network sees them, in long double."""
        W = W.astype(np.longdouble)
        if self.radius is None:
            return W
        W = W - W.mean(1, keepdims=True) if self.centred else W
        W = W / np.abs(W).max(1, keepdims=True)
        return self.radius * W / np.sqrt((W * W).sum(1, keepdims=True))

    def errors(self, V: np.ndarray, U: np.ndarray) -> Pair:
        """(N,) losses and (N, K) p - e_y, small parts to their own digits."""
        x, rows = V[self.words].reshape(len(self.words), -1), np.arange(len(self.words))
        s = x @ U.reshape(self.K, -1).T
        s = s - s[rows, self.labels][:, None]
        s[rows, self.labels] = -np.inf
        peak = np.maximum(s.max(1), 0)
        e = np.exp(s - peak[:, None])
        others, own = e.sum(1), np.exp(-peak)
        losses = np.where(peak > 0, peak + np.log(others + own), np.log1p(others))
        errors = e / (others + own)[:, None]
        errors[rows, self.labels] = -others / (others + own)
        return losses, errors

    def risk(self, V: np.ndarray, U: np.ndarray) -> float:
        """The empirical risk at word representations V and linear weights U, in long double."""
        V, U = V.astype(np.longdouble), U.astype(np.longdouble)
        losses, _ = self.errors(V, U)
        squares = (U * U).sum() + (0 if self.radius else (self.a[:, None] * V * V).sum())
        return float((self.omega * losses).sum() + np.longdouble(self.lambda_) / 2 * squares)

    def value_and_gradient(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """The risk at the factors (words on the sphere are divided by their norm) and its gradient."""
        cut, a = self.n_w * self.d, self.a[:, None]
        W, U = z[:cut].reshape(self.n_w, self.d), z[cut:].reshape(self.K, self.L * self.d)
        C = W - W.mean(1, keepdims=True) if self.centred else W
        norms = np.linalg.norm(C, axis=1, keepdims=True)
        V = W if self.radius is None else self.radius * C / norms
        losses, errors = self.errors(V, U)
        errors = errors * self.omega[:, None]
        gU = errors.T @ V[self.words].reshape(len(self.words), -1) + self.lambda_ * U
        gV = np.zeros_like(V)
        np.add.at(gV, self.words.reshape(-1), (errors @ U).reshape(-1, self.d))
        value = self.omega @ losses + self.lambda_ / 2 * (U * U).sum()
        if self.radius is None:
            gV += self.lambda_ * a * W
            return value + self.lambda_ / 2 * (a * W * W).sum(), np.concatenate((gV.ravel(), gU.ravel()))
        gV = (gV - V * (gV * V).sum(1, keepdims=True) / self.radius**2) * self.radius / norms
        gV = gV - gV.mean(1, keepdims=True) if self.centred else gV
        return value, np.concatenate((gV.ravel(), gU.ravel()))

    def used(self) -> Case:
        """The same without words and sentences that the risk does not see."""
        here = self.omega > 0
        words, at = np.unique(self.words[here].astype(int), return_inverse=True)
        at = at.reshape(self.words[here].shape)
        return Case(at, self.labels[here], self.omega[here], len(words), self.K, self.lambda_, self.d,
                    self.radius, self.centred, self.a[words])  # fmt: skip

    @cached_property
    def places(self) -> np.ndarray:
        """(N, L n_w) indicators ζ of the words at their positions."""
        out = np.zeros((len(self.words), self.L, self.n_w))
        out[np.arange(len(out))[:, None], np.arange(self.L), self.words] = 1.0
        return out.reshape(len(out), -1)

    def gradient(self, errors: np.ndarray) -> np.ndarray:
        """(K L, n_w) of f by Z, from p - e_y."""
        return ((errors * self.omega[:, None]).T @ self.places).reshape(self.K * self.L, self.n_w)


def dual_value(case: Case, errors: np.ndarray, shape: np.ndarray | None = None) -> float:
    """The value of the convex form's dual at softmax outputs p, given as p - e_y, with its best θ.

    `shape`: for words of length ρ, numbers to which the multipliers ν are taken proportional.
    """
    G, here = case.gradient(errors), (np.arange(len(errors)), case.labels)
    gram = G.T @ G
    p = errors.copy()
    q, p[here] = -errors[here], 0.0
    logs = np.log(np.where(p > 0, p, 1.0))

    def entropy(theta: float) -> float:
        t = theta * q
        off = -(theta * p * (np.log(theta) + logs)).sum(1)
        return float(case.omega @ (off - (1 - t) * np.log1p(-np.minimum(t, 1 - 1e-16))))

    nu = case.lambda_ * case.lambda_ * case.a if case.radius is None else shape
    if nu is None or not (nu > 0).all():
        nu = np.full(case.n_w, max(float(np.trace(gram)), 1e-300))
    unit = 1 / np.sqrt(nu)
    top = float(np.linalg.eigvalsh(unit[:, None] * gram * unit)[-1]) * (1 + 1e-14)
    if case.radius is None:
        return entropy(min(1.0, top**-0.5) if top > 0 else 1.0)
    cost = case.radius**2 / (2 * case.lambda_) * top * float(nu.sum())
    best = minimize_scalar(lambda t: cost * t * t - entropy(t), bounds=(1e-9, 1.0), method="bounded")
    return max(entropy(1.0) - cost, -float(best.fun))


@dataclass(frozen=True, eq=False)
class Bracket:
    """The truth's ends, and the weights (V, U) that reach the upper one."""

    lower: float
    upper: float
    weights: Pair | None

    @property
    def width(self) -> float:
        """Relative."""
        return (self.upper - self.lower) / self.upper if self.upper > 0 else 0.0


def interior_point(case: Case, width: float = 1e-5, steps: int = 250) -> Bracket:
    """The bracket by Newton's method on the convex form, without words that are not used."""
    return _Barrier(case.used(), width, steps).run()


class _Barrier:
    """Newton's method for Z and X at a falling barrier μ."""

    def __init__(self, case: Case, width: float, steps: int) -> None:
        self.case, self.width, self.steps = case, width, steps
        n = case.n_w
        pairs = [(i, j) for i in range(n) for j in range(i if case.radius is None else i + 1, n)]
        self.D = np.zeros((n * n, len(pairs)))  # symmetric matrices from their free entries
        for column, (i, j) in enumerate(pairs):
            self.D[i * n + j, column] = self.D[j * n + i, column] = 1.0
        self.A = np.diag(case.a) if case.radius is None else np.zeros((n, n))
        self.best = Bracket(0.0, np.inf, None)

    def run(self) -> Bracket:
        case = self.case
        Z = np.zeros((case.K * case.L, case.n_w))
        X = np.diag(10.0 / np.sqrt(case.a) if case.radius is None else np.full(case.n_w, case.radius**2))
        self.keep(Z, X, 0.0)
        mu, only_Z = 0.0, True
        for _ in range(self.steps):
            if self.best.width <= self.width:
                break
            Z, X, decrement = self.step(Z, X, mu, only_Z)
            scale = mu * case.n_w if mu else 0.1 * self.value(Z, X, 0.0)
            if decrement <= 0.2 * scale:
                self.keep(Z, X, mu)
                mu, only_Z = (0.15 * mu if mu else 0.3 * self.value(Z, X, 0.0) / case.n_w), False
        self.keep(Z, X, mu)
        return self.best

    def value(self, Z: np.ndarray, X: np.ndarray, mu: float) -> float:
        """The convex form with its barrier; infinite where X is not positive definite."""
        try:
            root = np.linalg.cholesky(X)
        except LinAlgError:
            return np.inf
        case, half = self.case, np.linalg.solve(root, Z.T)
        losses, _ = case.errors(np.eye(case.n_w), Z)
        penalty = case.lambda_ / 2 * (float((half * half).sum()) + float((self.A * X).sum()))
        return float(case.omega @ losses) + penalty - 2 * mu * float(np.log(np.diag(root)).sum())

    def step(
        self, Z: np.ndarray, X: np.ndarray, mu: float, only_Z: bool
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """A damped step, and Newton's decrement."""
        case, lambda_, n = self.case, self.case.lambda_, self.case.n_w
        _, errors = case.errors(np.eye(n), Z)
        Y = np.linalg.inv(X)
        Y = (Y + Y.T) / 2
        B = Z @ Y
        C = B.T @ B
        g = [(case.gradient(errors) + lambda_ * B).ravel()]
        H = self.data_curvature(errors) + lambda_ * np.kron(np.eye(len(Z)), Y)
        D = self.D[:, :0] if only_Z else self.D
        g.append(D.T @ (lambda_ / 2 * (self.A - C) - mu * Y).ravel())
        cross = -lambda_ * np.kron(B, Y) @ D
        own = D.T @ (lambda_ / 2 * (np.kron(Y, C) + np.kron(C, Y)) + mu * np.kron(Y, Y)) @ D
        H = np.block([[H, cross], [cross.T, own]])
        slope = np.concatenate(g)
        move = -_solve(H, slope)
        decrement = -float(slope @ move)
        dZ, dX = move[: Z.size].reshape(Z.shape), (D @ move[Z.size :]).reshape(n, n)
        before = self.value(Z, X, mu)
        if decrement <= 1e-13 * abs(before):  # the precision is used up
            return Z, X, 0.0
        for t in 0.5 ** np.arange(30):
            if self.value(Z + t * dZ, X + t * dX, mu) <= before - 1e-3 * t * decrement:
                return Z + t * dZ, X + t * dX, decrement
        return Z, X, 0.0

    def data_curvature(self, errors: np.ndarray) -> np.ndarray:
        """Σ ω (Diag p - p pᵀ) ⊗ ζζᵀ, to the digits of small p and 1 - p."""
        case, here = self.case, (np.arange(len(errors)), self.case.labels)
        p = errors.copy()
        p[here] += 1.0
        J = -p[:, :, None] * p[:, None, :]
        rest = 1.0 - p
        rest[here] = -errors[here]
        k = np.arange(case.K)
        J[:, k, k] = p * rest
        J *= case.omega[:, None, None]
        size = case.K * case.L * case.n_w
        spread = np.einsum("nkm,na->nkam", J, case.places).reshape(len(J), -1)
        H = (spread.T @ case.places).reshape(case.K, -1, case.K, case.L * case.n_w)
        return H.reshape(size, size)

    def keep(self, Z: np.ndarray, X: np.ndarray, mu: float) -> None:
        """Take the ends at a point where they are better, and its weights."""
        case, n = self.case, self.case.n_w
        _, errors = case.errors(np.eye(n), Z)
        Y = np.linalg.inv(X)
        gram = case.gradient(errors)
        shape = (gram * gram).sum(0) + 2 * case.lambda_ * mu * np.diag(Y)
        lower = max(self.best.lower, dual_value(case, errors, shape))
        if case.radius is None:
            left, s, right = np.linalg.svd(Z * np.sqrt(case.a), full_matrices=False)
            V = right.T * np.sqrt(s) / np.sqrt(case.a)[:, None]
            U = left * np.sqrt(s)
        else:
            V = np.linalg.cholesky(X)
            V = V * (case.radius / np.linalg.norm(V, axis=1, keepdims=True))
            U = Z @ Y @ V
        U = U.reshape(case.K, case.L, -1)
        upper = case.risk(V, U)
        better = upper < self.best.upper
        self.best = Bracket(
            lower, upper if better else self.best.upper, (V, U) if better else self.best.weights
        )


def _solve(H: np.ndarray, g: np.ndarray) -> np.ndarray:
    """H⁻¹ g, H scaled to a unit diagonal and, where it is not definite to rounding, made so."""
    unit = 1 / np.sqrt(np.maximum(np.diag(H), 1e-300))
    H = unit[:, None] * H * unit
    for ridge in (0.0, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6):
        try:
            return unit * cho_solve(cho_factor(H + ridge * np.eye(len(H))), unit * g)
        except LinAlgError:
            continue
    return g * unit * unit

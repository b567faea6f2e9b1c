"""Slow references that share no code with the package: loops, autograd, a general optimiser."""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.optimize import minimize


def loop_risk(V, U, latents, n_c, mu):
    """R_0 by loops over classes and sentences in plain Python."""
    K, L = U.shape[:2]
    s_c = len(V) // n_c
    total = 0.0
    for k in range(K):
        for betas in product(range(s_c), repeat=L):
            p = math.prod(mu[b] for b in betas)
            words = [latents[k][i] * s_c + b for i, b in enumerate(betas)]
            scores = [sum(float(U[j, i] @ V[w]) for i, w in enumerate(words)) for j in range(K)]
            total += p / K * math.log(sum(math.exp(s - scores[k]) for s in scores))
    return total


@dataclass
class TorchRisk:
    """The true risk of h or h* as a function of all weights, with autograd, for small sizes."""

    latents: np.ndarray
    n_c: int
    mu: np.ndarray
    lambda_: float
    d: int
    layernorm: bool = False
    rmsnorm: bool = False
    decay: np.ndarray | None = None  # (s_c,) of the words of a concept

    def __post_init__(self):
        K, L = self.latents.shape
        s_c = len(self.mu)
        betas = np.array(list(product(range(s_c), repeat=L)))
        self.words = torch.from_numpy((self.latents[:, None, :] * s_c + betas).reshape(-1, L))
        self.labels = torch.arange(K).repeat_interleave(len(betas))
        self.p = torch.from_numpy(np.tile(self.mu[betas].prod(axis=1), K) / K)
        self.n_w, self.K, self.L = self.n_c * s_c, K, L

    def __call__(self, W, U):
        V = W
        if self.layernorm:
            V = W - W.mean(1, keepdim=True)
            V = V / V.pow(2).mean(1, keepdim=True).sqrt()
        if self.rmsnorm:
            V = W / W.pow(2).mean(1, keepdim=True).sqrt()
        scores = torch.einsum("nld,kld->nk", V[self.words], U)
        ce = torch.nn.functional.cross_entropy(scores, self.labels, reduction="none") @ self.p
        a = torch.ones(self.n_w) if self.decay is None else torch.from_numpy(np.tile(self.decay, self.n_c))
        free = 0.0 if self.layernorm or self.rmsnorm else (a[:, None] * W.pow(2)).sum()
        penalty = U.pow(2).sum() + free
        return ce + self.lambda_ / 2 * penalty

    def gradient(self, W, U):
        """Risk and gradients at numpy weights."""
        W, U = (torch.from_numpy(np.array(x)).requires_grad_() for x in (W, U))
        risk = self(W, U)
        risk.backward()
        return float(risk.detach()), W.grad.numpy(), U.grad.numpy()

    def _apart(self, x):
        """The weights in a vector of all unknowns."""
        W, U = x[: self.n_w * self.d], x[self.n_w * self.d :]
        return W.reshape(self.n_w, self.d), U.reshape(self.K, self.L, self.d)

    def polish(self, W, U, most=20):
        """Newton steps from near a minimum, until the gradient is rounding: its norm, and the weights.

        The Hessian is singular along rotations; the steps avoid what it does not see.
        """
        x = torch.from_numpy(np.concatenate([W.ravel(), U.ravel()]))
        norm = math.inf
        for _ in range(most):
            _, *gradients = self.gradient(*(part.numpy() for part in self._apart(x)))
            g = np.concatenate([part.ravel() for part in gradients])
            if np.abs(g).max() >= norm / 2:  # no progress: rounding
                break
            norm, best = np.abs(g).max(), x
            H = torch.autograd.functional.hessian(lambda y: self(*self._apart(y)), x).numpy()
            x = x - torch.from_numpy(np.linalg.pinv(H, rcond=1e-9, hermitian=True) @ g)
        return norm, *(part.numpy() for part in self._apart(best))

    def minimise(self, seed=0, start=None, scale=0.5):
        """L-BFGS from a random start (or near a given one): the risk found, and the weights."""
        rng = np.random.default_rng(seed)
        x = scale * rng.standard_normal(self.n_w * self.d + self.K * self.L * self.d)
        if start is not None:
            x += np.concatenate([start.W.ravel(), start.U.ravel()])

        def value(x):
            risk, W, U = self.gradient(*self._apart(x))
            return risk, np.concatenate([W.ravel(), U.ravel()])

        options = {"maxiter": 4000, "maxfun": 8000, "ftol": 1e-16, "gtol": 1e-11, "maxcor": 30}
        found = minimize(value, x, jac=True, method="L-BFGS-B", options=options)
        return found.fun, *self._apart(found.x)


def loop_distances(latents):
    """Hamming distances by loops."""
    return np.array([[sum(a != b for a, b in zip(x, y, strict=True)) for y in latents] for x in latents])


def loop_assumption_a(latents, n_c):
    """Counts of (35) and their expected values by loops: arrays over (r, k, ℓ, α), r ≥ 1."""
    K, L = latents.shape
    dist = loop_distances(latents)
    counts, expected = np.zeros((L + 1, K, L, n_c)), np.zeros((L + 1, K, L, n_c))
    for r, k, position, alpha in product(range(1, L + 1), range(K), range(L), range(n_c)):
        counts[r, k, position, alpha] = sum(
            dist[j, k] == r and latents[j, position] == alpha for j in range(K)
        )
        if alpha == latents[k, position]:
            expected[r, k, position, alpha] = K / n_c**L * math.comb(L - 1, r) * (n_c - 1) ** r
        else:
            expected[r, k, position, alpha] = K / n_c**L * math.comb(L - 1, r - 1) * (n_c - 1) ** (r - 1)
    return counts, expected


def mean_field_sampled(n_c, L, K, mu, lambda_, c, r, n, rng):
    """R5's risk at given constants by Monte Carlo: value and standard error."""
    factors = (1 + (n_c - 1) * np.exp(-n_c / (n_c - 1) * c * r)) / n_c
    values = np.log(1 - K / n_c**L + K * factors[rng.choice(len(mu), size=(n, L), p=mu)].prod(axis=1))
    penalty = lambda_ / 2 * (n_c * (r**2).sum() + K * L * c**2)
    return values.mean() + penalty, values.std() / math.sqrt(n)


def mean_field_enumerated(n_c, L, K, mu, lambda_, c, r):
    """R5's risk at given constants by summing over all s_c^L choices of words."""
    factors = (1 + (n_c - 1) * np.exp(-n_c / (n_c - 1) * c * r)) / n_c
    value = 0.0
    for betas in product(range(len(mu)), repeat=L):
        b = list(betas)
        value += mu[b].prod() * math.log(1 - K / n_c**L + K * factors[b].prod())
    return value + lambda_ / 2 * (n_c * (r**2).sum() + K * L * c**2)


def random_law(s_c, rng, spread=1.0):
    """A random word law, in no particular order."""
    mu = np.exp(spread * rng.standard_normal(s_c))
    return mu / mu.sum()

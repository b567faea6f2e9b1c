"""How symmetric a set of latents is: spheres, assumption A and lemma B (paper §3 and appendix B).

    S_r(k) = {j : dist(z_j, z_k) = r}                                                   (36)
    assumption A: for r ≥ 1, k, ℓ, the latents of S_r(k) have at position ℓ the concept α
        ρ C(L-1, r) (n_c-1)^r times for α = z_{k,ℓ}, ρ C(L-1, r-1) (n_c-1)^(r-1) times for another,  ρ =
        K/n_c^L  (35)
    lemma B: (i) |S_r(k)| is the same for every k;  (ii) every concept has the share 1/n_c of every position;
        (iii) Σ_{j∈S_r(k)} Z_j = θ_r Z_k + A_r for every k.

The proofs use (i)-(iii) alone. With distinct latents assumption A holds exactly only for K = n_c^L: adding
(35) over r and α gives K - 1 on the left and K - K/n_c^L on the right. (i)-(iii) hold for many smaller sets
(linear codes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import comb

import numpy as np
from jaxtyping import Float, Int

from feature_collapse.errors import check_int
from feature_collapse.task.latents import Latents, given

_BLOCK = 2**24  # distances held at once: 64 MB as float32
_ONE_HOT = 2**27  # entries of the one-hot table beyond which distances are counted position by position


def one_hot(latents: Latents, n_c: int) -> Float[np.ndarray, "K n_cL"]:
    """Return the transposed Z_k, flattened: entry (k, ℓ·n_c + α) is 1 where z_{k,ℓ} = α, as float32."""
    K, L = latents.shape
    out = np.zeros((K, L * n_c), dtype=np.float32)
    np.put_along_axis(out, latents + n_c * np.arange(L), 1.0, axis=1)
    return out


def distance_blocks(latents: Latents, n_c: int) -> Iterator[tuple[slice, Int[np.ndarray, "B K"]]]:
    """Yield Hamming distances between the latents, a block of rows at a time.

    Time O(K² L n_c) multiplications; memory about 300 MB at most, beside the one-hot table of K L n_c
    numbers.

    Raises:
        InputError: latents that are not a K×L table of 0..n_c-1.
    """
    n_c = check_int("n_c", n_c, 2, 10_000)
    latents = given(latents, n_c)
    K, L = latents.shape
    rows = max(1, _BLOCK // K)
    table = one_hot(latents, n_c) if K * L * n_c <= _ONE_HOT else None
    small = latents.astype(np.int32)
    for start in range(0, K, rows):
        block = slice(start, min(start + rows, K))
        if table is not None:
            yield block, (L - table[block] @ table.T).astype(np.int32)
        else:
            count = np.zeros((block.stop - start, K), dtype=np.int32)
            for position in range(L):
                count += small[block, position, None] != small[None, :, position]
            yield block, count


def sphere_sizes(latents: Latents, n_c: int) -> Int[np.ndarray, "K L_1"]:
    """Return |S_r(k)| for every class k (rows) and r = 0..L (columns).

    Time O(K² L n_c), memory O(K L) and 300 MB.

    Raises:
        InputError: latents that are not a K×L table of 0..n_c-1.
    """
    latents = given(latents, check_int("n_c", n_c, 2, 10_000))
    K, L = latents.shape
    sizes = np.zeros((K, L + 1), dtype=np.int64)
    for block, distances in distance_blocks(latents, n_c):
        sizes[block] = _count_rows(distances, L)
    return sizes


def _count_rows(distances: Int[np.ndarray, "B K"], L: int) -> Int[np.ndarray, "B L_1"]:
    shifted = distances + (L + 1) * np.arange(len(distances))[:, None]
    return np.bincount(shifted.ravel(), minlength=len(distances) * (L + 1)).reshape(-1, L + 1)


@dataclass(frozen=True, eq=False)
class Symmetry:
    """How far a set of latents is from assumption A and from lemma B.

    A residual is 0 where the property is exact.

    Attributes:
        distinct: whether no latent occurs twice.
        sizes: (L+1,) mean of |S_r(k)| over k, r = 0..L.
        theta: (L+1,) θ_r of (iii), fitted by least squares.
        A: (L+1, n_c, L) A_r of (iii), fitted by least squares.
        residual_a: ‖counts - (35)‖ / ‖(35)‖ over all r ≥ 1, k, ℓ, α.
        residual_i: ‖sizes of each k - their mean‖ / ‖their mean‖.
        residual_ii: ‖n_c × share of each concept at each position - 1‖, root mean square.
        residual_iii: ‖sums over spheres - (θ_r Z_k + A_r)‖ / ‖sums over spheres‖, r ≥ 1.
    """

    distinct: bool
    sizes: Float[np.ndarray, " L_1"]
    theta: Float[np.ndarray, " L_1"]
    A: Float[np.ndarray, "L_1 n_c L"]
    residual_a: float
    residual_i: float
    residual_ii: float
    residual_iii: float

    @property
    def assumption_a(self) -> bool:
        """Whether assumption A holds (to rounding, 1e-12)."""
        return self.residual_a <= 1e-12

    @property
    def lemma_b(self) -> bool:
        """Whether (i)-(iii) hold, decided in exact arithmetic."""
        return self.residual_i == 0 and self.residual_ii == 0 and self.residual_iii == 0


def measure_symmetry(latents: Latents, n_c: int) -> Symmetry:
    """Return residuals of assumption A and of lemma B (i)-(iii), with the fitted θ_r and A_r.

    Time O(K² L² n_c); memory about 500 MB at most beside O(L² n_c + K L n_c). (i)-(iii) are decided in
    integers.

    Raises:
        InputError: latents that are not a K×L table of 0..n_c-1.
    """
    n_c = check_int("n_c", n_c, 2, 10_000)
    latents = given(latents, n_c)
    K, L = latents.shape
    table = one_hot(latents, n_c)
    Z = table.astype(bool)
    sizes = np.zeros((K, L + 1), dtype=np.int64)
    sums = np.zeros((L + 1, L * n_c))  # Σ_k T_r(k), T_r(k) = Σ_{j∈S_r(k)} Z_j
    squares, cross = [0] * (L + 1), [0] * (L + 1)  # Σ_k ‖T_r(k)‖² and Σ_k ⟨T_r(k), Z_k⟩, exact
    off_a = norm_a = 0.0
    same, other = assumption_a_counts(n_c, L, K)
    for block, distances in distance_blocks(latents, n_c):
        sizes[block] = _count_rows(distances, L)
        for r in range(L + 1):
            T = ((distances == r).astype(np.float32) @ table).astype(np.float64)
            sums[r] += T.sum(axis=0)
            squares[r] += sum(int(x) for x in np.einsum("kx,kx->k", T, T))
            cross[r] += int(T[Z[block]].sum())
            if r:
                expected = np.where(Z[block], same[r], other[r])
                off_a += float(((T - expected) ** 2).sum())
                norm_a += float((expected**2).sum())
    total = [int(x) for x in table.sum(axis=0, dtype=np.float64)]
    theta, A, off, norm = _fit_iii(sums, squares, cross, total, K, L)
    mean = sizes.mean(axis=0)
    residual_i = (
        np.sqrt(((sizes - mean) ** 2).mean(axis=0).sum() / (mean**2).sum())
        if np.ptp(sizes, axis=0).any()
        else 0.0
    )
    unequal = any(n_c * x != K for x in total)
    return Symmetry(
        distinct=bool((sizes[:, 0] == 1).all()),
        sizes=mean,
        theta=theta,
        A=A.reshape(L + 1, L, n_c).transpose(0, 2, 1),
        residual_a=float(np.sqrt(off_a / norm_a)) if norm_a else 0.0,
        residual_i=float(residual_i),
        residual_ii=float(np.sqrt(np.mean((np.array(total) * n_c / K - 1.0) ** 2))) if unequal else 0.0,
        residual_iii=float(off / norm) ** 0.5 if norm else 0.0,
    )


def assumption_a_counts(
    n_c: int, L: int, K: int
) -> tuple[Float[np.ndarray, " L_1"], Float[np.ndarray, " L_1"]]:
    """Return the two right-hand sides of (35) for r = 0..L: for α = z_{k,ℓ} and for another concept.

    Raises:
        InputError: n_c < 2, L < 1 or K < 1.
    """
    n_c, L, K = check_int("n_c", n_c, 2, 10_000), check_int("L", L, 1, 10_000), check_int("K", K, 1)
    share = Fraction(K, n_c**L)
    same = [_float(share * comb(L - 1, r) * (n_c - 1) ** r) for r in range(L + 1)]
    other = [0.0] + [_float(share * comb(L - 1, r - 1) * (n_c - 1) ** (r - 1)) for r in range(1, L + 1)]
    return np.array(same), np.array(other)


def _float(x: Fraction) -> float:
    """Return a number as float, infinity beyond their range."""
    try:
        return float(x)
    except OverflowError:
        return float("inf")


def assumption_a_spheres(n_c: int, L: int, K: int) -> Float[np.ndarray, " L_1"]:
    """Return |S_r| under assumption A, r = 0..L (39): (K/n_c^L) C(L, r) (n_c-1)^r.

    Raises:
        InputError: n_c < 2, L < 1 or K < 1.
    """
    same, other = assumption_a_counts(n_c, L, K)
    return np.asarray(same + (n_c - 1) * other)


def _fit_iii(
    sums: np.ndarray, squares: list[int], cross: list[int], total: list[int], K: int, L: int
) -> tuple[np.ndarray, np.ndarray, Fraction, int]:
    """Fit T_r(k) on Z_k with an intercept, in integers: θ_r, A_r, Σ squared residuals, Σ squares."""
    theta, A = np.zeros(L + 1), np.zeros_like(sums)
    spread = K * K * L - sum(x * x for x in total)  # K Σ ‖Z_k - mean‖²
    off, norm = Fraction(0), 0
    for r in range(L + 1):
        T = [int(x) for x in sums[r]]
        c_tt = K * squares[r] - sum(x * x for x in T)
        c_tz = K * cross[r] - sum(x * y for x, y in zip(T, total, strict=True))
        slope = Fraction(c_tz, spread) if spread else Fraction(0)
        theta[r] = float(slope)
        A[r] = [float((Fraction(x) - slope * y) / K) for x, y in zip(T, total, strict=True)]
        if r:
            off += (c_tt - slope * c_tz) / Fraction(K)
            norm += squares[r]
    return theta, A, off, norm

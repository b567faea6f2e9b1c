"""The weights of a network: W, U and the normaliser, checked once (paper §2, eq. 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import LARGEST, as_array
from feature_collapse.errors import InputError, check_int, check_lambda, check_type
from feature_collapse.model.normalisers import NoNormaliser, Normaliser
from feature_collapse.task.sentences import Sentences
from feature_collapse.task.task import Task

Embeddings = Float[np.ndarray, "n_w d"]
LinearWeights = Float[np.ndarray, "K L d"]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Singular values, falling: `features` of the word representations φ(W), `linear` of all the u_{k,ℓ}."""

    features: Float[np.ndarray, " m"]
    linear: Float[np.ndarray, " m"]


@dataclass(frozen=True, eq=False)
class Weights:
    """Embeddings W, linear weights U and the normaliser φ between them.

        score_k(x) = Σ_ℓ ⟨u_{k,ℓ}, φ(w_{x_ℓ})⟩

    Attributes:
        W: (n_w, d) embeddings before normalisation; row α·s_c + β is w_(α,β). An array, list or torch tensor.
        U: (K, L, d) linear weights; U[k, ℓ] is u_{k,ℓ}.
        normaliser: φ; the default is none (the network h).

    Raises:
        InputError: shapes that do not fit each other, no numbers, entries that are not finite, or entries
            beyond ±1e100 of U or of embeddings that nothing normalises.

    >>> weights = Weights([[1.0, 0.0], [0.0, 2.0]], [[[1.0, 1.0]], [[-1.0, 0.0]]])
    >>> print(weights)
    weights of 2 words and 2 classes of length 1, d = 2, normaliser none
    >>> weights.penalty(0.1)
    0.4
    """

    W: Embeddings
    U: LinearWeights
    normaliser: Normaliser = field(default_factory=NoNormaliser)

    def __post_init__(self) -> None:
        """Check and copy both arrays: contiguous, float32 where given so, else float64."""
        check_type("normaliser", self.normaliser, Normaliser, "a normaliser (make_normaliser makes one)")
        W, U = _array("W", self.W, 2), _array("U", self.U, 3)
        if W.shape[1] != U.shape[2]:
            raise InputError(
                f"W has shape {W.shape} and U {U.shape}, but they must be (n_w, d) and (K, L, d) with one d"
            )
        free = self.normaliser.radius(W.shape[1]) is None
        for name, array in (("W", W), ("U", U))[0 if free else 1 :]:
            if max(float(array.max()), -float(array.min())) > LARGEST:
                raise InputError(f"{name} has entries beyond ±{LARGEST:g}, but must have smaller ones")
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "U", U)

    @property
    def n_w(self) -> int:
        """Number of words."""
        return len(self.W)

    @property
    def K(self) -> int:
        """Number of classes."""
        return len(self.U)

    @property
    def L(self) -> int:
        """Sentence length."""
        return int(self.U.shape[1])

    @property
    def d(self) -> int:
        """Embedding dimension."""
        return int(self.W.shape[1])

    @property
    def radius(self) -> float | None:
        """‖φ(w)‖ where the normaliser fixes it, and W is not penalised; None where the norm is free."""
        return self.normaliser.radius(self.d)

    def features(self) -> Embeddings:
        """Return the word representations φ(W), (n_w, d), in float64. O(n_w d)."""
        found: Embeddings = self.normaliser.forward(self.W.astype(np.float64))
        return found

    def penalty(self, lambda_: float, decay: Float[np.ndarray, " n_w"] | None = None) -> float:
        """Return (λ/2)(Σ_j a_j ‖w_j‖² + ‖U‖²), without the first part where a normaliser fixes the norms.

        O(size).

        Args:
            lambda_: λ ≥ 0.
            decay: (n_w,) a_j ≥ 0 of the words; None for 1 each.

        Raises:
            InputError: λ < 0, or a decay of another shape or below 0.
        """
        check_lambda(lambda_)
        squares = _square(self.U)
        if self.radius is None:
            if decay is None:
                squares += _square(self.W)
            else:
                a = as_array("decay", decay, 1)
                if a.shape != (self.n_w,) or a.min() < 0:
                    raise InputError(
                        f"decay has shape {a.shape} and the least entry {a.min():g}, but must be "
                        f"({self.n_w},) numbers ≥ 0"
                    )
                squares += float(a @ np.square(self.W, dtype=np.float64).sum(1))
        return 0.5 * lambda_ * squares

    def spectrum(self, count: int | None = None) -> Spectrum:
        """Return the largest singular values of φ(W) and of the u_{k,ℓ}, through d×d Gram matrices.

        O((n_w + K L) d² + d³). Values below 1e-8 of the largest are rounding.

        Args:
            count: how many; None for all d.

        Raises:
            InputError: count < 1.
        """
        shown = self.d if count is None else check_int("count", count, 1)
        features, linear = self.features(), self.U.reshape(-1, self.d)
        return Spectrum(singular_values(features)[:shown], singular_values(linear)[:shown])

    def compressed(self, tolerance: float = 1e-6) -> Weights:
        """Return a plain network with the same scores in as few coordinates as the features span.

        Directions below `tolerance` times the largest singular value of φ(W) are dropped, and from U what
        does not act on the rest. O((n_w + K L) d²).
        """
        features = self.features()
        _, values, axes = np.linalg.svd(features, full_matrices=False)
        axes = axes[values > tolerance * values[0]].T
        if axes.shape[1] == 0:
            axes = np.eye(self.d, 1)
        return Weights(features @ axes, self.U @ axes)

    def check_task(self, task: Task) -> None:
        """Check that the weights are of a task's sizes.

        Raises:
            InputError: naming the sizes that differ.
        """
        check_type("task", task, Task, "a Task")
        ours, theirs = (self.n_w, self.K, self.L), (task.n_w, task.K, task.L)
        if ours != theirs:
            raise InputError(f"the weights have (n_w, K, L) = {ours}, but the task has {theirs}")

    def check_sentences(self, sentences: Sentences) -> None:
        """Check that the weights score these sentences.

        Raises:
            InputError: sentences of another length, words or classes out of range.
        """
        if sentences.words.shape[1] != self.L:
            raise InputError(f"the sentences have length {sentences.words.shape[1]}, but U has L = {self.L}")
        sentences.check_range(self.n_w, self.K)

    def to_dict(self) -> dict[str, Any]:
        """Return sizes, normaliser and leading singular values, for JSON."""
        spectrum = self.spectrum(10)
        return {
            "n_w": self.n_w,
            "K": self.K,
            "L": self.L,
            "d": self.d,
            "normaliser": self.normaliser.name,
            "singular_values_W": spectrum.features.tolist(),
            "singular_values_U": spectrum.linear.tolist(),
        }

    def __str__(self) -> str:
        """Return one line of sizes."""
        return (
            f"weights of {self.n_w} words and {self.K} classes of length {self.L}, d = {self.d}, "
            f"normaliser {self.normaliser.name}"
        )


def singular_values(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """Return the singular values of row vectors, falling, through their d×d Gram matrix in float64."""
    x = rows.astype(np.float64)
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(x.T @ x)[::-1], 0.0)))


def _square(x: np.ndarray) -> float:
    return float(np.square(x, dtype=np.float64).sum())


def _array(name: str, value: Any, ndim: int) -> np.ndarray:
    """Return a contiguous, finite float32 or float64 array of `ndim` axes, from an array, list or tensor."""
    if hasattr(value, "detach") and str(getattr(value, "layout", "")) != "torch.strided":
        raise InputError(f"{name} must be a dense array of numbers with {ndim} axes")
    if hasattr(value, "detach") and value.is_meta:
        raise InputError(
            f"{name} is a tensor without values, but must be an array of numbers with {ndim} axes"
        )
    if hasattr(value, "detach"):  # a torch tensor, on any device
        tensor = value.detach().cpu()
        value = (
            tensor if str(tensor.dtype) in ("torch.float32", "torch.float64") else tensor.double()
        ).numpy()
    try:
        if isinstance(value, np.ma.MaskedArray) and value.mask.any():
            raise InputError(f"{name} has masked entries, but must have finite numbers only")
        array = np.asarray(value)
        if array.dtype.kind not in "fiuO":
            raise TypeError
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be an array of numbers with {ndim} axes") from None
    if array.ndim != ndim or array.size == 0:
        raise InputError(f"{name} has shape {array.shape}, but must have {ndim} axes and not be empty")
    if not np.isfinite(array).all():
        raise InputError(f"{name} has entries that are not finite, but must have finite numbers only")
    return np.array(array, order="C")  # a copy: weights do not change with what they were made from

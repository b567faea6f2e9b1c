"""An empirical risk to minimise: sentences, λ, decay, and whether the word vectors are free or on a sphere.

    plain network:       min over W, U of f(W, U) + (λ/2)(Σ_j a_j‖w_j‖² + ‖U‖²)           risk (2)
    normalised network:  min over U and all v_j with ‖v_j‖ = ρ of f(V, U) + (λ/2)‖U‖²     risk (3)

ρ = √d for LayerNorm and RMSNorm, 1 on the unit sphere. LayerNorm's vectors lie in the mean-zero hyperplane of
R^d, which is a Euclidean space of dimension d-1: the solver works with vectors of few coordinates and lifts
them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from feature_collapse.errors import InputError, check_int, check_lambda, check_type
from feature_collapse.model.decay import Decay
from feature_collapse.model.normalisers import NoNormaliser, Normaliser, make_normaliser
from feature_collapse.task.sentences import Sentences
from feature_collapse.task.task import Task

SMALLEST_DECAY, LARGEST_DECAY = 1e-100, 1e50  # beyond, squares of weights and gradients leave the floats


@dataclass(frozen=True, eq=False)
class Problem:
    """An empirical risk to minimise; `Problem.of` makes one from a task or from sentences.

    Attributes:
        sentences: (N, L) words and (N,) classes.
        n_w: number of words; a word may never occur.
        K: number of classes; a class may have no sentence.
        lambda_: λ > 0.
        normaliser: φ with ε = 0; none for the plain network.
        d: dimension. Plain: the largest rank allowed (the bound holds for every d). Normalised: sets the
            radius.
        omega: (N,) weights ω ≥ 0 of the sentences, of sum 1; None for 1/N each.
        decay: (n_w,) a_j from 1e-100 to 1e50, the decay of each word beside λ; None for 1 each. 0 only for
            words that never occur.
        device: of the computation.

    Raises:
        InputError: naming the field, its value and what is allowed.

    >>> from feature_collapse.task import make_task
    >>> problem = Problem.of(make_task(n_w=60, L=6, K=40, seed=0), n_spl=5, lambda_=1e-3)
    >>> print(problem)
    risk of 200 sentences of length 6 in 40 classes, 60 words, λ = 0.001, normaliser none
    """

    sentences: Sentences
    n_w: int
    K: int
    lambda_: float
    normaliser: Normaliser = field(default_factory=NoNormaliser)
    d: int = 100
    omega: Float[np.ndarray, " N"] | None = None
    decay: Float[np.ndarray, " n_w"] | None = None
    device: str = "cpu"

    @classmethod
    def of(cls, source: Task | Sentences, n_spl: int = 5, lambda_: float = 1e-3, **options: Any) -> Problem:
        """Return the problem of a task's training set, or of sentences from anywhere.

        Args:
            source: a task, or sentences.
            n_spl: of a task: training sentences per class.
            lambda_: λ > 0.
            options: any other field of `Problem`; `normaliser` may be a name, `decay` of a task a `Decay`,
                and `n_w` and `K` default to those of the task, or to what occurs in the sentences.

        Raises:
            InputError: an option that is not known, or any value out of its range.
        """
        check_type("source", source, (Task, Sentences), "a Task or Sentences")
        unknown = set(options) - {"n_w", "K", "normaliser", "d", "omega", "decay", "device"}
        if unknown:
            raise InputError(f"Problem has no option {', '.join(sorted(unknown))}")
        if isinstance(options.get("normaliser"), str):
            options["normaliser"] = make_normaliser(options["normaliser"])
        if isinstance(source, Task):
            sizes, sentences = {"n_w": source.n_w, "K": source.K}, source.train_set(n_spl)
            if isinstance(options.get("decay"), int | float):
                options["decay"] = Decay(options["decay"])
            if isinstance(options.get("decay"), Decay):
                options["decay"] = options["decay"].weights(source, sentences)
            return cls(sentences, lambda_=lambda_, **{**sizes, **options})
        sizes = {"n_w": int(source.words.max()) + 1, "K": int(source.labels.max()) + 1}
        return cls(source, lambda_=lambda_, **{**sizes, **options})

    def __post_init__(self) -> None:
        """Check every field."""
        check_type("sentences", self.sentences, Sentences, "Sentences")
        check_type("normaliser", self.normaliser, Normaliser, "a normaliser or the name of one")
        check_int("n_w", self.n_w, 1)
        check_int("K", self.K, 1)
        if isinstance(self.lambda_, int | float) and self.lambda_ == 0:
            raise InputError(
                "lambda = 0, but must be > 0: without a penalty the risk of separable data has no minimiser, "
                "only weights that grow for ever"
            )
        check_lambda(self.lambda_, positive=True)
        self.sentences.check_range(self.n_w, self.K)
        eps = getattr(self.normaliser, "eps", 0.0)
        if eps > 0:
            raise InputError(
                f"eps = {eps:g}, but the certified solver needs eps = 0 (for eps > 0 the risk has the same "
                "infimum and does not reach it: longer W are always better)"
            )
        check_int("d", self.d, 2 if self.normaliser.centred else 1)
        check_covered(self.normaliser, self.d, attained=True)
        if self.decay is not None:
            object.__setattr__(self, "decay", self._checked_decay())
        if self.omega is not None:
            object.__setattr__(self, "omega", check_omega(self.omega, len(self.sentences)))
        check_type("device", self.device, str, "text: cpu, cuda or cuda:N")
        if self.device != "cpu":
            _check_device(self.device)

    def _checked_decay(self) -> Float[np.ndarray, " n_w"]:
        if self.radius is not None:
            raise InputError(
                f"a decay of the words has no meaning under the normaliser {self.normaliser.name!r}: their "
                "length is fixed and not penalised"
            )
        try:
            found = np.ascontiguousarray(self.decay, dtype=np.float64)
        except (TypeError, ValueError):
            found = np.empty(0)
        if found.shape != (self.n_w,) or not (np.isfinite(found).all() and (found >= 0).all()):
            raise InputError(f"decay must be {self.n_w} finite numbers ≥ 0, one for each word")
        odd = np.flatnonzero((found > 0) & ~((found >= SMALLEST_DECAY) & (found <= LARGEST_DECAY)))
        if len(odd):
            raise InputError(
                f"decay[{odd[0]}] = {found[odd[0]]:g}, but must be 0 or from {SMALLEST_DECAY:g} to "
                f"{LARGEST_DECAY:g}"
            )
        free = np.intersect1d(np.flatnonzero(found == 0), self.words)
        if len(free):
            raise InputError(f"decay[{free[0]}] = 0, but word {free[0]} occurs, and must have a decay > 0")
        return found

    def __str__(self) -> str:
        """Return one line of sizes."""
        return (
            f"risk of {len(self.sentences)} sentences of length {self.L} in {self.K} classes, {self.n_w} "
            "words, "
            f"λ = {self.lambda_:g}, normaliser {self.normaliser.name}"
        )

    @property
    def words(self) -> np.ndarray:
        """(N, L) word indices."""
        return self.sentences.words

    @property
    def labels(self) -> np.ndarray:
        """(N,) classes."""
        return self.sentences.labels

    @property
    def L(self) -> int:
        """Sentence length."""
        return int(self.words.shape[1])

    @property
    def radius(self) -> float | None:
        """The norm ρ of the word vectors, None where they are free."""
        return self.normaliser.radius(self.d)

    @property
    def largest_rank(self) -> int:
        """The largest number of coordinates worth using: that of the space, and no more than M's sizes."""
        space = self.d - 1 if self.normaliser.centred else self.d
        return min(space, self.n_w, self.K * self.L) if self.radius is None else min(space, self.n_w)

    def word_units(self) -> Float[np.ndarray, " n_w"] | None:
        """Return (n_w,) a^{-1/2}, and 0 where a = 0 and the word does not occur; None where all a are 1.

        With w' = √a w every word decays alike, and the gradient is ∇f Diag(a)^{-1/2} (theory, R8).
        """
        if self.decay is None:
            return None
        return np.where(self.decay > 0, 1.0 / np.sqrt(np.where(self.decay > 0, self.decay, 1.0)), 0.0)

    def shares(self) -> Float[np.ndarray, " N"]:
        """Return (N,) ω_i, 1/N each where none are given."""
        N = len(self.sentences)
        return np.full(N, 1.0 / N) if self.omega is None else self.omega

    def word_counts(self) -> Float[np.ndarray, " n_w"]:
        """Return (n_w,) Σ_i ω_i · (occurrences of the word in sentence i); of sum L."""
        return np.bincount(
            self.words.reshape(-1), weights=np.repeat(self.shares(), self.L), minlength=self.n_w
        )

    def first_of_each_class(self, count: int) -> Problem:
        """Return the same problem on the first `count` sentences of each class. O(N log N)."""
        order = np.argsort(self.labels, kind="stable")
        starts = np.searchsorted(self.labels[order], np.arange(self.K))
        rank = np.arange(len(order)) - starts[self.labels[order]]
        return self._rows(np.sort(order[rank < count]))

    def sample(self, count: int, seed: int = 0) -> Problem:
        """Return the same problem on `count` random sentences, or all if there are no more."""
        if count >= len(self.labels):
            return self
        return self._rows(np.sort(np.random.default_rng(seed).choice(len(self.labels), count, replace=False)))

    def _rows(self, rows: np.ndarray) -> Problem:
        omega = None
        if self.omega is not None:
            omega = self.omega[rows]
            if omega.sum() <= 0:
                return self
            omega = omega / omega.sum()
        return replace(self, sentences=Sentences(self.words[rows], self.labels[rows]), omega=omega)


def _check_device(device: str) -> None:
    """Check that a device, other than the CPU, is here."""
    import torch

    try:
        known = torch.device(device)
    except RuntimeError:
        raise InputError(f"device = {device!r}, but must be cpu or cuda") from None
    if known.type not in ("cpu", "cuda"):
        raise InputError(f"device = {device!r}, but must be cpu or cuda")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if known.type == "cuda" and (known.index or 0) >= count:
        raise InputError(f"device = {device!r}, but this machine has {count} CUDA devices; use cpu")


def check_omega(omega: np.ndarray, N: int) -> Float[np.ndarray, " N"]:
    """Return the sentences' weights ω as float64.

    Raises:
        InputError: they are not N numbers ≥ 0 of sum 1.
    """
    try:
        found = np.asarray(omega, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != (N,) or not np.all(found >= 0) or not abs(float(found.sum()) - 1.0) <= 1e-6:
        raise InputError(f"omega must be {N} numbers ≥ 0, one for each sentence, with sum 1")
    return np.ascontiguousarray(found)


_TRIALS, _AGREEMENT = 16, 1e-6


def check_covered(normaliser: Normaliser, d: int, *, attained: bool = False) -> None:
    """Check on random vectors that R2 or R3 speaks of the network with this normaliser. O(d).

    Without a radius φ must be the identity. With one, ‖φ(v)‖ ≤ ρ (R3's bound), and where the bound is to be
    `attained` by the solver, φ(v) = v on the sphere of radius ρ (of mean zero where φ centres), so that every
    vector there is the φ of some embedding.

    Raises:
        InputError: the normaliser is not covered, and why.
    """
    v = np.random.default_rng(0).standard_normal((_TRIALS, d)) * np.geomspace(1e-2, 1e2, _TRIALS)[:, None]
    radius = normaliser.radius(d)
    if radius is None:
        if not np.allclose(normaliser.forward(v), v, rtol=_AGREEMENT, atol=0.0):
            raise InputError(
                f"normaliser {normaliser.name!r} has radius None but φ(v) ≠ v: nothing is proved of such a "
                "network "
                "(R2 is about φ(v) = v, R3 about a φ of fixed norm); train it with sgd"
            )
        return
    images = normaliser.forward(v)
    if np.linalg.norm(images, axis=1).max() > radius * (1.0 + _AGREEMENT):
        raise InputError(f"normaliser {normaliser.name!r} gives vectors longer than its radius {radius:g}")
    if attained:
        on_sphere = v - v.mean(1, keepdims=True) if normaliser.centred else v
        on_sphere *= radius / np.linalg.norm(on_sphere, axis=1, keepdims=True)
        if not np.allclose(normaliser.forward(on_sphere), on_sphere, rtol=0.0, atol=_AGREEMENT * radius):
            raise InputError(
                f"normaliser {normaliser.name!r} moves vectors of its own norm {radius:g}"
                + (" and mean zero" if normaliser.centred else "")
                + ", so the minimum that R3 bounds may not be reached; train it with sgd"
            )

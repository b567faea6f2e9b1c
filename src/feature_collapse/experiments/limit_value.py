"""The minimum of the true risk as a value: between which bounds, by which result, at which weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from feature_collapse.errors import InputError, check_int, check_real
from feature_collapse.experiments.experiment import word_decay
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import sample_losses
from feature_collapse.task.task import FRESH, Task, generator
from feature_collapse.theory.interval import CONFIDENCE
from feature_collapse.theory.prediction import Prediction
from feature_collapse.theory.reduction import which_result

FIRST_FRESH = 2**40  # epochs of fresh sentences that no training reaches: for bounds and for estimates
EACH = (1.0 + CONFIDENCE) / 2.0  # confidence of either end, so that both hold with CONFIDENCE


@dataclass(frozen=True, eq=False)
class Limit:
    """The minimum of the true risk (5) or (10).

    Attributes:
        result: `R6`, `R7`, `R8` or `R9`.
        risk: that of the best weights found: exact for R6-R8, estimated on fresh sentences for R9.
        lower_bound: at most the minimum: proved for R6-R8, with 97.5% confidence for R9.
        upper_bound: at least the minimum: the risk, or its upper 97.5% confidence limit.
        weights: those weights.
        prediction: the idealised theorem for the same setting.
        n_c: number of concepts.
    """

    result: str
    risk: float
    lower_bound: float
    upper_bound: float
    weights: Weights
    prediction: Prediction
    n_c: int

    @property
    def scope(self) -> str:
        """`proved`, or `confidence` (95% for both ends together)."""
        return "confidence" if self.result == "R9" else "proved"

    @property
    def relative_difference(self) -> float | None:
        """How far the idealised theorem's risk is above the minimum, relative to it."""
        return None if self.prediction.risk is None else self.prediction.risk / self.risk - 1.0

    @property
    def concepts(self) -> Float[np.ndarray, "n_c d"]:
        """Each concept's mean feature."""
        return np.asarray(self.weights.features().reshape(self.n_c, -1, self.weights.d).mean(1))

    @property
    def norms(self) -> Float[np.ndarray, " n_c"]:
        """Their norms; one for each concept, all words of which have it under R6-R8."""
        return np.asarray(np.linalg.norm(self.concepts, axis=1))

    @property
    def angles(self) -> tuple[float, float]:
        """The smallest and the largest angle between two concepts, in degrees."""
        unit = self.concepts / np.where(self.norms > 0, self.norms, 1.0)[:, None]
        cosines = (unit @ unit.T)[np.triu_indices(self.n_c, 1)]
        found = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
        return float(found.min()), float(found.max())

    def to_dict(self) -> dict[str, Any]:
        """Return every number, for JSON."""
        return {
            "risk": self.risk,
            "lower_bound": self.lower_bound,
            "upper_bound": self.upper_bound,
            "result": self.result,
            "scope": self.scope,
            "theorem": self.prediction.theorem,
            "theorem_risk": self.prediction.risk,
            "relative_difference": self.relative_difference,
            "embedding_norms": self.norms.tolist(),
            "angles": list(self.angles),
        }

    def __str__(self) -> str:
        """Return the value, what is known of it, and the theorem beside it."""
        how = "proved" if self.scope == "proved" else "95% confidence"
        ends = f"between {self.lower_bound:.7g} and {self.upper_bound:.7g}"
        text = f"minimum of the true risk: {self.risk:.7g} ({self.result}: {ends}, {how})"
        if self.relative_difference is None:
            return text
        off = f"{self.prediction.theorem}: {self.prediction.risk:.7g}, {100 * self.relative_difference:+.3g}%"
        return f"{text}; {off}{self._where()}"

    def _where(self) -> str:
        """Return where the theorem's risk lies relative to R9's interval."""
        risk = self.prediction.risk
        if self.result != "R9" or risk is None:
            return ""
        if self.lower_bound <= risk <= self.upper_bound:
            return ", inside the interval"
        side, end = ("above", self.upper_bound) if risk > self.upper_bound else ("below", self.lower_bound)
        return f", {side} the interval by {abs(risk / end - 1):.2g} of its end"


@dataclass(frozen=True)
class Effort:
    """How much work a limit may take.

    Attributes:
        gap: relative, of the certified problems; R9 uses 1e-3 at least: it is not the largest error there.
        sets: independent training sets for R9, ≥ 2.
        samples: fresh sentences for every estimate of a true risk.

    Raises:
        InputError: a number out of range.
    """

    gap: float = 1e-6
    sets: int = 5
    samples: int = 20_000

    def __post_init__(self) -> None:
        """Check every field."""
        check_real("gap", self.gap, 1e-10, 1.0)
        check_int("sets", self.sets, 2, 10_000)
        check_int("samples", self.samples, 100, 10**9)


def result_of(task: Task, settings: Settings) -> str:
    """Return by which result the minimum will be found: `R6`, `R7`, `R8`, else `R9`."""
    return which_result(task, make_normaliser(settings.normaliser), word_decay(settings, task)) or "R9"


def true_risk(weights: Weights, task: Task, settings: Settings, n: int, purpose: int) -> tuple[float, float]:
    """Return an estimate of the true risk with the penalty of endless data, and its standard error."""
    if settings.lambda_ <= 0:
        raise InputError("lambda = 0, but must be > 0: without a penalty the true risk has no minimum")
    losses = sample_losses(weights, task, n=n, rng=generator(task.seed, FRESH, FIRST_FRESH, purpose))
    decay = word_decay(settings, task)
    penalty = weights.penalty(settings.lambda_, None if decay is None else np.tile(decay, task.n_c))
    return float(losses.mean()) + penalty, float(losses.std(ddof=1) / np.sqrt(n))

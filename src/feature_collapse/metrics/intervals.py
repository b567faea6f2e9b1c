"""From replicates to an interval that covers, a chance level and a p-value.

The interval is for the model's value, that of members without end in the given concepts. On a scale g where
errors are even (log, logit, plain), value − bias ± t·se, with bias and se of the bootstrap, and t with
Satterthwaite's degrees of freedom. Both are widened for what resampling n members loses (n/(n − 1); of
variances see `_power`), and half of the bias joins the error, for it is an estimate too. A share of entities
gets Jeffreys' interval; see `ShareErrors`.
Withheld, with the reason, where it would not cover:
- the bias is beyond `BIAS_LIMIT` standard errors (few members), for then it is not known well enough;
- a few entities hold the variance (heavy tails): the sample says too little about them;
- only a part of the entities was resampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.definitions import DEFINITIONS, Definition
from feature_collapse.metrics.nearest_centre import ShareErrors
from feature_collapse.metrics.scales import scale_of
from feature_collapse.metrics.value import Value
from feature_collapse.metrics.values import Values

NAN = float("nan")
LEAST = 20
"""Fewer replicates give no interval."""
BIAS_LIMIT = 0.5
SMALL_BIAS = 0.15
"""A bias of a smooth ratio up to this (on the log or logit scale) is known well enough whatever the error."""
SMOOTH = ("nc1", "nc1_trace_ratio", "cdnv", "type_I", "type_II", "type_III", "classifier", "nc3")
FEW_MEMBERS = 10
"""Fewer members give no interval to a formula that is biased."""
VARIANCES = ("spread", "direction_spread", "alignment", "cdnv")
BY_ENTITY = (
    "type_I",
    "type_II",
    "type_III",
    "classifier",
    "nc1_trace_ratio",
    "length_variation",
    "alignment",
)
"""Values in which entities weigh the same, so that small concepts hardly add to their error."""
UNEVEN = ("nc1", "nc2_norms", "nc2_angles", "nc2_angle_error", "nc2_etf", "frame_norms", "frame_angle_error")
"""Values whose bias is not even on any scale: they need `ENOUGH_MEMBERS`."""
FEW = "with so few members the formula is biased by more than is known"
ENOUGH_MEMBERS = 50
"""Fewer members do not place the centres well enough for a share of nearest centres to be the model's."""
ENOUGH_ENTITIES = 200
"""Entities per dimension below which the bias of the spectrum's values is not known."""
TAIL_LIMIT = 0.25
"""Below this share of effective entities, (Σq)²/(N Σq²) of q = ‖x − m‖², a few of them hold the variance."""
HARDLY_BIASED = ("frame_cosine",)
HARDLY = 0.3
"""Up to so many standard errors a hundred replicates do not tell their bias from none."""
FREE_OF_TAILS = ("direction_spread", "alignment", "uniformity", "nearest_centre", "nc4")
FREE_OF_SIZE = ("spread", "direction_spread", "length_spread", "alignment", "nearest_centre", "nc4")
"""Values whose mean under shuffled labels does not depend on how many entities there are."""


@dataclass(frozen=True)
class Samples:
    """Replicates of one view: by key (T,), and per concept (T, C), NaN where unknown."""

    overall: Mapping[str, Floats]
    each: Mapping[str, Floats]

    @staticmethod
    def of(replicates: Sequence[Values]) -> Samples:
        """Stack replicates."""
        if not replicates:
            return Samples({}, {})
        keys = {k for r in replicates for k in r.overall}
        overall = {k: np.array([r.overall.get(k, NAN) for r in replicates]) for k in keys}
        return Samples(overall, {k: np.stack([r.each[k] for r in replicates]) for k in replicates[0].each})

    def among(self, where: Ints, n_concepts: int) -> Samples:
        """Return the samples per concept among all `n_concepts`, NaN where nothing is known."""
        each = {}
        for key, table in self.each.items():
            each[key] = np.full((len(table), n_concepts), np.nan)
            each[key][:, where] = table
        return Samples(self.overall, each)


@dataclass(frozen=True)
class Replicates:
    """Of one view: the values of what was resampled, its bootstrap, its shuffles, and what intervals need.

    count (C,): members of the kept concepts; whole: whether all entities were resampled; concentration: see
    `TAIL_LIMIT`; looked_up: entities whose nearest centre was looked up; share: what is known of the share
    of these; d: dimension.
    """

    observed: Mapping[str, float]
    bootstrap: Samples
    shuffled: Samples
    count: Ints
    whole: bool
    concentration: float
    looked_up: int
    share: ShareErrors
    d: int

    @property
    def members(self) -> float:
        """Members of a typical concept: the harmonic mean, as errors of means add up."""
        return float(len(self.count) / np.sum(1 / self.count))


@dataclass(frozen=True)
class Range:
    """An interval, or NaN and the reason why there is none."""

    low: float = NAN
    high: float = NAN
    reason: str = ""


def with_interval(key: str, value: float, r: Replicates | None) -> Value:
    """Return a value over all concepts with what its replicates tell."""
    if r is None or np.isnan(value):
        return Value(key, value)
    found = _overall_range(key, value, r)
    observed = r.observed.get(key, value) if not r.whole else value
    level = chance(key, observed, _finite(r.shuffled.overall.get(key)))
    if not r.whole and key not in FREE_OF_SIZE and DEFINITIONS[key].group != "frequency":
        level = (NAN, NAN, NAN, level[3])  # of a part: not to be set beside the value of all
    return Value(key, value, found.low, found.high, *level, found.reason)


def _overall_range(key: str, value: float, r: Replicates) -> Range:
    d = DEFINITIONS[key]
    if not r.bootstrap.overall:
        return Range()
    if d.scale == "share" and r.members < ENOUGH_MEMBERS:
        return Range(reason="centres of so few members are not yet the model's")
    if few_for_spectrum(key, int(r.count.sum()), r.d):
        return Range(reason=few_for_spectrum(key, int(r.count.sum()), r.d))
    if d.scale == "share":
        return jeffreys(value, r.looked_up) if key != "nearest_centre" else _of_nearest(value, r)
    if d.scale == "none":
        return Range()
    if not r.whole:
        return Range(reason="only a part of the entities was resampled")
    if too_few(key, r.count):
        return Range(reason=too_few(key, r.count))
    if r.concentration < TAIL_LIMIT and key not in FREE_OF_TAILS:
        return Range(reason="a few entities hold most of the variance")
    return interval(d, value, _finite(r.bootstrap.overall.get(key)), Errors.of(r.count))


def _of_nearest(value: float, r: Replicates) -> Range:
    """Return the interval of the share of nearest centres, which holds the value."""
    found = jeffreys(min(value + r.share.bias, 1.0), r.looked_up / r.share.inside)
    return replace(found, low=min(found.low, value), high=max(found.high, value))


def few_for_spectrum(key: str, n: int, d: int) -> str:
    """Return why n entities in d dimensions are too few for an interval of the spectrum's values, or ''."""
    spectrum = DEFINITIONS[key].group == "dimension" and DEFINITIONS[key].biased and key != "uniformity"
    few = spectrum and n < ENOUGH_ENTITIES * d
    return "with so few entities per dimension the bias is not known" if few else ""


def too_few(key: str, count: Ints) -> str:
    """Return why concepts of these sizes (C,) are too small for an interval of a biased formula, or ''."""
    least = ENOUGH_MEMBERS if key in UNEVEN else FEW_MEMBERS
    return FEW if DEFINITIONS[key].biased and Errors.of(count).members < least else ""


def difference_interval(key: str, value: float, samples: Floats, errors: Errors) -> Range:
    """Return the interval of a difference of two values from the differences of their replicates (T,)."""
    return interval(
        replace(DEFINITIONS[key], scale="plain", low=-np.inf, high=np.inf), value, samples, errors
    )


def with_concept_interval(key: str, value: float, i: int, r: Replicates | None) -> Value:
    """Return concept i's value with what its replicates tell."""
    if r is None or key not in r.bootstrap.each or np.isnan(value):
        return Value(key, value)
    samples = _finite(r.bootstrap.each[key][:, i])
    found = Range(reason="only a part of the entities was resampled")
    if r.whole:
        found = interval(DEFINITIONS[key], value, samples, Errors.of(r.count[i : i + 1]))
    shuffled = r.shuffled.each[key][:, i] if key in r.shuffled.each else None
    return Value(key, value, found.low, found.high, *chance(key, value, _finite(shuffled)), found.reason)


def _finite(samples: Floats | None) -> Floats:
    return np.zeros(0) if samples is None else samples[np.isfinite(samples)]


@dataclass(frozen=True)
class Errors:
    """How the variance of means from n_c members, Σ s²/n_c, is estimated by resampling.

    widened: what resampling makes too small, (n − 1)/n for each concept, where concepts weigh the same;
    freedom: Satterthwaite's degrees there; widened_by_entity, freedom_by_entity: both where entities weigh
    the same; members: the harmonic mean; least: the smallest concept; concepts: their number.
    """

    widened: float
    freedom: float
    widened_by_entity: float
    freedom_by_entity: float
    members: float
    least: float
    concepts: int

    @staticmethod
    def of(count: Ints) -> Errors:
        """Return them for concepts of these sizes (C,), of equal variance."""
        n = count.astype(np.float64)
        total = float(np.sum(1 / n))
        freedom = total**2 / float(np.sum(1 / (n**2 * (n - 1))))
        widened = total / float(np.sum((n - 1) / n**2))
        widened_by_entity = float(n.sum() / np.sum(n - 1))
        freedom_by_entity = float(n.sum()) ** 2 / float(np.sum(n**2 / (n - 1)))
        least, members = float(n.min()), len(n) / total
        return Errors(widened, freedom, widened_by_entity, freedom_by_entity, members, least, len(n))


def interval(d: Definition, value: float, samples: Floats, errors: Errors) -> Range:
    """Return the interval of one value from its bootstrap replicates (T,)."""
    if len(samples) < LEAST or not np.isfinite(value):
        return Range()
    top = d.high if d.scale == "logit" else np.inf
    scale, bottom = d.scale, -1.0 / max(errors.concepts - 1, 1) if d.scale == "sum" else d.low
    inside = (samples > bottom) & (samples < top)
    if scale != "plain" and not (inside.mean() > 0.99 and bottom + 1e-10 < value < top):
        scale = "plain"  # on the border of its range a value has no logarithm
    forth, back = scale_of(scale, errors.concepts)
    own, drawn = forth(np.array(value)), forth(samples[inside] if scale != "plain" else samples)
    widened, freedom = errors.widened, errors.freedom
    if d.key in BY_ENTITY:
        widened, freedom = errors.widened_by_entity, errors.freedom_by_entity
    error = float(np.std(drawn, ddof=1)) * widened ** _power(d.key, errors)
    bias = float(np.mean(drawn) - own) * widened if d.biased else 0.0
    if d.key in HARDLY_BIASED and abs(bias) <= HARDLY * error:
        bias = 0.0
    known = d.key in SMOOTH and scale != "plain" and abs(bias) <= SMALL_BIAS
    if abs(bias) > BIAS_LIMIT * error and not known:
        return Range(reason=FEW)
    half = _quantile(min(freedom, len(drawn) - 1)) * float(np.hypot(error, bias / 2))
    low, high = back(np.array([own - bias - half, own - bias + half]))
    # the value may miss its own corrected interval by a hair
    return Range(
        float(np.clip(low, min(d.low, value), value)), float(np.clip(high, value, max(d.high, value)))
    )


def _power(key: str, errors: Errors) -> float:
    """Return the exponent of the widening in a standard error, as planted data ask for it.

    Resampled variances spread too little once more, for their own spread is one of fourth powers; of few
    members their logarithms spread too much.
    """
    if key not in VARIANCES:
        return 0.5
    if errors.least >= FEW_MEMBERS:
        return 1.5
    if errors.members >= FEW_MEMBERS and key != "cdnv":
        return 0.0
    return -1.0 if key == "alignment" else -0.5


def _quantile(freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1.0), 0.975))


def jeffreys(share: float, n: float) -> Range:
    """Return Jeffreys' 95% interval of a share among n: quantiles of Beta(k + ½, n − k + ½)."""
    from scipy.special import betaincinv

    k = share * n
    low = 0.0 if k == 0 else float(betaincinv(k + 0.5, n - k + 0.5, 0.025))
    high = 1.0 if k == n else float(betaincinv(k + 0.5, n - k + 0.5, 0.975))
    return Range(low, high)


def chance(key: str, observed: float, samples: Floats) -> tuple[float, float, float, float]:
    """Return mean and 95% range of the shuffles, and p of what was observed beside them."""
    d = DEFINITIONS[key]
    if len(samples) == 0 or np.isnan(observed) or not (d.labels or d.group == "frequency"):
        return NAN, NAN, NAN, NAN
    low, high = np.percentile(samples, (2.5, 97.5))
    # equal up to rounding counts as equal, so that data without any structure get p = 1
    slack = 1e-9 * max(abs(observed), float(np.abs(samples).max()))
    below = (1 + np.sum(samples <= observed + slack)) / (1 + len(samples))
    above = (1 + np.sum(samples >= observed - slack)) / (1 + len(samples))
    p = below if d.side == "low" else above if d.side == "high" else min(1.0, 2 * min(below, above))
    return float(samples.mean()), float(low), float(high), float(p)

"""Feature collapse as spread: inside concepts against between them, split into direction and length.

With s_c² = Σ‖x − m_c‖²/(n_c − 1) and σ_w² = mean_c s_c², the between-concept variance is estimated without
bias,

    σ_b² = Σ_c ‖m_c − m̄‖²/(C − 1) − mean_c (s_c²/n_c),   spread = σ_w²/(σ_w² + σ_b²)  (σ_b² < 0 counts as 0),

which is one minus the intraclass correlation: 0 is collapsed, 1 is no more alike than strangers, at any
sample size. For one concept, σ_b² is half the (unbiased) mean squared distance to the other concepts'
means.
"""

from __future__ import annotations

import numpy as np

from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.moments import ConceptMoments


def spread(count: Ints, mean: Floats, m2: Floats) -> tuple[float, Floats]:
    """Return the spread over all concepts and of each one (C,), in [0, 1]; NaN where it is undefined.

    Every concept needs two members or more. Undefined: one concept only, or all points equal. O(C·d) time.
    """
    n_c = len(count)
    variance = m2 / (count - 1)
    if n_c < 2:
        return float("nan"), np.full(n_c, np.nan)
    away = mean - mean.mean(axis=0)
    squares = np.einsum("ij,ij->i", away, away)
    error = variance / count
    between = squares.sum() / (n_c - 1) - error.mean()
    # mean over the others of ‖m_c − m_b‖², without any C×C array
    others = (n_c * squares + squares.sum()) / (n_c - 1) - error - (error.sum() - error) / (n_c - 1)
    scale = float(np.mean(squares) + np.mean(m2 / count) + np.max(np.einsum("ij,ij->i", mean, mean)))
    overall = _share(np.array([variance.mean()]), np.array([between]), scale)
    return float(overall[0]), _share(variance, others / 2, scale)


def _share(within: Floats, between: Floats, scale: float) -> Floats:
    """Return within/(within + between), NaN where both vanish beside rounding errors of size `scale`."""
    total = within + np.maximum(between, 0.0)
    floor = 1e-28 * scale
    return np.where(total > floor, within / np.where(total > floor, total, 1.0), np.nan)


def length_spread(m: ConceptMoments) -> tuple[float, Floats]:
    """Return the coefficient of variation of ‖x‖: root mean square over concepts, and per concept (C,)."""
    variance = m.length_m2 / (m.count - 1)
    known = m.length_mean > 0
    cv2 = np.where(known, variance / np.where(known, m.length_mean, 1.0) ** 2, np.nan)
    overall = float(np.sqrt(np.nanmean(cv2))) if known.any() else float("nan")
    return overall, np.sqrt(cv2)


def length_variation(m: ConceptMoments) -> float:
    """Return the coefficient of variation of ‖x‖ over all entities of the concepts given."""
    n = m.count.sum()
    mean = float(m.count @ m.length_mean / n)
    total = float(m.length_m2.sum() + m.count @ (m.length_mean - mean) ** 2)
    return float(np.sqrt(total / (n - 1)) / mean) if mean > 0 else float("nan")

"""What was found, in sentences, from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feature_collapse.metrics.curve import Curve
from feature_collapse.metrics.outcome import COLLAPSED, OUTCOMES, SPREAD_LIMIT
from feature_collapse.metrics.report import VERDICTS, Report, View, show, view_name
from feature_collapse.metrics.verdict import CHANCE_LEVEL

SHOWN = 6
REPAIRED = 0.5
"""A normaliser repairs where it takes the spread to this share of what it was."""
LEANING = 0.05
"""A slope of log length on log frequency beyond this is worth a sentence on its cause."""


def findings(report: Report) -> tuple[str, ...]:
    """Return the sentences, the most important first."""
    view = report.views[report.normaliser]
    said = [
        f"{OUTCOMES[report.outcome].capitalize()}: {report.outcome_reason}.",
        *_directions(view),
        *_confusions(report),
        *_frequency(report, view),
        *_normalisers(report),
    ]
    if report.verdict in ("I", "II", "III"):
        said.append(f"Of the paper's definitions it meets {VERDICTS[report.verdict]} ({report.reason}).")
    return tuple(said)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _directions(view: View) -> list[str]:
    known = [c for c in view.concepts if np.isfinite(c.values["direction_spread"].value)]
    if not known:
        return []
    one = [c.name for c in known if c.values["direction_spread"].value <= SPREAD_LIMIT]
    chance = [c.name for c in known if c.values["direction_spread"].p > CHANCE_LEVEL]
    said = []
    if one:
        said.append(f"{len(one)} of {len(known)} concepts have one direction: {_names(one)}.")
    else:
        said.append(f"None of {len(known)} concepts has one direction (a spread of at most {SPREAD_LIMIT}).")
    if chance:
        said.append(f"{len(chance)} are no more alike in direction than chance: {_names(chance)}.")
    return said


def _confusions(report: Report) -> list[str]:
    view, said = report.views[report.normaliser], []
    nearest = view.values.get("nearest_centre")
    if nearest is not None and np.isfinite(nearest.value):
        beside = f" ({100 * nearest.chance:.0f}% by chance)" if np.isfinite(nearest.chance) else ""
        said.append(
            f"{100 * nearest.value:.0f}% of the entities are nearest to their own concept's centre{beside}."
        )
    found = report.detail.confusions if report.detail is not None else ()
    if found:
        pairs = [f"{c.concept} with {c.taken_for} ({100 * c.share:.0f}%)" for c in found[:3]]
        said.append(f"Most often confused: {', '.join(pairs)}.")
    return said


def _frequency(report: Report, view: View) -> list[str]:
    slope = view.values.get("length_slope")
    curve = report.detail.curve if report.detail is not None else None
    if slope is None or not np.isfinite(slope.value):
        return []
    raw = report.views["none"].values["length_slope"] if "none" in report.views else slope
    if slope.value == 0 and raw.value != 0:
        return [f"After {report.normaliser} all lengths are equal, whatever the frequency."]
    tested = np.isfinite(slope.p)
    if curve is None:
        word = "follows" if not tested or slope.p <= CHANCE_LEVEL else "does not follow"
        return [f"Length {word} frequency: slope {show(slope.value, 3)} on logarithms."]
    return [_curve(curve, slope.value), *_cause(report, slope.value, curve)]


def _curve(curve: Curve, slope: float) -> str:
    if curve.p_no_relation > CHANCE_LEVEL:
        return f"Length does not follow frequency (p = {show(curve.p_no_relation, 2)} for the curve)."
    least = min(curve.bins, key=lambda b: b.length)
    most = max(curve.bins, key=lambda b: b.length)
    if curve.p_monotone <= CHANCE_LEVEL:
        return (
            "Length follows frequency, neither rising nor falling throughout: longest at "
            f"{show(most.low_frequency, 3)} to {show(most.high_frequency, 3)}, shortest at "
            f"{show(least.low_frequency, 3)} to {show(least.high_frequency, 3)} "
            f"(R² {curve.r2_bins:.2f} by bins, {curve.r2_line:.2f} by a line)."
        )
    way = "longer" if slope > 0 else "shorter"
    return (
        f"Frequent entities are {way}: slope {show(slope, 3)} on logarithms; the longest bin is "
        f"{most.length / least.length:.2g} times the shortest."
    )


def _cause(report: Report, slope: float, curve: Curve) -> list[str]:
    """Return the long tail of theorem 2 and its two cures."""
    if slope < LEANING or curve.p_no_relation > CHANCE_LEVEL or report.normaliser != "none":
        return []
    return [
        "Weight decay that treats rare and frequent entities alike does this (theorem 2); decay in "
        "proportion to frequency (R8, --decay lazy) or a normaliser makes lengths equal."
    ]


def _normalisers(report: Report) -> list[str]:
    if report.normaliser != "none" or "sphere" not in report.views:
        return []
    before, after = (report.views[v].values.get("spread") for v in ("none", "sphere"))
    if before is None or after is None or not np.isfinite([before.value, after.value]).all():
        return []
    numbers = f"spread {show(before.value, 3)} {view_name('none')}, {show(after.value, 3)} on the sphere"
    if report.outcome in COLLAPSED and before.value <= SPREAD_LIMIT:
        return []
    if after.value <= REPAIRED * before.value:
        return [f"A normaliser would repair it: {numbers}."]
    return [f"A normaliser would make lengths equal but not collapse the concepts: {numbers}."]

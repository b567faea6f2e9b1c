"""What needs the entities again once the concepts' means are known: nearest centres, NC4, distances, lengths.

One pass over the rows in chunks serves all views. Where N·C·d is large the nearest centres are looked up for
a random part of the entities, to bound the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from feature_collapse.blas import shared
from feature_collapse.metrics.arrays import Floats, Ints, lengths_of
from feature_collapse.metrics.data import CHUNK_VALUES, Data, chunks
from feature_collapse.metrics.frequency import length_against_frequency
from feature_collapse.metrics.nearest_centre import NearestCentre, ShareErrors
from feature_collapse.metrics.values import Point
from feature_collapse.metrics.views import Lens, Rows

CENTRE_BUDGET = 4e11
"""Operations N·C·d of the nearest centres; above it they are found for a random part of the entities."""
LEAST_LOOKED_UP = 1000


@dataclass(frozen=True)
class OwnConcept:
    """Of each entity (N,) in one view: its length, its distance from its concept, whether that is nearest.

    off: squared distance of the unit vector from its concept's mean direction; nearest: 1.0 or 0.0. Both are
    NaN for entities alone in their concept, nearest also for those not looked up.
    """

    length: Floats
    off: Floats
    nearest: Floats


@dataclass(frozen=True)
class SecondPass:
    """Points by view with the values of this pass; of the model's view who is `wrong`ly placed, and `own`.

    wrong counts entities by (own concept, concept of the nearest centre), both among the kept ones; share
    is what the interval of their share needs, by rows.
    """

    points: Mapping[str, Point]
    wrong: Mapping[tuple[int, int], int]
    own: OwnConcept
    looked_up: int
    share: Mapping[Rows, ShareErrors]
    notes: tuple[str, ...]


def second_pass(
    data: Data,
    points: Mapping[str, Point],
    lenses: Mapping[str, Lens],
    main: str,
    generator: np.random.Generator,
) -> SecondPass:
    """Return the values of this pass, `main` being the model's own view. O(N·C·d) time, O(N + C·d) memory."""
    asked, n = _asked(data, generator), len(data.codes)
    views = {lens.rows: _View.of(data, lens, points[view]) for view, lens in lenses.items()}
    lens, own = lenses[main], OwnConcept(np.zeros(n), np.full(n, np.nan), np.full(n, np.nan))
    index = np.cumsum(data.kept) - 1

    def look(part: slice) -> None:
        x, codes, where = data.rows(part), data.codes[part], np.flatnonzero(asked[part])
        made = {rows: rows.of(x) for rows in views}
        for rows, view in views.items():
            right = view.update(part, made[rows], where, index[codes[where]])
            if rows == lens.rows:
                own.nearest[part][where] = right
        units = made[lens.directions] if lens.directions in made else lens.directions.of(x)
        units = units / (lens.directions.length(x.shape[1]) or 1.0)
        member = np.flatnonzero(data.kept[codes])
        away = units[member] - points[main].moments.unit_mean[index[codes[member]]]
        own.off[part][member] = np.einsum("ij,ij->i", away, away)

    shared(look, chunks(*data.x.shape), float(min(CHUNK_VALUES, data.x.size)) * len(data.names))
    own.length[:] = lens.scale * views[lens.rows].length
    values = {rows: view.values(data) for rows, view in views.items()}
    centre, looked_up = views[lens.rows].centre, int(asked.sum())
    note = f"nearest centres were found for {looked_up} entities chosen at random, to bound the time"
    return SecondPass(
        {v: p.joined(values[lenses[v].rows]) for v, p in points.items()},
        {} if centre is None else centre.wrong,
        own,
        looked_up,
        {
            rows: ShareErrors() if view.centre is None else view.centre.errors(index[data.codes[asked]])
            for rows, view in views.items()
        },
        (note,) if 0 < looked_up < len(data.members) else (),
    )


def _asked(data: Data, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return whose nearest centre is looked up, (N,): all members of kept concepts, or a random part."""
    members, n_kept = data.members, int(data.kept.sum())
    out = np.zeros(len(data.codes), dtype=bool)
    if n_kept < 2:
        return out
    afford = int(CENTRE_BUDGET // (n_kept * data.x.shape[1] * 6))
    asked = min(len(members), max(LEAST_LOOKED_UP, afford))
    out[members if asked == len(members) else generator.choice(members, asked, replace=False)] = True
    return out


@dataclass(frozen=True)
class _View:
    """What one kind of rows gathers in the pass: lengths (N,) and nearest centres (None with one concept)."""

    centre: NearestCentre | None
    length: Floats
    with_classifier: bool
    lock: Lock = field(default_factory=Lock)

    @staticmethod
    def of(data: Data, lens: Lens, point: Point) -> _View:
        """Prepare for the rows of a view."""
        summed = None if data.classifier is None else data.classifier.of_concepts(data.kept).summed().mean
        moments = point.scaled(1 / lens.scale).moments
        centre = NearestCentre(moments.mean, moments.count, summed) if data.kept.sum() >= 2 else None
        return _View(centre, np.zeros(len(data.codes)), summed is not None)

    def update(self, part: slice, x: Floats, where: Ints, codes: Ints) -> NDArray[np.bool_]:
        """Add rows x of the data's `part`; of those at `where`, of concepts `codes`, return who is right."""
        self.length[part] = lengths_of(x)
        if self.centre is None or len(where) == 0:
            return np.zeros(len(where), dtype=bool)
        looked = self.centre.look(x if len(where) == len(x) else x[where], codes)
        with self.lock:  # threads share the parts
            self.centre.add(looked)
        return looked.own

    def values(self, data: Data) -> dict[str, float]:
        """Return the values of this kind of rows."""
        out: dict[str, float] = {}
        if data.frequencies is not None:
            out |= length_against_frequency(self.length, data.frequencies, data.codes)
        if self.centre is not None:
            out["nearest_centre"] = self.centre.own_share
            if self.with_classifier:
                out["nc4"] = self.centre.agreement
        return out

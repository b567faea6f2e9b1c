"""How often do 95% intervals hold the true value? Eight concepts of unequal noise in ten dimensions.

    python benchmarks/interval_coverage.py [--sets 300] [--store FOLDER]

Prints a Markdown table: a row for each value, a column for each number of members (and one of unequal
numbers, one of heavy tails). The truth is the value of 100,000 members a concept. With `--store` every cell
is kept in a file as soon as it is whole, and not computed again. O(sets · members) time, about a
minute of one core a cell.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from feature_collapse.metrics import FeatureStatistics, measure
from feature_collapse.metrics.nearest_centre import NearestCentre

COVERED = ("spread", "direction_spread", "type_I", "type_III", "nc1", "nc1_trace_ratio", "cdnv", "nc2_norms",
           "nc2_angles", "length_spread", "length_variation", "nearest_centre", "alignment", "effective_rank",
           "participation_ratio", "rankme", "frame_cosine", "frame_angle_error")  # fmt: skip
CELLS = {"5": 5, "20": 20, "100": 100, "1000": 1000, "4 to 200": 0, "20, heavy tails": 20}


def _population(cell: str, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Eight concepts in ten dimensions with unequal noise; `n` members of each, 0: from 4 to 200."""
    means = np.random.default_rng(7).normal(size=(8, 10))
    sizes = np.full(8, n) if n else np.array([4, 6, 10, 20, 40, 80, 120, 200])
    y = np.repeat(np.arange(8), sizes)
    noise = np.linspace(0.4, 1.2, 8)[y][:, None] * np.linspace(0.5, 1.5, 10)
    x = means[y] + noise * generator.normal(size=(len(y), 10))
    if "tails" in cell:
        x *= np.exp(generator.normal(size=(len(y), 1)))
    return x, y


def cell(name: str, n: int, sets: int) -> dict[str, str]:
    """Return, by value, the share of data sets whose interval holds the truth, or that it is withheld."""
    x, y = _population(name, n and 100_000, np.random.default_rng(1))
    if not n:  # the same sizes, many times
        parts = [_population(name, 0, np.random.default_rng(s)) for s in range(2000)]
        x, y = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    truth = _truth(x, y)
    hits: dict[str, list[bool]] = {k: [] for k in COVERED}
    for seed in range(sets):
        x, y = _population(name, n, np.random.default_rng(1000 + seed))
        report = measure(x, y, shuffles=0, resamples=100, seed=seed, views=("none",))
        for key, found in hits.items():
            if np.isfinite(report[key].low):
                found.append(report[key].low <= truth[key] <= report[key].high)
    return {key: _share(found, sets) for key, found in hits.items()}


def _share(hits: list[bool], sets: int) -> str:
    """The share that covers, and of how many data sets, where some were withheld."""
    if len(hits) < 0.05 * sets:
        return "withheld"
    given = "" if len(hits) > 0.995 * sets else f" (of {100 * len(hits) / sets:.0f}%)"
    return f"{np.mean(hits):.3f}{given}"


def _truth(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    statistics = FeatureStatistics(8, 10, views=("none",))
    statistics.update(x, y)
    values = {k: v.value for k, v in statistics.finalize().views["none"].values.items()}
    m = statistics.moments("none")
    centre = NearestCentre(m.mean, m.count)
    centre.update(x, y)
    return {**values, "nearest_centre": centre.own_share}


def main(sets: int, store: Path | None) -> None:
    """Print the table, cell after cell kept in `store`."""
    columns = []
    for name, n in CELLS.items():
        path = None if store is None else store / f"{name.replace(' ', '-')}-{sets}.json"
        if path is not None and path.exists():
            columns.append(json.loads(path.read_text()))
            continue
        columns.append(cell(name, n, sets))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(columns[-1]))
    print("| value | " + " | ".join(CELLS) + " |")
    print("|---|" + "---|" * len(CELLS))
    for key in COVERED:
        print(f"| `{key}` | " + " | ".join(column[key] for column in columns) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    main(options.sets, options.store)

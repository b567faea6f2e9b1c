"""The third cure at the paper's full size: the table of docs/sweeps.md and the picture of the README.

    python benchmarks/third_cure.py table
    python benchmarks/third_cure.py picture [--out results/third-cure]

`table` reads the committed results of figure 12. `picture` finds the certified minimisers of figure 4b's
data with q = 0 and with q = 1 (one to two minutes on two cores; finished records in the folder are used) and
draws their embeddings, and the length of each word against its frequency, into third-cure.png there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.experiments.record import Record
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.figures.style import GREY, colour, marker, panels, render, styled
from feature_collapse.figures.weights import draw_points, embeddings
from feature_collapse.sweeps.presets import preset
from feature_collapse.sweeps.results import Results, cells
from feature_collapse.sweeps.tables import read_csv
from feature_collapse.theory import theorem1

TRAINED = "h, lazy SGD"  # the network of the preset's group paper-lazy
COLUMNS = {
    "test_accuracy": "test accuracy",
    "norm_W_mean": "mean length of w",
    "norm_W_std": "its std over words",
    "type_I": "distance to type I",
    "type_II": "to type II",
    "type_III": "to type III",
}


def table(results: Results) -> str:
    """Return a row for each network at the paper's size, five seeds: mean, and the least and the largest."""
    lines = ["| network | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---|" * len(COLUMNS)]
    rows = {name: results.where(group="paper", network=name) for name in ("h, q = 0", "h, q = 1", "h*")}
    trained = results.where(group="paper-lazy")
    for epochs in sorted(set(trained.column("epochs"))):
        rows[f"{TRAINED}, {epochs} epochs"] = trained.where(epochs=epochs)
    for name, runs in rows.items():
        shown = name.replace("*", "\\*")
        lines.append(f"| {shown} | " + " | ".join(_entry(runs, column) for column in COLUMNS) + " |")
    return "\n".join(lines)


def _entry(runs: Results, column: str) -> str:
    """Return mean (least to largest) over the seeds, or a dash where the network has no such value."""
    found = cells(runs, ("network",), column)
    if not found:
        return "-"
    (cell,) = found.values()
    values = np.array(cell.values)
    if column == "test_accuracy":
        return f"{100 * values.mean():.2f} % ({100 * values.min():.2f} to {100 * values.max():.2f})"
    return f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})"


@styled
def draw(plain: Record, cured: Record) -> Figure:
    """Draw both sets of embeddings, and the length of each word against its frequency."""
    figure, (left, middle, right) = panels(1, 3, (8.6, 2.9), width_ratios=(1, 1, 1.25))
    titles = ("equal decay of every word", "decay ∝ frequency")
    for axis, record, title in zip((left, middle), (plain, cured), titles, strict=True):
        rows, concepts = embeddings(record)
        draw_points(axis, rows, concepts, [""] * record.settings.n_c)
        axis.set(xticks=[], yticks=[])
        for side in ("left", "bottom"):
            axis.spines[side].set_visible(False)
        axis.set_title(f"{title}:\n{100 * record.summary['test_accuracy']:.0f} % of new sentences right")
    for index, (record, title) in enumerate(zip((plain, cured), titles, strict=True)):
        _lengths(right, record, title, index)
    s = cured.settings
    right.axhline(theorem1.constants(s.n_c, s.n_w, s.L, s.K, s.lambda_).c, color=GREY, linewidth=0.8,
                  linestyle=":", label="theorem 1")  # fmt: skip
    right.set(xscale="log", ylim=(0, None), xlabel="frequency of the word inside its concept",
              ylabel="length of its embedding", title="every word of figure 4b's data")  # fmt: skip
    right.legend(loc="upper left", markerscale=1.6)
    return figure


def _lengths(axis: Axes, record: Record, title: str, index: int) -> None:
    """Scatter the words' lengths over their frequencies."""
    lengths = np.linalg.norm(record.weights.W, axis=1)
    mu = np.tile(record.task.mu, record.task.n_c)
    axis.scatter(
        mu, lengths, s=7, c=colour(index), marker=marker(index), linewidths=0, alpha=0.7, label=title
    )


def picture(folder: Path) -> None:
    """Minimise with q = 0 and q = 1, and draw."""
    base = Settings(word_law="zipf", n_spl=5, method="certified", gap=1e-4)
    changes = {"q0": {}, "q1": {"decay_exponent": 1.0, "decay_frequency": "data"}}
    plain, cured = (run(base.replace(**change), folder / name) for name, change in changes.items())
    (folder / "third-cure.png").write_bytes(render(draw(plain, cured), "png", dpi=130))
    print(folder / "third-cure.png")


def main() -> None:
    """Print the table or make the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("table", "picture"))
    parser.add_argument("--out", type=Path, default=Path("results/third-cure"))
    chosen = parser.parse_args()
    if chosen.what == "table":
        print(table(read_csv(preset("figure12").data)))
    else:
        picture(chosen.out)


if __name__ == "__main__":
    main()

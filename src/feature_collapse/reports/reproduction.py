"""Pictures and the report of finished records, written beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from feature_collapse.experiments.presets import PaperRun
from feature_collapse.experiments.record import Record
from feature_collapse.figures.overview import draw_overview
from feature_collapse.figures.registry import DIAGRAMS, RECORD_FIGURES, RECORD_PICTURES
from feature_collapse.figures.style import save
from feature_collapse.figures.weights import network_name, what_ran
from feature_collapse.files import make_folder, write_atomically
from feature_collapse.metrics.frequency import rank_correlation
from feature_collapse.reports.comparison import WHY_BELOW_THEORY, QuantityRow, number_text, quantity_rows
from feature_collapse.reports.finding import Finding, find
from feature_collapse.reports.page import Picture, Table, render_page

_STORY = 4  # records that the overview needs
_DIAGRAM_CAPTIONS = {
    "figure1": "Figure 1. The task: a latent variable is a sequence of concepts; its sentences replace each "
    "concept by one of its words.",
    "figure2": "Figure 2. The networks h and h*.",
    "figure6": "Figure 6 (beyond the paper). The three types of collapse for 2, 3 and 4 concepts.",
}
SUMMARY_HEAD = ("experiment", "risk", "in theory", "collapse, verdict", "accuracy")


@dataclass(frozen=True)
class Run:
    """One finished experiment of the paper."""

    experiment: PaperRun
    record: Record

    @cached_property
    def finding(self) -> Finding:
        """What the record shows."""
        return find(self.record)

    @cached_property
    def rows(self) -> list[QuantityRow]:
        """Its numbers beside the notebooks' and the theory's."""
        return quantity_rows(self.experiment, self.record)

    @property
    def label(self) -> str:
        """The figure, marked where the run is only beside it: `figure 3`, `figure 3, LayerNorm`."""
        figure = self.experiment.figure.replace("figure", "figure ")
        return figure if self.experiment.drawn else f"{figure}, LayerNorm"

    @property
    def title(self) -> str:
        """The label, and what ran in words."""
        return f"{self.label[0].upper()}{self.label[1:]}: {what_ran(self.record.settings)}"

    @property
    def caption(self) -> str:
        """What ran and what came of it, from the record alone."""
        return f"{self.title}. {self.finding}"

    def summary(self) -> list[str]:
        """Return one line: label, risk, the theory's risk, verdict, test accuracy (see `SUMMARY_HEAD`)."""
        risk = next(row for row in self.rows if row.quantity == "risk")
        accuracy = number_text(self.finding.test_accuracy, percent=True)
        return [self.label, number_text(risk.ours), number_text(risk.theory), self.finding.verdict, accuracy]


def save_record_pictures(record: Record, folder: Path | None = None) -> list[Path]:
    """Write figure.png/pdf and word-frequencies.png/pdf of a record; return their paths.

    Args:
        record: what is drawn.
        folder: where to; the record's own by default.

    Raises:
        InputError: a folder that cannot be written.
    """
    target = make_folder(folder) if folder is not None else record.path
    return [path for stem, draw in RECORD_PICTURES.items() for path in save(draw(record), target, stem)]


def save_diagrams(folder: Path, names: Sequence[str]) -> list[Picture]:
    """Write the figures that need no run, as PNG and PDF; return them for the report."""
    make_folder(folder)
    return [
        Picture(_DIAGRAM_CAPTIONS[name], save(DIAGRAMS[name](), folder, name)[0].read_bytes())
        for name in names
    ]


def save_overview(folder: Path, stem: str, runs: Sequence[Run]) -> list[Picture]:
    """Write the paper's story in one picture, if all four drawn runs are there; return it for the report."""
    drawn = [run for run in runs if run.experiment.drawn]
    if len(drawn) < _STORY:
        return []
    png, _ = save(draw_overview([(_overview_title(run), run.record) for run in drawn]), folder, stem)
    each = "; ".join(f"{run.label}: {run.finding.verdict}" for run in drawn)
    caption = f"Words of one concept share a colour. In the order of the columns, {each}."
    return [Picture(caption, png.read_bytes())]


def _overview_title(run: Run) -> str:
    settings, finding = run.record.settings, run.finding
    law = "Zipf" if settings.word_law == "zipf" else settings.word_law
    return (
        f"{run.label}: {network_name(settings)}\n{law} words, {settings.n_spl} sentences/class\n"
        f"{finding.collapse}, test accuracy {100 * finding.test_accuracy:.1f}%"
    )


def save_embedding_lengths(folder: Path, stem: str, runs: Sequence[Run]) -> list[Picture]:
    """Write figure 5 of figure 4a's run, where it is there; return it for the report."""
    for run in runs:
        if run.experiment.drawn and run.experiment.figure == "figure4a":
            png, _ = save(RECORD_FIGURES["figure5"](run.record), folder, stem)
            norms = np.linalg.norm(run.record.weights.W, axis=1)
            order = rank_correlation(np.tile(run.record.task.mu, run.record.task.n_c), norms)
            caption = (
                "Figure 5 (beyond the paper). The length of an embedding against the frequency of its word "
                f"(rank correlation {order:.2f}): the weights of {run.label}, and the theory's line."
            )
            return [Picture(caption, png.read_bytes())]
    return []


def write_report(path: Path, pictures: Sequence[Picture], runs: Sequence[Run]) -> Path:
    """Write the report, one HTML file with all pictures inside; return its path."""
    page = render_page(
        "reproduction.html.j2",
        pictures=pictures,
        summary=Table(SUMMARY_HEAD, [run.summary() for run in runs]),
        why_below_theory=WHY_BELOW_THEORY,
        sections=[_section(run) for run in runs],
    )
    write_atomically(path, page)
    return path


@dataclass(frozen=True)
class Section:
    """One experiment of the report."""

    title: str
    weights: Picture
    frequencies: Picture
    numbers: Table


def _section(run: Run) -> Section:
    folder = run.record.path
    caption = f"{run.finding} {_circumstances(run.record)}"
    numbers = Table(("quantity", "ours", "notebooks", "theory"), [row.cells() for row in run.rows])
    return Section(
        run.title,
        Picture(caption, (folder / "figure.png").read_bytes(), alt=run.caption),
        Picture(
            "", (folder / "word-frequencies.png").read_bytes(), alt="word law, and how often each word occurs"
        ),
        numbers,
    )


def _circumstances(record: Record) -> str:
    config = record.config
    return (
        f"Seed {config['seed']}, {config['hardware']}, torch {config['versions']['torch']}, "
        f"{record.summary['seconds']:.2g} s; record {record.path.name}."
    )

"""Pictures and the report of finished records, written beside them."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from feature_collapse import __version__
from feature_collapse.experiments.presets import Experiment
from feature_collapse.experiments.record import Record
from feature_collapse.figures.collapse_types import figure6
from feature_collapse.figures.embedding_lengths import figure5
from feature_collapse.figures.network_diagram import draw_networks
from feature_collapse.figures.overview import draw_overview
from feature_collapse.figures.style import save
from feature_collapse.figures.task_diagram import draw_task
from feature_collapse.figures.weights import draw_weights
from feature_collapse.figures.word_frequencies import draw_frequencies
from feature_collapse.files import make_folder, write_atomically
from feature_collapse.reports.comparison import Row, cells
from feature_collapse.theory.compare import refer

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
img{max-width:100%;height:auto}table{border-collapse:collapse;width:100%;font-size:.85rem}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #ddd}th:first-child,td:first-child,
td:nth-child(2),th:nth-child(2){text-align:left}h2{margin-top:2.5rem}.group td{border-top:2px solid #888}
figcaption,.note{color:#555;font-size:.9rem}
"""
_DRAWN = 4
_TOLD = {
    "overview": "Words of one concept share a colour. Equal frequencies: embeddings collapse (type I). Long tail, much "
    "data: directions collapse, lengths follow the frequencies (type III). Long tail, little data: the linear weights "
    "do not collapse, and the network fails. LayerNorm restores collapse (type II).",
    "figure1": "Figure 1. The task: a latent variable is a sequence of concepts; its sentences replace each "
    "concept by one of its words.",
    "figure2": "Figure 2. The networks h and h*.",
    "figure5": "Figure 5 (beyond the paper). The length of an embedding against the frequency of its word: figure 4a's "
    "weights, and the theory's line.",
    "figure6": "Figure 6 (beyond the paper). The three types of collapse for 2, 3 and 4 concepts.",
}


def draw_record(record: Record, folder: Path | None = None) -> list[Path]:
    """Draw figure.png/pdf and word-frequencies.png/pdf of a record; returns their paths."""
    place = make_folder(folder) if folder is not None else record.path
    return [
        *save(draw_weights(record), place, "figure"),
        *save(draw_frequencies(record), place, "word-frequencies"),
    ]


def draw_story(folder: Path, records: Sequence[tuple[Experiment, Record]]) -> list[tuple[str, Path]]:
    """Draw overview.png/pdf where all four of the paper's drawn runs are there; returns caption and path."""
    drawn = [(e, r) for e, r in records if e.drawn]
    if len(drawn) < _DRAWN:
        return []
    titles = [
        (f"{e.figure.replace('figure', 'figure ')}: {e.told.split(',')[0]}\n{_law(r)}", r) for e, r in drawn
    ]
    return [(_TOLD["overview"], save(draw_overview(titles), folder, "overview")[0])]


def draw_norms(folder: Path, records: Sequence[tuple[Experiment, Record]]) -> list[tuple[str, Path]]:
    """Draw figure5.png/pdf from the record of figure 4a where it is there; returns caption and path."""
    pictures = []
    for experiment, record in records:
        if experiment.drawn and experiment.figure == "figure4a":
            s = record.settings
            theory = refer(record.latents, s.n_c, record.mu, s.lambda_, s.d, normaliser=s.normaliser)
            norms = np.linalg.norm(record.W, axis=1).reshape(s.n_c, -1)
            drawn = figure5(record.mu, norms, theory.r, theory=theory.theorem)
            pictures.append((_TOLD["figure5"], save(drawn, folder, "figure5")[0]))
    return pictures


def _law(record: Record) -> str:
    settings = record.settings
    return f"{'Zipf' if settings.word_law == 'zipf' else 'uniform'} words, {settings.n_spl} sentences/class"


def draw_diagrams(folder: Path, names: Sequence[str]) -> list[tuple[str, Path]]:
    """Draw figures 1 and 2 into a folder; returns the captions and the paths of the PNG files."""
    make_folder(folder)
    draw: dict[str, Callable[[], Figure]] = {
        "figure1": draw_task,
        "figure2": draw_networks,
        "figure6": figure6,
    }
    return [(_TOLD[name], save(draw[name](), folder, name)[0]) for name in names]


def write_report(
    folder: Path,
    diagrams: Sequence[tuple[str, Path]],
    records: Sequence[tuple[Experiment, Record]],
    rows: Sequence[Row],
) -> Path:
    """Write report.html, one file with all pictures inside; returns its path."""
    parts = [
        f"<h1>Feature collapse: the paper's experiments</h1><p class=note>feature-collapse {__version__}. "
        "Paper: T. Laurent, J. von Brecht, X. Bresson, <i>Feature Collapse</i>, arXiv 2305.16162.</p>"
    ]
    parts += [_picture(path, caption) for caption, path in diagrams]
    if rows:
        parts.append("<h2>Numbers</h2>" + _table(rows))
    for experiment, record in records:
        parts.append(f"<h2>{html.escape(experiment.name)}</h2>")
        parts.append(_picture(record.path / "figure.png", f"{experiment.told}: {_where(record)}"))
        frequencies = _picture(record.path / "word-frequencies.png", "")
        parts.append(f"<details><summary>word frequencies</summary>{frequencies}</details>")
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Feature collapse</title><style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )
    path = folder / "report.html"
    write_atomically(path, page)
    return path


def _where(record: Record) -> str:
    config = record.config
    return (
        f"seed {config['seed']}, {config['hardware']}, torch {config['versions']['torch']}, "
        f"{record.summary['seconds']:.0f} s"
    )


def _picture(path: Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    return f"<figure><img alt='{text}' src='data:image/png;base64,{data}'><figcaption>{text}</figcaption></figure>"


def _table(rows: Sequence[Row]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("record", "quantity", "ours", "notebooks", "theory"))
    body, before = [], ""
    for row in rows:
        first = row["record"] != before
        before = row["record"]
        texts = [html.escape(text) for text in cells(row)]
        texts[0] = texts[0] if first else ""
        body.append(
            f"<tr{' class=group' if first else ''}>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>"
        )
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"

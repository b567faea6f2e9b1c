"""What stands in words on the page: the verdict, the numbers with all digits, and how to get them again."""

from __future__ import annotations

import math
from html import escape

from feature_collapse.explorer.beside import Exact, Minimiser, Outlines
from feature_collapse.explorer.choice import Choice, command_line
from feature_collapse.explorer.measurement import Measurement, Picture
from feature_collapse.explorer.own_data import OwnData
from feature_collapse.explorer.phase_map import map_of
from feature_collapse.theory.classify import Verdict

SHOWN = ("spread", "direction_spread", "length_variation", "type_I", "type_II", "type_III", "length_slope")


def verdict(found: Measurement, picture: Picture) -> str:
    """Return the large words beside the pictures."""
    gap = found.bound.relative_gap
    above = f"{math.ceil(1e4 * gap) / 100:g} %"  # never rounded down: what is said is proved
    return (
        f"<p class='big'>{_accuracy(found.test_accuracy)} of new sentences right</p>"
        f"<p>training sentences: {_accuracy(found.train_accuracy)}</p>"
        f"<p class='big'>{escape(kind(picture.verdict))}</p>"
        f"<p>residual {picture.residual:.3f}; collapse is at most {picture.verdict.tolerance:g}</p>"
        f"<p class='big'>risk {found.bound.risk:.4g}</p>"
        f"<p>proved: no weights have less than {found.bound.lower_bound:.4g}, so this is at most "
        f"{above} of the risk above the minimum</p>"
    )


def kind(found: Verdict) -> str:
    """Return the collapse type in words."""
    return "no collapse yet" if found.type == "none" else f"collapse of type {found.type}"


def beside(outlines: Outlines | None, exact: Exact | None, best: Minimiser | None) -> str:
    """Return what stands beside the run: the theorem, the exact minimum, the certified minimiser."""
    parts = []
    if outlines is not None:
        found = outlines.prediction
        if found.risk is None:
            parts.append(f"No theorem is about this setting: {found.reason}.")
        else:
            parts.append(f"Rings, {found.theorem}: least true risk {found.risk:.6g} ({found.reason}).")
    if exact is not None:
        parts.append(f"Squares, exactly for these latents: {exact.limit}.")
    if best is not None:
        accuracy = _accuracy(best.measurement.test_accuracy)
        words = f"{kind(best.measurement.picture.verdict)}, {accuracy} of new sentences right"
        parts.append(
            f"Crosses, the certified minimiser ({best.solution.seconds:.2f} s): {best.solution}; {words}."
        )
    return "".join(f"<p>{escape(part)}</p>" for part in parts)


def numbers(choice: Choice, found: Measurement, outlines: Outlines | None, best: Minimiser | None) -> str:
    """Return the table of all digits, and the command lines that print the same."""
    theory = {} if outlines is None else outlines.prediction.values()
    least = {} if best is None else best.measurement.numbers()
    rows = []
    for name, value in found.numbers().items():
        cells = [_digits(value), _digits(least.get(name) if name != "epoch" else None)]
        predicted = theory.get(name)
        cells.append(_digits(predicted if isinstance(predicted, float) else None))
        rows.append(f"<tr><th scope='row'>{name}</th>{''.join(f'<td>{c}</td>' for c in cells)}</tr>")
    epoch = found.picture.epoch
    lines = []
    if epoch >= 1 and epoch == int(epoch):
        lines.append(command_line(choice.settings(int(epoch))))
    lines.append(command_line(choice.certified().replace(gap=1e-2), "results/minimiser"))
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("", "this run", "minimiser", "theory"))
    code = "".join(f"<p><code>{escape(line)}</code></p>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{code}"


def place(choice: Choice) -> str:
    """Return where a choice lies on figure 8's map."""
    accuracy = map_of(choice).at(choice)
    name = "h" if choice.normaliser == "none" else "h*"
    return f"{name} at this place (300 words, L = 10): {_accuracy(accuracy)}"


def own_data(found: OwnData) -> str:
    """Return the table of one's own embeddings: values before and after each normaliser."""
    report = found.measured.report
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in ("", *found.views))
    rows = []
    for name in SHOWN:
        values = [view.values.get(name) for view in found.views.values()]
        if any(value is not None for value in values):
            cells = "".join(f"<td>{_digits(value)}</td>" for value in values)
            rows.append(f"<tr><th scope='row'>{name}</th>{cells}</tr>")
    size = f"{report.n_entities} entities, {report.n_concepts} concepts, {report.dimension} dimensions"
    said = f"{found.measured.source}: {size}; {report.outcome} ({report.outcome_reason})"
    return (
        f"<p>{escape(said)}</p><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{''.join(f'<p>{escape(note)}</p>' for note in report.notes)}"
    )


def _accuracy(value: float) -> str:
    return f"{100 * value:.1f} %"


def _digits(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.10g}"

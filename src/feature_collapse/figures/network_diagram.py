"""Figure 2: the networks h and h*. Embedding, (LayerNorm,) concatenation, linear layer."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from feature_collapse.figures.style import COLOURS, GREY, panels, styled
from feature_collapse.task import read_vocabulary


@styled
def draw_networks() -> Figure:
    """Return the two networks below each other, on one sentence of the shipped vocabulary."""
    vocabulary, _ = read_vocabulary("food")
    pairs = ((1, 2), (0, 0), (2, 0), (0, 3), (1, 1))
    words = [vocabulary.word_name(vocabulary.index(alpha, beta)) for alpha, beta in pairs]
    figure, axes = panels(2, 1, (7.6, 5.4))
    _network(axes[0], words, [alpha for alpha, _ in pairs], "network $h$", normalised=False)
    _network(axes[1], words, [alpha for alpha, _ in pairs], "network $h^*$", normalised=True)
    return figure


def _network(axes: Axes, words: list[str], concepts: list[int], title: str, *, normalised: bool) -> None:
    axes.set(xlim=(-0.3, 15.2), ylim=(-0.2, 6.6))
    axes.set_axis_off()
    axes.text(-0.2, 6.25, title, fontsize=11, weight="bold")
    headings = [(0.8, "word $x_\\ell$"), (3.6, "embedding\n$w_{x_\\ell} \\in \\mathbb{R}^d$")]
    if normalised:
        headings.append((6.3, "LayerNorm\n$\\varphi(w_{x_\\ell})$"))
    end = 6.3 if normalised else 3.6
    for x, text in [
        *headings,
        (9.1, "concatenation\n$\\in \\mathbb{R}^{Ld}$"),
        (13.2, "scores\n$\\in \\mathbb{R}^K$"),
    ]:
        axes.text(x, 5.5, text, ha="center", va="center", fontsize=8)
    for row, (word, alpha) in enumerate(zip(words, concepts, strict=True)):
        y = 4.4 - row * 0.95
        axes.text(0.8, y, word, ha="center", va="center", fontsize=9)
        _cells(axes, 3.0, y - 0.22, COLOURS[alpha])
        _arrow(axes, 1.75, y, 2.9, y, "$W$" if row == 0 else "")
        if normalised:
            _cells(axes, 5.7, y - 0.22, COLOURS[alpha])
            _arrow(axes, 4.3, y, 5.6, y, "$\\varphi$" if row == 0 else "")
        axes.add_patch(
            Rectangle(
                (8.85, y - 0.4),
                0.5,
                0.8,
                facecolor=COLOURS[alpha],
                alpha=0.45,
                edgecolor="black",
                linewidth=0.8,
            )
        )
        _arrow(axes, end + 0.7, y, 8.75, y, "")
    _arrow(axes, 9.5, 2.5, 12.8, 2.5, "$U$  (linear, no bias)")
    for k in range(6):
        axes.add_patch(
            Rectangle(
                (13.0, 3.55 - k * 0.42),
                0.42,
                0.42,
                facecolor=COLOURS[4] if k == 2 else "white",
                edgecolor="black",
                linewidth=0.8,
            )
        )
    axes.text(13.65, 2.92, "class $k$", va="center", fontsize=8)
    axes.text(
        9.5,
        1.75,
        "$\\mathrm{score}_k(x)=\\sum_\\ell\\langle u_{k,\\ell},\\,"
        + ("\\varphi(w_{x_\\ell})" if normalised else "w_{x_\\ell}")
        + "\\rangle$",
        fontsize=9,
        va="center",
    )


def _cells(axes: Axes, x: float, y: float, face: str) -> None:
    for i in range(5):
        axes.add_patch(
            Rectangle(
                (x + 0.24 * i, y), 0.24, 0.44, facecolor=face, alpha=0.45, edgecolor="black", linewidth=0.6
            )
        )


def _arrow(axes: Axes, x0: float, y0: float, x1: float, y1: float, text: str) -> None:
    axes.add_patch(
        FancyArrowPatch((x0, y0), (x1, y1), arrowstyle="-|>", mutation_scale=8, linewidth=0.9, color=GREY)
    )
    axes.text((x0 + x1) / 2, y0 + 0.2, text, ha="center", fontsize=9)

"""Figure 1: the task. A named vocabulary, latent variables, and sentences sampled from them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from feature_collapse.figures.style import GREY, colour, panels, styled
from feature_collapse.task import Task, make_task

_WORDS = 5  # words listed per concept


@styled
def draw_task(task: Task | None = None, seed: int = 7) -> Figure:
    """Return the vocabulary on the left, the first latents and a sampled sentence of each on the right."""
    task = task or make_task(vocabulary="food", L=5, K=4, seed=seed)
    shown, length = min(task.K, 4), min(task.L, 6)
    sentences = task.train_set(1).words[:shown]
    figure, (axes,) = panels(1, 1, (7.6, 3.6))
    axes.set(xlim=(0, 15.4), ylim=(-0.5, 6.3))
    axes.set_axis_off()
    _vocabulary(axes, task)
    axes.text(5.0, 6.0, "classes: latent sequences of concepts, and a sentence of each", fontsize=9.5)
    for k in range(shown):
        y = 4.7 - 1.45 * k
        axes.text(4.9, y + 0.4, f"$z_{{{k + 1}}}$", ha="right", va="center", fontsize=11)
        axes.text(4.9, y - 0.27, "$x$", ha="right", va="center", fontsize=11)
        for position in range(length):
            x = 5.05 + position * 10.2 / length
            width = 10.2 / length - 0.16
            alpha = int(task.latents[k, position])
            word = task.vocabulary.word_name(int(sentences[k, position]))
            concept = task.vocabulary.concept_name(alpha)
            _draw_box(axes, (x, y + 0.13, width, 0.56), concept, colour(alpha), filled=True)
            _draw_box(axes, (x, y - 0.55, width, 0.56), word, colour(alpha), filled=False)
    return figure


def _vocabulary(axes: Axes, task: Task) -> None:
    words = task.vocabulary
    axes.text(0.0, 6.0, "vocabulary: concepts and words", fontsize=9.5)
    concepts = min(words.n_c, 3)
    for alpha in range(concepts):
        top = 5.6 - alpha * 6.0 / concepts
        height = 6.0 / concepts - 0.15
        axes.add_patch(
            FancyBboxPatch(
                (0.05, top - height),
                4.1,
                height,
                boxstyle="round,pad=0,rounding_size=0.12",
                facecolor="none",
                edgecolor=colour(alpha),
                linewidth=1.4,
            )
        )
        axes.text(
            0.2, top - 0.2, words.concept_name(alpha), color="black", weight="bold", va="center", fontsize=8
        )
        for beta in range(min(words.s_c, _WORDS)):
            y = top - 0.5 - beta * 0.26
            axes.text(0.3, y, words.word_name(words.index(alpha, beta)), fontsize=6.8, va="center")
            length = 1.7 * float(task.mu[beta] / task.mu.max())
            axes.barh(y, length, height=0.17, left=1.85, color=colour(alpha))
            axes.text(
                1.85 + length + 0.05, y, f"{float(task.mu[beta]):.2f}", fontsize=5.5, va="center", color=GREY
            )
        if words.s_c > _WORDS:
            axes.text(
                0.2, top - height + 0.1, f"… {words.s_c - _WORDS} more", fontsize=5.5, va="center", color=GREY
            )


def _draw_box(
    axes: Axes, box: tuple[float, float, float, float], text: str, edge: str, *, filled: bool
) -> None:
    """Draw text in a rounded box (left, bottom, width, height), as large as fits."""
    x, y, width, height = box
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.1",
            linewidth=1.1,
            edgecolor=edge,
            facecolor=to_rgba(edge, 0.3) if filled else "white",
        )
    )
    size = min(8.0, 57 * width / max(len(text), 1))
    axes.text(x + width / 2, y + height / 2 - 0.01, text, ha="center", va="center", fontsize=size)

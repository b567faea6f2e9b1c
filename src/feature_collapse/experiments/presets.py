"""The paper's experiments (§2.1, §2.2) with the settings of the authors' notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from feature_collapse.errors import InputError, check_choice, check_int, nearest
from feature_collapse.experiments.settings import METHODS, Settings


@dataclass(frozen=True)
class PaperRun:
    """One run of the paper.

    Attributes:
        name: of its record.
        figure: the figure it belongs to.
        drawn: whether the paper draws its weights (else it gives only the accuracy, in the text).
        settings: with the notebooks' schedule.
    """

    name: str
    figure: str
    drawn: bool
    settings: Settings


_BASE = Settings()  # n_c=3, n_w=1200, L=15, K=1000, d=100, λ=0.001, batch 100, rate 0.1
_LAYERNORM = {"normaliser": "layernorm", "eps": 1e-5}  # PyTorch's ε, with which the notebooks ran
EXPERIMENTS = (
    PaperRun("figure3", "figure3", True, _BASE.replace(epochs=1200, gap=1e-4)),
    PaperRun("figure3-layernorm", "figure3", False, _BASE.replace(epochs=500, **_LAYERNORM)),
    PaperRun(
        "figure4a", "figure4a", True, _BASE.replace(word_law="zipf", n_spl=500, epochs=10, test_every=1)
    ),
    PaperRun(
        "figure4a-layernorm",
        "figure4a",
        False,
        _BASE.replace(word_law="zipf", n_spl=500, epochs=5, test_every=1, gap=2e-3, **_LAYERNORM),
    ),
    PaperRun("figure4b", "figure4b", True, _BASE.replace(word_law="zipf", epochs=3000, gap=1e-4)),
    PaperRun("figure4c", "figure4c", True, _BASE.replace(word_law="zipf", epochs=500, **_LAYERNORM)),
)
DIAGRAMS = ("figure1", "figure2", "figure6")  # drawn by code, without a run
DERIVED = {"figure5": "figure4a"}  # drawn from the record of another figure
FIGURES = tuple(dict.fromkeys(experiment.figure for experiment in EXPERIMENTS))
# each figure ends as in the paper: 3 collapses (type I), so does 4a (III), 4b fails, 4c collapses (II)
QUICK = {"n_w": 450, "K": 300, "L": 12, "d": 16, "lambda_": 6e-3}


def select(
    figures: Sequence[str], *, method: str = "sgd", seed: int = 0, quick: bool = False
) -> list[PaperRun]:
    """Return the experiments of the named figures (`all` for every one) by a method.

    `quick` is the same story at a small size (450 words, 300 classes, length 12, λ = 0.006), for a first look
    and for tests.

    Raises:
        InputError: an unknown figure.
    """
    known = [*sorted([*DIAGRAMS, *FIGURES, *DERIVED]), "all"]
    for figure in figures:
        if figure not in known:
            raise InputError(f"figure {figure!r} is not one of {', '.join(known)}{nearest(figure, known)}")
    check_choice("method", method, METHODS)
    check_int("seed", seed, 0, 2**63 - 1)
    wanted = FIGURES if "all" in figures else figures
    needed = [DERIVED[figure] for figure in wanted if figure in DERIVED]
    chosen = [e for e in EXPERIMENTS if e.figure in wanted or (e.drawn and e.figure in needed)]
    return [
        PaperRun(
            record_name(e.name, method, seed, quick),
            e.figure,
            e.drawn,
            _adapt(e.settings, method, seed, quick),
        )
        for e in chosen
    ]


def record_name(name: str, method: str, seed: int = 0, quick: bool = False) -> str:
    """Return the folder of a preset's record: its name, the method, and the seed where it is not 0."""
    return f"{name}-{method}{_seed_and_size(seed, quick)}"


def page_name(
    name: str, method: str, seed: int = 0, quick: bool = False, figures: Sequence[str] = ("all",)
) -> str:
    """Return the name of what several runs make; marked unless all, certified, in full, of seed 0."""
    some = "" if "all" in figures else "".join(f"-{figure}" for figure in sorted(set(figures)))
    return name + some + ("" if method == "certified" else f"-{method}") + _seed_and_size(seed, quick)


def _seed_and_size(seed: int, quick: bool) -> str:
    return (f"-seed{seed}" if seed else "") + ("-quick" if quick else "")


def _adapt(settings: Settings, method: str, seed: int, quick: bool) -> Settings:
    changes: dict[str, object] = {"method": method, "seed": seed}
    if method == "certified":
        changes["eps"] = 0.0  # the theory's LayerNorm
    if quick:
        changes |= QUICK | {
            "n_spl": min(settings.n_spl, 100),
            "epochs": 100 if settings.n_spl == 5 else 5,
            "batch_size": 50,
            "learning_rate": 1.0,
        }
    return settings.replace(**changes)

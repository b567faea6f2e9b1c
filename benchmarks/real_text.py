"""The third cure on real text: which module do these ten words of documentation come from?

Text: the docstrings of Python's own standard library, as installed (Python Software Foundation License); it
is read from the running Python and not kept. Nothing is downloaded. For a given version of Python the text,
its division into training, validation and test docstrings (by a hash of each) and the numbers are the same
every time, up to the last bits of torch's sums.

Model: the paper's network with the same linear weights at every position, score_k = Σ_ℓ ⟨u_k, φ(w_{x_ℓ})⟩,
trained by SGD with the decay λ of U and

    plain      λ on every word vector at every step, as SGD with weight decay and AdamW have it
    lazy       λ on the words of the batch alone, once per occurrence (R8's decay in the mean; never below 0)
    layernorm  no decay of the words, which pass through LayerNorm

each with the λ that is best on the validation windows (seed 0), then with five seeds.

    python benchmarks/real_text.py [--out FOLDER] [--quick]

writes real-text.json and real-text.png there (default: ./real-text) and prints the table.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import itertools
import json
import platform
import re
import sysconfig
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import cross_entropy, layer_norm

from feature_collapse.figures.style import colour, marker, panels, render, styled

LENGTH = 10  # words of a window
NOT_OURS = {"site-packages", "test", "tests", "idle_test", "lib2to3"}
METHODS = ("plain", "lazy", "layernorm")
RARE = 5  # occurrences in the training windows, at most
BINS = (1, 2, 4, 10, 30, 100, 10**9)  # of occurrences, for lengths
SIZES = {"train": 150, "validation": 50, "test": 50}  # windows of each class, at most


@dataclass(frozen=True)
class Training:
    """How a classifier is trained."""

    classes: int = 20
    d: int = 20
    epochs: int = 60
    batch: int = 50
    rate: float = 0.2
    init: float = 0.1  # standard deviation of the start of W
    lambdas: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
    seeds: int = 5


@dataclass(frozen=True, eq=False)
class Text:
    """Windows of documentation: `words[part]` (N, LENGTH), `labels[part]` (N,); counts (n_w,) in training.

    A word that training does not have is number n_w, whose vector is zero.
    """

    modules: list[str]
    words: dict[str, Tensor]
    labels: dict[str, Tensor]
    counts: np.ndarray

    @property
    def n_w(self) -> int:
        """The number of words."""
        return len(self.counts)


def docstrings() -> dict[str, set[str]]:
    """Every docstring of the standard library's source files, once, by its top module."""
    root, found, seen = Path(sysconfig.get_paths()["stdlib"]), defaultdict(set), set()
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if NOT_OURS & set(parts):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                if text not in seen:
                    found[parts[0].removesuffix(".py")].add(text)
                    seen.add(text)
    return found


def read_text(classes: int) -> Text:
    """Cut the docstrings into windows; a docstring is in one part only, and modules have equal shares."""
    windows: dict[str, dict[str, list[list[str]]]] = {}
    for module, texts in docstrings().items():
        parts: dict[str, list[list[str]]] = {name: [] for name in SIZES}
        for digest, text in sorted((hashlib.sha256(text.encode()).hexdigest(), text) for text in texts):
            part = ("train", "train", "train", "validation", "test")[int(digest[:8], 16) % 5]
            words = re.findall(r"[a-z]+", text.lower())
            parts[part] += [words[i : i + LENGTH] for i in range(0, len(words) - LENGTH + 1, LENGTH)]
        windows[module] = {name: parts[name][:size] for name, size in SIZES.items()}
    sizes = {module: sum(map(len, parts.values())) for module, parts in windows.items()}
    modules = sorted(sorted(windows, key=lambda module: (-sizes[module], module))[:classes])
    count = Counter(word for m in modules for window in windows[m]["train"] for word in window)
    number = {word: i for i, word in enumerate(sorted(count))}

    def table(part: str) -> Tensor:
        rows = [window for m in modules for window in windows[m][part]]
        return torch.tensor([[number.get(word, len(number)) for word in row] for row in rows])

    labels = {p: torch.tensor([i for i, m in enumerate(modules) for _ in windows[m][p]]) for p in SIZES}
    return Text(modules, {p: table(p) for p in SIZES}, labels, np.array([count[word] for word in number]))


@dataclass(frozen=True, eq=False)
class Classifier:
    """Word vectors (n_w + 1, d), the last one zero, and linear weights (K, d)."""

    W: Tensor
    U: Tensor
    normalised: bool

    def scores(self, words: Tensor) -> Tensor:
        """Return Σ_ℓ ⟨u_k, φ(w_{x_ℓ})⟩, (N, K)."""
        v = self.W[words]
        if self.normalised:
            v = layer_norm(v, v.shape[-1:])
        return v.sum(1) @ self.U.T


def train(text: Text, method: str, lambda_: float, seed: int, t: Training) -> Classifier:
    """Return a classifier after SGD; the start and the shuffles are the seed's."""
    rng = torch.Generator().manual_seed(seed)
    W = t.init * torch.randn(text.n_w + 1, t.d, generator=rng)
    W[-1] = 0.0
    U = t.init * torch.randn(len(text.modules), t.d, generator=rng)
    W.requires_grad_()
    U.requires_grad_()
    model = Classifier(W, U, method == "layernorm")
    words, labels = text.words["train"], text.labels["train"]
    for _ in range(t.epochs):
        order = torch.randperm(len(words), generator=rng)
        for first in range(0, len(words), t.batch):
            rows = order[first : first + t.batch]
            loss = cross_entropy(model.scores(words[rows]), labels[rows])
            at_W, at_U = torch.autograd.grad(loss, (W, U))
            with torch.no_grad():
                if method == "lazy":
                    m = torch.bincount(words[rows].reshape(-1), minlength=text.n_w + 1)
                    lost = t.rate * lambda_ * text.n_w / words[rows].numel() * m
                    W *= (1.0 - lost.clamp(max=1.0)).unsqueeze(1)
                elif method == "plain":
                    W *= 1.0 - t.rate * lambda_
                U *= 1.0 - t.rate * lambda_
                W -= t.rate * at_W
                U -= t.rate * at_U
                W[-1] = 0.0
    return Classifier(W.detach(), U.detach(), model.normalised)


def hits(model: Classifier, words: Tensor, labels: Tensor) -> np.ndarray:
    """Return which windows are classified right."""
    return (model.scores(words).argmax(1) == labels).numpy()


def judge(text: Text, model: Classifier) -> dict[str, float]:
    """Return the accuracies on the test windows, and how the length of a word goes with its frequency."""
    words, labels = text.words["test"], text.labels["test"]
    counts = np.append(text.counts, 0)[words.numpy()]
    known = np.maximum((counts > 0).sum(1), 1)
    rarity = np.log(np.maximum(counts, 1)).sum(1) / known  # mean logarithm of the known words' counts
    right = hits(model, words, labels)
    rare_only = torch.where(torch.from_numpy(counts <= RARE), words, text.n_w)
    some = ((counts > 0) & (counts <= RARE)).any(1)
    length = model.W[:-1].norm(dim=1).numpy()
    bins = {
        f"length_{low}": float(length[(text.counts >= low) & (text.counts < high)].mean() / length.mean())
        for low, high in itertools.pairwise(BINS)
    }
    return {
        "train_accuracy": float(hits(model, text.words["train"], text.labels["train"]).mean()),
        "test_accuracy": float(right.mean()),
        "rarest_quarter": float(right[rarity <= np.quantile(rarity, 0.25)].mean()),
        "rare_words_alone": float(hits(model, rare_only, labels)[some].mean()),
        "length_against_count": float(spearmanr(text.counts, length).statistic),
        **bins,
    }


@dataclass(frozen=True)
class Outcome:
    """What came out for one method.

    Attributes:
        validation: accuracy on the validation windows for each λ tried (its name).
        lambda_: the best of them.
        agreement: how often two seeds give a test window the same answer, on average.
        measured: what `judge` returns, a list over the seeds each.
    """

    validation: dict[str, float]
    lambda_: float
    agreement: float
    measured: dict[str, list[float]]

    def lengths(self) -> np.ndarray:
        """Return the relative mean length in each bin of counts, (bins, seeds)."""
        return np.array([self.measured[f"length_{low}"] for low in BINS[:-1]])


def compare(text: Text, method: str, t: Training) -> Outcome:
    """Choose λ on the validation windows, then train with every seed."""
    windows = text.words["validation"], text.labels["validation"]
    found = {x: float(hits(train(text, method, x, 0, t), *windows).mean()) for x in t.lambdas}
    best = max(found, key=lambda x: found[x])
    models = [train(text, method, best, seed, t) for seed in range(t.seeds)]
    said = [model.scores(text.words["test"]).argmax(1) for model in models]
    same = [float((a == b).float().mean()) for a, b in itertools.combinations(said, 2)]
    runs = [judge(text, model) for model in models]
    measured = {name: [one[name] for one in runs] for name in runs[0]}
    return Outcome({f"{x:g}": value for x, value in found.items()}, best, float(np.mean(same)), measured)


ROWS = {
    "train_accuracy": "training windows right",
    "test_accuracy": "test windows right",
    "rarest_quarter": "the quarter with the rarest words",
    "rare_words_alone": f"from words seen at most {RARE} times alone",
    "length_against_count": "rank correlation of length and count",
}


def markdown(outcomes: dict[str, Outcome]) -> str:
    """Return the table: mean ± standard deviation over the seeds."""
    lines = ["| | " + " | ".join(outcomes) + " |", "|---|" + "---|" * len(outcomes)]
    rows = {"λ, chosen on validation": [f"{one.lambda_:g}" for one in outcomes.values()]}
    for name, label in ROWS.items():
        rank = name == "length_against_count"
        found = [(1 if rank else 100) * np.array(one.measured[name]) for one in outcomes.values()]
        shape, unit = (".2f", "") if rank else (".1f", " %")
        rows[label] = [f"{x.mean():{shape}} ± {x.std(ddof=1):{shape}}{unit}" for x in found]
    rows["two seeds give the same answer"] = [f"{100 * one.agreement:.1f} %" for one in outcomes.values()]
    return "\n".join([*lines, *(f"| {name} | " + " | ".join(row) + " |" for name, row in rows.items())])


@styled
def draw(outcomes: dict[str, Outcome]) -> Figure:
    """Draw the accuracies, and length against frequency."""
    figure, (left, right) = panels(1, 2, (9.0, 3.4))
    names = ("test_accuracy", "rarest_quarter", "rare_words_alone")
    for i, (method, one) in enumerate(outcomes.items()):
        values = np.array([one.measured[name] for name in names])
        at = np.arange(len(names)) + 0.26 * (i - 1)
        left.bar(
            at, values.mean(1), 0.24, yerr=values.std(1, ddof=1), color=colour(i), label=method, capsize=2
        )
        lengths = one.lengths()
        right.errorbar(BINS[:-1], lengths.mean(1), yerr=lengths.std(1, ddof=1), color=colour(i),
                       marker=marker(i), label=method, capsize=2)  # fmt: skip
    shown = ["all windows", "quarter with\nthe rarest words", "from rare\nwords alone"]
    left.set_xticks(range(len(names)), shown)
    left.set(ylabel="test accuracy", title="which module? (bars: ± std over the seeds)", ylim=(0, 1))
    right.set(xscale="log", xlabel="occurrences in training, from", ylabel="length / mean length",
              title="length of a word's vector", ylim=(0, None))  # fmt: skip
    left.legend(loc="upper right")
    right.legend(loc="upper left")
    return figure


def main() -> None:
    """Run, write the numbers and the picture, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("real-text"))
    parser.add_argument("--quick", action="store_true", help="few classes, epochs and seeds: does it work")
    chosen = parser.parse_args()
    t = Training(classes=3, epochs=3, lambdas=(1e-4, 1e-3), seeds=2) if chosen.quick else Training()
    text = read_text(t.classes)
    outcomes = {method: compare(text, method, t) for method in METHODS}
    facts = {
        "python": platform.python_version(),
        "training": asdict(t),
        "modules": text.modules,
        "n_w": text.n_w,
        "rare_share": float((text.counts <= RARE).mean()),
        "windows": {part: len(labels) for part, labels in text.labels.items()},
        "outcomes": {method: asdict(one) for method, one in outcomes.items()},
    }
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "real-text.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (chosen.out / "real-text.png").write_bytes(render(draw(outcomes), "png", dpi=110))
    print(markdown(outcomes))


if __name__ == "__main__":
    main()

"""Word vectors from the documentation that Python carries, and what `measure` says about them.

Text: the docstrings of Python's own standard library, as installed (licence: the Python Software Foundation
License). Nothing is downloaded. Vectors: positive pointwise mutual information in a window of 4 words, and
its truncated singular value decomposition (Levy, Goldberg, Dagan 2015), deterministic for a given version of
Python. Then the same measured on the groups of words below: do words that play the same role get the same
direction? Do frequent words get longer vectors?

    python examples/measure_docstrings.py [folder]

writes vectors.txt (word2vec format), groups.csv and report.html there (default: ./docstring-vectors). The
command line does the same from the files:

    feature-collapse measure docstring-vectors/vectors.txt --groups docstring-vectors/groups.csv
"""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import svds

from feature_collapse.metrics.measured import measure_file
from feature_collapse.reports.measurement import html_report

WINDOW, LEAST, DIMENSION = 4, 8, 50
GROUPS = {
    "numbers": "zero one two three four five ten integer float decimal digits number",
    "types": "string strings bytes list tuple dict dictionary set object objects sequence mapping",
    "exceptions": "valueerror typeerror keyerror indexerror oserror attributeerror runtimeerror importerror "
    "stopiteration notimplementederror overflowerror assertionerror",
    "verbs": "return returns raise raises read write open close create add remove set get call send parse",
    "files": "file files directory path filename pathname folder stream socket pipe buffer",
    "time": "time date datetime hour minute second seconds day month year timezone timestamp",
    "connectives": "the a an and or but if is are was of in to with for by from",
}


def sentences() -> list[list[str]]:
    """Every docstring of the standard library's source files, in a fixed order, as lower-case words."""
    root = Path(sysconfig.get_paths()["stdlib"])
    out = []
    for path in sorted(root.rglob("*.py")):
        if {"site-packages", "test", "tests", "idle_test", "lib2to3"} & set(path.relative_to(root).parts):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                out += [re.findall(r"[a-z]+", part) for part in re.split(r"[.:;]\s|\n\n", text.lower())]
    return [s for s in out if len(s) > 1]


def vectors(text: list[list[str]]) -> tuple[list[str], np.ndarray, Counter[str]]:
    """Words (n,), their vectors (n, DIMENSION) and their counts: U √S of the positive mutual information."""
    count = Counter(word for s in text for word in s)
    words = sorted(w for w, k in count.items() if k >= LEAST)
    place = {w: i for i, w in enumerate(words)}
    pairs: Counter[tuple[int, int]] = Counter()
    for s in text:
        ids = [place[w] for w in s if w in place]
        for k, i in enumerate(ids):
            for j in ids[k + 1 : k + 1 + WINDOW]:
                pairs[i, j] += 1
                pairs[j, i] += 1
    rows, columns = (np.array(z) for z in zip(*pairs, strict=True))
    together = np.array(list(pairs.values()), dtype=float)
    total = np.bincount(rows, weights=together, minlength=len(words))
    context = total**0.75  # context distribution smoothing
    value = np.log(together * context.sum() / (total[rows] * context[columns]))
    positive = value > 0
    matrix = coo_matrix(
        (value[positive], (rows[positive], columns[positive])), shape=(len(words),) * 2
    ).tocsr()
    left, strength, _ = svds(matrix, k=DIMENSION, v0=np.ones(len(words)))
    return words, left * np.sqrt(strength), count


def main(folder: Path) -> None:
    """Train, write the files, measure, and say what came out."""
    folder.mkdir(parents=True, exist_ok=True)
    text = sentences()
    words, x, count = vectors(text)
    with (folder / "vectors.txt").open("w", encoding="utf-8") as file:
        file.write(f"{len(words)} {DIMENSION}\n")
        for word, row in zip(words, x, strict=True):
            file.write(word + " " + " ".join(f"{v:.8g}" for v in row) + "\n")
    with (folder / "groups.csv").open("w", encoding="utf-8") as file:
        file.write("entity,concept,frequency\n")
        seen = set()
        for concept, members in GROUPS.items():
            for word in members.split():
                if word not in seen:
                    file.write(f"{word},{concept},{count[word]}\n")
                seen.add(word)
    print(f"{sum(map(len, text))} words of text, {len(words)} word vectors of {DIMENSION} numbers")
    measured = measure_file(folder / "vectors.txt", folder / "groups.csv")
    print(measured.report)
    (folder / "report.html").write_text(html_report(measured), encoding="utf-8")
    print(f"report: {folder / 'report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docstring-vectors"))

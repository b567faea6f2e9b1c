"""A folder of a pretrained model: which tensor holds the embeddings, which the output rows, and the tokens.

Only JSON and safetensors are read, and of the tensors only the headers and the matrices that are chosen. No
code of the model runs, and nothing is unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import Json, clip, parse_json, read_text
from feature_collapse.errors import InputError, nearest
from feature_collapse.metrics.readers.embeddings import Embeddings, with_tokens
from feature_collapse.metrics.readers.safetensors_files import Entry, read_header, read_tensor
from feature_collapse.metrics.readers.vocabulary import read_tokens

VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json")
INDEX = "model.safetensors.index.json"
PADDING = 20
"""A matrix may have a twentieth more rows than there are tokens (or 8), to fill a round number."""
ROWS = 4096  # compared at a time

_EMBEDDING = re.compile(
    r"(^|\.)(wte|shared|embed|embed_in|embed_tokens|tok_embeddings|token_embeddings?|word_embeddings?"
    r"|embeddings?)(\.weight)?$"
)
_OUTPUT = re.compile(
    r"(^|\.)(lm_head|embed_out|output|decoder|output_projection|generator|head|classifier|out_proj)"
    r"(\.weight)?$"
)


@dataclass(frozen=True)
class Candidate:
    """A matrix with a row for each token: its name, what the header says of it, its file, its role or ''."""

    name: str
    entry: Entry
    file: Path
    role: str

    def __str__(self) -> str:
        """Return name, shape, type, file and role on one line."""
        role = f": {self.role}" if self.role else ""
        return f"{clip(self.name)} {self.entry.shape} {self.entry.dtype} in {clip(self.file.name)}{role}"

    def read(self) -> NDArray[np.number]:
        """Return the matrix, a memory map where its type allows."""
        return read_tensor(self.file, {self.name: self.entry}, self.name)


@dataclass(frozen=True)
class ModelFolder:
    """What was found in a model's folder.

    Attributes:
        path: the folder that holds the tensors.
        model_type: as config.json says, or ''.
        candidates: the matrices with a row for each token, the chosen one first.
        others: how many further tensors there are.
        embeddings: the vectors, the tokens, and what was chosen in its notes.
        output: the output matrix, or None where the files hold none.
        tied: whether it equals the embeddings number for number; None without one.
    """

    path: Path
    model_type: str
    candidates: tuple[Candidate, ...]
    others: int
    embeddings: Embeddings
    output: Candidate | None
    tied: bool | None


def is_model_folder(path: Path) -> bool:
    """Return whether a folder, or the only such folder in it, holds safetensors and is no record of ours."""
    return path.is_dir() and _home(path) is not None and not (path / "weights.safetensors").is_file()


def read_model_folder(path: str | Path, tensor: str | None = None) -> ModelFolder:
    """Return embeddings, tokens and output matrix of a model's folder, with notes on what was chosen.

    Args:
        path: with *.safetensors (perhaps in parts), and config.json, tokenizer.json, vocab.txt or vocab.json.
        tensor: the name of the embedding matrix, where the choice is wrong or impossible.

    Raises:
        InputError: if the folder holds no such tensors, or there is a choice; the candidates are listed.
    """
    folder = _Contents.of(Path(path))
    chosen = _chosen(folder, tensor)
    vectors = chosen.read()
    output = _output(chosen, folder.candidates)
    difference = None if output is None else _difference(vectors, output.read())
    notes = (f"embeddings: {chosen}", _about_output(output, difference, folder.config))
    source = f"{folder.home} ({clip(chosen.name)})"
    embeddings = Embeddings(vectors, None, source, tuple(clip(n, 300) for n in notes))
    if folder.vocabulary is None:
        embeddings = replace(embeddings, notes=(*embeddings.notes, "no vocabulary: rows have no names"))
    else:
        embeddings = with_tokens(embeddings, folder.tokens, folder.vocabulary)
    first = (chosen, *(c for c in folder.candidates if c.name != chosen.name))
    kind = folder.config.get("model_type")
    return ModelFolder(
        folder.home,
        clip(kind) if isinstance(kind, str) else "",
        first,
        len(folder.tensors) - len(first),
        embeddings,
        output,
        None if difference is None else difference == 0.0,
    )


def list_candidates(path: str | Path) -> tuple[str, ...]:
    """Return a line for each matrix of a model's folder that may be its embeddings, and one for the rest.

    Raises:
        InputError: if the folder holds no safetensors.
    """
    folder = _Contents.of(Path(path))
    rest = len(folder.tensors) - len(folder.candidates)
    return (*map(str, folder.candidates), *([f"and {rest} other tensors"] if rest else []))


@dataclass(frozen=True)
class _Contents:
    """The files of a model's folder as they were read: tensors by name with their files, config, tokens."""

    home: Path
    tensors: dict[str, tuple[Entry, Path]]
    config: dict[str, Json]
    vocabulary: Path | None
    tokens: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> _Contents:
        """Read the headers, the config and the vocabulary."""
        home = _home(path)
        if home is None:
            raise no_tensors(path)
        file = next((home / name for name in VOCABULARIES if (home / name).is_file()), None)
        tokens = tuple(read_tokens(file)) if file else ()
        return cls(home, _tensors(home), _json_object(home / "config.json"), file, tokens)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The matrices with a row for each token; where nobody says how many, those of telling names."""
        n, size = len(self.tokens) or None, _size(self.config)
        found = []
        for name, (entry, file) in self.tensors.items():
            if len(entry.shape) == 2:
                role = "embeddings" if _EMBEDDING.search(name) else "output" if _OUTPUT.search(name) else ""
                if _fits(entry.shape[0], n, size) or (n is None and size is None and role):
                    found.append(Candidate(name, entry, file, role))
        return tuple(found)


def _home(path: Path) -> Path | None:
    """Return the folder with the tensors: this one, or the only one in it that has some."""
    if not path.is_dir() or any(path.glob("*.safetensors")):
        return path if path.is_dir() else None
    inner = sorted({file.parent for file in path.glob("*/*.safetensors")})
    return inner[0] if len(inner) == 1 else None


def no_tensors(path: Path) -> InputError:
    """Return the error for a folder that is no model's, and no record."""
    if not path.is_dir():
        return InputError(f"{path} is no folder, but must be that of a model")
    pickled = sorted(f.name for f in path.iterdir() if f.suffix in (".bin", ".pt", ".pth"))
    hint = f"; it has {clip(pickled[0])}: give this file itself, with tensor" if pickled else ""
    return InputError(
        f"{path} holds no *.safetensors, so it is neither a model's folder nor a finished record{hint}"
    )


def _tensors(home: Path) -> dict[str, tuple[Entry, Path]]:
    """Return the entries of all tensors with their files; the index of a sharded model says which count."""
    files = sorted(home.glob("*.safetensors"))
    if (home / INDEX).is_file():
        parts = _json_object(home / INDEX).get("weight_map")
        names = list(parts.values()) if isinstance(parts, dict) else []
        if not names or not all(isinstance(n, str) and _is_part(n) for n in names):
            raise InputError(f"{home / INDEX} must have an object weight_map of tensor names to file names")
        files = [home / n for n in sorted({str(n) for n in names})]
    return {name: (entry, file) for file in files for name, entry in read_header(file).items()}


def _is_part(name: str) -> bool:
    """Return whether a name is that of a safetensors file in the same folder."""
    return name.isprintable() and name.endswith(".safetensors") and Path(name).name == name


def _json_object(path: Path) -> dict[str, Json]:
    """Return the object in a JSON file; {} where there is no file."""
    if not path.exists():
        return {}
    content = parse_json(path, "JSON", read_text(path, "the file"))
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a JSON object")
    return content


def _size(config: dict[str, Json]) -> int | None:
    """Return the size of the vocabulary that a config states."""
    inner = config.get("text_config")
    for part in (config, inner if isinstance(inner, dict) else {}):
        size = part.get("vocab_size")
        if type(size) is int and size > 0:
            return size
    return None


def _fits(rows: int, n_tokens: int | None, size: int | None) -> bool:
    if n_tokens is None:
        return rows == size
    return n_tokens <= rows <= n_tokens + max(8, n_tokens // PADDING) or (rows == size and rows >= n_tokens)


def _chosen(folder: _Contents, wanted: str | None) -> Candidate:
    found, home = folder.candidates, folder.home
    listed = "; ".join(map(str, found[:10])) or f"no row for each token in {len(folder.tensors)} tensors"
    if wanted is not None:
        if wanted not in folder.tensors:
            close = clip(nearest(wanted, list(folder.tensors)[:50_000]), 100)
            raise InputError(f"tensor = {clip(wanted)!r} is not in {home}{close}; candidates: {listed}")
        return Candidate(wanted, *folder.tensors[wanted], "embeddings")
    likely = [c for c in found if c.role == "embeddings"] or [c for c in found if c.role != "output"]
    if not likely or any(not _same(likely[0], other) for other in likely[1:]):
        raise InputError(f"{home}: say with tensor which matrix holds the embeddings; candidates: {listed}")
    return replace(likely[0], role="embeddings")


def _same(one: Candidate, other: Candidate) -> bool:
    return one.entry.shape == other.entry.shape and _difference(one.read(), other.read()) == 0.0


def _output(chosen: Candidate, found: Sequence[Candidate]) -> Candidate | None:
    columns = chosen.entry.shape[1:]
    return next((c for c in found if c.role == "output" and c.entry.shape[1:] == columns), None)


def _difference(one: NDArray[np.number], other: NDArray[np.number]) -> float:
    """Return the largest difference over the rows that both have, a block of rows at a time."""
    largest, stop = 0.0, min(len(one), len(other))
    for k in range(0, stop, ROWS):
        a, b = (np.asarray(x[k : min(k + ROWS, stop)], dtype=np.float64) for x in (one, other))
        if not np.array_equal(a, b):
            with np.errstate(invalid="ignore"):
                gap = float(np.abs(a - b).max())
            largest = max(largest, gap if gap == gap else float("inf"))  # no number is a difference
    return largest


def _about_output(output: Candidate | None, difference: float | None, config: dict[str, Json]) -> str:
    if output is None or difference is None:
        said = config.get("tie_word_embeddings")
        why = f" (config.json: tie_word_embeddings = {str(said).lower()})" if isinstance(said, bool) else ""
        return f"output rows: none in the files{why}"
    if difference == 0.0:
        return f"output rows: {output.name}, equal to the embeddings (tied)"
    return f"output rows: {output.name}, not tied: they differ by up to {difference:.3g}"

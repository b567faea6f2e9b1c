"""What is measured: a file of embeddings or a model's folder, with groups and frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import clip
from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.embeddings import Embeddings, with_tokens
from feature_collapse.metrics.readers.groups import read_groups
from feature_collapse.metrics.readers.model_folder import is_model_folder, read_model_folder
from feature_collapse.metrics.readers.named_groups import NAMES, named_groups
from feature_collapse.metrics.readers.read import read_embeddings
from feature_collapse.metrics.readers.selection import Selection, select
from feature_collapse.metrics.readers.token_frequencies import token_frequencies, with_frequencies
from feature_collapse.metrics.readers.vocabulary import read_tokens


@dataclass(frozen=True)
class Classifying:
    """Linear weights (R, d) with the concept of each row, and a note on how these were found, or ''."""

    rows: NDArray[Any]
    concepts: tuple[str, ...]
    note: str


def _beside(path: Path, name: str) -> NDArray[Any]:
    """Return the matrix of that name in the file of the embeddings."""
    try:
        return read_embeddings(path, name).vectors
    except InputError as error:
        raise InputError(
            f"classifier = {clip(name)!r} is no file, nor a tensor beside the embeddings ({error})"
        ) from error


@dataclass(frozen=True)
class Source:
    """What is read beside the vectors, and how.

    >>> Source("bins", frequencies="wordfreq:en").groups
    'bins'

    Attributes:
        groups: a CSV file, or the name of groups: pos, wordnet, script, bins. `read` needs it.
        frequencies: a CSV file, wordfreq:LANG, corpus:FILE, or rank; None for those of the groups file.
        tensor: the name of the matrix, where the file or folder holds several.
        tokens: a vocabulary that names the rows; None for the model's own.
        wordnet: the folder of a WordNet database; None for the usual ones.
        exact: whether entities are tokens as they are written, not words.
        several: whether an entity may be in several groups.
        classifier: linear weights: the name of a tensor beside the embeddings, or a file of their own.
    """

    groups: str | Path | None = None
    frequencies: str | Path | None = None
    tensor: str | None = None
    tokens: str | Path | None = None
    wordnet: str | Path | None = None
    exact: bool = False
    several: bool = False
    classifier: str | Path | None = None

    def read(self, path: str | Path) -> tuple[Embeddings, Selection]:
        """Return the embeddings of a file or a model's folder, and the rows to be measured.

        Raises:
            InputError: as the readers; frequencies that both a groups file and an option state.
        """
        if self.groups is None:
            raise InputError("groups is missing: it says what plays the same role")
        embeddings, tokenizer = self._embeddings(Path(path))
        found = None
        if self.frequencies is not None:
            found = token_frequencies(str(self.frequencies), embeddings, tokenizer, exact=self.exact)
        if str(self.groups) in NAMES:
            values = None if found is None else found.values
            groups = named_groups(str(self.groups), embeddings, values, self.wordnet)
            selection = select(embeddings, groups, exact=True)
        else:
            groups = read_groups(self.groups, several=self.several)
            if groups.frequencies is not None and found is not None:
                raise InputError(f"frequencies = {str(self.frequencies)!r}, but {self.groups} states them")
            selection = select(embeddings, groups, exact=self.exact)
        return embeddings, selection if found is None else with_frequencies(selection, found)

    def read_classifier(self, path: str | Path, embeddings: Embeddings, found: Selection) -> Classifying:
        """Return the linear weights: as many rows as the table has are the entities' own, else the concepts'.

        Concepts that are whole numbers name their rows (classes 0, 1, …); others are taken in sorted order,
        which a note says.

        Raises:
            InputError: as the readers; rows that belong neither to entities nor to concepts.
        """
        name, path = str(self.classifier), Path(path)
        if Path(name).is_file():
            rows = read_embeddings(Path(name)).vectors
        elif is_model_folder(path):
            rows = read_model_folder(path, name).embeddings.vectors
        else:
            rows = _beside(path, name)
        concepts = sorted(set(found.concepts))
        if len(rows) == len(embeddings.vectors):
            return Classifying(np.asarray(rows[found.rows]), found.concepts, "")
        if all(c.isdecimal() and int(c) < len(rows) for c in concepts):
            return Classifying(np.asarray(rows[[int(c) for c in concepts]]), tuple(concepts), "")
        if len(rows) != len(concepts):
            raise InputError(
                f"classifier = {clip(name)!r} has {len(rows)} rows, but must have one for each of "
                f"{len(embeddings.vectors)} entities or {len(concepts)} concepts"
            )
        note = f"classifier rows were taken as the concepts in sorted order: {clip(', '.join(concepts))}"
        return Classifying(np.asarray(rows), tuple(concepts), note)

    def _embeddings(self, path: Path) -> tuple[Embeddings, Path | None]:
        """Return the embeddings, and the tokenizer.json beside them."""
        if not is_model_folder(path):
            tokenizer = Path(self.tokens) if self.tokens and Path(self.tokens).suffix == ".json" else None
            return read_embeddings(path, self.tensor, self.tokens), tokenizer
        folder = read_model_folder(path, self.tensor)
        tokenizer = folder.path / "tokenizer.json"
        embeddings = folder.embeddings
        if self.tokens is not None:
            embeddings = with_tokens(embeddings, read_tokens(self.tokens), Path(self.tokens))
        return embeddings, tokenizer if tokenizer.is_file() else None

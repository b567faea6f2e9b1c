"""A table of one's own: an upload of embeddings and one of groups, read by the readers of `measure`.

What is sent is bounded before it is read: bytes, rows, and what an archive unpacks to. It is held in memory
under a name of ours (on systems without anonymous files, in a temporary file that is gone after the reading);
pickles and compressed tables are not taken.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from feature_collapse.boundary import clip, guarded
from feature_collapse.errors import InputError
from feature_collapse.explorer.plane import Points
from feature_collapse.figures.projection import project
from feature_collapse.metrics.arrays import encode_concepts
from feature_collapse.metrics.measure import measure
from feature_collapse.metrics.measured import Measured
from feature_collapse.metrics.readers.sniff import sniff
from feature_collapse.metrics.readers.source import Source
from feature_collapse.metrics.views import VIEWS, normalise

MOST_BYTES = 4 << 20
MOST_UNPACKED = 32 << 20
MOST_LINES = 20_000
MOST_ENTITIES, MOST_DIMENSIONS, MOST_NUMBERS = 2_000, 1_024, 1_000_000
TAKEN = ("npy", "npz", "safetensors", "csv", "glove", "word2vec-text", "word2vec-binary")
PAIRS = 100_000
BINS = np.linspace(-1.0, 1.0, 41)


@dataclass(frozen=True)
class Upload:
    """A file as a browser sends it: its name, which is only shown, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, eq=False)
class View:
    """The entities after one normaliser.

    Attributes:
        points: (n, 2) principal components, turned as in the figures.
        lengths: (n,).
        same, different: (40,) percent of the pairs whose cosine lies between two of `BINS`.
        values: of the report, by key: spread, direction_spread, the residuals.
    """

    points: Points
    lengths: Float[np.ndarray, " n"]
    same: Float[np.ndarray, " bins"]
    different: Float[np.ndarray, " bins"]
    values: dict[str, float]


@dataclass(frozen=True, eq=False)
class OwnData:
    """What is shown of a table.

    Attributes:
        measured: the report and what it was made from, as `feature-collapse measure` has it.
        codes: (n,) concepts, into `names`.
        names: of the concepts.
        views: by normaliser.
    """

    measured: Measured
    codes: Int[np.ndarray, " n"]
    names: tuple[str, ...]
    views: dict[str, View]


def read_own(table: Upload, groups: Upload) -> OwnData:
    """Return the views of a table with groups: those of `measure TABLE --groups GROUPS`, without intervals.

    Raises:
        InputError: one sentence on what is wrong with either file; nothing is kept of it.
    """
    _check(table, "the table")
    _check(groups, "the groups")
    if groups.content.count(b"\n") > MOST_LINES:
        raise InputError(f"{clip(groups.name)} has more than {MOST_LINES} lines, but the page takes no more")
    with _held(table.content) as first, _held(groups.content) as second:
        try:
            _check_table(first, table)
            embeddings, found = Source(second).read(first)
            _check_sizes(len(found.rows), embeddings.vectors.shape[1])
            vectors = np.array(embeddings.vectors[found.rows])  # a copy: the file goes
            report = measure(vectors, found.concepts, found.frequencies, resamples=0, shuffles=0)
        except InputError as error:
            raise InputError(_named(str(error), {first: table, second: groups})) from None
    vectors = vectors.astype(np.float64)
    codes, names = encode_concepts(found.concepts, len(vectors))
    views = {
        name: _view(
            normalise(vectors, name),
            codes,
            {key: value.value for key, value in report.views[name].values.items()},
        )
        for name in VIEWS
    }
    kept = Measured(
        clip(table.name), report, vectors, found.entities, found.concepts, found.frequencies, eps=0.0
    )
    return OwnData(kept, codes, tuple(names), views)


def _check(upload: Upload, what: str) -> None:
    size = len(upload.content)
    if size > MOST_BYTES:
        raise InputError(
            f"{clip(upload.name)} has {size / 2**20:.1f} MB, but the page takes at most {MOST_BYTES >> 20} "
            f"MB for {what}: use feature-collapse measure"
        )


def _check_sizes(n: int, d: int) -> None:
    if n > MOST_ENTITIES or d > MOST_DIMENSIONS or n * d > MOST_NUMBERS:
        raise InputError(
            f"{n} entities of {d} dimensions are selected, but the page takes at most {MOST_ENTITIES} of "
            f"{MOST_DIMENSIONS}, and {MOST_NUMBERS} numbers in all: use feature-collapse measure"
        )


def _check_table(path: Path, table: Upload) -> None:
    """Refuse formats whose size in memory is not known from their bytes, and too many lines."""
    kind = sniff(path)
    name = clip(table.name)
    if kind not in TAKEN:
        raise InputError(
            f"{name} is a {kind} file, which the page does not take ({', '.join(TAKEN)}): use "
            "feature-collapse measure"
        )
    if kind == "npz":
        with guarded(path, "an .npz file"), zipfile.ZipFile(BytesIO(table.content)) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > MOST_UNPACKED:
            raise InputError(
                f"{name} unpacks to more than {MOST_UNPACKED >> 20} MB, but the page takes no more"
            )
    if kind in ("csv", "glove", "word2vec-text") and table.content.count(b"\n") > MOST_LINES:
        raise InputError(f"{name} has more than {MOST_LINES} lines, but the page takes no more")


@contextmanager
def _held(content: bytes) -> Iterator[Path]:
    """Hold bytes where a reader of files finds them: in memory, else in a temporary one."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("upload")
        try:
            with os.fdopen(handle, "wb", closefd=False) as file:
                file.write(content)
            yield Path(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        yield path


def _named(sentence: str, uploads: dict[Path, Upload]) -> str:
    """Return a reader's sentence with the upload's own name in place of where it was held."""
    for path, upload in uploads.items():
        sentence = sentence.replace(str(path), clip(upload.name))
    return sentence


def _view(x: Float[np.ndarray, "n d"], codes: Int[np.ndarray, " n"], values: dict[str, float]) -> View:
    lengths = np.linalg.norm(x, axis=1)
    i, j = np.triu_indices(len(x), 1)
    if len(i) > PAIRS:
        chosen = np.random.default_rng(0).choice(len(i), PAIRS, replace=False)
        i, j = i[chosen], j[chosen]
    unit = normalise(x, "sphere")
    cosines = np.clip((unit @ unit.T)[i, j], -1.0, 1.0)  # n² numbers, where rows of pairs would be 100 n d
    same = codes[i] == codes[j]
    points = project(x, codes)[0]
    return View(points, lengths, _percent(cosines[same]), _percent(cosines[~same]), values)


def _percent(values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " bins"]:
    counts = np.histogram(values, BINS)[0]
    return np.asarray(100.0 * counts / max(1, len(values)))

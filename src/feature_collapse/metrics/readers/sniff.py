"""Which format is a file, by its first bytes. The suffix is not asked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from feature_collapse.boundary import damaged, guarded, parse_count, plain_file
from feature_collapse.errors import InputError

FORMATS = ".npy, .npz, safetensors, PyTorch state dict, word2vec (text or binary), GloVe text, CSV, Parquet"
HEAD = 1 << 16

_FOREIGN = (
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"BZh", "a bzip2 archive: unpack it first"),
    (b"\xfd7zXZ", "an xz archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive: unpack it first"),
    (b"\x89HDF", "an HDF5 file, which is not read: export the matrix as .npy"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"GGUF", "a GGUF model, which is not read: export the matrix as safetensors"),
    (b"version https://git-lfs", "a Git LFS pointer: the file itself was not fetched"),
    (b"<", "markup (HTML or XML), perhaps an error page saved in place of the file"),
)


def sniff(path: Path) -> str:
    """Return npy, npz, safetensors, torch, parquet, word2vec-text, word2vec-binary, glove or csv.

    Raises:
        InputError: for a missing, empty or foreign file; the formats known are listed.
    """
    plain_file(path)
    with guarded(path, "embeddings"), path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise InputError(f"{path} is empty")
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"PK\x03\x04"):
        return _zip(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[0] == 0x80 and len(head) > 1 and 2 <= head[1] <= 5:
        return "torch"  # a pickle: only tensors will be taken from it
    if len(head) > 8 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= 1 << 30:
        return "safetensors"
    for start, what in _FOREIGN:
        if head.startswith(start):
            raise InputError(f"{path} is {what}; formats read: {FORMATS}")
    return _text(path, head)


def _zip(path: Path) -> str:
    what = "an .npz file or a PyTorch file"
    with guarded(path, what, "its end is missing (truncated?)"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(n.endswith("data.pkl") for n in names):
        return "torch"
    if names and all(n.endswith(".npy") for n in names):
        return "npz"
    raise InputError(f"{path} is a zip archive without arrays; formats read: {FORMATS}")


def _text(path: Path, head: bytes) -> str:
    first, _, rest = head.partition(b"\n")
    counts = [parse_count(c) for c in first.split()]
    if len(counts) == 2 and None not in counts:
        if not rest:
            raise damaged(path, "word2vec vectors", "nothing follows the first line (truncated?)")
        second = rest.partition(b"\n")[0].split(b" ")
        values = [c for c in second[1:] if c.strip()]
        return "word2vec-text" if len(values) == counts[1] and _numbers(values) else "word2vec-binary"
    try:
        # a character may be cut at the end of what was read
        text = head.removeprefix(b"\xef\xbb\xbf").decode(errors="strict" if len(head) < HEAD else "ignore")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} has no format that is known here; formats read: {FORMATS}") from error
    if "\x00" in text:
        raise InputError(f"{path} has no format that is known here; formats read: {FORMATS}")
    line = text.lstrip().split("\n")[0].strip("\r")
    cells = line.split(" ")
    if len(cells) > 2 and _numbers([c.encode() for c in cells[1:] if c]):
        return "glove"
    if any(mark in line for mark in ",;\t"):
        return "csv"
    if line.startswith("{"):
        raise InputError(f"{path} is JSON, which holds no vectors here; formats read: {FORMATS}")
    raise InputError(f"{path} has no format that is known here; formats read: {FORMATS}")


def _numbers(cells: list[bytes]) -> bool:
    try:
        return len([float(c) for c in cells]) > 0
    except ValueError:
        return False

"""Names of the rows from a vocabulary beside the matrix: vocab.txt, vocab.json or tokenizer.json."""

from __future__ import annotations

import json
from pathlib import Path

from feature_collapse.boundary import Json, damaged, guarded, parse_json, plain_file, read_text
from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.parquet import read_token_column

LARGEST_ID = 1 << 24
WHAT = "a JSON vocabulary"


def read_tokens(path: str | Path) -> list[str]:
    """Return the token of each id; ids without a token get an empty name.

    A file that parses as JSON, or starts as it does, is JSON: a tokenizer.json (`model.vocab` as a dictionary
    or a list of pairs, and `added_tokens`), a dictionary token → id, or a list of tokens. Anything else has
    one token per line; so has a vocab.txt that starts with `[PAD]`. A Parquet file has a column of tokens.

    Raises:
        InputError: if the file is missing, damaged or holds no vocabulary.
    """
    path = plain_file(Path(path), "a vocabulary")
    with guarded(path, "a vocabulary"), path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return read_token_column(path)
    text = read_text(path, "a vocabulary")
    if not text.strip():
        raise InputError(f"{path} is empty")
    if _is_json(text):
        return _from_json(path, parse_json(path, WHAT, text))
    lines = text.split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def _is_json(text: str) -> bool:
    """Return whether a text is JSON or was: a bracket, and what may follow it there."""
    start = text.lstrip()
    if start[0] not in "{[":
        return False
    following = start[1:].lstrip()
    if not following or following[0] in '"{[]}':
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _from_json(path: Path, content: Json) -> list[str]:
    if isinstance(content, list):
        listed = [t for t in content if isinstance(t, str)]
        if len(listed) != len(content):
            raise damaged(path, WHAT, "it is a list, but not of tokens")
        return listed
    content = content if isinstance(content, dict) else {}
    model = content.get("model")
    ids = _ids(path, model.get("vocab") if isinstance(model, dict) else content)
    added = content.get("added_tokens") if isinstance(model, dict) else None
    if not isinstance(added, list | None):
        raise damaged(path, WHAT, "its added_tokens are no list")
    for extra in added or []:
        token = extra.get("content") if isinstance(extra, dict) else None
        if not isinstance(extra, dict) or not isinstance(token, str):
            raise damaged(path, WHAT, "one of its added_tokens has no content")
        ids[token] = _id(path, extra.get("id"))
    if not ids:
        raise InputError(f"{path} is JSON without a vocabulary (model.vocab, or token: id)")
    tokens = [""] * (max(ids.values()) + 1)
    for token, i in ids.items():
        tokens[i] = token
    return tokens


def _ids(path: Path, vocabulary: Json) -> dict[str, int]:
    """Return token → id of a dictionary, or of a list of [token, score] in the order of ids."""
    if isinstance(vocabulary, dict):
        return {token: _id(path, i) for token, i in vocabulary.items()}
    if not isinstance(vocabulary, list):
        return {}
    ids: dict[str, int] = {}
    for i, pair in enumerate(vocabulary):
        token = pair[0] if isinstance(pair, list) and pair else None
        if not isinstance(token, str):
            raise damaged(path, WHAT, f"entry {i} of its vocabulary is no pair of a token and a score")
        ids[token] = i
    return ids


def _id(path: Path, value: Json) -> int:
    if type(value) is not int or not 0 <= value < LARGEST_ID:
        raise damaged(path, WHAT, f"its ids are not integers from 0 to {LARGEST_ID}")
    return value

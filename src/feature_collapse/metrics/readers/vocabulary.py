"""Names of the rows from a vocabulary beside the matrix: vocab.txt, vocab.json or tokenizer.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.embeddings import damaged


def read_tokens(path: Path) -> list[str]:
    """Return the token of each id; ids without a token get an empty name.

    A file that starts with '{' is JSON: a tokenizer.json (`model.vocab` as a dictionary or a list of pairs,
    and `added_tokens`), or a dictionary token → id. Anything else has one token per line.

    Raises:
        InputError: if the file is missing, damaged or holds no vocabulary.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise damaged(path, "a vocabulary", "it is not UTF-8 text") from error
    if not text.strip():
        raise InputError(f"{path} is empty")
    if text.lstrip()[0] in "{[":
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise damaged(path, "a JSON vocabulary", "it is truncated or damaged") from error
        return _from_json(path, content)
    lines = text.split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def _from_json(path: Path, content: Any) -> list[str]:
    if isinstance(content, list):
        if not all(isinstance(t, str) for t in content):
            raise damaged(path, "a JSON vocabulary", "it is a list, but not of tokens")
        return content
    model = content.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else content
    if isinstance(vocabulary, list):
        vocabulary = {pair[0]: i for i, pair in enumerate(vocabulary) if isinstance(pair, list) and pair}
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise InputError(f"{path} is JSON without a vocabulary (model.vocab, or token: id)")
    ids = dict(vocabulary)
    for extra in content.get("added_tokens") or [] if isinstance(model, dict) else []:
        if isinstance(extra, dict) and "id" in extra and "content" in extra:
            ids[extra["content"]] = extra["id"]
    if not all(isinstance(i, int) and not isinstance(i, bool) and 0 <= i < 1 << 24 for i in ids.values()):
        raise damaged(path, "a JSON vocabulary", "its ids are not integers from 0 to 2^24")
    tokens = [""] * (max(ids.values()) + 1)
    for token, i in ids.items():
        tokens[i] = str(token)
    return tokens

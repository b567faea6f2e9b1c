"""How a vocabulary writes words: Ġ (byte-level BPE), ▁ (SentencePiece), ## (WordPiece), upper or lower case.

In the vocabularies of GPT-2 and its kin a word after a space is `Ġif`, while `if` is a piece inside words; in
SentencePiece it is `▁if`; in WordPiece the word is `if` and the piece `##if`. Byte-level BPE writes each byte
of UTF-8 as a printable character of its own (é is `Ã©`). An entity `if` means the word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

SHARE = 0.02
"""A mark that this share of the tokens begins with is the vocabulary's convention."""
MARKS = {"Ġ": "byte-level BPE", "▁": "SentencePiece", "##": "WordPiece"}
_SPECIAL = re.compile(r"\[[^\]\s]+\]|<[^>\s]+>|<\|.*\|>|")
"""[PAD], <s>, <|endoftext|>, or nothing."""


def _byte_letters() -> list[str]:
    """Return what byte-level BPE writes for each byte: the character itself, or one from 256 on."""
    kept = set(chain(range(ord("!"), ord("~") + 1), range(ord("¡"), ord("¬") + 1), range(ord("®"), 256)))
    others = iter(range(256, 512))
    return [chr(b) if b in kept else chr(next(others)) for b in range(256)]


_LETTER = _byte_letters()
_BYTE = {letter: byte for byte, letter in enumerate(_LETTER)}


@dataclass(frozen=True)
class Convention:
    """The mark of a vocabulary ('' for none), and whether it holds lower case only."""

    mark: str
    lower: bool

    def forms(self, entity: str) -> tuple[str, ...]:
        """Return the tokens that may stand for an entity, the best first.

        >>> Convention("Ġ", lower=False).forms("if")
        ('Ġif', 'if')
        >>> Convention("##", lower=True).forms("Ünï")
        ('Ünï', 'ünï', 'uni')
        """
        if self.mark and entity.startswith(self.mark):
            return (entity,)
        words = [entity]
        if self.lower:
            low = entity.lower()
            words += [low, _without_accents(low)]
        if self.mark == "Ġ":
            words = ["".join(_LETTER[b] for b in w.encode()) for w in words]
        if self.mark in ("Ġ", "▁"):
            words = [self.mark + w for w in words] + words
        return tuple(dict.fromkeys(words))

    def word(self, token: str) -> str | None:
        """Return the word that a token writes, or None for a piece of a word or a special token.

        >>> Convention("Ġ", lower=False).word("ĠÃ©tat")
        'état'
        >>> Convention("##", lower=True).word("##ing") is None
        True
        """
        if _SPECIAL.fullmatch(token):
            return None
        if self.mark == "##":
            return None if token.startswith("##") else token
        if self.mark and not token.startswith(self.mark):
            return None
        word = token.removeprefix(self.mark)
        if self.mark == "Ġ":
            if not all(c in _BYTE for c in word):
                return None
            word = bytes(_BYTE[c] for c in word).decode("utf-8", errors="replace")
        return word if word and "\ufffd" not in word else None

    def __str__(self) -> str:
        """Return the convention in words."""
        case = "lower case only" if self.lower else "upper and lower case"
        if not self.mark:
            return f"words without a mark, {case}"
        role = "continues" if self.mark == "##" else "starts"
        return f"{MARKS[self.mark]} ({self.mark} {role} a word), {case}"


def convention_of(tokens: Sequence[str]) -> Convention:
    """Return how a vocabulary writes words, from all its tokens. O(number of tokens)."""
    counts = {mark: sum(1 for t in tokens if len(t) > len(mark) and t.startswith(mark)) for mark in MARKS}
    mark = max(counts, key=lambda m: counts[m])
    mark = mark if counts[mark] >= max(1, SHARE * len(tokens)) else ""
    words = [t.replace("Ġ", "") for t in tokens if not _SPECIAL.fullmatch(t)]
    if mark == "Ġ":  # the other letters stand for bytes
        words = [t for t in words if t.isascii()]
    lower = any(t != t.upper() for t in words) and all(t == t.lower() for t in words)
    return Convention(mark, lower)


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")

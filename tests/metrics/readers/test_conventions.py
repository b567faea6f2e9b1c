"""The convention of a vocabulary is seen in its tokens, and words go there and back."""

import pytest

from feature_collapse.metrics.readers.conventions import convention_of

BYTE_LEVEL = ["!", "if", "Ġif", "ĠParis", "ĠnaÃ¯ve", "ĠÃ©tat", "ĠæĹ¥æľ¬", "<|endoftext|>", "Ġ"]
SENTENCE_PIECE = ["<s>", "▁if", "▁naïve", "if", "▁Paris", "▁"]
WORD_PIECE = ["[PAD]", "[unused1]", "if", "##if", "paris", "naive"]


@pytest.mark.parametrize(
    ("tokens", "mark", "lower"),
    [
        (BYTE_LEVEL, "Ġ", False),
        ([t.lower() if t[0] != "Ġ" else "Ġ" + t[1:].lower() for t in BYTE_LEVEL], "Ġ", True),
        (SENTENCE_PIECE, "▁", False),
        (WORD_PIECE, "##", True),
        ([*WORD_PIECE, "Paris"], "##", False),
        (["the", "Ünï", "of"], "", False),
        (["the", "日本", ","], "", True),
        (["the"] * 99 + ["Ġ"], "", True),  # a letter alone is no convention
        (["日本", "12"], "", False),  # nothing says so
    ],
)
def test_the_convention_is_seen(tokens, mark, lower):
    found = convention_of(tokens)
    assert (found.mark, found.lower) == (mark, lower)


@pytest.mark.parametrize("word", ["if", "naïve", "état", "日本"])
def test_byte_level_words_go_there_and_back(word):
    convention = convention_of(BYTE_LEVEL)
    token = convention.forms(word)[0]
    assert token in BYTE_LEVEL and convention.word(token) == word


def test_pieces_and_special_tokens_are_no_words():
    assert [convention_of(SENTENCE_PIECE).word(t) for t in SENTENCE_PIECE] == [
        *(None, "if", "naïve", None, "Paris", None)
    ]
    assert [convention_of(WORD_PIECE).word(t) for t in WORD_PIECE] == [
        *(None, None, "if", None, "paris", "naive")
    ]
    assert convention_of(BYTE_LEVEL).word("Ġ\xc3") is None  # half a character

"""Groups and frequencies by name, on small vocabularies, WordNet folders and texts."""

import json
import sys
from collections import Counter

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.metrics.readers import select
from feature_collapse.metrics.readers.embeddings import Embeddings
from feature_collapse.metrics.readers.named_groups import named_groups
from feature_collapse.metrics.readers.token_frequencies import token_frequencies, with_frequencies
from feature_collapse.metrics.readers.wordnet import find_wordnet, read_wordnet

TOKENS = ("[PAD]", "##ing", "dog", "run", "слово", "日本", "12", "--", "dogрун", "fast", "zzz")
FOUND = Embeddings(np.ones((12, 3)), TOKENS, "model")
SENSES = """\
dog%1:05:00:: 02084071 1 42
dog%1:18:01:: 10114209 2 3
dog%2:38:00:: 02001858 1 2
run%2:38:00:: 01926311 1 106
run%1:04:00:: 00191142 1 90
fast%1:04:00:: 01189282 1 0
fast%4:02:00:: 00087099 1 0
"""


@pytest.fixture
def wordnet(tmp_path):
    (tmp_path / "dict").mkdir()
    (tmp_path / "dict" / "index.sense").write_text(SENSES)
    return tmp_path


def pairs(groups):
    return dict(zip(groups.entities, groups.concepts, strict=True))


def test_script_groups_words_and_neither_pieces_nor_special_tokens():
    found = named_groups("script", FOUND)
    assert pairs(found) == {
        **dict.fromkeys(("dog", "run", "fast", "zzz"), "latin"),
        **{"слово": "cyrillic", "日本": "cjk", "12": "digits", "--": "punctuation and symbols"},
        "dogрун": "mixed",
    }
    assert found.notes == ("groups script: 9 of 9 words (11 tokens) have one",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("wordnet", {"dog": "noun.animal", "run": "verb.motion"}), ("pos", {"dog": "noun", "run": "verb"})],
)
def test_wordnet_gives_the_sense_that_is_tagged_most_and_none_where_that_is_open(wordnet, name, expected):
    found = named_groups(name, FOUND, wordnet=wordnet)
    assert pairs(found) == expected  # fast is a noun or an adverb, and was never tagged
    assert f"groups {name}: 2 of 9 words" in found.notes[0]


def test_the_folder_of_wordnet_is_found_and_its_absence_or_damage_is_one_sentence(
    wordnet, tmp_path, monkeypatch
):
    monkeypatch.setenv("WNHOME", str(wordnet))
    assert find_wordnet() == wordnet / "dict" and read_wordnet()["dog"] == "noun.animal"
    with pytest.raises(InputError, match=r"index\.sense"):
        find_wordnet(tmp_path / "dict" / "no")
    for line in ("dog%1:99:00:: 1 1 1", "dog 1 1 1", f"dog%1:05:00:: 1 1 {'9' * 5000}", "", "\xff%9:::"):
        (wordnet / "dict" / "index.sense").write_text(SENSES + line + "\n")
        with pytest.raises(InputError, match="line 8 is no sense"):
            read_wordnet(wordnet)


def test_bins_are_deciles_of_the_words_whose_frequency_is_known():
    tokens = (*(f"w{i:02d}" for i in range(40)), "##x", "[PAD]")
    frequencies = np.arange(42.0)
    frequencies[7] = np.nan
    found = pairs(named_groups("bins", Embeddings(np.ones((42, 2)), tokens, "model"), frequencies))
    assert len(found) == 38 and "w00" not in found and "w07" not in found  # 0 and unknown
    assert set(Counter(found.values()).values()) == {3, 4} and len(set(found.values())) == 10
    assert found["w39"] == "decile  1" and found["w01"] == "decile 10"
    with pytest.raises(InputError, match="needs frequencies"):
        named_groups("bins", FOUND)
    with pytest.raises(InputError, match="needs 10 words"):
        named_groups("bins", FOUND, np.r_[np.ones(5), np.full(6, np.nan)])


def test_what_a_name_cannot_do_is_one_sentence():
    with pytest.raises(InputError, match="must be a CSV file or one of pos, wordnet, script, bins"):
        named_groups("scripts", FOUND)
    with pytest.raises(InputError, match="needs tokens"):
        named_groups("script", Embeddings(np.ones((2, 2)), None, "x"))


def test_frequencies_from_a_table_are_matched_as_words_and_coverage_is_said(tmp_path):
    (tmp_path / "f.csv").write_text("word,count\nDog,3\nrun,1\nnobody,7\n")
    found = token_frequencies(str(tmp_path / "f.csv"), FOUND)
    assert found.values[2] == 3 and found.values[3] == 1 and np.isnan(found.values[4])
    assert "2 of 12 rows" in found.notes[0]
    chosen = with_frequencies(select(FOUND, named_groups("script", FOUND), exact=True), found)
    np.testing.assert_array_equal(chosen.rows, [2, 3])
    np.testing.assert_array_equal(chosen.frequencies, [3, 1])
    assert "7 of 9 entities have no frequency: left out" in chosen.notes[-1]
    for text in ("dog,x,1\n", "dog,1\nrun,-1\n", "dog,1\ndog,2\n", "dog,nan\n", "word,count\n", "cat,1\n"):
        (tmp_path / "f.csv").write_text(text)
        with pytest.raises(InputError):
            token_frequencies(str(tmp_path / "f.csv"), FOUND)


def test_rank_is_a_proxy_and_says_so():
    found = token_frequencies("rank", Embeddings(np.ones((3, 2)), None, "x"))
    np.testing.assert_allclose(found.values, [1, 1 / 2, 1 / 3])
    assert "a proxy" in found.notes[0]


def test_a_text_is_counted_with_the_models_tokenizer(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"[UNK]": 0, "a": 1, "b": 2, "c": 3}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "t.txt").write_text("a b a\n" * 2500 + "a z\n")
    found = Embeddings(np.ones((4, 2)), ("[UNK]", "a", "b", "c"), "x")
    counted = token_frequencies(f"corpus:{tmp_path / 't.txt'}", found, tmp_path / "tokenizer.json")
    np.testing.assert_array_equal(counted.values, [1, 5001, 2500, 0])
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": 3}))
    with pytest.raises(InputError, match="cannot be read"):
        token_frequencies(f"corpus:{tmp_path / 't.txt'}", found, tmp_path / "tokenizer.json")


def test_frequencies_of_wordfreq_are_per_word(tmp_path):
    pytest.importorskip("wordfreq")
    found = token_frequencies("wordfreq:en", FOUND)
    assert 1e-5 < found.values[2] < 1e-3 and found.values[3] > found.values[2]
    assert np.isnan(found.values[:2]).all()
    with pytest.raises(InputError, match="must be one of"):
        token_frequencies("wordfreq:tlh", FOUND)


@pytest.mark.parametrize("source", ["wordfreq:en", "corpus:t.txt"])
def test_optional_packages_are_named_where_they_are_missing(source, monkeypatch, tmp_path):
    for name in ("wordfreq", "tokenizers"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"feature-collapse\[text\]"):
        token_frequencies(source, FOUND, tmp_path / "tokenizer.json")
    with pytest.raises(InputError, match="needs tokens"):
        token_frequencies(source, Embeddings(np.ones((2, 2)), None, "x"))

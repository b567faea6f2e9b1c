import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_collapse.errors import InputError
from feature_collapse.task import Vocabulary, read_vocabulary


@given(st.integers(2, 6), st.integers(1, 9), st.data())
def test_index_and_pair_are_inverse(n_c, s_c, data):
    words = Vocabulary(n_c, n_c * s_c)
    index = data.draw(st.integers(0, n_c * s_c - 1))
    assert words.index(*words.pair(index)) == index


def test_names_without_a_file_count_from_one():
    assert Vocabulary(3, 12).sentence([0, 5, 11]) == "c1w1 c2w2 c3w4"


def test_shipped_vocabulary_has_equal_concepts_and_falling_frequencies():
    words, mu = read_vocabulary("food")
    assert words.concepts == ("vegetable", "dairy", "meat")
    assert len(mu) == words.s_c == 23
    assert (mu[:-1] >= mu[1:]).all()
    assert len(set(words.words)) == words.n_w


def test_own_file_replaces_the_shipped_one(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("concept,word,frequency\na,x,1\na,y,3\nb,u,1\nb,v,1\n")
    words, mu = read_vocabulary(path)
    assert words.words == ("y", "x", "u", "v")  # most frequent first inside each concept
    assert mu == pytest.approx([0.625, 0.375], rel=1e-15)  # means of (3/4, 1/4) and (1/2, 1/2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("word,concept\na,x\n", "'frequency' is missing"),
        ("word,concept,freqency\na,x,1\n", r"'frequency' is missing \(did you mean 'freqency'\?\)"),
        ("word,concept,frequency\na,x,1\na,y,1\n", "'a' occurs twice"),
        ("word,concept,frequency\na,x,1\nb,x,1\nc,y,1\n", "equally many words, but have x: 2, y: 1"),
        ("word,concept,frequency\na,x,0\nb,y,1\n", "frequency = '0'"),
        ("word,concept,frequency\na,x,-1\nb,y,1\n", "frequency = '-1'"),
        ("word,concept,frequency\na,x,nan\nb,y,1\n", "frequency = 'nan'"),
        ("word,concept,frequency\na,x,often\nb,y,1\n", "frequency = 'often'"),
        ("word,concept,frequency\na,x\nb,y,1\n", "must all be given"),
        ("word,concept,frequency\na,x,1\n", "has 1 concepts"),
        ("", "columns none"),
    ],
)
def test_wrong_file_is_told_in_one_sentence(tmp_path, text, told):
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_vocabulary(path)


def test_missing_and_binary_files_are_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_vocabulary(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01\x80")
    with pytest.raises(InputError, match="not UTF-8"):
        read_vocabulary(tmp_path / "binary.csv")

"""Groups from CSV, and their rows in the embeddings."""

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.metrics import read_groups, select
from feature_collapse.metrics.readers.embeddings import Embeddings
from metrics.readers.written import WORDS, X


def groups_file(tmp_path, text):
    (tmp_path / "g.csv").write_text(text, encoding="utf-8")
    return tmp_path / "g.csv"


@pytest.mark.parametrize("header", ["entity,concept,frequency\n", "frequency,concept,entity\n", ""])
def test_groups_with_any_order_of_columns(tmp_path, header):
    first = header.startswith("frequency")
    text = header + ("3,k,the\n1,k,z\n" if first else "the,k,3\nz,k,1\n")
    found = read_groups(groups_file(tmp_path, "\ufeff" + text))
    assert (found.entities, found.concepts, found.frequencies) == (("the", "z"), ("k", "k"), (3.0, 1.0))


def test_missing_entities_are_counted_and_listed(tmp_path):
    groups = read_groups(groups_file(tmp_path, "the,a\nnobody,a\nz,b\nnone,b\n"))
    found = select(Embeddings(X, WORDS, "x"), groups)
    assert found.missing == ("nobody", "none")
    assert any("2 of 4 entities were not found: nobody, none" in n for n in found.notes)
    np.testing.assert_array_equal(found.rows, [0, 6])


@pytest.mark.parametrize("tokens", [("if", "Ġif", "x"), ("if", "▁if", "x")])
def test_an_entity_is_the_word_and_not_the_piece_inside_words_unless_exact(tmp_path, tokens):
    groups, found = read_groups(groups_file(tmp_path, "if,a\nx,b\n")), Embeddings(X[:3], tokens, "x")
    chosen = select(found, groups)
    np.testing.assert_array_equal(chosen.rows, [1, 2])
    assert any(f"'if' is {tokens[1]!r} (exact turns this off)" in n for n in chosen.notes)
    assert any("only as pieces inside words, as 'x'" in n for n in chosen.notes)
    exact = select(found, groups, exact=True)
    np.testing.assert_array_equal(exact.rows, [0, 2])
    assert exact.notes == ()


def test_the_word_of_word_piece_is_plain_and_lower_case_where_the_vocabulary_is(tmp_path):
    tokens = ("[PAD]", "##if", "if", "paris", "uber")
    groups = read_groups(groups_file(tmp_path, "if,a\nParis,b\nÜber,b\n##if,c\n"))
    chosen = select(Embeddings(X[:5], tokens, "x"), groups)
    np.testing.assert_array_equal(chosen.rows, [2, 3, 4, 1])
    cased = select(Embeddings(X[:5], ("[PAD]", "##if", "if", "paris", "Uber"), "x"), groups)
    assert cased.missing == ("Paris", "Über")


def test_two_entities_of_one_row_count_once(tmp_path):
    groups = read_groups(groups_file(tmp_path, "Paris,a\nparis,a\nrome,a\n"))
    chosen = select(Embeddings(X[:2], ("paris", "rome"), "x"), groups)
    np.testing.assert_array_equal(chosen.rows, [0, 1])
    assert any("1 entities mean the row of another" in n for n in chosen.notes)


def test_a_word_in_two_groups_counts_in_both_where_that_is_asked_for(tmp_path):
    path = groups_file(tmp_path, "entity,concept,frequency\nthe,a,2\nthe,b,2\nz,b,1\n")
    with pytest.raises(InputError, match="already given"):
        read_groups(path)
    groups = read_groups(path, several=True)
    chosen = select(Embeddings(X, WORDS, "x"), groups)
    np.testing.assert_array_equal(chosen.rows, [0, 0, 6])
    assert chosen.concepts == ("a", "b", "b") and "1 entities count again" in chosen.notes[0]
    groups_file(tmp_path, "entity,concept,frequency\nthe,a,2\nthe,b,3\n")
    with pytest.raises(InputError, match="already given"):
        read_groups(path, several=True)


def test_the_header_says_which_column_is_which_and_a_doubt_is_an_error(tmp_path):
    found = read_groups(groups_file(tmp_path, "token,count,group\nthe,3,k\nz,1,k\n"))
    assert (found.entities, found.concepts, found.frequencies) == (("the", "z"), ("k", "k"), (3.0, 1.0))
    for text, words in (
        ("entity,frequency\nthe,3\nz,1\n", "a table of frequencies goes to --frequencies"),
        ("word,count\nthe,3\nz,1\n", "must have entity, concept"),
        ("entity,concept,group\nthe,a,b\n", "must have entity, concept"),
        ("the,3\nz,1\n", "concepts or frequencies"),
    ):
        with pytest.raises(InputError, match=words):
            read_groups(groups_file(tmp_path, text))
    assert read_groups(groups_file(tmp_path, "word,noun\nthe,article\n")).entities == ("word", "the")
    assert read_groups(groups_file(tmp_path, "entity,concept\nthe,3\nz,1\n")).concepts == ("3", "1")


def test_rows_without_names_are_chosen_by_number(tmp_path):
    groups = read_groups(groups_file(tmp_path, "0,a\n6,a\n7,b\n"))
    found = select(Embeddings(X, None, "x"), groups)
    np.testing.assert_array_equal(found.rows, [0, 6])
    assert found.missing == ("7",)


def test_repeated_names_of_rows_are_noted(tmp_path):
    groups = read_groups(groups_file(tmp_path, "a,k\n"))
    found = select(Embeddings(X[:3], ("a", "a", "b"), "x"), groups)
    assert found.rows[0] == 0 and "1 row(s)" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("entity,concept\n", "no rows"),
        ("concept,thing\na,b\n", "must have entity"),
        ("a\nb\n", "1 column"),
        ("a,b,1,2\n", "4 column"),
        ("a,k\nb\n", "line 2"),
        ("a,k\n,k\n", "line 2 has an empty"),
        ("a,k,1\nb,k,x\n", "line 2 has frequency 'x'"),
        ("a,k,1\nb,k,-1\n", "frequency '-1'"),
        ("a,k,1\nb,k,nan\n", "frequency 'nan'"),
        ("a,k\na,j\n", "already given"),
    ],
)
def test_broken_groups_are_one_sentence(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_groups(groups_file(tmp_path, text))


def test_repeated_lines_are_read_once_and_noted(tmp_path):
    found = read_groups(groups_file(tmp_path, "a,k\na,k\nb,k\n"))
    assert found.entities == ("a", "b") and "1 repeated" in found.notes[0]


def test_no_entity_found_is_an_error_with_a_hint(tmp_path):
    groups = read_groups(groups_file(tmp_path, "teh,k\n"))
    with pytest.raises(InputError, match="did you mean 'the'"):
        select(Embeddings(X, WORDS, "x"), groups)
    with pytest.raises(InputError, match="row numbers from 0 to 6"):
        select(Embeddings(X, None, "x"), groups)

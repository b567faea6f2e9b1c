"""The figures of the source are those that counting by hand gives."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from code_figures import code_lines, figures  # noqa: E402
from source_facts import Source, circles  # noqa: E402

FACE = '''"""The face."""

_HOME = {"solve": "solver", "Task": "task"}
__all__ = [*_HOME, "__version__"]
'''
TASK = '''"""A task.

More.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT: int = 3
_hidden = 4


class Task:
    """Seven parameters with self, six without."""

    def __init__(self, a, b, c, d, e, f):
        # a comment
        self.a = Any

    def late(self) -> dict[str, Any]:
        import torch
        import json

        return torch, json


def seven(a, b, *c, d, e, f, g=1, **h):
    def inner(x):
        return x

    return (
        inner
    )


def _private(): ...
'''


@pytest.fixture
def small(tmp_path):
    package = tmp_path / "feature_collapse"
    package.mkdir()
    (package / "__init__.py").write_text(FACE)
    (package / "task.py").write_text(TASK)
    return Source(tmp_path)


def test_each_figure_is_what_counting_by_hand_gives(small):
    assert figures(small) == {
        "files": "2",
        "lines of a file: median, largest": "22, 40",
        "functions and methods": "5",
        "lines of a function: median, 95%, largest": "3, 5, 7",
        "functions of over 6 parameters": "1 (20.0%)",
        "public names at the top": "2",
        "public functions and classes elsewhere": "2",
        "public constants and types elsewhere": "1",
        "Any in annotations": "2",
        "indented imports": "3",
        "  in functions, for start-up": "1",
        "  in functions, others": "1",
        "imports by a call": "0",
        "circles of files (files in them)": "0",
        "circles of packages (packages in them)": "0",
        "upward imports": "0",
        "lines of source": "44",
        "  without blanks, comments and docstrings": "22",
        "longest line": "50",
    }


def test_lines_of_code_leave_out_blanks_comments_and_docstrings_but_not_strings(small):
    assert code_lines(small.modules[""]) == 2


def test_a_circle_is_a_group_in_which_each_reaches_each():
    assert circles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "e"), ("f", "g"), ("g", "f")]) == [
        ["a", "b", "c"],
        ["f", "g"],
    ]
    assert circles([("a", "b"), ("a", "c"), ("b", "c")]) == []


def test_the_table_has_a_column_for_each_folder_within_80_characters(small):
    command = [sys.executable, ROOT / "benchmarks" / "code_figures.py", ROOT / "src", ROOT / "src"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 1 + len(figures(small))
    assert max(map(len, lines)) == 80
    assert [line[44:62].strip() for line in lines[1:]] == [line[62:].strip() for line in lines[1:]]


def test_a_folder_without_a_package_is_refused_in_a_sentence(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "code_figures.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "holds 0 packages, but must hold one" in done.stderr

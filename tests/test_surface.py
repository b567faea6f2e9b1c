"""The face of the package: the names that `feature_collapse` hands on, and what importing them costs."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import feature_collapse

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from code_figures import face_names  # noqa: E402
from source_facts import FACE, Source  # noqa: E402

HEAVY = ("torch", "matplotlib", "scipy", "polars", "dask", "distributed", "bokeh", "rich", "typer", "jinja2")
NAMES = sorted(name for name in getattr(feature_collapse, "__all__", ()) if not name.startswith("__"))


def loaded_by(statement):
    """The names in sys.modules after a statement in a fresh interpreter."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    return set(done.stdout.split())


def documented(text):
    """The names in a table of the docs: in backticks, maybe linked, at the head of each row."""
    return [name for line in text.splitlines() for name in re.findall(r"^\|\s*\[?`([A-Za-z_]\w*)", line)]


def test_the_face_has_about_25_names():
    assert 20 <= len(NAMES) <= 30
    assert len(NAMES) == len(set(NAMES))


def test_importing_the_package_loads_nothing_else_of_it_and_nothing_heavy():
    loaded = loaded_by("import feature_collapse")
    assert sorted(name for name in loaded if name.startswith("feature_collapse.")) == []
    assert sorted(loaded & {*HEAVY, "numpy"}) == []


def test_measure_comes_without_torch_and_matplotlib():
    assert sorted(loaded_by("from feature_collapse import measure") & {"torch", "matplotlib"}) == []


def test_the_check_of_what_is_loaded_sees_torch_where_it_is_loaded():
    assert "torch" in loaded_by("import feature_collapse.model.network")


def test_every_name_is_there_and_is_called_what_it_is_called_at_home():
    for name in NAMES:
        item = getattr(feature_collapse, name)
        assert item.__module__.startswith("feature_collapse."), name
        assert item.__name__ == name
        assert getattr(importlib.import_module(item.__module__), name) is item
    assert set(NAMES) <= set(dir(feature_collapse))


def test_a_star_import_gives_every_name():
    namespace = {}
    exec("from feature_collapse import *", namespace)
    assert set(NAMES) <= set(namespace)


def test_a_name_that_is_not_there_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="fold"):
        _ = feature_collapse.fold


def test_every_name_has_a_docstring_with_an_example():
    assert [name for name in NAMES if ">>> " not in (getattr(feature_collapse, name).__doc__ or "")] == []


def test_a_name_of_the_face_means_one_thing_in_the_package():
    modules = Source(ROOT / "src").modules
    homes = {
        name: [m.name for m in modules.values() if m.name != FACE and name in m.defined] for name in NAMES
    }
    assert {name: where for name, where in homes.items() if len(where) != 1} == {}
    assert face_names(modules[FACE]) == NAMES  # what code_figures counts is what is there


def test_the_docs_list_the_names_of_the_face_and_no_others():
    assert sorted(documented((ROOT / "docs" / "api.md").read_text(encoding="utf-8"))) == NAMES


def test_the_reading_of_the_docs_takes_the_first_cell_alone():
    table = "| name | what |\n|---|---|\n| `solve` | as `path` |\n| [`Task`](a.md) | |\n| `measure(x)` | |"
    assert documented(table) == ["solve", "Task", "measure"]

"""The snippets of the README and the docs run, the links lead somewhere, and examples are kept working."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def snippets(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(">>>" not in s for s in snippets(p))], ids=lambda p: p.name
)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": page.stem}
    for code in snippets(page):
        if ">>>" not in code:  # those are doctests
            exec(compile(code, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_relative_link_leads_to_a_file(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_test_that_a_decision_names_exists():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "decisions").glob("*.md")]
    named = {name for text in pages for name in re.findall(r"`(test_\w+)`", text)}
    assert len(named) > 20
    assert not {name for name in named if f"def {name}(" not in sources}


def test_every_file_and_test_folder_of_the_readmes_table_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if "`tests/" in row]
    assert len(rows) > 8
    for row in rows:
        for name in re.findall(r"`([\w/.]+)`", row):
            place = ROOT / name if name.startswith("tests/") else ROOT / "src" / "feature_collapse" / name
            assert place.exists(), name

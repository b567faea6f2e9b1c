"""The site's sources: a page for each public name, short examples, and nothing built in the repository."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import feature_collapse

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GALLERY = sorted((DOCS / "gallery").glob("*.py"))
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.md"))
sys.path.insert(0, str(DOCS / "_ext"))

from surface import STATED, SURFACE  # noqa: E402


def test_the_reference_has_every_name_of_the_face_and_no_other():
    assert sorted(SURFACE) == sorted(feature_collapse.__all__)


@pytest.mark.parametrize("name", sorted(SURFACE))
def test_a_name_of_the_reference_links_statements_and_tests_that_exist(name):
    links = SURFACE[name]
    assert links.rests_on and links.tests
    for test in links.tests:
        assert (ROOT / "tests" / test).is_file(), test
    for page in re.findall(r"\(\.\./([\w-]+\.md)#", " ".join(links.rests_on)):
        assert (DOCS / page).is_file(), page


@pytest.mark.parametrize("item", STATED)
def test_a_stated_item_is_one_of_the_paper_map(item):
    assert f"\n| {item}" in (DOCS / "paper-map.md").read_text(encoding="utf-8")


def test_the_gallery_has_at_least_twelve_examples():
    assert len(GALLERY) >= 12


@pytest.mark.parametrize("path", GALLERY, ids=lambda p: p.stem)
def test_an_example_has_at_most_forty_lines_a_title_and_a_picture(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    title, rule = (ast.get_docstring(ast.parse(text)) or "").splitlines()[:2]
    assert title and set(rule) == {"="} and len(rule) == len(title)
    assert "plt.show()" in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_has_a_kernel_and_cells_to_run(path):
    text = path.read_text(encoding="utf-8")
    assert "kernelspec:" in text.split("---")[1]
    assert text.count("```{code-cell}") >= 4


def test_nothing_that_is_built_is_in_the_repository():
    listed = subprocess.run(["git", "ls-files", "docs"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git repository")
    built = ("docs/_build/", "docs/auto_gallery/", "docs/reference/")
    assert [name for name in listed.stdout.split() if name.startswith(built) or name.endswith(".ipynb")] == []


def test_the_hosted_workflow_only_calls_the_projects_own():
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"run: (.*)", text) == [".ci/run"]


@pytest.mark.parametrize("target", ["there.md#a-heading", "there.md#nowhere", "nowhere.md"])
def test_a_link_to_no_page_or_anchor_fails_the_build(target, tmp_path):
    pytest.importorskip("myst_nb", reason="needs the extra docs")
    settings = "extensions = ['myst_nb']\nnitpicky = True\nmyst_heading_anchors = 3\nhtml_theme = 'basic'\n"
    (tmp_path / "conf.py").write_text(settings)
    (tmp_path / "index.md").write_text(f"# Here\n\n[a link]({target})\n\n```{{toctree}}\nthere\n```\n")
    (tmp_path / "there.md").write_text("# There\n\n## A heading\n")
    build = [sys.executable, "-m", "sphinx", "-W", "-q", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(build, capture_output=True, text=True, timeout=120)
    assert (done.returncode == 0) == (target == "there.md#a-heading"), done.stderr

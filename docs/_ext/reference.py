"""A page for each name of the stable surface, made from its docstring when the site is built.

The package's docstrings are plain text in Google's sections with formulas in Unicode. They are turned into
Markdown here, their `>>>` examples are run, and each page names its source, its theorem, its tests and the
examples that use it.
"""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from surface import STATED, SURFACE, Links

import feature_collapse

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
PAGES = DOCS / "reference"
SECTIONS = ("Args", "Attributes", "Raises", "Returns", "Yields")
EXAMPLE_FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def markdown(text: str) -> str:
    """Return a docstring as Markdown: sections as lists, formulas set apart, examples as sessions."""
    out: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.splitlines()
        head = lines[0].strip().rstrip(":")
        if lines[0].startswith(">>>"):
            out.append("```pycon\n" + block + "\n```")
        elif head in SECTIONS and lines[0].strip().endswith(":"):
            out.append(f"**{head}**\n\n" + "\n".join(_items(inspect.cleandoc("\n" + "\n".join(lines[1:])))))
        elif lines[0].startswith("    "):
            formula = "\\\n".join(_escaped(line.strip()) for line in lines)
            out.append(f":::{{container}} formula\n{formula}\n:::")
        else:
            out.append("\n".join(map(_escaped, lines)))
    return "\n\n".join(out)


def _escaped(line: str) -> str:
    """Return a line whose stars and underscores mean themselves; code in backticks is left alone."""
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(p if p.startswith("`") else re.sub(r"([*_<>|\[\]$])", r"\\\1", p) for p in parts)


def _items(text: str) -> Iterator[str]:
    """Yield a list item for each `name: meaning` of a section; deeper lines go on with it."""
    joined = re.sub(r"\n\s+", " ", text)
    for line in joined.splitlines():
        name, colon, meaning = line.partition(": ")
        if colon and re.fullmatch(r"[\w*`.]+", name):
            yield f"- `{name.strip('`')}`: {_escaped(meaning)}"
        else:
            yield f"- {_escaped(line)}"


def signature(item: Any) -> str:
    """Return the arguments and the result, without the quotes and shape strings that Sphinx cannot link."""
    try:
        found = inspect.signature(item)
    except (TypeError, ValueError):
        return "(message)"
    parameters = [
        p.replace(annotation=inspect.Parameter.empty, default=_default(p.default))
        for p in found.parameters.values()
        if p.name != "self"
    ]
    return str(found.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


class _Text(str):
    """A default that is printed as it reads."""

    __repr__ = str.__str__


def _default(value: Any) -> Any:
    """Return a default value that Sphinx can parse."""
    if value is inspect.Parameter.empty or isinstance(value, int | float | str | tuple | None):
        return value
    return _Text("...")


def members(item: Any) -> Iterator[tuple[str, str, str, Any]]:
    """Yield (directive, name, signature, object) of the documented public methods and properties."""
    for name, value in vars(item).items():
        if name.startswith("_"):
            continue
        inner = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        target = getattr(inner, "func", inner)  # cached_property
        if not inspect.getdoc(target) or not isinstance(target, FunctionType | property):
            continue
        if isinstance(inner, FunctionType):
            arguments = signature(inner).replace("(cls, ", "(").replace("(cls)", "()")
            yield "method", name, arguments, inner
        else:
            yield "property", name, "", target


def page(name: str) -> str:
    """Return the page of a name of the stable surface."""
    item = getattr(feature_collapse, name)
    links = SURFACE[name]
    kind = "class" if inspect.isclass(item) else "function"
    if kind == "class" and issubclass(item, Exception):
        kind = "exception"
    arguments = signature(item)
    text = [f"# {name}", f"`from feature_collapse import {name}`"]
    text.append(f"::::{{py:{kind}}} {name}{arguments}\n:module: feature_collapse\n")
    text.append(markdown(inspect.getdoc(item) or ""))
    if kind == "class":
        for directive, member, given, value in members(item):
            body = markdown(inspect.getdoc(value) or "")
            text.append(f":::{{py:{directive}}} {member}{given}\n{body}\n:::")
    text.append("::::")
    text.append(_footer(name, item, links))
    return "\n\n".join(text) + "\n"


def _footer(name: str, item: Any, links: Links) -> str:
    """Return where the name comes from, rests on, is tested, and is used."""
    written = inspect.unwrap(item)  # beneath its decorators
    home = Path(inspect.getsourcefile(written) or "").resolve().relative_to(ROOT)
    line = inspect.getsourcelines(written)[1]
    rows = [f"Source\n: `{home}`, line {line}"]
    rows.append("Rests on\n: " + "; ".join(links.rests_on))
    rows.append("Tests\n: " + ", ".join(f"`tests/{test}`" for test in links.tests))
    used = [f"{{doc}}`../auto_gallery/{path.stem}`" for path in examples_that_use(name)]
    if used:
        rows.append("In the gallery\n: " + ", ".join(used))
    return "\n\n".join(rows)


def examples_that_use(name: str) -> list[Path]:
    """Return the gallery's examples that call a name of the surface."""
    files = sorted((DOCS / "gallery").glob("*.py"))
    return [path for path in files if re.search(rf"\bfc\.{name}\b", path.read_text(encoding="utf-8"))]


def run_examples(name: str) -> int:
    """Run the `>>>` examples of a name and return how many there are.

    Raises:
        ExtensionError: there is none, or one of them prints something else.
    """
    item = getattr(feature_collapse, name)
    names = dict(vars(inspect.getmodule(item) or feature_collapse))
    count = 0
    runner = doctest.DocTestRunner(optionflags=EXAMPLE_FLAGS, verbose=False)
    for test in doctest.DocTestFinder(recurse=False).find(item, name, globs=names):
        count += len(test.examples)
        runner.run(test)
    if runner.failures or not count:
        raise ExtensionError(f"reference: {name} has {count} examples, {runner.failures} of which fail")
    return count


def write_pages(app: Sphinx) -> None:
    """Write the page of every name; a page that has not changed is left, so that it is not read again."""
    if set(SURFACE) != set(feature_collapse.__all__):
        raise ExtensionError(f"surface.py: {set(SURFACE) ^ set(feature_collapse.__all__)}")
    PAGES.mkdir(exist_ok=True)
    for name in feature_collapse.__all__:
        run_examples(name)
        path, text = PAGES / f"{name}.md", page(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def link_item(row: str) -> str:
    """Return a row of the paper map with its item linked to the statement, where there is one."""
    for item, anchor in STATED.items():
        if row.startswith(f"| {item}") and not row.removeprefix(f"| {item}")[:1].isalnum():
            first, rest = row[2:].split(" |", 1)
            return f"| [{first}](statements.md#{anchor}) |{rest}"
    return row


def link_names(app: Sphinx, docname: str, source: list[str]) -> None:
    """Link what leads out of docs/ to the site's pages, names in api.md to theirs, items to statements."""
    for name, inside in (("CHANGELOG", "changelog"), ("CONTRIBUTING", "contributing"), ("README", "index")):
        source[0] = source[0].replace(f"](../{name}.md", f"]({inside}.md")
    source[0] = re.sub(r"\]\(gallery/(\w+)\.py\)", r"](auto_gallery/\1.rst)", source[0])
    if docname == "paper-map":
        source[0] = "\n".join(map(link_item, source[0].splitlines()))
    if docname != "api":
        return
    linked = re.sub(r"(?m)^\| `(\w+)` \|", r"| [`\1`](reference/\1.md) |", source[0])
    pages = "\n".join(f"reference/{name}" for name in feature_collapse.__all__)
    source[0] = f"{linked}\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the two steps."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", link_names)
    return {"parallel_read_safe": True}

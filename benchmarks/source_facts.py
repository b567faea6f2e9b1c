"""How the files of the package hang together: imports, their order, circles.

`code_figures.py` prints these facts, `tests/test_architecture.py` judges them. The package is never imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from syntax_facts import UNREADABLE, Import, Module

# From the bottom to the top: a package may import those on the lines above its own.
ORDER = (
    ("errors",),
    ("boundary",),
    ("files", "arrays", "array_kinds", "blas"),
    ("keyed_tensors", "threads", "ranks"),
    ("task",),
    ("model",),
    ("metrics",),  # of the project, METRICS_STAND_ON alone
    ("risk",),
    ("certificates",),
    ("solver", "sgd", "theory"),
    ("experiments",),
    ("sweeps",),
    ("figures",),
    ("reports", "explorer"),
    ("cli",),
    ("__main__",),
    ("",),  # the face, feature_collapse/__init__.py
)
RANK = {package: rank for rank, packages in enumerate(ORDER) for package in packages}
METRICS_STAND_ON = ("errors", "boundary", "files", "arrays", "blas", "model.normalisers", "model.geometry")
METRICS_CARRY = ("figures", "reports", "explorer", "cli", "__main__", "")  # who may import metrics
# where the files of version 0.1 stand in the order
FORMER = {"networks": "model", "normalisers": "model", "training": "solver"}
HEAVY = frozenset(
    "bokeh dask distributed jinja2 matplotlib mpl_toolkits pandas polars pyarrow rich scipy tokenizers torch "
    "transformers typer wordfreq".split()
)
FACE = ""
SLOW_PARTS = frozenset(
    {"scipy.fft", "scipy.optimize", "scipy.special", "scipy.stats"}
)  # of a library whose other parts load fast


def heavy_part(target: str) -> str | None:
    """Return the part of an imported name that takes long to load, or None."""
    slow = next((part for part in sorted(SLOW_PARTS) if f"{target}.".startswith(f"{part}.")), None)
    first = target.partition(".")[0]
    return slow or (first if first in HEAVY else None)


class Source:
    """All modules of the one package that a folder holds, and what they import of each other."""

    def __init__(self, folder: Path) -> None:
        """Read every file below the package.

        Raises:
            ValueError: the folder holds no package, or several.
        """
        found = (
            [folder]
            if (folder / "__init__.py").is_file()
            else [p.parent for p in folder.glob("*/__init__.py")]
        )
        if len(found) != 1:
            raise ValueError(f"{folder} holds {len(found)} packages, but must hold one")
        root = found[0].resolve()
        self.root = root.name
        self.modules: dict[str, Module] = {}
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            self.modules[name] = Module(name, path, path.read_text(encoding="utf-8"), self.root)

    @cached_property
    def edges(self) -> dict[tuple[str, str], int]:
        """(importing, imported) file -> a line where it is written; late and typing imports count."""
        found: dict[tuple[str, str], int] = {}
        for name, module in self.modules.items():
            for imported in module.imports:
                target = self.file_of(module.own(imported))
                if target is not None and target != name:
                    found.setdefault((name, target), imported.line)
        return found

    def file_of(self, target: str | None) -> str | None:
        """The module that a relative dotted name is, or lies in; None where there is none."""
        if target is None or target in self.modules:
            return target
        holder, _, attribute = target.rpartition(".")
        if holder not in self.modules or (holder == FACE and attribute in self.modules[FACE].defined):
            return None  # what the face defines itself, its version, is there before any other module
        return holder

    def file_circles(self) -> list[list[str]]:
        """Groups of files that import each other, directly or through others."""
        return circles(self.edges)

    def package_circles(self) -> list[list[str]]:
        """Groups of packages that import each other, directly or through others."""
        pairs = {(self.package(a), self.package(b)) for a, b in self.edges}
        return circles({(a, b) for a, b in pairs if a != b})

    def upward(self) -> list[str]:
        """Imports against ORDER, a line each."""
        return [
            f"{self.where(a, line)} imports {b or self.root}"
            for (a, b), line in sorted(self.edges.items())
            if not _allowed(self.package(a), self.package(b), b)
        ]

    def hidden(self) -> list[str]:
        """Calls that import a module of the package, or one not to be read from the call, a line each."""
        return [
            f"{self.where(name, imported.line)} imports {imported.target} by a call"
            for name, module in self.modules.items()
            for imported in module.imports
            if imported.hidden
            and name != FACE  # which loads its names when they are asked for
            and (imported.target == UNREADABLE or module.own(imported) is not None)
        ]

    def late(self) -> tuple[list[str], list[str]]:
        """Import statements inside functions: those that keep start-up cheap, and all others, a line each.

        Cheap: what cli/ and the face load late, and what brings in a heavy module that the file has not
        loaded at its top.
        """
        kinds: tuple[dict[tuple[str, int], str], dict[tuple[str, int], str]] = ({}, {})
        for name, module in self.modules.items():
            for imported in module.imports:
                if imported.late:
                    saves = self._brings(module, imported) - self.heavy(name)
                    kind = kinds[0 if saves or self.package(name) in ("cli", FACE) else 1]
                    target = imported.target.removeprefix(f"{self.root}.")
                    kind.setdefault(
                        (name, imported.line), f"{self.where(name, imported.line)} imports {target}"
                    )
        return list(kinds[0].values()), [text for at, text in kinds[1].items() if at not in kinds[0]]

    def heavy(self, name: str) -> frozenset[str]:
        """The HEAVY modules that importing a file of the package loads, through other files too."""
        return frozenset().union(*(self._heavy_at_top[other] for other in self._loaded(name)))

    @cached_property
    def _heavy_at_top(self) -> dict[str, frozenset[str]]:
        return {
            name: frozenset(filter(None, (heavy_part(imported.target) for imported in _at_top(module))))
            for name, module in self.modules.items()
        }

    @cached_property
    def _loads(self) -> dict[str, set[str]]:
        """File -> the files that importing it loads next: those its top imports, its package's __init__."""
        loads = {}
        for name, module in self.modules.items():
            files = {self.file_of(module.own(imported)) for imported in _at_top(module)}
            loads[name] = {file for file in files if file is not None} | {name.rpartition(".")[0]}
        return loads

    def _loaded(self, name: str) -> set[str]:
        return _reached(name, self._loads) | {name}

    def _brings(self, module: Module, imported: Import) -> frozenset[str]:
        file = self.file_of(module.own(imported))
        if file is not None:
            return self.heavy(file)
        return frozenset(filter(None, (heavy_part(imported.target),)))

    def package(self, name: str) -> str:
        """The package, or lone file, at the top that a module lies in, by today's name."""
        first = name.partition(".")[0]
        return FORMER.get(first, first)

    def where(self, name: str, line: int) -> str:
        """`task/codes.py:12`."""
        module = self.modules[name]
        parents = len(name.split(".")) if module.path.name == "__init__.py" and name else name.count(".")
        return f"{'/'.join(module.path.parts[-1 - parents :])}:{line}"


def circles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The strongly connected groups of more than one node."""
    after: dict[str, set[str]] = {}
    for a, b in edges:
        after.setdefault(a, set()).add(b)
    reach = {node: _reached(node, after) for node in after}
    groups = {
        frozenset(b for b in found if a in reach.get(b, ())) for a, found in reach.items() if a in found
    }
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _reached(start: str, after: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = after.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found


def _allowed(above: str, below: str, file: str) -> bool:
    """Whether a file of package `above` may import `file`, of package `below`."""
    if above == below:
        return True
    if above not in RANK or below not in RANK:
        return False  # a package without a place in the order
    if above == "metrics":
        return file in METRICS_STAND_ON
    if below == "metrics":
        return above in METRICS_CARRY
    return RANK[below] < RANK[above]


def _at_top(module: Module) -> list[Import]:
    return [imported for imported in module.imports if not (imported.late or imported.typing)]

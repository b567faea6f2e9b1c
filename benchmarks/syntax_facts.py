"""What one file of the package says of itself, read as a syntax tree: its imports, functions and names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

UNREADABLE = "?"  # the target of a call that imports what cannot be read from it

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """A function or method: lines from its `def` to its end, parameters without self and cls."""

    name: str
    line: int
    lines: int
    parameters: int
    public: bool


@dataclass(frozen=True)
class Import:
    """One imported module or name.

    Attributes:
        target: dotted, in full.
        line: of the statement.
        late: inside a function.
        typing: under `if TYPE_CHECKING`.
        hidden: by a call of import_module or __import__.
    """

    target: str
    line: int
    late: bool = False
    typing: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Module:
    """One file; its name is relative: "task.codes", "task" for task/__init__.py, "" for the face."""

    name: str
    path: Path
    text: str
    root: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, str(self.path))

    @cached_property
    def functions(self) -> list[Function]:
        """Every function and method, nested ones too."""
        return list(_functions(self.tree.body, public=True))

    @cached_property
    def imports(self) -> list[Import]:
        """Every module or name imported, wherever the statement or call stands."""
        return list(_imports(self.tree, self, Import("", 0)))

    @cached_property
    def defined(self) -> set[str]:
        """The names that the module defines at its top level, imports apart."""
        return defined(self.tree.body)

    def own(self, imported: Import) -> str | None:
        """The target relative to the package, or None where it is not of the package."""
        root, _, rest = imported.target.partition(".")
        return rest if root == self.root else None


def _functions(body: Iterable[ast.AST], public: bool) -> Iterator[Function]:
    for node in body:
        if isinstance(node, _FUNCTION):
            args = node.args
            given = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
            count = sum(argument is not None and argument.arg not in ("self", "cls") for argument in given)
            shown = public and (not node.name.startswith("_") or node.name == "__init__")
            yield Function(node.name, node.lineno, (node.end_lineno or 0) - node.lineno + 1, count, shown)
            yield from _functions(ast.iter_child_nodes(node), False)
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, public and not node.name.startswith("_"))
        else:
            yield from _functions(ast.iter_child_nodes(node), public)


def defined(body: Iterable[ast.stmt]) -> set[str]:
    """The names that statements at a top level define, those under if and try too, imports apart."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, _FUNCTION | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            leaves = [leaf for target in targets for leaf in ast.walk(target)]
            names |= {
                leaf.id for leaf in leaves if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)
            }
        elif isinstance(node, ast.If | ast.Try):
            names |= defined(node.body) | defined(node.orelse)
    return names


def _imports(node: ast.AST, module: Module, state: Import) -> Iterator[Import]:
    """The imports below a node; `state` says whether it stands in a function or under TYPE_CHECKING."""

    def found(target: str, hidden: bool = False) -> Import:
        return Import(target, getattr(node, "lineno", 0), state.late, state.typing, hidden)

    if isinstance(node, ast.Import):
        yield from (found(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(module, node.module or "", node.level)
        own = base.partition(".")[0] == module.root
        if base == "importlib" and any(
            alias.name == "import_module" and alias.asname for alias in node.names
        ):
            yield found(UNREADABLE, hidden=True)  # under another name its calls would not be seen
        yield from (found(f"{base}.{alias.name}" if own else base) for alias in node.names)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
        "import_module",
        "__import__",
    ):
        given = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else UNREADABLE
        name = given if isinstance(given, str) else UNREADABLE
        yield found(_absolute(module, name.lstrip("."), len(name) - len(name.lstrip("."))), hidden=True)
    late = state.late or isinstance(node, _FUNCTION | ast.Lambda)
    typing = state.typing or (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"))
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, module, Import("", 0, late, typing))


def _absolute(module: Module, name: str, level: int) -> str:
    """The full dotted name of `level` dots and a name."""
    if level == 0:
        return name
    parts = [module.root, *filter(None, module.name.split("."))]
    up = level - 1 if module.path.name == "__init__.py" else level
    return ".".join(filter(None, (*parts[: len(parts) - up], name)))

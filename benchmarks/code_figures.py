"""Figures of the source: sizes, names, imports and their order, one column a folder.

    python benchmarks/code_figures.py [--list] [FOLDER ...]

FOLDER holds the package (without one: `src`); two folders show before and after. --list also names what
stands behind the counts of circles, upward, hidden and late imports.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import tokenize
from pathlib import Path

from source_facts import FACE, Source
from syntax_facts import Module

MOST_PARAMETERS = 6
_LABEL, _WIDTH = 44, 80
_NO_CODE = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="holds the package (src)")
    parser.add_argument("--list", action="store_true", help="name circles, upward, hidden and late imports")
    options = parser.parse_args()
    folders = options.folders or [Path(__file__).resolve().parent.parent / "src"]
    try:
        sources = [Source(folder) for folder in folders]
    except (OSError, ValueError, SyntaxError) as error:
        parser.error(str(error))
    columns = [figures(source) for source in sources]
    room = max(12, (_WIDTH - _LABEL) // len(columns))
    print(" " * _LABEL + "".join(f"{str(folder)[2 - room :]:>{room}}" for folder in folders))
    for name in columns[0]:
        print(f"{name:<{_LABEL}}" + "".join(f"{column[name]:>{room}}" for column in columns))
    for folder, source in zip(folders, sources, strict=True):
        if options.list:
            print(f"\n{folder}", *findings(source), sep="\n  ")


def figures(source: Source) -> dict[str, str]:
    """Name of a figure -> its value as the table shows it."""
    modules = list(source.modules.values())
    files = [len(module.text.splitlines()) for module in modules]
    functions = [function for module in modules for function in module.functions]
    lines = sorted(function.lines for function in functions)
    many = sum(function.parameters > MOST_PARAMETERS for function in functions)
    inner = [module for module in modules if module.name != FACE]
    cheap, others = source.late()
    return {
        "files": f"{len(files)}",
        "lines of a file: median, largest": f"{statistics.median(files):.0f}, {max(files)}",
        "functions and methods": f"{len(functions)}",
        "lines of a function: median, 95%, largest": f"{statistics.median(lines):.0f}, "
        f"{lines[int(0.95 * (len(lines) - 1))]}, {lines[-1]}",
        f"functions of over {MOST_PARAMETERS} parameters": f"{many} ({many / len(functions):.1%})",
        "public names at the top": f"{len(face_names(source.modules[FACE]))}",
        "public functions and classes elsewhere": f"{sum(_public(module, kinds=True) for module in inner)}",
        "public constants and types elsewhere": f"{sum(_public(module, kinds=False) for module in inner)}",
        "Any in annotations": f"{sum(_any(module) for module in modules)}",
        "indented imports": f"{sum(map(_indented, modules))}",
        "  in functions, for start-up": f"{len(cheap)}",
        "  in functions, others": f"{len(others)}",
        "imports by a call": f"{len(source.hidden())}",
        "circles of files (files in them)": _groups(source.file_circles()),
        "circles of packages (packages in them)": _groups(source.package_circles()),
        "upward imports": f"{len(source.upward())}",
        "lines of source": f"{sum(files)}",
        "  without blanks, comments and docstrings": f"{sum(code_lines(module) for module in modules)}",
        "longest line": f"{max(len(line) for module in modules for line in module.text.splitlines())}",
    }


def findings(source: Source) -> list[str]:
    """What stands behind the counts, a line each."""
    return [
        *(f"circle: {' <-> '.join(group)}" for group in source.file_circles() + source.package_circles()),
        *(f"upward: {text}" for text in source.upward()),
        *(f"hidden: {text}" for text in source.hidden()),
        *(f"late: {text}" for text in source.late()[1]),
    ]


def face_names(face: Module) -> list[str]:
    """The entries of the face's __all__, a list or tuple, or the keys of the dictionary it is made from."""
    values = {
        target.id: node.value
        for node in face.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    names: list[str] = []
    waiting: list[ast.AST] = [values["__all__"]] if "__all__" in values else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant):
            names.append(str(node.value))
        elif isinstance(node, ast.Name) and node.id in values:
            waiting.append(values.pop(node.id))
        else:
            waiting.extend(key for key in node.keys if key) if isinstance(node, ast.Dict) else waiting.extend(
                ast.iter_child_nodes(node)
            )
    return sorted({name for name in names if not name.startswith("__")})


def code_lines(module: Module) -> int:
    """The number of lines that hold code, docstrings apart."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type not in _NO_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node) is not None:
                lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def _public(module: Module, kinds: bool) -> int:
    """Public names that a module defines at its top: functions and classes, or (kinds=False) all others."""
    shapes = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    made = {node.name for node in module.tree.body if isinstance(node, shapes)}
    return sum(not name.startswith("_") for name in (made if kinds else module.defined - made))


def _any(module: Module) -> int:
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(module.tree))


def _indented(module: Module) -> int:
    found = [node for node in ast.walk(module.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return sum(node.col_offset > 0 for node in found)


def _groups(groups: list[list[str]]) -> str:
    return f"{len(groups)} ({sum(map(len, groups))})" if groups else "0"


if __name__ == "__main__":
    main()

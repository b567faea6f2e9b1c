"""Write the site's notebooks as executed .ipynb files into a folder: `make notebooks`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from nbclient import NotebookClient

SOURCES = Path(__file__).parents[1] / "notebooks"
EXTENSIONS = {"attrs_inline", "colon_fence", "dollarmath"}


def write(source: Path, folder: Path) -> Path:
    """Execute one notebook and write it.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell of it fails.
    """
    text = source.read_text(encoding="utf-8")
    book = read_myst_markdown_notebook(text, MdParserConfig(enable_extensions=EXTENSIONS))
    NotebookClient(book, timeout=240, kernel_name="python3").execute()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{source.stem}.ipynb"
    nbformat.write(book, target)
    return target


if __name__ == "__main__":
    for notebook in sorted(SOURCES.glob("*.md")):
        print(write(notebook, Path(sys.argv[1])))

"""Shapes and types of signatures are checked at run time under test; small tensors need one thread."""

import sys

import matplotlib
import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

matplotlib.use("Agg")
torch.set_num_threads(1)
settings.register_profile("project", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("project")

_HOOK = install_import_hook(
    [
        "feature_collapse.model.network",
        "feature_collapse.model.normalisers",
        "feature_collapse.figures.projection",
    ],
    "beartype.beartype",
)


@pytest.fixture
def command_line(monkeypatch, capsys, tmp_path):
    """Run the command line in an empty folder: exit code, stdout, stderr."""
    from feature_collapse.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["feature-collapse", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run

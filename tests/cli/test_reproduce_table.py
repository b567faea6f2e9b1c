"""`reproduce --full` fits into 80 columns, and no number breaks."""

import re
from dataclasses import dataclass

from feature_collapse.cli import reproduce


@dataclass
class Row:
    """A row of the comparison, as wide as the paper's experiments make it."""

    name: str
    ours: str

    def cells(self):
        return [self.name, self.ours, "100.00%", "95.39, 95.39"]


@dataclass
class Run:
    """What `reproduce` prints of a run."""

    title = "Figure 3, LayerNorm: h*, uniform words, 5 sentences per class"
    rows = (Row("singular values of W (of φ(W))", "346.4, 345.9, 12.85"), Row("risk", "0.08523"))

    def summary(self):
        return ["figure 3, LayerNorm", "0.08523", "0.1053", "type II, generalises", "100.00%"]


def test_every_line_of_the_full_tables_fits_and_every_number_is_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal
    reproduce._print([Run()], full=True)
    out = capsys.readouterr().out
    plain = [line for line in _without_colours(out).splitlines() if line.strip()]
    assert max(map(len, plain)) <= 80
    assert any("│ singular values of W (of φ(W)) │" in line for line in plain)  # control: it is a table
    for number in ("346.4", "345.9", "12.85", "95.39", "100.00%", "0.08523"):
        assert number in out


def _without_colours(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)

"""What the docs say of the third cure is what its results give."""

import sys
from pathlib import Path

from feature_collapse.sweeps.presets import preset
from feature_collapse.sweeps.tables import read_csv

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from third_cure import table  # noqa: E402


def test_the_table_at_the_papers_size_is_that_of_the_committed_results():
    shown = table(read_csv(preset("figure12").data))
    assert shown.count("\n") >= 4
    assert shown in (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")

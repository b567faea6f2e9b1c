"""The definitions page explains every value."""

from pathlib import Path

from feature_collapse.metrics.definitions import DEFINITIONS


def test_every_value_is_explained_in_the_docs():
    text = Path("docs/metrics.md").read_text(encoding="utf-8")
    for key in DEFINITIONS:
        assert f"| `{key}` |" in text, key

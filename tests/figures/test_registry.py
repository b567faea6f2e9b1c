"""One table says which file draws which figure; what the commands offer is what it holds."""

import re
from importlib.resources import files

from feature_collapse.experiments.presets import DERIVED, DIAGRAMS, EXPERIMENTS
from feature_collapse.figures import registry
from feature_collapse.sweeps.presets import PRESETS

TABLES = (registry.DIAGRAMS, registry.RECORD_FIGURES, registry.PATH_FIGURES, registry.SWEEP_FIGURES)


def test_every_figure_has_one_drawing():
    names = [name for table in TABLES for name in table]
    numbers = {int(re.sub(r"\D", "", name)) for name in names}
    assert numbers == set(range(1, 14))
    assert len(names) == len(set(names))


def test_what_the_commands_offer_can_be_drawn():
    assert set(DIAGRAMS) == set(registry.DIAGRAMS)
    assert {e.figure for e in EXPERIMENTS} | set(DERIVED) == set(registry.RECORD_FIGURES)
    assert set(PRESETS) == set(registry.SWEEP_FIGURES)


def test_a_drawing_is_named_for_its_file():
    folder = files("feature_collapse.figures")
    for table in (*TABLES, registry.RECORD_PICTURES):
        for draw in table.values():
            assert draw.__name__.startswith("draw_")
            stem = draw.__module__.rsplit(".", 1)[1]
            assert stem in registry.__doc__ or stem == "word_frequencies"
            assert folder.joinpath(f"{stem}.py").is_file()

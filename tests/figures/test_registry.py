"""One table says which file draws which figure; what the commands offer is what it holds."""

import re

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


def test_the_table_of_numbers_and_files_is_true():
    rows = re.findall(r"^(\d\S*(?:, \S+)?)  +(\w+)  ", registry.__doc__, re.M)
    expected = {}
    for numbers, stem in rows:
        for number in numbers.split(", "):
            expected |= dict.fromkeys(["4a", "4b", "4c"] if number == "4a-4c" else [number], stem)
    drawn = {name.removeprefix("figure"): draw for table in TABLES for name, draw in table.items()}
    assert {name: draw.__module__.rsplit(".", 1)[1] for name, draw in drawn.items()} == expected

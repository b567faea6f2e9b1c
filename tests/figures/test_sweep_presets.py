"""Figures 8-13 of data that lack something: one sentence that says what, no warning, no half picture."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from feature_collapse.errors import InputError
from feature_collapse.figures.registry import SWEEP_FIGURES
from feature_collapse.figures.style import render
from feature_collapse.sweeps.results import Results

MEASURED = {"test_accuracy": 0.8, "type_I": 0.5, "type_II": 0.4, "type_III": 0.3, "rank_W": 2, "risk": 1.1}
CERTIFIED = {"lower_bound": 1.0, "relative_gap": 1e-3}
LIMIT = {"K": 100, "L": 15, "limit_risk": 1.0, "theorem_risk": 1.1, "decay_exponent": 1.0}
NORMS = {"norm_W_mean": 1.4, "norm_W_std": 0.1}


def rows():
    """Runs that all six figures can be drawn from."""
    for network in ("h", "h*"):
        for seed in (0, 1):
            for n_spl in (2, 5):
                place = {
                    "network": network,
                    "seed": seed,
                    "n_spl": n_spl,
                    "exponent": 1.0,
                    "lambda": 1e-3,
                    "state": "done",
                }
                for group in ("grid", "paper", "certified", "normalised", "lazy", "paper-lazy"):
                    yield {
                        **place,
                        "group": group,
                        "state": "done",
                        "epochs": 10,
                        **MEASURED,
                        **NORMS,
                        **LIMIT,
                        "risk": 1.1 + seed,
                        **CERTIFIED,
                    }


def results(change=lambda row: row):
    changed = [row for row in map(change, rows()) if row is not None]
    return Results("r", {name: [row[name] for row in changed] for name in next(rows())})


FIGURES = list(SWEEP_FIGURES)
BROKEN = {
    "nothing finished": (lambda row: row | {"state": "failed"}, FIGURES, "have no finished run"),
    "only h": (
        lambda row: row if row["network"] == "h" else None,
        [*FIGURES[:3], *FIGURES[4:]],
        r"network = h\*",
    ),
    "a size in words": (
        lambda row: row | {"n_spl": "five"},
        FIGURES[:5],
        "n_spl = 'five', but must be a number",
    ),
    "no sentences": (
        lambda row: row | {"n_spl": 0},
        ["figure8", "figure9", "figure11", "figure12"],
        "n_spl = 0, but must be .* > 0",
    ),
    "no accuracy": (
        lambda row: row | {"test_accuracy": None},
        ["figure8", "figure10", "figure12"],
        "with a test_accuracy",
    ),
    "another exponent": (lambda row: row | {"exponent": 2.0}, ["figure8", "figure9"], r"exponent = 1\.0"),
    "no bound": (lambda row: row | {"lower_bound": None}, ["figure10"], "certified lower_bound"),
    "no training": (
        lambda row: row if row["group"] == "certified" else None,
        ["figure10"],
        "no finished run of SGD",
    ),
    "no decay exponent": (
        lambda row: row | {"decay_exponent": None},
        ["figure12"],
        "decay_exponent = None, but must be a number",
    ),
    "no minimum": (lambda row: row | {"limit_risk": 0.0}, ["figure13"], "limit_risk = 0, but must be .* > 0"),
    "another length": (lambda row: row | {"L": 10}, ["figure13"], "L = 15"),
    "a huge rank": (lambda row: row | {"rank_W": 1e308}, ["figure11"], "must be within"),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_whole_data_are_drawn(figure):
    assert render(SWEEP_FIGURES[figure](results()), "png", dpi=50)


@pytest.mark.parametrize(
    ("figure", "case"), [(f, case) for case, (_, figures, _) in BROKEN.items() for f in figures]
)
def test_what_is_missing_is_told(figure, case):
    change, _, told = BROKEN[case]
    with pytest.raises(InputError, match=told):
        SWEEP_FIGURES[figure](results(change))


def test_without_rows_nothing_is_finished():
    empty = Results("r", {name: [] for name in ("group", "state", "key")})
    for figure in FIGURES:
        with pytest.raises(InputError, match="have no finished run"):
            SWEEP_FIGURES[figure](empty)


def test_a_bar_of_an_accuracy_stays_below_one():
    drawn = SWEEP_FIGURES["figure8"](results(lambda row: row | {"test_accuracy": float(row["seed"])}))
    ends = [segment[:, 1] for lines in drawn.axes[2].collections for segment in lines.get_segments()]
    assert max(end.max() for end in ends) <= 1.0 and min(end.min() for end in ends) >= 0.0


def test_nothing_is_written_over_the_slices_of_ranks():
    drawn = SWEEP_FIGURES["figure11"](results(lambda row: row | {"rank_W": 2 + row["seed"]}))
    FigureCanvasAgg(drawn).draw()
    renderer = drawn.canvas.get_renderer()
    slices, (legend,) = drawn.axes[1], drawn.legends
    assert not slices.texts and slices.get_legend() is None
    assert not legend.get_window_extent(renderer).overlaps(slices.get_window_extent(renderer))
    assert "$n_c - 1$: collapse" in [text.get_text() for text in legend.get_texts()]


def test_the_longest_training_with_lazy_decay_is_drawn():
    def change(row):
        if row["group"] != "lazy":
            return row
        return row | {"epochs": 10 * (row["seed"] + 1), "test_accuracy": 0.25 * row["seed"]}

    lines = SWEEP_FIGURES["figure12"](results(change)).axes[1].get_lines()
    assert [set(line.get_ydata()) for line in lines if line.get_linestyle() == "None"][-1:] == [{0.25}]


def test_a_difference_of_the_theorem_is_written_on_its_field():
    drawn = SWEEP_FIGURES["figure13"](results(lambda row: row | {"theorem_risk": 0.98}))
    assert [text.get_text() for text in drawn.axes[0].texts] == ["-2%"]

"""`sweep plot FILE`: what is drawn is the sweep's, in its order and range; what cannot be is one sentence."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from feature_collapse.errors import InputError
from feature_collapse.figures.style import plain, render
from feature_collapse.figures.sweep_map import draw_map
from feature_collapse.figures.ticks import label, ordered, tick_labels
from feature_collapse.sweeps.results import Results, cells, grid_axes, read_results
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.store import Finished, open_store

BASE = {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 2}
SIZES = [{"label": "small", "d": 2}, {"label": "medium", "d": 3}, {"label": "large", "d": 4}]
RESULT = {"test_accuracy": 0.5, "risk": 1.0, "singular_values_W": [2.0, 1.0]}


@pytest.fixture
def make(tmp_path):
    """A sweep file whose runs are finished as told: `result` is a mapping, or a function of the run."""

    def make(axes, extra=(), result=RESULT, error=None, finish=True):
        sweep = Sweep.from_mapping({"name": "s", "base": BASE, "axes": axes, "extra": list(extra)})
        path = tmp_path / "s.sweep"
        path.unlink(missing_ok=True)
        with open_store(path, create=True) as store:
            store.set_sweep(sweep, sweep.runs())
            told = {run.key: result(run) if callable(result) else result for run in sweep.runs()}
            if finish:
                store.finish(
                    [Finished(key, error, 0.1, None if error else one, 1) for key, one in told.items()],
                    {},
                    "",
                )
        return path

    return make


@pytest.fixture
def draw(make):
    def draw(axes, value="test_accuracy", x=None, y=None, split=None, **options):
        with open_store(make(axes, **options)) as store:
            results, axes = read_results(store), grid_axes(store.sweep)
        figure = draw_map(results, axes, value, x=x, y=y, split=split)
        render(figure, "png", dpi=60)  # without a warning, which is an error here
        return figure

    return draw


@pytest.fixture
def plot(command_line):
    def plot(*arguments):
        code, out, err = command_line("sweep", "plot", *arguments)
        assert code == 0 or (code == 2 and err.count("\n") == 1), err
        return code, out + err

    return plot


def names(axis, side):
    return [text.get_text() for text in getattr(axis, f"get_{side}ticklabels")()]


def grid(figure, panel=0):
    return np.ma.filled(figure.axes[panel].collections[0].get_array(), np.nan)


def test_one_of_a_list_of_numbers_can_be_drawn(make, plot):
    assert plot(make({"d": [2, 3]}), "--value", "singular_values_W_1")[0] == 0


def test_a_misspelt_quantity_is_told_the_nearest(make, plot):
    code, told = plot(make({"d": [2, 3]}), "--value", "test_acuracy")
    assert code == 2
    assert "did you mean 'test_accuracy'" in told


@pytest.mark.parametrize("place", ["split", "y"])
def test_the_only_axis_elsewhere_than_on_x_is_refused(draw, place):
    with pytest.raises(InputError, match=f"{place} = 'n_spl' leaves no axis for x"):
        draw({"n_spl": [1, 2]}, **{place: "n_spl"})


@pytest.mark.parametrize("places", [("x", "y"), ("x", "split"), ("y", "split")])
def test_one_axis_in_two_places_is_refused(draw, places):
    with pytest.raises(InputError, match=f"{places[1]} = 'd', but {places[0]} is the same axis"):
        draw({"n_spl": [1, 2], "d": [2, 3]}, **dict.fromkeys(places, "d"))


@pytest.mark.parametrize("y", [None, "none"])
def test_runs_beside_the_grid_without_the_axis_have_a_place_of_their_own(draw, y):
    axis = draw(
        {"n_spl": [1, 2], "network": SIZES}, x="network", y=y, extra=[{"axes": {"n_spl": [1, 5]}}]
    ).axes[0]
    assert names(axis, "x") == ["small", "medium", "large", "none"]


def test_numbers_and_none_are_drawn_as_places(draw):
    axes = {"n_spl": [1, 2], "method": ["certified"], "time_limit": [5.0, 1.0]}
    extra = [{"axes": {"n_spl": [7]}, "base": {"method": "certified"}}]
    assert names(draw(axes, x="time_limit", extra=extra).axes[0], "x") == ["1", "5", "none"]


def test_an_axis_of_lists_is_drawn(draw):
    axes = {"n_spl": [1, 2], "frequencies": [[1.0, 1.0, 1.0, 1.0], [4.0, 2.0, 1.0, 1.0]]}
    figure = draw({**axes, "word_law": ["given"]}, x="frequencies", y="n_spl")
    assert names(figure.axes[0], "x") == ["1.0 1.0 1.0 1.0", "4.0 2.0 1.0 1.0"]


def test_labels_are_text_and_not_mathematics(draw):
    strange = [{"label": "a$b$^^", "d": 2}, {"label": r"\frac{", "d": 3}]
    figure = draw(
        {"n_spl": [1, 2], "exponent": [0.0, 1.0], "word_law": ["zipf"], "$x_$": strange}, split="$x_$"
    )
    assert figure.axes[0].get_title() == r"\$x_\$ = a\$b\$^^"
    draw({"n_spl": [1, 2], "$x_$": strange}, x="$x_$", y="none", split="n_spl")


@pytest.mark.parametrize(
    "places", [{"x": "network"}, {"split": "network"}, {"split": "network", "y": "none"}]
)
def test_long_labels_do_not_overprint_each_other(draw, places):
    long = [{"label": 150 * "x" + str(d) + 150 * "y", "d": d} for d in (2, 3, 4)]
    figure = draw({"n_spl": [1, 2], "exponent": [0.0, 1.0], "word_law": ["zipf"], "network": long}, **places)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for texts in ([axis.title for axis in figure.axes], *(axis.get_xticklabels() for axis in figure.axes)):
        boxes = [
            text.get_window_extent(renderer) for text in texts if text.get_text() and not text.get_rotation()
        ]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_letter_that_the_font_lacks_is_no_warning(draw):
    draw(
        {"n_spl": [1, 2], "network": [{"label": "小", "d": 2}, {"label": "a\nb", "d": 3}]},
        x="network",
        y="n_spl",
    )


def test_a_long_text_keeps_its_two_ends():
    assert plain("a" + 300 * "x" + "z", 5) == "ax…xz"
    assert plain("short", 5) == "short"


@pytest.mark.parametrize("y", [None, "none"])
def test_text_is_in_the_order_of_the_grid(draw, y):
    assert names(draw({"n_spl": [1, 2], "network": SIZES}, x="network", y=y).axes[0], "x") == [
        "small",
        "medium",
        "large",
    ]


def test_a_map_has_each_mean_on_its_own_field(draw):
    def accuracy(run):
        return {"test_accuracy": run.settings.d / 10 + run.settings.n_spl / 100}

    figure = draw({"n_spl": [1, 2], "network": SIZES}, x="network", y="n_spl", result=accuracy)
    np.testing.assert_allclose(grid(figure).reshape(2, 3), [[0.21, 0.31, 0.41], [0.22, 0.32, 0.42]])


def test_the_order_of_the_grid_does_not_depend_on_what_has_finished():
    assert ordered(["large", "small", None, "other"], ["small", "medium", "large"]) == [
        "small",
        "large",
        "other",
        None,
    ]
    assert ordered([3, 1, 2.5], [3, 1]) == [1, 2.5, 3]


@pytest.mark.parametrize("y", [None, "none"])
def test_more_than_twelve_panels_or_curves_are_refused(draw, y):
    axes = {"exponent": [1.0], "d": [2, 3], "n_spl": list(range(1, 14))}
    with pytest.raises(InputError, match=r"split = 'n_spl' has 13 values, but must be an axis of at most 12"):
        draw(axes, y=y, split="n_spl")
    draw({**axes, "n_spl": list(range(1, 13))}, y=y, split="n_spl")  # control


@pytest.mark.parametrize(("value", "top"), [("test_accuracy", 1.0), ("risk", 2.0)])
def test_a_band_stays_in_the_range_of_its_quantity(draw, value, top):
    figure = draw({"n_spl": [1, 2], "seeds": 2}, value, result=lambda run: {value: float(run.settings.seed)})
    heights = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.max() > top) == (value == "risk")  # control: the risk has no such range
    assert (heights.min() < 0) == (value == "risk")


def test_an_axis_of_integers_has_integer_ticks(draw):
    axis = draw({"d": [2, 3, 4]}).axes[0]
    assert all(float(tick).is_integer() for tick in axis.get_xticks())


def test_a_map_of_one_value_is_not_empty(draw):
    axis = draw({"n_spl": [3], "d": [4]}).axes[0]
    box = axis.collections[0].get_datalim(axis.transData)
    assert (box.width, box.height) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("error", "told"), [(None, "is finished yet$"), ("no memory", "is finished yet; 2 failed$")]
)
def test_a_sweep_without_a_finished_run_says_so(draw, error, told):
    with pytest.raises(InputError, match="no run of sweep 's' " + told):
        draw({"n_spl": [1, 2]}, error=error, finish=bool(error))


@pytest.mark.parametrize("name", ["nope.sweep", "no/where"])
def test_a_file_that_is_missing_is_told_as_such(plot, name):
    code, told = plot(name)
    assert code == 2
    assert f"{name}' does not exist" in told


def test_a_word_that_is_no_file_is_taken_for_a_preset(plot):
    assert "'figure7' is not one of figure8" in plot("figure7")[1]


@pytest.mark.parametrize("size", [1e308, -1e308])
def test_quantities_beyond_drawing_are_one_sentence(draw, size):
    with pytest.raises(InputError, match=r"risk = -?1e\+308 in sweep 's', but must be within ±1e\+150"):
        draw({"n_spl": [1, 2]}, "risk", result={"risk": size})


@pytest.mark.parametrize("y", [None, "none"])
@pytest.mark.parametrize("values", [[1, 2**31 - 1], [3, 4, 10**9]])
def test_an_axis_of_huge_integers_is_drawn(draw, y, values):
    draw({"n_test": values, "n_spl": [1, 2]}, x="n_test", y=y)


@pytest.mark.parametrize("y", [None, "none"])
@pytest.mark.parametrize("values", [[1e-3, 1e30], [1e-320, 1e-3], [1e-300, 1e30]])
def test_an_axis_over_the_range_of_floats_is_drawn(draw, y, values):
    draw({"learning_rate": values, "n_spl": [1, 2]}, x="learning_rate", y=y)


def test_an_integer_beyond_floats_as_a_quantity_is_one_sentence():
    with pytest.raises(InputError, match="beyond 1e308"):
        cells(Results("s", {"n_test": [10**400]}), (), "n_test")


def test_ticks_are_told_apart():
    assert tick_labels([0.12341, 0.12342]) == ["0.12341", "0.12342"]
    assert tick_labels([0.1234, 0.5]) == ["0.123", "0.5"]
    assert [label(x) for x in (1200, 10**30, True, None)] == ["1200", "1e+30", "true", "none"]

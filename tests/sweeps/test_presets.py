"""The committed results of figures 8-13 are those of the presets, and agree with the paper at its points."""

import math

import numpy as np
import pytest

from feature_collapse.figures.phase import crossing
from feature_collapse.figures.phase_symmetry import relative_difference
from feature_collapse.figures.registry import SWEEP_FIGURES
from feature_collapse.figures.style import render
from feature_collapse.sweeps.engine import serial
from feature_collapse.sweeps.presets import PRESETS, preset
from feature_collapse.sweeps.results import Results, cells
from feature_collapse.sweeps.tables import read_csv

FIGURES = list(PRESETS)
SWEEPS = ["figure8", "figure10", "figure11", "figure12", "figure13"]  # one for each sweep


def results(figure):
    return read_csv(preset(figure).data)


@pytest.mark.parametrize("figure", SWEEPS)
def test_committed_results_are_every_run_of_the_preset_and_no_other(figure):
    found, runs = results(figure), {run.key: run for run in preset(figure).read().runs()}
    assert set(found.column("key")) == set(runs)
    assert len(found) == len(runs)
    assert set(found.column("state")) == {"done"}
    for key, seed in zip(found.column("key"), found.column("seed"), strict=True):
        assert runs[key].settings.seed == seed


@pytest.mark.parametrize("figure", SWEEPS)
def test_every_point_has_at_least_five_seeds(figure):
    sweep = preset(figure).read()
    for block in sweep.blocks:
        assert next(len(axis) for axis in block.axes if axis.name == "seed") >= 5


@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_is_drawn_from_the_committed_results(figure):
    drawn = render(SWEEP_FIGURES[figure](results(figure)), "png", dpi=50)
    assert len(drawn) > 10_000


@pytest.mark.parametrize("figure", SWEEPS)
def test_the_quick_size_is_small(figure):
    assert preset(figure).read(quick=True).count <= 40


def test_the_map_agrees_with_the_papers_two_points():
    paper = results("figure8").where(group="paper")
    accuracy = cells(paper, ("network", "n_spl"), "test_accuracy")
    assert accuracy["h", 5].mean == pytest.approx(0.437, abs=0.03)  # 43.7 % in the notebook of figure 4b
    assert accuracy["h", 500].mean == pytest.approx(1.0, abs=0.005)  # 99.9-100 %, figure 4a
    assert accuracy["h*", 5].mean == pytest.approx(1.0, abs=0.005)  # 100 %, figure 4c
    assert accuracy["h*", 500].mean == pytest.approx(1.0, abs=0.005)
    three = cells(paper, ("network", "n_spl"), "type_III")
    assert three["h", 500].mean < 0.1 < 0.5 < three["h", 5].mean  # figure 4a collapses, figure 4b does not
    assert cells(paper, ("network", "n_spl"), "type_II")["h*", 5].mean < 0.25  # figure 4c


def test_h_fails_at_more_sentences_than_h_star_where_words_are_long_tailed():
    grid = results("figure8").where(group="grid", exponent=1.0)
    accuracy = cells(grid, ("network", "n_spl"), "test_accuracy")
    assert accuracy["h", 5].high < accuracy["h*", 5].low
    assert accuracy["h", 100].mean > 0.99  # control: with enough data h does not fail


@pytest.mark.parametrize("figure", ["figure8", "figure11"])
def test_the_certified_gap_is_met_in_nearly_every_run(figure):
    gaps = results(figure).numbers("relative_gap")
    wanted = {run.key: run.settings.gap for run in preset(figure).read().runs()}
    met = [gap <= wanted[key] for key, gap in zip(results(figure).column("key"), gaps, strict=True)]
    assert sum(met) >= 0.99 * len(met)


def test_sgd_is_never_below_the_certified_bound():
    found = results("figure10")
    bounds = cells(found.where(group="certified"), ("network", "n_spl", "seed"), "lower_bound")
    columns = zip(*(found.column(name) for name in ("network", "n_spl", "seed")), strict=True)
    for key, risk in zip(columns, found.numbers("risk"), strict=True):
        assert risk >= bounds[key].mean * (1 - 1e-6)  # float32 weights, float64 sums


def test_crossing_is_where_a_curve_stays_above():
    assert crossing({1: 0.0, 10: 1.0}, 0.5) == pytest.approx(math.sqrt(10))
    assert crossing({1: 1.0, 2: 0.0, 4: 1.0}, 1.0) == pytest.approx(4)
    assert crossing({1: 1.0, 2: 1.0}, 0.5) == 1
    assert math.isnan(crossing({1: 1.0, 2: 0.0}, 0.5))


def test_decay_in_proportion_to_frequency_cures_the_plain_network_at_the_papers_size():
    paper = results("figure12").where(group="paper")
    accuracy = {key[0]: cell for key, cell in cells(paper, ("network",), "test_accuracy").items()}
    assert accuracy["h, q = 0"].mean == pytest.approx(0.437, abs=0.03)  # control: the paper's decay fails
    assert min(accuracy["h, q = 1"].values) > 0.995
    assert min(accuracy["h*"].values) > 0.995
    norms, residual = (
        {key[0]: cell.mean for key, cell in cells(paper, ("network",), name).items()}
        for name in ("norm_W_mean", "type_I")
    )
    assert norms["h, q = 1"] == pytest.approx(1.42214, abs=0.01)  # theorem 1
    assert residual["h, q = 1"] < 0.15 < 0.7 < residual["h, q = 0"]


def test_the_cure_holds_on_the_map_and_a_decay_too_steep_is_none():
    found = results("figure12")
    accuracy = cells(found.where(group="grid"), ("decay_exponent", "n_spl"), "test_accuracy")
    assert accuracy[0.0, 5].high < accuracy[1.0, 5].low
    assert accuracy[1.0, 5].mean > 0.99
    lazy = found.where(group="lazy")
    trained = cells(lazy, ("epochs",), "test_accuracy")
    assert trained[max(trained)].low > accuracy[0.0, 5].high


def test_figure_13_has_the_certified_minima_of_the_papers_latents():
    paper = results("figure13").where(group="paper", seed=0)
    for network, minimum, theorem in (("h", 2.941039, 2.956125), ("h*", 0.0853316, 0.0920594)):
        run = paper.where(network=network)
        assert run.numbers("limit_risk")[0] == pytest.approx(minimum, rel=2e-6)
        assert run.numbers("theorem_risk")[0] == pytest.approx(theorem, rel=1e-6)


def test_the_bound_of_every_minimum_of_figure_13_is_proved_to_a_millionth():
    found = results("figure13")
    risk, bound = found.numbers("limit_risk"), found.numbers("limit_lower_bound")
    assert ((bound <= risk) & (risk - bound <= 1e-6 * risk)).all()


def test_the_idealised_theory_is_nearer_with_more_classes_where_latents_do_not_repeat():
    found = results("figure13").where(group="grid", L=15)
    for network in ("h", "h*"):
        off = cells(found.where(network=network), ("K",), relative_difference)
        medians = [np.median(off[K,].values) for K in (10, 30, 100, 300)]
        assert medians == sorted(medians, reverse=True) and medians[-1] > 0
    repeated = results("figure13").where(group="grid", L=5, K=300)  # 300 of 243 latents: control
    assert (relative_difference(repeated) < 0).all()


@pytest.mark.parametrize("figure", ["figure12", "figure13"])
def test_the_quick_size_has_every_group_that_the_figure_needs(figure):
    finished = [
        (run, end)
        for run, (_, end) in zip(
            preset(figure).read(quick=True).runs(), serial(preset(figure).read(quick=True)), strict=True
        )
    ]
    rows = [run.axes | {"group": run.group, "state": "done"} | end.result for run, end in finished]
    rows = [run.settings.to_mapping() | row for (run, _), row in zip(finished, rows, strict=True)]
    names = dict.fromkeys(name for row in rows for name in row)
    drawn = Results("quick", {name: [row.get(name) for row in rows] for name in names})
    assert len(render(SWEEP_FIGURES[figure](drawn), "png", dpi=50)) > 10_000

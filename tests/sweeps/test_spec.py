"""What a sweep file means, and what is wrong with one, said before anything runs."""

import pytest

from feature_collapse.errors import InputError
from feature_collapse.experiments.summary import SHOWN
from feature_collapse.model import normalisers
from feature_collapse.sweeps.engine import run_sweep, serial
from feature_collapse.sweeps.quantities import LISTS, LONGEST, NUMBERS
from feature_collapse.sweeps.spec import Sweep, check_size, read_sweep

BASE = {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 2}


def sweep(**parts):
    return Sweep.from_mapping({"name": "s", "base": BASE, **parts})


def test_every_combination_of_the_axes_is_one_run_with_its_own_key():
    runs = list(sweep(axes={"n_spl": [1, 2], "exponent": [0.5, 1.0], "seeds": 3}).runs())
    assert len(runs) == len({run.key for run in runs}) == 12
    assert runs[1].axes == {"n_spl": 1, "exponent": 0.5, "seed": 1}
    assert runs[-1].settings.n_spl == 2


@pytest.mark.parametrize(
    ("axis", "value", "expected"),
    [
        ("exponent", {"from": 0.0, "to": 2.0, "points": 5}, [0.0, 0.5, 1.0, 1.5, 2.0]),
        ("lambda", {"from": 1e-4, "to": 1e-2, "points": 3, "scale": "log"}, [1e-4, 1e-3, 1e-2]),
        ("n_spl", {"from": 1, "to": 8, "points": 7, "scale": "log"}, [1, 2, 3, 4, 6, 8]),
        ("exponent", {"from": 1.0, "to": 1.0, "points": 1}, [1.0]),
        ("seeds", 3, [0, 1, 2]),
    ],
)
def test_ranges_are_spaced_evenly_on_their_scale(axis, value, expected):
    (block,) = sweep(axes={axis: value}).blocks
    assert list(block.axes[0].labels) == expected


def test_settings_that_move_together_are_shown_by_their_label():
    networks = [{"label": "h"}, {"label": "h*", "normaliser": "layernorm", "eps": 1e-5}]
    first, second = sweep(axes={"network": networks}).runs()
    assert (first.axes, second.axes) == ({"network": "h"}, {"network": "h*"})
    assert (first.settings.normaliser, second.settings.eps) == ("none", 1e-5)


def test_combinations_with_the_same_settings_are_run_once():
    certified = sweep(axes={"epochs": [1, 2, 3], "method": ["certified"]})  # the solver has no epochs
    assert certified.count == 3
    assert len(list(certified.runs())) == 1


def test_extra_blocks_have_their_own_base_and_axes():
    runs = list(
        sweep(
            axes={"seeds": 2}, extra=[{"group": "paper", "base": {"K": 7}, "axes": {"n_spl": [1, 5]}}]
        ).runs()
    )
    assert [run.group for run in runs] == ["grid", "grid", "paper", "paper"]
    assert {run.settings.K for run in runs if run.group == "paper"} == {7}
    assert all(run.settings.n_w == 12 for run in runs)


def test_quick_replaces_base_and_axes_and_drops_what_is_beside_the_grid(tmp_path):
    path = tmp_path / "q.toml"
    path.write_text(
        "[base]\nn_w = 120\nK = 6\n[axes]\nn_spl = [1, 2]\nseeds = 5\n[[extra]]\naxes = { seeds = 2 }\n"
        "[quick]\nbase = { n_w = 12 }\naxes = { seeds = 1 }\n"
    )
    assert read_sweep(path).count == 12
    quick = read_sweep(path, quick=True)
    assert (quick.name, quick.count, next(quick.runs()).settings.n_w) == ("q", 2, 12)


WRONG = [
    ({"axes": {"n_sp": [1]}}, "did you mean 'n_spl'"),
    ({"axes": {"seed s": 3}}, "is not a setting"),
    ({"axes": {"n_spl": []}}, "grid is empty"),
    ({"axes": {"seeds": 0}}, "an integer from 1"),
    ({"axes": {"exponent": {"from": 0, "to": 1, "points": 0}}}, "grid is empty"),
    ({"axes": {"exponent": {"from": 0, "to": 1, "pionts": 3}}}, "did you mean 'points'"),
    ({"axes": {"exponent": {"from": 0, "to": 1}}}, "lacks 'points'"),
    ({"axes": {"lambda": {"from": 0, "to": 1, "points": 3, "scale": "log"}}}, "must be a number > 0"),
    ({"axes": {"lambda": {"from": 1, "to": 2, "points": 3, "scale": "lag"}}}, "did you mean 'log'"),
    ({"axes": {"normaliser": {"from": 0, "to": 1, "points": 2}}}, "no number"),
    ({"axes": {"n_spl": 3}}, "must be a list"),
    ({"axes": {"network": [{"label": "h", "normalizer": "none"}]}}, "did you mean 'normaliser'"),
    ({"axes": {"network": [{"normaliser": "none"}]}}, "text `label`"),
    ({"axes": {"network": [{"label": "a"}, {"label": "a"}]}}, "must be different"),
    ({"axes": {"n_spl": [{"label": "a"}]}}, "must not be tables"),
    ({"axes": {"seeds": 2, "seed": [1]}}, "both set seed"),
    ({"base": {"n_words": 12}}, "unknown key 'n_words' in base"),
    ({"bas": {}}, "did you mean 'base'"),
    ({"record": {"quantity": []}}, "did you mean 'quantities'"),
    ({"record": {"folders": 1}}, "true or false"),
    ({"record": {"quantities": "risk"}}, "list of names"),
    ({"extra": {"axes": {}}}, "[[extra]]"),
    ({"extra": [{"grup": "x"}]}, "did you mean 'group'"),
    ({"name": "a/b"}, "name = 'a/b'"),
    ({"axes": [1]}, "must be a table"),
    ({"axes": {"exponent": {"from": 1, "to": 3, "points": 1}}}, "points = 1, but from = 1 and to = 3"),
    ({"axes": {"exponent": {"from": 1, "to": 1, "points": 3}}}, "not all different"),
    ({"axes": {"n_spl": {"from": 1, "to": 3, "points": 7}}}, "only 3 whole numbers"),
    ({"axes": {"n_spl": {"from": 1, "to": 1e300, "points": 3}}}, "to = 1e+300"),
    ({"axes": {"exponent": {"from": -1e308, "to": 1.7e308, "points": 3}}}, "too far apart"),
    ({"axes": {"group": [{"label": "a"}]}}, "name of a column of the results"),
    ({"axes": {"none": [{"label": "a"}]}}, "name of a column of the results"),
    ({"axes": {"test_accuracy": [{"label": "a"}]}}, "name of a column of the results"),
    ({"axes": {"singular_values_W_1": [{"label": "a"}]}}, "name of a column of the results"),
    ({"record": {"quantities": ["test_acuracy"]}}, "did you mean 'test_accuracy'"),
    ({"record": {"quantities": ["singular_values_W_0"]}}, "unknown name 'singular_values_W_0'"),
    ({"record": {"quantities": ["run_seconds"]}}, "is kept of every run"),
    ({"title": 3}, "title = 3, but must be text"),
    ({"quick": {"axis": {}}}, "did you mean 'axes'"),
    ({"quick": {"base": {"n_w": -3}}}, "n_w = -3"),
]


@pytest.mark.parametrize(("parts", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_sweep_is_refused_with_what_is_wrong(parts, message):
    with pytest.raises(InputError) as error:
        sweep(**parts)
    assert message in str(error.value)


def test_a_combination_that_does_not_fit_is_named():
    wrong = sweep(axes={"n_w": [12, 13], "n_spl": [1]})
    with pytest.raises(InputError, match="n_w = 13, but must be a multiple of n_c = 3"):
        list(wrong.runs())


def test_a_quick_size_that_is_not_given_is_one_sentence(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("[base]\nn_w = 12\n")
    with pytest.raises(InputError, match=r"no table \[quick\]"):
        read_sweep(path, quick=True)


def test_more_than_ten_thousand_runs_must_be_confirmed():
    large = sweep(axes={"seeds": 2001, "n_spl": [1, 2, 3, 4, 5]})
    with pytest.raises(InputError, match=r"10,005 runs \(2001 seed × 5 n_spl\).*--yes"):
        check_size(large, confirmed=False)
    check_size(large, confirmed=True)
    check_size(sweep(axes={"seeds": 10_000}), confirmed=False)


def test_an_entry_of_a_list_keeps_the_list_once():
    names = ["risk", "singular_values_W_1", "singular_values_W_3"]
    assert sweep(record={"quantities": names}).quantities == ("risk", "singular_values_W")


def test_every_name_that_a_run_gives_is_known_and_none_is_known_in_vain():
    networks = [{"label": "h"}, {"label": "h*", "normaliser": "layernorm"}]
    runs = sweep(axes={"method": ["sgd", "certified"], "network": networks})
    results = [one.result for _, one in serial(runs)]
    assert {name for result in results for name in result} == {*NUMBERS, *LISTS}
    assert {name for result in results for name, value in result.items() if isinstance(value, list)} == set(
        LISTS
    )
    assert LONGEST == SHOWN


@pytest.mark.parametrize(
    "name", ["n_w", "K", "L", "n_spl", "n_test", "d", "epochs", "batch_size", "test_every"]
)
@pytest.mark.parametrize("value", [2**31, 10**200, 10**400])
def test_a_size_beyond_every_machine_is_refused_before_anything_is_made(name, value, tmp_path):
    with pytest.raises(InputError, match=f"{name} .*, but must be an integer from"):
        run_sweep(sweep(axes={name: [value]}), tmp_path / "s.sweep")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["x = " + "9" * 5000, "x = " + "[" * 3000, "x ="], ids=["digits", "nested", "nothing"]
)
def test_a_file_that_cannot_be_parsed_is_one_sentence(tmp_path, text):
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"is not TOML|nested too deeply"):
        read_sweep(path)


def test_planning_a_run_of_a_normaliser_of_ours_searches_no_installed_packages(monkeypatch):
    def search(group):
        raise AssertionError("that takes milliseconds for each run")

    runs = sweep(axes={"normaliser": ["none", "layernorm"], "seeds": 3})
    monkeypatch.setattr(normalisers, "entry_points", search)
    assert len(list(runs.runs())) == 6

"""Sharing data, going on from one another, and starting from a neighbour do not change what a run gives."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.limit import limit
from feature_collapse.experiments.settings import Settings
from feature_collapse.sweeps.engine import serial
from feature_collapse.sweeps.messages import Batch, Planned
from feature_collapse.sweeps.plan import units
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.worker import WrongVersions, run_batch, versions

from .conftest import ENVIRONMENT

BASE = {"n_w": 24, "K": 10, "L": 4, "d": 6, "batch_size": 7, "word_law": "zipf"}


def together(sweep):
    made = units(Planned(run.key, run.settings) for run in sweep.runs())
    batch = Batch(tuple(unit.runs for unit in made), sweep.quantities, None, versions())
    return {one.key: one for unit in run_batch(batch).units for one in unit}


def result(one):
    assert one.error is None
    return {name: value for name, value in one.result.items() if name != "seconds"}


def test_shared_data_and_continued_training_give_the_same_numbers_bit_by_bit():
    axes = {
        "n_spl": [5, 1, 3],
        "epochs": [6, 2, 4],
        "network": [{"label": "h"}, {"label": "h*", "normaliser": "layernorm"}],
    }
    sweep = Sweep.from_mapping({"name": "s", "base": BASE, "axes": axes})
    joined, alone = together(sweep), dict(serial(sweep))
    assert len(joined) == 18
    assert {key: result(one) for key, one in joined.items()} == {
        key: result(one) for key, one in alone.items()
    }
    accuracies = {result(one)["train_ce"] for one in alone.values()}
    assert len(accuracies) == 18  # control: the runs do differ


def test_training_that_goes_on_needs_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    sweep = Sweep.from_mapping({"name": "s", "base": BASE, "axes": {"epochs": [6, 2, 4]}})
    ends = together(sweep)
    assert [result(one)["train_ce"] > 0 for one in ends.values()] == [True] * 3


def test_a_killed_worker_leaves_nothing_in_the_temporary_folder(tmp_path):
    code = (
        "import os, signal\n"
        "from feature_collapse.sgd import train\n"
        "import feature_collapse.sweeps.worker as worker\n"
        "worker.read_checkpoint = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from feature_collapse.sweeps.engine import serial\n"
        "from feature_collapse.sweeps.messages import Batch, Planned\n"
        "from feature_collapse.sweeps.plan import units\n"
        "from feature_collapse.sweeps.spec import Sweep\n"
        f"sweep = Sweep.from_mapping({{'name': 's', 'base': {BASE}, 'axes': {{'epochs': [6, 2, 4]}}}})\n"
        "made = units(Planned(run.key, run.settings) for run in sweep.runs())\n"
        "worker.run_batch(Batch(tuple(unit.runs for unit in made), (), None, worker.versions()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT | {"TMPDIR": str(tmp_path)})
    assert done.returncode == -signal.SIGKILL  # control: between two runs of a chain
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("normaliser", ["none", "layernorm"])
def test_certified_runs_that_share_a_batch_reach_the_same_minimum(normaliser):
    gap = 1e-4
    sweep = Sweep.from_mapping(
        {
            "name": "s",
            "base": {**BASE, "method": "certified", "gap": gap, "normaliser": normaliser},
            "axes": {"lambda": [3e-3, 1e-2, 3e-2], "n_spl": [3, 5]},
        }
    )
    joined, alone = together(sweep), dict(serial(sweep))
    for key, one in joined.items():
        shared, single = result(one), result(alone[key])
        assert shared["relative_gap"] <= gap
        assert shared["lower_bound"] <= single["risk"] + 1e-9
        assert single["risk"] == pytest.approx(shared["risk"], rel=2 * gap)
        assert shared["test_accuracy"] == pytest.approx(single["test_accuracy"], abs=0.05)
    differ = [result(one) != result(alone[key]) for key, one in joined.items()]
    assert any(differ) == (normaliser == "none")  # the plain network alone starts from its neighbour


def test_many_sentences_of_few_classes_are_solved_after_a_part_of_them():
    base = {"n_w": 60, "K": 40, "L": 5, "d": 10, "word_law": "zipf", "method": "certified", "gap": 1e-4}
    sweep = Sweep.from_mapping({"name": "s", "base": base | {"n_spl": 100, "lambda": 0.01}})
    (one,) = dict(serial(sweep)).values()
    assert result(one)["relative_gap"] <= 1e-4


def test_a_run_that_fails_leaves_its_error_and_the_others_go_on():
    base = {**BASE, "epochs": 3, "init_scale": 1.0}
    sweep = Sweep.from_mapping({"name": "s", "base": base, "axes": {"learning_rate": [0.1, 1e30]}})
    good, bad = together(sweep).values()
    if good.error:
        good, bad = bad, good
    assert good.error is None
    assert "RunStopped: the loss became" in bad.error
    assert bad.result is None


def test_only_the_wanted_quantities_are_kept():
    sweep = Sweep.from_mapping(
        {"name": "s", "base": BASE | {"epochs": 1}, "record": {"quantities": ["risk", "type_I"]}}
    )
    (one,) = together(sweep).values()
    assert list(one.result) == ["risk", "type_I"]


def test_types_are_those_of_the_network():
    axes = {"normaliser": ["none", "layernorm"]}
    sweep = Sweep.from_mapping({"name": "s", "base": BASE | {"epochs": 1}, "axes": axes})
    plain, normalised = (result(one) for one in dict(serial(sweep)).values())
    assert ("type_II" in plain, "type_II" in normalised) == (False, True)
    assert 0 <= plain["type_III"] <= plain["type_I"] <= 1


def test_other_versions_are_refused_before_any_work():
    settings = Settings.from_mapping(BASE)
    unit = (Planned(Experiment.of(settings).key, settings),)
    with pytest.raises(WrongVersions, match=r"torch .* instead of 1\.0"):
        run_batch(Batch((unit,), (), None, replace(versions(), torch="1.0")))


def test_the_minimum_of_the_true_risk_is_kept_where_it_is_named():
    names = ["limit_risk", "limit_lower_bound", "theorem_risk"]
    base = BASE | {"epochs": 1, "word_law": "uniform"}
    (one,) = together(
        Sweep.from_mapping({"name": "s", "base": base, "record": {"quantities": names}})
    ).values()
    found = limit(Experiment.of(Settings.from_mapping(base)).task, Settings.from_mapping(base))
    assert one.result == dict(zip(names, (found.risk, found.lower_bound, found.prediction.risk), strict=True))


def test_where_the_minimum_has_no_reduction_its_quantities_are_empty():
    base = BASE | {"epochs": 1, "word_law": "zipf", "exponent": 1.0}
    record = {"quantities": ["limit_risk", "risk"]}
    (one,) = together(Sweep.from_mapping({"name": "s", "base": base, "record": record})).values()
    assert one.result["limit_risk"] is None and one.result["risk"] > 0

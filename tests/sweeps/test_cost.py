"""What a sweep will cost is measured before it starts: two runs of each kind stand for the others."""

import pytest

from feature_collapse.sweeps import cost, engine
from feature_collapse.sweeps.messages import Planned
from feature_collapse.sweeps.options import SweepOptions
from feature_collapse.sweeps.plan import units, work
from feature_collapse.sweeps.spec import Sweep

BASE = {"n_w": 24, "K": 10, "L": 4, "d": 6}
AXES = {"epochs": [10, 20], "n_spl": [1, 5], "seeds": 3}
SWEEP = Sweep.from_mapping({"name": "s", "base": BASE, "axes": AXES})
TODO = units(Planned(run.key, run.settings) for run in SWEEP.runs())


def test_the_sum_is_that_of_the_units_where_time_goes_with_work(monkeypatch):
    asked = []

    def seconds(experiment):
        asked.append(experiment.settings)
        return 3.0 + work(experiment.settings) / 1e4

    monkeypatch.setattr(cost, "seconds_of", seconds)
    wanted = sum(3.0 + unit.work / 1e4 for unit in TODO)
    assert cost.seconds_of_units(TODO) == pytest.approx(wanted)
    assert [settings.n_spl for settings in asked] == [1, 5]  # not every unit was measured
    assert {settings.epochs for settings in asked} == {20}  # those with fewer epochs are on its way


@pytest.mark.parametrize(
    ("seconds", "options", "line"),
    [
        (7200.0, SweepOptions(workers=2), "12 runs to do: about 60 min with 2 workers"),
        (7200.0, SweepOptions(scheduler="tcp://127.0.0.1:8786"), "about 2.0 h of one core"),
        (100.0, SweepOptions(workers=2), None),
    ],
)
def test_a_long_sweep_is_announced_and_a_short_one_is_not(monkeypatch, seconds, options, line):
    monkeypatch.setattr(engine, "seconds_of_units", lambda todo: seconds)
    told = []
    engine._announce(TODO, options, told.append)
    assert len(told) == (line is not None)
    assert line is None or line in told[0]

"""What runs together, in which order, and how much at a time."""

from itertools import pairwise

from feature_collapse.sweeps.messages import Planned
from feature_collapse.sweeps.plan import TARGET, Planner, units
from feature_collapse.sweeps.spec import Sweep

BASE = {"n_w": 12, "K": 6, "L": 3, "d": 4}


def todo(**axes):
    sweep = Sweep.from_mapping({"name": "s", "base": BASE, "axes": axes})
    return [Planned(run.key, run.settings) for run in sweep.runs()]


def test_runs_of_sgd_that_differ_in_epochs_are_one_unit_in_their_order():
    made = units(todo(epochs=[9, 3, 6], n_spl=[1, 2]))
    assert [len(unit.keys) for unit in made] == [3, 3]
    assert [run.settings.epochs for run in made[0].runs] == [3, 6, 9]
    assert len(units(todo(epochs=[9, 3, 6], n_spl=[1, 2]), chains=False)) == 6


def test_runs_that_share_data_are_neighbours_and_the_dearest_come_first():
    made = units(todo(seeds=3, n_spl=[1, 5], K=[6, 7]))
    names = [unit.data for unit in made]
    assert sum(a != b for a, b in pairwise(names)) == 5  # six tasks, each in one piece
    assert made[0].runs[0].settings.K == 7
    assert made[0].runs[0].settings.n_spl == 5


def test_every_unit_is_handed_out_exactly_once():
    made = units(todo(seeds=50, n_spl=[1, 2]))
    planner, taken = Planner(made), []
    while len(planner):
        batch = planner.batch(2)
        for unit in batch:
            planner.measured(unit, 0.01)
        taken += [key for unit in batch for key in unit.keys]
    assert sorted(taken) == sorted(key for unit in made for key in unit.keys)


def test_batches_grow_to_the_target_once_the_speed_is_known_and_shrink_at_the_end():
    made = units(todo(seeds=1000))
    planner = Planner(made)
    (first,) = planner.batch(2)
    planner.measured(first, 0.01)
    assert abs(len(planner.batch(2)) - TARGET / 0.01) <= 1
    while len(planner) > 40:
        planner.batch(2)
    assert len(planner.batch(2)) <= 10


def test_runs_longer_than_the_target_go_alone():
    planner = Planner(units(todo(seeds=100)))
    planner.measured(planner.batch(2)[0], 10.0)
    assert len(planner.batch(2)) == 1


def test_what_comes_back_is_handed_out_next_and_alone():
    made = units(todo(seeds=40))
    planner = Planner(made)
    planner.measured(planner.batch(2)[0], 0.01)
    batch = planner.batch(2)
    assert len(batch) > 2
    planner.again(batch)
    assert [len(planner.batch(2)) for _ in batch] == [1] * len(batch)

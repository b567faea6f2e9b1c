"""The minimum of the true risk as the command prints it, and the excess of a record's weights above it."""

import dataclasses
import json

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.experiments import limit as limits
from feature_collapse.experiments import limit_by_solver
from feature_collapse.experiments.excess import excess
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.limit import beside, limit
from feature_collapse.experiments.limit_value import Effort, result_of
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, frequencies, latents
from feature_collapse.theory import theorem2
from setting import random_weights

SMALL = Settings(n_c=3, n_w=6, L=3, K=8, d=6, n_spl=4, lambda_=0.01, method="certified")
TASK = Task.of(latents.random(3, 3, 8, np.random.default_rng(0)), frequencies.zipf(2), 3)
KEYS = {"risk", "lower_bound", "result", "scope", "theorem_risk", "excess", "excess_low", "excess_high"}


@pytest.mark.parametrize(
    ("changes", "law", "result"),
    [
        ({}, frequencies.uniform, "R6"),
        ({"normaliser": "layernorm"}, frequencies.zipf, "R7"),
        ({"decay_exponent": 1.0}, frequencies.zipf, "R8"),
        ({}, frequencies.zipf, "R9"),
        ({"decay_exponent": 2.0}, frequencies.zipf, "R9"),
    ],
)
def test_the_result_is_named_by_words_normaliser_and_decay(changes, law, result):
    task = Task.of(TASK.latents, law(2), 3)
    assert result_of(task, SMALL.replace(**changes)) == result
    if result != "R9":
        found = limit(task, SMALL.replace(**changes))
        assert found.scope == "proved"
        assert 0 <= found.risk - found.lower_bound <= 1e-6 * found.risk
        a = np.tile(2 * task.mu, 3) if result == "R8" else None
        assert abs(enumerate_risk(found.weights, task, 0.01, a).risk - found.risk) < 1e-9


def test_the_idealised_theorem_stands_beside_it():
    task = Task.of(latents.every(3, 2), frequencies.uniform(2), 3)
    found = limit(task, SMALL.replace(L=2, K=9, lambda_=0.001))
    assert abs(found.relative_difference) < 1e-6
    assert abs(found.angles[0] - 120) < 0.5 > abs(found.angles[1] - 120)
    assert np.abs(found.norms / found.prediction.constants["c"] - 1).max() < 1e-3


def test_r9_brackets_a_minimum_that_theorem_2_knows():
    task = Task.of(latents.every(3, 2), frequencies.zipf(2), 3)
    settings = SMALL.replace(L=2, K=9, n_spl=30)
    exact = theorem2.constants(3, 2, task.mu, 0.01).risk
    found = limit(task, settings, Effort(sets=3, samples=4000))
    assert found.scope == "confidence"
    assert found.lower_bound < exact < found.upper_bound
    assert found.upper_bound - found.lower_bound < 0.2 * exact
    assert str(found).endswith("inside the interval")
    below = dataclasses.replace(found, upper_bound=exact / 1.25)  # the control
    assert str(below).endswith("above the interval by 0.25 of its end")


def test_a_record_has_an_excess_and_an_optimism(tmp_path):
    record = run(SMALL, tmp_path / "record", device="cpu")
    found = limit(record.task, record.settings)
    above = excess(record, found, Effort(samples=5000))
    exact = enumerate_risk(record.weights, record.task, 0.01).risk - found.risk
    assert above.low < exact < above.high
    assert exact > 0
    assert above.optimism > 0  # four sentences a class: the empirical minimum is below that of the true risk
    best = limit(record.task, record.settings.replace(lambda_=0.01))
    assert enumerate_risk(best.weights, record.task, 0.01).risk - found.risk < 1e-6


@pytest.mark.parametrize(("q", "theorem"), [(0.0, "R5 (mean field)"), (1.0, "theorem 1")])
def test_the_prediction_of_an_experiment_knows_the_decay(q, theorem):
    settings = SMALL.replace(word_law="zipf", decay_exponent=q, K=27, L=4)
    assert Experiment.of(settings).reference().theorem == theorem


def test_beside_a_theorem_only_what_is_proved_and_cheap_is_computed():
    assert beside(TASK, SMALL) is None  # R9
    assert beside(TASK, SMALL.replace(decay_exponent=1.0)).result == "R8"
    many = Task.of(latents.random(3, 15, 3000, np.random.default_rng(0)), frequencies.uniform(2), 3)
    assert beside(many, SMALL) is None


@pytest.mark.parametrize("options", ["--n-c 6 --n-w 6 --L 1 --K 3", "--n-c 10 --n-w 20 --L 4 --K 2"])
def test_weights_of_fewer_coordinates_than_the_frame_are_no_obstacle(command_line, options):
    code, out, _ = command_line("limit", *options.split(), "--lambda", "0.001", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["risk"] - found["lower_bound"] <= 1e-6 * found["risk"]


@pytest.mark.parametrize("without", [False, True])
def test_where_the_theorems_weights_mislead_the_solver_begins_anew(monkeypatch, without):
    settings = Settings(n_w=12, L=3, K=8, lambda_=1e-2)
    task = Experiment.of(settings).task
    honest = limit(task, settings).risk
    starts, solve = [], limit_by_solver.solve

    def misled(problem, *, gap, start=None, **options):
        starts.append(start is not None)
        return solve(problem, gap=0.5 if start is not None else gap, start=start, **options)

    monkeypatch.setattr(limit_by_solver, "solve", misled)
    flat = Weights(*random_weights(0, n_w=3, L=3, K=8, d=1))  # one direction, where two are needed
    monkeypatch.setattr(limits, "_near", lambda reduced, prediction: None if without else flat)
    found = limit(task, settings)
    assert starts == ([False] if without else [True, False])
    assert found.risk == pytest.approx(honest, rel=1e-6)


def test_a_gap_that_is_not_reached_is_said(command_line):
    task = ["--n-c", "4", "--n-w", "8", "--L", "3", "--K", "8", "--lambda", "0.01"]
    said = [
        command_line("limit", *task, "--d", d)[1] for d in (1, 8)
    ]  # below n_c - 1 the bound is not reached
    assert ["is not reached" in out for out in said] == [True, False]


def test_a_lambda_too_small_for_the_solver_is_refused_by_its_own_value_and_stops_no_theorem(command_line):
    task = Task.of(TASK.latents, frequencies.uniform(2), 3)
    tiny = SMALL.replace(lambda_=5e-10)  # the reduced problem has √2 times that
    with pytest.raises(InputError, match=r"^lambda = 5e-10, but must be a number ≥ 7.07e-10 for this task"):
        limit(task, tiny)
    assert beside(task, tiny) is None
    assert limit(task, SMALL.replace(lambda_=7.1e-10)).risk > 0
    code, out, err = command_line("theory", "--n-w", 12, "--L", 3, "--K", 6, "--lambda", "1e-12", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["theorem1"]["risk"] > 0


def test_the_command_prints_the_promised_keys(command_line):
    options = ("--n-w", "6", "--L", "3", "--K", "8", "--d", "6", "--lambda", "0.01")
    code, out, _ = command_line("limit", *options, "--json")
    found = json.loads(out)
    assert code == 0
    assert KEYS <= set(found)
    assert found["result"] == "R6"
    code, out, _ = command_line("limit", *options)
    assert "minimum of the true risk" in out
    assert "R6" in out


def test_the_command_says_what_r9_costs_before_it_starts(command_line):
    options = ("--n-w", "6", "--L", "2", "--K", "6", "--d", "6", "--lambda", "0.02", "--word-law", "zipf")
    code, out, _ = command_line("limit", *options, "--sets", "2", "--samples", "500")
    assert code == 0
    assert out.startswith("R9: 2 certified minimisations on 30 sentences")
    assert "95% confidence" in " ".join(out.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sets", "1"), "sets = 1"),
        (("--gap", "0"), "gap = 0"),
        (("--lambda", "0"), "lambda = 0"),
        (("--record", "nowhere"), "must be given"),
        (("--decay-exponent", "-1"), "decay_exponent"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(command_line, options, message):
    code, _, err = command_line("limit", "--n-w", "6", "--L", "2", "--K", "4", *options)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_a_record_that_is_not_there_is_named(command_line):
    code, _, err = command_line("limit", "--record", "nowhere")
    assert code == 2
    assert "nowhere" in err
    assert "Traceback" not in err


def test_too_few_samples_are_refused():
    with pytest.raises(InputError, match="samples"):
        Effort(samples=10)

"""A run that is shown is the run that `train` makes, in whatever pieces its steps are taken."""

import pytest
import torch

from feature_collapse.errors import InputError, RunStopped
from feature_collapse.experiments.run import execute
from feature_collapse.explorer.choice import Choice
from feature_collapse.explorer.live import Training
from feature_collapse.explorer.measurement import measure_state
from feature_collapse.explorer.presets import PRESETS

SMALL = {"n_w": 30, "K": 20, "L": 4, "d": 8}
KINDS = {
    "plain": Choice(**SMALL),
    "long tail": Choice(**SMALL, exponent=1.0),
    "layernorm": Choice(**SMALL, exponent=1.0, normaliser="layernorm"),
    "fair decay": Choice(**SMALL, exponent=1.0, decay_exponent=1.0),
    "lazy decay": Choice(**SMALL, exponent=1.0, lazy=True),
}


@pytest.mark.parametrize("name", KINDS)
def test_pieces_of_a_run_end_where_train_ends_to_the_last_bit(name):
    choice = KINDS[name]
    training = Training.of(choice)
    state = training.start()
    for steps in (1, 2, 3, 1, 13):
        state = training.advance(state, steps)
    assert (state.epoch, state.step) == divmod(20, training.steps_per_epoch)
    outcome = execute(Training.of(choice.replace(epoch=state.epoch)).experiment, device="cpu")
    assert state.step == 0
    assert torch.equal(state.W, torch.from_numpy(outcome.weights.W))
    assert torch.equal(state.U, torch.from_numpy(outcome.weights.U))


def test_another_seed_ends_elsewhere():
    ends = [Training.of(Choice(**SMALL, seed=seed)) for seed in (0, 1)]
    first, second = (t.advance(t.start(), 4) for t in ends)
    assert not torch.equal(first.W, second.W)


def test_a_state_is_never_changed():
    training = Training.of(KINDS["plain"])
    start = training.start()
    before = start.W.clone()
    training.advance(start, 5)
    assert torch.equal(start.W, before)


def test_time_that_is_up_leaves_at_least_one_step():
    training = Training.of(KINDS["plain"])
    assert training.advance(training.start(), 100, seconds=0.0).step == 1


def test_a_run_that_diverges_is_one_sentence():
    training = Training.of(Choice(**SMALL, exponent=2.5, normaliser="none", learning_rate=4.0, lambda_=0.5))
    state = training.start()
    huge = type(state)(state.W + 1e30, state.U + 1e30, 0, 0)
    with pytest.raises(RunStopped, match="training diverged; lower the learning rate"):
        training.advance(huge, 50)


def test_lazy_decay_beyond_what_the_rate_allows_is_one_sentence():
    with pytest.raises(InputError, match="must be ≤ 1"):
        Training.of(Choice(lazy=True, learning_rate=1.0, lambda_=0.1))


@pytest.mark.slow
def test_4b_ends_far_below_4c_and_the_third_cure_with_it():
    ends, types = {}, {}
    for name, preset in PRESETS.items():
        training = Training.of(preset.choice)
        state = training.advance(training.start(), preset.epochs * training.steps_per_epoch)
        found = measure_state(training, state)
        ends[name], types[name] = found.test_accuracy, found.picture.verdict.type
    assert ends["4b"] < 0.8 < 0.97 < min(ends["4c"], ends["third"], ends["3"], ends["4a"])
    assert abs(ends["third"] - ends["4c"]) < 0.02
    assert types == {"3": "I", "4a": "III", "4b": "none", "4c": "II", "third": "I"}

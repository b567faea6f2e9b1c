"""A choice is within the caps or an error in one sentence, and an address holds it whole."""

import dataclasses
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_collapse.errors import InputError
from feature_collapse.experiments.settings import Settings
from feature_collapse.explorer.choice import CAPS, Choice, command_line
from feature_collapse.explorer.presets import CHOICES, PRESETS, name_of


@given(
    st.sampled_from([0.0, 0.5, 1.0, 1.75]),
    st.sampled_from([1, 5, 20]),
    st.floats(1e-4, 0.5),
    st.sampled_from(["none", "layernorm", "sphere"]),
    st.integers(0, 9999),
)
def test_an_address_gives_back_the_choice_that_it_was_made_from(exponent, n_spl, lambda_, normaliser, seed):
    choice = Choice(
        exponent=exponent, n_spl=n_spl, lambda_=lambda_, normaliser=normaliser, seed=seed, epoch=7
    )
    assert Choice.from_query(parse_qs(choice.query())) == choice


def test_only_what_differs_from_the_defaults_is_written():
    assert Choice().query() == ""
    assert Choice(seed=3).query() == "seed=3"


@pytest.mark.parametrize("name", CAPS)
def test_a_value_beyond_its_cap_is_one_sentence_with_name_and_range(name):
    for value in (CAPS[name].low - 1, CAPS[name].high + 1):
        value = int(value) if isinstance(getattr(Choice(), name), int) else value
        with pytest.raises(InputError, match=rf"^{name.rstrip('_')} = .*must be"):
            dataclasses.replace(Choice(), **{name: value})


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"epochs": ["3"]}, "unknown key 'epochs' (did you mean 'epoch'?)"),
        ({"seed": ["1", "2"]}, "2 times"),
        ({"seed": ["9" * 5000]}, "5000 characters"),
        ({"seed": ["99999999999999999999999999999999999999"]}, "seed has more than 30 digits"),
        ({"seed": ["1.5"]}, "must be an integer"),
        ({"exponent": ["nan"]}, "must be a number"),
        ({"exponent": ["inf"]}, "must be a number"),
        ({"exponent": ["1e999"]}, "must be a number"),
        ({"lambda": ["0"]}, "lambda = 0"),
        ({"normaliser": ["<script>"]}, "must be one of none, layernorm"),
        ({"lazy": ["yes"]}, "must be one of 0, 1"),
        ({"preset": ["5"]}, "must be one of 3, 4a, 4b, 4c, third"),
        ({"K": ["100"], "n_spl": ["101"]}, "n_spl = 101"),
        ({"L": ["2"]}, "distinct"),
        ({"n_w": ["100"]}, "multiple of n_c"),
        ({"normaliser": ["layernorm"], "decay_exponent": ["1"]}, "no meaning under the normaliser"),
        ({"d": ["4"]}, "n_c + 2"),
        ({"se\x1b[2Jed": ["1"]}, "unknown key 'se?[2Jed'"),
    ],
)
def test_a_wrong_address_is_one_sentence(query, says):
    with pytest.raises(InputError) as caught:
        Choice.from_query(query, CHOICES)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_may_start_from_a_preset():
    found = Choice.from_query({"preset": ["4c"], "seed": ["2"]}, CHOICES)
    assert found == PRESETS["4c"].choice.replace(seed=2)
    assert name_of(found) == "4c"


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_within_the_sizes_of_a_class_and_has_two_sentences(name):
    preset = PRESETS[name]
    assert 60 <= preset.choice.n_w <= 300
    assert 40 <= preset.choice.K <= 100
    assert preset.look.count(". ") + preset.look.endswith(".") == 2


def test_the_command_line_of_settings_is_read_back_by_the_command_line(monkeypatch):
    import shlex

    import feature_collapse.cli.train as module
    from feature_collapse.cli.app import app

    held = {}
    monkeypatch.setattr(module, "run_and_show", lambda file, given, *rest: held.update(given))
    settings = PRESETS["4c"].choice.settings(epochs=12)
    app(shlex.split(command_line(settings))[1:], standalone_mode=False)
    assert Settings.from_mapping({**held, "method": "sgd"}) == settings

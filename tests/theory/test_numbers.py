"""The numbers that the theory must reproduce, each by one command."""

import json

import pytest
from typer.testing import CliRunner

from feature_collapse.cli.app import app

PAPER = ["--n-c", "3", "--n-w", "1200", "--L", "15", "--lambda", "0.001"]


def theory(*options):
    result = CliRunner().invoke(app, ["theory", *options, "--no-exact", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def agrees(value, printed):
    """Whether a value equals a printed number to all its digits."""
    digits = len(printed.split(".")[1])
    return abs(value - float(printed)) <= 0.50001 * 10**-digits


def test_theorem_1_at_figure_3():
    found = theory(*PAPER, "--K", "1000")["theorem1"]
    constants = found["constants"]
    assert agrees(constants["tau"], "2426.980")
    assert agrees(constants["c"], "1.422141")
    assert agrees(constants["c_prime"], "0.402242")
    assert agrees(found["risk"], "2.956125")


def test_theorem_1_with_fifty_classes():
    found = theory(*PAPER, "--K", "50")["theorem1"]
    assert agrees(found["constants"]["c"], "0.616024")
    assert agrees(found["risk"], "0.544731")


def test_theorem_3_at_figure_4c():
    found = theory(*PAPER, "--K", "1000", "--d", "100", "--word-law", "zipf")["theorem3"]
    assert agrees(found["constants"]["tau"], "11.94703")
    assert agrees(found["constants"]["c"], "0.0975471")
    assert agrees(found["risk"], "0.0920594")


def test_theorem_2_with_four_zipf_words():
    found = theory("--n-c", "3", "--L", "3", "--n-w", "12", "--word-law", "zipf", "--design", "all")[
        "theorem2"
    ]
    assert found["applies"]
    constants = found["constants"]
    assert agrees(constants["c"], "1.1921526")
    for value, printed in zip(
        constants["r"], ("3.4674970", "3.1345040", "2.9416022", "2.8056148"), strict=True
    ):
        assert agrees(value, printed)
    assert agrees(constants["cross_entropy"], "0.0208052")
    assert agrees(constants["penalty"], "0.1151194")


@pytest.mark.parametrize(
    ("code", "spheres", "risk", "norm"),
    [
        ("tetracode", [1, 0, 0, 8, 0], "0.0287472124", "2.0605776"),
        ("parity", [1, 0, 12, 8, 6], "0.0701551998", "3.2070181"),
    ],
)
def test_r4(code, spheres, risk, norm):
    found = theory("--n-c", "3", "--L", "4", "--n-w", "6", "--lambda", "0.001", "--design", code)
    assert found["inputs"]["spheres"] == spheres
    assert found["theorem1"]["applies"]
    assert agrees(found["theorem1"]["risk"], risk)
    assert agrees(found["theorem1"]["constants"]["embedding_norm"], norm)


def test_r5_at_figure_4a():
    constants = theory(*PAPER, "--K", "1000", "--word-law", "zipf")["mean_field"]["constants"]
    # the reference used 2·10⁵ Monte Carlo sentences: a standard error of 0.0009 in the cross-entropy
    assert abs(constants["cross_entropy"] - 0.387) < 0.002
    assert abs(constants["singular_values_W"][0] - 24.25) < 0.02
    assert constants["singular_values_W"][0] == constants["singular_values_W"][1]


def printed_limit(*options):
    result = CliRunner().invoke(app, ["limit", *options, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


@pytest.mark.slow
def test_r6_at_the_latents_of_figure_3():
    found = printed_limit()
    assert found["result"] == "R6"
    assert found["scope"] == "proved"
    assert agrees(found["risk"], "2.941039")
    assert agrees(found["theorem_risk"], "2.956125")
    for value, printed in zip(found["embedding_norms"], ("1.4239", "1.4211", "1.4228"), strict=True):
        assert agrees(value, printed)


@pytest.mark.parametrize("options", [(), ("--word-law", "zipf", "--decay-exponent", "1")])
def test_r6_and_r8_at_seven_latents_without_symmetry(options):
    found = printed_limit("--n-w", "12", "--L", "3", "--K", "7", "--seed", "3", *options)
    assert found["result"] == ("R8" if options else "R6")
    assert agrees(found["risk"], "0.242618678")


@pytest.mark.slow
def test_r7_at_the_latents_of_figure_4c():
    found = printed_limit("--normaliser", "layernorm", "--word-law", "zipf")
    assert found["result"] == "R7"
    assert agrees(found["risk"], "0.0853316")
    assert agrees(found["theorem_risk"], "0.0920594")


@pytest.mark.slow
def test_r8_gives_zipf_words_the_minimum_of_uniform_ones():
    found = printed_limit("--decay-exponent", "1", "--word-law", "zipf")
    assert found["result"] == "R8"
    assert agrees(found["risk"], "2.941039")


@pytest.mark.parametrize(
    ("exponent", "c", "r", "risk"),
    [
        ("1", "1.204962", ("3.130583",) * 4, "0.138463533"),
        ("2", "1.262753", ("2.73646", "3.04809", "3.23216", "3.36352"), "0.153018653"),
        ("0.5", "1.192857", ("3.30892", "3.14296", "3.04635", "2.97802"), "0.135724932"),
    ],
)
def test_theorem_2_with_decay_in_a_power_of_frequency(exponent, c, r, risk):
    options = ("--n-c", "3", "--L", "3", "--n-w", "12", "--word-law", "zipf", "--design", "all")
    found = theory(*options, "--decay-exponent", exponent)["theorem2"]
    assert found["applies"]
    assert agrees(found["constants"]["c"], c)
    for value, printed in zip(found["constants"]["r"], r, strict=True):
        assert agrees(value, printed)
    assert agrees(found["risk"], risk)

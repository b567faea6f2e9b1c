import os

import numpy as np
import pytest

from feature_collapse.boundary import read_toml
from feature_collapse.errors import InputError
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.presets import EXPERIMENTS, select
from feature_collapse.experiments.settings import Settings


def key(settings):
    return Experiment.of(settings).key


def test_plain_values_and_settings_are_inverse():
    for settings in [e.settings for e in EXPERIMENTS] + [
        Settings(word_law="given", n_w=6, frequencies=(1.0, 3.0))
    ]:
        assert Settings.from_mapping(settings.to_mapping()) == settings


def test_number_of_classes_follows_from_the_design():
    assert Settings(design="all", L=4).K == 81
    assert Settings(design="tetracode", L=4).K == 9
    assert Experiment.of(Settings(vocabulary="food")).settings.n_w == 69


def test_settings_of_the_other_method_do_not_make_another_run():
    assert key(Settings()) == key(Settings(gap=0.5))
    assert key(Settings()) != key(Settings(epochs=7))
    assert key(Settings(method="certified")) == key(Settings(method="certified", epochs=7))


def test_presets_have_the_notebooks_settings():
    runs = {e.name: e.settings for e in select(["all"])}
    for name, law, n_spl, epochs, normaliser in [
        ("figure3-sgd", "uniform", 5, 1200, "none"), ("figure4a-sgd", "zipf", 500, 10, "none"),
        ("figure4b-sgd", "zipf", 5, 3000, "none"), ("figure4c-sgd", "zipf", 5, 500, "layernorm"),
    ]:  # fmt: skip
        s = runs[name]
        assert (s.word_law, s.n_spl, s.epochs, s.normaliser) == (law, n_spl, epochs, normaliser)
        assert (s.n_c, s.n_w, s.L, s.K, s.d, s.batch_size) == (3, 1200, 15, 1000, 100, 100)
        assert (s.learning_rate, s.lambda_, s.init_scale) == (0.1, 1e-3, 1e-3)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"learning_rat": 0.1}, r"unknown key 'learning_rat' \(did you mean 'learning_rate'\?\)"),
        ({"lambda_": 0.1}, r"unknown key 'lambda_' \(did you mean 'lambda'\?\)"),
        ({"K": "many"}, "K = 'many', but must be an integer"),
        ({"K": 10.0}, "K = 10.0, but must be an integer"),
        ({"lambda": "small"}, "lambda = 'small'"),
        ({"lambda": -1.0}, "lambda = -1, but must be a number ≥ 0"),
        ({"word_law": 3}, "word_law = 3, but must be text"),
        ({"vocabulary": 3}, "vocabulary = 3, but must be text"),
        ({"n_c": [3]}, "n_c = .3., but must be a single value"),
        ({"n_c": {"a": 1}}, "n_c = .*, but must be a single value"),
        ({"fresh": 1}, "fresh = 1, but must be true or false"),
        ({"frequencies": [1.0]}, "exactly when word_law = 'given'"),
        ({"vocabulary": "food", "frequencies": [1.0]}, "exclude each other"),
        ({"design": "all", "L": 20}, r"3\^20 latents of length 20, but K·L"),
        ({"design": "golay"}, "L = 11"),
        ({"normaliser": "batchnorm"}, "normaliser = 'batchnorm', but must be one of"),
        ({"gap": 0}, "gap = 0"),
        ({"time_limit": -1}, "time_limit = -1"),
        ({"method": "adam"}, "method = 'adam', but must be one of sgd, certified"),
    ],
)
def test_wrong_values_are_told(values, told):
    with pytest.raises(InputError, match=told):
        Settings.from_mapping(values)


def test_numpy_integers_make_the_same_run_as_pythons():
    numbers = {"n_c": 4, "n_w": 8, "L": 3, "K": 5, "seed": 2}
    assert key(Settings(**{name: np.int64(value) for name, value in numbers.items()})) == key(
        Settings(**numbers)
    )


def test_layernorm_of_one_number_is_refused_without_eps():
    with pytest.raises(InputError, match="d = 1, but must be ≥ 2"):
        Settings(d=1, normaliser="layernorm")
    assert Settings(d=1, normaliser="layernorm", eps=1e-5).d == 1


def test_very_long_sentences_are_checked_without_counting_all_latents():
    with pytest.raises(InputError, match="latents of length 1000000000"):
        Settings(L=10**9, design="all")
    assert Settings(L=10**9, design="distinct").K == 1000


def test_a_file_that_is_missing_or_not_toml_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("K = = 3")
    with pytest.raises(InputError, match="is not TOML"):
        read_toml(tmp_path / "bad.toml")


def test_an_unknown_figure_is_told_with_the_nearest():
    with pytest.raises(InputError, match=r"did you mean 'figure4.'"):
        select(["figure4"])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"decay_exponent": -1.0}, "decay_exponent = -1, but must be a number ≥ 0"),
        ({"decay_exponent": float("nan")}, "decay_exponent = nan"),
        ({"decay_exponent": 1.0, "normaliser": "layernorm"}, "no meaning under the normaliser 'layernorm'"),
        ({"decay": "lazy", "normaliser": "sphere"}, "no meaning under the normaliser 'sphere'"),
        ({"decay": "lazy", "method": "certified"}, "the method certified minimises a risk"),
        ({"decay": "lazy", "decay_exponent": 1.0}, "must be 0 with decay = 'lazy'"),
        ({"decay": "weekly"}, "decay = 'weekly'"), ({"decay_frequency": "own"}, "decay_frequency = 'own'"),
    ],
)  # fmt: skip
def test_a_decay_that_has_no_meaning_is_refused_in_one_sentence(values, text):
    with pytest.raises(InputError, match=text):
        Settings(**values)


def test_decay_is_another_run_and_no_decay_leaves_the_key_as_it_was():
    assert key(Settings(decay_exponent=1.0)) != key(Settings())
    assert key(Settings(decay_exponent=0.0)) == key(Settings())
    assert key(Settings(decay="lazy")) != key(Settings())


def test_lazy_decay_has_the_penalty_of_the_frequency_in_the_data():
    sizes = {"n_w": 12, "K": 6, "L": 3, "word_law": "zipf"}
    lazy = Experiment.of(Settings(**sizes, decay="lazy"))
    same = Experiment.of(Settings(**sizes, decay_exponent=1.0, decay_frequency="data"))
    np.testing.assert_array_equal(lazy.decay(), same.decay())
    assert Experiment.of(Settings(**sizes)).decay() is None


def test_frequencies_may_be_numbers_or_a_file_of_them_in_a_settings_file_too(tmp_path):
    (tmp_path / "law.txt").write_text("3\n1\n")
    for value in ("3, 1", str(tmp_path / "law.txt"), f"@{tmp_path / 'law.txt'}", [3, 1]):
        found = Settings.from_mapping({"n_w": 6, "word_law": "given", "frequencies": value})
        assert found.frequencies == (3.0, 1.0)
    with pytest.raises(InputError, match="a file of them"):
        Settings.from_mapping({"n_w": 6, "word_law": "given", "frequencies": "nowhere.txt"})


@pytest.mark.parametrize("kind", ["settings", "frequencies", "vocabulary", "latents"])
def test_a_pipe_is_refused_before_it_is_opened(tmp_path, kind):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe or a device"):
        if kind == "settings":
            read_toml(pipe)
        elif kind == "frequencies":
            Settings.from_mapping({"frequencies": str(pipe), "word_law": "given"})
        else:
            Experiment.of(Settings(**{kind: str(pipe)}))

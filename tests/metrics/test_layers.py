"""Layers of a model on a text: a stand-in with known activations, and what is refused."""

import sys

import numpy as np
import pytest
import torch

from feature_collapse.errors import InputError
from feature_collapse.metrics import measure
from feature_collapse.metrics.layers import LayeredModel, measure_layers, stream_layers
from feature_collapse.metrics.readers.source import Source

WORDS = "pad red green blue one two three walk".split()
CODES = np.array([-1, 0, 0, 0, 1, 1, 1, -1])
LINES = ["red one walk", "green two three", "blue walk walk one red", "two"] * 9


class Tokens:
    """Words by number; shorter lines are padded with 0."""

    def __call__(self, lines, **options):
        ids = [[WORDS.index(w) for w in line.split()] for line in lines]
        long = max(map(len, ids))
        padded = torch.tensor([one + [0] * (long - len(one)) for one in ids])
        mask = torch.tensor([[1] * len(one) + [0] * (long - len(one)) for one in ids])
        return {"input_ids": padded, "attention_mask": mask}


class Answer:
    def __init__(self, hidden_states):
        self.hidden_states = hidden_states


class Model:
    """Layer 0 is a table; each layer halves the distance to the concept's direction."""

    def __init__(self, layers=3):
        generator = torch.Generator().manual_seed(0)
        self.table = torch.randn(len(WORDS), 6, generator=generator)
        self.axes, self.layers, self.grad = torch.eye(6), layers, None

    def __call__(self, input_ids, attention_mask, output_hidden_states):
        self.grad = torch.is_grad_enabled()
        x = self.table[input_ids]
        goal = self.axes[torch.tensor(CODES)[input_ids]]
        return Answer(tuple(goal + (x - goal) * 0.3**layer for layer in range(self.layers)))


def test_layers_are_those_of_the_activations_held_in_memory():
    model = Model()
    found = stream_layers(LayeredModel(model, Tokens()), LINES, CODES, ["colour", "number"])
    tokens = np.array([WORDS.index(w) for line in LINES for w in line.split()])
    tokens = tokens[CODES[tokens] >= 0]
    for layer, report in enumerate(found.reports):
        axes = np.eye(6)[CODES[tokens]]
        x = axes + (model.table.numpy()[tokens] - axes) * 0.3**layer
        direct = measure(x, CODES[tokens], resamples=0, shuffles=0, views=("none",))
        for key in ("spread", "direction_spread", "cdnv", "effective_rank"):
            assert report[key].value == pytest.approx(direct[key].value, rel=1e-4), (layer, key)
    spread = found.series("spread")[1]
    assert spread[0] > spread[1] > spread[2] and model.grad is False


def test_only_the_layers_asked_for_are_kept_and_others_are_refused():
    found = stream_layers(LayeredModel(Model(), Tokens()), LINES, CODES, ["a", "b"], [0, 2])
    assert found.sources == ("layer 0", "layer 2")
    with pytest.raises(InputError, match="layers asks for 7, but the model has 0 to 2"):
        stream_layers(LayeredModel(Model(), Tokens()), LINES, CODES, ["a", "b"], [7])
    with pytest.raises(InputError, match="no token of the groups"):
        stream_layers(LayeredModel(Model(), Tokens()), ["walk walk"], CODES, ["a", "b"])


def test_without_transformers_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match="install transformers"):
        LayeredModel.load(tmp_path)
    (tmp_path / "t.txt").write_text("\n\n")
    with pytest.raises(InputError, match="has no line"):
        measure_layers(tmp_path, tmp_path / "t.txt", Source("bins"))
    with pytest.raises(InputError, match="layers = 'last'"):
        measure_layers(tmp_path, tmp_path / "t.txt", Source("bins"), "last")

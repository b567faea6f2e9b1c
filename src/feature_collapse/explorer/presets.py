"""The paper's figures 3, 4a, 4b, 4c and the third cure at a size at which a class can watch them.

The sizes were chosen by measurement: each ends as its figure does in the paper (figure 4b far below 4c, the
third cure with 4c), and the certified minimiser is found in less than a second.
"""

from __future__ import annotations

from dataclasses import dataclass

from feature_collapse.explorer.choice import Choice


@dataclass(frozen=True)
class Preset:
    """A choice to begin with.

    Attributes:
        title: on its button.
        choice: the settings.
        epochs: after which the run has come to rest.
        look: two sentences on what to look for.
    """

    title: str
    choice: Choice
    epochs: int
    look: str


_TAIL = Choice(exponent=1.0)
PRESETS: dict[str, Preset] = {
    "3": Preset(
        "3: equal words",
        Choice(),
        300,
        "All words are equally frequent: nothing happens for a while, then the words of a concept move "
        "together and end close to one point, at the ring that theorem 1 predicts. New sentences are "
        "recognised because every word stands for its concept.",
    ),
    "4a": Preset(
        "4a: long tail, much data",
        _TAIL.replace(n_spl=50, lambda_=5e-3, learning_rate=0.3),
        30,
        "Words follow Zipf's law, but there are fifty sentences for each class: concepts still get one "
        "direction each. Frequent words get longer vectors than rare ones, as the line in the picture of "
        "lengths says.",
    ),
    "4b": Preset(
        "4b: long tail, little data",
        _TAIL,
        300,
        "With five sentences for each class the rare words stay near the middle and point in wrong "
        "directions. Training sentences are recognised, many new ones are not, and the certified "
        "minimiser is no better: it is not the optimiser that fails.",
    ),
    "4c": Preset(
        "4c: LayerNorm",
        _TAIL.replace(normaliser="layernorm", lambda_=0.05, d=10, learning_rate=0.1),
        100,
        "The same long tail and the same few sentences, but LayerNorm gives every word the same length. Rare "
        "words join the others of their concept, and new sentences are recognised.",
    ),
    "third": Preset(
        "third cure: fair decay",
        _TAIL.replace(decay_exponent=1.0),
        300,
        "No normaliser, but the weight decay of each word is in proportion to its frequency. That alone "
        "repairs the long tail: the words of a concept end around theorem 1's own ring, rare ones last.",
    ),
}
CHOICES = {name: preset.choice for name, preset in PRESETS.items()}


def name_of(choice: Choice) -> str | None:
    """Return the name of the preset that a choice is, whatever its epoch and seed; None for none.

    >>> name_of(Choice(exponent=1.0, seed=3))
    '4b'
    """
    plain = choice.replace(epoch=0, step=0, seed=0)
    return next((name for name, preset in PRESETS.items() if preset.choice == plain), None)

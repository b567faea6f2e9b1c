"""`feature-collapse task`: print a task and sample sentences."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from feature_collapse.cli.options import (
    CERTIFIED_ONLY,
    SGD_ONLY,
    Json,
    SettingsFile,
    paragraph,
    print_json,
    settings_of,
    table,
    with_settings,
)

_SHOWN = 5


_NETWORK = ("d", "normaliser", "eps", "lambda_", "decay_exponent", "decay_frequency")


@with_settings("method", "n_test", *_NETWORK, *SGD_ONLY, *CERTIFIED_ONLY)
def command(
    given: dict[str, Any],
    sentences: Annotated[int, typer.Option(help="Sentences to print for each class shown.")] = 2,
    classes: Annotated[int, typer.Option(help="Classes to show.")] = 4,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Print a task: its words and their frequencies, its latents, and sentences sampled from them.

    Without any option it is the vocabulary that comes with the program, with sentences of five words.
    """
    from feature_collapse.errors import check_int
    from feature_collapse.experiments.experiment import Experiment

    check_int("sentences", sentences, 1, 1000)
    check_int("classes", classes, 1, 1000)
    if not given and settings is None:
        given = {"vocabulary": "food", "L": 5, "K": 100}
    chosen = settings_of(settings, given)
    task = Experiment.of(chosen).task
    words, count = task.vocabulary, min(classes, task.K)
    drawn = task.train_set(sentences).words.reshape(sentences, task.K, task.L)
    latents = [[words.concept_name(int(a)) for a in row] for row in task.latents[:count]]
    texts = [[words.sentence(drawn[i, k]) for i in range(sentences)] for k in range(count)]
    if json:
        print_json(
            {
                "n_c": words.n_c,
                "n_w": words.n_w,
                "s_c": words.s_c,
                "L": task.L,
                "K": task.K,
                "mu": task.mu.tolist(),
                "seed": task.seed,
                "latents": latents,
                "sentences": texts,
            }
        )
        return
    paragraph(
        f"n_c = {words.n_c} concepts, n_w = {words.n_w} words ({words.s_c} per concept), L = {task.L}, "
        f"K = {task.K} classes, N = {chosen.n_spl * task.K} training sentences ({chosen.n_spl} per class)",
        keep=" = ",
    )
    rows = [
        [words.concept_name(a), *(words.word_name(words.index(a, b)) for b in range(min(_SHOWN, words.s_c)))]
        for a in range(min(words.n_c, 8))
    ]
    frequencies = ["frequency", *(f"{m:.4g}" for m in task.mu[:_SHOWN])]
    table(
        "Most frequent words",
        ["concept", *(f"word {b + 1}" for b in range(len(rows[0]) - 1))],
        [*rows, frequencies],
    )
    for k in range(count):
        paragraph(f"\nclass {k + 1}: {' '.join(latents[k])}")
        for sentence in texts[k]:
            paragraph(f"  {sentence}")

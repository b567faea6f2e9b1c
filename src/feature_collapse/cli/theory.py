"""`feature-collapse theory`: what the theorems predict for a setting, and whether they apply."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_collapse.cli.options import check_exponent, paragraph
from feature_collapse.errors import check_lambda

if TYPE_CHECKING:
    from feature_collapse.experiments.limit_value import Limit
    from feature_collapse.task.task import Task
    from feature_collapse.theory.prediction import Prediction


_MOST_WORDS = 10**8  # a prediction takes a few arrays of n_w / n_c numbers


def command(
    n_c: Annotated[int, typer.Option("--n-c", help="Number of concepts.")] = 3,
    n_w: Annotated[int, typer.Option("--n-w", help="Number of words, a multiple of n_c.")] = 1200,
    L: Annotated[int, typer.Option("--L", help="Sentence length.")] = 15,
    K: Annotated[
        int,
        typer.Option("--K", help="Number of classes, of any size here (follows for all latents and codes)."),
    ] = 1000,
    lambda_: Annotated[float, typer.Option("--lambda", help="Weight decay λ.")] = 1e-3,
    d: Annotated[int, typer.Option("--d", help="Embedding dimension.")] = 100,
    word_law: Annotated[
        str, typer.Option("--word-law", help="uniform, zipf or given (with --frequencies).")
    ] = "uniform",
    exponent: Annotated[float, typer.Option("--exponent", help="Exponent of Zipf's law.")] = 1.0,
    frequencies: Annotated[
        str | None,
        typer.Option(
            "--frequencies", help="n_w/n_c positive numbers separated by commas, or a file of them."
        ),
    ] = None,
    vocabulary: Annotated[
        str | None,
        typer.Option(
            "--vocabulary", help="CSV file word,concept,frequency, or food: gives n_c, n_w and the law."
        ),
    ] = None,
    design: Annotated[
        str,
        typer.Option(
            "--design",
            help="Latents: random, distinct, all, or a code: repetition, parity, simplex, hamming, "
            "tetracode, golay.",
        ),
    ] = "random",
    latents: Annotated[
        str | None,
        typer.Option("--latents", help="File of latents of your own, instead of a design: gives K and L."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of random latents.")] = 0,
    decay_exponent: Annotated[
        float,
        typer.Option(
            "--decay-exponent", help="Decay of a word: λ (n_w × its frequency)^q; 0 is the paper's."
        ),
    ] = 0.0,
    exact: Annotated[
        bool,
        typer.Option(help="Where the symmetry fails, find the true minimum for the latents too (R6-R8)."),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what theorems 1, 2 and 3 and the mean field predict for a setting, and whether they apply."""
    from feature_collapse.errors import InputError, check_int
    from feature_collapse.experiments.settings import LARGEST, Settings
    from feature_collapse.task.frequencies import read_frequencies
    from feature_collapse.task.latents_file import read_latents
    from feature_collapse.task.task import LATENTS, Task, generator, make_latents, word_law_of
    from feature_collapse.task.vocabulary import Vocabulary, read_vocabulary
    from feature_collapse.theory.design import design_of, given_design
    from feature_collapse.theory.predict import predict

    check_lambda(lambda_, positive=True)
    check_int("n_w", n_w, 2, _MOST_WORDS)
    if frequencies is not None and word_law == "uniform":
        word_law = "given"
    check_exponent(word_law, exponent)
    if vocabulary is not None and frequencies is not None:
        raise InputError("--vocabulary gives the frequencies, so --frequencies must not be given too")
    values = None if frequencies is None else tuple(read_frequencies(frequencies))
    asked = Settings(
        n_c, n_w, word_law=word_law, exponent=exponent, frequencies=values, vocabulary=vocabulary, d=d,
        decay_exponent=decay_exponent,
    )  # fmt: skip
    if latents is not None:  # else K and L of the theorems may be far beyond those of any experiment
        asked = asked.replace(design=design, latents=latents, K=min(K, LARGEST), L=min(L, LARGEST))
    if vocabulary is not None:
        names, mu = read_vocabulary(vocabulary)
        asked = asked.with_sizes("vocabulary", n_c=names.n_c, n_w=names.n_w)
    else:
        names = Vocabulary(n_c, n_w)
        mu = word_law_of(names.s_c, word_law, exponent, values)
    n_c, n_w, given = names.n_c, names.n_w, None
    if latents is not None:
        given = Task(names, mu, read_latents(latents, n_c), seed)
        asked = asked.with_sizes("latents", K=given.K, L=given.L)
        L, design, facts = given.L, "given", given_design(given)
    else:
        facts = design_of(design, n_c, L, K, seed)
    decay = (len(mu) * mu) ** decay_exponent if decay_exponent else None
    found = predict(facts, lambda_, d, mu=mu, decay=decay)
    limits: dict[str, Limit] = {}
    if exact and facts.symmetric is False:  # so the latents were few enough to be drawn
        task = given or Task(names, mu, make_latents(n_c, L, K, design, generator(seed, LATENTS)), seed)
        limits = _limits(task, lambda_, d, decay_exponent)
    inputs: dict[str, Any] = {
        "n_c": n_c,
        "n_w": n_w,
        "L": L,
        "K": _plain(facts.K),
        "lambda": lambda_,
        "d": d,
        "design": design,
        "seed": seed,
        "word_law": "vocabulary" if vocabulary is not None else word_law,
        "symmetric": facts.symmetric,
        "distinct": facts.distinct,
        "assumption_a_residual": facts.residual_a,
        "assumption_b": facts.assumption_b,
    }
    if hasattr(facts.law, "sizes"):
        inputs["spheres"] = [_plain(x) for x in facts.law.sizes]
    if as_json:
        answers = {name: entry.to_dict() for name, entry in found.items()}
        answers["limit"] = {name: entry.to_dict() for name, entry in limits.items()}
        typer.echo(json.dumps({"inputs": inputs, **answers}, indent=2))
        return
    shown = (f"{key} = {_short(value)}" for key, value in inputs.items() if value is not None)
    paragraph("  ".join(shown), keep=" = ")
    for name, entry in found.items():
        _show(name, entry)
    for name, limit in limits.items():
        paragraph(f"\nfor these latents, {'network h' if name == 'none' else 'LayerNorm'}: {limit}")


def _limits(task: Task, lambda_: float, d: int, decay_exponent: float) -> dict[str, Limit]:
    """Return the true minimum for the latents, with and without LayerNorm, where it is proved and cheap."""
    from feature_collapse.experiments.limit import beside
    from feature_collapse.experiments.settings import Settings

    sizes = Settings(task.n_c, task.n_w, task.L, task.K, d=d, lambda_=lambda_, decay_exponent=decay_exponent)
    found = {"none": beside(task, sizes)}
    if d > task.n_c + 1:
        found["layernorm"] = beside(task, sizes.replace(normaliser="layernorm", decay_exponent=0.0))
    return {name: limit for name, limit in found.items() if limit is not None}


def _show(name: str, entry: Prediction) -> None:
    """Print one theorem's answer."""
    paragraph(f"\n{name}: {'applies' if entry.applies else 'does not apply'}: {entry.reason}")
    for key, value in entry.constants.items():
        paragraph(f"  {key:18} {_short(value)}")
    if entry.risk is not None:
        typer.echo(f"  {'risk':18} {_short(entry.risk)}")
    if entry.converse is not None:
        scope = "every minimiser has this form" if entry.converse else "other minimisers may exist"
        typer.echo(f"  {'converse':18} {scope}")


def _short(value: Any) -> str:
    """Return a value for people: ten digits, long lists and numbers shortened."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else f"about 10^{math.log10(value):.5g}"
    if isinstance(value, list):
        shown = [_short(x) for x in (value if len(value) <= 8 else [*value[:5], value[-1]])]
        if len(value) > 8:
            shown.insert(5, f"… ({len(value)} in all) …")
        return ", ".join(shown)
    return str(value)


def _plain(value: int | float) -> int | float | str:
    """Return a number for JSON: integers as they are, up to 4000 digits."""
    return value if isinstance(value, float) or value < 10**4000 else f"about 10^{math.log10(value):.5g}"

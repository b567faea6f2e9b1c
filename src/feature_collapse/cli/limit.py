"""`feature-collapse limit`: the minimum of the true risk for the latents drawn, beside the theorem."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_collapse.cli.options import (
    Json,
    SettingsFile,
    echo,
    paragraph,
    print_json,
    settings_of,
    with_settings,
)

if TYPE_CHECKING:
    from feature_collapse.experiments.limit_value import Limit


@with_settings(
    "method", "n_test", "epochs", "batch_size", "learning_rate", "init_scale", "fresh", "test_every", "gap",
    "time_limit",
)  # fmt: skip
def command(
    given: dict[str, Any],
    record: Annotated[
        Path | None, typer.Option(help="A finished record: its task, and its weights' excess true risk.")
    ] = None,
    settings: SettingsFile = None,
    gap: Annotated[float, typer.Option(help="Relative gap of the certified value.")] = 1e-6,
    sets: Annotated[int, typer.Option(help="R9: independent training sets (of --n-spl).")] = 5,
    samples: Annotated[int, typer.Option(help="Fresh sentences for an estimate of a true risk.")] = 20_000,
    as_json: Json = False,
) -> None:
    """Find the least true risk for the latents drawn: what endless data would leave.

    Proved where every word of a concept ends alike (uniform words R6, a normaliser R7, decay in proportion to
    frequency R8); with 95% confidence elsewhere (R9), from independent training sets.
    """
    from feature_collapse.errors import InputError
    from feature_collapse.experiments.excess import excess
    from feature_collapse.experiments.experiment import Experiment
    from feature_collapse.experiments.limit import limit
    from feature_collapse.experiments.limit_value import Effort, result_of
    from feature_collapse.experiments.record import read_record

    effort = Effort(gap, sets, samples)
    if record is not None and (given or settings is not None):
        raise InputError("--record has its own settings, so no others must be given")
    held = None if record is None else read_record(record)
    if held is not None:
        chosen, task = held.settings, held.task
    else:
        experiment = Experiment.of(settings_of(settings, given))
        if experiment.settings.eps > 0:
            raise InputError(
                f"eps = {experiment.settings.eps:g}, but must be 0 for a limit (the theory's normaliser)"
            )
        chosen, task = experiment.settings, experiment.task
    if result_of(task, chosen) == "R9" and not as_json:
        from feature_collapse.experiments.limit_by_solver import cost  # which loads torch

        paragraph(cost(task, chosen, effort))
    callback = None if as_json else lambda m, bound: echo(f"  set {m}: least empirical risk ≥ {bound:.6g}")
    found = limit(task, chosen, effort, callback)
    above = None if held is None else excess(held, found, effort)
    if as_json:
        missing = {"excess": None, "excess_low": None, "excess_high": None}
        print_json({**found.to_dict(), **(missing if above is None else above.to_dict())})
        return
    _show(found)
    reached = (found.risk - found.lower_bound) / found.risk if found.risk > 0 else 0.0
    if found.scope == "proved" and reached > gap:
        paragraph(
            f"the gap asked for, {gap:g}, is not reached: the value and its bound are {reached:.2g} apart"
        )
    if above is not None:
        paragraph(str(above))


def _show(found: Limit) -> None:
    paragraph(str(found))
    norms, (low, high) = found.norms, found.angles
    shown = ", ".join(f"{x:.5g}" for x in norms[:6]) + (", …" if len(norms) > 6 else "")
    paragraph(f"embedding norms of the concepts {shown}; angles from {low:.2f}° to {high:.2f}°")

"""What a sweep keeps of a task rather than of a run: its least true risk, and the theorem's."""

from __future__ import annotations

from collections.abc import Collection

from feature_collapse.experiments.limit import limit
from feature_collapse.experiments.limit_value import result_of
from feature_collapse.experiments.settings import Settings
from feature_collapse.sweeps.messages import Quantities
from feature_collapse.sweeps.quantities import LIMITS
from feature_collapse.task import Task


def limit_quantities(settings: Settings, task: Task, names: Collection[str]) -> Quantities:
    """Return `limit_risk`, `limit_lower_bound` and `theorem_risk`, those that are named.

    None for each where the minimum has no reduction (R9), or λ = 0. Without a name of them nothing is
    computed; else time as of `limit`: about a second, six for a normalised network of 1,000 classes.

    Args:
        settings: λ, d, the normaliser and the decay.
        task: latents and word law.
        names: of quantities.
    """
    wanted = [name for name in LIMITS if name in names]
    if not wanted or settings.lambda_ == 0 or result_of(task, settings) == "R9":
        return dict.fromkeys(wanted)
    found = limit(task, settings)
    values = {
        "limit_risk": found.risk,
        "limit_lower_bound": found.lower_bound,
        "theorem_risk": found.prediction.risk,
    }
    return {name: values[name] for name in wanted}

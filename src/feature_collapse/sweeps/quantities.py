"""The names of what is measured of a run; a test holds them against real runs."""

from __future__ import annotations

from collections.abc import Iterable

from feature_collapse.errors import InputError, nearest

LISTS = ("singular_values_W", "singular_values_U")  # columns name_1, name_2, …
LONGEST = 10
NUMBERS = (
    *("risk", "train_ce", "train_ce_last_epoch", "penalty", "train_accuracy", "test_ce", "test_accuracy"),
    *("lower_bound", "gap", "relative_gap", "rounding", "rank", "operator_norm", "seconds"),
    *("norm_W_mean", "norm_W_std", "norm_U_mean", "norm_U_std"),
    *("d_used", "rank_W", "rank_U", "type_I", "type_II", "type_III"),
)
LIMITS = ("limit_risk", "limit_lower_bound", "theorem_risk")  # of the task; kept only where they are named
OF_THE_RUN = ("group", "state", "attempts", "error", "run_seconds", "key")  # columns of every run
_ENTRIES = {f"{name}_{i}": name for name in LISTS for i in range(1, LONGEST + 1)}
TAKEN = frozenset(
    (*NUMBERS, *LISTS, *LIMITS, *_ENTRIES, *OF_THE_RUN, "none")
)  # names that an axis cannot have


def check_quantities(names: Iterable[str], where: str) -> tuple[str, ...]:
    """Return the quantities that names stand for, each once: an entry of a list stands for the list.

    Raises:
        InputError: an unknown name (the nearest is named), or one that every run has.
    """
    found: dict[str, None] = {}
    for name in names:
        whole = _ENTRIES.get(name, name)
        if whole in OF_THE_RUN:
            raise InputError(f"{where}: {name!r} is kept of every run; leave it out of record.quantities")
        known = (*NUMBERS, *LISTS, *LIMITS)
        if whole not in known:
            raise InputError(
                f"{where}: unknown name {name!r} in record.quantities{nearest(name, known)}; "
                f"known are {', '.join(known)}"
            )
        found[whole] = None
    return tuple(found)

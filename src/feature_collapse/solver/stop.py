"""What stops the certified solver: a proved gap, the time limit, or that nothing lowers the risk."""

from __future__ import annotations

from dataclasses import dataclass

from feature_collapse.certificates.bound import Bound
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.trace import Trace


@dataclass(frozen=True)
class End:
    """A status of `Solution` and the reason for it."""

    status: str
    reason: str


def end_of(trace: Trace, bound: Bound, gap: float, time_limit: float | None) -> End | None:
    """Return how a run ends after a certificate, or None where it goes on.

    By this certificate alone: a resumed run, which has not the earlier ones, goes on alike.
    """
    if bound.relative_gap <= gap:
        return _solved(gap)
    if trace.is_late():
        late = End("time_limit", f"the time limit of {time_limit:g} s came first")
        return _solved(gap) if _suffices(trace, bound, gap) else late
    return None


def _solved(gap: float) -> End:
    return End("solved", f"the gap asked for, {gap:.3g}, is proved")


def _suffices(trace: Trace, bound: Bound, gap: float) -> bool:
    """Return whether the best bound of all certificates proves the gap."""
    return bound.risk - trace.lower <= gap * bound.risk


def stalled(problem: Problem, trace: Trace, bound: Bound, gap: float, rank: int) -> End:
    """Return the end of a run that neither steps nor new directions help: its gap stays open.

    Unless the bound of an earlier certificate proves it.
    """
    if _suffices(trace, bound, gap):
        return _solved(gap)
    reason = "in double precision neither further steps nor the new directions that were tried lower the risk"
    if rank >= problem.largest_rank:
        reason += f", and the rank is at its limit {problem.largest_rank}"
        if problem.largest_rank < min(problem.n_w, problem.K * problem.L):
            reason += f" for d = {problem.d}: a larger d may close the gap"
    return End("stalled", reason)

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
    """Return how a run ends after a certificate, or None where it goes on."""
    if bound.risk - trace.lower <= gap * bound.risk:
        return End("solved", f"the gap asked for, {gap:.3g}, is proved")
    if trace.is_late():
        return End("time_limit", f"the time limit of {time_limit:g} s came first")
    return None


def stalled(problem: Problem, rank: int) -> End:
    """Return the end of a run that neither steps nor new directions help: its gap stays open."""
    reason = "in double precision neither further steps nor the new directions that were tried lower the risk"
    if rank >= problem.largest_rank:
        reason += f", and the rank is at its limit {problem.largest_rank}"
        if problem.largest_rank < min(problem.n_w, problem.K * problem.L):
            reason += f" for d = {problem.d}: a larger d may close the gap"
    return End("stalled", reason)

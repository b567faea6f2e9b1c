"""Options of the certified solver: what a user may choose, and how it spends its evaluations."""

from __future__ import annotations

from dataclasses import dataclass, replace

from feature_collapse.errors import check_int, check_real
from feature_collapse.ranks import ALONE, Ranks
from feature_collapse.risk.problem import Problem

_OF_CURVATURE = 1.7  # the median of 17 problems (docs/decisions/0012)
LARGE = 5e8  # scores N·K; from here on a start near the minimum is worth more than one of a high rank


@dataclass(frozen=True)
class Part:
    """A part of a large data set that is solved first: sentences per class, and the gap that suffices."""

    sentences: int
    gap: float

    def gap_on_all(self, problem: Problem, first: float, last: float) -> float:
        """Return the gap to expect on all data after a tilted part, from those at its first and last point.

        What the tilt leaves is a difference of two curvatures, whose variance goes like 1/n for n sentences a
        class, times the step, and the gap is about quadratic in that (`benchmarks/bench_descent.py`).
        """
        return last + _OF_CURVATURE * first * (1.0 / self.sentences - problem.K / len(problem.labels))


@dataclass(frozen=True)
class Schedule:
    """How the solver spends its evaluations.

    Attributes:
        certify_at: expected gap, over the one asked for, at which to certify.
        first_rank: directions to begin with.
        added: directions that are added at once, at most.
        parts: of the data, solved first where there are four times as many sentences.
        part_rounds: iterations between two changes of units, on a part.
        rounds: the same on all data; the last repeats.
        prune_part: singular values, relative to the largest, below which a direction is dropped, on a part.
        prune: the same on all data.
        prune_added: the same once directions were added: those may have to stay small, and would be found
            again.
        small: scores N·K up to which all is in double precision.
        single_until: expected gap, times the risk, to which single precision goes; the rest is in double. Of
            the order of its rounding of a mean of log-sums of scores that are some tens.
        tilted: whether a start that is given, too, is first improved on the parts, each round tilted to the
            gradient of all data at its first point (`Tilt`): for a start near the minimum.
    """

    certify_at: float
    first_rank: int = 16
    added: int = 8
    parts: tuple[Part, ...] = (Part(20, 2e-2), Part(100, 4e-3))
    part_rounds: tuple[int, ...] = (10, 15, 15, 15, 15)
    rounds: tuple[int, ...] = (15, 15, 15, 15, 15, 30, 60)
    prune_part: float = 1e-2
    prune: float = 1e-4
    prune_added: float = 1e-8
    small: float = 2e6
    single_until: float = 1e-5
    tilted: bool = False

    def parts_of(self, problem: Problem) -> tuple[Part, ...]:
        """Return the parts that are solved before all of a problem's data."""
        N = len(problem.labels)
        return tuple(part for part in self.parts if N >= 4 * part.sentences * problem.K)

    def from_near(self) -> Schedule:
        """Return the schedule from a start near the minimum: its units are right at once."""
        return replace(self, small=0.0, rounds=(30, 30, 60))

    def limit(self, number: int) -> int:
        """Return the iterations of a round on all data."""
        return self.rounds[min(number, len(self.rounds) - 1)]


PLAIN = Schedule(certify_at=0.97)  # there the expected gap misses about 1% of the proved one
# from the mean field's weights, good to about 1%: one part does, and its curvature serves on all data
FROM_THEORY = Schedule(certify_at=0.97, parts=(Part(50, 6e-4),), part_rounds=(15,), tilted=True)
SPHERE = Schedule(certify_at=0.6)  # there the expected gap misses more of the proved one


@dataclass(frozen=True)
class SolverOptions:
    """What a user may choose beside the gap.

    Attributes:
        time_limit: seconds, None for no limit; a last certificate comes on top.
        memory_limit: bytes, for the certificate.
        seed: of the spectral start's subspace iteration.
        schedule: None for `PLAIN` or `SPHERE`, as the problem is.
        checkpoint_seconds: between two checkpoints; more where writing them would take 5% of the time.
        n_c: concepts, for the residuals of collapse in the history; None leaves them NaN.
        ranks: processes that share the classes, of which rank 0 solves and the others `lend`.

    Raises:
        InputError: a value out of its range.
    """

    time_limit: float | None = None
    memory_limit: float = 4e9
    seed: int = 0
    schedule: Schedule | None = None
    checkpoint_seconds: float = 30.0
    n_c: int | None = None
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.time_limit is not None:
            check_real("time_limit", self.time_limit, 0.0, above=True)
        check_real("memory_limit", self.memory_limit, 1e6)
        check_int("seed", self.seed, 0, 2**63 - 1)
        check_real("checkpoint_seconds", self.checkpoint_seconds, 0.0)
        if self.n_c is not None:
            check_int("n_c", self.n_c, 2)

    def schedule_for(self, problem: Problem) -> Schedule:
        """Return the schedule for a problem."""
        if self.schedule is not None:
            return self.schedule
        return PLAIN if problem.radius is None else SPHERE

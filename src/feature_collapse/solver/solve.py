"""The certified solver: the global minimiser of an empirical risk, with a proof.

Full-batch L-BFGS at a small rank, from the spectral start. At a point that is nearly critical the certificate
(R2, R3) is computed; the solver stops when it proves the gap asked for. Otherwise it adds the directions of
claim I where there are any, and goes on. Large data sets are first solved on some sentences of each class.
Single precision to begin with, double where that is used up. Nothing here depends on luck: a wrong turn shows
as a gap that does not close.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from feature_collapse.certificates.bound import Bound
from feature_collapse.certificates.gram import exact_products
from feature_collapse.certificates.memory import classes_per_block
from feature_collapse.errors import check_type
from feature_collapse.model.weights import Weights
from feature_collapse.ranks import RankLost
from feature_collapse.risk.problem import Problem
from feature_collapse.solver import escape
from feature_collapse.solver.checkpoint import Saved
from feature_collapse.solver.descend import Round, descend
from feature_collapse.solver.lift import lift
from feature_collapse.solver.models import PRECISE_BELOW, make_model
from feature_collapse.solver.objective import Model
from feature_collapse.solver.options import Part, Schedule, SolverOptions
from feature_collapse.solver.proof import Proof, prove
from feature_collapse.solver.range import check_range
from feature_collapse.solver.solution import Solution
from feature_collapse.solver.start import given_start, spectral_start
from feature_collapse.solver.state import Patience, State
from feature_collapse.solver.stop import End, end_of, stalled
from feature_collapse.solver.trace import Progress, Trace
from feature_collapse.solver.zero import may_be_zero, zero_weights
from feature_collapse.threads import one_torch_thread


@dataclass(frozen=True, eq=False)
class _Run:
    """What does not change during a run."""

    problem: Problem
    gap: float
    options: SolverOptions
    schedule: Schedule
    trace: Trace

    @property
    def first_target(self) -> float:
        """Expected gap at which to certify."""
        return self.schedule.certify_at * self.gap

    def prove(self, state: State) -> Proof:
        """Return the certificate at a state."""
        return prove(self.problem, state, self.gap, self.options, self.trace)


@one_torch_thread()
@exact_products()
def solve(
    problem: Problem,
    *,
    gap: float = 1e-3,
    options: SolverOptions | None = None,
    start: Weights | None = None,
    checkpoint: str | Path | None = None,
    callback: Callable[[Progress], None] | None = None,
) -> Solution:
    """Minimise the risk until (risk - lower bound)/risk ≤ gap, proved.

    Time: 6 N K L r flops and N K exponentials per evaluation, some 50-150 of them; a few certificates of
    N K L additions and K L n_w² flops. Memory: the limit in `options` and 48 N L bytes. Of P ranks (in
    `options`) each takes a Pth of all this; rank 0 alone what is O(n_w³) and O((n_w + K L) r).

    >>> from feature_collapse.task import make_task
    >>> found = solve(Problem.of(make_task(n_w=12, L=3, K=8, seed=0), n_spl=3, lambda_=0.01))
    >>> found.status, found.relative_gap <= 1e-3, found.weights.n_w
    ('solved', True, 12)

    Args:
        problem: data, λ ≥ 1e-9, normaliser.
        gap: relative, 1e-10 to 1.
        options: time and memory limits, seed, schedule.
        start: weights to begin from instead of the spectral start; of few coordinates, or of a normalised
            network, of which the features count. The gap proved does not depend on it.
        checkpoint: file to continue from and to write to; None for neither.
        callback: called with the progress about ten times a second.

    Raises:
        InputError: a value out of its range, or a limit too small for the certificate.
        KeyboardInterrupt: after Ctrl-C, once the checkpoint is written.
        RankLost: another rank is gone; likewise.
    """
    check_type("problem", problem, Problem, "a Problem (Problem.of makes one)")
    if start is not None:
        check_type("start", start, Weights, "Weights")
    check_range(gap, problem.lambda_)
    options = SolverOptions() if options is None else options
    check_type("options", options, SolverOptions, "SolverOptions")
    classes_per_block(problem, options.memory_limit)  # or refuse now what the certificate would at the end
    options.ranks.check(problem.K)
    if checkpoint is not None:
        check_type("checkpoint", checkpoint, (str, Path), "a path")
        checkpoint = Path(checkpoint)
    trace = Trace(problem, gap, options, checkpoint, callback)
    run = _Run(problem, gap, options, options.schedule_for(problem), trace)
    parts = run.schedule.parts_of(problem)
    try:
        saved = trace.resume(run.schedule)
        zero = None if saved is not None else _zero_solution(run, parts)
        if zero is not None:
            return zero
        state = _first(run, parts, start) if saved is None else _resumed(run, saved)
        for number, part in enumerate(parts[state.parts_done :], state.parts_done + 1):
            state = _solve_part(run, part, replace(state, phase=number))
        return _solve_all(run, state)
    except (KeyboardInterrupt, RankLost):
        trace.save()
        raise


def _first(run: _Run, parts: Sequence[Part], start: Weights | None) -> State:
    """Return the state to begin from: that of given weights, on all data, or the spectral start."""
    problem, schedule = run.problem, run.schedule
    single = len(problem.labels) * problem.K > schedule.small and problem.lambda_ >= PRECISE_BELOW
    if start is None and problem.lambda_ < PRECISE_BELOW:
        start = _at_larger_lambda(run)
    if start is not None:
        V, U = given_start(problem, start)
        behind = 0 if schedule.tilted else len(parts)
        return State(V, U, run.first_target, single=single, parts_done=behind)
    begin = problem.first_of_each_class(parts[0].sentences) if parts else problem
    rank = min(schedule.first_rank, problem.largest_rank)
    V, U = spectral_start(begin, rank, run.options.seed, few=bool(parts), ranks=run.options.ranks)
    return State(V, U, run.first_target, single=single)


def _at_larger_lambda(run: _Run) -> Weights | None:
    """Return the solution at 100 λ, from which a tiny λ is reached; None if zero, or no time is left."""
    time_limit = run.options.time_limit
    if time_limit is not None:
        time_limit -= run.trace.seconds()
        if time_limit <= 0:
            return None
    options = replace(run.options, time_limit=time_limit)
    larger = replace(run.problem, lambda_=100.0 * run.problem.lambda_)
    found = solve(larger, gap=max(run.gap, 1e-3), options=options, callback=run.trace.callback)
    return found.weights if found.rank else None


def _resumed(run: _Run, saved: Saved) -> State:
    """Return the state of a checkpoint; under another gap, the present round is begun again."""
    if saved.gap == run.gap:
        return saved.state
    return replace(saved.state, target=run.first_target, ended=False, descent=None)


def _solve_part(run: _Run, part: Part, state: State) -> State:
    """Return the state once a part of the data is solved to the gap that suffices there."""
    data, ranks = run.problem.first_of_each_class(part.sentences), run.options.ranks
    whole = _model(run, replace(state, shift=None)) if run.schedule.tilted else None
    model = make_model(data, single=True, ranks=ranks)
    model.risk.shift = state.shift
    rounds, schedule = run.schedule.part_rounds, run.schedule
    prune = schedule.prune_added if state.added else schedule.prune_part
    while state.round < len(rounds):
        if not state.ended:
            state = descend(model, state, Round(rounds[state.round], part.gap, prune), run.trace, whole)
        if state.expected <= part.gap or run.trace.is_late():
            break
        state = state.next_round(state.target)
    return state.next_phase(part.gap_on_all(run.problem, state.expected_at_first, state.expected))


def _solve_all(run: _Run, state: State) -> Solution:
    """Return the solution on all data: descent, certificates, new directions, until there is an end.

    After a tilted part that promises the gap the certificate comes first: it, too, finds risk and gap.
    """
    if state.is_promising:
        bound = run.prove(state).bound
        if end := end_of(run.trace, bound, run.gap, run.options.time_limit):
            return _solution(run, state, bound, end)
        state = replace(state, last_risk=bound.risk, expected=math.inf)
    model = _model(run, state)
    while True:
        if not state.ended:
            schedule, prune = run.schedule, run.schedule.prune_added if state.added else run.schedule.prune
            round_ = Round(schedule.limit(state.round), state.target, prune, _rounding(run, state))
            state = descend(model, state, round_, run.trace)
        if not (state.expected <= state.target or state.stalled or run.trace.is_late()):
            used_up = state.expected_absolute <= _rounding(run, state)
            state = state.next_round(state.target)
            if used_up:
                state = replace(state, single=False, shift=None)
                model = _model(run, state)
            continue
        proof = run.prove(state)
        end = end_of(run.trace, proof.bound, run.gap, run.options.time_limit)
        improved = None if end is not None else _improved(run, model, state, proof)
        if improved is None:
            end = end or stalled(run.problem, run.trace, proof.bound, run.gap, state.rank)
            return _solution(run, state, proof.bound, end)
        if improved.single != state.single:
            model = _model(run, improved)
        state = improved


def _rounding(run: _Run, state: State) -> float:
    """Return the gap, absolute, beyond which single precision does not see; 0 in double."""
    return run.schedule.single_until if state.single else 0.0


def _model(run: _Run, state: State) -> Model:
    model = make_model(run.problem, state.single, run.options.ranks)
    model.risk.shift = state.shift
    return model


def _improved(run: _Run, model: Model, state: State, proof: Proof) -> State | None:
    """Return the state from which to go on where a certificate does not suffice; None if nothing helps.

    With the directions of claim I, else in double precision, else with a smaller expected gap to reach.
    """
    problem, risk = run.problem, proof.bound.risk
    count = min(run.schedule.added, problem.largest_rank - state.rank)
    new = escape.directions(proof.point, state.V, problem.lambda_, problem.radius, 0.1 * run.gap, count)
    anew = replace(state.next_round(run.first_target), patience=Patience(), last_risk=risk)
    if new.shape[1]:
        V, U, found = escape.add(model, state.V, state.U, new, problem.lambda_, problem.radius)
        state = replace(state, V=V, U=U, shift=model.risk.shift)
        if found:
            return replace(anew, V=V, U=U, added=True, shift=model.risk.shift)
    if state.stalled and state.single:
        return replace(anew, single=False, shift=None)
    if state.stalled and risk >= state.last_risk * (1.0 - 1e-12):
        return None
    wanted = 0.8 * run.gap * risk / (risk - proof.bound.lower_bound)
    target = state.expected * min(0.8, max(0.1, wanted))
    return replace(state.next_round(target), last_risk=risk)


def _zero_solution(run: _Run, parts: Sequence[Part]) -> Solution | None:
    """Return the solution at zero weights, where λ is about λ_max or above it and the certificate agrees.

    For a normalised network, where nothing in the data tells the classes apart.
    """
    problem = run.problem
    part = problem.first_of_each_class(parts[0].sentences) if parts else problem
    if not may_be_zero(problem, part, run.options.seed):
        return None
    state = State(*zero_weights(problem), run.first_target)
    bound, lambda_ = run.prove(state).bound, problem.lambda_
    if bound.relative_gap > run.gap:
        run.trace.begin_anew()
        return None
    reason = f"zero weights are within the gap asked for, {run.gap:.3g}, which is proved"
    if problem.radius is None:
        compared = "at or above" if lambda_ >= bound.operator_norm else "just below, or within rounding of,"
        reason += f" (lambda = {lambda_:g} is {compared} lambda_max = {bound.operator_norm:.9g})"
    return _solution(run, state, bound, End("zero", reason))


def _solution(run: _Run, state: State, bound: Bound, end: End) -> Solution:
    problem = run.problem
    bound = replace(bound, lower_bound=run.trace.lower)
    rank = state.rank if end.status != "zero" else 0
    V, U = state.V.cpu().numpy(), state.U.cpu().numpy().reshape(problem.K, problem.L, -1)
    if problem.radius is not None:
        V, U = lift(V, U, problem.d, mean_zero=problem.normaliser.centred)
    elif rank == 0:
        V, U = np.zeros((problem.n_w, 1)), np.zeros((problem.K, problem.L, 1))
    word_units = problem.word_units()
    if word_units is not None:
        V = V * word_units[:, None]
    numbers = (
        f"risk {bound.risk:.8g}, lower bound {bound.lower_bound:.8g}, relative gap {bound.relative_gap:.2e}"
    )
    message = f"{end.reason}; {numbers}, rank {rank}"
    weights, trace = Weights(V, U, problem.normaliser), run.trace
    return Solution(weights, bound, end.status, message, trace.history(), trace.seconds(), rank)

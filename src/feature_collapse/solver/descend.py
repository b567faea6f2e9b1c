"""One round of descent: L-BFGS in fixed units, until the gap expected is small enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch

from feature_collapse.solver.lbfgs import Curvature, Iterate, next_iterate
from feature_collapse.solver.objective import Model
from feature_collapse.solver.state import Descent, State, Tilt
from feature_collapse.solver.trace import Trace


@dataclass(frozen=True)
class Round:
    """When a round is over.

    Attributes:
        limit: iterations.
        target: expected gap that suffices.
        prune: singular values, relative to the largest, below which a direction is dropped at the end.
        rounding: absolute gap that suffices, too: beyond it the precision does not see.
    """

    limit: int
    target: float
    prune: float
    rounding: float = 0.0

    def is_over(self, state: State) -> bool:
        """Return whether the state ends the round."""
        count = state.descent.count if state.descent is not None else 0
        # a first point is not believed, unless a descent on a part led there: the gap is one of first order
        known = count > 1 or (state.descent is not None and len(state.descent.curvature.rows) > 0)
        near = state.expected <= self.target or state.expected_absolute <= self.rounding
        return state.stalled or (near and known) or count > self.limit


def descend(model: Model, state: State, round_: Round, trace: Trace, whole: Model | None = None) -> State:
    """Return the state at the end of a round. 6 N K L r flops and N K exponentials an iteration.

    A state in the middle of a round goes on there. A part of the data that begins is tilted to the gradient
    of the `whole`, if that is given, by one evaluation of it.
    """
    if state.rank == 0:
        return replace(state, expected=0.0, stalled=True, ended=True)
    if state.descent is None or state.descent.at is None:
        state = _begin(model, state, trace, whole)
    while not round_.is_over(state) and not trace.is_late():
        assert state.descent is not None and state.descent.at is not None
        at = next_iterate(partial(state.descent.evaluate, model), state.descent.at)
        state = _moved(model, state, replace(state.descent, at=at, count=state.descent.count + 1), trace)
    V, U = model.prune(state.V, state.U, round_.prune)
    descent = state.descent
    assert descent is not None
    kept = replace(descent, at=None, count=0) if state.phase and V.shape[1] == state.rank else None
    return replace(state, V=V, U=U, ended=True, descent=kept)


def _begin(model: Model, state: State, trace: Trace, whole: Model | None) -> State:
    """Return the state after a round's first evaluation, tilted to the gradient of `whole` if given."""
    V, U, kept = state.V, state.U, state.descent
    if kept is None or kept.units.r != state.rank or kept.curvature.S.dtype != model.risk.dtype:
        V, U, units = model.units(V, U)
        x = model.variables(units, V, U)
        kept = Descent(units, Curvature.empty(x))
    else:  # the same variables, more data: what was learnt still holds
        x = model.variables(kept.units, V, U)
    found = model.evaluate(kept.units, x)
    if whole is not None and kept.tilt is None:
        dtype = whole.risk.dtype
        of_all = whole.evaluate(kept.units.to(dtype), x.to(dtype))
        tilt = Tilt.between(x, found, of_all)
        expected = model.expected_gap(kept.units, Iterate(x, tilt(x, found), kept.curvature))
        kept = replace(kept, tilt=replace(tilt, expected=expected))
    if kept.tilt is not None:
        found = kept.tilt(x, found)
    return _moved(model, state, replace(kept, at=Iterate(x, found, kept.curvature), count=1), trace)


def _moved(model: Model, state: State, descent: Descent, trace: Trace) -> State:
    """Return the state at a descent's new iterate, and note it."""
    at = descent.at
    assert at is not None
    V, U = model.weights(descent.units, at.x)
    expected = model.expected_gap(descent.units, at)
    patience = state.patience.after(at.value, expected)
    state = replace(
        state,
        V=V,
        U=U,
        expected=expected,
        patience=patience,
        stalled=patience.is_gone(single=model.risk.dtype == torch.float32) or at.stalled,
        iteration=state.iteration + 1,
        descent=replace(descent, curvature=at.curvature),
        shift=model.risk.shift,
    )
    trace.iterated(state, at.value)
    return state

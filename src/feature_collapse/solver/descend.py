"""One round of descent: L-BFGS in fixed units, until the gap expected is small enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch

from feature_collapse.solver.lbfgs import Iterate, first_iterate, next_iterate
from feature_collapse.solver.objective import Model, Units
from feature_collapse.solver.state import Descent, State
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
        # a first point is never believed: the expected gap is one of first order
        near = state.expected <= self.target or state.expected_absolute <= self.rounding
        return state.stalled or (near and count > 1) or count > self.limit


def descend(model: Model, state: State, round_: Round, trace: Trace) -> State:
    """Return the state at the end of a round. 6 N K L r flops and N K exponentials an iteration.

    A state in the middle of a round goes on there.
    """
    if state.rank == 0:
        return replace(state, expected=0.0, stalled=True, ended=True)
    if state.descent is None or state.descent.at is None:
        state = _begin(model, state, trace)
    while not round_.is_over(state) and not trace.is_late():
        assert state.descent is not None and state.descent.at is not None
        units = state.descent.units
        at = next_iterate(partial(model.evaluate, units), state.descent.at)
        state = _moved(model, state, units, at, state.descent.count + 1, trace)
    V, U = model.prune(state.V, state.U, round_.prune)
    descent = state.descent
    assert descent is not None
    kept = replace(descent, at=None, count=0) if state.phase and V.shape[1] == state.rank else None
    return replace(state, V=V, U=U, ended=True, descent=kept)


def _begin(model: Model, state: State, trace: Trace) -> State:
    """Return the state after a round's first evaluation."""
    V, U, kept = state.V, state.U, state.descent
    if kept is not None and kept.units.r == state.rank and kept.curvature.S.dtype == model.risk.dtype:
        units, curvature = (
            kept.units,
            kept.curvature,
        )  # the same variables, more data: what was learnt still holds
    else:
        V, U, units = model.units(V, U)
        curvature = None
    at = first_iterate(partial(model.evaluate, units), model.variables(units, V, U), curvature)
    return _moved(model, state, units, at, 1, trace)


def _moved(model: Model, state: State, units: Units, at: Iterate, count: int, trace: Trace) -> State:
    """Return the state at a new iterate, and note it."""
    V, U = model.weights(units, at.x)
    expected = model.expected_gap(units, at)
    patience = state.patience.after(at.value, expected)
    state = replace(
        state,
        V=V,
        U=U,
        expected=expected,
        patience=patience,
        stalled=patience.is_gone(single=model.risk.dtype == torch.float32) or at.stalled,
        iteration=state.iteration + 1,
        descent=Descent(units, at.curvature, at, count),
        shift=model.risk.shift,
    )
    trace.iterated(state, at.value)
    return state

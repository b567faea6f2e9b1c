"""Where a certified run is: one immutable value, handed on and kept in the checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.solver.lbfgs import Curvature, Evaluation, Iterate
from feature_collapse.solver.objective import Model, Units

_NOTICED = 1e-9  # progress of the risk, relative, that counts
_WAITS = {"single": 30, "double": 200}  # iterations without progress after which the precision is used up


@dataclass(frozen=True)
class Patience:
    """How long nothing has got better.

    Attributes:
        least: smallest expected gap so far.
        lowest: the risk when it last fell by what counts.
        waited: iterations since either fell.
    """

    least: float = math.inf
    lowest: float = math.inf
    waited: int = 0

    def after(self, risk: float, expected: float) -> Patience:
        """Return the patience after one more iteration."""
        noticed = risk < self.lowest * (1.0 - _NOTICED)
        waited = 0 if noticed or expected < self.least else self.waited + 1
        return Patience(min(self.least, expected), risk if noticed else self.lowest, waited)

    def is_gone(self, single: bool) -> bool:
        """Return whether the precision is used up."""
        return self.waited > _WAITS["single" if single else "double"]


@dataclass(frozen=True, eq=False)
class Tilt:
    """A linear term ⟨gradient, x⟩ + level that gives a part of the data the gradient of all at one point.

    The minimum of the part so tilted is that of all data but for the difference of their curvatures (the
    step of O. Shamir, N. Srebro, T. Zhang, Communication-efficient distributed optimization, ICML 2014).

    Attributes:
        gradient: by the variables of the descent.
        level: makes the two risks equal at that point.
        expected: gap at that point; 0 until it is known.
    """

    gradient: Float[Tensor, " n"]
    level: float
    expected: float = 0.0

    @classmethod
    def between(cls, x: Tensor, part: Evaluation[Tensor], whole: Evaluation[Tensor]) -> Tilt:
        """Return the tilt that takes one evaluation at x to the other."""
        gradient = whole.gradient.to(x.dtype) - part.gradient
        return cls(gradient, whole.value - part.value - float(torch.dot(gradient, x)))

    def __call__(self, x: Tensor, found: Evaluation[Tensor]) -> Evaluation[Tensor]:
        """Return the tilted evaluation at x."""
        value = found.value + self.level + float(torch.dot(self.gradient, x))
        return replace(found, value=value, gradient=found.gradient + self.gradient)


@dataclass(frozen=True, eq=False)
class Descent:
    """The descent in some units.

    Attributes:
        units: of the variables.
        curvature: what is known of it.
        at: the iterate; None between two rounds that share variables (more data, the same directions).
        count: iterations of this round.
        tilt: of a part of the data.
    """

    units: Units
    curvature: Curvature[Tensor]
    at: Iterate[Tensor] | None = None
    count: int = 0
    tilt: Tilt | None = None

    def evaluate(self, model: Model, x: Tensor) -> Evaluation[Tensor]:
        """Return a model's evaluation at variables x, tilted where the descent is."""
        found = model.evaluate(self.units, x)
        return found if self.tilt is None else self.tilt(x, found)


@dataclass(frozen=True, eq=False)
class State:
    """Where a run is.

    Attributes:
        V, U: (n_w, r) and (K L, r) weights, float64; under a decay a, row j of V is √a_j w_j.
        target: expected gap at which to certify.
        phase: 0 on all data, p ≥ 1 on part p of it.
        parts_done: parts that are behind.
        single: whether all data are treated in single precision.
        round: rounds of this phase that are behind.
        ended: whether the round under way has ended and waits for what is decided on it.
        expected, stalled: the gap expected at V and U, after a part that on all data, and whether the
            precision is used up there.
        last_risk: that of the certificate before.
        added: whether directions were added.
        patience: how long nothing has got better.
        iteration: iterations so far.
        descent: the descent under way.
        shift: the shift of the scores (`EmpiricalRisk.shift`) that the next evaluation uses.
    """

    V: Float[Tensor, "n_w r"]
    U: Float[Tensor, "K*L r"]
    target: float
    phase: int = 0
    parts_done: int = 0
    single: bool = False
    round: int = 0
    ended: bool = False
    expected: float = math.inf
    stalled: bool = False
    last_risk: float = math.inf
    added: bool = False
    patience: Patience = Patience()
    iteration: int = 0
    descent: Descent | None = None
    shift: Tensor | None = None

    @property
    def rank(self) -> int:
        """Directions in use."""
        return int(self.V.shape[1])

    @property
    def expected_absolute(self) -> float:
        """The gap expected, in units of the risk; inf before the first evaluation."""
        return self.expected * self.patience.lowest

    @property
    def expected_at_first(self) -> float:
        """The gap expected at the first point of a tilted round; inf where there is none."""
        tilt = None if self.descent is None else self.descent.tilt
        return math.inf if tilt is None else tilt.expected

    @property
    def is_promising(self) -> bool:
        """Whether a part led to where a certificate is worth more than a first evaluation of all data."""
        unseen = math.isinf(self.patience.lowest) and math.isinf(self.last_risk)
        return self.phase == 0 and unseen and self.expected <= self.target

    def next_round(self, target: float) -> State:
        """Return the state at the beginning of the next round on the same data."""
        return replace(self, round=self.round + 1, ended=False, target=target, descent=None)

    def next_phase(self, expected: float) -> State:
        """Return the state after a part, and the gap to expect: what was reached there says little else."""
        descent = None if self.descent is None else replace(self.descent, tilt=None)
        return replace(
            self,
            phase=0,
            parts_done=self.parts_done + 1,
            round=0,
            ended=False,
            expected=expected,
            patience=Patience(),
            descent=descent,
            shift=None,
        )

"""Scores relative to the label's, s_ik - s_iy, in units of log 2 and within the range of exponentials."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.certificates.sentence_parts import Part, Parts
from feature_collapse.errors import InputError
from feature_collapse.ranks import ALONE, Ranks

_LARGEST = 1e17  # differences of such scores are rounding
LOG_2 = math.log(2.0)
_RANGE = 900.0  # 2 to this power, and sums of many of them, are finite


class ScoreDifferences:
    """s_ik - s_iy - t_i for some classes k; the shift is one more column of the product.

    Attributes:
        largest: a bound on |s_ik - s_iy|, not in units of log 2.
        excess: (N,) t_i: 0 but where some difference could not be exponentiated; there the largest of them.
    """

    def __init__(self, V: Float[Tensor, "n_w r"], U: Float[Tensor, "K L*r"], L: int) -> None:
        """Prepare for representations V and linear weights U.

        Raises:
            InputError: scores whose differences are rounding.
        """
        self.V, self.U = V, U
        ones = torch.ones(len(U), 1, dtype=U.dtype, device=U.device)
        self.U1 = torch.cat((U * math.log2(math.e), ones), 1)
        of_U = U.reshape(len(U) * L, -1).norm(dim=1).max()
        self.largest = 2.0 * L * float(V.norm(dim=1).max()) * float(of_U)
        if not self.largest < _LARGEST:
            raise InputError(
                f"the weights' scores reach {self.largest:.1g}, but must be below {_LARGEST:g}: float64 "
                "cannot tell their differences"
            )
        self.excess: Tensor | None = None

    def bring_into_range(self, parts: Parts, blocks: list[tuple[int, int]], ranks: Ranks = ALONE) -> None:
        """Find the excess, where the weights are large enough to need one. N K L r flops then.

        `blocks` of classes are this rank's.
        """
        if self.largest * math.log2(math.e) < _RANGE:
            return
        peaks = torch.zeros_like(parts.omega)
        for part in parts:
            for low, high in blocks:
                peak = self(part, low, high).amax(1)
                peaks[part.rows] = torch.maximum(peaks[part.rows], peak)
        ranks.maximum(peaks)
        self.excess = torch.where(peaks > _RANGE, peaks, 0.0)

    def __call__(self, part: Part, low: int, high: int, buffer: Tensor | None = None) -> Tensor:
        """Return the differences (n, high - low), in the buffer if one is given."""
        n = part.stop - part.start
        x = self.V.index_select(0, part.flat).view(n, -1)
        own = (x * self.U1[:, :-1].index_select(0, part.labels)).sum(1, keepdim=True)
        if self.excess is not None:
            own = own + self.excess[part.rows].unsqueeze(1)
        x = torch.cat((x, -own), 1)
        if buffer is None:
            return torch.mm(x, self.U1[low:high].T)
        s = torch.mm(x, self.U1[low:high].T, out=buffer[: n * (high - low)].view(n, high - low))
        # beyond scores of 1e15 rounding alone can be out of range; any output is one the bounds hold for
        return s if self.excess is None else s.clamp_(max=_RANGE)

    def label_terms(self, part: Part) -> Tensor:
        """Return 2^(-t_i), the label's own term of the sum of exponentials; at least 2^-1000."""
        if self.excess is None:
            return torch.ones_like(part.omega)
        return _label_term(self.excess[part.rows])

    def own_terms(self) -> Tensor | None:
        """Return the same for all sentences; None for ones."""
        return None if self.excess is None else _label_term(self.excess)


def _label_term(excess: Tensor) -> Tensor:
    return torch.exp2(-excess.clamp(max=1000.0))

"""What the ranks other than rank 0 do: they wait for its orders and answer."""

from __future__ import annotations

from torch import Tensor

from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.certificates.gram import exact_products
from feature_collapse.ranks import Ranks
from feature_collapse.risk.shared import SharedRisk, unpacked
from feature_collapse.threads import one_torch_thread


@one_torch_thread()
@exact_products()
def lend(ranks: Ranks) -> None:
    """Answer the orders of rank 0, which solves (`SolverOptions.ranks`), until it ends the run.

    Time and memory are a rank's part of `SharedRisk` and `dual_point`; nothing is printed or written.

    Raises:
        RankLost: another rank is gone.
    """
    risk: SharedRisk | None = None
    while True:
        order, tensors = ranks.asked()
        if order == "end":
            return
        if order == "data":
            *packed, sample = tensors
            assert sample is not None
            risk = SharedRisk(unpacked(packed), ranks, dtype=sample.dtype)
        elif order == "certify":
            _certify(tensors, ranks)
        else:
            assert risk is not None
            risk.answer(order, tensors)


def _certify(tensors: list[Tensor | None], ranks: Ranks) -> None:
    V, U, limit, *packed = tensors
    assert V is not None
    assert U is not None
    assert limit is not None
    dual_point(V, U, unpacked(packed), memory_limit=float(limit), ranks=ranks)

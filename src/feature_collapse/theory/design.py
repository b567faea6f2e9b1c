"""What the theorems need to know of the latents: their number, distances, and whether the symmetry holds.

For the designs `all` and the named codes this follows without building the K latents (K may be 10^100). R4:
for a linear code over n_c elements, n_c prime, with no zero coordinate and weights spread evenly over the
positions (for instance by a coordinate-transitive automorphism group), properties (i)-(iii) of lemma B hold
although assumption A does not, and theorems 1 and 3 hold with |S_r| the number of codewords of weight r.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_collapse.errors import InputError, check_choice, check_int
from feature_collapse.task import codes
from feature_collapse.task.assumption_b import assumption_b
from feature_collapse.task.task import DESIGNS, LATENTS, Task, generator, make_latents
from feature_collapse.task.weight_enumerators import code_symmetry, dual_symmetry
from feature_collapse.theory.distance_law import AssumptionA, DistanceLaw, Spheres, check_sizes, log_share

_DUALS = {"parity": "repetition", "hamming": "simplex"}
MANY_CONCEPTS = 40  # beyond it assumption B, a matter of the converses alone, takes minutes: n_c^6
_CHEAP = 2e9  # operations allowed for measuring a set of latents when only asked for a prediction


@dataclass(frozen=True)
class Design:
    """Facts about a set of latents.

    Attributes:
        name: of the design, or `given`.
        n_c, L: concepts, sentence length.
        K: number of latents, any Python integer.
        law: distances, exact where `symmetric`, else those of assumption A.
        complete: whether it is all n_c^L latents, each once.
        distinct: whether no latent occurs twice; None where not looked at.
        symmetric: whether (i)-(iii) of lemma B hold exactly; None where not looked at.
        residual_a: relative violation of assumption A; None where not looked at.
        assumption_b: whether assumption B holds; None where not looked at.
    """

    name: str
    n_c: int
    L: int
    K: int
    law: DistanceLaw
    complete: bool
    distinct: bool | None
    symmetric: bool | None
    residual_a: float | None
    assumption_b: bool | None

    @classmethod
    def of(cls, task: Task, measure: bool = True, name: str = "given") -> Design:
        """Return the facts about a task's latents.

        >>> from feature_collapse.task import Task
        >>> Design.of(Task.of([[0, 1], [1, 2], [2, 0]], mu=[1.0], n_c=3)).symmetric
        True

        Args:
            task: gives concepts and latents.
            measure: look at symmetry, O(K² L² n_c), and at assumption B where that is affordable; else only
                at repetitions, O(K L log K).
            name: of the design.
        """
        n_c, L, K = task.n_c, task.L, task.K
        distinct = len(np.unique(task.latents, axis=0)) == K
        complete = distinct and log_share(n_c, L, K) == 0
        law: DistanceLaw = AssumptionA(n_c, L, K)
        if not measure:
            return cls(name, n_c, L, K, law, complete, distinct, None, None, None)
        found = task.symmetry
        symmetric = found.lemma_b and distinct and K > 1
        law = Spheres(found.sizes) if symmetric else law
        b = task.assumption_b.holds if n_c <= MANY_CONCEPTS else None
        return cls(name, n_c, L, K, law, complete, distinct, symmetric, found.residual_a, b)

    def why_not_symmetric(self) -> str:
        """Return why theorems 1 and 3 do not apply to these latents, in a clause; empty where they do."""
        if self.symmetric and self.distinct:
            return ""
        if self.distinct is False:
            return "some latents occur twice"
        off = (
            ""
            if self.residual_a is None
            else f" (assumption A is off by {self.residual_a:.3g} of its counts, root mean square)"
        )
        return f"the latents are symmetric only approximately{off}"


def design_of(name: str, n_c: int, L: int, K: int, seed: int = 0) -> Design:
    """Return the facts for a named design; latents are built and measured where that takes under a second.

    Args:
        name: `random`, `distinct`, `all` or the name of a linear code.
        n_c: number of concepts.
        L: sentence length.
        K: number of classes, not used for `all` and codes.
        seed: of random designs.

    Raises:
        InputError: an unknown name, or sizes for which the design does not exist.
    """
    check_choice("design", name, DESIGNS)
    named = name not in ("random", "distinct")
    n_c, L, K = check_sizes(n_c, L, 1 if named else K, fewest=1)
    check_int("seed", seed, 0, 2**63 - 1)
    if name == "distinct" and log_share(n_c, L, K) > 0:
        raise InputError(f"K = {K} distinct latents, but there are only n_c^L = {n_c}^{L}")
    if name == "all" or (name == "distinct" and log_share(n_c, L, K) == 0):
        return Design(name, n_c, L, n_c**L, AssumptionA(n_c, L, n_c**L), True, True, True, 0.0, True)
    if named:
        return _of_code(name, n_c, L)
    if _is_cheap(n_c, L, K):
        drawn = make_latents(n_c, L, K, name, generator(seed, LATENTS))
        return Design.of(Task.of(drawn, [1.0], n_c), name=name)
    distinct = None if name == "random" else True
    return Design(name, n_c, L, K, AssumptionA(n_c, L, K), False, distinct, None, None, None)


def given_design(task: Task) -> Design:
    """Return the facts for latents that somebody gives; measured where that takes under a second."""
    return Design.of(task, measure=_is_cheap(task.n_c, task.L, task.K))


def _is_cheap(n_c: int, L: int, K: int) -> bool:
    return K * K * L * L * n_c <= _CHEAP


def _of_code(name: str, n_c: int, L: int) -> Design:
    check_int("L", L, 1, 2000)
    check_int("n_c", n_c, 2, 10_000)
    if name in _DUALS and L > 1:  # a large code with a small dual
        try:
            small = codes.generator(_DUALS[name], n_c, L)
        except InputError as error:
            raise InputError(str(error).replace(_DUALS[name], name)) from None
        found = dual_symmetry(small, n_c)
    else:
        found = code_symmetry(codes.generator(name, n_c, L), n_c)
    b = None
    if found.K**2 * (L + n_c**4) <= _CHEAP / 10:
        b = assumption_b(codes.codewords(codes.generator(name, n_c, L), n_c), n_c).holds
    complete = n_c**L == found.K
    return Design(
        name,
        n_c,
        L,
        found.K,
        Spheres(found.sizes),
        complete,
        True,
        found.lemma_b,
        _off_a(found.sizes, n_c, L),
        b,
    )


def _off_a(sizes: tuple[int, ...], n_c: int, L: int) -> float | None:
    """Return 0 for all latents; the violation for a code is large and not worth measuring."""
    return 0.0 if sum(sizes) == n_c**L else None

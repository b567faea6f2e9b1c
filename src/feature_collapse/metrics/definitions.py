"""Every value of the report: its key, what it is, where it was published, and which side means collapse.

`docs/metrics.md` has the formulas in full; a test checks that each key here is explained there.
"""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "Laurent, von Brecht, Bresson 2023, arXiv 2305.16162"
PAPYAN = "Papyan, Han, Donoho 2020, arXiv 2008.08186"
ZHU = "Zhu et al. 2021, arXiv 2105.02375"
GALANTI = "Galanti, György, Hutter 2022, arXiv 2112.15121"
WANG = "Wang, Isola 2020, arXiv 2005.10242"


@dataclass(frozen=True)
class Definition:
    """One value: `collapse` is 'low', 'high' or 'two' (which side is further from chance, for the p-value).

    `labels` is False where the value does not use the concepts, so that shuffling them cannot change it.
    """

    key: str
    title: str
    group: str
    collapse: str
    low: float
    high: float
    labels: bool
    source: str


_INF = float("inf")

DEFINITIONS: dict[str, Definition] = {
    d.key: d
    for d in (
        Definition(
            "spread",
            "within / (within + between) variance",
            "collapse",
            "low",
            0,
            1,
            True,
            "one minus the intraclass correlation, unbiased; Fisher 1925",
        ),
        Definition(
            "direction_spread",
            "the same for the unit vectors",
            "collapse",
            "low",
            0,
            1,
            True,
            "as spread, on x/‖x‖",
        ),
        Definition(
            "length_spread",
            "variation of length inside a concept",
            "collapse",
            "low",
            0,
            _INF,
            True,
            "root mean squared coefficient of variation of ‖x‖",
        ),
        Definition(
            "length_variation",
            "variation of length over all entities",
            "collapse",
            "low",
            0,
            _INF,
            False,
            "coefficient of variation of ‖x‖",
        ),
        Definition("type_I", "residual to type I (definition 1)", "collapse", "low", 0, 1, True, PAPER),
        Definition("type_II", "residual to type II (definition 2)", "collapse", "low", 0, 1, True, PAPER),
        Definition("type_III", "residual to type III (definition 3)", "collapse", "low", 0, 1, True, PAPER),
        Definition(
            "classifier",
            "residual of the classifier's rows to the same frame",
            "collapse",
            "low",
            0,
            1,
            True,
            PAPER,
        ),
        Definition(
            "frame_norms",
            "variation of the norms of the concept means",
            "collapse",
            "low",
            0,
            _INF,
            True,
            f"equation 4 of {PAPER}",
        ),
        Definition(
            "frame_cosine",
            "mean cosine between concept means",
            "collapse",
            "two",
            -1,
            1,
            True,
            f"equation 4 of {PAPER}",
        ),
        Definition(
            "frame_angle_error",
            "mean |cosine + 1/(n_c − 1)| of concept means",
            "collapse",
            "low",
            0,
            2,
            True,
            f"equation 4 of {PAPER}",
        ),
        Definition(
            "length_slope",
            "slope of log length on log frequency",
            "frequency",
            "two",
            -_INF,
            _INF,
            False,
            "least squares",
        ),
        Definition(
            "length_slope_within",
            "the same inside concepts",
            "frequency",
            "two",
            -_INF,
            _INF,
            False,
            "least squares with one intercept per concept",
        ),
        Definition(
            "length_rank_correlation",
            "rank correlation of length and frequency",
            "frequency",
            "two",
            -1,
            1,
            False,
            "Spearman 1904",
        ),
        Definition("nc1", "NC1: tr(Σ_W Σ_B⁺)/n_c", "neural collapse", "low", 0, _INF, True, PAPYAN),
        Definition(
            "nc1_trace_ratio",
            "tr Σ_W / tr Σ_B",
            "neural collapse",
            "low",
            0,
            _INF,
            True,
            "Tirer, Huang, Niles-Weed 2023, arXiv 2210.16658",
        ),
        Definition(
            "cdnv", "class-distance-normalised variance", "neural collapse", "low", 0, _INF, True, GALANTI
        ),
        Definition(
            "nc2_norms",
            "NC2: variation of the centred means' norms",
            "neural collapse",
            "low",
            0,
            _INF,
            True,
            PAPYAN,
        ),
        Definition(
            "nc2_angles",
            "NC2: standard deviation of the cosines",
            "neural collapse",
            "low",
            0,
            1,
            True,
            PAPYAN,
        ),
        Definition(
            "nc2_angle_error",
            "NC2: mean |cosine + 1/(n_c − 1)|",
            "neural collapse",
            "low",
            0,
            2,
            True,
            PAPYAN,
        ),
        Definition(
            "nc2_etf",
            "NC2: distance to the simplex equiangular tight frame",
            "neural collapse",
            "low",
            0,
            2,
            True,
            ZHU,
        ),
        Definition(
            "nc3", "NC3: ‖classifier − means‖² after scaling", "neural collapse", "low", 0, 4, True, PAPYAN
        ),
        Definition(
            "nc4", "NC4: agreement with the nearest centre", "neural collapse", "high", 0, 1, True, PAPYAN
        ),
        Definition(
            "nearest_centre",
            "entities nearest to their own concept (leave-one-out)",
            "neural collapse",
            "high",
            0,
            1,
            True,
            f"NC4 without a classifier; {PAPYAN}",
        ),
        Definition(
            "effective_rank",
            "effective rank (centred)",
            "dimension",
            "two",
            0,
            _INF,
            False,
            "Roy, Vetterli 2007 (EUSIPCO)",
        ),
        Definition(
            "rankme",
            "RankMe (uncentred)",
            "dimension",
            "two",
            0,
            _INF,
            False,
            "Garrido et al. 2023, arXiv 2210.02885",
        ),
        Definition(
            "participation_ratio",
            "participation ratio",
            "dimension",
            "two",
            0,
            _INF,
            False,
            "Gao et al. 2017, bioRxiv 214262",
        ),
        Definition("alignment", "alignment inside concepts", "dimension", "low", 0, 4, True, WANG),
        Definition("uniformity", "uniformity on the sphere", "dimension", "two", -8, 0, False, WANG),
    )
}

CONCEPT_KEYS = ("spread", "direction_spread", "length_spread")
"""The values that are also given for each concept; the largest is the worst concept."""

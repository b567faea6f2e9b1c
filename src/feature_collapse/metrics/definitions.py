"""Every value of the report as one table: key, group, which side means collapse, range, source, title.

`side` is `low` or `high` (the collapsed side) or `two` (either side of chance counts, for the p-value). `by`
is n where the value does not use the concepts, so that shuffling them cannot change it. `scale` is how its
interval is made (`intervals.py`); * marks formulas that are biased in small samples. C is the number of
concepts. `docs/metrics.md` has the formulas in full, for every key.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCES = {
    "paper": "Laurent, von Brecht, Bresson 2023, arXiv 2305.16162",
    "equation 4": "equation 4 of Laurent, von Brecht, Bresson 2023, arXiv 2305.16162",
    "orthogonal": "orthogonal Procrustes; what ReLU features of a collapsed network are",
    "Papyan": "Papyan, Han, Donoho 2020, arXiv 2008.08186",
    "no classifier": "NC4 without a classifier; Papyan, Han, Donoho 2020, arXiv 2008.08186",
    "Zhu": "Zhu et al. 2021, arXiv 2105.02375",
    "Ammar": "Ammar et al. 2024, arXiv 2310.06823",
    "Galanti": "Galanti, György, Hutter 2022, arXiv 2112.15121",
    "Tirer": "Tirer, Huang, Niles-Weed 2023, arXiv 2210.16658",
    "Wang": "Wang, Isola 2020, arXiv 2005.10242",
    "Roy": "Roy, Vetterli 2007 (EUSIPCO)",
    "Garrido": "Garrido et al. 2023, arXiv 2210.02885",
    "Gao": "Gao et al. 2017, bioRxiv 214262",
    "Fisher": "one minus the intraclass correlation, unbiased; Fisher 1925",
    "unit": "as spread, on x/‖x‖",
    "within": "root mean squared coefficient of variation of ‖x‖",
    "variation": "coefficient of variation of ‖x‖",
    "slope": "least squares",
    "intercepts": "least squares with one intercept per concept",
    "ranks": "Spearman 1904",
}

_TABLE = """
key                    |group    |side|low |high|by|scale |source       |title
spread                 |collapse |low |0   |1   |y |logit |Fisher       |within / (within + between) variance
direction_spread       |collapse |low |0   |1   |y |logit |unit         |the same for the unit vectors
length_spread          |collapse |low |0   |inf |y |log   |within       |variation of length inside a concept
length_variation       |collapse |low |0   |inf |n |log   |variation    |variation of length over all entities
type_I                 |collapse |low |0   |1   |y |logit*|paper        |residual to type I (definition 1)
type_II                |collapse |low |0   |1   |y |logit*|paper        |residual to type II (definition 2)
type_III               |collapse |low |0   |1   |y |logit*|paper        |residual to type III (definition 3)
classifier             |collapse |low |0   |1   |y |logit*|paper        |classifier's residual to that frame
frame_norms            |collapse |low |0   |inf |y |log*  |equation 4   |variation of the concept means' norms
frame_cosine           |collapse |two |-1  |1   |y |sum*  |equation 4   |mean cosine between concept means
frame_angle_error      |collapse |low |0   |2   |y |log*  |equation 4   |mean |cosine + 1/(C − 1)| of means
shape_frame            |collapse |low |0   |1   |y |none  |paper        |means to an equiangular frame
shape_centred          |collapse |low |0   |1   |y |none  |paper        |means to a frame around their mean
shape_orthogonal       |collapse |low |0   |1   |y |none  |orthogonal   |means to orthogonal directions
length_slope           |frequency|two |-inf|inf |n |plain |slope        |slope of log length on log frequency
length_slope_within    |frequency|two |-inf|inf |n |plain |intercepts   |the same inside concepts
length_rank_correlation|frequency|two |-1  |1   |n |plain |ranks        |rank correlation, length, frequency
nc1                    |neural   |low |0   |inf |y |log*  |Papyan       |NC1: tr(Σ_W Σ_B⁺)/C
nc1_trace_ratio        |neural   |low |0   |inf |y |log*  |Tirer        |tr Σ_W / tr Σ_B
cdnv                   |neural   |low |0   |inf |y |log*  |Galanti      |class-distance-normalised variance
nc2_norms              |neural   |low |0   |inf |y |log*  |Papyan       |NC2: variation of centred norms
nc2_angles             |neural   |low |0   |1   |y |log*  |Papyan       |NC2: standard deviation of cosines
nc2_angle_error        |neural   |low |0   |2   |y |log*  |Papyan       |NC2: mean |cosine + 1/(C − 1)|
nc2_etf                |neural   |low |0   |2   |y |log*  |Zhu          |NC2: distance to the simplex frame
nc3                    |neural   |low |0   |4   |y |log*  |Papyan       |NC3: ‖classifier − means‖², scaled
nc3_duality            |neural   |low |0   |2   |y |log*  |Zhu          |NC3: classifier × means to the frame
nc4                    |neural   |high|0   |1   |y |share |Papyan       |NC4: agreement with nearest centre
nearest_centre         |neural   |high|0   |1   |y |share |no classifier|entities nearest to their own concept
nc5                    |neural   |low |0   |1   |y |none  |Ammar        |NC5: |cosine| with what is outside
effective_rank         |dimension|two |0   |inf |n |log*  |Roy          |effective rank (centred)
rankme                 |dimension|two |0   |inf |n |log*  |Garrido      |RankMe (uncentred)
participation_ratio    |dimension|two |0   |inf |n |log*  |Gao          |participation ratio
alignment              |dimension|low |0   |4   |y |log   |Wang         |alignment inside concepts
uniformity             |dimension|two |-8  |0   |n |plain*|Wang         |uniformity on the sphere
"""


@dataclass(frozen=True)
class Definition:
    """One value of the table above."""

    key: str
    title: str
    group: str
    side: str
    low: float
    high: float
    labels: bool
    scale: str
    biased: bool
    source: str


def _read(line: str) -> Definition:
    key, group, side, low, high, by, scale, source, title = (c.strip() for c in line.split("|", 8))
    group = {"neural": "neural collapse"}.get(group, group)
    return Definition(
        key=key,
        title=title,
        group=group,
        side=side,
        low=float(low),
        high=float(high),
        labels=by == "y",
        scale=scale.rstrip("*"),
        biased=scale.endswith("*"),
        source=SOURCES[source],
    )


DEFINITIONS: dict[str, Definition] = {d.key: d for d in map(_read, _TABLE.strip().splitlines()[1:])}

CONCEPT_KEYS = ("spread", "direction_spread", "length_spread")
"""The values that are also given for each concept; the largest is the worst concept."""

"""What a caption says is computed from the weights, and says the opposite of opposite weights."""

import numpy as np
import pytest

from feature_collapse.experiments.settings import Settings
from feature_collapse.reports.finding import find
from feature_collapse.theory.compare import compare
from figures.records import planted_record

PLAIN = Settings(n_w=30, K=20, L=4, d=6)
NORMALISED = PLAIN.replace(normaliser="layernorm", eps=0.0)
EQUAL, TAILED = np.ones((3, 10)), np.tile(np.geomspace(0.1, 1, 10), (3, 1))


@pytest.mark.parametrize(
    ("settings", "norms", "spread", "accuracy", "verdict"),
    [
        (PLAIN, EQUAL, 0.0, 0.99, "type I, generalises"),
        (PLAIN, TAILED, 0.0, 0.95, "type III, generalises"),
        (PLAIN, EQUAL, 3.0, 0.4, "no collapse, fails"),
        (PLAIN, EQUAL, 3.0, 0.9, "no collapse, generalises"),
        (PLAIN, EQUAL, 0.0, 0.89, "type I, fails"),
        (NORMALISED, TAILED, 3.0, 0.4, "no collapse, fails"),
    ],
)
def test_the_verdict_follows_from_the_weights(settings, norms, spread, accuracy, verdict):
    found = find(planted_record(settings, norms, spread=spread, test_accuracy=accuracy))
    assert found.verdict == verdict
    sentence = str(found)
    assert f"test accuracy {100 * accuracy:.1f}%" in sentence
    assert ("the network fails" in sentence) == verdict.endswith("fails")
    assert ("No collapse" in sentence) == verdict.startswith("no collapse")


def test_it_is_the_type_that_check_names():
    for norms in (EQUAL, TAILED):
        for spread in (0.0, 0.2, 3.0):
            r = planted_record(PLAIN, norms, spread=spread)
            checked = compare(r.weights, r.task, PLAIN.lambda_).verdict
            assert find(r).type == checked.type
            assert find(r).residual in [fit.residual for fit in checked.fits.values()]

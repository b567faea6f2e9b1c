"""A network trained on digits to the end has collapsed, and is called so: with BatchNorm and with LayerNorm.

Version 0.1 (4f7d8b3) called both "none": their features lie around a common mean, for ReLU leaves them
positive.
"""

import numpy as np
import pytest
import torch

from feature_collapse.metrics import measure
from feature_collapse.metrics.outcome import COLLAPSED

SHIFTS = [(0, 0), (0, 1), (1, 0), (1, 1)]
STROKES = (
    "111 101 101 101 111", "010 110 010 010 111", "111 001 111 100 111", "111 001 111 001 111",
    "101 101 111 001 001", "111 100 111 001 111", "111 100 111 101 111", "111 001 001 010 010",
    "111 101 111 101 111", "111 101 111 001 111",
)  # fmt: skip


def drawn_digits(n=600, seed=0):
    """Digits of 3 × 5 strokes on 8 × 8 points: moved, of unequal ink, blurred by noise."""
    generator = np.random.default_rng(seed)
    x, y = np.zeros((n, 8, 8)), np.arange(n) % 10
    for i in range(n):
        down, right = SHIFTS[generator.integers(4)]
        strokes = np.array([[int(c) for c in row] for row in STROKES[y[i]].split()], dtype=float)
        x[i, 1 + down : 6 + down, 2 + right : 5 + right] = strokes * generator.uniform(0.7, 1.3)
    return (x + 0.15 * generator.normal(size=x.shape)).reshape(n, 64), y


def scikit_learn_digits():
    datasets = pytest.importorskip(
        "sklearn.datasets", reason="scikit-learn, which ships the digits, is absent"
    )
    found = datasets.load_digits()
    return found.data / 16.0, found.target


def trained(x, y, norm, steps=400):
    """Return features after the last ReLU, and the linear weights, of a network trained on all of x."""
    torch.manual_seed(0)
    kind = {"batchnorm": torch.nn.BatchNorm1d, "layernorm": torch.nn.LayerNorm}[norm]
    body = torch.nn.Sequential(
        torch.nn.Linear(64, 96), kind(96), torch.nn.ReLU(), torch.nn.Linear(96, 48), kind(48), torch.nn.ReLU()
    )
    head = torch.nn.Linear(48, 10)
    data, labels = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=3e-3, weight_decay=1e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(head(body(data)), labels).backward()
        optimiser.step()
    with torch.no_grad():
        features = body(data)
        right = (head(features).argmax(dim=1) == labels).float().mean()
    assert right > 0.99
    return features.numpy(), head.weight.detach().numpy()


@pytest.fixture(scope="module", params=[drawn_digits, scikit_learn_digits], ids=["drawn", "scikit-learn"])
def digits(request):
    return request.param()


@pytest.mark.parametrize("norm", ["batchnorm", "layernorm"])
def test_a_network_trained_to_the_end_is_called_collapsed(digits, norm):
    features, weights = trained(*digits, norm)
    report = measure(
        features, digits[1], classifier=weights, resamples=0, shuffles=40, views=("none",), centre="concepts"
    )
    assert report.outcome in COLLAPSED, report.outcome_reason
    assert report.outcome in ("centred frame", "orthogonal", "clustered") and report["spread"].p < 0.05
    assert report["shape_centred"].value < 0.25 < report["shape_frame"].value
    assert report["nc1"].value < 0.1 and report["nc4"].value > 0.98


def test_the_pictures_themselves_and_an_untrained_network_have_not(digits):
    x, y = digits
    assert measure(x, y, resamples=0, shuffles=40, views=("none",)).outcome in ("partly", "none")
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Linear(64, 48), torch.nn.ReLU())
    with torch.no_grad():
        features = body(torch.tensor(x, dtype=torch.float32)).numpy()
    assert measure(features, y, resamples=0, shuffles=40, views=("none",)).outcome in ("partly", "none")

"""A small sweep and a result for one of its runs."""

from feature_collapse.sweeps.messages import Finished
from feature_collapse.sweeps.spec import Sweep

BASE = {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 2}


def make(seeds=3, **axes):
    return Sweep.from_mapping({"name": "s", "base": BASE, "axes": {**axes, "seeds": seeds}})


def done(key, value=1.0, error=None):
    return Finished(
        key, error, 0.1, None if error else {"test_accuracy": value, "singular_values_W": [2.0, 1.0]}, 1
    )

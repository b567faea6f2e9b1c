"""
A sweep in ten lines
====================

A sweep is a table of settings. It lies in one file that survives any interruption; run again, it goes on
from there.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from feature_collapse.sweeps import Sweep
from feature_collapse.sweeps.engine import run_sweep
from feature_collapse.sweeps.results import cells, read_results
from feature_collapse.sweeps.store import open_store

base = {"n_w": 30, "K": 20, "L": 6, "d": 10, "lambda": 5e-3, "word_law": "zipf", "method": "certified"}
axes = {"n_spl": [1, 2, 5, 10, 20], "normaliser": ["none", "layernorm"], "seeds": 3}
if __name__ == "__main__":  # the workers are processes of their own
    path = Path(tempfile.mkdtemp()) / "small.sweep"
    run_sweep(Sweep.from_mapping({"name": "small", "base": base, "axes": axes}), path)
    with open_store(path) as store:
        found = cells(read_results(store), ["normaliser", "n_spl"], "test_accuracy")
    plt.figure(figsize=(6, 3.5), layout="constrained")
    for normaliser in axes["normaliser"]:
        row = [found[normaliser, n] for n in axes["n_spl"]]
        plt.plot(axes["n_spl"], [c.mean for c in row], "o-", label=normaliser)
        plt.fill_between(axes["n_spl"], [c.low for c in row], [c.high for c in row], alpha=0.2)
    plt.xscale("log"), plt.xlabel("sentences per class"), plt.ylabel("test accuracy"), plt.legend()
    plt.show()

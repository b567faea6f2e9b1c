"""
LayerNorm repairs it
====================

The same long-tailed sentences as in the example before. After LayerNorm all representations have one
length, rare words stand with frequent ones, and new sentences are read again: type II, theorem 3, for any
word law.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc
from feature_collapse.figures.weights import draw_points

task = fc.make_task(n_c=3, n_w=450, L=12, K=300, word_law="zipf", seed=0)
test, concepts = task.test_set(20), np.repeat(np.arange(3), task.s_c)
figure, panels = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
for axes, normaliser in zip(panels, ("none", "layernorm"), strict=True):
    best = fc.solve(fc.Problem.of(task, n_spl=5, lambda_=6e-3, normaliser=normaliser, d=16), gap=1e-3)
    v = best.weights.features()
    scores = np.einsum("nld,kld->nk", v[test.words], best.weights.U)
    accuracy = np.mean(scores.argmax(1) == test.labels)
    print(f"{normaliser}: {best.message}; test accuracy {accuracy:.1%}")
    draw_points(axes, v, concepts, [f"concept {a + 1}" for a in range(3)])
    axes.set_title(f"{normaliser}: {accuracy:.0%} right, type {fc.classify(best.weights, task).type}")
plt.show()

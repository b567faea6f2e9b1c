"""
Decay in proportion to frequency
================================

The third cure (R8), without a normaliser. The same long-tailed sentences; each word's decay is in
proportion to how often it occurs. Rare words are then no longer held back, the words of a concept get one
length, and new sentences are read again.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc
from feature_collapse.figures.weights import draw_points
from feature_collapse.model.decay import Decay

task = fc.make_task(n_c=3, n_w=450, L=12, K=300, word_law="zipf", seed=0)
test, concepts = task.test_set(20), np.repeat(np.arange(3), task.s_c)
figure, panels = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
for axes, exponent in zip(panels, (0.0, 1.0), strict=True):
    decay = Decay(exponent, "data")
    best = fc.solve(fc.Problem.of(task, n_spl=5, lambda_=6e-3, d=16, decay=decay), gap=1e-3)
    W = best.weights.features()
    scores = np.einsum("nld,kld->nk", W[test.words], best.weights.U)
    accuracy = np.mean(scores.argmax(1) == test.labels)
    print(f"decay ∝ frequency^{exponent:g}: {best.message}; test accuracy {accuracy:.1%}")
    draw_points(axes, W, concepts, [f"concept {a + 1}" for a in range(3)])
    kind = fc.classify(best.weights, task).type
    axes.set_title(f"decay ∝ frequency^{exponent:g}: {accuracy:.0%} right, type {kind}")
plt.show()

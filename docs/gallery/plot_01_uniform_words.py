"""
Collapse with uniform words
===========================

Nobody tells the network which words share a concept. The minimiser of its risk gives the words of a concept
one embedding, on the corners of an equiangular frame: type I, theorem 1. Here the global minimum is found
with a proof.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc
from feature_collapse.figures.weights import draw_points

task = fc.make_task(n_c=3, n_w=60, L=4, design="all", seed=0)
best = fc.solve(fc.Problem.of(task, n_spl=20, lambda_=2e-3), gap=1e-3)
print(best)
print(fc.classify(best.weights, task))

names = [f"concept {a + 1}" for a in range(task.n_c)]
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
draw_points(left, best.weights.features(), np.repeat(np.arange(3), task.s_c), names)
draw_points(right, best.weights.U.reshape(-1, best.weights.d), task.latents.reshape(-1), names)
left.set_title("embeddings of 60 words")
right.set_title("linear weights")
left.legend(markerscale=3)
plt.show()

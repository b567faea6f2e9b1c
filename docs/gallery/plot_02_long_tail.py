"""
The long tail
=============

With Zipf's law and few sentences the minimiser itself is at fault: rare words get short embeddings that
point elsewhere, and new sentences with them are misread. No optimiser can repair that, since this is the
global minimum, with a proof.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc
from feature_collapse.figures.weights import draw_points

task = fc.make_task(n_c=3, n_w=450, L=12, K=300, word_law="zipf", seed=0)
best = fc.solve(fc.Problem.of(task, n_spl=5, lambda_=6e-3, d=16), gap=1e-3)
print(best)
print(fc.classify(best.weights, task))

W = best.weights.features()
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
draw_points(left, W, np.repeat(np.arange(3), task.s_c), [f"concept {a + 1}" for a in range(3)])
left.set_title("embeddings")
right.loglog(np.tile(task.mu, task.n_c), np.linalg.norm(W, axis=1) + 1e-3, "o", alpha=0.6)
right.set(xlabel="frequency of the word", ylabel="norm of its embedding", title="frequent is long")
plt.show()

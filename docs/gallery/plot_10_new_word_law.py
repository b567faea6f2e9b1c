"""
A new word law
==============

A law is a list of positive numbers; there is nothing to register. Here words in two tiers: a few common,
many rare.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc

laws = {"two tiers": [10.0] * 4 + [1.0] * 16, "geometric": 0.8 ** np.arange(20), "uniform": np.ones(20)}
figure, panels = plt.subplots(1, 3, figsize=(9, 3), layout="constrained", sharey=True)
for axes, (name, law) in zip(panels, laws.items(), strict=True):
    task = fc.make_task(n_c=3, n_w=60, L=6, K=40, word_law="given", frequencies_given=list(law), seed=0)
    best = fc.solve(fc.Problem.of(task, n_spl=10, lambda_=5e-3), gap=1e-2)
    print(f"{name}: {best.message}")
    lengths = np.linalg.norm(best.weights.W, axis=1).reshape(3, -1)
    axes.bar(np.arange(20), lengths.mean(0), color="#56B4E9", label="length")
    axes.plot(np.arange(20), task.mu / task.mu.max() * lengths.max(), "k.-", label="frequency, scaled")
    axes.set(title=name, xlabel="word of a concept")
panels[0].set_ylabel("mean norm of the embedding")
panels[0].legend()
plt.show()

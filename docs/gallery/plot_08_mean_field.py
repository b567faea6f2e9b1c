"""
How long is which word? R5's lengths
====================================

A long tail and random latents: neither theorem 1 nor 2 applies. The mean field (R5) predicts the length of
each word; the more sentences, the nearer the certified minimiser comes to it. R5 is an approximation and
says so.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc

task = fc.make_task(n_c=3, n_w=60, L=6, K=60, word_law="zipf", seed=0)
prediction = fc.predict(task, lambda_=3e-3)["mean_field"]
print(prediction)

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
for n_spl, colour in ((5, "#E69F00"), (100, "#009E73")):
    best = fc.solve(fc.Problem.of(task, n_spl=n_spl, lambda_=3e-3), gap=1e-2)
    norms = np.linalg.norm(best.weights.W, axis=1)
    axes.plot(np.tile(task.mu, 3), norms, ".", color=colour, label=f"minimiser, {n_spl} a class")
axes.plot(task.mu, prediction.r, "k-", label="R5")
axes.set(xscale="log", xlabel="frequency of the word", ylabel="norm of its embedding")
axes.legend()
plt.show()

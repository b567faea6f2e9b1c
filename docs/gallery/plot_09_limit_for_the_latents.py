"""
The limit of endless data, for the latents drawn (R6)
=====================================================

With uniform words, words of a concept are equal at every minimum of the true risk, whatever the latents. So
the minimum is that of a small problem: one word for each concept, one sentence for each class, λ√s_c. It is
solved here with a proof, and the minima on more and more sentences come up to it. Theorem 1, which
idealises the latents, is a little off.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc

task, lam = fc.make_task(n_c=3, n_w=60, L=6, K=40, seed=0), 5e-3
latents = fc.Sentences(task.latents, np.arange(task.K))
limit = fc.solve(fc.Problem.of(latents, n_w=3, K=task.K, lambda_=lam * task.s_c**0.5), gap=1e-6)
theorem = fc.predict(task, lam)["theorem1"].risk
print(f"least true risk {limit.risk:.6f}, proved above {limit.lower_bound:.6f}; theorem 1: {theorem:.6f}")

counts = [2, 5, 10, 20, 50, 100, 200]
minima = [fc.solve(fc.Problem.of(task, n_spl=n, lambda_=lam), gap=1e-3).risk for n in counts]
plt.figure(figsize=(6, 3.5), layout="constrained")
plt.semilogx(counts, minima, "o-", label="least risk on so many sentences a class")
plt.axhline(limit.risk, color="black", label="least true risk for these latents (R6)")
plt.axhline(theorem, color="grey", linestyle=":", label="theorem 1, idealised latents")
plt.xlabel("sentences per class"), plt.ylabel("risk with its penalty"), plt.legend()
plt.show()

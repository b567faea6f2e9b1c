"""
Few classes, exact symmetry: linear codes (R4)
==============================================

Theorem 1 asks for symmetric latents, which among distinct ones only *all* n_c^L are. The words of a linear
code are enough: nine of 81 sequences for the tetracode. The prediction and the certified minimum, of the
true risk, agree.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc

figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
lambdas = np.geomspace(1e-4, 0.3, 25)
for colour, design in zip(("#0072B2", "#E69F00"), ("tetracode", "all"), strict=True):
    task = fc.make_task(n_c=3, n_w=3, L=4, design=design)  # one word a concept: a sentence is its latent
    risks = [fc.predict(task, lam)["theorem1"].risk for lam in lambdas]
    axes.loglog(lambdas, risks, color=colour, label=f"theorem 1, {design}: K = {task.K}")
    for lam in lambdas[::6]:
        found = fc.solve(fc.Problem.of(task, n_spl=1, lambda_=lam), gap=1e-6)
        predicted = fc.predict(task, lam)["theorem1"].risk
        print(f"{design}, λ = {lam:.1e}: certified {found.risk:.8f}, theorem {predicted:.8f}")
        axes.plot(lam, found.risk, "o", color=colour)
axes.set(xlabel="λ", ylabel="minimal true risk", title="lines: theorem; points: certified minima")
axes.legend()
plt.show()

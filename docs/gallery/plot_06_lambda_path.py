"""
The λ path
==========

From λ_max, where zero is the minimum, downwards: first n_c − 1 directions, one for each contrast between
concepts, which is collapse; with less decay the minimiser begins to tell single words apart, and the rank
grows.
"""

import matplotlib.pyplot as plt

import feature_collapse as fc
from feature_collapse.solver.lambda_path import grid

task = fc.make_task(n_c=3, n_w=60, L=6, K=40, seed=0)
problem = fc.Problem.of(task, n_spl=5)
path = fc.lambda_path(problem, grid(problem, 12, 0.01), gap=1e-3)
print(path)

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
left.step(path.lambdas, path.rank, where="mid")
left.axhline(task.n_c - 1, color="grey", linestyle="--", label="full collapse")
left.set(xscale="log", xlabel="λ", ylabel="rank of the minimiser")
left.legend()
right.plot(path.lambdas, path.singular_values)
right.set(xscale="log", xlabel="λ", ylabel="singular values of the words")
plt.show()

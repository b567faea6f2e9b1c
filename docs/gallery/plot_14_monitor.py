"""
A monitor in a training loop
============================

Two lines in any PyTorch loop: make the monitor, call ``step()`` after the optimiser's. It measures the rows
of a parameter now and then, within a budget of time, and keeps what it saw.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import feature_collapse as fc

task = fc.make_task(n_c=3, n_w=60, L=6, K=40, word_law="zipf", seed=0)
torch.manual_seed(0)
model = torch.nn.Sequential(
    torch.nn.Embedding(60, 10), torch.nn.Flatten(), torch.nn.Linear(60, 40, bias=False)
)
with torch.no_grad():
    model[0].weight.mul_(0.1)
optimiser = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=1e-3)
monitor = fc.EmbeddingMonitor(
    model, "0", np.repeat([0, 1, 2], 20), frequencies=np.tile(task.mu, 3), every=50, budget=None
)
stream = task.stream(100)
for _ in range(1500):
    batch = next(stream)
    optimiser.zero_grad()
    scores = model(torch.as_tensor(batch.words).long())
    torch.nn.functional.cross_entropy(scores, torch.as_tensor(batch.labels).long()).backward()
    optimiser.step()
    monitor.step()

plt.figure(figsize=(6, 3.5), layout="constrained")
for key in ("direction_spread", "length_spread", "length_slope"):
    plt.plot(*monitor.series(key), label=key)
plt.xlabel("step"), plt.legend()
plt.show()

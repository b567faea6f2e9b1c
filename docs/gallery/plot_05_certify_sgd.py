"""
A certificate for your own SGD weights
======================================

Your loop, your optimiser: hand over the weights, and get a bound that no weights of any dimension can beat.
The gap between the two curves is proved, not estimated. Nothing about how the weights were found is used.
"""

import matplotlib.pyplot as plt
import torch

import feature_collapse as fc

task = fc.make_task(n_c=3, n_w=60, L=6, K=40, seed=0)
train, lam, d = task.train_set(10), 2e-3, 10
words, labels = (torch.as_tensor(a).long() for a in (train.words, train.labels))

torch.manual_seed(0)
model = torch.nn.Sequential(
    torch.nn.Embedding(60, d), torch.nn.Flatten(), torch.nn.Linear(6 * d, 40, bias=False)
)
optimiser = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=lam)
steps, risks, bounds = [], [], []
for step in range(1201):
    if step % 100 == 0:
        W, U = (p.detach() for p in model.parameters())
        bound = fc.certificate(fc.Weights(W, U.reshape(40, 6, d)), train, lam)
        steps, risks, bounds = [*steps, step], [*risks, bound.risk], [*bounds, bound.lower_bound]
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(model(words), labels).backward()
    optimiser.step()
print(bound)

plt.figure(figsize=(6, 3.5), layout="constrained")
plt.plot(steps, risks, "o-", label="risk of SGD")
plt.plot(steps, bounds, "k:", label="no weights are below")
plt.xlabel("step"), plt.ylabel("risk with its penalty"), plt.legend()
plt.show()

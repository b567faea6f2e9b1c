"""
Measuring an embedding table
============================

Any matrix with a group for each row. Here a table made to be of type III: one direction a group, lengths
that follow frequency, and noise. The report says so, with intervals, and what a normaliser would change.
"""

import matplotlib.pyplot as plt
import numpy as np

import feature_collapse as fc

rng = np.random.default_rng(0)
groups = np.repeat(["colour", "number", "verb", "place"], 40)
frequencies = np.tile(1 / np.arange(1, 41), 4)
directions = np.linalg.qr(rng.standard_normal((30, 4)))[0].T
directions -= directions.mean(0)
lengths = frequencies**0.4
x = lengths[:, None] * np.repeat(directions, 40, axis=0) + 0.02 * rng.standard_normal((160, 30))

report = fc.measure(x, groups, frequencies=frequencies, resamples=50, shuffles=50)
print(report)

views = report.views
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
axes.bar(list(views), [v.values["spread"].value for v in views.values()], color="#0072B2", label="spread")
directions = [v.values["direction_spread"].value for v in views.values()]
axes.plot(list(views), directions, "ko", label="of directions")
axes.set(ylabel="0 is collapse, 1 is none", xlabel="after this normaliser")
axes.legend()
plt.show()

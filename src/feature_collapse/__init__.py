"""Feature collapse: the model, the theory, the certified solver and the measurements.

Import the parts by name (`from feature_collapse.task import make_task`); nothing heavy is loaded here.
"""

__version__ = "0.1.0"

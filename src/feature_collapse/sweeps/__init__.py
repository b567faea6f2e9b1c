"""Sweeps: many experiments, one file of results, nothing lost.

    spec → plan → (worker) → engine → store → results → figures 8-13

`Sweep` says what to run, `run_sweep` runs it, `read_results` reads what was found.
"""

from feature_collapse.sweeps.spec import Sweep

__all__ = ["Sweep"]

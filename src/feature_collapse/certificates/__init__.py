"""Proved lower bounds on the empirical risk from any weights: R2 (plain), R3 (sphere)."""

"""Stochastic gradient descent as in the paper (§2.1)."""

"""Training: stochastic gradient descent as in the paper, and the certified solver."""

"""A small network for the tests of the monitors."""

import torch


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Embedding(12, 6),
        torch.nn.Flatten(),
        torch.nn.Linear(12, 5),
        torch.nn.ReLU(),
        torch.nn.Linear(5, 3),
    )

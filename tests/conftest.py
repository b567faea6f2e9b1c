"""Shapes and types of signatures are checked at run time under test; small tensors need one thread."""

import matplotlib
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

matplotlib.use("Agg")
torch.set_num_threads(1)
settings.register_profile("project", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("project")

_HOOK = install_import_hook(
    ["feature_collapse.networks", "feature_collapse.normalisers", "feature_collapse.figures.projection"],
    "beartype.beartype",
)

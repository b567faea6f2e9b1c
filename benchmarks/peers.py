"""Our values beside those of other people's code, on the same features; nothing is fetched.

    pip install dimensionality
    git clone https://github.com/rhubarbwu/neural-collapse
    git clone https://github.com/tding1/Neural-Collapse
    python benchmarks/peers.py --clones FOLDER-WITH-THE-TWO-CLONES > docs/peers.md

What is not there is left out. Their code is imported, not copied; `validate_NC.py` of Zhu et al. imports its
own data sets and models, for which empty modules stand in.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics import measure

CONCEPTS, MEMBERS, D = 8, 250, 24


@dataclass(frozen=True)
class Features:
    """Features (N, d) in float32, labels (N,), class means (C, d), their mean (d,), linear weights (C, d)."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    means: NDArray[np.float32]
    centre: NDArray[np.float32]
    weights: NDArray[np.float32]

    @staticmethod
    def planted() -> Features:
        """Return classes of unequal noise; concepts of one size, so that every centre is the same."""
        generator = np.random.default_rng(0)
        y = np.repeat(np.arange(CONCEPTS), MEMBERS)
        true = generator.normal(size=(CONCEPTS, D))
        x = true[y] + np.linspace(0.3, 0.9, CONCEPTS)[y][:, None] * generator.normal(size=(len(y), D))
        x = x.astype(np.float32)
        means = np.stack([x[y == k].mean(axis=0) for k in range(CONCEPTS)])
        weights = (true + 0.3 * generator.normal(size=true.shape)).astype(np.float32)
        return Features(x, y, means, x.mean(axis=0), weights)


@dataclass(frozen=True)
class Row:
    """One peer's value beside ours, and why they differ where they do."""

    peer: str
    key: str
    value: float
    why: str = ""


def zhu(f: Features, clones: Path) -> Iterator[Row]:
    """Zhu et al. 2021, `validate_NC.py`: NC1 and NC3, in single precision."""
    import torch

    code = clones / "Neural-Collapse" / "validate_NC.py"
    if not code.is_file():
        return
    for name in ("models", "utils", "args", "datasets"):
        sys.modules[name] = ModuleType(name)
    for name, missing in (("args", "parse_eval_args"), ("datasets", "make_dataset")):
        setattr(sys.modules[name], missing, None)
    module = _module(code)
    module.np = np  # type: ignore[attr-defined]
    means = dict(enumerate(torch.tensor(f.means)))
    centre = torch.tensor(f.centre)
    within = np.zeros((D, D))
    for k in range(CONCEPTS):
        off = f.x[f.y == k] - f.means[k]
        within += off.T @ off / len(f.x)
    between = module.compute_Sigma_B(means, centre)
    peer = "tding1/Neural-Collapse"
    nc1 = np.trace(within @ module.scilin.pinv(between)) / CONCEPTS
    yield Row(peer, "nc1", float(nc1), "Σ_B and its pseudo-inverse are in single precision")
    relation = module.compute_W_H_relation(torch.tensor(f.weights), means, centre)
    yield Row(peer, "nc3_duality", float(relation))


def wu(f: Features, clones: Path) -> Iterator[Row]:
    """rhubarbwu/neural-collapse: NC1, NC2 and NC3."""
    import torch

    folder = clones / "neural-collapse"
    if not folder.is_dir():
        return
    sys.path.insert(0, str(folder))
    from neural_collapse import measure as peer  # type: ignore[import-not-found]

    m, centre, name = torch.tensor(f.means), torch.tensor(f.centre), "rhubarbwu/neural-collapse"
    off = torch.tensor(f.x - f.means[f.y])
    scatter = off.T @ off / len(off)
    yield Row(
        name, "nc1", peer.variability(m, scatter, centre, CONCEPTS),
        "the version looked at overwrites Σ_W by Σ_B: the value is the rank of Σ_B over C, whatever the data",
    )  # fmt: skip
    yield Row(name, "nc2_etf", peer.simplex_etf_error(m, centre))
    yield Row(name, "nc3_duality", peer.alignment_error(torch.tensor(f.weights), m, centre))
    cosines = peer.interference(m, centre).numpy()[~np.eye(CONCEPTS, dtype=bool)]
    yield Row(name, "nc2_angles", float(cosines.std()))


def dimension(f: Features, clones: Path) -> Iterator[Row]:
    """The package dimensionality: participation ratio."""
    if importlib.util.find_spec("dimensionality") is None:
        return
    import dimensionality  # type: ignore[import-not-found]

    found = dimensionality.participation_ratio(f.x.astype(np.float64), return_all=True)
    key, name = "participation_ratio", "dimensionality"
    yield Row(f"{name}, naive", key, float(found["naive"]))
    why = "theirs asks for units without end, of which the columns are a sample; ours for these columns"
    yield Row(f"{name}, both", key, float(found["both"]), why)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PEERS: tuple[Callable[[Features, Path], Iterator[Row]], ...] = (zhu, wu, dimension)


def main(clones: Path) -> None:
    """Print the page."""
    f = Features.planted()
    report = measure(f.x, f.y, classifier=f.weights, resamples=0, shuffles=0, views=("none",))
    print("# Beside other people's code\n")
    print(f"{CONCEPTS} classes of {MEMBERS} rows in {D} dimensions, in single precision; printed by `python "
          "benchmarks/peers.py`.\nAgreement is to a relative 10⁻⁵.\n")  # fmt: skip
    print("| code | value | theirs | ours | |")
    print("|---|---|---|---|---|")
    for peer in PEERS:
        for row in peer(f, clones):
            own = report[row.key].value
            same = abs(own - row.value) <= 1e-5 * abs(own)
            print(f"| {row.peer} | `{row.key}` | {row.value:.6g} | {own:.6g} | "
                  f"{'agree' if same else 'differ: ' + row.why} |")  # fmt: skip
    start = time.process_time()
    for _ in range(5):
        measure(f.x, f.y, classifier=f.weights, resamples=0, shuffles=0, views=("none",))
    print(f"\nOurs, all {len(report.views['none'].values)} values: {(time.process_time() - start) / 5:.3f} s "
          "of one core.")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clones", type=Path, default=Path())
    main(parser.parse_args().clones)

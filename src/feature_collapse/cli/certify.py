"""`feature-collapse certify RECORD`: how far from the global minimum are the weights of a record at most?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feature_collapse.cli.options import Device, Json, print_json, table

if TYPE_CHECKING:
    from feature_collapse.certificates.bound import Bound
    from feature_collapse.experiments.record import Record


def command(
    record: Annotated[list[Path], typer.Argument(help="Folders of finished records, of any method.")],
    memory: Annotated[float, typer.Option(help="Memory that may be used, in GB.")] = 4.0,
    write: Annotated[
        bool, typer.Option("--write", help="Put the bound into the record's summary.json.")
    ] = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Prove a lower bound on the risk from the weights and the training sentences of a record.

    The bound is on the empirical risk, penalty included, over all weights: for the plain network over every
    dimension. The penalty is that of the run: with the words' decays, and for lazy decay with what it is in
    the mean. It does not depend on how the weights were found, and nothing in the record is trusted but its
    data.
    """
    from feature_collapse.boundary import printable
    from feature_collapse.errors import check_real
    from feature_collapse.experiments.folder import write_summary, write_weights
    from feature_collapse.experiments.record import read_record
    from feature_collapse.experiments.run import check_device

    check_real("memory", memory, 1e-3, 1e6)
    found_device = check_device(device)
    records = [read_record(path) for path in record]
    found: dict[str, dict[str, float]] = {}
    for one in records:
        if len(records) > 1:
            print(
                f"certificate {len(found) + 1} of {len(records)}: {printable(str(one.path))}", file=sys.stderr
            )
        proof = _bound(one, str(found_device), memory * 1e9)
        bound = proof.to_dict()
        del bound["data_term"]
        found[str(one.path)] = {**bound, "lambda": one.settings.lambda_}
        if write:
            write_weights(one.path, one.weights, proof.nu)
            write_summary(one.path, {**one.summary, **{k: v for k, v in bound.items() if k != "risk"}})
    if json:
        print_json(found)
        return
    rows = [
        [
            name,
            f"{b['risk']:.8g}",
            f"{b['lower_bound']:.8g}",
            f"{b['relative_gap']:.2e}",
            f"{b['operator_norm'] / b['lambda']:.6f}",
        ]
        for name, b in found.items()
    ]
    table(
        "Certificates: lower bound ≤ global minimum ≤ risk",
        ["record", "risk", "lower bound", "relative gap", "‖gradient‖/λ"],
        rows,
    )


def _bound(record: Record, device: str, memory_limit: float) -> Bound:
    """Return the certificate of a record's weights, for the penalty that its run had."""
    from feature_collapse.certificates.certify import certificate
    from feature_collapse.experiments.experiment import decay_of
    from feature_collapse.risk.problem import Problem

    s, weights, train = record.settings, record.weights, record.train
    decay = decay_of(s, record.task, train)
    if decay is None:
        return certificate(weights, train, s.lambda_, device=device, memory_limit=memory_limit)
    problem = Problem(train, weights.n_w, weights.K, s.lambda_, d=weights.d, decay=decay, device=device)
    return certificate(weights, problem, memory_limit=memory_limit)

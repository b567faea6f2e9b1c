"""`feature-collapse certify RECORD`: how far from the global minimum are the weights of a record at most?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feature_collapse.cli.options import Device, Json, print_json, table


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
    dimension. It does not depend on how the weights were found, and nothing in the record is trusted but its
    data.
    """
    from feature_collapse.certificates.bound import certificate
    from feature_collapse.errors import check_real
    from feature_collapse.experiments.folder import write_summary
    from feature_collapse.experiments.record import read_record
    from feature_collapse.experiments.run import check_device
    from feature_collapse.model.normalisers import make_normaliser

    check_real("memory", memory, 1e-3, 1e6)
    place = check_device(device)
    records = [read_record(path) for path in record]
    found = {}
    for one in records:
        s = one.settings
        bound = certificate(
            one.W,
            one.U,
            one.train.words,
            one.train.labels,
            s.lambda_,
            make_normaliser(s.normaliser, s.eps),
            device=place,
            memory_limit=memory * 1e9,
        )
        found[str(one.path)] = {
            "risk": bound.risk,
            "lower_bound": bound.lower_bound,
            "gap": bound.gap,
            "relative_gap": bound.relative_gap,
            "operator_norm": bound.operator_norm,
            "lambda": s.lambda_,
        }
        if write:
            own = {
                name: found[str(one.path)][name]
                for name in ("lower_bound", "gap", "relative_gap", "operator_norm")
            }
            write_summary(one.path, {**one.summary, **own})
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

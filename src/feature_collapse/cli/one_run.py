"""What `train` and `solve` share: one run with its progress, its pictures, and its summary."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feature_collapse.cli.options import paragraph, print_json, settings_of, table

if TYPE_CHECKING:
    from feature_collapse.experiments.record import Record
    from feature_collapse.ranks import Ranks

_AT_SADDLE = 1e-3  # cross-entropy this near to log K has learnt nothing


def run_and_show(
    file: Path | None,
    given: dict[str, Any],
    method: str,
    device: str,
    out: Path,
    json: bool,
    ranks: Ranks | None = None,
) -> Record:
    """Run the settings of a file and of the command line, draw the record, and print its summary."""
    from feature_collapse.cli.progress import announce, training_progress
    from feature_collapse.experiments.run import check_ready, run
    from feature_collapse.ranks import ALONE
    from feature_collapse.reports.comparison import summary_rows
    from feature_collapse.reports.reproduction import save_record_pictures

    chosen, ranks = settings_of(file, given, method=method), ranks or ALONE
    check_ready([(chosen, out)], device)
    announce([(chosen, out)], device, ranks.size)
    with training_progress(out.name) as callback:
        record = run(chosen, out, device=device, callback=callback, ranks=ranks)
    save_record_pictures(record)
    if json:
        print_json(record.summary)
        return record
    table(str(out), ["quantity", "measured", "theory"], summary_rows(record))
    if "message" in record.summary:
        paragraph(f"{record.summary['status']}: {record.summary['message']}")
    elif record.task.K > 1 and abs(record.summary["train_ce"] - math.log(record.task.K)) < _AT_SADDLE:
        paragraph(
            f"The run ended where it began, beside the saddle at zero: cross-entropy log K = "
            f"{math.log(record.task.K):.4g}. Small weights leave it slowly: raise --epochs, --learning-rate "
            "or --init-scale."
        )
    return record

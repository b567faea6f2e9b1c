"""Run a sweep: open its file, plan what is left, drive a cluster until nothing is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from feature_collapse.experiments.cost import LONG, duration
from feature_collapse.sweeps.cluster import connect_cluster
from feature_collapse.sweeps.cost import seconds_of_units
from feature_collapse.sweeps.driver import Callback, Driver, SweepProgress
from feature_collapse.sweeps.local_cluster import cores
from feature_collapse.sweeps.messages import Batch, Finished, Planned
from feature_collapse.sweeps.options import SweepOptions
from feature_collapse.sweeps.plan import Unit, units
from feature_collapse.sweeps.spec import Sweep, check_size
from feature_collapse.sweeps.store import open_store
from feature_collapse.sweeps.worker import run_batch, versions

_DEFAULTS = SweepOptions()


def run_sweep(
    sweep: Sweep | None,
    path: str | Path,
    options: SweepOptions = _DEFAULTS,
    *,
    confirmed: bool = False,
    callback: Callback = lambda progress: None,
    log: Callable[[str], None] = lambda text: None,
) -> SweepProgress:
    """Run what is not yet done of a sweep; its results are in the file at `path`.

    In a script, call it below `if __name__ == "__main__":`, since the workers are processes of their own.

    Args:
        sweep: to run; None for the one in the file. A file that holds another sweep gets this one, and keeps
            the results of runs that both have.
        path: the sweep file; made where it is not there.
        options: of the driver.
        confirmed: whether a grid of more than 10,000 runs is meant.
        callback: receives the progress after each batch and twice a second.
        log: receives single facts, such as the dashboard's address.

    Raises:
        InputError: a wrong sweep, file, scheduler or version; nothing was run.
        RunStopped: no space on the disk, or the scheduler or the file was lost; what was finished is kept.
    """
    runs = []
    if sweep is not None:
        check_size(sweep, confirmed)
        runs = list(sweep.runs())  # every setting is checked before the file is made
    with open_store(path, create=sweep is not None) as store, store.claim():
        if sweep is not None:
            store.set_sweep(sweep, runs)
        sweep = store.sweep
        store.reset(failed=options.retry_failed)
        todo = units(store.pending(), chains=not sweep.folders)
        if not todo:
            return Driver(store, sweep, options, todo, callback).progress()
        _announce(todo, options, log)
        with connect_cluster(options, log) as client:
            return Driver(store, sweep, options, todo, callback).drive(client)


def _announce(todo: list[Unit], options: SweepOptions, log: Callable[[str], None]) -> None:
    """Log about how long the runs will take, where it is long; on a foreign cluster, in hours of one core."""
    seconds, runs = seconds_of_units(todo), sum(len(unit.runs) for unit in todo)
    if options.scheduler is not None:
        shown = f"{duration(seconds)} of one core like this machine's"
    else:
        workers = min(options.workers or cores(), len(todo))
        seconds /= workers
        shown = f"{duration(seconds)} with {workers} workers"
    if seconds > LONG:
        log(f"{runs:,} runs to do: about {shown}, by a measurement now; finished runs are kept at any moment")


def serial(sweep: Sweep) -> Iterator[tuple[str, Finished]]:
    """Yield key and end of every run, one after the other in this process, each on its own."""
    for run in sweep.runs():
        unit = (Planned(run.key, run.settings),)
        (((end,),),) = (run_batch(Batch((unit,), sweep.quantities, None, versions())).units,)
        yield run.key, end

"""What the package itself writes and reads again: records, checkpoints, settings and sweeps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from feature_collapse.errors import InputError
from fuzz.kind import Kind
from fuzz.mutate import Mutator, cells, json_tree, mangle, safetensors_header

PARTS: dict[str, tuple[Mutator, ...]] = {
    "config.json": (mangle, json_tree, json_tree),
    "summary.json": (mangle, json_tree, json_tree),
    "history.csv": (mangle, cells),
    "weights.safetensors": (mangle, safetensors_header),
    "task.safetensors": (mangle, safetensors_header),
}


def _record(folder: Path) -> None:
    """Train a very small network and leave its record in a folder."""
    from feature_collapse.experiments.run import run
    from feature_collapse.experiments.settings import Settings

    run(Settings(n_c=3, n_w=9, L=3, K=4, n_spl=5, d=4, epochs=2, n_test=5), folder)


def _files(make: Callable[[Path], None], name: str) -> Callable[[], list[bytes]]:
    """Return the function that makes a folder elsewhere and hands on one of its files."""

    def seeds() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            return [(Path(folder) / name).read_bytes()]

    return seeds


def _read_record(path: Path) -> object:
    from feature_collapse.experiments.record import read_record

    return str(read_record(path.parent))


def _read_tables(path: Path) -> object:
    from feature_collapse.metrics.record_tables import read_tables

    record = read_tables(path.parent)
    return record.concepts, record.frequencies


def _sgd_checkpoint() -> list[bytes]:
    import numpy as np
    import torch

    from feature_collapse.sgd.checkpoint import Checkpoint, write_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        weights = torch.ones(6, 4), torch.ones(4, 3, 4)
        state = Checkpoint("key", *weights, 2, 3, 1.5, 7, np.ones((1, 5)), 0.5)
        write_checkpoint(Path(folder) / "c", state)
        return [(Path(folder) / "c").read_bytes()]


def _read_sgd_checkpoint(path: Path) -> object:
    from feature_collapse.sgd.checkpoint import read_checkpoint

    return _none_is_clean(read_checkpoint(path, "key"))


def _solver_checkpoint() -> list[bytes]:
    from feature_collapse.solver import checkpoint

    kept: list[bytes] = []
    write = checkpoint.write_keyed

    def keep(path: Path, key: str, *rest: object) -> None:
        write(path, "key", *rest)
        kept.append(path.read_bytes())

    from feature_collapse import solve
    from feature_collapse.risk.problem import Problem
    from feature_collapse.task import make_task

    checkpoint.write_keyed = keep
    try:
        with tempfile.TemporaryDirectory() as folder:
            problem = Problem.of(make_task(n_w=9, n_c=3, L=3, K=4, seed=0), n_spl=5, lambda_=1e-3)
            solve(problem, checkpoint=Path(folder) / "c")
    finally:
        checkpoint.write_keyed = write
    return kept[-3:]


def _read_solver_checkpoint(path: Path) -> object:
    from feature_collapse.solver.checkpoint import read

    return _none_is_clean(read(path, "key", "cpu"))


def _none_is_clean(found: object) -> object:
    """A checkpoint that cannot be used is left aside: None, which counts as a clean answer."""
    if found is None:
        raise InputError("no checkpoint that can be used")
    return found


def _settings() -> list[bytes]:
    text = "n_c = 3\nn_w = 9\nL = 3\nK = 4\nlambda = 1e-3\nword_law = 'zipf'\nmethod = 'sgd'\nepochs = 2\n"
    return [text.encode()]


def _read_settings(path: Path) -> object:
    from feature_collapse.boundary import read_toml
    from feature_collapse.experiments.settings import Settings

    return Settings.from_mapping(read_toml(path), str(path))


def _sweep_toml() -> list[bytes]:
    folder = Path(__file__).parents[2] / "src/feature_collapse/sweeps/presets"
    return [path.read_bytes() for path in sorted(folder.glob("*.toml"))]


def _read_sweep_toml(path: Path) -> object:
    from feature_collapse.sweeps.spec import read_sweep

    return read_sweep(path).name


def _sweep_parts() -> tuple[bytes, bytes]:
    """Return a sweep's store with finished, failed and pending runs, and its export as CSV."""
    from feature_collapse.sweeps.messages import Finished
    from feature_collapse.sweeps.results import read_results
    from feature_collapse.sweeps.spec import Sweep
    from feature_collapse.sweeps.store import open_store
    from feature_collapse.sweeps.tables import write_csv

    base = {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 2}
    sweep = Sweep.from_mapping({"name": "s", "base": base, "axes": {"lambda": [0.001, 0.01], "seeds": 3}})
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "s.sweep", create=True) as store:
        store.set_sweep(sweep, sweep.runs())
        keys = [run.key for run in store.pending()]
        good = [Finished(k, None, 0.5, {"risk": 0.25, "singular_values_W": [2.0, 1.0]}) for k in keys[:3]]
        store.finish([*good, Finished(keys[3], "diverged", 0.5, None)], {"torch": "2"}, "here")
        write_csv(read_results(store), Path(folder) / "s.csv")
        store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        return (Path(folder) / "s.sweep").read_bytes(), (Path(folder) / "s.csv").read_bytes()


def _read_store(path: Path) -> object:
    from feature_collapse.sweeps.results import read_results
    from feature_collapse.sweeps.store import open_store

    for rest in ("-wal", "-shm", "-journal"):  # of the case before
        path.with_name(path.name + rest).unlink(missing_ok=True)
    with open_store(path) as store:
        return len(read_results(store)), store.counts(False), len(store.pending())


def _read_sweep_csv(path: Path) -> object:
    from feature_collapse.sweeps.tables import read_csv

    return read_csv(path).columns


def _latents() -> list[bytes]:
    return [b"0 1 2\n1 2 0\n", b"0,1\n"]


def _read_latents(path: Path) -> object:
    from feature_collapse.task.latents_file import read_latents

    return read_latents(path, 3)


def _vocabulary() -> list[bytes]:
    lines = ["word,concept,frequency"] + [f"w{i},c{i // 3},{3 - i % 3}.5" for i in range(9)]
    return ["\n".join(lines).encode()]


def _read_vocabulary(path: Path) -> object:
    from feature_collapse.task.vocabulary import read_vocabulary

    return read_vocabulary(path)


def _read_frequencies(path: Path) -> object:
    from feature_collapse.task.frequencies import given, read_frequencies

    return given(read_frequencies(f"@{path}"))


OURS: tuple[Kind, ...] = (
    *(Kind(f"record {n}", _files(_record, n), _read_record, how, n, _record) for n, how in PARTS.items()),
    *(
        Kind(f"measured {n}", _files(_record, n), _read_tables, PARTS[n], n, _record)
        for n in ("config.json", "weights.safetensors", "task.safetensors")
    ),
    Kind("sgd checkpoint", _sgd_checkpoint, _read_sgd_checkpoint, (mangle, safetensors_header)),
    Kind("solver checkpoint", _solver_checkpoint, _read_solver_checkpoint, (mangle, safetensors_header)),
    Kind("settings TOML", _settings, _read_settings, (mangle, cells)),
    Kind("sweep TOML", _sweep_toml, _read_sweep_toml, (mangle, cells)),
    Kind("sweep store", lambda: [_sweep_parts()[0]], _read_store),
    Kind("sweep CSV", lambda: [_sweep_parts()[1]], _read_sweep_csv, (mangle, cells)),
    Kind("latents", _latents, _read_latents, (mangle, cells)),
    Kind("vocabulary CSV", _vocabulary, _read_vocabulary, (mangle, cells)),
    Kind("frequencies", lambda: [b"3, 2, 1", b"5\n4\n0.5\n"], _read_frequencies, (mangle, cells)),
)

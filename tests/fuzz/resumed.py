"""Files that are read and then worked with: runs that go on from a checkpoint, certificates of a record.

A checkpoint's checksum is put right after the mutation, so that what is inside must be judged: whoever can
write the file can write its checksum.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import struct
import tempfile
from functools import cache, partial
from pathlib import Path
from random import Random
from types import ModuleType

from feature_collapse.errors import InputError, RunStopped
from fuzz.kind import Kind
from fuzz.mutate import Mutator, json_tree, mangle, safetensors_header
from fuzz.records import _files, _record

ODD = (math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 1.5, 5e-324, 1e-200, 1e15, 1e100, 1e300, 2.0**63)


def numbers(data: bytes, random: Random) -> bytes:
    """Exchange float64 numbers in the body of a safetensors file, or flip some of their bits."""
    out, start = bytearray(data), 8 + int.from_bytes(data[:8], "little")
    for _ in range(random.choice((1, 1, 2, 8))):
        at = start + 8 * random.randrange(max(1, (len(out) - start) // 8))
        if random.random() < 0.5:
            out[at : at + 8] = struct.pack("<d", random.choice(ODD))
        else:
            out[min(at + random.randrange(8), len(out) - 1)] ^= 1 << random.randrange(8)
    return bytes(out)


def resealed(inner: Mutator) -> Mutator:
    """Return the mutation followed by a right checksum, where the header still has one."""

    def mutate(data: bytes, random: Random) -> bytes:
        data = inner(data, random)
        try:
            stop = 8 + int.from_bytes(data[:8], "little")
            checksum = json.loads(data[8:stop])["__metadata__"]["sha256"].encode()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return data
        blank = data.replace(checksum, b"0" * 64, 1)
        return blank.replace(b"0" * 64, hashlib.sha256(blank).hexdigest().encode(), 1)

    return mutate


@cache
def _problem() -> object:
    from feature_collapse.risk.problem import Problem
    from feature_collapse.task import make_task

    return Problem.of(make_task(n_w=6, n_c=3, L=2, K=4, seed=0), n_spl=3, lambda_=1e-2)


def _solver_states() -> list[bytes]:
    """Interrupt a certified run at some iterations."""
    from feature_collapse import solve
    from feature_collapse.solver import trace

    trace._SHOW, kept = -1.0, []

    def stop(at: int, progress: object) -> None:
        if progress.iteration >= at and progress.phase != "certificate":  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as folder:
        for at in (1, 5, 12):
            path = Path(folder) / str(at)
            try:
                solve(_problem(), gap=1e-8, checkpoint=path, callback=partial(stop, at))
            except KeyboardInterrupt:
                kept.append(path.read_bytes())
    return kept


def _go_on_solving(path: Path) -> object:
    """Resume; whatever was in the file, the answer holds."""
    from feature_collapse import solve

    found = solve(_problem(), gap=1e-8, checkpoint=path)
    assert found.lower_bound <= found.risk
    assert (found.relative_gap <= 1e-8) == (found.status == "solved"), found.message
    assert abs(found.risk - _least()) <= 1e-7 * found.risk or found.status != "solved"
    return found


@cache
def _least() -> float:
    from feature_collapse import solve

    return solve(_problem(), gap=1e-8).risk


def _train(path: Path, stop: bool) -> object:
    import numpy as np

    from feature_collapse.model.network import Network
    from feature_collapse.model.normalisers import NoNormaliser
    from feature_collapse.sgd.checkpoint import Checkpointing
    from feature_collapse.sgd.train import SGDSettings, TrainingProgress, train_sgd
    from feature_collapse.task import make_task

    task = make_task(n_w=6, n_c=3, L=2, K=4, seed=0)
    network = Network(6, 2, 4, 3, NoNormaliser()).start(np.random.default_rng(0))

    def interrupt(progress: TrainingProgress) -> None:
        if stop and progress.step >= 4:
            raise KeyboardInterrupt

    from feature_collapse.sgd import train

    train._SHOW = -1.0
    settings, keep = SGDSettings(epochs=4, batch_size=5), Checkpointing(path, 1e-9, "key")
    return train_sgd(
        network, task.train_set(3), task.train_set(3), settings, checkpoint=keep, callback=interrupt
    )


def _training_states() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c"
        try:
            _train(path, stop=True)
        except KeyboardInterrupt:
            pass
        return [path.read_bytes()]


def _go_on_training(path: Path) -> object:
    try:
        return _train(path, stop=False)
    except RunStopped as error:  # weights that diverge
        raise InputError(str(error)) from None


def _certify(path: Path) -> object:
    from feature_collapse.certificates.certify import certificate
    from feature_collapse.experiments.record import read_record

    record = read_record(path.parent)
    bound = certificate(record.weights, record.train, record.settings.lambda_)
    assert bound.lower_bound <= bound.risk + bound.rounding, str(bound)
    return bound


@cache
def _checker() -> ModuleType:
    path = Path(__file__).parents[2] / "checker/check_record.py"
    spec = importlib.util.spec_from_file_location("check_record", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _check(path: Path) -> object:
    try:
        code = _checker().check(path.parent)
    except Exception as error:  # its own last line turns these into exit code 2
        raise InputError(type(error).__name__) from None
    assert code in (0, 1, 3)
    return code


_STATE = (resealed(numbers), resealed(numbers), resealed(safetensors_header), resealed(mangle))
RESUMED: tuple[Kind, ...] = (
    Kind("solver resumed", _solver_states, _go_on_solving, _STATE),
    Kind("sgd resumed", _training_states, _go_on_training, _STATE),
    *(
        Kind(f"{what} {name}", _files(_record, name), read, how, name, _record)
        for what, read in (("certified", _certify), ("checked", _check))
        for name, how in (
            ("config.json", (mangle, json_tree)),
            ("weights.safetensors", (mangle, numbers, safetensors_header)),
            ("task.safetensors", (mangle, numbers, safetensors_header)),
        )
    ),
)

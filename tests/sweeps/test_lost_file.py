"""The disk goes away or fills up: said in one sentence, never "all runs done", never "damaged"."""

import os
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from feature_collapse.errors import RunStopped
from feature_collapse.sweeps.engine import run_sweep
from feature_collapse.sweeps.messages import Finished
from feature_collapse.sweeps.options import SweepOptions
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.store import open_store

from .conftest import ENVIRONMENT

SWEEP = Sweep.from_mapping(
    {"name": "s", "base": {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 3}, "axes": {"seeds": 40}}
)


def _delete(path):
    shutil.rmtree(path.parent)


def _move(path):
    path.parent.rename(path.parent.with_name("elsewhere"))


def _replace(path):
    path.unlink()
    path.write_bytes(b"")


@pytest.mark.parametrize("lose", [_delete, _move, _replace])
def test_a_sweep_file_that_is_lost_ends_the_driver(cluster, tmp_path, lose):
    path = tmp_path / "folder" / "s.sweep"

    def after_the_first(at):
        if at.fresh and not lost:
            lose(path)
            lost.append(at.done)

    lost = []
    with pytest.raises(RunStopped, match="deleted, moved or replaced"):
        run_sweep(SWEEP, path, SweepOptions(scheduler=cluster), callback=after_the_first)
    assert lost and lost[0] < 40


def _no_room():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize(
    "command",
    [("export", "s.sweep", "--csv", "t.csv"), ("plot", "s.sweep", "--value", "risk"), ("status", "s.sweep")],
)
def test_where_nothing_can_be_written_a_good_sweep_file_is_not_called_damaged(tmp_path, command):
    with open_store(tmp_path / "s.sweep", create=True) as store:
        store.set_sweep(SWEEP, SWEEP.runs())
        store.finish([Finished(run.key, None, 0.1, {"risk": 0.5}) for run in store.pending()], {}, "here")
    before = (tmp_path / "s.sweep").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "feature_collapse", "sweep", *command],
        cwd=tmp_path,
        env=ENVIRONMENT | {"MPLCONFIGDIR": os.fspath(tmp_path)},
        preexec_fn=_no_room,
        capture_output=True,
        text=True,
    )
    assert "damaged" not in done.stderr and "Traceback" not in done.stderr
    assert done.returncode == 2, done.stderr
    assert (tmp_path / "s.sweep").read_bytes() == before

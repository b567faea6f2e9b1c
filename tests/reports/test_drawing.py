"""Records are drawn by a process of their own: the same files, also where that process fails."""

import subprocess
import sys
import time

import pytest

from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.reports import drawing
from feature_collapse.reports.reproduction import save_record_pictures

NAMES = ("figure.pdf", "figure.png", "word-frequencies.pdf", "word-frequencies.png")


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records") / "with a\nline break"
    return run(Settings(n_w=12, K=6, L=3, d=8, n_spl=5, method="certified"), folder, device="cpu")


@pytest.fixture
def undrawn(record):
    for name in NAMES:
        (record.path / name).unlink(missing_ok=True)
    return record


def drawn(record):
    return {name: (record.path / name).read_bytes() for name in NAMES if (record.path / name).exists()}


def test_the_files_are_those_drawn_here(undrawn):
    with drawing.Drawing() as pictures:
        pictures.add(undrawn)
        process = pictures._process
    found = drawn(undrawn)
    assert process.returncode == 0
    assert len(found) == 4
    save_record_pictures(undrawn)
    assert drawn(undrawn) == found


@pytest.mark.parametrize("fault", ["no process", "one that fails at once", "one that is killed"])
def test_without_the_process_all_is_drawn_here(undrawn, monkeypatch, fault):
    def refuse():
        raise OSError(11, "Resource temporarily unavailable")

    def failing():
        return subprocess.Popen(
            [sys.executable, "-c", "raise SystemExit(1)"], stdin=subprocess.PIPE, text=True
        )

    if fault != "one that is killed":
        monkeypatch.setattr(drawing, "_begin", refuse if fault == "no process" else failing)
    with drawing.Drawing() as pictures:
        pictures.add(undrawn)
        if fault == "one that is killed":
            pictures._process.kill()
    assert len(drawn(undrawn)) == 4


def test_an_exception_ends_the_process_and_draws_nothing_more(undrawn):
    pictures = drawing.Drawing()
    with pytest.raises(KeyboardInterrupt), pictures:
        pictures.add(undrawn)
        raise KeyboardInterrupt
    assert pictures._process.returncode != 0
    assert all(len(content) > 1000 for content in drawn(undrawn).values())


def test_the_process_ends_with_whoever_began_it(record):
    program = (
        "import json, os, sys\n"
        "from feature_collapse.reports import drawing\n"
        "p = drawing._begin(); print(p.pid, flush=True)\n"
        "for _ in range(200): print(json.dumps(sys.argv[1]), file=p.stdin, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, record.path], capture_output=True, text=True)
    status, until = f"/proc/{int(done.stdout)}/stat", time.monotonic() + 60  # to draw all takes minutes
    if not sys.platform.startswith("linux"):
        pytest.skip("looks into /proc")
    while time.monotonic() < until:
        try:
            with open(status) as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.1)
    pytest.fail("it still runs")

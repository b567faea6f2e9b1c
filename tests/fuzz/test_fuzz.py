"""A seeded fuzz of every reader: one sentence or a table, never a traceback, hang, crash or execution."""

import subprocess
from pathlib import Path

import pytest

from feature_collapse.errors import InputError
from fuzz.harness import Worker
from fuzz.kind import Kind
from fuzz.kinds import KINDS
from fuzz.readers import READERS
from fuzz.records import OURS
from fuzz.resumed import RESUMED
from fuzz.worker import Trap

FILES = 2_000
FEWER = 300  # of what the package writes itself


@pytest.fixture(scope="module")
def worker():
    with Worker(gigabytes=4.0, seconds=10.0) as running:
        yield running


def _all_answered(tally, count, *, checksum=False):
    assert not tally.bad
    assert tally.counts["clean"] + tally.counts["read"] == count
    assert tally.counts["clean"] > count / 20, "the mutations are too weak to break anything"
    if checksum:  # whatever is broken is refused
        return
    assert tally.counts["read"] > count / 1000, "the mutations are too strong: nothing is left to read"


@pytest.mark.slow
@pytest.mark.parametrize("name", [kind.name for kind in READERS])
def test_two_thousand_broken_files_are_one_sentence_each_or_are_read(worker, name):
    if name == "parquet":
        pytest.importorskip("polars")
    _all_answered(worker.fuzz(name, seed=0, first=0, count=FILES), FILES)


@pytest.mark.slow
@pytest.mark.parametrize("name", [kind.name for kind in OURS])
def test_broken_files_of_our_own_are_one_sentence_each_or_are_read(worker, name):
    tally = worker.fuzz(name, seed=0, first=0, count=FEWER)
    _all_answered(tally, FEWER, checksum="checkpoint" in name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [kind.name for kind in RESUMED])
def test_what_is_read_can_be_worked_with_or_is_refused(worker, name):
    tally = worker.fuzz(name, seed=0, first=0, count=FEWER)
    assert not tally.bad
    assert tally.counts["clean"] + tally.counts["read"] == FEWER
    assert tally.counts["read"] > FEWER / 50, "nothing is left to work with"


@pytest.mark.parametrize("name", ["npy", "tokenizer.json", "torch"])
def test_a_case_is_the_same_in_every_run(name):
    kind = KINDS[name]
    assert [kind.case(kind.seeds(), 3, i) for i in range(20)] == [
        kind.case(kind.seeds(), 3, i) for i in range(20)
    ]


class _TwoLines(InputError):
    """What no InputError of ours is: of two lines."""

    def __str__(self) -> str:
        return "two\nlines"


def _raise(error):
    def read(path: Path) -> None:
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (_raise(InputError("one sentence")), "clean"),
        (_raise(_TwoLines("two")), "escape"),
        (_raise(RecursionError()), "escape"),
        (_raise(type("PanicException", (BaseException,), {})()), "escape"),
        (lambda path: None, "read"),
        (lambda path: subprocess.run(["true"], check=False), "executed"),
    ],
)
def test_the_trap_tells_the_outcomes_apart(tmp_path, read, outcome):
    """The negative control: a reader that fails is seen to fail."""
    trap = Trap()
    try:
        assert trap.read(Kind("x", lambda: [b""], read), tmp_path / "x")[0] == outcome
    finally:
        trap.armed = False


def test_a_worker_that_dies_or_hangs_is_counted_and_replaced():
    """A kind of the harness's own, which kills its process at one case and runs for ever at another."""
    with Worker(gigabytes=4.0, seconds=0.5) as running:
        tally = running.fuzz("self-test", seed=0, first=0, count=6)
    assert [(i, outcome) for i, outcome, _ in tally.bad] == [(2, "escape"), (4, "hang")]
    assert tally.counts["read"] == 4

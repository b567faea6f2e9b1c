"""The ranks of a run: their blocks of the classes, and an environment in which they cannot meet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feature_collapse import ranks as module
from feature_collapse.errors import InputError
from feature_collapse.ranks import Ranks
from ranks_started import environment, free_port


@pytest.mark.parametrize(("K", "size"), [(10, 3), (7, 7), (1000, 16)])
def test_blocks_are_a_partition_and_differ_by_one_class_at_most(K, size):
    blocks = [Ranks(rank, size).block(K) for rank in range(size)]
    assert [low for low, _ in blocks] + [K] == [0] + [high for _, high in blocks]
    sizes = [high - low for low, high in blocks]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) == Ranks(0, size).largest_block(K)


def test_fewer_classes_than_ranks_are_refused():
    with pytest.raises(InputError, match="K = 2 classes for 3 ranks"):
        Ranks(0, 3).check(2)


@pytest.fixture
def surroundings(monkeypatch):
    """Set the environment of rank 0 of two, but for what is given."""
    monkeypatch.setattr(module, "CONNECT", timedelta(seconds=1))

    def set_(**given):
        for name, value in (environment(2, 0, free_port()) | given).items():
            monkeypatch.setenv(name, value)

    return set_


MISTAKES = {
    "RANK": ("x", "RANK = 'x' in the environment, but must be an integer from 0 to 1"),
    "WORLD_SIZE": ("two", "WORLD_SIZE = 'two' in the environment, but must be an integer from 1"),
    "MASTER_PORT": (
        "99999",
        "MASTER_PORT = '99999' in the environment, but must be an integer from 1 to 65535",
    ),
    "MASTER_ADDR": (
        "no such host",
        "MASTER_ADDR = 'no such host' in the environment, but must be the address",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_environment_is_one_sentence(command_line, surroundings, name):
    value, sentence = MISTAKES[name]
    surroundings(**{name: value})
    code, out, err = command_line("solve")
    assert (code, out) == (2, "")
    assert err.startswith(f"feature-collapse: {sentence}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"MASTER_ADDR": "192.0.2.1"}, "cannot listen at MASTER_ADDR, MASTER_PORT = 192.0.2.1"),
        ({"RANK": "1"}, "nobody is at 127.0.0.1:"),
        ({}, "the 2 ranks were not all there within 1 s"),
    ],
)
def test_so_are_an_address_that_is_not_this_machines_and_ranks_that_do_not_come(
    command_line, surroundings, given, sentence
):
    surroundings(**given)
    code, out, err = command_line("solve")
    assert (code, out) == (2, "")
    assert err.startswith(f"feature-collapse: {sentence}")


@pytest.mark.parametrize("rank", ["0", "1"])
def test_other_commands_are_not_for_several_processes(command_line, surroundings, rank):
    surroundings(RANK=rank)
    code, out, err = command_line("theory")
    assert (code, out) == (2, "")
    assert ("only solve is for several processes, not theory" in err) == (rank == "0")

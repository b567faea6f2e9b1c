"""Files are whole or absent, and as private as the user wants."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import feature_collapse
from feature_collapse.files import write_atomically


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_permissions_that_the_user_wants(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "new", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~mask


def killed_in_the_middle(path):
    """Write a file in a process of its own that is killed before the file is whole."""
    code = (
        "import os, signal, sys, feature_collapse.files as files\n"
        "files.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from pathlib import Path\n"
        "files.write_atomically(Path(sys.argv[1]), 'half')"
    )
    source = str(Path(feature_collapse.__file__).parents[1])
    process = subprocess.run([sys.executable, "-c", code, path], env=os.environ | {"PYTHONPATH": source})
    assert process.returncode == -signal.SIGKILL


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_writer_left_is_removed_by_the_next_one_and_nothing_else(tmp_path):
    (tmp_path / ".new.original").write_text("mine")
    killed_in_the_middle(tmp_path / "new")
    assert len(names(tmp_path)) == 2  # control: there is something to remove
    write_atomically(tmp_path / "new", "x")
    assert names(tmp_path) == [".new.original", "new"]


def test_the_file_of_a_writer_at_work_is_left_to_it(tmp_path, monkeypatch):
    def another(handle):
        monkeypatch.undo()
        write_atomically(tmp_path / "new", "of the second")
        assert len(names(tmp_path)) == 2

    monkeypatch.setattr("feature_collapse.files.os.fsync", another)
    write_atomically(tmp_path / "new", "of the first")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of the first"]


def test_a_link_in_place_of_the_file_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path):
    (tmp_path / "thesis").write_text("years of work")
    (tmp_path / "new").symlink_to(tmp_path / "thesis")
    write_atomically(tmp_path / "new", "x")
    assert not (tmp_path / "new").is_symlink()
    assert (tmp_path / "thesis").read_text() == "years of work"


def test_a_file_that_is_there_stays_where_it_shall_not_be_replaced(tmp_path):
    for text in ("first", "second"):
        write_atomically(tmp_path / "new", text, replace=False)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["first"]


def test_a_full_disk_leaves_nothing_beside(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("feature_collapse.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "new", "x")
    assert not list(tmp_path.iterdir())

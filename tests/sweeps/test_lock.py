"""The driver's lock: those who only look do not shut a driver out, nor see each other."""

import sqlite3
import threading

import pytest

from feature_collapse.errors import InputError
from feature_collapse.sweeps.store import open_store


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "s.sweep", create=True) as opened:
        yield opened


def looker(store):
    """A connection in the midst of looking at the lock."""
    connection = sqlite3.connect(
        store.path.with_name("s.sweep-driver"), check_same_thread=False, isolation_level=None
    )
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def test_one_who_looks_is_not_taken_for_a_driver(store):
    looking = looker(store)
    assert store.driven_by() is None
    looking.close()


def test_one_who_looks_holds_a_driver_up_but_does_not_shut_it_out(store):
    looking = looker(store)
    threading.Timer(0.2, looking.close).start()
    with store.claim():
        assert "being driven by process" in store.driven_by()


def test_looking_leaves_no_file(store):
    assert store.driven_by() is None
    assert not store.path.with_name("s.sweep-driver").exists()


def test_a_second_claim_is_refused(store):
    with (
        store.claim(),
        open_store(store.path) as second,
        pytest.raises(InputError, match="being driven"),
        second.claim(),
    ):
        pass


def _garbage(path):
    path.write_bytes(b"\xa5" * 5000)


def _folder(path):
    path.mkdir()


@pytest.mark.parametrize("spoil", [_garbage, _folder])
@pytest.mark.parametrize("use", ["claim", "look"])
def test_what_cannot_be_a_lock_is_one_sentence(store, spoil, use):
    spoil(store.path.with_name("s.sweep-driver"))
    with pytest.raises(InputError, match="cannot be the lock of the sweep's driver") as error:
        if use == "look":
            store.driven_by()
        else:
            with store.claim():
                pass
    assert "\n" not in str(error.value)

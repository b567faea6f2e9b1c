"""The file of a sweep: older ones are migrated, and what is none of ours is left as it was."""

import json
import sqlite3

import pytest

from feature_collapse.errors import InputError
from feature_collapse.sweeps import schema
from feature_collapse.sweeps.counts import Counts
from feature_collapse.sweeps.results import read_results
from feature_collapse.sweeps.store import open_store

from .small import done, make

VERSION_ONE = """
PRAGMA application_id = 1178824556;
CREATE TABLE sweep (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, spec TEXT NOT NULL,
                    created TEXT NOT NULL);
CREATE TABLE runs (key TEXT PRIMARY KEY, position INTEGER, axes TEXT NOT NULL, settings TEXT NOT NULL,
                   state TEXT NOT NULL DEFAULT 'pending'
                   CHECK (state IN ('pending', 'running', 'done', 'failed')),
                   attempts INTEGER NOT NULL DEFAULT 0, error TEXT, seconds REAL, finished TEXT, result TEXT);
PRAGMA user_version = 1;
"""  # as it was; not to be changed


def test_an_older_schema_is_migrated_and_keeps_its_results(tmp_path):
    path, sweep = tmp_path / "old.sweep", make(seeds=2)
    old = sqlite3.connect(path)
    old.executescript(VERSION_ONE)
    old.execute("INSERT INTO sweep VALUES (1, 's', ?, 'then')", (json.dumps(sweep.source),))
    for position, run in enumerate(sweep.runs()):
        old.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, 1, NULL, 0.5, 'then', ?)",
            (
                run.key,
                position,
                json.dumps(run.axes),
                json.dumps(run.settings.to_mapping()),
                "pending" if position else "done",
                None if position else '{"risk": 0.25}',
            ),
        )
    old.commit()
    old.close()
    with open_store(path) as store:
        assert store.counts() == Counts(1, 0, 1, 0)
        assert read_results(store).column("risk") == [0.25]
        assert read_results(store).column("group") == ["grid"]
        store.finish([done(store.pending()[0].key)], {"torch": "2"}, "w")
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_a_migration_that_fails_leaves_the_old_version(tmp_path, monkeypatch):
    path = tmp_path / "old.sweep"
    old = sqlite3.connect(path)
    old.executescript(VERSION_ONE)
    old.close()
    monkeypatch.setitem(schema.STEPS, 1, "CREATE TABLE driver (pid);\nCREATE TABLE runs (twice)")
    with pytest.raises(InputError, match="already exists"):
        open_store(path)
    found = sqlite3.connect(path)
    assert found.execute("PRAGMA user_version").fetchone() == (1,)
    assert found.execute("SELECT count(*) FROM sqlite_master WHERE name = 'driver'").fetchone() == (0,)
    found.close()


def _foreign(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE runs (key)")
    other.commit()
    other.close()


def _text(path):
    path.write_text("[axes]\n")


def _empty(path):
    path.write_bytes(b"")


def _damaged(path):
    with open_store(path, create=True) as store:
        store.set_sweep(make(seeds=300), make(seeds=300).runs())
    content = bytearray(path.read_bytes())
    content[8192:60000] = b"\xa5" * (60000 - 8192)
    path.write_bytes(content)


def _truncated(path):
    with open_store(path, create=True) as store:
        store.set_sweep(make(seeds=300), make(seeds=300).runs())
    path.write_bytes(path.read_bytes()[:30_000])


def _newer(path):
    with open_store(path, create=True):
        pass
    later = sqlite3.connect(path)
    later.execute("PRAGMA user_version = 99")
    later.close()


def _no_tables(path):
    other = sqlite3.connect(path)
    other.execute(f"PRAGMA application_id = {schema.APPLICATION}")
    other.execute("PRAGMA user_version = 2")
    other.execute("CREATE TABLE other (x)")
    other.commit()
    other.close()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_foreign, "is not a sweep file"),
        (_text, "is not a sweep file"),
        (_empty, "is not a sweep file"),
        (_damaged, "is damaged"),
        (_truncated, "is damaged"),
        (_newer, "schema version 99"),
        (_no_tables, "is damaged"),
    ],
)
def test_a_foreign_or_damaged_file_is_refused_in_one_sentence_and_left_as_it_was(tmp_path, spoil, message):
    path = tmp_path / "x.sweep"
    spoil(path)
    before = path.read_bytes()
    for create in (False, True):
        with pytest.raises(InputError) as error:
            open_store(path, create=create)
        assert message in str(error.value)
        assert "\n" not in str(error.value)
    assert path.read_bytes() == before


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_store(tmp_path / "none.sweep")

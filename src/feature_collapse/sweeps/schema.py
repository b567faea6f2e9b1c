"""The tables of a sweep's file, their version, and the steps from each older version to the next.

Version 1 had no groups, no versions of the libraries, no name of the worker. A step is applied in one
transaction, so a file is of the old version or of the new one.
"""

from __future__ import annotations

import sqlite3

from feature_collapse.errors import InputError

APPLICATION = 0x46436F6C  # "FCol", in the file's header: how we know our own files
VERSION = 2

_RUNS = """
CREATE TABLE runs (
    key TEXT PRIMARY KEY,          -- hash of the settings
    position INTEGER,              -- in the grid; NULL where the present grid does not have it
    axes TEXT NOT NULL,            -- JSON: label on each axis
    settings TEXT NOT NULL,        -- JSON
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    seconds REAL,
    finished TEXT,                 -- UTC
    result TEXT                    -- JSON: name -> number, or list of numbers
);
"""
_SWEEP = """
CREATE TABLE sweep (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL,
    spec TEXT NOT NULL,            -- JSON: the sweep file
    created TEXT NOT NULL          -- UTC
);
"""
_ONE_TO_TWO = """
CREATE TABLE versions (id INTEGER PRIMARY KEY, versions TEXT NOT NULL UNIQUE);
CREATE TABLE driver (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER, host TEXT, started TEXT);
ALTER TABLE runs ADD COLUMN grp TEXT NOT NULL DEFAULT 'grid';
ALTER TABLE runs ADD COLUMN worker TEXT;
ALTER TABLE runs ADD COLUMN versions INTEGER REFERENCES versions (id);
CREATE INDEX runs_by_state ON runs (state, position);
CREATE INDEX runs_by_position ON runs (position);
"""
STEPS = {1: _ONE_TO_TWO}  # version -> statements that lead to the next


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of the present version in an empty file."""
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    _apply(connection, [_SWEEP, _RUNS, *STEPS.values()], VERSION)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring a file of an older version to the present one.

    Raises:
        InputError: a version of the future.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION or version < 1:
        raise InputError(
            f"sweep file {path!r} has schema version {version}, but this program knows 1 to {VERSION}; "
            "update feature-collapse"
        )
    while version < VERSION:
        _apply(connection, [STEPS[version]], version + 1)
        version += 1


def _apply(connection: sqlite3.Connection, scripts: list[str], version: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in scripts:
            for statement in script.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise

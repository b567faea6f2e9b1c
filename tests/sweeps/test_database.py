"""A file whose rows are not what we wrote, that lost its end, or that cannot be written."""

import os
import sqlite3
import stat

import pytest

from feature_collapse.errors import InputError
from feature_collapse.sweeps import database
from feature_collapse.sweeps.messages import Finished
from feature_collapse.sweeps.results import read_results
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.status import read_status
from feature_collapse.sweeps.store import open_store

SWEEP = Sweep.from_mapping(
    {
        "name": "s",
        "base": {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 2},
        "axes": {"n_spl": [1, 2], "network": [{"label": "h"}]},
    }
)


@pytest.fixture
def path(tmp_path):
    """A store with one finished run."""
    path = tmp_path / "s.sweep"
    with open_store(path, create=True) as store:
        store.set_sweep(SWEEP, SWEEP.runs())
        store.finish([Finished(store.pending()[0].key, None, 0.1, {"risk": 0.5}, 1)], {"torch": "2"}, "here")
    return path


def use_all(path):
    with open_store(path) as store:
        assert store.sweep.name == "s"
        store.pending()
        read_status(store)
        read_results(store)


def test_a_good_store_is_not_refused(path):
    use_all(path)


BROKEN = ("", "{", "[]", "3", "{}, {}", "[" * 100_000, '{"a": ' + "9" * 5000 + "}")
COLUMNS = (
    "UPDATE sweep SET spec",
    "UPDATE runs SET settings",
    "UPDATE runs SET axes",
    "UPDATE runs SET result",
    "UPDATE versions SET versions",
)


@pytest.mark.parametrize("text", BROKEN, ids=[text[:8] for text in BROKEN])
@pytest.mark.parametrize("change", COLUMNS)
def test_text_that_is_no_json_object_is_called_damage_and_left(path, change, text):
    spoiler = sqlite3.connect(path)
    spoiler.execute(f"{change} = ?", (text,))
    spoiler.commit()
    spoiler.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="is damaged") as error:
        use_all(path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("missing", [1, 100, 4096])
def test_a_file_without_its_end_is_damaged(path, missing):
    content = path.read_bytes()[:-missing]
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        open_store(path)
    assert path.read_bytes() == content


def test_links_in_a_circle_are_one_sentence(tmp_path):
    (tmp_path / "a.sweep").symlink_to("b.sweep")
    (tmp_path / "b.sweep").symlink_to("a.sweep")
    for create in (False, True):
        with pytest.raises(InputError, match="cannot be read"):
            open_store(tmp_path / "a.sweep", create=create)


@pytest.fixture
def read_only(path, monkeypatch):
    """The store where nothing can be written, as on a read-only disk."""
    path.chmod(0o444)
    path.parent.chmod(0o555)
    monkeypatch.setattr(database, "_writable", lambda _: False)  # root may write all the same
    yield path
    path.parent.chmod(0o755)


def test_a_store_that_cannot_be_written_can_be_read_and_leaves_no_file(read_only):
    use_all(read_only)
    assert [file.name for file in read_only.parent.iterdir()] == ["s.sweep"]


def test_a_store_that_cannot_be_written_is_not_driven_nor_called_damaged(read_only):
    with (
        pytest.raises(InputError, match="cannot be written"),
        open_store(read_only) as store,
    ):
        store.reset()


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_sweep_file_is_as_private_as_the_user_wants_and_nothing_is_beside_it(tmp_path, mask):
    before = os.umask(mask)
    try:
        database.create_database(tmp_path / "s.sweep")
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir()] == ["s.sweep"]
    assert stat.S_IMODE((tmp_path / "s.sweep").stat().st_mode) == 0o666 & ~mask


def test_a_sweep_file_is_never_made_in_place_of_another(path):
    before = path.read_bytes()
    database.create_database(path)
    assert path.read_bytes() == before

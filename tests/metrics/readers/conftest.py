"""A trap for files that would execute code."""

import os

import pytest


@pytest.fixture
def tripwire(tmp_path):
    """An object whose unpickling would create a file."""
    mark = tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return (os.system, (f"touch {mark}",))

    yield Evil()
    assert not mark.exists()

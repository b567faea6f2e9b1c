"""A long measurement says on stderr which pass is under way, and its memory does not grow with N·C."""

import numpy as np
import pytest

from feature_collapse.cli import progress
from feature_collapse.metrics import measure
from feature_collapse.metrics.progress import followed, listening


def test_whoever_listens_hears_of_every_pass_to_its_end():
    x = np.random.default_rng(0).standard_normal((40, 5))
    heard = []
    with listening(lambda *of: heard.append(of)):
        measure(x, np.repeat(list("abcd"), 10), resamples=6, shuffles=4)
    ends = {name for name, done, count in heard if done == count}
    assert ends == {"parts of the rows", "resamples", "shuffles"}
    assert ("resamples", 5, 6) in heard


def test_listening_changes_no_number():
    x, names = np.random.default_rng(0).standard_normal((40, 5)), np.repeat(list("abcd"), 10)
    with listening(lambda *of: None):
        heard = measure(x, names, resamples=6, shuffles=4).to_dict()
    assert measure(x, names, resamples=6, shuffles=4).to_dict() == heard


def test_nobody_hears_after_the_block():
    heard = []
    with listening(lambda *of: heard.append(of)):
        pass
    assert list(followed("rows", range(3), 3)) == [0, 1, 2]
    assert not heard


@pytest.mark.parametrize("every", [0.0, 1e9])
def test_the_command_prints_a_line_now_and_then_and_none_where_it_is_quick(
    command_line, tmp_path, monkeypatch, every
):
    monkeypatch.setattr(progress, "_EVERY", every)
    np.save(tmp_path / "e.npy", np.random.default_rng(0).standard_normal((40, 5)))
    (tmp_path / "g.csv").write_text("".join(f"{i},{'abcd'[i // 10]}\n" for i in range(40)))
    code, out, err = command_line("measure", "e.npy", "--groups", "g.csv", "--resamples", "5", "--json")
    assert code == 0
    assert ("resamples: 3 of 5" in err) == (every == 0.0)
    assert "resamples:" not in out

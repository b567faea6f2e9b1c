"""The examples run as a reader runs them, and show what they say."""

import re
import subprocess
import sys

import pytest


def run(*arguments, folder):
    out = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={"PYTHONPATH": "src", "OMP_NUM_THREADS": "1", "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0, out.stderr
    return out.stdout


@pytest.mark.slow
def test_words_of_the_standard_library_share_direction_by_group(tmp_path):
    text = run("examples/measure_docstrings.py", tmp_path, folder=tmp_path)
    assert "partly clustered by concept" in text and "none of the paper's types" in text
    assert {p.name for p in tmp_path.iterdir()} >= {"vectors.txt", "groups.csv", "report.html"}
    nearest = next(line for line in text.splitlines() if line.startswith("entities nearest"))
    found, *_, chance, _ = map(float, re.findall(r"\d\.\d+", nearest))  # value, interval, chance, p
    assert found > 3 * chance


@pytest.mark.slow
def test_directions_collapse_while_the_examples_train(tmp_path):
    text = run("examples/measure_while_training.py", folder=tmp_path)
    plain, embedding, hidden = re.split(r"\n(?=\S)", text.strip())
    for part in (plain, embedding, hidden):
        spreads = [float(s) for s in re.findall(r"spread of direction (\d\.\d+)", part)]
        assert (len(spreads) >= 4 and spreads[-1] < spreads[0]) or spreads[-1] < 0.01
    assert re.findall(r"verdict (\w+)", plain)[-1] == "III"
    assert "slope of length +" in plain

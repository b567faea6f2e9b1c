"""The separate checker of records: agrees with honest records, and sees what was changed in the others."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from feature_collapse.cli.app import app
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings

PROGRAM = Path(__file__).resolve().parent.parent / "checker" / "check_record.py"
SMALL = Settings(n_w=12, K=6, L=3, d=8, n_spl=20, word_law="zipf", lambda_=1e-2, method="certified", gap=1e-3)
KINDS = {
    "plain": SMALL,
    "layernorm": SMALL.replace(normaliser="layernorm"),
    "rmsnorm": SMALL.replace(normaliser="rmsnorm"),
    "sphere": SMALL.replace(normaliser="sphere", lambda_=1e-3),
    "decay by the law": SMALL.replace(decay_exponent=1.0),
    "decay by the data": SMALL.replace(decay_exponent=0.5, decay_frequency="data"),
    "zero": SMALL.replace(lambda_=10.0),
    "sgd": SMALL.replace(method="sgd", epochs=3, normaliser="layernorm", eps=1e-5),
    "sgd without a penalty": SMALL.replace(method="sgd", epochs=3, lambda_=0.0),
    "sgd, lazy decay": SMALL.replace(method="sgd", epochs=3, decay="lazy"),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    return {
        name: run(settings, folder / name.replace(" ", "-"), device="cpu") for name, settings in KINDS.items()
    }


@pytest.fixture
def copy(records, tmp_path):
    def made(name):
        return Path(shutil.copytree(records[name].path, tmp_path / "copy"))

    return made


def check(folder):
    done = subprocess.run([sys.executable, PROGRAM, folder], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def change_summary(folder, **values):
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_it_is_short_and_uses_numpy_and_the_standard_library_alone():
    text = PROGRAM.read_text(encoding="utf-8")
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes}
    assert names == {"json", "sys", "pathlib", "numpy"}
    assert len(text.splitlines()) <= 172


@pytest.mark.parametrize("name", KINDS)
def test_an_honest_record_holds(records, name):
    code, out, err = check(records[name].path)
    assert (code, out.splitlines()[-1], err) == (0, "holds", "")


@pytest.mark.parametrize("name", [name for name in KINDS if not name.startswith("sgd")])
def test_it_proves_about_the_gap_that_a_certified_record_states(records, name):
    _, out, _ = check(records[name].path)
    assert float(out.splitlines()[1].split()[-1]) <= records[name].summary["relative_gap"] + 1e-4


@pytest.mark.parametrize("name", ["rmsnorm", "sphere"])
def test_its_bound_with_the_recorded_nu_is_the_recorded_bound(records, name):
    _, out, _ = check(records[name].path)
    found, claim = float(out.splitlines()[1].split()[1]), records[name].summary["lower_bound"]
    assert "nu" in load_file(records[name].path / "weights.safetensors")
    assert abs(found - claim) <= 2e-9 * claim


def test_without_a_penalty_nothing_is_proved(records):
    assert check(records["sgd without a penalty"].path)[1].splitlines()[1].split()[1] == "0"


@pytest.mark.parametrize("forged", ["U", "lambda"])
def test_an_infinite_risk_makes_no_number_right(copy, forged):
    folder = copy("rmsnorm")
    change_summary(folder, risk=0.01, lower_bound=0.01, gap=0.0)
    if forged == "U":
        tensors = load_file(folder / "weights.safetensors")
        save_file({**tensors, "U": tensors["U"] * 1e200}, folder / "weights.safetensors")
    else:
        config = json.loads((folder / "config.json").read_text())
        config["settings"]["lambda"] = float("inf")
        (folder / "config.json").write_text(json.dumps(config))
    code, out, err = check(folder)
    assert code == 2
    assert "holds" not in out
    assert "cannot be checked" in err


@pytest.mark.parametrize("shape", [(12, 12), (1, 12), (11,), ()])
def test_a_nu_of_another_shape_proves_nothing(copy, shape):
    """Off its diagonal, which alone a factorisation sees, a matrix may sum to less than nothing."""
    folder = copy("rmsnorm")
    path = folder / "weights.safetensors"
    nu = np.full(shape, -1e3)
    if shape == (12, 12):
        np.fill_diagonal(nu, 100.0 * np.arange(1, 13))
    save_file({**load_file(path), "nu": nu}, path)
    risk = json.loads((folder / "summary.json").read_text())["risk"]
    change_summary(folder, lower_bound=risk, gap=0.0)
    code, out, err = check(folder)
    assert (code, out) == (2, "")
    assert "cannot be checked" in err


def test_a_bound_that_certify_wrote_holds_too(copy):
    folder = copy("rmsnorm")
    done = CliRunner().invoke(app, ["certify", str(folder), "--write"])
    assert done.exit_code == 0
    assert check(folder)[0] == 0


@pytest.mark.parametrize("change", [0.5, 2.0, 0.0, -1.0, float("nan")])
def test_a_changed_nu_proves_no_more(copy, change):
    folder = copy("rmsnorm")
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    rng = np.random.default_rng(0)
    save_file({**tensors, "nu": np.where(rng.random(12) < 0.5, change, 1.0) * tensors["nu"]}, path)
    honest = check(folder)[0]
    assert honest == (0 if change >= 0 else 2)  # where it does not suffice another is found
    risk = json.loads((folder / "summary.json").read_text())["risk"]
    change_summary(folder, lower_bound=risk * (1 - 1e-6), gap=risk * 1e-6)
    code, out, _ = check(folder)
    assert code in (2, 3)
    assert "holds" not in out


@pytest.mark.parametrize("factor", [1 + 1e-8, 0.5])
@pytest.mark.parametrize("name", ["plain", "layernorm"])
def test_a_changed_risk_is_seen(copy, name, factor):
    folder = copy(name)
    risk = json.loads((folder / "summary.json").read_text())["risk"]
    change_summary(folder, risk=risk * factor)
    code, out, _ = check(folder)
    assert code == 1
    assert "the risk is not that of the weights" in out


@pytest.mark.parametrize("name", ["plain", "layernorm", "decay by the law"])
def test_a_bound_above_the_risk_is_seen(copy, name):
    folder = copy(name)
    risk = json.loads((folder / "summary.json").read_text())["risk"]
    change_summary(folder, lower_bound=risk * 1.001, gap=-0.001 * risk)
    code, out, _ = check(folder)
    assert code == 1
    assert "the bound is above the risk" in out


def test_a_bound_that_the_weights_do_not_prove_is_seen(copy):
    folder = copy("plain")
    W_path = folder / "weights.safetensors"
    weights = load_file(W_path)
    save_file({"W": 1.5 * weights["W"], "U": weights["U"]}, W_path)  # a worse point, its risk stated rightly
    stated = float(check(folder)[1].split()[1].rstrip(","))
    lower = json.loads((folder / "summary.json").read_text())["lower_bound"]
    change_summary(folder, risk=stated, gap=stated - lower)
    assert "do not prove the bound" in check(folder)[1]
    change_summary(folder, lower_bound=0.999999 * stated, gap=0.000001 * stated)  # as if they were optimal
    code, out, _ = check(folder)
    assert code == 3
    assert out.splitlines()[-1] == "consistent, but these weights do not prove the bound"


def test_a_gap_that_is_not_risk_less_bound_is_seen(copy):
    folder = copy("plain")
    change_summary(folder, gap=1e-12)
    assert check(folder)[::2] == (1, "")


@pytest.mark.parametrize("name", ["plain", "layernorm"])
def test_a_flipped_bit_in_the_weights_is_seen(copy, name):
    path = copy(name) / "weights.safetensors"
    raw = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(raw[:8], "little")
    end = start + json.loads(raw[8:start])["W"]["data_offsets"][1]
    raw[end - 2] ^= 0x40  # in the exponent of the last entry of W
    path.write_bytes(raw)
    assert check(path.parent)[0] == 1


def test_weights_of_another_run_are_seen(copy, records):
    folder = copy("plain")
    weights = load_file(folder / "weights.safetensors")
    save_file({"W": weights["W"][::-1].copy(), "U": weights["U"]}, folder / "weights.safetensors")
    assert check(folder)[0] == 1


DAMAGE = {
    "no summary": lambda folder: (folder / "summary.json").unlink(),
    "a truncated tensor": lambda folder: (folder / "weights.safetensors").write_bytes(
        (folder / "weights.safetensors").read_bytes()[:-8]
    ),
    "a huge header": lambda folder: (folder / "task.safetensors").write_bytes(b"\xff" * 64),
    "nested JSON": lambda folder: (folder / "config.json").write_text("[" * 100_000),
    "words out of range": lambda folder: save_file(
        {**(t := load_file(folder / "task.safetensors")), "train_sentences": t["train_sentences"] - 1},
        folder / "task.safetensors",
    ),
    "no number": lambda folder: change_summary(folder, risk="small"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_files_that_cannot_be_read_end_in_one_line(copy, damage):
    folder = copy("plain")
    DAMAGE[damage](folder)
    code, out, err = check(folder)
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be checked" in err
    assert "holds" not in out


def test_a_missing_argument_is_no_traceback():
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_its_lower_bounds_are_below_the_risk_at_any_weights(copy):
    rng = np.random.default_rng(0)
    for name in ("plain", "layernorm"):
        folder = copy(name)
        least = json.loads((folder / "summary.json").read_text())["risk"]
        tensors = load_file(folder / "weights.safetensors")
        shapes = {key: tensors[key].shape for key in ("W", "U")}
        for scale in (1e-3, 0.3, 3.0):
            weights = {key: scale * rng.standard_normal(shape) for key, shape in shapes.items()}
            save_file(weights, folder / "weights.safetensors")
            bound = float(check(folder)[1].splitlines()[1].split()[1])
            assert 0 <= bound <= least * (1 + 1e-12)  # that risk is within reach
        shutil.rmtree(folder)

"""The order of imports, the absence of circles, and the limits of style, read from the source.

The facts come from `benchmarks/source_facts.py`, which holds the order. The last tests put a fault of each
kind into a small package and see it named.
"""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from code_figures import MOST_PARAMETERS, figures  # noqa: E402
from source_facts import ORDER, Source  # noqa: E402

LONGEST_LINE = 110
LONGEST_FILE = 300
LONG_FILES: frozenset[str] = frozenset()  # names of files that may be longer, each with its reason
FEW_PARAMETERS = ("risk", "certificates", "theory", "experiments")  # packages of functions that take nouns


@pytest.fixture(scope="module")
def source():
    return Source(ROOT / "src")


def test_no_import_runs_back_up(source):
    assert source.upward() == []


def test_no_files_import_each_other_in_a_circle(source):
    assert source.file_circles() == []


def test_no_packages_import_each_other_in_a_circle(source):
    assert source.package_circles() == []


def test_no_import_hides_in_a_call(source):
    assert source.hidden() == []


def test_an_import_inside_a_function_only_keeps_start_up_cheap(source):
    assert source.late()[1] == []


def test_no_module_of_metrics_needs_torch_or_matplotlib_to_be_imported(source):
    metrics = [name for name in source.modules if source.package(name) == "metrics"]
    assert metrics
    assert {name: sorted(source.heavy(name) & {"torch", "matplotlib"}) for name in metrics} == {
        name: [] for name in metrics
    }


def test_every_package_has_its_place_in_the_order(source):
    assert {source.package(name) for name in source.modules} <= {name for row in ORDER for name in row}


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "examples", "checker"])
def test_no_line_is_over_the_longest(folder):
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]
    assert long == []


def test_no_file_is_over_the_longest_save_those_named(source):
    lengths = {name: len(module.text.splitlines()) for name, module in source.modules.items()}
    assert {
        name: lines for name, lines in lengths.items() if lines > LONGEST_FILE and name not in LONG_FILES
    } == {}
    assert [name for name in LONG_FILES if lengths.get(name, 0) <= LONGEST_FILE] == []


def test_public_functions_of_risk_certificates_theory_and_experiments_take_at_most_six_parameters(source):
    assert [
        f"{source.where(name, function.line)} {function.name}: {function.parameters}"
        for name, module in source.modules.items()
        if source.package(name) in FEW_PARAMETERS
        for function in module.functions
        if function.public and function.parameters > MOST_PARAMETERS
    ] == []


def test_at_most_one_function_in_a_hundred_takes_more_than_six_parameters(source):
    functions = [function for module in source.modules.values() for function in module.functions]
    many = [function.name for function in functions if function.parameters > MOST_PARAMETERS]
    assert len(many) <= 0.01 * len(functions), many


# A small package in good order, and faults put into it.

GOOD = {
    "__init__.py": '__version__ = "1"\n__all__ = ["codes", "solve"]\n\ndef __getattr__(name):\n'
    "    from importlib import import_module\n    return import_module(f'feature_collapse.{name}')\n",
    "errors.py": "class InputError(ValueError): pass\n",
    "task/__init__.py": "from feature_collapse.task.codes import codes\n",
    "task/codes.py": "from ..errors import InputError\nfrom feature_collapse import __version__\n",
    "model/__init__.py": "",
    "model/normalisers.py": "from feature_collapse.errors import InputError\n",
    "metrics/__init__.py": "",
    "metrics/measure.py": "from feature_collapse.model import normalisers\n",
    "risk/__init__.py": "",
    "risk/empirical.py": "import torch\nfrom feature_collapse.task import codes\n",
    "sweeps/__init__.py": "",
    "sweeps/export.py": "def export():\n    import polars\n    from feature_collapse.risk import empirical\n",
    "cli/__init__.py": "def main():\n    from feature_collapse.task import codes\n",
}


def package(folder, changes):
    for name, text in {**GOOD, **changes}.items():
        path = folder / "feature_collapse" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Source(folder)


def faults(source):
    return {
        "upward": source.upward(),
        "files": source.file_circles(),
        "packages": source.package_circles(),
        "hidden": source.hidden(),
        "late": source.late()[1],
    }


NONE = {kind: [] for kind in ("upward", "files", "packages", "hidden", "late")}


def test_a_package_in_good_order_has_no_fault(tmp_path):
    source = package(tmp_path, {})
    assert faults(source) == NONE
    assert [text.partition(" ")[2] for text in source.late()[0]] == [
        "imports importlib",  # the face's
        "imports ?",
        "imports task.codes",  # the command line's
        "imports polars",
        "imports risk.empirical",  # which loads torch
    ]
    assert figures(source)["public names at the top"] == "2"


FAULTS = {
    "upward": (
        {"task/codes.py": "from feature_collapse.risk.empirical import torch\n"},
        {"upward": ["task/codes.py:1 imports risk.empirical"], "files": 1, "packages": 1},
    ),
    "upward, relative and only for types": (
        {"model/network.py": "if TYPE_CHECKING:\n    from ..cli import main\n"},
        {"upward": ["model/network.py:2 imports cli"]},
    ),
    "upward, to a sibling": (
        {"solver/__init__.py": "", "theory/__init__.py": "import feature_collapse.solver\n"},
        {"upward": ["theory/__init__.py:1 imports solver"]},
    ),
    "upward, to the face": (
        {"errors.py": "from feature_collapse import solve\n"},
        {"upward": ["errors.py:1 imports feature_collapse"]},
    ),
    "a package without a place": (
        {"helpers.py": "from feature_collapse import errors\n"},
        {"upward": ["helpers.py:1 imports errors"]},
    ),
    "metrics on more than normalisers and geometry": (
        {"metrics/measure.py": "from feature_collapse.model.network import h\n", "model/network.py": ""},
        {"upward": ["metrics/measure.py:1 imports model.network"]},
    ),
    "a circle through a late import": (
        {
            "task/codes.py": "import feature_collapse.task.latents as latents\n",
            "task/latents.py": "def late():\n    from feature_collapse.task import codes as codes\n",
        },
        {"files": [["task.codes", "task.latents"]], "late": ["task/latents.py:2 imports task.codes"]},
    ),
    "a circle of packages without one of files": (
        {
            "theory/__init__.py": "",
            "theory/a.py": "from feature_collapse.solver import b\n",
            "theory/c.py": "",
            "solver/__init__.py": "",
            "solver/b.py": "",
            "solver/d.py": "from feature_collapse.theory import c\n",
        },
        {"upward": 2, "packages": [["solver", "theory"]]},
    ),
    "a hidden import": (
        {"task/codes.py": 'import importlib\nimportlib.import_module("feature_collapse.cli")\n'},
        {
            "hidden": ["task/codes.py:2 imports feature_collapse.cli by a call"],
            "upward": ["task/codes.py:2 imports cli"],
            "files": 1,
            "packages": 1,
        },
    ),
    "a hidden relative import": (
        {"task/codes.py": '__import__("..errors")\n'},
        {"hidden": ["task/codes.py:1 imports feature_collapse.errors by a call"]},
    ),
    "an import of what the call does not say": (
        {"sweeps/presets.py": 'from importlib import import_module as load\nload(f"feature_collapse.{n}")\n'},
        {"hidden": ["sweeps/presets.py:1 imports ? by a call"]},
    ),
    "a late import that saves nothing": (
        {"risk/empirical.py": "import torch\ndef f():\n    import torch.linalg\n    from .. import errors\n"},
        {"late": ["risk/empirical.py:3 imports torch.linalg", "risk/empirical.py:4 imports errors"]},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_is_put_in_is_named(tmp_path, name):
    changes, expected = FAULTS[name]
    found = faults(package(tmp_path, changes))
    counted = {
        key: len(value) if isinstance(expected.get(key), int) else value for key, value in found.items()
    }
    assert counted == NONE | expected

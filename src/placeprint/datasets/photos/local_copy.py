"""Is a copy of a benchmark whole? Counts against the published ones, files that are missing, photos that are broken."""

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
    """What was found of a copy.

    Args:
        protocol: name and version.
        queries: count, without those that are not in the database.
        not_in_database: count of these.
        database: count of photos that are searched in.
        positives: mean count of right photos of the queries that have one.
        without_positives: queries without one.
        differences: in what the counts are not the published ones.
        missing: photos that are not there.
        broken: photos of those that were read which cannot be used, with the reason.
        read: photos that were read.
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
        """Whether nothing is amiss."""
        return not (self.differences or self.missing or self.broken)


@checked
def check_copy(protocol: str, folder: Path | str, *, sample: CountOrNone = 50) -> CopyReport:
    """Read a copy by its protocol, look for every file, and read some photos.

    Args:
        protocol: name, or path of a TOML file.
        folder: of the copy.
        sample: photos that are read, evenly over database and queries; 0 for none.

    Raises:
        OptionError: there is no such protocol, or the sample is negative.
        DatasetError: the folder does not have the form.
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
    """Return why a photo cannot be used, None where it can."""
    try:
        read_image(path)
    except PhotoError as error:
        return str(error)
    return None

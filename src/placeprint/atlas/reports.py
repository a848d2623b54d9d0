"""Reports about an atlas and about added photos."""

from __future__ import annotations

from dataclasses import dataclass, field

from placeprint.renamed import renamed_attribute


@dataclass
class AddReport:
    """The result of `Atlas.add`.

    Args:
        added: the number of new photos.
        changed: the number of photos whose file differed from the stored one.
        unchanged: the number of photos that were already in the atlas.
        moved: the number of photos recognized by their content at another path, which keep their features.
        skipped: the path and reason of each photo that could not be used, and of each skipped file, sorted by path.
        unread: the number of files below the folders that look like photos but are not read, by suffix.
        learned: whether the atlas learned its own codebook at the end.
        seconds: the time spent, in seconds.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    learned: bool = False
    seconds: float = 0.0
    unread: dict[str, int] = field(default_factory=dict)
    moved: int = 0

    left_out = renamed_attribute("left_out", "unread")


@dataclass(frozen=True)
class CompactReport:
    """The result of `Atlas.compact`.

    Args:
        files_before: the number of files of the atlas before.
        bytes_before: their size.
        files: their number now.
        bytes: their size now.
    """

    files_before: int
    bytes_before: int
    files: int
    bytes: int

"""Check that every row of the tables of an atlas is complete, finite and consistent with the others."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from placeprint.care.findings import Finding
from placeprint.core.geography import check_position
from placeprint.describing.describer import Describer
from placeprint.errors import OptionError, PlaceprintError
from placeprint.store.encoding import stored_bytes
from placeprint.store.store_snapshot import StoreSnapshot
from placeprint.types import Progress

SHA256 = re.compile("[0-9a-f]{64}")
TOGETHER = 256
"""Rows read at once."""
UNIT = 0.01
"""By how much the length of a stored descriptor may differ from 1."""


@dataclass
class _Seen:
    """What is known of the rows so far: sizes by id of the usable photos, and ids by what is wrong with them."""

    sizes: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    states: set[str | None] = field(default_factory=set)
    records: list[str] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    paths: dict[str, int] = field(default_factory=dict)
    replaced: set[int] = field(default_factory=set)


def row_findings(
    stored: StoreSnapshot, describer: Describer, progress: Progress | None = None, *, learned: bool = True
) -> list[Finding]:
    """Check the rows of both tables.

    Args:
        stored: the tables.
        describer: what made them.
        progress: called with the count of rows of local features read, and of all.
        learned: whether the describer has its learned state; without it, descriptors are not checked.

    Raises:
        AtlasFormatError: a table cannot be read.
    """
    seen = _Seen()
    for rows in stored.images.batches(None, TOGETHER):
        for row in rows:
            _check_record(row, seen)
        if learned:
            _check_descriptors(rows, describer, seen)
    found = [Finding("records", what, advice="remove the photo and index it again") for what in seen.records]
    if len(seen.states - {None}) > 1:
        found.append(
            Finding("states", f"descriptors were made by {len(seen.states)} learned states", advice="make it again")
        )
    if seen.replaced:
        found.append(_about("orphans", "rows were replaced by newer ones of the same path", "sweep", seen.replaced))
    if seen.descriptors:
        found.append(_about("descriptors", "descriptors are damaged", "describe again", seen.descriptors))
    if seen.positions:
        found.append(_about("positions", "positions are not places on Earth", "forget positions", seen.positions))
    return [*found, *_local_findings(stored, describer, seen, progress)]


def _about(check: Any, what: str, repair: Any, photos: Sequence[int] | set[int]) -> Finding:
    return Finding(check, f"{what} ({len(photos)})", repair, photos=tuple(sorted(photos)))


def _check_record(row: Mapping[str, Any], seen: _Seen) -> None:
    number, path = row["id"], row["path"]
    if number is None or path is None or number < 0:
        seen.records.append(f"a row has the id {number} and the path {path!r}")
        return
    if number in seen.known:
        seen.records.append(f"two photos have the id {number}")
    seen.known.add(number)
    before = seen.paths.get(path)
    if before is not None:
        seen.replaced.add(min(before, number))
    seen.paths[path] = number if before is None else max(before, number)
    if not _is_place(row["lat"], row["lon"]):
        seen.positions.append(number)
    if row["error"] is not None:
        return
    seen.states.add(row["state"])
    width, height, count = (row[name] or 0 for name in ("width", "height", "num_keypoints"))
    if not (width > 0 and height > 0 and count >= 0 and SHA256.fullmatch(row["sha256"] or "")):
        seen.records.append(f"the size or the hash of {path!r} is damaged")
    seen.sizes[number] = (width, height, count)


def _is_place(latitude: float | None, longitude: float | None) -> bool:
    """Return whether a position is a place on Earth, or none at all."""
    if latitude is None or longitude is None:
        return latitude is longitude
    try:
        check_position(latitude, longitude, "a photo")
    except OptionError:
        return False
    return True


def _check_descriptors(rows: Sequence[Mapping[str, Any]], describer: Describer, seen: _Seen) -> None:
    usable = [row for row in rows if row["error"] is None and row["id"] in seen.sizes]
    try:
        found = describer.decode_descriptors([row["descriptor"] for row in usable]) if usable else np.zeros((0, 1))
        seen.descriptors += [row["id"] for row, vector in zip(usable, found, strict=True) if not _is_descriptor(vector)]
    except (PlaceprintError, ValueError, TypeError):
        seen.descriptors += [row["id"] for row in usable if not _decodes(row["descriptor"], describer)]


def _decodes(packed: bytes | None, describer: Describer) -> bool:
    try:
        return packed is not None and _is_descriptor(describer.decode_descriptors([packed])[0])
    except (PlaceprintError, ValueError, TypeError):
        return False


def _is_descriptor(vector: Any) -> bool:
    """Return whether a row is finite and of unit length; a photo without keypoints has zeros."""
    length = float(np.linalg.norm(vector))
    return math.isfinite(length) and (abs(length - 1) <= UNIT or not vector.any())


def _local_findings(
    stored: StoreSnapshot, describer: Describer, seen: _Seen, progress: Progress | None
) -> Iterator[Finding]:
    orphans: set[int] = set()
    damaged: set[int] = set()
    there: set[int] = set()
    done = 0
    for rows in stored.local.batches(None, TOGETHER):
        for row in rows:
            number = row["id"]
            (orphans if number not in seen.known else there).add(number)
            if number in seen.sizes and not _is_whole(row, describer, seen.sizes[number]):
                damaged.add(number)
        done += len(rows)
        if progress is not None:
            progress(done, max(done, len(seen.sizes)))
    lost = {number for number, (_, _, count) in seen.sizes.items() if count and number not in there}
    again = "remove these photos and index them again"
    if orphans:
        yield _about("orphans", "local features belong to no photo", "sweep", orphans)
    if damaged - seen.replaced:
        yield Finding("features", f"local features are damaged ({len(damaged)})", advice=again, photos=_some(damaged))
    if lost - seen.replaced:
        yield Finding("features", f"local features are missing ({len(lost)})", advice=again, photos=_some(lost))


def _some(numbers: set[int]) -> tuple[int, ...]:
    return tuple(sorted(numbers))


def _is_whole(row: Mapping[str, Any], describer: Describer, size: tuple[int, int, int]) -> bool:
    """Return whether local features can be decoded, are as many as were stored, and lie in their photo."""
    width, height, count = size
    try:
        with stored_bytes("local features"):
            features = describer.decode(dict(row), (width, height))
    except PlaceprintError:
        return False
    inside = all(bool((each.keypoints >= -1).all() and (each.keypoints <= (width, height)).all()) for each in features)
    return inside and count in {len(features[0]), sum(map(len, features))}

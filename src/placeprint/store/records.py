"""The record of one photo, and its table rows."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from placeprint.store.encoding import LOCAL_COLUMNS, column_name
from placeprint.store.path_text import path_to_text, text_to_path

PHOTO_COLUMNS = ("id", "path", "sha256", "file_size", "file_time", "width", "height", "lat", "lon", "time")


@dataclass(frozen=True)
class PhotoRecord:
    """The record of one photo in an atlas.

    Args:
        path: the absolute path when the photo was added.
        sha256: the hash of the file's bytes; empty if it could not be read or its header is not that of a photo.
        file_size: the size of the file in bytes.
        file_time: modification time in nanoseconds.
        width: width of the upright photo in pixels; 0 if skipped.
        height: height of the upright photo in pixels; 0 if skipped.
        location: ``(latitude, longitude)`` in degrees, or None.
        taken: when the photo was taken, in the camera's local time, or None; stored without fractions of a second or a
            time zone.
        num_keypoints: the number of stored local features.
        error: why the photo was skipped, or None.
        id: the id given by the store; -1 before.
    """

    path: str
    sha256: str
    file_size: int
    file_time: int
    width: int = 0
    height: int = 0
    location: tuple[float, float] | None = None
    taken: datetime.datetime | None = None
    num_keypoints: int = 0
    error: str | None = None
    id: int = -1


def to_row(photo_id: int, record: PhotoRecord, descriptor: bytes | None, state: str) -> dict[str, Any]:
    """Return the row of the table ``images``."""
    latitude, longitude = record.location or (None, None)
    return {
        "id": photo_id,
        "path": path_to_text(record.path),
        "sha256": record.sha256,
        "file_size": record.file_size,
        "file_time": record.file_time,
        "width": record.width,
        "height": record.height,
        "lat": latitude,
        "lon": longitude,
        "time": None if record.taken is None else record.taken.replace(microsecond=0, tzinfo=None),
        "num_keypoints": record.num_keypoints,
        "descriptor": descriptor,
        "state": state,
        "error": record.error,
    }


def to_record(row: Mapping[str, Any]) -> PhotoRecord:
    """Return the record of a row of the table ``images``."""
    return PhotoRecord(
        text_to_path(row["path"]),
        row["sha256"],
        row["file_size"],
        row["file_time"],
        row["width"],
        row["height"],
        None if row["lat"] is None else (row["lat"], row["lon"]),
        row["time"],
        row["num_keypoints"],
        row["error"],
        row["id"],
    )


def images_schema() -> Any:
    """Return the pyarrow schema of the table ``images``."""
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.int64()),
            ("path", pa.string()),
            ("sha256", pa.string()),
            ("file_size", pa.int64()),
            ("file_time", pa.int64()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("lat", pa.float64()),
            ("lon", pa.float64()),
            ("time", pa.timestamp("s")),
            ("num_keypoints", pa.int32()),
            ("descriptor", pa.large_binary()),
            ("state", pa.string()),
            ("error", pa.string()),
        ]
    )


def local_schema(extractors: int) -> Any:
    """Return the pyarrow schema of the table ``local``, for a number of extractors."""
    import pyarrow as pa

    names = [column_name(name, number) for number in range(extractors) for name in LOCAL_COLUMNS]
    return pa.schema([("id", pa.int64()), *((name, pa.large_binary()) for name in names)])

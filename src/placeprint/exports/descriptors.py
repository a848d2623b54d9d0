"""Global descriptors for other programs: an Apache Parquet table, or a FAISS index with a table beside it.

The rows are those that searches use: float32 of unit length, as stored (in 4 bits a value by default), so inner
products are the similarities of `Atlas.search`. Tables name photos by the paths they were added from.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from placeprint.core.csv_files import csv_text
from placeprint.core.files import write_atomically, written_aside
from placeprint.core.outputs import MADE_BY
from placeprint.errors import OptionError
from placeprint.searching.snapshot import Snapshot
from placeprint.store import PhotoRecord
from placeprint.store.path_text import path_to_text
from placeprint.version import __version__

TABLE = ".csv"
"""What is appended to the name of a FAISS index for the name of its table."""
HEADER = ("id", "path", "latitude", "longitude", "taken")


def write_parquet(now: Snapshot, path: Path) -> int:
    """Write the photos and their descriptors as a Parquet table; return the number of photos.

    Columns: ``id``, ``path``, ``latitude``, ``longitude`` (null if unknown), ``taken``, ``width``, ``height`` and
    ``descriptor``, a list of fixed length. The table's metadata has the preset and the version.

    Raises:
        OptionError: the atlas is empty.
        WriteError: the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("path", pa.string()),
            ("latitude", pa.float64()),
            ("longitude", pa.float64()),
            ("taken", pa.timestamp("s")),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("descriptor", pa.list_(pa.float32(), _dim(now))),
        ],
        metadata={"made_by": MADE_BY, "version": __version__, "preset": now.preset.name},
    )
    count = 0
    with written_aside(path) as aside, pq.ParquetWriter(aside, schema) as writer:
        for records, rows in _parts(now):
            columns = [*zip(*map(_values, records), strict=True)]
            descriptors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=False)]
            writer.write_table(pa.table([*arrays, descriptors], schema=schema))
            count += len(records)
    return count


def write_faiss(now: Snapshot, path: Path) -> int:
    """Write the descriptors as a FAISS index by inner product, and a table of its ids beside it; return their number.

    The index is an ``IndexIDMap`` of an ``IndexFlatIP``. The table, ``path`` with ``.csv`` appended, has the columns
    ``id``, ``path``, ``latitude``, ``longitude`` and ``taken``.

    Raises:
        OptionError: the atlas is empty.
        WriteError: a file cannot be written.
    """
    import faiss
    import numpy as np

    index = faiss.IndexIDMap(faiss.IndexFlatIP(_dim(now)))
    table: list[list[object]] = []
    for records, rows in _parts(now):
        index.add_with_ids(np.ascontiguousarray(rows), np.array([record.id for record in records], np.int64))
        for record in records:
            values = _values(record)[: len(HEADER)]
            table.append(["" if value is None else value for value in values])
    write_atomically(path, faiss.serialize_index(index).tobytes())
    write_atomically(path.with_name(path.name + TABLE), csv_text(HEADER, table).encode())
    return int(index.ntotal)


def _dim(now: Snapshot) -> int:
    if not now.usable():
        raise OptionError(f"the atlas {now.stored.home.name!r} has no photos; add some with: placeprint index")
    return now.describer.dim


def _parts(now: Snapshot) -> Iterator[tuple[list[PhotoRecord], Any]]:
    """Yield records and their ``(n, dim)`` float32 descriptors, in parts."""
    photos = now.usable()
    for ids, rows in now.descriptors():
        yield [photos[int(number)] for number in ids], rows


def _values(record: PhotoRecord) -> tuple[Any, ...]:
    latitude, longitude = record.location or (None, None)
    path = path_to_text(record.path)
    return record.id, path, latitude, longitude, record.taken, record.width, record.height

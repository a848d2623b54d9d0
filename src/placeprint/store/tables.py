"""One Lance table: append, delete, rewrite, read by id; readers survive a writer's clean-up.

Lance keeps every version until it is cleaned away, so a reader holds a snapshot. When a writer has removed
the files of that snapshot, reading fails and is tried once more on the newest version.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from placeprint.store.files import writing
from placeprint.types import Ids

T = TypeVar("T")


class Table:
    """A Lance table with an ``id`` column of int64.

    Args:
        path: folder of the table.
        schema: pyarrow schema, used to create it.
    """

    def __init__(self, path: Path, schema: Any) -> None:
        self.path = path
        self._schema = schema
        self._dataset: Any = None
        self._positions: tuple[int, dict[int, int]] | None = None

    def create(self) -> None:
        """Make the empty table, unless it exists."""
        import lance
        import pyarrow as pa

        if not (self.path / "_versions").is_dir():
            with writing(self.path.parent):
                lance.write_dataset(pa.Table.from_pylist([], schema=self._schema), str(self.path))

    def reload(self) -> None:
        """See what others have written since."""
        self._dataset = None

    @property
    def version(self) -> int:
        """Number of the snapshot that is read."""
        return int(self._open().version)

    def append(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows in one commit."""
        import lance
        import pyarrow as pa

        with writing(self.path.parent):
            table = pa.Table.from_pylist(list(rows), schema=self._schema)
            self._dataset = lance.write_dataset(table, str(self.path), mode="append")

    def rewrite(self, batches: Iterable[Any]) -> None:
        """Replace all rows in one commit; a crash leaves the old ones."""
        import lance
        import pyarrow as pa

        with writing(self.path.parent):
            reader = pa.RecordBatchReader.from_batches(self._schema, batches)
            self._dataset = lance.write_dataset(reader, str(self.path), mode="overwrite")

    def delete(self, ids: Iterable[int]) -> None:
        """Delete the rows of these ids in one commit a thousand."""
        listed = sorted(int(i) for i in ids)
        for start in range(0, len(listed), 1000):
            chunk = ",".join(map(str, listed[start : start + 1000]))
            with writing(self.path.parent):
                self._open().delete(f"id IN ({chunk})")
            self.reload()

    def ids(self) -> Ids:
        """Return the ids of all rows, ``(n,)`` int64 in their order."""
        return np.fromiter(self._position_of().keys(), np.int64, len(self._position_of()))

    def scan(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return all rows, these columns only."""
        rows: list[dict[str, Any]] = self._read(lambda d: d.to_table(columns=list(columns)).to_pylist())
        return rows

    def batches(self, columns: Sequence[str] | None = None, size: int = 1024) -> Iterator[Any]:
        """Yield all rows as record batches of at most ``size`` rows."""
        dataset = self._open()
        yield from dataset.to_batches(columns=None if columns is None else list(columns), batch_size=size)

    def take(self, ids: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows of these ids in their order; ids that are gone are left out."""

        def read(dataset: Any) -> list[dict[str, Any]]:
            positions = self._position_of()
            known = [int(i) for i in ids if int(i) in positions]
            if not known:
                return []
            table = dataset.take([positions[i] for i in known], columns=["id", *columns])
            rows = {row["id"]: row for row in table.to_pylist()}
            return [rows[i] for i in known]

        return self._read(read)

    def maintain(self) -> None:
        """Join small fragments and remove the files of old versions."""
        dataset = self._open()
        with writing(self.path.parent):
            dataset.optimize.compact_files()
            dataset.cleanup_old_versions(older_than=datetime.timedelta(0))
        self.reload()

    def _open(self) -> Any:
        if self._dataset is None:
            import lance

            self._dataset = lance.dataset(str(self.path))
        return self._dataset

    def _read(self, read: Callable[[Any], T]) -> T:
        try:
            return read(self._open())
        except OSError:
            self.reload()
            return read(self._open())

    def _position_of(self) -> dict[int, int]:
        version = self.version
        if self._positions is None or self._positions[0] != version:
            ids = self._read(lambda d: d.to_table(columns=["id"])["id"].to_pylist())
            self._positions = (self.version, {i: position for position, i in enumerate(ids)})
        return self._positions[1]

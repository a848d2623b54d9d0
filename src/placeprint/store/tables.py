"""One Lance table: append, delete, update, rewrite, and read a version. Errors of Lance and Arrow become ours here.

Lance keeps every version until it is cleaned up. A reader uses one version (`TableVersion`), which never changes, so
threads may share it. Clean-up keeps the versions of the last `KEEP`, so a search can end on the version it started
with. A slower reader gets an `AtlasFormatError` and starts again on the newest version.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from placeprint.core.one_line import one_line
from placeprint.errors import AtlasError, AtlasFormatError, PlaceprintError
from placeprint.store.home import Home
from placeprint.store.writing import writing
from placeprint.types import Ids

T = TypeVar("T")

KEEP = datetime.timedelta(minutes=5)
"""How long an old version stays on disk, for readers that have it open."""
FEW_ROWS = 1024
"""Fragments with fewer rows are small; they are joined when there are more than `MANY`."""
MANY = 24
DELETED = 0.2
"""Share of deleted rows at which a table is rewritten without them."""
PANIC = "pyo3_runtime"
"""Module of the exception for a Rust panic, which is not an `Exception`."""


@dataclass(frozen=True)
class TablePlace:
    """Where a table is.

    Args:
        home: where the atlas is.
        table: the name of the table.
    """

    home: Home
    table: str

    @property
    def address(self) -> str:
        """The path or the address that Lance takes."""
        return self.home.table(self.table)

    @property
    def name(self) -> str:
        """The path or the address, for messages."""
        return f"{self.home.name}/{self.table}"


class TableVersion:
    """One version of a table; it never changes, and threads may share it.

    Args:
        place: where the table is.
        dataset: the Lance dataset.

    Raises:
        AtlasFormatError: (on reading) its files are damaged, or were removed.
    """

    def __init__(self, place: TablePlace, dataset: Any) -> None:
        self._place = place
        self._dataset = dataset
        self.number = int(dataset.version)

    def newest_number(self) -> int:
        """Return the number of the newest version."""
        return self._read(lambda d: int(d.latest_version))

    @property
    def atlas(self) -> str:
        """The path or the address of the atlas, for messages."""
        return self._place.home.name

    @property
    def schema(self) -> Any:
        """The pyarrow schema of the table."""
        return self._read(lambda d: d.schema)

    def ids(self) -> Ids:
        """Return the ids of all rows, ``(n,)`` int64 in their order."""
        return self._ids

    def column(self, name: str, places: Ids | None = None) -> Any:
        """Return a column of all rows, or of those at ``(n,)`` places in their order, as an Arrow array."""

        def read(dataset: Any) -> Any:
            found = dataset.to_table(columns=[name])[name].combine_chunks()
            return found if places is None else found.take(places)

        return self._read(read)

    def whole_numbers(self, name: str, places: Ids) -> NDArray[np.int64]:
        """Return a column of the rows at ``(n,)`` places as int64; missing values are the least int64."""
        import pyarrow as pa

        column = self.column(name, places)
        with _reading(self._place):
            cast = column.cast(pa.int64()).fill_null(np.iinfo(np.int64).min)
            return np.asarray(cast.to_numpy(zero_copy_only=False), np.int64)

    def real_numbers(self, name: str, places: Ids) -> NDArray[np.float64]:
        """Return a column of the rows at ``(n,)`` places as float64; missing values are NaN."""
        column = self.column(name, places)
        with _reading(self._place):
            return np.asarray(column.fill_null(np.nan).to_numpy(zero_copy_only=False), np.float64)

    def places_in(self, name: str, values: Collection[str], places: Ids) -> NDArray[np.intp]:
        """Return which of the rows at ``(n,)`` places have one of these texts in a column, as indices into places."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.column(name)
        with _reading(self._place):
            found = pc.is_in(column, pa.array(list(values), column.type)).to_numpy(zero_copy_only=False)
            return np.flatnonzero(found[places])

    def null_places(self, name: str) -> NDArray[np.bool_]:
        """Return ``(n,)`` bool: whether each row has no value in a column."""
        column = self.column(name)
        with _reading(self._place):
            return np.asarray(column.is_null().to_numpy(zero_copy_only=False), bool)

    def batches(self, columns: Sequence[str] | None = None, size: int = 1024) -> Iterator[list[dict[str, Any]]]:
        """Yield all rows, at most ``size`` at a time."""
        wanted = None if columns is None else list(columns)
        found = self._read(lambda d: iter(d.to_batches(columns=wanted, batch_size=size)))
        while True:
            rows = self._read(lambda _: next((batch.to_pylist() for batch in found), None))
            if rows is None:
                return
            yield rows

    def take(self, ids: Iterable[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the rows with these ids in order, with their ``id``; missing ids are skipped."""
        wanted = np.fromiter((int(i) for i in ids), np.int64)
        places = self.places_of(wanted)
        known, places = wanted[places >= 0], places[places >= 0]
        if not len(known):
            return []
        rows = {row["id"]: row for row in self.rows_at(places, columns)}
        with _reading(self._place):
            return [rows[i] for i in known.tolist()]

    def rows_at(self, places: Ids, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the rows at ``(n,)`` places, with their ``id``; their order may differ."""
        wanted = None if columns is None else list(dict.fromkeys(["id", *columns]))
        rows: list[dict[str, Any]] = self._read(lambda d: d.take(places.tolist(), columns=wanted).to_pylist())
        return rows

    def places_of(self, ids: Ids) -> Ids:
        """Return the row of each of ``(n,)`` ids, -1 where there is none."""
        order, known = self._order, self._ids
        if not len(known):
            return np.full(len(ids), -1, np.int64)
        slots = np.minimum(np.searchsorted(known, ids, sorter=order), len(known) - 1)
        places = slots if order is None else order[slots]
        return np.where(known[places] == ids, places, -1)

    @functools.cached_property
    def _ids(self) -> Ids:
        column = self.column("id")
        with _reading(self._place):
            return np.asarray(column.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)

    @functools.cached_property
    def _order(self) -> Ids | None:
        """The rows by increasing id; None if they are in that order."""
        return None if bool((np.diff(self._ids) > 0).all()) else np.argsort(self._ids, kind="stable")

    def _read(self, read: Callable[[Any], T]) -> T:
        with _reading(self._place):
            return read(self._dataset)


class Table:
    """A Lance table with an ``id`` column of int64.

    Args:
        home: where the atlas is.
        name: the name of the table.
        schema: pyarrow schema, used to create it.
    """

    def __init__(self, home: Home, name: str, schema: Any) -> None:
        self.name = name
        self._place = TablePlace(home, name)
        self._schema = schema

    def is_there(self) -> bool:
        """Return whether the table exists."""
        return self._place.home.has(f"{self.name}/_versions")

    def create(self) -> None:
        """Make an empty table, unless it exists.

        Raises:
            AtlasWriteError: it cannot be written.
        """
        import pyarrow as pa

        if not self.is_there():
            with _writing(self._place):
                self._write(pa.Table.from_pylist([], schema=self._schema), "create")

    def newest(self) -> TableVersion:
        """Return the newest version.

        Raises:
            AtlasFormatError: the table is damaged or missing.
        """
        with _reading(self._place):
            return TableVersion(self._place, self._dataset())

    def append(self, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows in one commit; raise `AtlasWriteError` or `AtlasFormatError`, as all methods that write."""
        import pyarrow as pa

        with _writing(self._place):
            self._write(pa.Table.from_pylist(list(rows), schema=self._schema), "append")

    def update(self, rows: Sequence[dict[str, Any]]) -> None:
        """Replace the rows with the same ids, in one commit."""
        import pyarrow as pa

        with _writing(self._place):
            table = pa.Table.from_pylist(list(rows), schema=self._schema)
            self._dataset().merge_insert("id").when_matched_update_all().execute(table)

    def rewrite(self, parts: Iterable[list[dict[str, Any]]]) -> None:
        """Replace all rows in one commit; a crash leaves the old ones.

        Args:
            parts: the rows in parts; errors raised by the iterator pass unchanged.
        """
        import pyarrow as pa

        failed: list[BaseException] = []

        def batches() -> Iterator[Any]:
            try:
                for rows in parts:
                    yield from pa.Table.from_pylist(rows, schema=self._schema).to_batches()
            except BaseException as error:  # Lance would turn it into its own error
                failed.append(error)
                raise

        with _writing(self._place):
            reader = pa.RecordBatchReader.from_batches(self._schema, batches())
            try:
                self._write(reader, "overwrite")
            except BaseException:
                if failed:
                    raise failed[0] from None
                raise

    def delete(self, ids: Iterable[int]) -> None:
        """Delete the rows with these ids, a thousand per commit."""
        listed = sorted(int(i) for i in ids)
        for start in range(0, len(listed), 1000):
            chunk = ",".join(map(str, listed[start : start + 1000]))
            with _writing(self._place):
                self._dataset().delete(f"id IN ({chunk})")

    def compact(self) -> None:
        """Join all small fragments, and drop deleted rows."""
        with _writing(self._place):
            self._dataset().optimize.compact_files(target_rows_per_fragment=FEW_ROWS)

    def maintain(self, keep: datetime.timedelta = KEEP) -> None:
        """Join small fragments when there are many, and remove the files of versions replaced longer ago than that."""
        with _writing(self._place):
            dataset = self._dataset()
            stats = dataset.stats.dataset_stats(max_rows_per_group=FEW_ROWS)
            rows = dataset.count_rows()
            if stats["num_small_files"] > MANY or stats["num_deleted_rows"] > DELETED * max(rows, 1):
                dataset.optimize.compact_files(target_rows_per_fragment=FEW_ROWS)
            dataset.cleanup_old_versions(older_than=keep)

    def _dataset(self) -> Any:
        return _lance().dataset(self._place.address, **self._place.home.lance)

    def _write(self, rows: Any, mode: str) -> None:
        _lance().write_dataset(rows, self._place.address, mode=mode, **self._place.home.lance)


_lance_process = 0
"""The process that first used Lance; 0 if none has."""


def _lance() -> Any:
    global _lance_process  # noqa: PLW0603  # a fact about the process
    import lance

    _lance_process = _lance_process or os.getpid()
    return lance


def _check_not_forked() -> None:
    """Raise an `AtlasError` in a child that was forked after its parent used Lance, whose threads do not survive it."""
    if _lance_process not in (0, os.getpid()):
        raise AtlasError(
            "this process was forked after an atlas was used, and Lance's threads do not survive a fork; "
            'start processes with multiprocessing.get_context("spawn"), or fork before an atlas is opened'
        )


@contextlib.contextmanager
def _reading(place: TablePlace) -> Iterator[None]:
    """Turn whatever Lance and Arrow raise while reading a table into one clear line."""
    _check_not_forked()
    try:
        yield
    except PlaceprintError:
        raise
    except BaseException as error:
        if not _is_failure(error):
            raise
        raise place.home.failure(error, writes=False) or AtlasFormatError(
            f"the table {place.name!r} is damaged or cannot be read ({one_line(error)}); "
            "restore it, or make the atlas again"
        ) from error


@contextlib.contextmanager
def _writing(place: TablePlace) -> Iterator[None]:
    """Turn whatever Lance and Arrow raise while writing a table into one clear line."""
    _check_not_forked()
    place.home.check_locked()
    try:
        with writing(place.home.name), _failing(place):
            yield
    except (PlaceprintError, OSError):
        raise
    except BaseException as error:
        if not _is_failure(error):
            raise
        raise AtlasFormatError(
            f"the table {place.name!r} cannot be changed ({one_line(error)}); earlier data is kept"
        ) from error


@contextlib.contextmanager
def _failing(place: TablePlace) -> Iterator[None]:
    """Turn a failure of the place itself, such as no network, into one of our errors."""
    try:
        yield
    except Exception as error:
        failure = None if isinstance(error, PlaceprintError) else place.home.failure(error, writes=True)
        if failure is not None:
            raise failure from error
        raise


def _is_failure(error: BaseException) -> bool:
    return isinstance(error, Exception) or type(error).__module__ == PANIC

"""The descriptors of a training set on disk, for mining.

They are an ordinary ``.npy`` file, which NumPy can read: ``(n, D)`` float16 or float32, 8 KB per photo for 4096 values
in float16. Rows are read on demand. They are not mapped into memory: with large pages, the system maps megabytes per
row, and scattered rows would soon map the whole file.

A row that was never written is all zeros, which no unit descriptor is; reading it is an error.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from placeprint.core.files import written_aside
from placeprint.core.outputs import Kind, check_output
from placeprint.errors import DatasetError, NotFittedError, OptionError, ShapeError
from placeprint.types import Floats, Ids

TYPES: dict[str, np.dtype[np.float16] | np.dtype[np.float32]] = {
    "float16": np.dtype(np.float16),
    "float32": np.dtype(np.float32),
}
CACHE = Kind("array (.npy)", (b"\x93NUMPY",))
CHUNK = 4096
"""Most rows that `DescriptorCache.chunks` yields at once."""


class DescriptorCache:
    """Descriptors in a file, made by `create` or `open`.

    Attributes:
        path: the path of the file.
        num_rows: n, the number of rows.
        dim: d, the length of a row.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            file = self.path.open("r+b", buffering=0)
            with contextlib.ExitStack() as cleanup:
                cleanup.callback(file.close)
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, by_columns, dtype = read(file)
                start = file.tell()
                if len(shape) != 2 or by_columns or dtype not in TYPES.values():
                    raise DatasetError(f"{str(path)!r} must have (n, D) float16 or float32, it has {shape} {dtype}")
                needed, length = start + math.prod(shape) * dtype.itemsize, self.path.stat().st_size
                if length < needed:
                    raise DatasetError(f"{str(path)!r} must have {needed} bytes, it has {length}; make it again")
                cleanup.pop_all()
        except (OSError, ValueError) as error:
            if isinstance(error, DatasetError):
                raise
            raise DatasetError(f"{str(path)!r} is not a cache of descriptors ({error})") from error
        self.num_rows, self.dim = int(shape[0]), int(shape[1])
        self._file, self._start, self._dtype = file, start, dtype
        weakref.finalize(self, file.close)

    @classmethod
    def create(cls, path: Path | str, num_rows: int, dim: int, dtype: str = "float16") -> Self:
        """Make an empty cache, replacing an existing file.

        Args:
            path: the path of the file, ending in ``.npy``.
            num_rows: n, the number of photos.
            dim: d, the length of a row.
            dtype: ``"float16"`` or ``"float32"``.

        Raises:
            OptionError: a number is not positive, or the type is unknown.
            WriteError: the file cannot be written, or something else is at the path.
        """
        if num_rows < 1 or dim < 1 or dtype not in TYPES:
            raise OptionError(
                f"a cache has n >= 1 rows, D >= 1 and type float16 or float32, got {num_rows}, {dim}, {dtype}"
            )
        path = Path(path)
        check_output(path, CACHE)
        with written_aside(path) as temporary, temporary.open("wb") as file:
            header = {"descr": TYPES[dtype].str, "fortran_order": False, "shape": (num_rows, dim)}
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + num_rows * dim * TYPES[dtype].itemsize)
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a cache.

        Raises:
            DatasetError: the file does not exist, or is not a cache.
        """
        return cls(path)

    def __len__(self) -> int:
        return self.num_rows

    def write(self, start: int, descriptors: NDArray[np.floating]) -> None:
        """Write ``(m, D)`` rows from ``start`` on.

        Raises:
            ShapeError: the rows do not fit, or have numbers that are not finite.
        """
        rows = np.asarray(descriptors)
        if rows.ndim != 2 or rows.shape[1] != self.dim or not 0 <= start <= self.num_rows - len(rows):
            raise ShapeError(
                f"rows must have shape (m, {self.dim}) and fit into {self.num_rows}, got {rows.shape} from {start} on"
            )
        if not np.isfinite(rows).all():
            raise ShapeError("descriptors must be finite; has the training diverged?")
        if not len(rows):
            return
        self._file.seek(self._offset(start))
        data = np.ascontiguousarray(rows, self._dtype).data.cast("B")
        while len(data):  # a call may write only a part
            data = data[self._file.write(data) :]

    def rows(self, indices: Ids | slice) -> Floats:
        """Return these rows as float32.

        Raises:
            NotFittedError: a row was never written.
            ShapeError: a row does not exist.
        """
        wanted = np.arange(self.num_rows)[indices] if isinstance(indices, slice) else np.asarray(indices, np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < self.num_rows:
            raise ShapeError(f"rows must be from 0 to {self.num_rows - 1}, got {wanted.min()} to {wanted.max()}")
        read = np.empty((len(wanted), self.dim), self._dtype)
        # neighboring rows requested one after the other are read at once
        cuts = np.flatnonzero(np.diff(wanted) != 1) + 1
        for first, last in zip([0, *cuts], [*cuts, len(wanted)], strict=True):
            if first < last:
                self._read(int(wanted[first]), read[first:last])
        found = read.astype(np.float32)
        missing = ~found.any(axis=1)
        if missing.any():
            raise NotFittedError(f"{int(missing.sum())} of {len(found)} rows of {str(self.path)!r} were never written")
        return found

    def chunks(self) -> Iterator[tuple[int, Floats]]:
        """Yield all rows as float32, `CHUNK` at once, with the index of the first row; raise as `rows` does."""
        for start in range(0, self.num_rows, CHUNK):
            yield start, self.rows(slice(start, min(start + CHUNK, self.num_rows)))

    def close(self) -> None:
        """Close the file before it is deleted; the cache cannot be used afterwards."""
        self._file.close()

    def _read(self, start: int, into: NDArray[np.floating]) -> None:
        self._file.seek(self._offset(start))
        data = into.data.cast("B")
        while len(data):  # a call may read only a part
            count = self._file.readinto(data)
            if not count:
                raise DatasetError(f"{str(self.path)!r} has become shorter; make it again")
            data = data[count:]

    def _offset(self, row: int) -> int:
        return self._start + row * self.dim * self._dtype.itemsize

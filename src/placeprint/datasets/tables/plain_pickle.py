"""Read other people's pickle files without executing them.

A pickle is a program: it may import and call anything. Ground truth comes in pickles all the same (``.pkl`` of the
revisited Oxford and Paris, ``.npy`` of objects of VPR-Bench). Here a pickle may only use what plain data needs:
NumPy's arrays and numbers, and the text codec that Python 2 wrote bytes with. Everything else is refused.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.core.files import read_bytes
from placeprint.errors import DatasetError

PLAIN = frozenset(
    {
        ("_codecs", "encode"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    }
)
"""The names that a pickle may use."""


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in PLAIN:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not plain data")
        return super().find_class(module, name)


def read_plain_pickle(path: Path) -> Any:
    """Return the content of a pickle file: dicts, lists, tuples, strings, numbers and arrays.

    Raises:
        DatasetError: the file cannot be read, is not a pickle, or contains anything else.
    """
    return _unpickle(_bytes(path), path)


def read_plain_npy(path: Path) -> Any:
    """Return the array of a ``.npy`` file, which may contain objects.

    Raises:
        DatasetError: the file cannot be read, is not a ``.npy`` file, or contains objects that are not plain data.
    """
    data = io.BytesIO(_bytes(path))
    try:
        version = np.lib.format.read_magic(data)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        _, _, dtype = read_header(data)
        if not dtype.hasobject:
            return np.load(path, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise DatasetError(f"{str(path)!r} is not a .npy file ({error})") from error
    return _unpickle(data.read(), path)


def _bytes(path: Path) -> bytes:
    return read_bytes(path, error=DatasetError)


def _unpickle(data: bytes, path: Path) -> Any:
    try:
        return _PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
    except Exception as error:  # damaged pickles raise nearly anything
        raise DatasetError(f"{str(path)!r} is not a pickle of plain data ({error})") from error

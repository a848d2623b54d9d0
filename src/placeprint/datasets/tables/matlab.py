"""Read MATLAB files as dicts, lists, strings and arrays."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from placeprint.core.files import read_bytes
from placeprint.core.packages import required
from placeprint.errors import DatasetError


def read_mat(path: Path) -> dict[str, Any]:
    """Return the content of a MATLAB file by name: structs as dicts, lists of structs as lists of dicts, text as str.

    Raises:
        DatasetError: the file cannot be read, or is not a MATLAB file.
        PackageError: SciPy is not installed.
    """
    with required(f"reading {path.name!r} needs SciPy", "datasets"):
        from scipy.io import loadmat
    data = io.BytesIO(read_bytes(path, error=DatasetError))
    try:
        held = loadmat(data, squeeze_me=True)
    except Exception as error:  # damaged files raise nearly anything
        raise DatasetError(f"cannot read {str(path)!r} as a MATLAB file ({error})") from error
    return {name: _plain(value) for name, value in held.items() if not name.startswith("__")}


def _plain(value: Any) -> Any:
    if isinstance(value, np.void) and value.dtype.names:
        return {name: _plain(value[name]) for name in value.dtype.names}
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.names:
        rows = [{name: _plain(row[name]) for name in value.dtype.names} for row in value.ravel()]
        return rows[0] if value.ndim == 0 else rows
    if value.dtype == object:
        return _plain(value.item()) if value.ndim == 0 else [_plain(each) for each in value.ravel()]
    return value

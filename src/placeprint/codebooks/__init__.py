"""Learned states that ship with the package, so that an atlas of ten photos works at once.

Each file is made by ``scripts/learn_codebook.py``, which names its photos and their licenses; the arrays are
float16 and named ``<component>.<field>``.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import check_name
from placeprint.errors import OptionError, WeightsError


def load_codebook(name: str) -> dict[str, NDArray[Any]]:
    """Read a shipped state, float16 arrays.

    Raises:
        OptionError: no state with this name ships.
    """
    source = resources.files(__package__)
    file = source / f"{name}.npz"
    if not file.is_file():
        known = sorted(entry.name.removesuffix(".npz") for entry in source.iterdir() if entry.name.endswith(".npz"))
        check_name("codebook", name, known)
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def load_codebook_file(path: str) -> dict[str, NDArray[Any]]:
    """Read a state that was learned or trained elsewhere.

    Raises:
        OptionError: the file does not exist.
        WeightsError: it is not an ``.npz`` of arrays.
    """
    if not Path(path).is_file():
        raise OptionError(f"there is no codebook {path!r}; restore it, or choose another preset")
    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except Exception as error:  # errors of NumPy, zipfile and zlib for a damaged file
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(f"the codebook {path!r} is not an .npz of arrays: {reason}") from error

"""Learned states that ship with the package, so that an atlas of ten photos works at once.

Each file is made by ``scripts/learn_codebook.py``, which names its photos and their licenses; the arrays are
float16 and named ``<component>.<field>``.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from placeprint.core.files import arrays_of
from placeprint.core.one_line import one_line
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
    return arrays_of(file.read_bytes())


def load_codebook_file(path: str) -> dict[str, NDArray[Any]]:
    """Read a state that was learned or trained elsewhere.

    Raises:
        OptionError: the file does not exist.
        WeightsError: it is not an ``.npz`` of arrays.
    """
    if not Path(path).is_file():
        raise OptionError(f"there is no codebook {path!r}; restore it, or choose another preset")
    try:
        return arrays_of(Path(path).read_bytes())
    except Exception as error:  # errors of NumPy, zipfile and zlib for a damaged file
        reason = one_line(error, 160)
        raise WeightsError(f"the codebook {path!r} is not an .npz of arrays: {reason}") from error

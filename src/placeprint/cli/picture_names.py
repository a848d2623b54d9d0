"""Names of pictures that are made of the names of photos: no two queries share one, and nothing is written over.

``QUERY-ANSWER.png``; where that is taken by another query's picture or by anything else, ``QUERY-ANSWER-2.png`` and so
on. A picture carries a fingerprint of its query's path, so that the same search writes over its own pictures.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

from placeprint.core.outputs import PICTURE, is_free

LONGEST = 100
"""Bytes of a name that each of the two photos may have; most systems take 255 in all."""
FORBIDDEN = frozenset('<>:"/\\|?*')
"""Characters that no name may have on some system."""


def picture_name(folder: Path, query: Path, answer: Path) -> tuple[Path, str]:
    """Return the path of the picture of a query beside its answer, and the mark that it must carry.

    Args:
        folder: that the picture lies in.
        query: photo that was searched.
        answer: photo of the atlas.
    """
    about = "query " + hashlib.sha256(os.fsencode(os.path.abspath(query))).hexdigest()[:16]  # noqa: PTH100
    name = f"{safe_stem(query)}-{safe_stem(answer)}"
    for number in itertools.count(1):
        path = folder / (f"{name}.png" if number == 1 else f"{name}-{number}.png")
        if is_free(path, PICTURE, about.encode()):
            return path, about
    raise AssertionError


def safe_stem(path: Path) -> str:
    r"""Return a photo's name without suffix as a part of another name, not hidden and not too long.

    Example:
        >>> safe_stem(Path(".a:b\n.jpg"))
        'a_b_'
    """
    stem = "".join(char if char.isprintable() and char not in FORBIDDEN else "_" for char in path.stem)
    return stem.encode()[:LONGEST].decode(errors="ignore").strip(". ") or "photo"

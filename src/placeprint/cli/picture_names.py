"""Name pictures after photos: no two queries share a name, and nothing else is overwritten.

``QUERY-ANSWER.png``; if that name is taken by another query's picture or anything else, ``QUERY-ANSWER-2.png`` and so
on. A picture has a fingerprint of its query's path, so the same search replaces its own pictures.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

from placeprint.core.outputs import PICTURE, is_free

LONGEST = 100
"""Most bytes of each photo's name in a picture's name; most systems allow 255 in total."""
FORBIDDEN = frozenset('<>:"/\\|?*')
"""Characters that some systems do not allow in names."""


def picture_name(folder: Path, query: Path, answer: Path) -> tuple[Path, str]:
    """Return the path of the picture of a query and its answer, and the mark that it must have.

    Args:
        folder: the folder of the picture.
        query: the query photo.
        answer: the photo in the atlas.
    """
    about = "query " + hashlib.sha256(os.fsencode(os.path.abspath(query))).hexdigest()[:16]  # noqa: PTH100
    name = f"{safe_stem(query)}-{safe_stem(answer)}"
    for number in itertools.count(1):
        path = folder / (f"{name}.png" if number == 1 else f"{name}-{number}.png")
        if is_free(path, PICTURE, about.encode()):
            return path, about
    raise AssertionError


def safe_stem(path: Path) -> str:
    r"""Return a photo's name without its suffix, safe for use in another name: not hidden and not too long.

    Example:
        >>> safe_stem(Path(".a:b\n.jpg"))
        'a_b_'
    """
    stem = "".join(char if char.isprintable() and char not in FORBIDDEN else "_" for char in path.stem)
    return stem.encode()[:LONGEST].decode(errors="ignore").strip(". ") or "photo"

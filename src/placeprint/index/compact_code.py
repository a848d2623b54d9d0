"""The codes of a compact index: signs for long descriptors, bytes for short ones; nothing is learned.

- A descriptor of more than `LONGEST_SHORT` values becomes a sketch of 3 KB (`index.sketch`). Its first 512 bytes are
  stored once more by themselves, for a first selection among very many photos.
- A shorter one is rotated at random, so that its values are nearly Gaussian with a known deviation, and one step fits
  all: ``code_j = round(y_j sqrt(d) STEPS)``, clipped to -127 ... 127. A rotation keeps all cosines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.core.numerics import normalize
from placeprint.index.sketch import BITS, Sketch, signs_of
from placeprint.types import Floats

LONGEST_SHORT = 1024
"""Values of the longest descriptor that is stored in bytes."""
HEAD = 64
"""64-bit words of the head of a sketch."""
STEPS = 32.0
"""Steps for one standard deviation."""
TOGETHER = 8
"""Rows projected at once: more would leave the cache of the processor."""
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Column:
    """One array of a compact index.

    Args:
        name: the name of its file.
        kind: the type of its values.
        width: values of a row.
    """

    name: str
    kind: type[np.generic]
    width: int


class CompactCode:
    """Encodes descriptors of one length.

    Args:
        dim: the length of a descriptor.

    Attributes:
        has_signs: whether descriptors become sketches, not bytes.
        columns: the arrays that are stored.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.has_signs = dim > LONGEST_SHORT
        self._sketch = Sketch(dim, BITS if self.has_signs else None)
        self._scale = np.float32(self._sketch.bits**0.5 * STEPS)
        self.columns = (
            (Column("head", np.uint64, HEAD), Column("signs", np.uint64, BITS // 64))
            if self.has_signs
            else (Column("short", np.int8, self._sketch.bits),)
        )

    def encode(self, rows: Floats) -> Arrays:
        """Return the arrays, by name, of ``(n, dim)`` unit rows; zero rows are allowed."""
        made: Arrays = {each.name: np.zeros((len(rows), each.width), each.kind) for each in self.columns}
        for start in range(0, len(rows), TOGETHER):
            part = slice(start, start + TOGETHER)
            projected = self._sketch.project(np.asarray(rows[part], np.float32))
            if self.has_signs:
                made["signs"][part] = signs_of(projected)
            else:
                made["short"][part] = np.clip(np.rint(normalize(projected) * self._scale), -127, 127)
        if self.has_signs:
            made["head"][:] = made["signs"][:, :HEAD]
        return made

    def cosines(self, products: NDArray[Any]) -> Floats:
        """Return the cosines that products of codes in bytes say."""
        return np.asarray(products / self._scale**2, np.float32)

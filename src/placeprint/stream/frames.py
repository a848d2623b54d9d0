"""The frames that a loop closer remembers: a bounded number, in few bytes each.

A descriptor is stored in 8 bits per value, scaled by its largest magnitude; FAISS computes the products (Douze et al.,
The Faiss Library, arXiv 2024, scalar quantizer). A new row overwrites that of the frame that was dropped, so no other
row moves. Local features are encoded as in an atlas (`store.encoding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from placeprint.store.encoding import Columns
from placeprint.types import Floats

TOP = 127
"""Largest step of a value."""
LEAVING = ("oldest", "redundant")


@dataclass(frozen=True, eq=False)
class Frame:
    """What is remembered of a frame.

    Args:
        number: how many frames came before it.
        stamp: its time in seconds, or NaN.
        size: ``(width, height)`` in pixels.
        columns: its encoded local features.
        norm: length of its descriptor in steps.
        alike: cosine with the frame that is remembered before it; -1 for the first.
    """

    number: int
    stamp: float
    size: tuple[int, int]
    columns: Columns
    norm: float
    alike: float


class FrameMemory:
    """The remembered frames, in order; not for several threads.

    Args:
        dim: length of a descriptor.
        most: frames to remember.
        leave: which leaves when there are more: the ``"oldest"``, or the ``"redundant"`` one, which is most similar to
            the one before it.
        spared: the last frames never leave as redundant.
    """

    def __init__(self, dim: int, most: int, leave: str, spared: int) -> None:
        import faiss

        self.frames: list[Frame] = []
        self._slots: list[int] = []
        self._most, self._leave, self._spared = most, leave, min(spared, most - 1)
        self._rows = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def num_bytes(self) -> int:
        """Bytes of all descriptors and features."""
        local = sum(len(value or b"") for frame in self.frames for value in frame.columns.values())
        return local + len(self.frames) * int(self._rows.d)

    def similarities(self, descriptor: Floats) -> Floats:
        """Return ``(n,)`` cosines of a ``(dim,)`` unit descriptor with the frames; 0 with frames without features."""
        if not self.frames:
            return np.zeros(0, np.float32)
        steps = _steps(descriptor)  # FAISS rounds queries of this kind too
        found, places = self._rows.search(steps[None], len(self.frames))
        scores = np.zeros(len(self.frames), np.float32)
        scores[places[0]] = found[0]
        scores = scores[self._slots]
        lengths = np.array([frame.norm for frame in self.frames], np.float32) * np.linalg.norm(steps)
        return np.asarray(scores / np.maximum(lengths, 1.0), np.float32)

    def add(self, descriptor: Floats, number: int, stamp: float, size: tuple[int, int], columns: Columns) -> int | None:
        """Remember a frame; return the place of the one that left for it before, or None.

        Args:
            descriptor: ``(dim,)`` unit descriptor.
            number: see `Frame`.
            stamp: see `Frame`.
            size: see `Frame`.
            columns: see `Frame`.
        """
        steps = _steps(descriptor)
        left, slot = self._make_room() if len(self.frames) >= self._most else (None, len(self.frames))
        norm = float(np.linalg.norm(steps))
        alike = self._cosine(steps, norm, len(self.frames) - 1)
        self._write(slot, steps)
        self._slots.append(slot)
        self.frames.append(Frame(number, stamp, size, columns, norm, alike))
        return left

    def rows(self) -> NDArray[np.int8]:
        """Return the ``(n, dim)`` descriptors in steps."""
        if not self.frames:
            return np.zeros((0, self._rows.d), np.int8)
        return np.asarray(self._rows.reconstruct_n(0, len(self.frames)), np.int8)[self._slots]

    def restore(self, frames: Sequence[Frame], rows: NDArray[np.int8]) -> None:
        """Take over the frames of another memory, at most ``most``."""
        self.frames, self._slots = list(frames), list(range(len(frames)))
        self._rows.reset()
        for row in rows:
            self._rows.add(np.asarray(row[None], np.float32))

    def _make_room(self) -> tuple[int, int]:
        """Let a frame leave; return its place and the slot of its row."""
        place = 0
        if self._leave == "redundant":
            chosen = self.frames[: len(self.frames) - self._spared]
            place = int(np.argmax([frame.alike for frame in chosen]))
        self.frames.pop(place)
        slot = self._slots.pop(place)
        if place < len(self.frames):
            after = self.frames[place]
            alike = self._cosine(self._row(place), after.norm, place - 1)
            self.frames[place] = Frame(after.number, after.stamp, after.size, after.columns, after.norm, alike)
        return place, slot

    def _write(self, slot: int, steps: Floats) -> None:
        """Write a row into a slot, which is the next one or was left."""
        import faiss

        if slot == self._rows.ntotal:
            self._rows.add(steps[None])
            return
        codes = self._rows.codes
        known = faiss.rev_swig_ptr(codes.data(), codes.size()).reshape(self._rows.ntotal, -1)
        known[slot] = self._rows.sa_encode(steps[None])[0]

    def _cosine(self, steps: Floats, norm: float, place: int) -> float:
        """Return the cosine of a row of steps with the frame at a place, -1 where there is none."""
        if place < 0:
            return -1.0
        below = max(norm * self.frames[place].norm, 1.0)
        return float(steps @ self._row(place)) / below

    def _row(self, place: int) -> Floats:
        found: Any = self._rows.reconstruct(self._slots[place])
        return np.asarray(found, np.float32)


def _steps(descriptor: Floats) -> Floats:
    """Return the ``(dim,)`` whole steps of a descriptor."""
    largest = float(np.abs(descriptor).max(initial=0.0))
    return np.asarray(np.rint(descriptor * (TOP / largest if largest > 0 else 0.0)), np.float32)

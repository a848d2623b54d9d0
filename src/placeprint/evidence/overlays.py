"""Camera overlays, the same on every picture: time stamps, watermarks, dashboards, bars.

Their keypoints are at the same pixel in photos of any two places, so they would verify any pair. They are detected in a
sample of an atlas: small cells of the picture in which many photos have a keypoint with nearly the same descriptor. The
query's keypoints in these cells are dropped before geometry. If a camera does not move, nearly all its keypoints
repeat; that is not an overlay, and nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeprint.types import Floats, LocalFeatures
from placeprint.verification.transforms import SIDE

CELL = 3.0
"""Side of a cell in pixels of a photo whose longest side has 640."""
SHARE = 0.25
"""Share of the photos that must have a keypoint in a cell; by chance it is some 3 to 10 %."""
FEWEST = 6
"""Photos that must have it at least."""
ALIKE = 0.8
"""The length of the mean of the unit descriptors in a cell from which on they are nearly the same."""
WHOLE = 0.5
"""Share of the keypoints in such cells from which on the camera does not move."""


@dataclass(frozen=True, eq=False)
class Overlays:
    """Where the photos of an atlas have overlays.

    Args:
        points: ``(n, 2)`` float32, middles of the cells in pixels of a photo whose longest side has 640.
        descriptors: ``(n, d)`` float32 unit rows, the mean ones there.
        shape: height / width of the photos that have them.
        photos: the number of photos examined.
    """

    points: Floats
    descriptors: Floats
    shape: float
    photos: int

    def __len__(self) -> int:
        return len(self.points)

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """Left, top, right and bottom of all of them as shares of the width and height; None if there are none."""
        if not len(self):
            return None
        width, height = (SIDE, SIDE * self.shape) if self.shape <= 1 else (SIDE / self.shape, SIDE)
        (left, top), (right, bottom) = self.points.min(axis=0), self.points.max(axis=0)
        return float(left / width), float(top / height), float(right / width), float(bottom / height)

    def on(self, features: LocalFeatures) -> NDArray[np.bool_]:
        """Return ``(m,)`` bool, which keypoints of a photo are on them."""
        found = np.zeros(len(features), bool)
        if not len(self) or not len(features) or abs(_shape(features) - self.shape) > 0.02 * self.shape:
            return found
        points = features.keypoints * np.float32(SIDE / max(features.image_size))
        near = np.abs(points[:, None] - self.points[None]).max(axis=2) <= CELL
        rows = np.flatnonzero(near.any(axis=1))
        found[rows] = (near[rows] & (features.descriptors[rows] @ self.descriptors.T > ALIKE**2)).any(axis=1)
        return found


def find_overlays(photos: Sequence[LocalFeatures]) -> Overlays:
    """Return what is the same in many photos of one shape, the most frequent; none if nothing is.

    Args:
        photos: features of photos spread over an atlas, 64 or so, of one extractor.
    """
    shapes = [round(_shape(photo), 2) for photo in photos if len(photo)]
    dim = photos[0].descriptors.shape[1] if photos else 0
    none = Overlays(np.zeros((0, 2), np.float32), np.zeros((0, dim), np.float32), 1.0, len(shapes))
    if not shapes:
        return none
    shape = max(set(shapes), key=shapes.count)
    chosen = [photo for photo in photos if len(photo) and round(_shape(photo), 2) == shape]
    if len(chosen) < FEWEST:
        return none
    points = np.concatenate([photo.keypoints * np.float32(SIDE / max(photo.image_size)) for photo in chosen])
    rows = np.concatenate([photo.descriptors for photo in chosen])
    owner = np.repeat(np.arange(len(chosen)), [len(photo) for photo in chosen])
    cells = [_same_in_many(points + np.float32(shift), rows, owner, len(chosen)) for shift in (0.0, CELL / 2)]
    middles = np.concatenate([middle - shift for (middle, _, _), shift in zip(cells, (0.0, CELL / 2), strict=True)])
    share = sum(count for _, _, count in cells) / 2 / len(points)
    if share > WHOLE or not len(middles):
        return none
    means = np.concatenate([mean for _, mean, _ in cells])
    return Overlays(middles.astype(np.float32), means.astype(np.float32), float(_shape(chosen[0])), len(chosen))


def _same_in_many(points: Floats, rows: Floats, owner: NDArray[np.int64], photos: int) -> tuple[Floats, Floats, int]:
    """Return the middles of cells that show the same in many photos, the mean descriptors, and the keypoints there."""
    columns = np.floor(points / CELL).astype(np.int64) + 1
    width = int(columns[:, 1].max(initial=0)) + 1
    cell_of = columns[:, 0] * width + columns[:, 1]
    least = max(FEWEST, SHARE * photos)
    full = np.flatnonzero((np.bincount(cell_of) >= least)[cell_of])  # most cells are left out at once
    rows, owner, cell_of = rows[full], owner[full], cell_of[full]
    keys, place = np.unique(cell_of, return_inverse=True)
    owners = np.bincount(np.unique(place * photos + owner) // photos, minlength=len(keys))
    often = np.flatnonzero(owners >= least)
    middles, means, count = [], [], 0
    for cell in often:
        there = rows[place == cell]
        mean = there.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if length >= ALIKE:
            middles.append([(keys[cell] // width - 0.5) * CELL, (keys[cell] % width - 0.5) * CELL])
            means.append(mean / length)
            count += len(there)
    return np.array(middles, np.float32).reshape(-1, 2), np.array(means, np.float32).reshape(-1, rows.shape[1]), count


def _shape(features: LocalFeatures) -> float:
    return features.image_size[1] / features.image_size[0]

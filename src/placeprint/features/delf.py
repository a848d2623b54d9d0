"""DELF: the most informative cells of a map, at several sizes of the photo (Noh et al., ICCV 2017, section 4).

- The photo goes through the network at seven sizes, 0.25 to 2 times `size` in steps of the square root of 2. A cell's
  keypoint is the pixel it looks at, in pixels of the photo; its scale is the side of a cell there.
- Its score is the attention the network gives it (`networks.delf`), and the best `max_keypoints` of all sizes are
  kept. A low score is not wrong, only less useful, so `score_threshold` is 0 by default.
- The same thing at several sizes gives several keypoints. With `max_overlap` below 1, a keypoint is dropped if a better
  one covers the same square with a side of `BOX` cells, by intersection over union.

Departures: the network was trained here on other photos (`placeprint models` says which), and uniform cells are
    dropped, as for all grids (`features.grid`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from placeprint.core.options import NotNegative, Range, checked
from placeprint.errors import OptionError
from placeprint.features.batching import Pyramid
from placeprint.features.network_extractor import NetworkExtractor
from placeprint.features.pyramid import MOST_FOR_NETWORKS, Scales, Size, allowed, levels
from placeprint.features.selection import MIN_CONTRAST, contrast_around
from placeprint.types import Floats, Image, LocalFeatures, Mask

MULTIPLE = 32
"""The sides of pictures are multiples of this."""
BOX = 6
"""Side in cells of the square of a keypoint, for measuring overlap."""
SCALES = (0.25, 0.3536, 0.5, 0.7071, 1.0, 1.4142, 2.0)
EVERY = 1_000_000
"""A number larger than the keypoints of any photo."""


@checked
@dataclass(kw_only=True, eq=False)
class DELF(NetworkExtractor):
    """Attentive local features; scales are the sides of the cells, the score is the attention.

    Args:
        network: the name of the trained network, or the path of one that `placeprint train` wrote.
        max_keypoints: the number of cells with the highest attention to keep. `size` and `scales` are as of
            `NetworkExtractor`.
        score_threshold: the smallest attention of a cell.
        max_overlap: the intersection over union of two keypoints' squares above which the weaker is dropped; 1 to drop
            none.
        min_contrast: the smallest standard deviation of a cell, in gray levels.
    """

    TOGETHER = 16

    network: str = "delf-grocery"
    size: Size = 320
    scales: Scales = SCALES
    score_threshold: NotNegative = 0.0
    max_overlap: Annotated[float, Range(0, 1, above=True)] = 1.0
    min_contrast: Annotated[float, Range(0, 255)] = MIN_CONTRAST

    @property
    def dim(self) -> int:
        """The length of one descriptor."""
        from placeprint.networks.delf import delf_dim

        return delf_dim(self.network)

    @property
    def weights(self) -> str:
        """The name of the weights in placeprint's table, or the path of a trained network."""
        return self.network

    def extract_batch(self, images: Sequence[Image], masks: Sequence[Mask | None] | None = None) -> list[LocalFeatures]:
        """Return the result of `extract` for each image; images of one size go through the network together.

        Raises:
            OptionError: the network is unknown, or a parameter is out of its range.
            WeightsError: the network cannot be read, or its backbone's weights are not installed.
            ShapeError: the numbers of masks and images differ, or a mask does not have its image's size.
        """
        found = super().extract_batch(images, masks)
        if self.max_overlap == 1:
            return found
        return [each[without_overlaps(each, self.max_overlap, self.max_keypoints)] for each in found]

    def attention(self, image: Image) -> Floats:
        """Return the ``(H, W)`` attention at each pixel of an ``(H, W, 3)`` image, averaged over all scales.

        It is interpolated between the pixels that cells look at.

        Raises:
            OptionError: the network is unknown.
            WeightsError: the network cannot be read, or its backbone's weights are not installed.
        """
        from placeprint.networks.delf import load_delf

        reader = load_delf(self.network)
        copies = levels(image, None, size=self.size, scales=self.scales, multiple=MULTIPLE, most=MOST_FOR_NETWORKS)
        found = np.zeros(image.shape[:2], np.float32)
        for copy, _ in copies:
            scores = reader.maps(copy[None])[1][0]
            found += over_photo(scores, reader.stride, reader.center, copy.shape[:2], image.shape[:2])
        return found / np.float32(len(copies))

    def _pyramid(self) -> Pyramid:
        kept = self.max_keypoints if self.max_overlap == 1 else EVERY
        return {"size": self.size, "scales": self.scales, "max_keypoints": kept, "multiple": MULTIPLE}

    def _detect_together(self, images: list[Image], masks: list[Mask | None]) -> list[LocalFeatures]:
        from placeprint.networks.delf import load_delf

        reader = load_delf(self.network)
        descriptors, weights = reader.maps(np.stack(images))
        _, rows, columns, dim = descriptors.shape
        row, column = np.divmod(np.arange(rows * columns), columns)
        points = (np.stack([column, row], axis=1) * reader.stride + reader.center).astype(np.float32)
        sides = np.full(len(points), reader.stride, np.float32)
        features = []
        for image, mask, vectors, scores in zip(images, masks, descriptors, weights, strict=True):
            size = (image.shape[1], image.shape[0])
            contrasty = contrast_around(image, points, reader.stride) >= self.min_contrast
            kept = contrasty & (scores.reshape(-1) >= self.score_threshold) & allowed(points, mask)
            kept &= vectors.reshape(-1, dim).any(axis=1)
            cells = LocalFeatures(points, vectors.reshape(-1, dim), scores.reshape(-1), size, sides)
            features.append(cells[kept].strongest(EVERY))
        return features


def over_photo(cells: Floats, stride: int, center: float, level: tuple[int, ...], photo: tuple[int, ...]) -> Floats:
    """Return an ``(H, W)`` picture of a map ``(h, w)``, with each cell's value where the cell looks.

    Args:
        cells: the cells of a level of the pyramid.
        stride: the pixels of the level from cell to cell.
        center: the pixel of the level that the first cell looks at.
        level: ``(H, W)`` of the level.
        photo: ``(H, W)`` of the photo.
    """
    import cv2

    x, y = (
        ((np.arange(sides[0]) + 0.5) * (sides[1] / sides[0]) - 0.5 - center) / stride
        for sides in ((photo[1], level[1]), (photo[0], level[0]))
    )
    columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    seen = cv2.remap(cells, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def without_overlaps(features: LocalFeatures, most: float, count: int) -> NDArray[np.intp]:
    """Return the indices of keypoints that no better keypoint covers, highest score first.

    Args:
        features: features with scales; a keypoint covers a square around it with side `BOX` times its scale.
        most: the intersection over union of two squares above which the weaker is dropped.
        count: the most keypoints to return.
    """
    if features.scales is None:
        raise OptionError("overlaps of keypoints need their scales")
    waiting = np.argsort(-features.scores, kind="stable")
    half = features.scales * np.float32(BOX / 2)
    low, high = features.keypoints - half[:, None], features.keypoints + half[:, None]
    kept: list[int] = []
    while len(waiting) and len(kept) < count:
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        sides = np.minimum(high[best], high[waiting]) - np.maximum(low[best], low[waiting])
        common = np.maximum(sides, 0).prod(axis=1)
        areas = 4 * half[best] ** 2 + 4 * half[waiting] ** 2
        waiting = waiting[common <= most * (areas - common)]
    return np.array(kept, np.intp)

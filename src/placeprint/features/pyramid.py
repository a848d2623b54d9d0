"""Detect on a photo at several sizes, and return keypoints in the photo's pixels.

An extractor finds features in one picture (`Detect`). What all extractors share is here: the working copy, copies at
other sizes, the mask, and which keypoints to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np

from placeprint.core.options import Length, Range
from placeprint.errors import OptionError, PhotoError
from placeprint.features.resizing import InputRule, shrunk_mask, to_photo
from placeprint.features.selection import spread_order
from placeprint.photos.masks import as_mask
from placeprint.types import Floats, Image, LocalFeatures, Mask

Size = Annotated[int, Range(0, 4096)]
"""Longest side in pixels of the working copy; 0 for full size."""
Scales = Annotated[tuple[Annotated[float, Range(0.01, 8)], ...], Length(1, 32)]
"""Factors of that size."""
Cells = Annotated[int, Range(1, 1000)]
"""Parts of a picture along each side."""
MOST_PIXELS, MOST_FOR_NETWORKS = 64_000_000, 25_000_000
"""Most pixels of a working copy, 10 GB: SIFT takes 180 bytes per pixel, the largest network 400."""

Detect = Callable[[Image, Mask | None], LocalFeatures]
"""Find the features of one picture, in its own pixels, where the mask is True; best first."""


def over_pyramid(
    image: Image,
    mask: Mask | None,
    detect: Detect,
    *,
    size: int,
    scales: Sequence[float] = (1.0,),
    max_keypoints: int,
    cells: int = 1,
    multiple: int = 1,
) -> LocalFeatures:
    """Detect on a photo at several sizes.

    Args:
        image: ``(H, W, 3)`` uint8.
        mask: ``(H, W)`` bool, True where keypoints are allowed; None for everywhere.
        detect: a function that finds features in one picture.
        size: the longest side of the working copy in pixels; 0 for full size.
        scales: the factors of that size, one picture each.
        max_keypoints: the most keypoints to keep, in the order of `spread_order`.
        cells: parts of the picture along each side over which keypoints are spread; 1 for the strongest only.
        multiple: the sides of the pictures are multiples of this.

    Returns:
        Features in pixels of the photo; scales are diameters in its pixels.

    Raises:
        ShapeError: the mask does not have the image's size.
        OptionError: there is no scale, one is not above 0, or the pictures would be too large.
        PhotoError: the photo is too large for its full size.
    """
    mask = as_mask(mask, (image.shape[1], image.shape[0]))
    found = [detect(*level) for level in levels(image, mask, size=size, scales=scales, multiple=multiple)]
    return in_photo(found, image, mask, max_keypoints=max_keypoints, cells=cells)


def _check_pixels(photo: tuple[int, int], size: int, longest: int, scales: list[float], most: int) -> None:
    pixels = longest * longest * min(photo) / max(photo)
    if pixels <= most:
        return
    told = f"{pixels / 1e6:,.0f} megapixels would be processed, the most is {most // 1_000_000}"
    if size:
        raise OptionError(f"{told}; lower size or scales, got {size} and {scales}")
    raise PhotoError(f"{told}: the photo has {photo[0]} x {photo[1]} pixels; set size to use a smaller copy")


def levels(
    image: Image,
    mask: Mask | None,
    *,
    size: int,
    scales: Sequence[float] = (1.0,),
    multiple: int = 1,
    stretch: tuple[int, int] = (0, 0),
    most: int = MOST_PIXELS,
) -> list[tuple[Image, Mask | None]]:
    """Return the working copies of a photo and of its mask.

    Args:
        image: see `over_pyramid`, as for arguments not listed here.
        mask: the same.
        size: the same.
        scales: the same.
        multiple: the same.
        stretch: see `InputRule`.
        most: the most pixels of a copy.
    """
    height, width = image.shape[:2]
    mask = as_mask(mask, (width, height))
    if not scales or min(scales) <= 0:
        raise OptionError(f"scales must be factors above 0, got {list(scales)}")
    shape = (width, height) if stretch == (0, 0) else stretch
    longest = max(1, round((max(stretch) or size or max(shape)) * max(scales)))
    _check_pixels(shape, max(stretch) or size, longest, list(scales), most)
    rule = InputRule(size, multiple, stretch)
    copies = [rule.picture(image, scale) for scale in scales]
    return [(copy, None if mask is None else shrunk_mask(mask, (copy.shape[1], copy.shape[0]))) for copy in copies]


def working_side(extractor: object) -> int:
    """Return the longest side of an extractor's largest working copy in pixels; 0 for full size, or if it says none."""
    longest = max(getattr(extractor, "stretch", (0, 0))) or getattr(extractor, "size", 0)
    return round(longest * max(getattr(extractor, "scales", (1.0,))))


def in_photo(
    found: Sequence[LocalFeatures], image: Image, mask: Mask | None, *, max_keypoints: int, cells: int = 1
) -> LocalFeatures:
    """Return the best features of all copies, in pixels of the photo; arguments as for `over_pyramid`."""
    size = (image.shape[1], image.shape[0])
    moved = [in_size(level, size) for level in found]
    features = moved[0] if len(moved) == 1 else _joined(moved)
    if mask is not None:
        features = features[allowed(features.keypoints, mask)]
    if len(moved) > 1:
        features = features[spread_order(features.keypoints, features.scores, size, cells)]
    return features[:max_keypoints]


def allowed(points: Floats, mask: Mask | None) -> Mask:
    """Return which of ``(n, 2)`` points are where an ``(H, W)`` mask is True; None allows all.

    Example:
        >>> allowed(np.array([[0.4, 0.0], [0.6, 0.0]]), np.array([[True, False]])).tolist()
        [True, False]
    """
    if mask is None:
        return np.ones(len(points), bool)
    column, row = np.clip(np.rint(points).astype(int), 0, np.array(mask.shape[::-1]) - 1).T
    return np.asarray(mask[row, column], bool)


def in_size(found: LocalFeatures, photo: tuple[int, int]) -> LocalFeatures:
    """Return the features of a copy in pixels of the photo, of ``(width, height)``."""
    factor = max(photo) / max(found.image_size)
    return replace(
        found,
        keypoints=to_photo(found.keypoints, found.image_size, photo),
        image_size=photo,
        scales=None if found.scales is None else found.scales * np.float32(factor),
    )


def _joined(parts: Sequence[LocalFeatures]) -> LocalFeatures:
    def join(arrays: Sequence[Floats | None]) -> Floats | None:
        present = [array for array in arrays if array is not None]
        return np.concatenate(present) if len(present) == len(arrays) else None

    return LocalFeatures(
        np.concatenate([part.keypoints for part in parts]),
        np.concatenate([part.descriptors for part in parts]),
        np.concatenate([part.scores for part in parts]),
        parts[0].image_size,
        join([part.scales for part in parts]),
        join([part.angles for part in parts]),
    )

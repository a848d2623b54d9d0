"""Run several photos in one pass of a network: pictures of one size together, others in their own groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NotRequired, TypedDict

from placeprint.errors import ShapeError
from placeprint.features.pyramid import MOST_FOR_NETWORKS, in_photo, levels
from placeprint.photos.masks import as_mask
from placeprint.types import Image, LocalFeatures, Mask

DetectTogether = Callable[[list[Image], list[Mask | None]], list[LocalFeatures]]
"""Find the features of pictures of one size, in their own pixels, where their masks are True; best first."""


class Pyramid(TypedDict):
    """The keyword arguments of `over_pyramid`."""

    size: int
    scales: Sequence[float]
    max_keypoints: int
    multiple: NotRequired[int]
    stretch: NotRequired[tuple[int, int]]


def over_pyramids(
    images: Sequence[Image],
    masks: Sequence[Mask | None] | None,
    detect: DetectTogether,
    *,
    together: int,
    size: int,
    max_keypoints: int,
    scales: Sequence[float] = (1.0,),
    multiple: int = 1,
    stretch: tuple[int, int] = (0, 0),
) -> list[LocalFeatures]:
    """Do what `over_pyramid` does with each photo, running pictures of one size together.

    Args:
        images: ``(H, W, 3)`` uint8 each, of any sizes.
        masks: ``(H, W)`` bool or None per image; None for no masks.
        detect: a function that finds features in pictures of one size.
        together: the most pictures at once on a GPU, limited by its memory; on a CPU each picture runs alone
            (`at_once`).
        size: see `over_pyramid`.
        max_keypoints: the same.
        scales: the same.
        multiple: the same.
        stretch: see `InputRule`.

    Returns:
        The features of each photo, in order.

    Raises:
        ShapeError: the numbers of masks and images differ, or a mask does not have its image's size.
        OptionError: there is no scale, one is not above 0, or the pictures would be too large.
        PhotoError: a photo is too large for its full size.
    """
    all_masks = list(masks) if masks is not None else [None] * len(images)
    if len(all_masks) != len(images):
        raise ShapeError(f"expected as many masks as images, {len(images)}, got {len(all_masks)}")
    all_masks = [as_mask(mask, (image.shape[1], image.shape[0])) for image, mask in zip(images, all_masks, strict=True)]
    copies = [
        levels(image, mask, size=size, scales=scales, multiple=multiple, stretch=stretch, most=MOST_FOR_NETWORKS)
        for image, mask in zip(images, all_masks, strict=True)
    ]
    found = iter(_by_size([copy for each in copies for copy in each], detect, at_once(together)))
    return [
        in_photo([next(found) for _ in each], image, mask, max_keypoints=max_keypoints)
        for each, image, mask in zip(copies, images, all_masks, strict=True)
    ]


def at_once(on_gpu: int) -> int:
    """Return how many pictures one pass takes; on a CPU, one after the other is faster."""
    from placeprint.networks.devices import device

    return on_gpu if device() != "cpu" else 1


def _by_size(levels: Sequence[tuple[Image, Mask | None]], detect: DetectTogether, together: int) -> list[LocalFeatures]:
    """Return the features of each picture, in order."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    for index, (level, _) in enumerate(levels):
        sizes.setdefault(level.shape, []).append(index)
    found: dict[int, LocalFeatures] = {}
    for members in sizes.values():
        for start in range(0, len(members), together):
            chosen = members[start : start + together]
            results = detect([levels[index][0] for index in chosen], [levels[index][1] for index in chosen])
            found.update(zip(chosen, results, strict=True))
    return [found[index] for index in range(len(levels))]

"""A published network's descriptor of a whole photo, as its one feature.

The networks of `networks.published` make a global descriptor themselves. It flows as the descriptor of one feature that
stands for the whole photo, and the aggregator ``spoc``, the sum of all features, gives it on unchanged: so it can be
joined with others, stored, and aggregated again, like everything else. Verify by the features of another extractor.

The one keypoint is the middle of the photo, or of what a mask leaves of it. What a mask forbids has the mean color of
the pictures that the network was trained with, which is 0 for it. A photo without any contrast has no feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from placeprint.core.options import Range, checked
from placeprint.features.batching import over_pyramids
from placeprint.features.pyramid import Size
from placeprint.features.resizing import InputRule
from placeprint.features.selection import MIN_CONTRAST
from placeprint.networks.published import Network, find_network
from placeprint.networks.published.specs import ConvAPHead, DINOv2Trunk, MixHead
from placeprint.types import Floats, Image, LocalFeatures, Mask

TOGETHER = 16
"""Pictures in one pass of a network on a GPU."""
CROSSING = "CricaVPR"
"""The method whose descriptors depend on the other pictures of a pass: each has one of its own."""


@checked
@dataclass(kw_only=True, eq=False)
class Published:
    """The descriptor of a published network.

    Args:
        network: its name, see `networks.published.table`.
        size: longest side in pixels the network sees; 0 for what it was published with.
        stretch: ``(width, height)`` in pixels every photo is stretched to; ``(0, 0)`` for what was published.
        min_contrast: standard deviation in gray levels the photo must have.
        bfloat16: compute products in 16 bits, which is faster on processors that can, and a little less exact.
    """

    network: str = "cosplace-r18"
    size: Size = 0
    stretch: tuple[Size, Size] = (0, 0)
    min_contrast: Annotated[float, Range(0, 255)] = MIN_CONTRAST
    bfloat16: bool = False

    @property
    def dim(self) -> int:
        """The length of the descriptor.

        Raises:
            OptionError: there is no such network.
        """
        return self._row.dim

    @property
    def weights(self) -> str:
        """Name of the network, whose weights they are."""
        return self._row.name

    @property
    def num_bytes(self) -> int:
        """Of the weights."""
        return self._row.bytes

    @property
    def fixed_size(self) -> bool:
        """Whether what the network computes depends on the size of the picture, so that a graph is of one size."""
        return isinstance(self._row.trunk, DINOv2Trunk) or isinstance(self._row.head, MixHead | ConvAPHead)

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return the one feature of an ``(H, W, 3)`` uint8 RGB image, none of a featureless one.

        Raises:
            OptionError: there is no such network.
            WeightsError: its weights are not here.
            ShapeError: the network takes no pictures of this size, or the mask does not have the image's size.
        """
        return self.extract_batch([image], [mask])[0]

    def extract_batch(self, images: Sequence[Image], masks: Sequence[Mask | None] | None = None) -> list[LocalFeatures]:
        """Return what `extract` does of each image; on a GPU those of one size go through the network together.

        Raises:
            OptionError: there is no such network.
            WeightsError: its weights are not here.
            ShapeError: as `extract`; or there are not as many masks as images.
        """
        rule = self.input_rule()
        return over_pyramids(
            images,
            masks,
            self._describe_together,
            together=1 if self._row.method == CROSSING else TOGETHER,
            size=rule.longest,
            max_keypoints=1,
            multiple=rule.multiple,
            stretch=rule.stretch,
        )

    def input_rule(self) -> InputRule:
        """Return how a photo becomes the picture that the network sees.

        Raises:
            OptionError: there is no such network.
        """
        sight = self._row.sight
        if self.stretch != (0, 0):
            return InputRule(stretch=(self.stretch[0], self.stretch[1]))
        if self.size:
            return InputRule(self.size, sight.multiple)
        return InputRule(sight.longest, sight.multiple, sight.stretch)

    @property
    def _row(self) -> Network:
        return find_network(self.network)

    def _describe_together(self, images: list[Image], masks: list[Mask | None]) -> list[LocalFeatures]:
        from placeprint.networks.published.running import load_published

        network = load_published(self.network)
        seen = [
            place for place, (image, mask) in enumerate(zip(images, masks, strict=True)) if self._shows(image, mask)
        ]
        found = [_no_feature(image, self.dim) for image in images]
        if seen:
            pictures = [self._covered(images[place], masks[place]) for place in seen]
            vectors = network.describe(pictures, bfloat16=self.bfloat16)
            for place, vector in zip(seen, vectors, strict=True):
                found[place] = _one_feature(images[place], masks[place], vector)
        return found

    def _shows(self, image: Image, mask: Mask | None) -> bool:
        """Return whether there is something to see."""
        import cv2

        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        gray = gray.ravel() if mask is None else gray[mask]
        return bool(gray.size) and float(gray.std()) >= max(self.min_contrast, 1e-9)

    def _covered(self, image: Image, mask: Mask | None) -> Image:
        """Return the image with the mean color where the mask is False."""
        if mask is None:
            return image
        color = np.rint(255 * np.array(self._row.sight.mean)).astype(np.uint8)
        return np.where(mask[:, :, None], image, color)


def _one_feature(image: Image, mask: Mask | None, vector: Floats) -> LocalFeatures:
    height, width = image.shape[:2]
    point = np.array([[(width - 1) / 2, (height - 1) / 2]], np.float32)
    if mask is not None:
        rows, columns = np.nonzero(mask)
        allowed = np.column_stack([columns, rows])
        point = allowed[np.square(allowed - point).sum(1).argmin()][None].astype(np.float32)
    return LocalFeatures(point, vector[None], np.ones(1, np.float32), (width, height))


def _no_feature(image: Image, dim: int) -> LocalFeatures:
    none = np.zeros((0, 2), np.float32)
    return LocalFeatures(none, np.zeros((0, dim), np.float32), none[:, 0], (image.shape[1], image.shape[0]))

"""What the extractors with a network share: photos of one size go through it together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from placeprint.core.options import Keypoints
from placeprint.features.batching import Pyramid, over_pyramids
from placeprint.features.pyramid import Scales, Size
from placeprint.types import Image, LocalFeatures, Mask


@dataclass(kw_only=True, eq=False)
class NetworkExtractor(ABC):
    """An extractor that finds features by a network.

    Args:
        max_keypoints: the number of strongest keypoints to keep.
        size: the longest side in pixels of the network's input; 0 for full size.
        scales: factors of that size, one pass of the network each.
    """

    TOGETHER: ClassVar[int]
    """Pictures in one pass of the network."""

    max_keypoints: Keypoints = 1000
    size: Size = 640
    scales: Scales = (1.0,)

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return the features of an ``(H, W, 3)`` uint8 RGB image, strongest first.

        Raises:
            OptionError: there is no such network.
            WeightsError: its weights are not installed, or cannot be read.
        """
        return self.extract_batch([image], [mask])[0]

    def extract_batch(self, images: Sequence[Image], masks: Sequence[Mask | None] | None = None) -> list[LocalFeatures]:
        """Return the result of `extract` for each image; images of one size go through the network together.

        Raises:
            OptionError: there is no such network.
            WeightsError: its weights are not installed, or cannot be read.
            ShapeError: the numbers of masks and images differ, or a mask does not have its image's size.
        """
        return over_pyramids(images, masks, self._detect_together, together=self.TOGETHER, **self._pyramid())

    def _pyramid(self) -> Pyramid:
        """Return the pictures that are made of a photo, and how many features of it are kept."""
        return {"size": self.size, "scales": self.scales, "max_keypoints": self.max_keypoints}

    @abstractmethod
    def _detect_together(self, images: list[Image], masks: list[Mask | None]) -> list[LocalFeatures]:
        """Return the features of pictures of one size, in their own pixels, where the masks are True; best first."""

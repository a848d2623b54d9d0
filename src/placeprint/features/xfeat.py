"""XFeat: fast learned keypoints with 64-D descriptors (Potje et al., CVPR 2024).

The network is kornia's, the weights are the authors'. It works on a copy of the photo whose longest side has
`size` pixels, rounded down to multiples of 32, since it sees patterns of a certain size in pixels.

XFeat does not survive a turn of 90 degrees; `Atlas.search` describes a query in several turns when nothing
is found upright.
"""

from __future__ import annotations

from dataclasses import dataclass

from placeprint.features.pyramid import over_pyramid
from placeprint.types import Image, LocalFeatures, Mask

STRIDE = 32
"""The network halves the picture five times."""


@dataclass(kw_only=True, eq=False)
class XFeat:
    """XFeat keypoints.

    Args:
        max_keypoints: the strongest are kept.
        size: longest side in pixels the network sees; 0 for the photo as it is.
        scales: factors of that size, one pass of the network each.
        detection_threshold: probability a keypoint must exceed, in [0, 1].
    """

    max_keypoints: int = 1000
    size: int = 640
    scales: tuple[float, ...] = (1.0,)
    detection_threshold: float = 0.05

    @property
    def dim(self) -> int:
        """Length of one descriptor."""
        return 64

    @property
    def weights(self) -> str:
        """Name of the weights used."""
        return "xfeat"

    def extract(self, image: Image, mask: Mask | None = None) -> LocalFeatures:
        """Return the keypoints of an ``(H, W, 3)`` uint8 RGB image, strongest first.

        Raises:
            WeightsError: the weights are not installed.
        """
        return over_pyramid(
            image,
            mask,
            self._detect,
            size=self.size,
            scales=self.scales,
            max_keypoints=self.max_keypoints,
            multiple=STRIDE,
        )

    def _detect(self, image: Image, mask: Mask | None) -> LocalFeatures:
        from placeprint.networks.xfeat import detect

        points, descriptors, scores = detect(image, self.max_keypoints, self.detection_threshold, mask)
        return LocalFeatures(points, descriptors, scores, (image.shape[1], image.shape[0]))
